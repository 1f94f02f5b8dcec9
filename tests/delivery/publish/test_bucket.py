"""A bucket that would fail customers is found out; the printed policy gives strangers what is published, no more.

moto knows buckets and who may do what in IAM, but no condition of a policy. So the policy is put to the test by a proxy
before moto that answers as AWS documents it, with an evaluation of its own (``allows``), and, where moto can, by moto.
"""

from __future__ import annotations

import copy
import json
import re
import urllib.error
import urllib.request
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from boto3.session import Session
from botocore.exceptions import ClientError
from hypothesis import example, given
from hypothesis import strategies as st

from quilt_cfn.cloudformation.facts.iam_actions import is_action
from quilt_cfn.delivery.publish import bucket as checking
from quilt_cfn.delivery.publish.bucket import check, report
from quilt_cfn.delivery.publish.bucket_policy import judge, policy
from quilt_cfn.delivery.publish.stores.protocols import Occupied
from quilt_cfn.delivery.publish.stores.s3 import Bucket
from quilt_cfn.errors import UserError
from tests.delivery.publish.proxy import Answer, serve_proxy
from tests.delivery.publish.servers import REGION, client

PREFIX = "templates"
PUBLISHED = f"{PREFIX}/quilt-registry/"
OPEN = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}


@pytest.fixture
def store(s3, bucket):
    """A bucket that is right for publishing."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy(bucket, PREFIX, REGION)))
    return Bucket(s3, bucket, PREFIX, REGION)


def test_a_right_bucket_has_no_finding_and_keeps_its_policy(store):
    findings, needed = check(store)
    assert findings == []
    assert needed == policy(store.bucket, PREFIX, REGION)


# Settings


def encrypt(algorithm):
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    return lambda s3, name: s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})


def block(**settings):
    return lambda s3, name: s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={**OPEN, **settings})


def own(ownership):
    controls = {"Rules": [{"ObjectOwnership": ownership}]}
    return lambda s3, name: s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=controls)


def lifecycle(**rule):
    rules = [{"ID": "tidy", "Status": "Enabled", **rule}]
    return lambda s3, name: s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})


DAYS = {"Expiration": {"Days": 90}}
ARCHIVE = {"Transitions": [{"Days": 90, "StorageClass": "DEEP_ARCHIVE"}]}


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (
            lambda s3, name: s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"}),
            "Versioning is not enabled",
        ),
        (block(BlockPublicPolicy=True), "BlockPublicPolicy is on"),
        (block(RestrictPublicBuckets=True), "RestrictPublicBuckets is on"),
        (block(BlockPublicAcls=False), "BlockPublicAcls is off"),
        (block(IgnorePublicAcls=False), "IgnorePublicAcls is off"),
        (own("ObjectWriter"), "Object ownership is not BucketOwnerEnforced"),
        (own("BucketOwnerPreferred"), "Object ownership is not BucketOwnerEnforced"),
        (
            lambda s3, name: s3.delete_bucket_ownership_controls(Bucket=name),
            "Object ownership is not BucketOwnerEnforced",
        ),
        (encrypt("aws:kms"), "Default encryption is aws:kms"),
        (encrypt("aws:kms:dsse"), "Default encryption is aws:kms:dsse"),
        (lifecycle(Filter={"Prefix": ""}, **DAYS), "The lifecycle rule tidy expires"),
        (lifecycle(Filter={"Prefix": "temp"}, **DAYS), "The lifecycle rule tidy expires"),
        (lifecycle(Prefix=f"{PUBLISHED}0.", **DAYS), "The lifecycle rule tidy expires"),
        (
            lifecycle(Filter={"And": {"Prefix": PUBLISHED, "ObjectSizeGreaterThan": 1}}, **DAYS),
            "The lifecycle rule tidy expires",
        ),
        (lifecycle(Filter={"Prefix": PREFIX}, **ARCHIVE), "The lifecycle rule tidy archives"),
        (lambda s3, name: s3.delete_bucket_policy(Bucket=name), "The bucket has no policy"),
    ],
)
def test_a_setting_that_is_wrong_is_the_one_finding(s3, store, spoil, finding):
    spoil(s3, store.bucket)
    (found,) = check(store).findings
    assert found.startswith(finding)
    assert re.search(r"customer|strangers", found), "says what happens to whom"
    assert re.search(r": [^:]+.*\.$", found), "ends with the next step"


def test_a_bucket_whose_public_access_block_was_deleted_lets_acls_through(s3, store):
    s3.delete_public_access_block(Bucket=store.bucket)
    assert [finding.split(",")[0] for finding in check(store).findings] == [
        "BlockPublicAcls is off",
        "IgnorePublicAcls is off",
    ]


def test_requester_pays_is_found():
    # moto has no such setting: it can only be asked for.
    (finding,) = checking._payment({"Payer": "Requester"}, None)
    assert finding.startswith("The requester pays")
    assert not [*checking._payment({"Payer": "BucketOwner"}, None)]


@pytest.mark.parametrize(
    "rule",
    [
        lifecycle(Filter={"Prefix": "logs/"}, **DAYS),
        lifecycle(Filter={"Prefix": f"{PREFIX}/quilt-registry-other/"}, **DAYS),
        lifecycle(Filter={"Tag": {"Key": "temporary", "Value": "yes"}}, **DAYS),
        lifecycle(Filter={"Prefix": ""}, NoncurrentVersionExpiration={"NoncurrentDays": 365}),
        lifecycle(Filter={"Prefix": ""}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}),
        lifecycle(Filter={"Prefix": ""}, Transitions=[{"Days": 30, "StorageClass": "INTELLIGENT_TIERING"}]),
        lifecycle(Filter={"Prefix": ""}, **DAYS, **{"Status": "Disabled"}),
    ],
)
def test_a_lifecycle_rule_that_leaves_what_is_published_is_no_finding(s3, store, rule):
    rule(s3, store.bucket)
    assert check(store).findings == []


def test_a_new_bucket_is_told_all_that_it_lacks(s3, bucket):
    findings, needed = check(Bucket(s3, bucket, PREFIX, REGION))
    assert {finding.split(",")[0] for finding in findings} >= {
        "Versioning is not enabled",
        "The bucket has no policy",
    }
    assert needed == policy(bucket, PREFIX, REGION)


# Asking


def test_nothing_is_written(s3_server, store):
    with serve_proxy(s3_server) as proxy:
        s3 = client("s3", proxy.url)
        check(store._replace(client=s3))
        s3.close()
    assert proxy.requests
    assert {request.method for request in proxy.requests} == {"GET"}


@pytest.mark.parametrize("question", checking._QUESTIONS, ids=lambda question: question.operation)
def test_what_may_not_be_asked_is_a_finding_that_names_the_permission(s3_server, store, question):
    number = checking._QUESTIONS.index(question) + 1
    with serve_proxy(s3_server, lambda asked: Answer(403, "AccessDenied") if asked.number == number else None) as proxy:
        s3 = client("s3", proxy.url)
        findings, needed = check(store._replace(client=s3))
        s3.close()
    (finding,) = findings
    assert finding.startswith(f"{question.about} could not be told")
    assert question.permission in finding
    assert needed == policy(store.bucket, PREFIX, REGION)


def test_the_permissions_that_are_named_exist():
    assert all(is_action(question.permission) for question in checking._QUESTIONS)


def test_a_user_with_the_permissions_that_are_named_can_ask_everything(s3_server, store):
    iam = client("iam", s3_server)
    iam.create_user(UserName="auditor")
    keys = iam.create_access_key(UserName="auditor")["AccessKey"]
    session = Session(keys["AccessKeyId"], keys["SecretAccessKey"], region_name=REGION)
    s3 = session.client("s3", endpoint_url=s3_server)
    try:
        with enforcing(s3_server):
            denied = check(store._replace(client=s3)).findings
        named = [re.findall(r"s3:\w+", finding)[-1] for finding in denied]
        assert named == [question.permission for question in checking._QUESTIONS]
        # moto takes what it doesn't know for a listing.
        statement = {"Effect": "Allow", "Action": [*named, "s3:ListBucket"], "Resource": f"arn:aws:s3:::{store.bucket}"}
        document = {"Version": "2012-10-17", "Statement": statement}
        iam.put_user_policy(UserName="auditor", PolicyName="check", PolicyDocument=json.dumps(document))
        with enforcing(s3_server):
            assert check(store._replace(client=s3)).findings == []
    finally:
        s3.close()
        iam.delete_access_key(UserName="auditor", AccessKeyId=keys["AccessKeyId"])
        iam.close()


class enforcing:
    """moto asks IAM about every request while the context lasts."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.switch(b"0")

    def __exit__(self, *_):
        self.switch(b"inf")

    def switch(self, requests):
        headers = {"Content-Type": "text/plain"}
        url = f"{self.server}/moto-api/reset-auth"
        urllib.request.urlopen(urllib.request.Request(url, requests, headers), timeout=10).close()


