"""Real mail, web and SSH servers from Debian packages, on loopback, with keys we made."""
