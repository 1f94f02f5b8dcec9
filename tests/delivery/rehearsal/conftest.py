"""An AWS, the sites of its stacks, and a rehearsal of the registry edition in it, for every test."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quilt_cfn.cloudformation.template.write import to_compact_json
from quilt_cfn.delivery.rehearsal import execute, plan, web
from quilt_cfn.delivery.rehearsal.account import Account, Clock, connect, hiding
from quilt_cfn.inputs.contract import read_contract
from tests.delivery.publish.conftest import nothing_reaches_aws
from tests.delivery.publish.servers import Reply, enter
from tests.delivery.publish.web import WebServer
from tests.delivery.rehearsal.fake_aws import ACCOUNT, REGION, AwsServer, DirectClient, FakeAws

__all__ = ["nothing_reaches_aws"]  # the fixture of publishing serves here as well

SECRETS = {"DBPassword": "pl4nted-Db-p4ssword", "SmtpUsername": "pl4nted-user", "SmtpPassword": "pl4nted'\\<mail"}
"""Planted, to be found wherever it must not be."""


@pytest.fixture(scope="session")
def values(document: dict[str, Any]) -> dict[str, str]:
    """The documented values of the parameters, with secrets of the tests' own."""
    documented = read_contract().parameter_sets["documented"].items()
    return {**{name: str(value) for name, value in documented if name in document["Parameters"]}, **SECRETS}


@pytest.fixture(scope="session")
def document(templates: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return json.loads(to_compact_json(templates["registry"]))  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def server(document: dict[str, Any]) -> Iterator[AwsServer]:
    with AwsServer(FakeAws(document)) as server:
        yield server


@pytest.fixture(scope="session")
def connected(server: AwsServer) -> Iterator[Account]:
    """The clients, made once. They try nothing twice: that would take real time."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        enter(server.url, monkeypatch)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield connect(REGION)


@pytest.fixture
def aws(server: AwsServer) -> FakeAws:
    """An account in which there is nothing."""
    server.aws.restart()
    return server.aws


@pytest.fixture
def account(connected: Account, aws: FakeAws) -> Account:
    """The account without HTTP, in which a whole rehearsal takes a tenth of a second."""
    clients = {service: DirectClient(aws, real) for service, real in connected.clients.items()}
    return Account(REGION, clients, Clock(lambda: aws.now, aws.sleep), hiding([*SECRETS.values()]))


@pytest.fixture
def served_account(connected: Account, account: Account) -> Account:
    """The account by HTTP."""
    return account._replace(clients=connected.clients)


@pytest.fixture(scope="session")
def tls(values: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of both host names, signed by itself."""
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    names = f"subjectAltName=DNS:{values['RegistryHost']},DNS:{values['CatalogHost']}"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
    command += ["-subj", "/CN=tests", "-addext", names, "-keyout", "-", "-out", "-"]
    path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return path


class Sites:
    """Both sites behind a load balancer, and how they answer."""

    def __init__(self) -> None:
        self.answers = {
            "/healthcheck": Reply(200, [], b"ok"),
            "/api/login": Reply(401, [], b"{}"),
            "/": Reply(200, [], b"<!doctype html><html></html>"),
        }
        self.redirection = Reply(301, [], b"")


@pytest.fixture
def sites() -> Sites:
    return Sites()


@pytest.fixture
def doors(tls: Path, sites: Sites, values: dict[str, str]) -> Iterator[web.Doors]:
    sites.redirection = Reply(301, [("Location", f"https://{values['CatalogHost']}/")], b"")
    with (
        WebServer(tls, lambda path: sites.answers[path]) as https,
        WebServer(None, lambda path: sites.redirection) as http,
    ):
        yield web.Doors(
            https.server_port,
            http.server_port,
            lambda: ssl.create_default_context(cafile=tls),
            lambda name: "127.0.0.1" if name.endswith(".elb.example.com") else "192.0.2.1",
        )


@pytest.fixture
def request_(tmp_path: Path, document: dict[str, Any], values: dict[str, str]) -> execute.Request:
    """What the tests rehearse."""
    return execute.Request(
        account=ACCOUNT,
        name="quilt-trial",
        edition="registry",
        version="1.1.0",
        journal=tmp_path / "trial.jsonl",
        template=json.dumps(document).encode(),
        document=document,
        values=values,
        spend=1000,
    )


class Rehearsal:
    """Runs rehearsals, and keeps what they say."""

    def __init__(self, account: Account, doors: web.Doors, request: execute.Request) -> None:
        self.account, self.doors, self.request = account, doors, request
        self.said: list[str] = []
        self.images = ["docker.io/example/registry has sha256:1, for linux/amd64."]

    def run(self, only: str | None = None, start: str | None = None) -> bool:
        planned = plan.make_plan(self.request.document, self.request.values, REGION, only, start)
        return execute.rehearse(
            self.request,
            planned,
            self.account,
            lambda: self.images,
            self.said.append,
            execute.Terminal(lambda: False),
            self.doors,
        )

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.request.journal.read_text().splitlines()]

    @property
    def results(self) -> dict[str, str]:
        return {each["step"]: each["result"] for each in self.entries if "result" in each}

    def why(self, step: str) -> str:
        return str(next(each["why"] for each in reversed(self.entries) if each.get("step") == step and "why" in each))

    @property
    def report(self) -> str:
        return execute.report_path(self.request.journal).read_text()


@pytest.fixture
def rehearsal(account: Account, request_: execute.Request, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    """A rehearsal whose sites answer as they should, without being asked, and that does not wait for the disk."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setattr(web, "faults", lambda *arguments: iter(()))
    return Rehearsal(account, web.Doors(), request_)


@pytest.fixture
def whole_rehearsal(served_account: Account, doors: web.Doors, request_: execute.Request) -> Rehearsal:
    """A rehearsal that asks AWS and the sites by HTTP."""
    return Rehearsal(served_account, doors, request_)
