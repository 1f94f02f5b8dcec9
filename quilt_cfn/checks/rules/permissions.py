"""what may be called, and what is."""
