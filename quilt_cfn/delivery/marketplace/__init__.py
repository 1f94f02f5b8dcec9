"""AWS Marketplace: plans what a version submits, submits it, and compares what buyers get with what was released.

``plan`` makes the submission, a value, out of the released files, listing.yaml and CHANGELOG.md, and refuses what AWS
would refuse before anything is sent; ``submit`` has AWS validate and apply it; ``drift`` compares. Only ``catalog``
calls the API.
"""
