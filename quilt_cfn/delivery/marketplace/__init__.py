"""AWS Marketplace: what a version submits, decided here, and carried out there.

The rule: the submission is a value. ``planning`` makes it out of the released files, the listing's texts and the
changelog without asking anybody; whatever can be refused is refused before anything is sent.
"""
