"""A bucket that would fail customers has findings, and the printed policy lets everybody read what is published.

moto evaluates bucket policies without their conditions, so a table evaluates those of the printed policy as IAM
documents them.
"""

from __future__ import annotations

import copy
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

import pytest
from boto3.session import Session

from quilt_cfn import aws
from quilt_cfn.cloudformation.facts.iam_actions import is_action
from quilt_cfn.delivery.publish import bucket as checking
from quilt_cfn.delivery.publish.bucket import check_bucket, report
from quilt_cfn.delivery.publish.bucket_policy import combined, missing_statements, policy, read_policy
from quilt_cfn.delivery.publish.explanations import VERSION
from quilt_cfn.delivery.publish.stores.s3 import Bucket
from quilt_cfn.errors import UserError
from quilt_cfn.finding import fails
from tests.delivery.publish.proxy import Answer, serve_proxy
from tests.delivery.publish.servers import REGION, Handler, Reply, Server, client, enter

PREFIX = "templates"
PUBLISHED = f"{PREFIX}/quilt-registry/"
OPEN = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}


def set_policy(s3: Any, name: str, *statements: Mapping[str, Any]) -> None:
    document = {"Version": "2012-10-17", "Statement": statements}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(document))


def ours(bucket: str) -> list[dict[str, Any]]:
    """The statements that a bucket's policy needs."""
    statements: list[dict[str, Any]] = policy(bucket, PREFIX, REGION)["Statement"]
    return statements


def rules(store: Bucket) -> list[str]:
    return [finding.rule for finding in check_bucket(store).findings]


@pytest.fixture
def store(s3: Any, bucket: str, aws_environment: None) -> Bucket:
    """A bucket that is right for publishing, and in which something is published."""
    s3.put_object(Bucket=bucket, Key=f"{PUBLISHED}latest.json", Body=b"{}")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    set_policy(s3, bucket, *ours(bucket))
    return Bucket(s3, bucket, PREFIX, REGION)


def test_a_right_bucket_has_no_finding_and_keeps_its_policy(store):
    findings, needed, own_is_known = check_bucket(store)
    assert findings == ()
    assert own_is_known
    assert needed == policy(store.bucket, PREFIX, REGION)


# Settings


Spoil = Callable[[Any, str], object]


def encrypt(algorithm: str) -> Spoil:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    return lambda s3, name: s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})


def block(**settings: bool) -> Spoil:
    return lambda s3, name: s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={**OPEN, **settings})


def own(ownership: str) -> Spoil:
    controls = {"Rules": [{"ObjectOwnership": ownership}]}
    return lambda s3, name: s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=controls)


def lifecycle(**rule: Any) -> Spoil:
    rules = [{"ID": "tidy", "Status": "Enabled", **rule}]
    return lambda s3, name: s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})


DAYS = {"Expiration": {"Days": 90}}
ARCHIVE = {"Transitions": [{"Days": 90, "StorageClass": "DEEP_ARCHIVE"}]}


@pytest.mark.parametrize(
    ("spoil", "rule", "message"),
    [
        (
            lambda s3, name: s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"}),
            "B01",
            "Versioning is not enabled",
        ),
        (block(BlockPublicPolicy=True), "B02", "BlockPublicPolicy is on"),
        (block(RestrictPublicBuckets=True), "B03", "RestrictPublicBuckets is on"),
        (block(BlockPublicAcls=False), "B04", "BlockPublicAcls is off"),
        (block(IgnorePublicAcls=False), "B05", "IgnorePublicAcls is off"),
        (own("BucketOwnerPreferred"), "B06", "Object ownership is not BucketOwnerEnforced"),
        (
            lambda s3, name: s3.delete_bucket_ownership_controls(Bucket=name),
            "B06",
            "Object ownership is not BucketOwnerEnforced",
        ),
        (encrypt("aws:kms"), "B07", "Default encryption is aws:kms"),
        (encrypt("aws:kms:dsse"), "B07", "Default encryption is aws:kms:dsse"),
        (lifecycle(Filter={"Prefix": ""}, **DAYS), "B09", "The lifecycle rule tidy expires"),
        (lifecycle(Filter={"Prefix": "temp"}, **DAYS), "B09", "The lifecycle rule tidy expires"),
        (lifecycle(Prefix=f"{PUBLISHED}0.", **DAYS), "B09", "The lifecycle rule tidy expires"),
        (
            lifecycle(Filter={"And": {"Prefix": PUBLISHED, "ObjectSizeGreaterThan": 1}}, **DAYS),
            "B09",
            "The lifecycle rule tidy expires",
        ),
        (lifecycle(Filter={"Prefix": PREFIX}, **ARCHIVE), "B09", "The lifecycle rule tidy archives"),
    ],
)
def test_a_setting_that_is_wrong_is_the_one_finding(s3, store, spoil, rule, message):
    spoil(s3, store.bucket)
    (found,) = check_bucket(store).findings
    assert (found.file, found.rule) == (store.name, rule)
    assert found.message.startswith(message)
    assert re.search("[Cc]ustomer|public", found.message), "the message says what happens to whom"
    assert re.search(r"\. (Enable|Turn|Set|Limit) [^.]+.*\.$", found.message), "the message ends with the next step"


