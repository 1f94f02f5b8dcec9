"""Whatever the form accepts arrives byte for byte in bash, in the container and in the database's URI; none is run.

The values take the whole way: Secrets Manager, a boot, the environment file, ``docker run``, the container. So that a
boot carries hundreds of them, the instance's configuration has as many more variables, made as its own are.
"""

from __future__ import annotations

import json
import string
from copy import deepcopy
from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.boot.machine import PROGRAMS_TRACED
from tests.launches import DOCUMENTED, as_text, launch_stack, refusal
from tests.stack.test_parameters import DECLARED
from tests.stack.test_secrets import FREE_TEXTS

HOST = DOCUMENTED["RegistryHost"]
FOR_A_BOOT = 200
# What a shell, a URI, docker, a template of ours or CloudFormation could take for something else than text.
SNIPPETS = (
    "$(touch${IFS}/run/never)", "`touch${IFS}/run/never`", "';touch${IFS}/run/never;'", '";touch${IFS}/run/never;"',
    "$(touch${IFS}never)", "`touch${IFS}never`", "';touch${IFS}never;'",
    "'", '"', "\\", "\\'", "'\\''", "$", "${HOME}", "$HOME", "!!", "#", "~", "*", "?", "[a-z]", "{DBPassword}",
    "{TeamName}", "${AWS::Region}", "{{resolve", "&&", "||", ";", "<", ">", "(", ")", "=", "export", "%25", "%s", "%",
    "@", ":", "/", "?a=b&c", "-", "--env=X", "\u2019", "\u00e9", "e\u0301", "\u6771\u4eac",
)  # fmt: skip


def typed(name):
    """Values that the form accepts for a parameter."""
    accepted = st.from_regex(DECLARED[name]["AllowedPattern"], fullmatch=True)
    nasty = st.lists(st.sampled_from(SNIPPETS) | st.characters(min_codepoint=33, max_codepoint=126), max_size=12)
    values = accepted | nasty.map("".join) | nasty.map(lambda parts: "A" + "".join(parts) + "aaaaaaa")
    return values.filter(lambda value: refusal(DECLARED[name], value) is None)


VALUES = {name: typed(name) for name in FREE_TEXTS if name != "AlarmEmail"} | {
    "QuiltSecretKey": st.text(string.ascii_letters + string.digits, min_size=64, max_size=64),
    "SecretAccessKey": st.text(string.ascii_letters + string.digits + "/+", min_size=40, max_size=40),
}


