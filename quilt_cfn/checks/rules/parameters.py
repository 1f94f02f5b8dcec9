"""the form that a customer fills in."""