def test_a_bucket_without_a_public_access_block_lets_acls_through(s3, store):
    s3.delete_public_access_block(Bucket=store.bucket)
    assert rules(store) == ["B04", "B05"]


def test_requester_pays_is_found(store):
    # moto has no such setting.
    assert checking.payer.id == "B08"
    assert [*checking.payer.find({"Payer": "Requester"}, store)]
    assert not [*checking.payer.find({"Payer": "BucketOwner"}, store)]


@pytest.mark.parametrize(
    "rule",
    [
        lifecycle(Filter={"Prefix": "logs/"}, **DAYS),
        lifecycle(Filter={"Prefix": f"{PREFIX}/quilt-registry-other/"}, **DAYS),
        lifecycle(Filter={"Tag": {"Key": "temporary", "Value": "yes"}}, **DAYS),
        lifecycle(Filter={"Prefix": ""}, NoncurrentVersionExpiration={"NoncurrentDays": 365}),
        lifecycle(Filter={"Prefix": ""}, Transitions=[{"Days": 30, "StorageClass": "INTELLIGENT_TIERING"}]),
        lifecycle(Filter={"Prefix": ""}, **DAYS, **{"Status": "Disabled"}),
    ],
)
def test_a_lifecycle_rule_that_leaves_what_is_published_is_no_finding(s3, store, rule):
    rule(s3, store.bucket)
    assert rules(store) == []


def test_a_new_bucket_gets_every_finding_and_the_policy(s3, bucket, aws_environment):
    store = Bucket(s3, bucket, PREFIX, REGION)
    assert rules(store) == ["B01", "B04", "B05", "B06", "B10", "B15"]
    assert check_bucket(store).policy == policy(bucket, PREFIX, REGION)


# Permissions


def test_a_user_with_the_permissions_that_the_findings_name_can_check_everything(s3_server, s3, store):
    s3.delete_bucket_policy(Bucket=store.bucket)
    iam = client("iam", s3_server)
    iam.create_user(UserName="auditor")
    keys = iam.create_access_key(UserName="auditor")["AccessKey"]
    session = Session(keys["AccessKeyId"], keys["SecretAccessKey"], region_name=REGION)
    auditor = store._replace(client=session.client("s3", endpoint_url=s3_server))
    try:
        with enforced_permissions(s3_server):
            result = check_bucket(auditor)
            denied = result.findings
            assert any(
                "the present one could not be read, so add its statements" in each for each in report(auditor, result)
            )
        assert {finding.rule for finding in denied} == {"B16"}
        named = [permission for finding in denied for permission in re.findall(r"s3:\w+", finding.message)]
        assert all(map(is_action, named))
        assert len(named) == 9
        resources = [f"arn:aws:s3:::{store.bucket}", f"arn:aws:s3:::{store.bucket}/*"]
        document = {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": named, "Resource": resources},
        }
        iam.put_user_policy(UserName="auditor", PolicyName="check", PolicyDocument=json.dumps(document))
        with enforced_permissions(s3_server):
            assert rules(auditor) == ["B10", "B14"]
    finally:
        auditor.client.close()
        iam.delete_access_key(UserName="auditor", AccessKeyId=keys["AccessKeyId"])
        iam.close()


@contextmanager
def enforced_permissions(server: str) -> Iterator[None]:
    """moto evaluates the policies of IAM users while the context lasts."""

    def switch(requests: bytes) -> None:
        headers = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{server}/moto-api/reset-auth", requests, headers)
        urllib.request.urlopen(request, timeout=60).close()

    switch(b"0")
    try:
        yield
    finally:
        switch(b"inf")


