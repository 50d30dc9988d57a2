"""What other people's tools say of the same servers: OpenSSL, OpenSSH, and Python's own mail clients."""
