"""What ``quilt-cfn check --explain`` says about the findings of ``quilt-cfn images check``."""

from __future__ import annotations

from quilt_cfn.finding import Explanation, Family

_DIGESTS = "https://docs.docker.com/dhi/core-concepts/digests/"

FAMILY = Family(
    "C: Whether the container images in release.yaml are what their tags name",
    (
        Explanation(
            "C01",
            "Customers would run another image than the one that the tag names now.",
            "Somebody has moved the tag since quilt-cfn images resolve wrote the digest, or the digest was written by "
            "hand. The digest decides what customers run. Find out which of the two images is wanted: run "
            "quilt-cfn images resolve if it is the new one, and give the tag back to the old one otherwise.",
            _DIGESTS,
        ),
        Explanation(
            "C02",
            "Whoever can move the tag decides what customers run.",
            "The image has no digest in marketplace/release.yaml, and docker then pulls whatever the tag names on that "
            "day. Run quilt-cfn images resolve, which writes it there.",
            _DIGESTS,
        ),
        Explanation(
            "C03",
            "Nobody knows which image customers would run.",
            "The image is marked as unconfirmed, or its name has no tag, or the tag latest, so it names another image "
            "after every build. Give marketplace/release.yaml the image and the tag that the vendor built, remove "
            "unconfirmed, and run quilt-cfn images resolve.",
            "https://docs.docker.com/reference/cli/docker/image/tag/",
        ),
    ),
)
