"""who can talk to whom."""
