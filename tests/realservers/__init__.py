"""Real mail, web and SSH servers from Debian's packages, on loopback, with keys we made.

Used by the integration tests and by the benchmark. Every server runs in the foreground as our child, with
configuration, queue, sockets and log in a directory of its own, and listens on the address it is told, on the
unprivileged ports of `ports.PORTS`.
"""
