"""What ``quilt-cfn check --explain`` says about the findings of ``quilt-cfn verify``."""

from __future__ import annotations

from quilt_cfn.finding import Explanation, Family

_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
_RESTORE = f"{_S3}RestoringPreviousVersions.html"
_RFC_8032 = "https://www.rfc-editor.org/rfc/rfc8032"

VERSION = Family(
    "V: Whether a published version is what was released",
    (
        Explanation(
            "V01",
            "Customers get 403 or 404 for a file of the version.",
            "The manifest names a file that is not there. Publish the same version again, which writes only what is "
            "missing.",
            "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html",
        ),
        Explanation(
            "V02",
            "Customers get other bytes than were released.",
            "A file differs from the size or the SHA-256 in the manifest, or the store itself reports it as damaged. "
            "quilt-cfn publish repairs damaged files and refuses to overwrite changed ones: find out who changed it, "
            "and restore the earlier version of the object.",
            _RESTORE,
        ),
        Explanation(
            "V03",
            "Customers may take a file for a part of the release that isn't.",
            "A file is in the folder of the version, and the manifest does not name it. Remove it, or find out who put "
            "it there.",
            f"{_S3}DeletingObjects.html",
        ),
        Explanation(
            "V04",
            "Customers who check the files with sha256sum get a wrong result.",
            "SHA256SUMS is not the list that follows from the manifest, so one of the two is not what was released. "
            "Restore the earlier version of the object.",
            _RESTORE,
        ),
        Explanation(
            "V05",
            "Customers get another version than the one that the URL names.",
            "The manifest in the folder of a version names another version. Restore the folder, or publish the next "
            "version.",
            _RESTORE,
        ),
        Explanation(
            "V06",
            "Customers may get another release than the one that was published.",
            "latest.json has the SHA-256 of the manifest that was published, and the manifest that is there has "
            "another one. Compare both with the release in the repository, and restore the object that differs.",
            _RESTORE,
        ),
        Explanation(
            "V07",
            "Customers can't find out who released the version.",
            "A public key was named, and SHA256SUMS.sig is not there. Publish the same version again with --sign.",
            _RFC_8032,
        ),
        Explanation(
            "V08",
            "Customers can't trust the version: somebody else may have released it.",
            "The signature was not made for this SHA256SUMS with the private key that belongs to the public key. Check "
            "that it is the right public key; if it is, treat the published files as replaced.",
            _RFC_8032,
        ),
        Explanation(
            "V09",
            "Whoever can write to the store can lead customers back to an older version.",
            "A public key was named, and latest.json is not signed, so that nobody vouches for which version is the "
            "newest. Publish the newest version again with --sign.",
            _RFC_8032,
        ),
        Explanation(
            "V10",
            "Customers can't trust that latest.json names the newest version: somebody else may have written it.",
            "latest.json has a signature that was not made with the private key that belongs to the public key, or its "
            "fields are not those that were signed. Check that it is the right public key; if it is, restore the "
            "earlier version of the object, and find out who changed it.",
            _RESTORE,
        ),
        Explanation(
            "V11",
            "Customers get an old version as the newest one, with faults that were repaired since.",
            "latest.json names a version that is older than another one which is published and signed and was not "
            "withdrawn, or older than the one that --at-least names. An old latest.json is signed as well as a new "
            "one, so somebody may have put it back; or the newer version's publication did not end. Publish the "
            "newest version again with --sign.",
            "https://theupdateframework.github.io/specification/latest/",
        ),
        Explanation(
            "V12",
            "Customers can't prove from which commit and with which tools the version was made.",
            "provenance.intoto.jsonl is missing, was not signed with the private key that belongs to the public key, "
            "or is about other files. Publish the same version again with --sign, which writes it if it is missing; "
            "if it is another one, restore the earlier version of the object.",
            "https://slsa.dev/spec/v1.0/provenance",
        ),
    ),
)
