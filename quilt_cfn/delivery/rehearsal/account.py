"""The calls of AWS that a rehearsal makes; no other module of the rehearsal calls AWS.

Every call goes through ``ask``, which asks again while AWS is busy, and turns what AWS refuses into ``Refused`` with
AWS's own words. Every call that changes or deletes takes the name of one thing.
"""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from quilt_cfn import aws
from quilt_cfn.errors import UserError

TAG = "quilt-cfn-rehearsal"
"""The key of the tag of everything that a rehearsal makes; CloudFormation hands a stack's tags on to its resources."""
SERVICES = ("sts", "cloudformation", "rds", "ec2", "autoscaling", "s3", "logs")

_ATTEMPTS = 20
_PAUSE = 15.0
"""Seconds between two attempts of a call while AWS is busy."""
_MOST_EVENTS = 3000
"""A launch has 300."""
_SIGNAL = re.compile(r"FAILURE signal with UniqueId [\w-]*?(?:-failed-in-step-([a-z-]+))?(?![\w-])")
_ABSENT = re.compile("NotFound|NoSuch|404")


class Clock(NamedTuple):
    """The time, which the tests set."""

    now: Callable[[], float] = time.time
    """Seconds since 1970."""
    sleep: Callable[[float], None] = time.sleep


class Refused(UserError):
    """AWS has refused a call."""

    def __init__(self, what: str, next_step: str, code: str, message: str, *, ends_everything: bool) -> None:
        super().__init__(what, next_step)
        self.code = code
        self.message = message
        """AWS's words as they came, to be compared and never to be shown: they may have a secret in them."""
        self.ends_everything = ends_everything
        """Whether no other call would succeed: the credentials have expired, or AWS does not know them."""

    @property
    def is_absence(self) -> bool:
        """Whether it says that there is no such thing."""
        return bool(_ABSENT.search(self.code)) or "does not exist" in self.message


class Stack(NamedTuple):
    """A stack as DescribeStacks describes it."""

    id: str
    status: str
    reason: str
    tags: Mapping[str, str]
    outputs: Mapping[str, str]
    protected: bool


class Event(NamedTuple):
    """An event of a stack."""

    id: str
    at: datetime.datetime
    resource: str
    """The logical ID."""
    type: str
    status: str
    reason: str
    of_stack: bool
    """Whether it is about the stack itself."""
    failed_step: str | None
    """The step of a boot that a signal of failure names, empty if it names none; None where there is no such signal."""

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.resource} {self.status}{f': {self.reason}' if self.reason else ''}"


class Resource(NamedTuple):
    """A resource of a stack."""

    logical_id: str
    type: str
    id: str
    """The physical ID; empty if it was never made."""
    status: str


