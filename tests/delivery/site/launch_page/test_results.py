"""What comes out of the page arrives: links in the console, commands at AWS, and files at whoever reads them."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from quilt_cfn.cloudformation.facts import availability, partitions
from quilt_cfn.delivery.publish.stores.locations import object_url
from tests.command_line import run
from tests.delivery.site.launch_page.filling import EXAMPLE, FOLDER
from tests.stack.form_values import ACCEPTED

TEMPLATE = f"{FOLDER}quilt-registry.yaml"
HOSTILE = {
    "TeamName": "M\u00fcller\u2019s & S\u00f6hne #1, +49 / \u65e5\u672c\u8a9e",
    "SmtpUsername": "'\"$HOME`id`$(id)\\\\!&;|<>#%n%s{}*?[a]~'",
    "MaintenanceWindow": "sun:00:00-sun:01:00",
    "AlarmEmail": "a+b@example.com",
}
VALUES = {**EXAMPLE, **HOSTILE}
PASSWORDS = {
    "SmtpPassword": 'a"b\\c\'d$HOME`id`&\\\\"!#',
    "DBPassword": "\\'\\'$(id){}[]<>|;&*?~!#^=+,:",
}
SECRETS = [["SmtpPassword", "SMTP password"], ["DBPassword", "Database password, the administrator's"]]


# Links.


@pytest.mark.parametrize(
    "region", [each for each in availability.regions() if partitions.partition(each) in partitions.CONSOLES]
)
def test_a_link_opens_the_console_of_its_region_with_template_stack_name_and_every_value(functions, region):
    console = partitions.CONSOLES[partitions.partition(region)]
    link = functions.evaluate("(all) => consoleLink(...all)", [region, console, TEMPLATE, "my-stack", VALUES])
    assert link["left"] == []
    url = urlsplit(link["url"])
    assert (url.scheme, url.hostname, url.path) == ("https", f"{region}.{console}", "/cloudformation/home")
    assert parse_qs(url.query) == {"region": [region]}
    path, _, query = url.fragment.partition("?")
    assert path == "/stacks/create/review"
    given = parse_qsl(query, strict_parsing=True, keep_blank_values=True)
    assert dict(given) == {
        "templateURL": TEMPLATE,
        "stackName": "my-stack",
        **{f"param_{name}": value for name, value in VALUES.items()},
    }
    assert len(given) == len(VALUES) + 2


def test_what_would_make_a_link_too_long_is_left_out_and_named(functions):
    values = {"First": "a", "Long": "\u65e5" * 1000, "Last": "z"}
    link = functions.evaluate("(all) => consoleLink(...all)", ["eu-west-1", "c", TEMPLATE, "s", values])
    assert link["left"] == ["Long"]
    assert len(link["url"]) <= 8000
    assert "param_First=a&param_Last=z" in link["url"]


def test_the_longest_values_that_the_form_accepts_are_cut_nowhere(functions, edition, template):
    longest = {name: max(ACCEPTED.get(name, ["x"]), key=len) for name in template["Parameters"]}
    link = functions.evaluate("(all) => consoleLink(...all)", ["eu-west-1", "c", TEMPLATE, "s", longest])
    assert link["left"] == []


@pytest.mark.parametrize("region", availability.regions())
@pytest.mark.parametrize("bucket", ["quilt-releases", "releases.example.com"])
def test_a_page_knows_its_own_region_and_folder_wherever_it_is_published(functions, bucket, region):
    url = object_url(bucket, region, "a b/quilt-registry/1.1.0/launch.html")
    found = functions.evaluate("publishedAt", url)
    if partitions.partition(region) in partitions.CONSOLES:
        assert found == {"region": region, "folder": url.removesuffix("launch.html")}
    else:
        assert found is None


@pytest.mark.parametrize(
    "address",
    [
        "", "launch.html", "file:///home/me/launch.html", "http://b.s3.us-east-1.amazonaws.com/launch.html",
        "https://quilt.example.com/launch.html", "https://b.s3.amazonaws.com.example.com/launch.html",
        "https://user@b.s3.us-east-1.amazonaws.com/launch.html", "https://s3.us-east-1.amazonaws.com.evil.example/launch.html",
        "https://b.s3.us-east-1.amazonaws.com:8443/launch.html", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_other_addresses_are_none_that_cloudformation_launches_from(functions, address):
    assert functions.evaluate("publishedAt", address) is None


def test_a_query_or_a_place_in_the_page_is_no_part_of_the_folder(functions):
    found = functions.evaluate("publishedAt", f"{FOLDER}launch.html?x=1/2#launch")
    assert found["folder"] == FOLDER


# Commands.

RECORDING = f"""#!{sys.executable}
import json, os, sys
given = sys.argv[1:]
if "file:///dev/stdin" in given:
    with open("/dev/stdin", encoding="utf-8") as file:
        given.append(file.read())
