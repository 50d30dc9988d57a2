"""The SSH observer."""
