"""What ``quilt-cfn check --explain`` says about the findings of ``publish --check-bucket`` and of ``verify``."""

from __future__ import annotations

from quilt_cfn.finding import Explanation, Family

_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/"
_PUBLIC_ACCESS = f"{_S3}access-control-block-public-access.html"
_CONDITIONAL_WRITES = f"{_S3}conditional-writes-enforce.html"
_ACCESS_DENIED = f"{_S3}troubleshoot-403-errors.html"
_RESTORE = f"{_S3}RestoringPreviousVersions.html"
_GET_OBJECT = "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"
_RFC_8032 = "https://www.rfc-editor.org/rfc/rfc8032"

BUCKET = Family(
    "B: Whether customers can read what is published from a bucket",
    (
        Explanation(
            "B01",
            "A published file that is damaged or replaced is lost for customers.",
            "S3 keeps the earlier versions of an object only while versioning is enabled. Enable it: aws s3api "
            "put-bucket-versioning --bucket BUCKET --versioning-configuration Status=Enabled.",
            f"{_S3}Versioning.html",
        ),
        Explanation(
            "B02",
            "Customers can't read the templates, because S3 refuses the policy that lets them.",
            "With BlockPublicPolicy in the bucket's public-access block, S3 refuses every policy that lets everybody "
            "read. Turn it off before you put the policy.",
            _PUBLIC_ACCESS,
        ),
        Explanation(
            "B03",
            "Customers get 403 for every template, whatever the policy says.",
            "With RestrictPublicBuckets in the bucket's public-access block, only AWS services and the bucket owner's "
            "account can use a bucket with a public policy. Turn it off.",
            _PUBLIC_ACCESS,
        ),
        Explanation(
            "B04",
            "An upload can make files public that were not meant to be.",
            "Without BlockPublicAcls in the bucket's public-access block, S3 takes uploads with an ACL that lets "
            "everybody read. Publishing uses no ACLs: turn it on.",
            _PUBLIC_ACCESS,
        ),
        Explanation(
            "B05",
            "Files with an old ACL can be public that were not meant to be.",
            "Without IgnorePublicAcls in the bucket's public-access block, S3 follows the ACLs that objects have. "
            "Publishing uses no ACLs: turn it on.",
            _PUBLIC_ACCESS,
        ),
        Explanation(
            "B06",
            "Customers get 403 for a file that another account uploaded.",
            "Without the object ownership BucketOwnerEnforced, an object belongs to the account that uploaded it, and "
            "the bucket's policy does not apply to objects of other accounts. Set it, which also turns ACLs off.",
            f"{_S3}about-object-ownership.html",
        ),
        Explanation(
            "B07",
            "Customers get an error for every template.",
            "Customers, and CloudFormation for them, read without credentials, and S3 decrypts with a key of AWS KMS "
            "only for signed requests. Set the bucket's default encryption to AES256 (SSE-S3), and publish again to "
            "another prefix.",
            "https://repost.aws/knowledge-center/s3-kms-signature-version-error",
        ),
        Explanation(
            "B08",
            "Customers get 403 for every template.",
            "In a Requester Pays bucket S3 refuses requests without credentials, because nobody could be charged. Turn "
            "Requester Pays off.",
            f"{_S3}RequesterPaysBuckets.html",
        ),
        Explanation(
            "B09",
            "Customers get 403 for a version that was published.",
            "A lifecycle rule that applies to published objects deletes them, or moves them to a storage class from "
            "which they have to be restored before anybody can read them. Limit the rule to other prefixes.",
            f"{_S3}intro-lifecycle-rules.html",
        ),
        Explanation(
            "B10",
            "Customers get 403 for every template.",
            "Without a bucket policy only the owner's account can read. Put the policy that --check-bucket prints.",
            _ACCESS_DENIED,
        ),
        Explanation(
            "B11",
            "Customers may get 403 for every template.",
            "The bucket's policy has no statement that lets everybody read what is published, and nothing else, by "
            "https. Policies are compared statement by statement, without their Sids: a statement of yours that does "
            "the same in other words is not recognized. Put the policy that --check-bucket prints; it keeps your other "
            "statements.",
            _ACCESS_DENIED,
        ),
        Explanation(
            "B12",
            "Customers may get other bytes under a version that they know.",
            "The bucket's policy has no statement that refuses uploads without If-None-Match or If-Match, so another "
            "tool or person can overwrite what is published. Put the policy that --check-bucket prints; it keeps your "
            "other statements.",
            _CONDITIONAL_WRITES,
        ),
        Explanation(
            "B13",
            "Customers may get 403 for a URL that worked before.",
            "The bucket's policy has no statement that refuses to delete what is published. Put the policy that "
            "--check-bucket prints; it keeps your other statements. Whoever has to delete something removes the "
            "statement first.",
            f"{_S3}DeletingObjects.html",
        ),
        Explanation(
            "B14",
            "Customers get an error for every template.",
            "latest.json is published, and a request without credentials, such as CloudFormation's when a customer "
            "launches a stack, could not read it. The cause is one of the other findings, a Deny in the bucket's "
            "policy, or the public-access block of the account or the organization.",
            _ACCESS_DENIED,
        ),
        Explanation(
            "B15",
            "It is not known yet whether customers can read what will be published.",
            "Nothing is published below the prefix, so there was nothing to read without credentials. Run "
            "--check-bucket again after the first publication.",
            _GET_OBJECT,
        ),
        Explanation(
            "B16",
            "It is not known what customers get.",
            "The credentials may not read one of the bucket's settings. Give them the permission that the finding "
            "names, and run --check-bucket again.",
            f"{_S3}security_iam_service-with-iam.html",
        ),
    ),
)

VERSION = Family(
    "V: Whether a published version is what was released",
    (
        Explanation(
            "V01",
            "Customers get 403 or 404 for a file of the version.",
            "The manifest names a file that is not there. Publish the same version again, which writes only what is "
            "missing.",
            _GET_OBJECT,
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
    ),
)

FAMILIES = (BUCKET, VERSION)
