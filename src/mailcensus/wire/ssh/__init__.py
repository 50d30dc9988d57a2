"""The SSH observer: identification, KEXINIT, and a key exchange up to the server's signed host key (RFC 4253).

An observer, not a secure channel: it learns which key the server holds, trusts nobody, and leaves before anything
is encrypted. Its ephemeral secrets protect nothing.
"""
