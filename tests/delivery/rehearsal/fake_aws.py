"""An AWS for the rehearsals of the tests: a real HTTP server on 127.0.0.1 with one account and a clock of its own.

It keeps what it is asked to make, and behaves as AWS's references say: change sets, stacks and their events, protection
from deletion, what a deletion leaves, an Auto Scaling group of one, and versions in buckets. Requests are read, and
answers written, by botocore's models of AWS's APIs, with moto's parsers and serializers of the wire formats. Nothing
takes time: ``now`` goes on when somebody sleeps on ``sleep``.
"""

from __future__ import annotations

import copy
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import cache
from typing import Any, NamedTuple
from uuid import uuid4

from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.model import OperationModel
from botocore.validate import ParamValidator
from moto.core.parse import EC2QueryParser, QueryParser
from moto.core.serialize import EC2Serializer, QuerySerializer, S3Serializer
from moto.core.utils import get_service_model

from quilt_cfn.cloudformation.launch.parameter_values import resolve_parameters
from tests.delivery.publish.servers import Handler, Reply, Server

ACCOUNT = "111122223333"
REGION = "us-east-1"
ADDRESS = "198.51.100.7"
QUERY = {"2010-05-15": "cloudformation", "2014-10-31": "rds", "2011-06-15": "sts", "2011-01-01": "autoscaling"}
"""Version of an API, which a request names -> service."""

READS = re.compile("Describe|List|Get|Head")


class Fault(Exception):
    """An error that AWS answers with."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code, message)
        self.code, self.message, self.status = code, message, status


DROP = Fault("the connection ends without an answer")
EXPIRED = Fault("ExpiredToken", "The security token included in the request is expired", 403)
THROTTLED = Fault("Throttling", "Rate exceeded")
DENIED = Fault("AccessDenied", "User is not authorized to perform this", 403)


class Request(NamedTuple):
    """A request as it arrived."""

    service: str
    operation: str
    arguments: dict[str, Any]

    @property
    def changes(self) -> bool:
        """Whether it may change something."""
        return not READS.match(self.operation)


class Stack:
    """A stack."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{uuid4()}"
        self.status = "REVIEW_IN_PROGRESS"
        self.tags: list[dict[str, str]] = []
        self.parameters: dict[str, str] = {}
        self.change_sets: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.resources: dict[str, dict[str, Any]] = {}
        self.protected = False
        self.plan: list[tuple[float, Callable[[], None]]] = []
        """What happens when, in the order of time."""