def test_another_error_of_s3_is_a_user_error(s3_server, store):
    with serve_proxy(s3_server, Answer(400, "ExpiredToken")) as proxy:
        s3 = client("s3", proxy.url)
        with pytest.raises(UserError, match="have expired"):
            check_bucket(store._replace(client=s3))
        s3.close()


# The read without credentials


def test_a_bucket_that_customers_can_not_read_is_a_finding_whatever_the_reason(s3, store):
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:Get*", "Resource": f"arn:aws:s3:::{store.bucket}/*"}
    set_policy(s3, store.bucket, *ours(store.bucket), deny)
    (finding,) = check_bucket(store).findings
    assert (finding.rule, finding.severity) == ("B14", "error")
    assert f"https://{store.bucket}.s3.us-east-1.amazonaws.com/{PUBLISHED}latest.json can't be read" in finding.message


def test_where_nothing_is_published_there_is_nothing_to_read_which_is_no_failure(s3, store):
    s3.delete_bucket_policy(Bucket=store.bucket)  # moto takes its conditions for fulfilled
    s3.delete_object(Bucket=store.bucket, Key=f"{PUBLISHED}latest.json")
    set_policy(s3, store.bucket, *ours(store.bucket))
    (finding,) = findings = check_bucket(store).findings
    assert (finding.rule, finding.severity) == ("B15", "information")
    assert not fails(findings)


def test_a_fault_of_s3_is_not_taken_for_a_refusal(s3_server, store, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with serve_proxy(s3_server, Answer(503, "SlowDown")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)  # of the client without credentials
        with pytest.raises(UserError, match="AWS is busy"):
            check_bucket(store)


# The policy of the bucket, compared


OURS = ours("public")
READ, OVERWRITE, DELETE = OURS
OWNERS = {
    "Sid": "More",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
    "Action": "s3:*",
    "Resource": "arn:aws:s3:::public/*",
}


def document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [*statements]}


def changed(statement: Mapping[str, Any], **elements: Any) -> dict[str, Any]:
    return {**statement, **elements}


@pytest.mark.parametrize(
    "statements",
    [
        OURS,
        [OWNERS, *reversed(OURS)],
        [{key: value for key, value in each.items() if key != "Sid"} for each in OURS],
        [changed(READ, Sid="Mine", Action=["s3:GetObject"], Principal={"AWS": "*"}), OVERWRITE, DELETE],
        [READ, changed(OVERWRITE, Resource=[OVERWRITE["Resource"]]), changed(DELETE, Action=DELETE["Action"][::-1])],
        [
            changed(READ, Condition={"Bool": {"aws:SecureTransport": [True]}}),
            changed(OVERWRITE, Principal={"AWS": ["*"]}),
            DELETE,
        ],
    ],
)
def test_a_policy_with_our_statements_is_right_however_they_are_written_and_whatever_else_it_has(statements):
    existing, needed = document(*statements), document(*OURS)
    assert missing_statements(existing, needed) == []
    assert combined(existing, needed) == existing


@pytest.mark.parametrize(
    ("statements", "missing"),
    [
        ([], OURS),
        ([OWNERS], OURS),
        ([OVERWRITE, DELETE], [READ]),
        ([changed(READ, Effect="Deny"), OVERWRITE, DELETE], [READ]),
        ([changed(READ, Resource="arn:aws:s3:::public/*"), OVERWRITE, DELETE], [READ]),
        ([READ, changed(OVERWRITE, Condition={"Null": OVERWRITE["Condition"]["Null"]}), DELETE], [OVERWRITE]),
        ([READ, OVERWRITE, changed(DELETE, Action="s3:DeleteObject")], [DELETE]),
        ([READ, OVERWRITE, changed(DELETE, Principal={"AWS": "arn:aws:iam::1:user/Alice"})], [DELETE]),
    ],
)
def test_a_statement_that_differs_is_missing_and_the_printed_policy_has_it_and_the_owners_others(statements, missing):
    existing, needed = document(*statements), document(*OURS)
    assert missing_statements(existing, needed) == missing
    assert combined(existing, needed)["Statement"] == [*OURS, *(each for each in statements if each == OWNERS)]


def test_one_statement_needs_no_list():
    assert missing_statements({"Statement": READ}, document(*OURS)) == [OVERWRITE, DELETE]


@pytest.mark.parametrize(("number", "rule"), [(0, "B11"), (1, "B12"), (2, "B13")])
def test_a_policy_without_one_of_the_statements_is_right_once_the_printed_one_is_put(s3, store, number, rule):
    own = changed(OWNERS, Resource=f"arn:aws:s3:::{store.bucket}/*")
    # A statement of the owner's lets customers read, so that the missing one is the only finding.
    reading = changed(own, Sid="Read", Principal="*", Action="s3:GetObject")
    statements = [each for index, each in enumerate(ours(store.bucket)) if index != number]
    set_policy(s3, store.bucket, own, reading, *statements)
    findings, needed, _ = check_bucket(store)
    assert [finding.rule for finding in findings] == [rule]
    assert needed["Statement"] == [*ours(store.bucket), own, reading]
    set_policy(s3, store.bucket, *needed["Statement"])
    assert check_bucket(store) == ((), needed, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "{",
        "null",
        "[]",
        "7",
        "{}",
        '{"Statement": 7}',
        '{"Statement": [null]}',
        '{"Statement": ["x"]}',
        '{"Statement": [{"Sid": ["x"], "Effect": "Allow"}]}',
        '{"Statement": [{}]}',
        "[" * 100_000,
        '{"Statement": ' + '{"a": ' * 900 + "1" + "}" * 901,
    ],
)
def test_a_policy_that_is_none_is_refused_so_that_nobody_puts_ours_in_its_place(text):
    with pytest.raises(UserError, match="What S3 returns as the policy of the bucket mine is not a policy") as raised:
        read_policy(text, "mine")
    assert raised.value.next_step == "Look at it: aws s3api get-bucket-policy --bucket mine"


# Answers of something else than S3


ANSWERS = {
    "versioning": b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    "publicAccessBlock": b"<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>"
    b"<IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>false"
    b"</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
    "ownershipControls": b"<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>"
    b"</OwnershipControls>",
    "encryption": b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms"
    b"</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
    "requestPayment": b"<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>",
    "lifecycle": b"<LifecycleConfiguration><Rule><ID>tidy</ID><Status>Enabled</Status><Filter><And><Prefix>templates"
    b"</Prefix><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></And></Filter><Expiration><Days>90</Days></Expiration>"
    b"<Transition><Days>9</Days><StorageClass>GLACIER</StorageClass></Transition></Rule></LifecycleConfiguration>",
    "policy": json.dumps(policy("bucket", PREFIX, REGION)).encode(),
}
"""What S3 answers to a request for a setting: the end of the URL -> the document."""


class Settings(Handler):
    """Answers as S3 does, and with other documents where a test says so."""

    server: SettingsServer

    def answer(self, body: bytes) -> Reply:
        return Reply(200, [], (ANSWERS | self.server.other).get(self.path.partition("?")[2], b"{}"))


class SettingsServer(Server):
    def __init__(self) -> None:
        super().__init__(Settings)
        self.other: dict[str, bytes] = {}


def write_nonsense(parent: Element, element: Element) -> None:
    element.clear()
    element.text = "\x9b2J\u202e\n" + "x" * 10_000


WAYS: dict[str, Callable[[Element, Element], object]] = {
    "removed": lambda parent, element: parent.remove(element),
    "empty": lambda parent, element: element.clear(),
    "number": lambda parent, element: setattr(element, "text", "7"),
    "nonsense": write_nonsense,
    "more of it": lambda parent, element: parent.extend([element] * 10),
    "nested": lambda parent, element: element.append(copy.deepcopy(parent)),
}


def spoiled(document: bytes) -> Iterator[bytes]:
    """A document, spoiled in every place in every way, and what is no document."""
    yield from (b"", b"<html>\x1b[2J</html>", b"<html/>", document[:-5], b"<a/>", b"\xff", b"null", b"[]")
    if not document.startswith(b"<"):
        return
    for spoil in WAYS.values():
        for number, _ in enumerate(fromstring(document).iter()):
            root = fromstring(document)
            parents = {child: parent for parent in root.iter() for child in parent}
            element = [*root.iter()][number]
            if element in parents:
                spoil(parents[element], element)
                yield tostring(root)


@pytest.mark.parametrize("setting", ANSWERS)
def test_whatever_is_wrong_with_an_answer_about_a_setting_is_a_finding_or_a_sentence(setting, monkeypatch):
    with SettingsServer() as server:
        enter(server.url, monkeypatch)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        store = Bucket(aws.client("s3"), "bucket", PREFIX, REGION)
        assert {"B07", "B09"} == {*rules(store)}
        for number, document in enumerate(spoiled(ANSWERS[setting])):
            server.other = {setting: document}
            try:
                lines = [line for text in report(store, check_bucket(store)) for line in text.split("\n")]
            except UserError as error:
                lines = [str(error)]
            for line in lines:
                assert line.isprintable(), (number, document, line)
                assert len(line) < 1000, (number, document, line)
        store.client.close()


# What the policy allows and denies


HTTPS = {"aws:SecureTransport": "true"}
UPLOAD = {**HTTPS, "s3:ObjectCreationOperation": "true"}


@pytest.mark.parametrize(
    ("action", "key", "context", "expected"),
    [
        ("s3:GetObject", f"{PUBLISHED}latest.json", HTTPS, "Allow"),
        ("s3:GetObject", f"{PUBLISHED}1.0.0/quilt-registry.yaml", HTTPS, "Allow"),
        ("s3:GetObject", f"{PUBLISHED}latest.json", {"aws:SecureTransport": "false"}, None),
        ("s3:GetObject", "private/key", HTTPS, None),
        ("s3:GetObject", f"{PREFIX}/quilt-registry-other/key", HTTPS, None),
        ("s3:GetObject", f"{PREFIX}-other/quilt-registry/key", HTTPS, None),
        ("s3:GetObjectVersion", f"{PUBLISHED}latest.json", HTTPS, None),
        ("s3:GetObjectAcl", f"{PUBLISHED}latest.json", HTTPS, None),
        ("s3:ListBucket", "", HTTPS, None),
        # Everything else is what a writer may do whose own policies allow everything.
        ("s3:PutObject", f"{PUBLISHED}latest.json", UPLOAD, "Deny"),
        ("s3:PutObject", f"{PUBLISHED}latest.json", {**UPLOAD, "s3:if-none-match": "*"}, None),
        ("s3:PutObject", f"{PUBLISHED}latest.json", {**UPLOAD, "s3:if-match": '"abc"'}, None),
        ("s3:PutObject", f"{PUBLISHED}part", {**HTTPS, "s3:ObjectCreationOperation": "false"}, None),
        ("s3:PutObject", "private/key", UPLOAD, None),
        ("s3:DeleteObject", f"{PUBLISHED}latest.json", HTTPS, "Deny"),
        ("s3:DeleteObjectVersion", f"{PUBLISHED}latest.json", HTTPS, "Deny"),
        ("s3:DeleteObject", "private/key", HTTPS, None),
    ],
)
@pytest.mark.parametrize(("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn")])
def test_everybody_reads_what_is_published_and_nobody_takes_it_back(region, partition, action, key, context, expected):
    arn = f"arn:{partition}:s3:::public{'/' if key else ''}{key}"
    effects = {
        statement["Effect"]
        for statement in policy("public", PREFIX, region)["Statement"]
        if action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
        and fnmatchcase(arn, statement["Resource"])
        and all(holds(operator, tests, context) for operator, tests in statement.get("Condition", {}).items())
    }
    assert effects == ({expected} if expected else set())


def holds(operator: str, tests: Mapping[str, str], context: Mapping[str, str]) -> bool:
    if operator == "Null":
        return all((key not in context) == (value == "true") for key, value in tests.items())
    assert operator == "Bool"
    return all(context.get(key) == value for key, value in tests.items())


# What is printed


def test_the_report_ends_with_the_policy_for_the_command_that_it_names(s3, store):
    s3.put_bucket_versioning(Bucket=store.bucket, VersioningConfiguration={"Status": "Suspended"})
    result = check_bucket(store)
    first, count, *lines, command, printed = report(store, result)
    assert first == str(result.findings[0])
    assert "warning B01" in first
    assert count == f"{store.name}: 1 finding about publishing from this bucket."
    assert any("account" in line for line in lines)
    assert command == f"aws s3api put-bucket-policy --bucket {store.bucket} --policy file://policy.json"
    assert json.loads(printed) == result.policy


def test_every_rule_of_a_bucket_and_of_a_version_has_a_number_of_its_own():
    for family in (checking.FAMILY, VERSION):
        letter = family.title[0]
        assert [each.id for each in family.explanations] == [
            f"{letter}{number:02}" for number, _ in enumerate(family.explanations, 1)
        ]