def test_another_failure_is_trouble(s3_server, store):
    with serve_proxy(s3_server, Answer(400, "ExpiredToken")) as proxy:
        s3 = client("s3", proxy.url)
        with pytest.raises(UserError, match="have expired"):
            check(store._replace(client=s3))
        s3.close()


# What there is of policies, judged


OBJECTS = f"arn:aws:s3:::public/{PUBLISHED}"
RIGHT = policy("public", PREFIX, REGION)
READ, WRITE, DELETE = RIGHT["Statement"]


def with_statement(*statements):
    return {**RIGHT, "Statement": [*RIGHT["Statement"], *statements]}


def but(statement, **elements):
    """The policy with one of its statements changed."""
    changed = {key: value for key, value in {**statement, **elements}.items() if value is not None}
    return {**RIGHT, "Statement": [changed if each is statement else each for each in RIGHT["Statement"]]}


def allow(action="s3:GetObject", resource=f"{OBJECTS}*", **elements):
    return {"Sid": "More", "Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource, **elements}


def deny(action="s3:GetObject", resource=f"{OBJECTS}*", **elements):
    return {**allow(action, resource), "Effect": "Deny", **elements}


UNREAD = "The policy does not let everybody read"
REFUSED = "The policy may refuse readers"
UNWRITTEN = "The policy may refuse uploads with If-None-Match or If-Match"
OVERWRITTEN = "The policy lets an upload without If-None-Match overwrite"
DELETED = "The policy lets what is published be deleted"
MORE = "The policy lets everybody do more"


@pytest.mark.parametrize(
    "document",
    [
        RIGHT,
        but(READ, Principal={"AWS": "*"}),
        but(READ, Principal={"AWS": ["arn:aws:iam::111122223333:root", "*"]}),
        but(READ, Condition=None),
        but(READ, Action=["S3:getobject"]),
        but(READ, Resource=[f"{OBJECTS}*", f"{OBJECTS}1.0.0/*"]),
        but(WRITE, Condition={"Null": {"S3:If-None-Match": ["true"], "s3:if-match": True}}),
        but(WRITE, Resource="arn:aws:s3:::public/*"),
        but(DELETE, Action="s3:Delete*"),
        but(DELETE, Action=None, NotAction=["s3:Get*", "s3:PutObject"], Resource="*"),
        with_statement(deny("s3:*", "*", Condition={"Bool": {"aws:SecureTransport": "false"}})),
        with_statement(deny("s3:*", "*", Condition={"BoolIfExists": {"aws:SecureTransport": "false"}})),
        with_statement(deny("s3:*", "*", Condition={"NumericLessThan": {"s3:TlsVersion": "1.2"}})),
        with_statement(deny("s3:*", "arn:aws:s3:::public/private/*")),
        with_statement(deny("s3:*", Resource=None, NotResource=f"{OBJECTS}*")),
        with_statement(deny("s3:*", "arn:aws:s3:::public")),
        with_statement(allow("s3:*", "arn:aws:s3:::public/*", Principal={"AWS": "arn:aws:iam::111122223333:root"})),
        with_statement(allow("s3:PutObject", Principal={"Service": "logging.s3.amazonaws.com"})),
        with_statement(
            allow("s3:ListBucket", "arn:aws:s3:::public", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
        ),
    ],
    ids=lambda document: None,
)
def test_a_policy_that_does_the_same_in_other_words_is_right(document):
    assert [*judge(document, OBJECTS)] == []


@pytest.mark.parametrize(
    ("document", "finding"),
    [
        ({**RIGHT, "Statement": [WRITE, DELETE]}, UNREAD),
        (but(READ, Principal={"AWS": "arn:aws:iam::111122223333:root"}), UNREAD),
        (but(READ, Action="s3:GetObjectVersion"), (UNREAD, MORE)),
        (but(READ, Resource=f"{OBJECTS}1.0.0/*"), UNREAD),
        (but(READ, Resource=f"{OBJECTS}quilt-registry.yaml"), UNREAD),
        (but(READ, Resource=OBJECTS), UNREAD),
        (but(READ, Condition={"Bool": {"aws:SecureTransport": "false"}}), UNREAD),
        (but(READ, Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}), UNREAD),
        (with_statement(deny()), REFUSED),
        (with_statement(deny("s3:Get*", f"{OBJECTS}*/manifest.json")), REFUSED),
        (
            with_statement(deny("*", "*", Condition={"StringNotEquals": {"aws:SourceVpc": "vpc-1"}})),
            (REFUSED, UNWRITTEN),
        ),
        (with_statement(deny(Principal=None, NotPrincipal={"AWS": "arn:aws:iam::111122223333:root"})), REFUSED),
        (with_statement(deny(Action=None, NotAction="s3:PutObject")), REFUSED),
        (with_statement(deny(Resource=None, NotResource="arn:aws:s3:::public/private/*")), REFUSED),
        (with_statement(deny(Condition={"NumericLessThan": {"s3:TlsVersion": "1.3"}})), REFUSED),
        (with_statement(deny("s3:PutObject")), UNWRITTEN),
        (but(WRITE, Condition={"Null": {"s3:if-none-match": "true"}}), UNWRITTEN),
        (but(WRITE, Condition={"Null": {"s3:if-match": "true"}}), UNWRITTEN),
        (but(WRITE, Condition=None), UNWRITTEN),
        ({**RIGHT, "Statement": [READ, DELETE]}, OVERWRITTEN),
        (but(WRITE, Resource=f"{OBJECTS}1.0.0/*"), OVERWRITTEN),
        (but(WRITE, Principal={"AWS": "arn:aws:iam::111122223333:user/Alice"}), OVERWRITTEN),
        (but(WRITE, Condition={**WRITE["Condition"], "Bool": {"s3:ObjectCreationOperation": "false"}}), OVERWRITTEN),
        ({**RIGHT, "Statement": [READ, WRITE]}, DELETED),
        (but(DELETE, Action="s3:DeleteObject"), DELETED),
        (but(DELETE, Action="s3:DeleteObjectVersion"), DELETED),
        (but(DELETE, Condition={"StringNotEquals": {"aws:PrincipalArn": "arn:aws:iam::1:user/Alice"}}), DELETED),
        (but(DELETE, Effect="Allow"), (DELETED, MORE)),
        (but(READ, Action="s3:*"), MORE),
        (but(READ, Action="s3:GetObject*"), MORE),
        (but(READ, Action=["s3:GetObject", "s3:GetObjectVersion"]), MORE),
        (but(READ, Resource="arn:aws:s3:::public/*"), MORE),
        (but(READ, Resource=f"{OBJECTS[:-1]}*"), MORE),
        (but(READ, Resource=f"arn:aws:s3:::public/{PREFIX}/*"), MORE),
        (but(READ, Resource=None, NotResource="arn:aws:s3:::public/private/*"), MORE),
        (but(READ, Resource=None, NotResource=f"{OBJECTS}1.0.0/*"), (UNREAD, MORE)),
        (with_statement(allow("s3:ListBucket", "arn:aws:s3:::public")), MORE),
        (with_statement(allow(Principal=None, NotPrincipal={"AWS": "arn:aws:iam::1:root"})), MORE),
        (with_statement(allow("s3:PutObject", Principal={"AWS": ["*"]})), MORE),
        (
            with_statement(allow("s3:PutObject", Condition={"StringLike": {"aws:PrincipalOrgID": "o-*"}})),
            MORE,
        ),
        (with_statement(allow("s3:PutObject", Condition={"StringEquals": {"aws:UserAgent": "secret"}})), MORE),
        (with_statement(allow("s3:PutObject", Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}})), MORE),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value),
)
def test_a_policy_is_judged_by_what_it_does(document, finding):
    expected = [finding] if isinstance(finding, str) else [*finding]
    found = [*judge(document, OBJECTS)]
    assert len(found) == len(expected), found
    assert all(each.startswith(start) for each, start in zip(found, expected, strict=True)), found


