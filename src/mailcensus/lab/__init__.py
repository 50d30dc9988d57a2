"""A population on loopback with a known truth, and hostile peers.

The lab knows nothing of our own wire code: its servers stand on the standard library's ssl, on `cryptography`
and on a small SSH server side of their own, so that they are honest peers to test it against.
"""
