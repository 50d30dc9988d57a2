"""What a connection of two others says, read by `wire` on both sides. Sans-IO: bytes of a side in, findings out.

conversation   text, TLS or SSH: finds out which, and passes on
text           a protocol of lines, up to TLS or to where TLS will not come any more
tls            both sides of a handshake
ssh            both sides up to the host key
"""
