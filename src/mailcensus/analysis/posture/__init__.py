"""How well connections are protected, as active scans see it: versions, ciphers, certificates, chains."""
