"""What customers read: the guide, as one file and as a site, and the launch page of each release.

Everything here is made from files of the checkout and from templates, and is the same bytes on every machine. No page
that is made asks any host for anything.
"""
