"""The AWS CLI for commands of the documentation: the real one, which can reach nothing but this computer.

A process loads it once and forks for every command, because loading takes most of its time. What a command asks is
recorded. moto answers for the services that it knows well. CloudFormation answers from what ``Stack`` says of our own
template, so that a logical ID or an output that does not exist is an error; every other service answers with an example
that its API's model gives.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

MOTO = {"iam", "kms", "logs", "rds", "s3", "secretsmanager", "sts"}
NOT_OF_MOTO = {
    # moto has no backups in another Region, and gives a backup that ends a state of its own.
    "DeleteDBInstanceAutomatedBackup",
    "DescribeDBInstanceAutomatedBackups",
    "ModifyDBSnapshot",
    "SourceDBInstanceAutomatedBackupsArn",
    "SourceRegion",
}
"""Operations and parameters."""
AFTER = {
    "CreateStack": "CREATE_COMPLETE",
    "ExecuteChangeSet": "UPDATE_COMPLETE",
    "CancelUpdateStack": "UPDATE_ROLLBACK_COMPLETE",
    "DeleteStack": "DELETE_COMPLETE",
}
"""What a stack comes to, which a waiter then sees."""


class Stack(NamedTuple):
    """What CloudFormation says about every stack, until it is deleted."""

    resources: Mapping[str, str]
    """Logical ID -> physical ID."""
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]


class Call(NamedTuple):
    """An operation that a command called."""

    service: str
    operation: str
    parameters: dict[str, Any]


class Cli(NamedTuple):
    """The commands' folder for PATH, and what they called."""

    folder: Path
    record: Path

    @property
    def calls(self) -> list[Call]:
        return [Call(*json.loads(line)) for line in self.record.read_text(encoding="utf-8").splitlines()]


@contextmanager
def serve_cli(folder: Path, stack: Stack) -> Iterator[Cli]:
    """A folder with a program ``aws``, as long as the context lasts."""
    tools = folder / "tools"
    tools.mkdir()
    record, address = folder / "calls", folder / "socket"
    record.touch()
    (folder / "stack.json").write_text(json.dumps(stack._asdict()), encoding="utf-8")
    (tools / "aws").write_text(f"#!{sys.executable} -IS\n{_CLIENT.replace('ADDRESS', repr(str(address)))}")
    (tools / "aws").chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.aws_cli", str(folder)],
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin
        assert process.stdout
        try:
            assert process.stdout.readline() == "ready\n"
            yield Cli(tools, record)
        finally:
            process.stdin.close()


_CLIENT = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(ADDRESS)
    request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(request)
    sys.exit(server.recv(1)[0])
"""
"""Hands a command over, with its standard streams; it ends with the command's exit code."""


def example(shape: Any, seen: tuple[str, ...] = ()) -> Any:
    """An answer of a shape, with one member in each list."""
    if shape is None or shape.name in seen:
        return None
    inside = (*seen, shape.name)
    if shape.type_name == "structure":
        return {name: example(each, inside) for name, each in shape.members.items() if not _MORE.fullmatch(name)}
    if shape.type_name == "list":
        return [example(shape.member, inside)]
    text = "text".ljust(shape.metadata.get("min", 0), "x")  # the CLI looks at the length of what it is given again
    return {"string": text, "boolean": True, "timestamp": "2027-01-01"}.get(shape.type_name, 1)


_MORE = re.compile("(Next|Pagination|Continuation)?(Token|Marker)|IsTruncated")
"""What says that there is more."""

# What the process does.


