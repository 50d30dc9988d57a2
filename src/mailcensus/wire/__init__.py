"""What bytes mean. Sans-IO: bytes in, findings and bytes out; no sockets, no clocks, no threads."""