def test_one_statement_needs_no_list():
    assert [finding.split(",")[0] for finding in judge({"Statement": allow()}, OBJECTS)] == [
        OVERWRITTEN + " what is published",
        DELETED,
    ]


def test_what_does_no_harm_in_a_policy_is_kept_and_what_does_is_left_out(s3, store):
    ours = policy(store.bucket, PREFIX, REGION)
    harmless = allow(
        "s3:PutObject", f"arn:aws:s3:::{store.bucket}/*", Principal={"AWS": "arn:aws:iam::111122223333:root"}
    )
    harmful = allow("s3:ListBucket", f"arn:aws:s3:::{store.bucket}")
    weakened = {**ours["Statement"][0], "Resource": f"arn:aws:s3:::{store.bucket}/*"}
    namesake = {**deny(resource=f"arn:aws:s3:::{store.bucket}/private/*"), "Sid": ours["Statement"][1]["Sid"]}
    document = {**ours, "Statement": [weakened, harmless, harmful, namesake]}
    s3.put_bucket_policy(Bucket=store.bucket, Policy=json.dumps(document))
    findings, needed = check(store)
    assert findings
    assert needed["Statement"] == [*ours["Statement"], harmless]
    s3.put_bucket_policy(Bucket=store.bucket, Policy=json.dumps(needed))
    assert check(store) == ([], needed)


