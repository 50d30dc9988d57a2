"""TLS servers in memory, for tests."""
