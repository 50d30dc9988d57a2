"""What others know about addresses and names: countries, autonomous systems, host names."""