PATTERNS = st.sampled_from(
    [
        *("*", OBJECTS, f"{OBJECTS}*", f"{OBJECTS[:-1]}*", f"{OBJECTS}1.0.0/*", f"{OBJECTS}*.yaml", "arn:aws:s3:::*"),
        *("arn:aws:s3:::public", "arn:aws:s3:::public/*", "arn:aws:s3:::public/private/*", "arn:*:s3:::public/t*s/q*"),
    ]
)
ACTIONS = st.sampled_from(["*", "s3:*", "s3:Get*", "s3:GetObject", "s3:PutObject", "s3:Delete*", "s3:ListBucket"])
CONDITIONS = st.sampled_from(
    [
        {},
        {"Bool": {"aws:SecureTransport": "true"}},
        {"Bool": {"aws:SecureTransport": "false"}},
        {"Null": {"s3:if-none-match": "true"}},
        {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}},
    ]
)
STATEMENTS = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Principal": st.sampled_from(["*", {"AWS": "*"}, {"AWS": "arn:aws:iam::111122223333:root"}]),
        "Condition": CONDITIONS,
    }
).flatmap(
    lambda statement: st.builds(
        lambda action, actions, resource, resources: {**statement, action: actions, resource: resources},
        st.sampled_from(["Action", "NotAction"]),
        ACTIONS | st.lists(ACTIONS, min_size=1, max_size=2),
        st.sampled_from(["Resource", "NotResource"]),
        PATTERNS | st.lists(PATTERNS, min_size=1, max_size=2),
    )
)
SAMPLES = [f"{OBJECTS}latest.json", f"{OBJECTS}1.0.0/quilt-registry.yaml", f"{OBJECTS}1.0.0/manifest.json"]
OTHERS = ["arn:aws:s3:::public", "arn:aws:s3:::public/private/key", f"{OBJECTS[:-1]}", f"{OBJECTS[:-1]}-other/key"]


