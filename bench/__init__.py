"""What a grab costs, measured beside what it would cost otherwise."""
