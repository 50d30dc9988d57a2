"""Where the mail of domains goes and what protects it, read out of answers of DNS."""