@given(st.lists(STATEMENTS, max_size=3), st.booleans())
def test_whatever_a_policy_says_no_finding_means_that_it_does_what_it_should(statements, from_ours):
    document = with_statement(*statements) if from_ours else {"Statement": statements}
    if any(judge(document, OBJECTS)):
        return
    for arn in SAMPLES:
        assert allows(document, READING, arn)
        assert denies(document, OVERWRITING, arn)
        assert not denies(document, CREATING, arn)
        assert not denies(document, REPLACING, arn)
        assert all(denies(document, request, arn) for request in DELETING)
    for arn in OTHERS:
        assert not any(allows(document, (action, context), arn) for action in STRANGE for _, context in [READING])


# The policy itself, evaluated as IAM documents it


HTTPS = {"aws:securetransport": "true"}
READING = ("s3:GetObject", HTTPS)
OVERWRITING = ("s3:PutObject", {**HTTPS, "s3:objectcreationoperation": "true"})
CREATING = ("s3:PutObject", {**OVERWRITING[1], "s3:if-none-match": "*"})
REPLACING = ("s3:PutObject", {**OVERWRITING[1], "s3:if-match": '"abc"'})
DELETING = [("s3:DeleteObject", HTTPS), ("s3:DeleteObjectVersion", HTTPS)]
STRANGE = [
    *("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAcl", "s3:PutObject", "s3:PutObjectAcl", "s3:DeleteObject"),
    *("s3:DeleteObjectVersion", "s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketPolicy", "s3:PutBucketPolicy"),
    *("s3:GetBucketAcl", "s3:GetBucketVersioning", "s3:DeleteBucket", "s3:AbortMultipartUpload", "s3:RestoreObject"),
]