class _Answers:
    """Records what one command calls, and answers what moto does not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack = Stack(**json.loads((folder / "stack.json").read_text(encoding="utf-8")))
        self.parameters: dict[str, Any] = {}

    def see(self, params: dict[str, Any], **_: Any) -> None:
        self.parameters = params

    def answer(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]] | None:
        service, operation = model.service_model.service_name, model.name
        status = AFTER.get(operation)
        if status:
            (self.folder / "status").write_text(status, encoding="utf-8")
        with (self.folder / "calls").open("a", encoding="utf-8") as file:
            file.write(json.dumps([service, operation, self.parameters], default=str) + "\n")
        if service in MOTO and not NOT_OF_MOTO & {operation, *self.parameters}:
            return None
        parsed = self.cloudformation(operation) if service == "cloudformation" else None
        if parsed is None:
            parsed = example(model.output_shape) or {}
        code = 400 if "Error" in parsed else 200
        return SimpleNamespace(status_code=code, headers={}), {**parsed, "ResponseMetadata": {"HTTPStatusCode": code}}

    def cloudformation(self, operation: str) -> dict[str, Any] | None:
        file = self.folder / "status"
        status = file.read_text(encoding="utf-8") if file.exists() else "UPDATE_COMPLETE"
        if operation == "DescribeStackResource":
            name = self.parameters["LogicalResourceId"]
            if name not in self.stack.resources or status == "DELETE_COMPLETE":
                message = f"Resource {name} does not exist for stack"
                return {"Error": {"Code": "ValidationError", "Message": message}}
            return {"StackResourceDetail": {"PhysicalResourceId": self.stack.resources[name]}}
        if operation == "DescribeStacks":
            if status == "DELETE_COMPLETE" and "StackName" not in self.parameters:
                return {"Stacks": []}
            return {
                "Stacks": [
                    {
                        "StackName": self.parameters.get("StackName", "quilt"),
                        "StackStatus": status,
                        "EnableTerminationProtection": True,
                        "Parameters": [
                            {"ParameterKey": name, "ParameterValue": value}
                            for name, value in self.stack.parameters.items()
                        ],
                        "Outputs": [
                            {"OutputKey": name, "OutputValue": value} for name, value in self.stack.outputs.items()
                        ],
                    }
                ]
            }
        if operation == "DescribeChangeSet":
            change = {"LogicalResourceId": "ServerTemplate", "Action": "Modify", "Replacement": "False"}
            return {"Status": "CREATE_COMPLETE", "StatusReason": "text", "Changes": [{"ResourceChange": change}]}
        return None


def _command(arguments: list[str], folder: Path, driver: Any) -> int:
    """Run a command of the AWS CLI in this process; its exit code."""
    if arguments[1:2] == ["wait"] and arguments[0] not in ("cloudformation", "rds"):
        return 0  # an example of a model is in no state that a waiter waits for
    answers = _Answers(folder)
    driver.session.register("provide-client-params", answers.see)
    driver.session.register("before-call", answers.answer)
    try:
        # Not every service heeds AWS_ENDPOINT_URL: RDS does not.
        return int(driver.main([*arguments, "--endpoint-url", os.environ["AWS_ENDPOINT_URL"]]))
    except SystemExit as error:
        return int(error.code or 0)


def _fork(connection: socket.socket, folder: Path, driver: Any) -> None:
    """Read one request, and have a child of this process execute it."""
    length, descriptors, _, _ = socket.recv_fds(connection, 8, 3)
    request = b""
    while len(request) < int.from_bytes(length, "big"):
        request += connection.recv(1 << 20)
    arguments, working_folder, environment = json.loads(request)
    if os.fork():
        for descriptor in descriptors:
            os.close(descriptor)
        return
    code = 255
    try:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        os.chdir(working_folder)
        data = os.environ["AWS_DATA_PATH"]  # where the CLI has its own data, set by its package
        os.environ.clear()
        os.environ.update({**environment, "AWS_DATA_PATH": data})
        code = _command(arguments, folder, driver)
    except BaseException:  # a child must not come back to the loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(bytes([code]))
        os._exit(0)


def main(folder: Path) -> None:
    """Serve until standard input ends, as it does when whoever started this process goes."""
    import select
    import signal

    from awscli.clidriver import create_clidriver  # type: ignore[import-untyped]  # it ships no types

    # Read once, for every child.
    driver = create_clidriver()
    for service in (*MOTO, "cloudformation"):
        driver.session.create_client(service, "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
        server.listen(64)
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([server.fileno(), 0], [], [])
            if 0 in ready:
                return
            connection, _ = server.accept()
            with connection:
                _fork(connection, folder, driver)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
