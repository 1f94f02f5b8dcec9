"""The bucket holds the company's data: nobody else reads it, and nothing that happens to the stack loses it."""

from quilt_cfn.cloudformation.launch import Origin


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


def test_the_policy_only_denies_and_only_requests_without_tls(stack):
    policy = stack.properties("BucketPolicy")
    assert policy["Bucket"] == "<Bucket>"
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:*"],
        "Resource": ["arn:aws:s3:::example-packages", "arn:aws:s3:::example-packages/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    assert all(Origin("attribute", "Bucket", "Arn") in resource.origins for resource in statement["Resource"])


def test_incomplete_uploads_are_aborted_after_a_week(stack):
    (rule,) = stack.properties("Bucket")["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert "Expiration" not in str(rule), "no package data is ever expired"


def test_the_bucket_outlives_the_stack_but_not_a_failed_first_launch(stack):
    for logical_id in ("Bucket", "BucketPolicy"):
        assert stack.resources[logical_id]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert stack.resources[logical_id]["UpdateReplacePolicy"] == "Retain"