def applying(document, effect, request, arn, everybody):
    """The statements with an effect that are about a request: IAM's rules, written down again for the tests."""
    action, context = request

    def among(patterns, value, flags=re.DOTALL):
        several = patterns if isinstance(patterns, list) else [patterns]
        wild = [re.escape(each).replace(r"\*", ".*").replace(r"\?", ".") for each in several]
        return any(re.fullmatch(each, value, flags) for each in wild)

    def meets(operator, key, value):
        given = context.get(key.lower())
        return {"Null": (given is None) == (value == "true"), "Bool": given == value}[operator]

    for each in document["Statement"]:
        acts = among(each["Action"], action, re.I) if "Action" in each else not among(each["NotAction"], action, re.I)
        about = among(each["Resource"], arn) if "Resource" in each else not among(each["NotResource"], arn)
        holds = all(
            meets(operator, *test) for operator, tests in each.get("Condition", {}).items() for test in tests.items()
        )
        if each["Effect"] == effect and each["Principal"] in everybody and acts and about and holds:
            yield each


def denies(document, request, arn):
    return any(applying(document, "Deny", request, arn, ("*", {"AWS": "*"})))


def allows(document, request, arn):
    """Whether a stranger may do something: what is not allowed is denied, and a Deny always wins."""
    return any(applying(document, "Allow", request, arn, ("*", {"AWS": "*"}))) and not denies(document, request, arn)


PREFIXES = st.from_regex(r"([A-Za-z0-9][A-Za-z0-9._-]{0,8}(/[A-Za-z0-9][A-Za-z0-9._-]{0,8}){0,2})?", fullmatch=True)


@given(PREFIXES, st.text(), st.sampled_from(STRANGE))
@example("a", "b/quilt-registry/x", "s3:GetObject")
@example("a", "a/quilt-registry", "s3:GetObject")
@example("a", "a/quilt-registry-other/x", "s3:GetObject")
@example("a", "a-other/quilt-registry/x", "s3:GetObject")
@example("", "a/quilt-registry/x", "s3:GetObject")
def test_a_stranger_gets_nothing_outside_of_what_is_published(prefix, key, action):
    published = f"{prefix}/quilt-registry/".removeprefix("/")
    outside = not key.startswith(published)
    for region in ("eu-west-1", "cn-north-1", "us-gov-west-1"):
        document = policy("public", prefix, region)
        bucket = f"arn:{ {'e': 'aws', 'c': 'aws-cn', 'u': 'aws-us-gov'}[region[0]] }:s3:::public"
        assert not allows(document, (action, HTTPS), bucket)
        assert allows(document, (action, HTTPS), f"{bucket}/{key}") == (not outside and action == "s3:GetObject")
        assert allows(document, (action, HTTPS), f"{bucket}/{published}{key}") == (action == "s3:GetObject")
        # What lies elsewhere in the bucket is nobody's business.
        assert not outside or not denies(document, (action, HTTPS), f"{bucket}/{key}")


# The policy at work, over HTTP


PUBLISHED_KEYS = [f"{PUBLISHED}1.0.0/quilt-registry.yaml", f"{PUBLISHED}latest.json"]
FORBIDDEN_KEYS = [
    "private/key",
    "root",
    f"{PREFIX}/key",
    f"{PREFIX}-other/quilt-registry/key",
    f"{PREFIX}/quilt-registry-other/key",
]


