"""Every command of the documentation is executed by a test, or the reason why not stands here.

The pages of the guide are executed as they are, each from top to bottom in one shell, with the real AWS CLI against
stand-ins for AWS. What stands before a command there, and what a reader fills in, is below.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import jmespath  # type: ignore[import-untyped]  # it ships no types
import pytest
from awscli.customizations.cloudformation.deploy import DeployCommand  # type: ignore[import-untyped]
from awscli.customizations.ecr import ECRGetLoginPassword  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.model import OperationModel, Shape

from quilt_cfn.cli import make_parser
from quilt_cfn.cloudformation.analysis.policy_documents import IDENTITY, PolicyDocument, policy_errors
from quilt_cfn.editions import REGISTRY
from tests.aws_cli import Call, Cli, Stack, example, serve_cli
from tests.delivery.publish.servers import Reply, aws_variables, client, serve_s3
from tests.delivery.publish.web import WebServer, make_certificate
from tests.documents import FRAGMENTS, GUIDE, ROOT, Block, pages
from tests.launches import DOCUMENTED

GLOBAL_OPTIONS = {"--no-paginate", "--output", "--query", "--region"}
"""What every command takes: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html."""
OF_THE_CLI_ALONE = {"s3": None, "cloudformation deploy": DeployCommand, "ecr get-login-password": ECRGetLoginPassword}
"""Commands that are no operations of an API -> what says which options they have."""

NO_SHELL: Mapping[str, Mapping[str, str]] = {
    "docs/architecture.md": {"release.yaml ": "a diagram", "cli ": "a diagram"},
    "docs/guide/decisions.md": {"{": "a statement of a policy"},
    "docs/guide/monitoring.md": {"fields ": "a query of CloudWatch Logs", "filter ": "a query of CloudWatch Logs"},
    "docs/guide/open-source.md": {"fits: ": "what a command prints"},
    "docs/rehearsal.md": {"{": "a file of parameters"},
    "docs/releasing.md": {"quilt-registry/latest.json": "what a bucket has"},
    "docs/rules.md": {"": "examples of templates, which quilt-cfn check --explain prints"},
}
"""Page -> beginning of a block without a language that has no commands -> what it is."""

LANGUAGES = {"json", "text", "yaml"}
"""Fenced blocks that are for no shell; every other block is."""

RELEASING = "tests/delivery/test_releasing_page.py"
BY_HAND = "tests/boot/test_rotation.py::test_the_documented_way_by_hand"
TRIAL = (
    "tests/delivery/images/test_trial.py::"
    "test_all_of_it_fits_and_what_is_kept_is_removed_by_the_command_that_is_printed"
)
HERE = "tests/test_documented_commands.py::test_the_commands_of_a_page_do_what_it_says"
EXECUTED: Mapping[str, Mapping[str, str]] = {
    "CONTRIBUTING.md": {
        "make test check bench": "they would run this test",
        "make prove": "it would run this test",
        ".ci/run": "it would run this test",
    },
    "README.md": {
        "make template": "it builds and checks: tests/commands/test_build.py, tests/commands/test_check.py",
        "make test": "it would run this test",
        "quilt-cfn build ": "tests/commands/test_build.py::test_build_writes_every_template_to_a_folder",
        "quilt-cfn build registry --output -": "tests/commands/test_build.py::"
        "test_build_prints_nothing_but_the_template_to_standard_output",
        "quilt-cfn build marketplace --format json --compact": "tests/commands/test_build.py::"
        "test_compact_json_is_the_same_template_without_white_space_and_script_comments",
        "quilt-cfn check ": "tests/commands/test_check.py::"
        "test_every_edition_is_checked_in_every_region_and_what_is_suppressed_has_a_reason",
        "quilt-cfn check --linters": "tests/commands/test_lint.py::"
        "test_it_names_the_command_that_replaces_it_and_both_find_the_same",
        "quilt-cfn check stack.yaml": "tests/commands/test_check.py::test_any_template_is_checked_as_one_launch",
        "quilt-cfn check variant.yaml": "tests/commands/test_check.py::"
        "test_a_variant_of_an_edition_is_checked_with_its_contract_in_the_regions_that_are_named",
        "quilt-cfn check --explain": "tests/commands/test_check.py::test_a_rule_is_explained",
        "quilt-cfn diagram": "tests/commands/test_diagram.py",
        "quilt-cfn cost": "tests/commands/test_cost.py::test_the_table_fits_a_terminal_and_ends_in_its_total",
        "quilt-cfn timeline": "tests/commands/test_timeline.py::test_every_line_fits_a_terminal",
        "quilt-cfn permissions": "tests/commands/test_permissions.py::test_it_prints_every_policy_by_its_name",
        "quilt-cfn docs": "tests/commands/test_docs.py::test_a_second_run_changes_nothing",
        "quilt-cfn images resolve": "tests/delivery/images/test_resolve.py::test_as_a_command",
        "quilt-cfn images check": "tests/delivery/images/test_resolve.py::test_as_a_command",
        "quilt-cfn images try": TRIAL,
        "quilt-cfn check-image": "tests/commands/test_check_image.py::test_an_image_as_it_should_be",
        "quilt-cfn release": "tests/delivery/release/test_make.py::"
        "test_the_command_makes_the_same_bytes_of_the_same_commit_whatever_a_killed_run_left",
        "quilt-cfn publish --dry-run": "tests/delivery/publish/test_publish.py::"
        "test_a_dry_run_makes_no_write_call_and_prints_what_a_run_would_write",
        "quilt-cfn publish --check-bucket": "tests/delivery/publish/test_publish.py::"
        "test_a_bucket_is_checked_without_a_write_call",
        "quilt-cfn verify": "tests/delivery/publish/test_publish.py::"
        "test_a_signed_version_names_the_key_and_the_command_that_checks_it_works",
        "quilt-cfn marketplace plan": "tests/delivery/marketplace/test_commands.py::"
        "test_a_plan_is_the_request_as_json_and_calls_nobody",
        "quilt-cfn marketplace submit": "tests/delivery/marketplace/test_commands.py::"
        "test_a_published_version_is_validated_then_applied_and_its_status_and_drift_are_shown",
        "quilt-cfn rehearse --help": "tests/test_cli.py",
    },
    "docs/rehearsal.md": {
        "quilt-cfn rehearse": "tests/delivery/rehearsal/test_command.py::test_the_plan_asks_aws_for_nothing",
        "quilt-cfn rehearse --execute": "tests/delivery/rehearsal/test_command.py::"
        "test_a_rehearsal_in_a_process_of_its_own",
        "quilt-cfn rehearse --clean-up": "tests/delivery/rehearsal/test_command.py::"
        "test_after_a_kill_the_journal_removes_everything",
        "aws ": HERE,
    },
    "docs/releasing.md": {"": RELEASING},
    "docs/guide/dns.md": {"dig ": "takes a public name server and records"},
    "docs/guide/first-administrator.md": {
        "sudo ": "tests/boot/test_boot.py executes it as ec2-user",
        "./create_admin.sh": "tests/boot/test_boot.py",
        "aws ssm start-session ": "takes an instance, and the plugin of Session Manager",
        "ssh ": "takes an instance",
    },
    "docs/guide/launch.md": {
        "quilt-cfn check ": "tests/commands/test_check.py::test_any_template_is_checked_as_one_launch",
    },
    "docs/guide/mail.md": {
        "openssl s_client ": "takes Amazon SES; tests/boot/test_mail.py speaks to a mail service so"
    },
    "docs/guide/people.md": {
        "quilt ": "takes the quilt command and a registry",
        "python3.9 ": "takes Python 3.9",
        "~/quilt/bin/pip ": "takes PyPI",
    },
    "docs/guide/instance.md": {"docker rm ": BY_HAND, "./start.sh": BY_HAND},
    "docs/guide/rotation.md": {
        "docker rm ": BY_HAND,
        "./start.sh": BY_HAND,
        "./rotate_key.sh": "tests/boot/test_rotation.py::"
        "test_the_script_tries_stores_restarts_and_says_when_the_old_key_may_go",
        "docker exec registry grep ": "rotate_key.sh runs it: tests/boot/test_rotation.py",
        "docker exec --interactive registry ": "the step try-mail of the boot runs it: tests/boot/test_mail.py",
    },
    "docs/guide/open-source.md": {
        "quilt-cfn images try": TRIAL,
        "aws ecr get-login-password |": "takes Docker; tests/boot/test_ecr.py logs in so",
        "for name in registry catalog; do\n  docker": "takes Docker and the reader's images",
    },
    "docs/guide/provenance.md": dict.fromkeys(
        (
            "file=",
            "field",
            "type=",
            "{ printf",
            "openssl pkeyutl -verify -pubin -inkey quilt.pub -rawin -in payload.pae",
        ),
        "tests/delivery/release/test_provenance.py::test_the_documented_commands_verify_it_with_openssl_alone",
    ),
    "docs/guide/uploads.md": {"until quilt push ": "takes the quilt command and a registry"},
}
"""Page -> beginning of a command -> the test that executes it, or why none does."""

PREPARED: Mapping[str, str] = {
    "docs/guide/decisions.md": "aws rds create-db-instance --db-instance-identifier NAME --engine postgres "
    "--db-instance-class db.t3.small --allocated-storage 20 --master-username x --master-user-password password",
    "docs/guide/launch.md": "read() { printf -v \"${!#}\" %s 'a-secret'; }\necho '[]' >parameters.json",
    "docs/guide/provenance.md": "openssl genpkey -algorithm ed25519 -out quilt.key\n"
    "openssl pkey -in quilt.key -pubout -out quilt.pub\nsha256sum quilt.pub >SHA256SUMS\n"
    "openssl pkeyutl -sign -inkey quilt.key -rawin -in SHA256SUMS -out SHA256SUMS.sig",
    "docs/guide/rotation.md": "certificate=arn:aws:acm:us-east-1:111122223333:certificate/example\n"
    "touch certificate.pem key.pem chain.pem",
    "docs/guide/time.md": f"cp {ROOT}/templates/quilt-registry.yaml old.yaml\n"
    "sed 's/VolumeSize: 20/VolumeSize: 30/' old.yaml >new.yaml",
    "docs/guide/upgrade.md": "template=https://example-artifacts.s3.us-east-1.amazonaws.com/template.yaml",
}
"""Page -> what its reader has or fills in, as commands."""

BEFORE: Mapping[str, Mapping[str, str]] = {
    "docs/guide/backup.md": {
        "aws s3api delete-object ": "key=objs/alice/deleted; version=$(aws s3api list-object-versions --bucket $bucket "
        "--prefix $key --query 'DeleteMarkers[0].VersionId' --output text)",
    },
    "docs/guide/recovery.md": {
        "aws rds create-db-snapshot --db-instance-identifier quilt-recovery": "aws rds delete-db-snapshot "
        "--db-snapshot-identifier quilt-recovery",  # of the alternative before
        # moto gives a restored database the protection of the first one, whatever the command says.
        "aws rds delete-db-instance ": "aws rds modify-db-instance --db-instance-identifier quilt-recovery "
        "--no-deletion-protection",
        "aws rds copy-db-snapshot --source-db-snapshot-identifier quilt-recovery": "aws kms create-alias --alias-name "
        "alias/YOUR-KEY --target-key-id $(aws kms create-key --query KeyMetadata.KeyId --output text)",
        "aws rds restore-db-instance-to-point-in-time --source-db-instance-automated-backups-arn": "aws rds "
        "create-db-instance --db-instance-identifier quilt-recovery --engine postgres --db-instance-class db.t3.small "
        "--allocated-storage 20 --master-username quilt --master-user-password password",
        "aws s3 sync ": "aws s3 mb s3://OLD-BUCKET; aws s3 mb s3://NEW-BUCKET",
    },
    "docs/guide/removal.md": {
        "user=": "aws iam create-access-key --user-name $(resource RegistryUser)",
        "aws rds describe-db-snapshots --snapshot-type manual --output text": "snapshot=quilt-snapshot-database; "
        "aws rds create-db-snapshot --db-instance-identifier $database --db-snapshot-identifier $snapshot",
        "aws kms ": "backup_key=$(aws kms create-key --region $other --query KeyMetadata.KeyId --output text)",
    },
    "docs/guide/rotation.md": {
        "aws iam update-access-key ": "old_key=$(aws iam list-access-keys --user-name $user "
        "--query 'AccessKeyMetadata[0].AccessKeyId' --output text)",
    },
}
"""Page -> beginning of a command -> what is executed before it: what its reader has found, or decides."""

SHOWS_NOTHING: Mapping[str, tuple[str, ...]] = {
    # moto replicates nothing.
    "docs/guide/backup.md": ("aws s3api head-object ",),
}
"""Page -> beginnings of commands whose answer may be None here."""


# The commands of a page.


class Command(NamedTuple):
    """A complete command of a shell, with all of its lines."""

    text: str
    line: int


@cache
def blocks(name: str) -> list[Block]:
    """The blocks of a page that are for a shell."""
    others = NO_SHELL.get(name, {})
    return [
        block
        for block in pages()[name].blocks
        if block.language not in LANGUAGES and not any(block.text.lstrip().startswith(each) for each in others)
    ]


@cache
def commands(name: str) -> list[Command]:
    """The commands of a page, in its order."""
    found = []
    for block in blocks(name):
        # In a list, a block may be indented by a space or two more.
        margin = min(len(line) - len(line.lstrip()) for line in block.text.splitlines() if line.strip())
        waiting: list[str] = []
        for number, line in enumerate(block.text.splitlines()):
            waiting.append(line[margin:])
            if is_complete("\n".join(waiting)):
                text = "\n".join(waiting)
                if text.strip() and not text.lstrip().startswith("#"):
                    found.append(Command(text, block.line + number - len(waiting) + 1))
                waiting = []
        assert not waiting, f"{name}:{block.line}: bash waits for more: {waiting}"
    return found


@cache
def is_complete(script: str) -> bool:
    """Whether bash could execute this, and does not wait for more."""
    if script.endswith("\\"):
        return False
    done = subprocess.run(["bash", "-n"], input=f"{script}\n", capture_output=True, text=True, check=False)
    return (done.returncode, done.stderr) == (0, "")


def elsewhere(name: str, command: Command) -> str | None:
    """The test that executes a command, or why none does; None if that is here."""
    found = [beginning for beginning in EXECUTED.get(name, {}) if command.text.startswith(beginning)]
    reason = EXECUTED[name][max(found, key=len)] if found else None
    return None if reason == HERE else reason


WITH_COMMANDS = [name for name in pages() if blocks(name) and not name.startswith(f"{FRAGMENTS}/")]
EXECUTED_HERE = [
    name for name in WITH_COMMANDS if name.startswith(f"{GUIDE}/") or HERE in EXECUTED.get(name, {}).values()
]


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_every_block_is_for_a_shell_or_says_what_else_it_is(name):
    assert commands(name)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_shellcheck_finds_nothing_in_the_commands_of_a_page(name):
    # 2016: what is in single quotes is for JMESPath, awk and curl; 2034, 2154: a reader sets and uses variables; 2103,
    # 2164: a reader sees where cd has led.
    script = "\n".join(command.text for command in commands(name))
    options = ["--shell=bash", "--exclude=SC2016,SC2034,SC2103,SC2154,SC2164"]
    done = subprocess.run(["shellcheck", *options, "-"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", [name for name in WITH_COMMANDS if name not in EXECUTED_HERE])
def test_every_command_of_a_page_for_engineers_is_executed_by_a_test_or_has_a_reason(name):
    for command in commands(name):
        assert elsewhere(name, command), f"{name}:{command.line}: say in EXECUTED which test executes {command.text}"


def test_every_entry_is_about_a_page_and_every_test_that_is_named_exists():
    for name, texts in NO_SHELL.items():
        for beginning in texts:
            assert any(block.text.lstrip().startswith(beginning) for block in pages()[name].blocks), (name, beginning)
    for table in (EXECUTED, BEFORE):
        for name, texts in table.items():
            for beginning in texts:
                assert any(command.text.startswith(beginning) for command in commands(name)), (name, beginning)
    assert PREPARED.keys() <= set(EXECUTED_HERE)
    for reason in {reason for texts in EXECUTED.values() for reason in texts.values()}:
        for file, test in re.findall(r"\b(tests/[\w/]+(?:\.py)?)(?:::(\w+))?", reason):
            path = ROOT / file
            assert path.exists(), reason
            assert not test or f"def {test}(" in path.read_text(encoding="utf-8"), reason


# Commands of the AWS CLI: they exist, with their options, and what they show is in the answer.


def aws_commands(text: str) -> Iterator[list[str]]:
    """The words of every command of the AWS CLI in a script; what the shell computes is ``VALUE``."""
    waiting = [re.sub(r"\\\n\s*", " ", text)]
    for script in waiting:
        while inner := _SUBSTITUTION.search(script):
            waiting.append(inner[1])
            script = script.replace(inner[0], "VALUE")
        for found in re.finditer(r"(?:^|[\s|({])(aws [a-z][a-z0-9-]* [a-z].*)", script):
            words = shlex.shlex(found[1], posix=True, punctuation_chars="|;")
            words.whitespace_split = True
            yield list(
                itertools.takewhile(lambda word: word not in ("|", ";") and not word.startswith((">", "</")), words)
            )[1:]


# A command substitution, with others in it that have none.
_SUBSTITUTION = re.compile(r"\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


@cache
def service(name: str) -> Any:
    return botocore.session.get_session().get_service_model("s3" if name == "s3api" else name)


def operation(words: list[str]) -> OperationModel:
    """The operation that a command calls; of a waiter, the one that it repeats."""
    names = {xform_name(each, "-"): each for each in service(words[0]).operation_names}
    if words[1] == "wait":
        waiters = botocore.session.get_session().get_waiter_model(words[0])
        known = {xform_name(each, "-"): each for each in waiters.waiter_names}
        assert words[2] in known, f"{words[0]} has no waiter {words[2]}"
        return service(words[0]).operation_model(waiters.get_waiter(known[words[2]]).operation)
    assert words[1] in names, f"{words[0]} has no command {words[1]}"
    return service(words[0]).operation_model(names[words[1]])


def options(shape: Shape | None) -> set[str]:
    """The options of an operation's members; a switch has its opposite."""
    found = set()
    for name, member in (shape.members if shape else {}).items():
        option = xform_name(name, "-")
        found |= {f"--{option}", f"--no-{option}"} if member.type_name == "boolean" else {f"--{option}"}
    return found