@cache
def generated(name, count):
    """That many different values for a parameter or a secret; hypothesis looks for the odd ones."""
    values = {}

    def collect(value):
        values[value] = None

    for each in range(100):
        search = settings(max_examples=count, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        search(seed(each)(given(VALUES[name])(collect)))()
        if len(values) >= count:
            break
    return list(values)[:count]


def variables(name, number):
    """Variables whose value holds a generated one, alone and, for a password, where the database's URI has it."""
    secret = f"{name}{number}"
    uri = {f"URI_{secret}": f"postgresql://quilt:{{{secret}}}@db.example.com:5432/quilt?keepalives_idle=10"}
    return {f"X_{secret}": f"{{{secret}}}"} | (uri if name == "DBPassword" else {})


@pytest.fixture(scope="module")
def machine(start):
    """An instance whose secrets come from files, because there will be thousands."""
    machine = start("registry")
    (machine.folder / "values").mkdir()
    machine.run(
        "mv /usr/local/bin/aws /usr/local/bin/aws-of-files; cat >/usr/local/bin/aws; chmod 755 /usr/local/bin/aws",
        input=f"""#!/bin/sh
            [ ! -e "{machine.folder}/values/$7" ] || exec cat "{machine.folder}/values/$7"
            exec /usr/local/bin/aws-of-files "$@"
        """,
    )
    machine.trace()
    machine.metadata = json.loads((machine.folder / "metadata.json").read_text())
    return machine


def boot_with(machine, values):
    """Boot with the values as secrets of the stack, each in variables of its own."""
    metadata = deepcopy(machine.metadata)
    config = metadata["AWS::CloudFormation::Init"]["config"]["files"]["/opt/quilt/config.json"]["content"]
    for name, some in values.items():
        for number, value in enumerate(some):
            (machine.folder / "values" / f"{name}{number}").write_text(json.dumps({"SecretString": value}))
            config["Secrets"][f"{name}{number}"] = f"{name}{number}"
            config["Environments"]["registry"] |= variables(name, number)
    (machine.folder / "metadata.json").write_text(json.dumps(metadata))
    machine.run(": >/run/programs")
    return machine.boot(PROGRAMS_TRACED)


IN_BASH = """
cd /home/ec2-user && . env/registry && for name in ${!X_@} ${!URI_@}; do printf '%s\\0%s\\0' "$name" "${!name}"; done
"""
IN_SQLALCHEMY = """
import json, os, sqlalchemy.engine
urls = {name: sqlalchemy.engine.make_url(value) for name, value in os.environ.items() if name.startswith("URI_")}
print(json.dumps({name: [url.password, url.host, url.port, url.database] for name, url in urls.items()}))
"""


@pytest.mark.parametrize("count", [20, pytest.param(1000, marks=pytest.mark.exhaustive)])
def test_every_value_arrives_and_none_is_run_or_shown(machine, count):
    everything = {name: generated(name, count) for name in VALUES}
    assert {len(set(some)) for some in everything.values()} == {count}
    for first in range(0, count, FOR_A_BOOT):
        values = {name: some[first : first + FOR_A_BOOT] for name, some in everything.items()}
        done = boot_with(machine, values)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        expected = {f"X_{name}{number}": value for name, some in values.items() for number, value in enumerate(some)}

        words = machine.run(IN_BASH, user="ec2-user")
        assert words.stderr == ""
        parts = words.stdout.split("\0")
        in_bash = dict(zip(parts[:-1:2], parts[1::2], strict=True))
        assert {name: in_bash[name] for name in expected} == expected

        in_container = json.loads(machine.get(HOST)[1])[1]
        assert {name: in_container[name] for name in expected} == expected

        parsed = json.loads(machine.run(f"docker exec registry python3 -c '{IN_SQLALCHEMY}'").stdout)
        for number, password in enumerate(values["DBPassword"]):
            assert parsed[f"URI_DBPassword{number}"] == [password, "db.example.com", 5432, "quilt"]

        assert machine.run("find / /run /root /opt/quilt /home/ec2-user -maxdepth 1 -name never").stdout == ""
        programs = machine.run("cat /run/programs").stdout
        assert " docker run --env=" in programs, programs[-3000:]
        others = (machine.folder / "metadata.json").read_text()
        told = done.stdout + done.stderr + programs + others + machine.run("cat /var/log/quilt-boot.log").stdout
        told += as_text([machine.calls(action) for action in ("SignalResource", "PutLogEvents", "CreateLogStream")])
        shown = [value for value in expected.values() if len(value) > 8 and value not in SNIPPETS and value in told]
        assert shown == []


@pytest.mark.parametrize("count", [20, pytest.param(1000, marks=pytest.mark.exhaustive)])
def test_user_data_and_metadata_are_the_same_whatever_was_typed(templates, count):
    everything = {name: generated(name, count) for name in set(VALUES) & set(FREE_TEXTS)}
    for edition, template in templates.items():
        usual = launch_stack(template)
        for number in range(count):
            stack = launch_stack(template, DOCUMENTED | {name: values[number] for name, values in everything.items()})
            assert stack.user_data == usual.user_data, edition
            assert stack.resources["ServerTemplate"] == usual.resources["ServerTemplate"], edition
            assert stack.outputs == usual.outputs, edition