@pytest.fixture
def gate(s3_server, s3, store):
    """S3 that evaluates the bucket's policy: moto behind a proxy that refuses what the policy refuses."""
    document = check(store).policy
    assert document == policy(store.bucket, PREFIX, REGION)
    anything = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    s3.put_bucket_policy(Bucket=store.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [anything]}))
    for key in (*PUBLISHED_KEYS, *FORBIDDEN_KEYS):
        s3.put_object(Bucket=store.bucket, Key=key, Body=b"content")

    def refuse(request):
        parts = urlsplit(request.path)
        bucket, _, key = unquote(parts.path)[1:].partition("/")
        query = parse_qs(parts.query, keep_blank_values=True)
        arn = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
        asked = (action_of(request, key, query), context_of(request, query))
        signed = "Authorization" in request.headers  # by somebody whose own policies allow everything
        permitted = not denies(document, asked, arn) if signed else allows(document, asked, arn)
        return None if permitted else Answer(403, "AccessDenied")

    with serve_proxy(s3_server, refuse) as proxy:
        through = client("s3", proxy.url)
        yield proxy.url, store._replace(client=through)
        through.close()


def action_of(request, key, query):
    """What S3 calls a request among its actions, as far as ours tells them apart."""
    verb = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "POST": "Put", "DELETE": "Delete"}[request.method]
    special = next(
        (name for name in ("policy", "acl", "versioning", "versions", "tagging", "versionId") if name in query), ""
    )
    if not key:
        return f"s3:{verb}Bucket{special.title()}" if special else f"s3:{verb}Bucket"
    return f"s3:{verb}Object{'Version' if special == 'versionId' else special.title()}"


def context_of(request, query):
    creates = "partNumber" not in query and "uploads" not in query
    context = {
        "aws:securetransport": str(request.headers.get("X-Forwarded-Proto", "https") == "https").lower(),
        "s3:if-none-match": request.headers.get("If-None-Match"),
        "s3:if-match": request.headers.get("If-Match"),
        "s3:objectcreationoperation": str(creates).lower(),
    }
    return {key: value for key, value in context.items() if value is not None}


def anonymously(url, method="GET", headers=None):
    """The status and the content that somebody without credentials gets."""
    body = b"new" if method in ("PUT", "POST") else None
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""


FORBIDDEN = [
    *(("GET", key) for key in FORBIDDEN_KEYS),
    *(("HEAD", key) for key in FORBIDDEN_KEYS),
    ("GET", ""),
    ("GET", "?list-type=2"),
    ("GET", f"?list-type=2&prefix={PUBLISHED}"),
    ("GET", "?versions"),
    ("GET", "?policy"),
    ("GET", "?acl"),
    ("GET", "?versioning"),
    ("PUT", "?policy"),
    ("PUT", "?acl"),
    ("PUT", "?versioning"),
    ("DELETE", "?policy"),
    ("DELETE", ""),
    ("PUT", f"{PUBLISHED}1.0.0/new.yaml"),
    ("PUT", f"{PUBLISHED}latest.json"),
    ("DELETE", f"{PUBLISHED}latest.json"),
    ("DELETE", f"{PUBLISHED}latest.json?versionId=1"),
    ("POST", f"{PUBLISHED}big?uploads"),
    ("GET", f"{PUBLISHED}latest.json?acl"),
    ("GET", f"{PUBLISHED}latest.json?tagging"),
    ("PUT", f"{PUBLISHED}latest.json?acl"),
]


def test_strangers_get_exactly_what_is_published(gate, s3):
    url, store = gate
    for key in PUBLISHED_KEYS:
        assert anonymously(f"{url}/{store.bucket}/{key}") == (200, b"content")
        assert anonymously(f"{url}/{store.bucket}/{key}", headers={"X-Forwarded-Proto": "http"}) == (403, b"")
    got = {(method, path): anonymously(f"{url}/{store.bucket}/{path}", method)[0] for method, path in FORBIDDEN}
    assert got == dict.fromkeys(FORBIDDEN, 403)
    assert s3.get_object(Bucket=store.bucket, Key=f"{PUBLISHED}latest.json")["Body"].read() == b"content"