class FakeAws:
    """The account, and how it misbehaves."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self.template = template
        self.lock = threading.RLock()
        self.restart()

    def restart(self) -> None:
        self.now = 1_800_000_000.0
        self.account = ACCOUNT
        """Whose credentials they are."""
        self.requests: list[Request] = []
        self.stacks: list[Stack] = []
        self.buckets: dict[str, dict[str, Any]] = {}
        self.databases: dict[str, dict[str, Any]] = {}
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.backups: dict[str, dict[str, Any]] = {}
        self.log_groups: set[str] = set()
        self.groups: dict[str, list[dict[str, str]]] = {}
        self.address_of = ""
        self.instances = 0
        self.intercept: Callable[[Request], Fault | None] = lambda request: None
        """Sees every request first; what it returns is the answer, after the request was executed if it is DROP."""
        self.quirks: set[str] = set()
        """What goes wrong: see where it is asked for."""
        self.deletions_fail = 0
        self.says = ""
        """What the reasons of events say in addition."""

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    # What tests look at.

    def names(self) -> dict[str, list[str]]:
        """What is there, by kind."""
        with self.lock:
            return {
                "stacks": [each.name for each in self.stacks if each.status != "DELETE_COMPLETE"],
                "buckets": [*self.buckets],
                "databases": [*self.databases],
                "snapshots": [*self.snapshots],
                "backups": [*self.backups],
                "log groups": sorted(self.log_groups),
            }

    @property
    def is_empty(self) -> bool:
        return not any(self.names().values())

    def changes(self) -> list[Request]:
        return [each for each in self.requests if each.changes]

    def operations(self) -> list[str]:
        return [each.operation for each in self.requests]

    # The server.

    def answer(self, service: str, operation: str, arguments: dict[str, Any]) -> Any:
        """The answer to a request, as the API's model has it; raises ``Fault``."""
        with self.lock:
            request = Request(service, operation, arguments)
            self.requests.append(request)
            self._settle()
            fault = self.intercept(request)
            if fault and fault is not DROP:
                raise fault
            answer = getattr(self, f"_{operation}")(**arguments)
            if fault:
                raise fault
            return answer

    def _settle(self) -> None:
        """Let everything happen whose time has come."""
        for stack in self.stacks:
            while stack.plan and stack.plan[0][0] <= self.now:
                stack.plan.pop(0)[1]()

    # CloudFormation.

    def _stack(self, name: str) -> Stack:
        found = [
            each for each in self.stacks if each.id == name or (each.name == name and each.status != "DELETE_COMPLETE")
        ]
        if not found:
            raise Fault("ValidationError", f"Stack with id {name} does not exist")
        return found[-1]

    def _event(self, stack: Stack, resource: str, status: str, reason: str = "") -> None:
        type = self.template["Resources"].get(resource, {}).get("Type", "AWS::CloudFormation::Stack")
        physical = (
            stack.id if resource == stack.name else stack.resources.get(resource, {}).get("PhysicalResourceId", "")
        )
        stack.events.append(
            {
                "StackId": stack.id,
                "EventId": str(uuid4()),
                "StackName": stack.name,
                "LogicalResourceId": resource,
                "PhysicalResourceId": physical,
                "ResourceType": type,
                "Timestamp": datetime.fromtimestamp(self.now, timezone.utc),
                "ResourceStatus": status,
                "ResourceStatusReason": f"{reason}{self.says}" if reason or self.says else None,
            }
        )
        if resource == stack.name:
            stack.status = status
        elif resource in stack.resources:
            stack.resources[resource]["ResourceStatus"] = status

    def _plan(self, stack: Stack, *steps: tuple[float, Callable[[], None]]) -> None:
        """Let something happen after so many seconds each, in place of what was planned."""
        stack.plan = [(self.now + seconds, step) for seconds, step in sorted(steps, key=lambda step: step[0])]

    def _say(self, stack: Stack, resource: str, status: str, reason: str = "") -> Callable[[], None]:
        return lambda: self._event(stack, resource, status, reason)

    def _CreateChangeSet(self, StackName: str, ChangeSetName: str, ChangeSetType: str, **given: Any) -> Any:
        if ChangeSetType == "CREATE":
            if any(each.name == StackName and each.status != "DELETE_COMPLETE" for each in self.stacks):
                existing = self._stack(StackName)
                if ChangeSetName in existing.change_sets:
                    raise Fault("AlreadyExistsException", f"ChangeSet {ChangeSetName} cannot be created")
                raise Fault("ValidationError", f"Stack [{StackName}] already exists and cannot be created again")
            assert re.fullmatch("[a-zA-Z][-a-zA-Z0-9]*", StackName)
            assert "TemplateBody" in given or self._has_template(given["TemplateURL"])
            stack = Stack(StackName)
            self.stacks.append(stack)
            self._event(stack, stack.name, "REVIEW_IN_PROGRESS")
        else:
            stack = self._stack(StackName)
            if stack.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
                raise Fault(
                    "ValidationError",
                    f"Stack:{stack.id} is in {stack.status} state and can not be updated.",
                )
            assert given["UsePreviousTemplate"]
        assert given["Capabilities"] == ["CAPABILITY_IAM"]
        if ChangeSetName in stack.change_sets:
            raise Fault("AlreadyExistsException", f"ChangeSet {ChangeSetName} cannot be created")
        values = {
            each["ParameterKey"]: stack.parameters[each["ParameterKey"]]
            if each.get("UsePreviousValue")
            else each["ParameterValue"]
            for each in given["Parameters"]
        }
        resolve_parameters(self.template, values, allow_missing=False)  # raises what CloudFormation would refuse
        defaults = {name: each["Default"] for name, each in self.template["Parameters"].items() if "Default" in each}
        stack.change_sets[ChangeSetName] = {
            "ready": self.now + 20,
            "kind": ChangeSetType,
            "values": {**{name: str(value) for name, value in defaults.items()}, **values},
            "tags": given.get("Tags", []),
        }
        return {"Id": f"arn:{ChangeSetName}", "StackId": stack.id}

    def _has_template(self, url: str) -> bool:
        bucket = urllib.parse.urlsplit(url).hostname or ""
        return any(bucket.startswith(f"{name}.") and "template" in each["keys"] for name, each in self.buckets.items())

    def _DescribeChangeSet(self, StackName: str, ChangeSetName: str) -> Any:
        stack = self._stack(StackName)
        if ChangeSetName not in stack.change_sets:
            raise Fault("ChangeSetNotFound", f"ChangeSet [{ChangeSetName}] does not exist", 404)
        if "refuses change sets" in self.quirks:
            return {"Status": "FAILED", "StatusReason": f"Resource of type X is not supported.{self.says}"}
        ready = stack.change_sets[ChangeSetName]["ready"] <= self.now
        return {"ChangeSetName": ChangeSetName, "Status": "CREATE_COMPLETE" if ready else "CREATE_IN_PROGRESS"}

    def _ExecuteChangeSet(self, StackName: str, ChangeSetName: str, ClientRequestToken: str) -> Any:
        stack = self._stack(StackName)
        change = stack.change_sets[ChangeSetName]
        if change.get("executed"):
            raise Fault("InvalidChangeSetStatus", "ChangeSet cannot be executed in its current status")
        change["executed"] = True
        before, stack.parameters, stack.tags = stack.parameters, change["values"], change["tags"]
        if change["kind"] == "CREATE":
            self._launch(stack)
        else:
            self._update(stack, before)
        return {}

    def _launch(self, stack: Stack) -> None:
        unique = uuid4().hex[:12]
        physical = {
            "Vpc": f"vpc-{unique}",
            "NetworkLogs": f"{stack.name}-NetworkLogs-{unique}",
            "RegistryLogs": f"{stack.name}-RegistryLogs-{unique}",
            "Bucket": stack.parameters["PackageBucket"],
            "BucketPolicy": stack.parameters["PackageBucket"],
            "Database": f"{stack.name}-database-{unique}",
            "ServerGroup": f"{stack.name}-ServerGroup-{unique}",
        }
        database = physical["Database"]

        def begin(resource: str) -> Callable[[], None]:
            def step() -> None:
                stack.resources[resource] = {
                    "LogicalResourceId": resource,
                    "PhysicalResourceId": physical[resource],
                    "ResourceType": self.template["Resources"][resource]["Type"],
                    "LastUpdatedTimestamp": datetime.fromtimestamp(self.now, timezone.utc),
                }
                self._event(stack, resource, "CREATE_IN_PROGRESS")
                if resource == "Bucket":
                    self.buckets[physical[resource]] = {"tags": stack.tags, "keys": ["object"], "versions": 2}
                elif resource in ("NetworkLogs", "RegistryLogs"):
                    self.log_groups.add(physical[resource])
                elif resource == "Database":
                    self.databases[database] = {
                        "DBInstanceIdentifier": database,
                        "DBInstanceStatus": "creating",
                        "DbiResourceId": f"db-{unique.upper()}",
                        "AllocatedStorage": int(stack.parameters["DBStorage"]),
                        "DeletionProtection": False,
                        "MasterUsername": "quilt",
                    }

            return step

        def database_is_there() -> None:
            self.databases[database]["DBInstanceStatus"] = "available"
            self.backups[database] = {
                "DBInstanceIdentifier": database,
                "DbiResourceId": self.databases[database]["DbiResourceId"],
                "Status": "active",
            }
            self.log_groups.add(f"/aws/rds/instance/{database}/postgresql")
            self._event(stack, "Database", "CREATE_COMPLETE")

        def instance() -> None:
            self.groups[physical["ServerGroup"]] = [self._instance()]
            if stack.name == self.stacks[0].name:
                self.address_of = self.groups[physical["ServerGroup"]][0]["InstanceId"]

        steps: list[tuple[float, Callable[[], None]]] = [(1, self._say(stack, stack.name, "CREATE_IN_PROGRESS"))]
        for number, resource in enumerate(("Vpc", "NetworkLogs", "RegistryLogs", "Bucket", "BucketPolicy")):
            steps += [(5 + number, begin(resource)), (15 + number, self._say(stack, resource, "CREATE_COMPLETE"))]
        steps += [(30, begin("Database")), (600, database_is_there), (610, begin("ServerGroup"))]
        if stack.parameters["SmtpHost"] == "mail.invalid" or "launch fails" in self.quirks:
            steps += self._failure(stack, "CREATE", 900)
            end = "ROLLBACK_FAILED" if "rollback fails" in self.quirks else "ROLLBACK_COMPLETE"
            steps += [(920, self._say(stack, stack.name, "ROLLBACK_IN_PROGRESS", "The following resource(s) failed"))]
            steps += [
                (1200, lambda: self._delete_resources(stack, rolled_back=True)),
                (1201, self._say(stack, stack.name, end)),
            ]
        else:
            steps += [
                (899, instance),
                (900, self._say(stack, "ServerGroup", "CREATE_COMPLETE")),
                (910, self._say(stack, stack.name, "CREATE_COMPLETE")),
                (1000, lambda: self._protect(stack)),
            ]
        self._plan(stack, *steps)

    def _failure(self, stack: Stack, operation: str, at: float) -> list[tuple[float, Callable[[], None]]]:
        instance = f"i-{uuid4().hex[:17]}"
        step = "" if "plain signals" in self.quirks else "-failed-in-step-try-mail"
        reason = f"Received FAILURE signal with UniqueId {instance}{step}"
        return [
            (at - 1, self._say(stack, "ServerGroup", f"{operation}_IN_PROGRESS", reason)),
            (at, self._say(stack, "ServerGroup", f"{operation}_FAILED", "Received 1 FAILURE signal(s) out of 1.")),
        ]

    def _instance(self) -> dict[str, str]:
        self.instances += 1
        return {"InstanceId": f"i-{self.instances:017x}", "LifecycleState": "InService"}

    def _protect(self, stack: Stack) -> None:
        if "protects nothing" in self.quirks:
            return
        stack.protected = True
        self.databases[stack.resources["Database"]["PhysicalResourceId"]]["DeletionProtection"] = True

    def _update(self, stack: Stack, before: dict[str, str]) -> None:
        database = self.databases[stack.resources["Database"]["PhysicalResourceId"]]
        changed = {name: value for name, value in stack.parameters.items() if before[name] != value}
        start = (1, self._say(stack, stack.name, "UPDATE_IN_PROGRESS"))
        if "SmtpHost" in changed:
            stack.parameters = before
            end = "UPDATE_ROLLBACK_FAILED" if "rollback fails" in self.quirks else "UPDATE_ROLLBACK_COMPLETE"
            group = self.groups[stack.resources["ServerGroup"]["PhysicalResourceId"]]

            def rolled_back() -> None:
                if "a rollback replaces the instance" in self.quirks:
                    group[:] = [self._instance()]
                self._event(stack, stack.name, end)

            self._plan(
                stack,
                start,
                *self._failure(stack, "UPDATE", 400),
                (410, self._say(stack, stack.name, "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed")),
                (500, self._say(stack, "ServerGroup", "UPDATE_COMPLETE")),
                (510, self._say(stack, stack.name, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")),
                (520, rolled_back),
            )
            return

        def apply() -> None:
            database["AllocatedStorage"] = int(stack.parameters["DBStorage"])
            database["DBInstanceStatus"] = "storage-optimization" if "DBStorage" in changed else "available"
            if {f"another {name} replaces the database" for name in changed} & self.quirks:
                database["DbiResourceId"] += "X"
            self._event(stack, "Database", "UPDATE_COMPLETE")

        self._plan(
            stack,
            start,
            (10, self._say(stack, "Database", "UPDATE_IN_PROGRESS")),
            (300, apply),
            (310, self._say(stack, stack.name, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")),
            (320, self._say(stack, stack.name, "UPDATE_COMPLETE")),
            (400, lambda: self._protect(stack)),
        )

    def _CancelUpdateStack(self, StackName: str) -> Any:
        stack = self._stack(StackName)
        if stack.status != "UPDATE_IN_PROGRESS":
            raise Fault("ValidationError", "CancelUpdateStack cannot be called from current stack status")
        self._plan(
            stack,
            (1, self._say(stack, stack.name, "UPDATE_ROLLBACK_IN_PROGRESS")),
            (200, self._say(stack, stack.name, "UPDATE_ROLLBACK_COMPLETE")),
        )
        return {}

    def _UpdateTerminationProtection(self, StackName: str, EnableTerminationProtection: bool) -> Any:
        stack = self._stack(StackName)
        stack.protected = EnableTerminationProtection
        return {"StackId": stack.id}

    def _DeleteStack(self, StackName: str) -> Any:
        stack = self._stack(StackName)
        if stack.status == "DELETE_COMPLETE":
            return {}
        if stack.protected and "protection does not protect" not in self.quirks:
            raise Fault(
                "ValidationError",
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled",
            )
        if stack.status.endswith("_IN_PROGRESS") and stack.status not in ("REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS"):
            raise Fault("ValidationError", f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
        never_made = stack.status == "REVIEW_IN_PROGRESS"
        later = [step for step in stack.plan if step[1].__name__ == "database_is_there"]
        self._event(stack, stack.name, "DELETE_IN_PROGRESS")
        if never_made:
            self._event(stack, stack.name, "DELETE_COMPLETE")
            return {}

        def end() -> None:
            database = self.databases.get(stack.resources.get("Database", {}).get("PhysicalResourceId", ""))
            if database and (database["DBInstanceStatus"] == "creating" or database["DeletionProtection"]):
                self._event(stack, "Database", "DELETE_FAILED", "Cannot delete the DB instance")
                self._event(
                    stack, stack.name, "DELETE_FAILED", "The following resource(s) failed to delete: [Database]."
                )
            elif self.deletions_fail:
                self.deletions_fail -= 1
                self._event(stack, stack.name, "DELETE_FAILED", "The following resource(s) failed to delete: [Vpc].")
            else:
                self._delete_resources(stack, rolled_back=False)
                self._event(stack, stack.name, "DELETE_COMPLETE")

        self._plan(stack, (240, end))
        stack.plan = sorted([*stack.plan, *later], key=lambda step: step[0])
        return {}

    def _delete_resources(self, stack: Stack, *, rolled_back: bool) -> None:
        for name, resource in stack.resources.items():
            physical = resource["PhysicalResourceId"]
            policy = self.template["Resources"][name].get("DeletionPolicy", "Delete")
            if name == "RegistryLogs" and "deletes logs" in self.quirks:
                self.log_groups.discard(physical)
                policy = "Delete"
            if policy == "Retain" or (policy == "RetainExceptOnCreate" and not rolled_back):
                self._event(stack, name, "DELETE_SKIPPED")
                continue
            if name == "Bucket":
                self.buckets.pop(physical, None)
            if name == "Database" and physical in self.databases:
                gone = self.databases.pop(physical)
                self.backups[physical]["Status"] = "retained"
                if "leaves no snapshot" not in self.quirks:
                    self._take(f"{physical}-final", gone)
            self._event(stack, name, "DELETE_COMPLETE")

    def _DescribeStacks(self, StackName: str) -> Any:
        stack = self._stack(StackName)
        outputs = {
            "LoadBalancerDNSName": f"{stack.name}.elb.example.com",
            "EC2InstanceIp": ADDRESS if stack is self.stacks[0] else "198.51.100.8",
        }
        found = {
            "StackId": stack.id,
            "StackName": stack.name,
            "CreationTime": datetime.fromtimestamp(self.now, timezone.utc),
            "StackStatus": stack.status,
            "Tags": stack.tags,
            "EnableTerminationProtection": stack.protected,
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        }
        return {"Stacks": [found]}

    def _DescribeStackEvents(self, StackName: str, NextToken: str = "0") -> Any:
        events, start = self._stack(StackName).events[::-1], int(NextToken)
        page = {"StackEvents": events[start : start + 10]}  # AWS's has 100: here, a launch has several
        return page | ({"NextToken": str(start + 10)} if start + 10 < len(events) else {})

    def _ListStackResources(self, StackName: str) -> Any:
        if self._stack(StackName).status == "REVIEW_IN_PROGRESS":
            raise Fault("ValidationError", f"Stack with id {StackName} does not exist")
        return {"StackResourceSummaries": [*self._stack(StackName).resources.values()]}

    # RDS.

    def _take(self, name: str, database: dict[str, Any]) -> None:
        self.snapshots[name] = {
            "DBSnapshotIdentifier": name,
            "DBInstanceIdentifier": database["DBInstanceIdentifier"],
            "Status": "available",
            "MasterUsername": "quilt",
            "Encrypted": "snapshots are not encrypted" not in self.quirks,
            "AllocatedStorage": database["AllocatedStorage"],
            "ready": self.now + 200,
        }

    def _DescribeDBInstances(self, DBInstanceIdentifier: str) -> Any:
        if DBInstanceIdentifier not in self.databases:
            raise Fault("DBInstanceNotFound", f"DBInstance {DBInstanceIdentifier} not found.", 404)
        return {"DBInstances": [self.databases[DBInstanceIdentifier]]}

    def _ModifyDBInstance(self, DBInstanceIdentifier: str, DeletionProtection: bool, ApplyImmediately: bool) -> Any:
        database = self._DescribeDBInstances(DBInstanceIdentifier)["DBInstances"][0]
        if database["DBInstanceStatus"] == "creating":
            raise Fault("InvalidDBInstanceState", "Database instance is not in available state.")
        database["DeletionProtection"] = DeletionProtection
        return {"DBInstance": database}

    def _CreateDBSnapshot(self, DBSnapshotIdentifier: str, DBInstanceIdentifier: str, Tags: Any) -> Any:
        if DBSnapshotIdentifier in self.snapshots:
            raise Fault("DBSnapshotAlreadyExists", "Cannot create the snapshot")
        database = self._DescribeDBInstances(DBInstanceIdentifier)["DBInstances"][0]
        self._take(DBSnapshotIdentifier, database)
        return {"DBSnapshot": self._snapshot(DBSnapshotIdentifier)}

    def _snapshot(self, name: str) -> dict[str, Any]:
        if name not in self.snapshots:
            raise Fault("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
        found = self.snapshots[name]
        return {**found, "Status": "available" if found["ready"] <= self.now else "creating"}

    def _DescribeDBSnapshots(
        self, DBSnapshotIdentifier: str = "", DBInstanceIdentifier: str = "", SnapshotType: str = ""
    ) -> Any:
        if DBSnapshotIdentifier:
            return {"DBSnapshots": [self._snapshot(DBSnapshotIdentifier)]}
        assert DBInstanceIdentifier
        assert SnapshotType == "manual"
        found = [name for name, each in self.snapshots.items() if each["DBInstanceIdentifier"] == DBInstanceIdentifier]
        return {"DBSnapshots": [self._snapshot(name) for name in found]}

    def _DeleteDBSnapshot(self, DBSnapshotIdentifier: str) -> Any:
        if self._snapshot(DBSnapshotIdentifier)["Status"] != "available":
            raise Fault("InvalidDBSnapshotState", "The snapshot is not in available state.")
        return {"DBSnapshot": self.snapshots.pop(DBSnapshotIdentifier)}

    def _DescribeDBInstanceAutomatedBackups(self, DBInstanceIdentifier: str) -> Any:
        found = self.backups.get(DBInstanceIdentifier)
        return {"DBInstanceAutomatedBackups": [found] if found else []}

    def _DeleteDBInstanceAutomatedBackup(self, DbiResourceId: str) -> Any:
        for name, each in self.backups.items():
            if each["DbiResourceId"] == DbiResourceId:
                return {"DBInstanceAutomatedBackup": self.backups.pop(name)}
        raise Fault("DBInstanceAutomatedBackupNotFound", f"No automated backup of {DbiResourceId}", 404)

    # EC2, Auto Scaling, Logs, STS.

    def _TerminateInstances(self, InstanceIds: list[str]) -> Any:
        [name] = InstanceIds
        group = next(group for group in self.groups.values() if any(each["InstanceId"] == name for each in group))
        stack = self.stacks[0]
        group[0]["LifecycleState"] = "Terminating"

        def heal() -> None:
            group[:] = [self._instance()]
            self.address_of = group[0]["InstanceId"]

        if "never heals" not in self.quirks:
            self._plan(stack, (400, heal))
        return {"TerminatingInstances": [{"InstanceId": name}]}

    def _DescribeAddresses(self, PublicIps: list[str]) -> Any:
        assert PublicIps == [ADDRESS]
        return {"Addresses": [{"PublicIp": ADDRESS, "InstanceId": self.address_of}]}

    def _DescribeAutoScalingGroups(self, AutoScalingGroupNames: list[str]) -> Any:
        [name] = AutoScalingGroupNames
        group: dict[str, Any] = {"AutoScalingGroupName": name, "MinSize": 1, "MaxSize": 2, "DesiredCapacity": 1}
        group |= {"DefaultCooldown": 300, "AvailabilityZones": ["us-east-1a"], "HealthCheckType": "ELB"}
        more = {"AvailabilityZone": "us-east-1a", "HealthStatus": "Healthy", "ProtectedFromScaleIn": False}
        return {"AutoScalingGroups": [{**group, "Instances": [{**each, **more} for each in self.groups[name]]}]}

    def _DescribeLogGroups(self, logGroupNamePrefix: str) -> Any:
        found = sorted(each for each in self.log_groups if each.startswith(logGroupNamePrefix))
        return {"logGroups": [{"logGroupName": each} for each in found]}

    def _DeleteLogGroup(self, logGroupName: str) -> Any:
        if logGroupName not in self.log_groups:
            raise Fault("ResourceNotFoundException", "The specified log group does not exist.")
        self.log_groups.remove(logGroupName)
        return {}

    def _GetCallerIdentity(self) -> Any:
        return {"Account": self.account, "Arn": f"arn:aws:iam::{self.account}:user/somebody", "UserId": "AIDAEXAMPLE"}

    # S3.

    def _CreateBucket(self, Bucket: str, Tags: list[dict[str, str]], LocationConstraint: str = "") -> Any:
        if Bucket in self.buckets:
            raise Fault("BucketAlreadyOwnedByYou", "The bucket exists.", 409)
        self.buckets[Bucket] = {"tags": Tags, "keys": [], "versions": 1}
        return {}

    def _bucket(self, name: str) -> dict[str, Any]:
        if name not in self.buckets:
            raise Fault("NoSuchBucket", "The specified bucket does not exist", 404)
        return self.buckets[name]

    def _PutObject(self, Bucket: str, Key: str) -> Any:
        self._bucket(Bucket)["keys"].append(Key)
        return {}

    def _GetBucketTagging(self, Bucket: str) -> Any:
        tags = self._bucket(Bucket)["tags"]
        if not tags:
            raise Fault("NoSuchTagSet", "The TagSet does not exist", 404)
        return {"TagSet": tags}

    def _ListObjectVersions(self, Bucket: str) -> Any:
        bucket = self._bucket(Bucket)
        versions = [
            {"Key": key, "VersionId": str(number)} for key in bucket["keys"] for number in range(bucket["versions"])
        ]
        return {"Name": Bucket, "Versions": versions}

    def _DeleteObjects(self, Bucket: str, Keys: list[str]) -> Any:
        bucket = self._bucket(Bucket)
        bucket["keys"] = [key for key in bucket["keys"] if key not in Keys]
        return {}

    def _DeleteBucket(self, Bucket: str) -> Any:
        if self._bucket(Bucket)["keys"]:
            raise Fault("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
        del self.buckets[Bucket]
        return {}


class DirectClient:
    """A client of a service that asks the account without HTTP; botocore's model still checks each request."""

    def __init__(self, aws: FakeAws, real: Any) -> None:
        self.meta = real.meta
        self._aws = aws

    def __getattr__(self, name: str) -> Callable[..., Any]:
        model = operation_model(self.meta.service_model.service_name, self.meta.method_to_api_mapping[name])

        def call(**arguments: Any) -> Any:
            report = ParamValidator().validate(arguments, model.input_shape)
            assert not report.has_errors(), report.generate_report()
            try:
                answer = self._aws.answer(model.service_model.service_name, model.name, plain(arguments))
            except Fault as fault:
                if fault is DROP:
                    raise ConnectionClosedError(endpoint_url="http://127.0.0.1") from None
                about: Any = {"Error": {"Code": fault.code, "Message": fault.message}}
                about["ResponseMetadata"] = {"HTTPStatusCode": fault.status}
                raise ClientError(about, model.name) from None
            return copy.deepcopy(answer)

        return call


def plain(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of S3 as the account takes them, and those of every other service as they are."""
    changed = {key: value for key, value in arguments.items() if key not in _OF_S3}
    if "CreateBucketConfiguration" in arguments:
        changed |= arguments["CreateBucketConfiguration"]
    if "Delete" in arguments:
        changed["Keys"] = [each["Key"] for each in arguments["Delete"]["Objects"]]
    return changed


_OF_S3 = {"Body", "MaxKeys", "Delete", "CreateBucketConfiguration"}


class AwsHandler(Handler):
    """Reads a request and writes the answer, in the format of its API."""

    server: AwsServer

    def answer(self, body: bytes) -> Reply | None:
        if self.path.startswith("/clock"):
            self.server.aws.sleep(float(self.path.partition("?")[2] or 0))
            return Reply(200, [], str(self.server.aws.now).encode())
        service, operation, arguments = self._request(body)
        model = operation_model(service, operation)
        try:
            return self._good(model, self.server.aws.answer(service, operation, arguments))
        except Fault as fault:
            return None if fault is DROP else self._bad(service, fault)

    def _request(self, body: bytes) -> tuple[str, str, dict[str, Any]]:
        if target := self.headers.get("X-Amz-Target"):
            return "logs", target.partition(".")[2], json.loads(body)
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            values = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
            service = QUERY.get(values["Version"], "ec2")
            model = operation_model(service, values["Action"])
            parser = EC2QueryParser if service == "ec2" else QueryParser
            return service, values["Action"], parser(model, map_type=dict).parse({"values": values})  # type: ignore[typeddict-item]
        return "s3", *self._s3(body.decode(errors="replace"))

    def _s3(self, body: str) -> tuple[str, dict[str, Any]]:
        path, _, query = self.path.partition("?")
        bucket, _, key = path.strip("/").partition("/")
        where: dict[str, Any] = {"Bucket": bucket}
        if self.command == "PUT" and not key:
            tags = re.findall("<Key>(.*?)</Key><Value>(.*?)</Value>", body)
            return "CreateBucket", {**where, "Tags": [{"Key": name, "Value": value} for name, value in tags]}
        if self.command == "PUT":
            return "PutObject", {**where, "Key": key}
        if self.command == "POST":
            return "DeleteObjects", {**where, "Keys": re.findall("<Key>(.*?)</Key>", body)}
        if self.command == "DELETE":
            return "DeleteBucket", where
        return "GetBucketTagging" if query.startswith("tagging") else "ListObjectVersions", where

    def _good(self, model: OperationModel, answer: Any) -> Reply:
        service = model.service_model.service_name
        if service == "logs":
            return Reply(200, [("Content-Type", "application/x-amz-json-1.1")], json.dumps(answer).encode())
        serializer = {"ec2": EC2Serializer, "s3": S3Serializer}.get(service, QuerySerializer)(model)
        written = serializer.serialize(answer)
        return Reply(written["status_code"], [("Content-Type", "text/xml")], str(written["body"]).encode())

    def _bad(self, service: str, fault: Fault) -> Reply:
        if service == "logs":
            body = json.dumps({"__type": fault.code, "message": fault.message})
            return Reply(fault.status, [("Content-Type", "application/x-amz-json-1.1")], body.encode())
        message = fault.message.replace("&", "&amp;").replace("<", "&lt;")
        inner = f"<Code>{fault.code}</Code><Message>{message}</Message>"
        around = {
            "s3": f"<Error>{inner}</Error>",
            "ec2": f"<Response><Errors><Error>{inner}</Error></Errors></Response>",
        }.get(service, f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error></ErrorResponse>")
        return Reply(fault.status, [("Content-Type", "text/xml")], f'<?xml version="1.0"?>\n{around}'.encode())


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    return get_service_model(service).operation_model(operation)


class AwsServer(Server):
    """Serves a ``FakeAws``."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, aws: FakeAws) -> None:
        super().__init__(AwsHandler)
        self.aws = aws
