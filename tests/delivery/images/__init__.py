"""Container images: their registries, and what is run of them."""
