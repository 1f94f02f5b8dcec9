"""values that only a launch would find wrong."""
