"""The TLS observer."""