def test_moto_reads_the_policy_about_objects_as_we_do(store, s3_server, s3):
    s3.delete_bucket_policy(Bucket=store.bucket)
    for key in (f"{PUBLISHED}latest.json", *FORBIDDEN_KEYS):
        s3.put_object(Bucket=store.bucket, Key=key, Body=b"content")
    s3.put_bucket_policy(Bucket=store.bucket, Policy=json.dumps(check(store).policy))
    assert anonymously(f"{s3_server}/{store.bucket}/{PUBLISHED}latest.json") == (200, b"content")
    for method in ("GET", "PUT", "DELETE"):
        for key in FORBIDDEN_KEYS:
            assert anonymously(f"{s3_server}/{store.bucket}/{key}", method)[0] == 403, (method, key)
    for method in ("PUT", "DELETE"):
        assert anonymously(f"{s3_server}/{store.bucket}/{PUBLISHED}latest.json", method)[0] == 403


def test_our_own_writes_are_let_through(gate):
    _, store = gate
    store.create("quilt-registry/1.1.0/manifest.json", b"first")
    with pytest.raises(Occupied):
        store.create("quilt-registry/1.1.0/manifest.json", b"second")
    pointer = store.read("quilt-registry/latest.json")
    store.replace("quilt-registry/latest.json", b"1.1.0", pointer.tag)
    with pytest.raises(Occupied):
        store.replace("quilt-registry/latest.json", b"1.0.9", pointer.tag)
    assert store.read("quilt-registry/latest.json").content == b"1.1.0"
    assert store.names("quilt-registry/1.1.0") == ["manifest.json"]


PUBLISHED_OBJECT = {"Key": f"{PUBLISHED}1.0.0/quilt-registry.yaml"}


@pytest.mark.parametrize(
    "take_back",
    [
        lambda s3, name: s3.put_object(Bucket=name, Body=b"other", **PUBLISHED_OBJECT),
        lambda s3, name: s3.copy_object(Bucket=name, CopySource=f"{name}/root", **PUBLISHED_OBJECT),
        lambda s3, name: s3.delete_object(Bucket=name, **PUBLISHED_OBJECT),
        lambda s3, name: s3.delete_object(Bucket=name, VersionId="null", **PUBLISHED_OBJECT),
        lambda s3, name: upload_in_parts(s3, name, PUBLISHED_OBJECT),
    ],
    ids=["put", "copy", "delete", "delete version", "multipart"],
)
def test_nobody_takes_back_what_is_published(gate, take_back):
    _, store = gate
    with pytest.raises(ClientError) as error:
        take_back(store.client, store.bucket)
    assert error.value.response["Error"]["Code"] == "AccessDenied"
    assert store.read("quilt-registry/1.0.0/quilt-registry.yaml").content == b"content"


def upload_in_parts(s3, name, target, **condition):
    upload = s3.create_multipart_upload(Bucket=name, **target)["UploadId"]
    part = s3.upload_part(Bucket=name, UploadId=upload, PartNumber=1, Body=b"other", **target)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=name, UploadId=upload, MultipartUpload=parts, **target, **condition)


def test_another_tool_may_upload_in_parts_what_is_new(gate):
    _, store = gate
    target = {"Key": f"{PUBLISHED}1.0.1/quilt-registry.yaml"}
    upload_in_parts(store.client, store.bucket, target, IfNoneMatch="*")
    assert store.read("quilt-registry/1.0.1/quilt-registry.yaml").content == b"other"


def test_the_rest_of_the_bucket_is_its_owners(gate):
    _, store = gate
    store.client.put_object(Bucket=store.bucket, Key="private/key", Body=b"other")
    store.client.delete_object(Bucket=store.bucket, Key="private/key")


# What is printed


def test_the_report_ends_with_the_policy_for_the_command_that_it_names(s3, store):
    s3.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Suspended"})
    result = check(store)
    *lines, command, document = report(store, result)
    assert command == f"aws s3api put-bucket-policy --bucket {store.bucket} --policy file://policy.json"
    assert json.loads(document) == result.policy
    assert lines[0] == f"- {result.findings[0]}"
    assert f"{store.name}: 1 finding about publishing from this bucket." in lines
    assert any("account" in line for line in lines)


def test_judging_leaves_a_policy_as_it_is():
    document = with_statement(deny())
    before = copy.deepcopy(document)
    assert [*judge(document, OBJECTS)]
    assert document == before