def check(words: list[str], whole: bool = True) -> None:
    """A command of the AWS CLI exists with its options; a whole one has what it needs, and shows what is there."""
    given = {word for word in words if word.startswith("--")}
    command = next((each for each in OF_THE_CLI_ALONE if f"{' '.join(words)} ".startswith(f"{each} ")), None)
    if command:
        table = getattr(OF_THE_CLI_ALONE[command], "ARG_TABLE", None)
        known = {f"--{each['name']}": each.get("required", False) for each in table or ()}
        assert table is None or given - GLOBAL_OPTIONS <= known.keys()
        assert {option for option, required in known.items() if required} <= given
        return
    model = operation(words)
    assert given - GLOBAL_OPTIONS <= options(model.input_shape)
    required = model.input_shape.required_members if model.input_shape and whole else []
    made_up = set(model.idempotent_members)  # tokens, which the CLI generates
    for option in (xform_name(name, "-") for name in required if name not in made_up):
        assert given & {f"--{option}", f"--no-{option}"}, f"--{option} is missing"
    if "--query" in given:
        query = words[words.index("--query") + 1]
        # A filter by a value finds nothing in an example.
        shown = jmespath.search(re.sub(r"\[\?(?:[^\[\]]|\[[^\[\]]*\])*\]", "[]", query), example(model.output_shape))
        assert shown not in (None, []), query
        assert not re.search(r"\bNone\b", str(shown)), query


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_every_command_of_the_aws_cli_exists_with_its_options_and_what_it_shows(name):
    script = "\n".join(command.text for command in commands(name))
    found = list(aws_commands(script))
    assert len(found) == len(re.findall(r"\baws (?=[a-z0-9-]+ [a-z])", script))
    for words in found:
        check(words)


