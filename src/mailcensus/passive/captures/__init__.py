"""Captured packets: files and streams of them, down to TCP connections.

    opening      paths, directories, standard input; gzip and zstd
    frames       pcap and pcapng: where each packet is within a block of bytes
    layers       link layer, IP and TCP headers of all packets of a block at once
    fragments    IP datagrams that came in pieces
    stream       one direction of a connection in order
    connections  all connections under way, and which packets still matter

Most packets of a capture carry payload behind handshakes. They are told apart by a handful of array operations on a
block of thousands, and nothing else is ever done with them.
"""
