"""What the product and the files that people read are called, wherever they are published."""

PRODUCT = "quilt-registry"
"""The name of the product, and of its folder in every store."""
GUIDE, LAUNCH_PAGE = "guide.html", "launch.html"
"""What people read with a browser, in the folder of a version."""