@pytest.mark.parametrize("name", pages())
def test_what_is_mentioned_in_a_sentence_exists_as_well(name):
    targets = re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
    for said in pages()[name].code:
        if re.match(r"aws [a-z0-9-]+ [a-z-]+", said):
            check(shlex.split(said)[1:], whole=False)
        if found := re.match(r"make ((?:[a-z]+ ?)+)$", said):
            assert set(found[1].split()) <= set(targets), said
        if found := re.match(r"quilt-cfn ([a-z-]+)", said):
            assert found[1] in subcommands(), said


# Commands of this repository's own.


@cache
def subcommands() -> set[str]:
    (group,) = make_parser()._subparsers._group_actions  # type: ignore[union-attr]
    return set(group.choices or ())


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_every_command_of_quilt_cfn_takes_its_arguments(name):
    for command in commands(name):
        for line in re.findall(r"(?m)(?:^|[|;&(]\s*)quilt-cfn ([^|;&]*)", re.sub(r"\\\n\s*", " ", command.text)):
            words = shlex.split(line, comments=True)
            if "--help" not in words:
                make_parser().parse_args(words)


# The pages of the guide, executed.

BUCKET = "example-packages"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The URL of what stands in for AWS."""
    with serve_s3() as url:
        yield url


class Sites(NamedTuple):
    """Where both sites of a registry answer, with TLS."""

    port: int
    certificate: Path


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """A load balancer with a registry behind it, as far as the pages ask one."""
    names = ",".join(f"DNS:{DOCUMENTED[host]}" for host in ("CatalogHost", "RegistryHost"))
    certificate = make_certificate(tmp_path_factory.mktemp("sites") / "certificate.pem", names)
    answers = {"/healthcheck": Reply(200, [], b"ok"), "/api/login": Reply(401, [], b"{}")}
    with WebServer(certificate, lambda path: answers.get(path, Reply(200, [], b"<html></html>"))) as server:
        yield Sites(server.server_port, certificate)


class World(NamedTuple):
    """What a reader finds in the account."""

    url: str
    stack: Stack

    def client(self, service: str) -> Any:
        return client(service, self.url)


@pytest.fixture
def world(aws: str, templates: dict[str, dict[str, Any]]) -> World:
    """An account with one stack that has a database, a bucket with a package, a user with a key, secrets and logs."""
    from urllib.request import Request, urlopen

    urlopen(Request(f"{aws}/moto-api/reset", method="POST")).close()
    template = templates[REGISTRY.name]
    ids = {name: f"quilt-{name}-EXAMPLE" for name in template["Resources"]}
    ids["Bucket"], ids["Database"] = BUCKET, "quilt-database-example"
    made = World(aws, Stack({}, {}, {}))
    s3 = made.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    rules = template["Resources"]["Bucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    rule = {{"MaxAge": "MaxAgeSeconds"}.get(name, name): value for name, value in rules[0].items()}
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})
    s3.put_bucket_policy(
        Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [bucket_statement(BUCKET)]})
    )
    for key in ("objs/alice/kept", "objs/alice/deleted", "objs/alice/deleted-too"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"content")
    for key in ("objs/alice/deleted", "objs/alice/deleted-too"):
        s3.delete_object(Bucket=BUCKET, Key=key)
    made.client("rds").create_db_instance(
        DBInstanceIdentifier=ids["Database"],
        Engine="postgres",
        DBInstanceClass="db.t3.small",
        AllocatedStorage=20,
        MasterUsername="quilt",
        MasterUserPassword="password",
        BackupRetentionPeriod=14,
        DeletionProtection=True,
        DBSubnetGroupName=subnets(made),
    )
    iam = made.client("iam")
    iam.create_user(UserName=ids["RegistryUser"])
    key = iam.create_access_key(UserName=ids["RegistryUser"])["AccessKey"]
    ids["RegistryUserKey"] = key["AccessKeyId"]
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::SecretsManager::Secret":
            ids[name] = made.client("secretsmanager").create_secret(Name=name, SecretString="first")["ARN"]
        if resource["Type"] == "AWS::Logs::LogGroup":
            made.client("logs").create_log_group(logGroupName=ids[name])
    for kind in ("postgresql", "upgrade"):
        made.client("logs").create_log_group(logGroupName=f"/aws/rds/instance/{ids['Database']}/{kind}")
    outputs = {name: f"example-{name}" for name in template["Outputs"]}
    outputs |= {
        "LoadBalancerDNSName": "127.0.0.1",
        "PackageBucketName": BUCKET,
        "RegistryUserName": ids["RegistryUser"],
    }
    names = {name for each in templates.values() for name in each["Parameters"]}
    return World(aws, Stack(ids, outputs, dict.fromkeys(sorted(names), "value")))


def bucket_statement(bucket: str) -> dict[str, str]:
    """One of a bucket's policy; moto, which knows no conditions, refuses by it what no page does."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObjectLegalHold",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }


def subnets(world: World) -> str:
    """A group of subnets for a database."""
    ec2 = world.client("ec2")
    found = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"][:2]]
    name = "quilt-subnets-example"
    world.client("rds").create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription="x", SubnetIds=found)
    return name


class Executed(NamedTuple):
    """What became of a page that was executed."""

    world: World
    calls: list[Call]
    printed: list[tuple[str, str]]
    """Command, and what it printed."""
    folder: Path

    def output(self, beginning: str) -> str:
        """What the last command that begins like this printed."""
        return next(printed for command, printed in reversed(self.printed) if command.startswith(beginning)).strip()

    def called(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of every call of an operation."""
        return [call.parameters for call in self.calls if call.operation == operation]


def shell(sites: Sites) -> str:
    """The shell of a reader, who does not wait, and in which every site is on this computer."""
    here = f"--cacert {sites.certificate} --connect-to ::127.0.0.1:{sites.port}"
    return f"""set -u -o pipefail
sleep() {{ :; }}
curl() {{ command curl --silent "${{@/%:443/:{sites.port}}}" {here}; }}
quilt-cfn() {{ PYTHONPATH={ROOT} {sys.executable} -m quilt_cfn "$@"; }}
"""


def execute(name: str, world: World, cli: Cli, sites: Sites, folder: Path) -> Executed:
    """Execute a page in one shell, in an empty folder; every command has to succeed and show something that exists."""
    todo = [(command, elsewhere(name, command)) for command in commands(name)]
    script = [shell(sites), PREPARED.get(name, "")]
    for number, (command, reason) in enumerate(todo):
        if not reason:
            beginnings = BEFORE.get(name, {})
            script += [beginnings[each] for each in beginnings if command.text.startswith(each)]
            script += [command.text, f"printf '\\nENDED %d %d\\n' {number} $?"]
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=work,
        env={**aws_variables(world.url), "PATH": f"{cli.folder}:{os.environ['PATH']}", "HOME": str(folder)},
        timeout=120,
        check=False,
    )
    parts = re.split(r"\nENDED (\d+) (\d+)\n", done.stdout)
    printed, ended = parts[0::3], {int(number): code for number, code in zip(parts[1::3], parts[2::3], strict=True)}
    results: list[tuple[str, str]] = []
    for number, (command, reason) in enumerate(todo):
        if not reason:
            said = f"{name}:{command.line}: {command.text}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
            assert ended.get(number) == "0", said
            results.append((command.text, printed[len(results)]))
    return Executed(world, cli.calls, results, work)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "command",
    [
        "aws cloudformation describe-stack-resource --stack-name quilt --logical-resource-id Nobody",
        "aws s3api head-bucket --bucket somebody-elses",
        "aws rds describe-db-instances --db-instance-identifier nobody",
        "aws iam list-access-keys --user-nam x",
        "aws nonsense",
    ],
)
def test_what_does_not_exist_is_an_error_of_the_stand_ins(command, world, tmp_path):
    with serve_cli(tmp_path, world.stack) as cli:
        environment = {**aws_variables(world.url), "PATH": f"{cli.folder}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, check=False, timeout=60)
    assert done.returncode != 0


# What has to be true when a page was executed.


def the_backup_page(executed: Executed) -> None:
    s3, copy = executed.world.client("s3"), f"{BUCKET}-copy"
    kept = {"objs/alice/kept", "objs/alice/deleted", "objs/alice/deleted-too"}
    assert {each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]} == kept, "nothing came back"
    assert s3.list_objects_v2(Bucket=copy)["KeyCount"] >= 1
    assert s3.get_bucket_versioning(Bucket=copy)["Status"] == "Enabled"
    assert s3.get_bucket_cors(Bucket=copy)["CORSRules"] == s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    assert all(s3.get_public_access_block(Bucket=copy)["PublicAccessBlockConfiguration"].values())
    assert json.loads(s3.get_bucket_policy(Bucket=copy)["Policy"])["Statement"] == [bucket_statement(copy)]
    (rule,) = s3.get_bucket_replication(Bucket=BUCKET)["ReplicationConfiguration"]["Rules"]
    assert rule["Destination"] == {"Bucket": f"arn:aws:s3:::{copy}"}
    iam = executed.world.client("iam")
    policy = iam.get_role_policy(RoleName="quilt-replication", PolicyName="replicate")["PolicyDocument"]
    assert not list(policy_errors(PolicyDocument(("Policies", "quilt-replication"), IDENTITY, policy)))
    for statement in policy["Statement"]:
        written = any(action.startswith("s3:Replicate") for action in statement["Action"])
        assert statement["Resource"].removesuffix("/*") == f"arn:aws:s3:::{copy if written else BUCKET}"
    trust = iam.get_role(RoleName="quilt-replication")["Role"]["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    healthcheck, login = (printed for command, printed in executed.printed if command.startswith("curl "))
    assert (healthcheck.strip(), login.strip()) == ("ok", "401")
    key = executed.folder / "quilt-secret-key.txt"
    assert (key.read_text(), key.stat().st_mode & 0o777) == ("first\n", 0o600)


def the_recovery_page(executed: Executed) -> None:
    asked = executed.called("RestoreDBInstanceToPointInTime")
    assert [each["DeletionProtection"] for each in asked] == [False, False]
    assert [each["PubliclyAccessible"] for each in asked] == [False, False]
    assert executed.called("PutSecretValue")[0]["SecretString"] == "first", (
        "the signing key as it was, without a line end"
    )


def the_removal_page(executed: Executed) -> None:
    world = executed.world
    assert BUCKET not in [each["Name"] for each in world.client("s3").list_buckets()["Buckets"]]
    assert not world.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert not world.client("logs").describe_log_groups()["logGroups"]
    keys = world.client("iam").list_access_keys(UserName=world.stack.resources["RegistryUser"])["AccessKeyMetadata"]
    assert [each["AccessKeyId"] for each in keys] == [world.stack.resources["RegistryUserKey"]]
    (database,) = world.client("rds").describe_db_instances()["DBInstances"]
    assert not database["DeletionProtection"]
    operations = [call.operation for call in executed.calls]
    wanted = ["UpdateTerminationProtection", "ModifyDBInstance", "DeleteStack", "DeleteBucket", "DeleteLogGroup"]
    assert sorted(wanted, key=operations.index) == wanted
    backups = executed.called("DeleteDBInstanceAutomatedBackup")
    assert backups[0] == {"DbiResourceId": database["DbiResourceId"]}
    last = [printed for command, printed in executed.printed if command.startswith("aws s3api list-buckets")]
    assert not last[0].strip()


def the_rotation_page(executed: Executed) -> None:
    world, secrets = executed.world, executed.world.client("secretsmanager")

    def secret(name: str) -> str:
        return str(secrets.get_secret_value(SecretId=world.stack.resources[name])["SecretString"])

    keys = world.client("iam").list_access_keys(UserName=world.stack.resources["RegistryUser"])["AccessKeyMetadata"]
    assert len(keys) == 1, "the old one is gone"
    # As configure.py takes it apart.
    assert re.fullmatch(rf"{keys[0]['AccessKeyId']}:[A-Za-z0-9/+=]+", secret("RegistryUserKeySecret"))
    assert re.fullmatch("[A-Za-z0-9]{40}", secret("RegistryDatabasePassword"))
    assert re.fullmatch("[A-Za-z0-9]{64}", secret("QuiltSecretKey"))
    for name in ("RegistryUserKeySecret", "RegistryDatabasePassword", "QuiltSecretKey"):
        assert secret(name) not in "".join(printed for _, printed in executed.printed), name


def the_upgrade_page(executed: Executed) -> None:
    (asked,) = executed.called("CreateChangeSet")
    names = {name for name in executed.world.stack.parameters if not name.startswith("AmiIdForRelease")}
    assert len(names) < len(executed.world.stack.parameters)
    assert {each["ParameterKey"] for each in asked["Parameters"]} == names
    assert all(each == {"ParameterKey": each["ParameterKey"], "UsePreviousValue": True} for each in asked["Parameters"])
    operations = [call.operation for call in executed.calls]
    wanted = ["CreateDBSnapshot", "CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet"]
    assert sorted(wanted, key=operations.index) == wanted


RESULTS: Mapping[str, Callable[[Executed], None]] = {
    "docs/guide/backup.md": the_backup_page,
    "docs/guide/recovery.md": the_recovery_page,
    "docs/guide/removal.md": the_removal_page,
    "docs/guide/rotation.md": the_rotation_page,
    "docs/guide/upgrade.md": the_upgrade_page,
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", EXECUTED_HERE)
def test_the_commands_of_a_page_do_what_it_says(name, world, sites, tmp_path):
    with serve_cli(tmp_path, world.stack) as cli:
        executed = execute(name, world, cli, sites, tmp_path)
    for command, printed in executed.printed:
        assert command.startswith(SHOWS_NOTHING.get(name, ())) or printed.strip() != "None", f"{command} shows nothing"
    if name in RESULTS:
        RESULTS[name](executed)
