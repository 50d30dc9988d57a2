"""How senders behave: what became of each message, what senders can do, and what that means."""
