"""A census of the cryptographic keys that mail servers show, and of who shares them with whom."""

__version__ = "0.1.0"