class Account(NamedTuple):
    """An account, seen in one Region."""

    region: str
    clients: Mapping[str, Any]
    clock: Clock
    hide: Callable[[str], str]
    """Takes every text of AWS's, and returns it without the secrets of this run."""

    def ask(self, service: str, operation: str, **arguments: Any) -> Any:
        """AWS's answer to one call; raises ``Refused``."""
        from botocore.exceptions import BotoCoreError, ClientError

        for attempt in range(_ATTEMPTS):
            try:
                return getattr(self.clients[service], operation)(**arguments)
            except (BotoCoreError, ClientError) as error:
                if aws.passes(error) and attempt < _ATTEMPTS - 1:
                    self.clock.sleep(_PAUSE)
                    continue
                named = next((str(each) for key, each in arguments.items() if key.endswith(_NAMES)), "")
                message = str(error)
                if isinstance(error, ClientError) and "Message" in error.response["Error"]:
                    error.response["Error"]["Message"] = self.hide(error.response["Error"]["Message"])
                sentence = aws.user_error(error, f"{operation}{f' of {named}' if named else ''}")
                ends_everything = aws.wants_another_sign_in(error)
                raise Refused(
                    self.hide(sentence.what),
                    sentence.next_step,
                    aws.code(error),
                    message,
                    ends_everything=ends_everything,
                ) from None
        raise AssertionError  # the last attempt returns or raises

    def pages(self, service: str, operation: str, list_of: str, most: int = 1000, **arguments: Any) -> Iterator[Any]:
        """The members of a list that comes in pages of NextToken or Marker; at most so many, rounded up to a page."""
        count = 0
        while True:
            answer = self.ask(service, operation, **arguments)
            yield from answer.get(list_of, [])
            count += len(answer.get(list_of, []))
            key = next((key for key in ("NextToken", "Marker") if answer.get(key)), None)
            if key is None or count >= most:
                return
            arguments = {**arguments, key: answer[key]}

    def number(self) -> str:
        """The account's number."""
        return str(self.ask("sts", "get_caller_identity").get("Account", ""))

    def stack(self, name_or_id: str) -> Stack | None:
        """A stack; None if there is none. One that was deleted is only there by its ID."""
        try:
            answer = self.ask("cloudformation", "describe_stacks", StackName=name_or_id)
        except Refused as refused:
            if refused.is_absence:
                return None
            raise
        for found in answer.get("Stacks", []):
            return Stack(
                found.get("StackId", ""),
                found.get("StackStatus", ""),
                self.words(found.get("StackStatusReason", "")),
                {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])},
                {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])},
                bool(found.get("EnableTerminationProtection")),
            )
        return None

    def change_set(self, stack: str, name: str) -> Any:
        """A change set as DescribeChangeSet describes it; None if there is none."""
        try:
            return self.ask("cloudformation", "describe_change_set", StackName=stack, ChangeSetName=name)
        except Refused as refused:
            if refused.is_absence:
                return None
            raise

    def events(self, stack: str, after: str = "") -> list[Event]:
        """The events of a stack after one of them, by its ID, oldest first; all of them without one."""
        found: list[Event] = []
        for each in self.pages("cloudformation", "describe_stack_events", "StackEvents", _MOST_EVENTS, StackName=stack):
            if each["EventId"] == after:
                break
            of_stack = each.get("PhysicalResourceId") == each.get("StackId")
            signal = _SIGNAL.search(each.get("ResourceStatusReason") or "")
            found.append(
                Event(
                    each["EventId"],
                    each["Timestamp"],
                    each.get("LogicalResourceId", ""),
                    each.get("ResourceType", ""),
                    each.get("ResourceStatus", ""),
                    self.words(each.get("ResourceStatusReason") or ""),
                    of_stack,
                    (signal[1] or "") if signal else None,
                )
            )
        return found[::-1]

    def resources(self, stack: str) -> list[Resource]:
        """The resources of a stack, deleted ones included; for 90 days also those of a stack that was deleted.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html
        """
        try:
            found = [*self.pages("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=stack)]
        except Refused as refused:
            if refused.is_absence:  # a stack that was never executed has no template
                return []
            raise
        return [
            Resource(
                each.get("LogicalResourceId", ""),
                each.get("ResourceType", ""),
                each.get("PhysicalResourceId", ""),
                each.get("ResourceStatus", ""),
            )
            for each in found
        ]

    def bucket_tags(self, name: str) -> dict[str, str] | None:
        """The tags of a bucket; None if there is no such bucket."""
        try:
            answer = self.ask("s3", "get_bucket_tagging", Bucket=name)
        except Refused as refused:
            if refused.code == "NoSuchTagSet":
                return {}
            if refused.is_absence:
                return None
            raise
        return {tag["Key"]: tag["Value"] for tag in answer.get("TagSet", [])}

    def snapshots(self, database: str) -> list[Any]:
        """The snapshots of a database that stay until somebody deletes them."""
        return [
            *self.pages(
                "rds", "describe_db_snapshots", "DBSnapshots", DBInstanceIdentifier=database, SnapshotType="manual"
            )
        ]

    def backups(self, database: str) -> list[Any]:
        """The automated backups of a database."""
        return [
            *self.pages(
                "rds",
                "describe_db_instance_automated_backups",
                "DBInstanceAutomatedBackups",
                DBInstanceIdentifier=database,
            )
        ]

    def log_group(self, name: str) -> bool:
        """Whether there is a log group of this name."""
        found = self.ask("logs", "describe_log_groups", logGroupNamePrefix=name).get("logGroups", [])
        return any(each.get("logGroupName") == name for each in found)

    def words(self, text: str) -> str:
        """What AWS says, on one line and without secrets, which are hidden before the end is cut off."""
        return aws.words(self.hide(text), 1000)


_NAMES = ("Name", "Bucket", "Identifier", "Ids", "ResourceId")
"""The ends of the names of the arguments that say what a call is about."""


def connect(region: str, secrets: Sequence[str] = (), clock: Clock | None = None) -> Account:
    """The account whose credentials boto3 finds; raises ``UserError``. ``secrets`` are hidden in all texts of AWS's."""
    clients = {service: aws.client(service, region) for service in SERVICES}
    return Account(region, clients, clock or Clock(), hiding(secrets))


def hiding(secrets: Sequence[str]) -> Callable[[str], str]:
    """A function that puts *** in place of each of these texts, also of how Python and JSON write it."""
    written = {form for secret in secrets if secret for form in (secret, repr(secret)[1:-1], aws.words(secret))}
    longest_first = sorted(written, key=len, reverse=True)

    def hide(text: str) -> str:
        for each in longest_first:
            text = text.replace(each, "***")
        return text

    return hide