with open(os.environ["RECORD"], "a", encoding="utf-8") as record:
    print(json.dumps([given, dict(os.environ)]), file=record)
sys.exit(given[1:3] == os.environ.get("FAILS", "").split(","))
"""


def commands(functions, values: Mapping[str, str] = VALUES, secrets=SECRETS, stack_name="quilt-registry") -> str:
    arguments = ["eu-west-1", TEMPLATE, stack_name, dict(values), secrets, ["CAPABILITY_IAM"]]
    text: str = functions.evaluate("(all) => launchCommands(...all)", arguments)
    return text


class Ran:
    """What came of commands that were pasted into a shell, with an ``aws`` on its PATH that records."""

    def __init__(self, folder: Path, script: str, typed: str, shell: str = "bash", **environment: str) -> None:
        (folder / "aws").write_text(RECORDING, encoding="utf-8")
        (folder / "aws").chmod(0o755)
        self.folder = folder
        record = folder / "record"
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        # What bash itself executes is traced by a stand-in too: every program but aws is one that is looked up in PATH.
        done = subprocess.run(
            [shell, "-c", script],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            cwd=folder,
            env={"PATH": path, "RECORD": str(record), "HOME": str(folder), **environment},
        )
        self.code, self.output, self.errors = done.returncode, done.stdout, done.stderr
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
        entries = [json.loads(line) for line in lines]
        self.calls: list[list[str]] = [call for call, _ in entries]
        self.environments: list[dict[str, str]] = [environment for _, environment in entries]

    @property
    def verbs(self) -> list[str]:
        return [" ".join(call[1 : 3 if call[1] == "wait" else 2]) for call in self.calls]


TYPED = f"{PASSWORDS['SmtpPassword']}\n{PASSWORDS['DBPassword']}\n"


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_parameters_and_secrets_arrive_exactly(functions, tmp_path, shell):
    ran = Ran(tmp_path, commands(functions), f"{TYPED}yes\n", shell)
    assert ran.code == 0, ran.errors
    assert ran.verbs == [
        "create-change-set",
        "wait change-set-create-complete",
        "describe-change-set",
        "execute-change-set",
        "wait stack-create-complete",
        "describe-stacks",
    ]
    *given, parameters = ran.calls[0]
    assert {entry["ParameterKey"]: entry["ParameterValue"] for entry in json.loads(parameters)} == {
        **VALUES,
        **PASSWORDS,
    }
    assert given[2:] == [
        "--stack-name", "quilt-registry", "--change-set-name", "launch", "--change-set-type", "CREATE",
        "--template-url", TEMPLATE, "--capabilities", "CAPABILITY_IAM", "--parameters", "file:///dev/stdin",
    ]  # fmt: skip
    assert all(each["AWS_REGION"] == each["AWS_DEFAULT_REGION"] == "eu-west-1" for each in ran.environments)


def test_no_secret_is_an_argument_a_variable_of_the_environment_a_file_or_an_output(functions, tmp_path):
    script = commands(functions)
    ran = Ran(tmp_path, script, f"{TYPED}yes\n")
    ran.calls[0].pop()  # what came through the standard input
    (tmp_path / "record").unlink()
    files = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    for secret in PASSWORDS.values():
        for form in (secret, json.dumps(secret)[1:-1]):
            assert form not in json.dumps([ran.calls, ran.environments])
            assert not [text for text in (script, ran.output, ran.errors, *files) if form in text]


def test_without_a_yes_nothing_is_created_and_nothing_stays(functions, tmp_path):
    ran = Ran(tmp_path, commands(functions), f"{TYPED}no\n")
    assert ran.verbs[-1] == "delete-stack"
    assert "execute-change-set" not in ran.verbs
    assert "Nothing was created." in ran.output


def test_a_change_set_that_fails_ends_it(functions, tmp_path):
    ran = Ran(tmp_path, commands(functions), f"{TYPED}yes\n", FAILS="wait,change-set-create-complete")
    assert ran.code == 1
    assert ran.verbs[-1] == "wait change-set-create-complete"


def test_a_stack_that_fails_is_explained_by_its_events(functions, tmp_path):
    ran = Ran(tmp_path, commands(functions), f"{TYPED}yes\n", FAILS="wait,stack-create-complete")
    assert ran.code == 1
    assert ran.verbs[-1] == "describe-stack-events"


def test_without_secrets_nothing_is_asked(functions, tmp_path):
    ran = Ran(tmp_path, commands(functions, secrets=[]), "yes\n")
    assert ran.code == 0, ran.errors
    assert {each["ParameterKey"] for each in json.loads(ran.calls[0][-1])} == {*VALUES}


def test_a_terminal_does_not_show_what_is_typed_as_a_secret(functions, tmp_path):
    (tmp_path / "aws").write_text(RECORDING, encoding="utf-8")
    (tmp_path / "aws").chmod(0o755)
    (tmp_path / "launch.sh").write_text(commands(functions), encoding="utf-8")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RECORD": str(tmp_path / "record"), "TERM": "dumb"}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", "launch.sh"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=tmp_path,
        start_new_session=True,
    )
    os.close(theirs)
    shown = ""
    for prompt, answer in (
        ("SMTP password: ", PASSWORDS["SmtpPassword"]),
        ("administrator's: ", PASSWORDS["DBPassword"]),
        ("(yes/no) ", "yes"),
    ):
        while not shown.endswith(prompt):
            assert select.select([ours], [], [], 20)[0], shown
            shown += os.read(ours, 4096).decode()
        os.write(ours, f"{answer}\n".encode())
    assert process.wait(20) == 0
    while select.select([ours], [], [], 0.1)[0]:
        try:
            shown += os.read(ours, 4096).decode()
        except OSError:  # Linux says so at the end of a terminal
            break
    os.close(ours)
    assert "(yes/no) yes" in shown
    assert not [secret for secret in PASSWORDS.values() if secret[:6] in shown]
    first = json.loads((tmp_path / "record").read_text(encoding="utf-8").splitlines()[0])[0]
    assert PASSWORDS.items() <= {each["ParameterKey"]: each["ParameterValue"] for each in json.loads(first[-1])}.items()


def test_the_real_aws_cli_reads_the_parameters_from_its_standard_input(functions, tmp_path):
    requests: list[dict[str, list[str]]] = []

    class CloudFormation(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(400)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), CloudFormation) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_ACCESS_KEY_ID": "example",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_MAX_ATTEMPTS": "1",
            "LC_ALL": "C",
        }
        done = subprocess.run(
            ["bash", "-c", commands(functions)],
            input=TYPED,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment,
        )
        server.shutdown()
    assert done.returncode != 0, "the stand-in refuses everything"
    (sent,) = requests
    assert sent["Action"] == ["CreateChangeSet"]
    assert sent["Capabilities.member.1"] == ["CAPABILITY_IAM"]
    keys = [name for name in sent if name.endswith("ParameterKey")]
    values = {sent[key][0]: sent[key.replace("ParameterKey", "ParameterValue")][0] for key in keys}
    assert values == {**VALUES, **PASSWORDS}


@pytest.mark.parametrize("name", ["a", "quilt-registry", "Q" * 128])
def test_stack_names_are_words_of_the_shell(functions, tmp_path, name):
    ran = Ran(tmp_path, commands(functions, secrets=[], stack_name=name), "no\n")
    assert ran.calls[0][3] == name


# The file of parameters.


def test_the_file_has_every_value_and_comes_back_as_it_was(functions):
    text = functions.evaluate("parametersFile", VALUES)
    assert text.isascii()
    assert {entry["ParameterKey"]: entry["ParameterValue"] for entry in json.loads(text)} == VALUES
    assert functions.evaluate("(text) => [...valuesInFile(text)]", text) == [[*each] for each in VALUES.items()]


def test_quilt_cfn_check_takes_the_file(functions, tmp_path):
    file = tmp_path / "parameters.json"
    file.write_text(functions.evaluate("parametersFile", {**EXAMPLE, "TeamName": HOSTILE["TeamName"]}))
    template = ("check", "templates/quilt-registry.yaml", "--region", "eu-west-1", "--no-linters")
    secrets = ("--parameters", "DBPassword=correct-horse-battery", "--parameters", "SmtpPassword=mail-secret")
    checked = run(*template, "--parameters", file, *secrets)
    assert checked.returncode in (0, 1), checked.stderr
    assert "parameter" not in checked.stderr.lower()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"TeamId": "a", "DBStorage": 20}', {"TeamId": "a", "DBStorage": "20"}),
        ('{"Parameters": {"TeamId": "a"}}', {"TeamId": "a"}),
        ('{"Parameters": [{"ParameterKey": "TeamId", "ParameterValue": ""}]}', {"TeamId": ""}),
    ],
)
def test_other_forms_of_files_are_read_as_well(functions, text, values):
    assert dict(functions.evaluate("(text) => [...valuesInFile(text)]", text)) == values


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", "1", '"x"', '[{"a": 1}]', '{"TeamId": ["a"]}', "[null]"])
def test_what_is_no_file_of_parameters_is_refused_with_a_sentence(functions, text):
    script = "(text) => { try { return [...valuesInFile(text)] } catch (error) { return error.message } }"
    assert functions.evaluate(script, text) in ("The file is not JSON.", "The file has no list of parameters.")
