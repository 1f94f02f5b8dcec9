"""The bucket holds the company's data: nobody else reads it, and nothing that happens to the stack loses it."""

from quilt_cfn.cloudformation.launch import Origin
from tests.launches import DOCUMENTED, launch_stack


def test_the_bucket_has_the_name_that_the_customer_chose(stack):
    assert stack.properties("Bucket")["BucketName"] == "example-packages"


def test_objects_are_versioned_and_encrypted(stack):
    bucket = stack.properties("Bucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}


def test_there_is_the_one_documented_cors_rule(stack):
    assert stack.properties("Bucket")["CorsConfiguration"] == {
        "CorsRules": [
            {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "AllowedHeaders": ["Authorization"], "MaxAge": 3000}
        ]
    }


def test_nothing_makes_the_bucket_public(stack):
    bucket = stack.properties("Bucket")
    assert bucket["PublicAccessBlockConfiguration"] == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_policy_only_denies_requests_without_tls_and_whoever_is_not_of_this_account(stack):
    policy = stack.properties("BucketPolicy")
    assert policy["Bucket"] == "<Bucket>"
    statements = policy["PolicyDocument"]["Statement"]
    assert [statement.pop("Condition") for statement in statements] == [
        {"Bool": {"aws:SecureTransport": "false"}},
        {
            "StringNotEquals": {"aws:PrincipalAccount": "111122223333"},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        },
    ]
    for statement in statements:
        assert statement == {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:*"],
            "Resource": ["arn:aws:s3:::example-packages", "arn:aws:s3:::example-packages/*"],
        }
        assert all(Origin("attribute", "Bucket", "Arn") in resource.origins for resource in statement["Resource"])


def test_nobody_of_the_account_is_locked_out(stack):
    """No condition names an identity, so none that comes later is refused either."""
    assert "PrincipalArn" not in str(stack.properties("BucketPolicy"))


def test_incomplete_uploads_are_aborted_after_a_week(stack):
    (rule,) = stack.properties("Bucket")["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_nothing_expires_unless_somebody_wants_that(template, stack):
    assert template["Parameters"]["OldVersionDays"]["Default"] == 0
    assert "Expir" not in str(stack.properties("Bucket")["LifecycleConfiguration"])


def test_if_somebody_wants_it_old_versions_expire_and_no_object_does(template):
    for days in template["Parameters"]["OldVersionDays"]["AllowedValues"][1:]:
        bucket = launch_stack(template, DOCUMENTED | {"OldVersionDays": days}).properties("Bucket")
        _, rule = bucket["LifecycleConfiguration"]["Rules"]
        assert rule == {
            "Id": "forget-old-versions",
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": str(days)},
            "ExpiredObjectDeleteMarker": True,
        }


def test_the_bucket_outlives_the_stack_but_not_a_failed_first_launch(stack):
    for logical_id in ("Bucket", "BucketPolicy"):
        assert stack.resources[logical_id]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert stack.resources[logical_id]["UpdateReplacePolicy"] == "Retain"


def works_with(stack):
    """The bucket whose name the registry is given, and those on which an identity has permissions."""
    permitted = [
        target
        for name in ("RegistryUser", "ServerRole")
        if name in stack.resources
        for action, target in stack.permissions(name).get("quilt-registry-s3", ())
    ]
    return stack.environments["registry"]["PACKAGE_BUCKET_NAME"], {each.removesuffix("/*") for each in permitted}


def test_the_registry_works_with_the_stacks_own_bucket(stack):
    assert works_with(stack) == ("<Bucket>", {"arn:aws:s3:::example-packages"})


def test_the_registry_works_with_the_bucket_that_exists_already_if_there_is_one(template):
    stack = launch_stack(template, DOCUMENTED | {"ExistingBucket": "earlier-packages"})
    assert works_with(stack) == ("earlier-packages", {"arn:aws:s3:::earlier-packages"})


def test_no_change_of_the_existing_bucket_creates_or_deletes_a_bucket(template):
    """So none is lost, and none meets a name that is taken."""
    ours = {
        name: launch_stack(template, DOCUMENTED | {"ExistingBucket": name}).of_type("AWS::S3::Bucket")
        for name in ("", "earlier-packages", "another")
    }
    assert ours[""] == ours["earlier-packages"] == ours["another"]
    assert "Condition" not in template["Resources"]["Bucket"]
