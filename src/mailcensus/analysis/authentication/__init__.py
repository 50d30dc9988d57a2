"""How servers let users log in, before TLS and behind it, and what of it sends passwords as they are."""
