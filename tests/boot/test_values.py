"""Whatever a parameter accepts arrives byte for byte in bash, in the container and in the database's URI; none is run.

The values take the whole way: Secrets Manager or SSM, a boot, the environment file, ``docker run``, the container. One
boot carries hundreds of them: the instance's configuration gets as many further variables, made as its own are.
``test_boot.py`` has the same facts for a few values.
"""

from __future__ import annotations

import json
import string
from subprocess import CompletedProcess

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from quilt_cfn.stack.parameters import FIELDS
from tests.boot.conftest import Start
from tests.boot.instance import ON_IT, PROGRAMS_TRACED, Instance
from tests.launches import DOCUMENTED, as_text, refusal

pytestmark = pytest.mark.exhaustive

COUNT = 400  # of each parameter
# What a shell, a URI, docker, a template of ours or CloudFormation could take for something else than text.
SNIPPETS = (
    "$(touch${IFS}/run/never)", "`touch${IFS}/run/never`", "';touch${IFS}/run/never;'", '";touch${IFS}/run/never;"',
    "$(touch${IFS}never)", "`touch${IFS}never`", "';touch${IFS}never;'",
    "'", '"', "\\", "\\'", "'\\''", "$", "${HOME}", "$HOME", "!!", "#", "~", "*", "?", "[a-z]", "{DBPassword}",
    "{TeamName}", "${AWS::Region}", "{{resolve", "&&", "||", ";", "<", ">", "(", ")", "=", "export", "%25", "%s", "%",
    "@", ":", "/", "?a=b&c", "-", "--env=X", "\u2019", "\u00e9", "e\u0301", "\u6771\u4eac",
)  # fmt: skip


def accepted(declaration: dict[str, str]) -> st.SearchStrategy[str]:
    """Values that a parameter accepts, the nastier half of them made of the snippets."""
    values = st.from_regex(declaration["AllowedPattern"], fullmatch=True)
    nasty = st.lists(st.sampled_from(SNIPPETS) | st.characters(min_codepoint=33, max_codepoint=126), max_size=12)
    values |= nasty.map("".join) | nasty.map(lambda parts: "A" + "".join(parts) + "aaaaaaa")
    return values.filter(lambda value: refusal(declaration, value) is None)


STRATEGIES = {
    field.name: accepted(field.declaration().to_dict())
    for field in FIELDS
    if field.free_text and field.name != "AlarmEmail"  # which does not reach the instance
} | {
    "RegistryDatabasePassword": st.text(string.ascii_letters + string.digits, min_size=40, max_size=40),
    "QuiltSecretKey": st.text(string.ascii_letters + string.digits, min_size=64, max_size=64),
    "SecretAccessKey": st.text(string.ascii_letters + string.digits + "/+", min_size=40, max_size=40),
}


def generated(values: st.SearchStrategy[str]) -> list[str]:
    """COUNT different values."""
    found: dict[str, None] = {}
    search = settings(max_examples=COUNT, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    for number in range(100):
        search(seed(number)(given(values)(lambda value: found.setdefault(value))))()
        if len(found) >= COUNT:
            return list(found)[:COUNT]
    raise AssertionError(f"hypothesis found {len(found)} different values")


PASSWORDS = ("DBPassword", "RegistryDatabasePassword")


def variables(name: str, number: int) -> dict[str, str]:
    """Variables that hold a generated value, alone and, for a password, where the database's URI has it."""
    secret = f"{name}{number}"
    uri = {f"URI_{secret}": f"postgresql://quilt:{{{secret}}}@db.example.com:5432/quilt?keepalives_idle=10"}
    return {f"X_{secret}": f"{{{secret}}}"} | (uri if name in PASSWORDS else {})


@pytest.fixture(scope="module")
def instance(start: Start) -> Instance:
    """An instance whose further values come from files: thousands of API calls would take minutes."""
    instance = start("registry")
    (instance.folder / "values").mkdir()
    instance.run(
        "mv /usr/local/bin/aws /usr/local/bin/aws-of-apis; cat >/usr/local/bin/aws; chmod 755 /usr/local/bin/aws",
        input=f"""#!/bin/sh
            [ ! -e "{ON_IT}/folder/values/$4" ] || exec cat "{ON_IT}/folder/values/$4"
            exec /usr/local/bin/aws-of-apis "$@"
        """,
    )
    instance.run("dnf install docker")  # what is installed later is not traced
    instance.trace()
    return instance


def boot_with(instance: Instance, values: dict[str, list[str]]) -> CompletedProcess[str]:
    """Boot with the values as secrets or texts of the stack, each in variables of its own."""
    metadata = json.loads((instance.folder / "metadata.json").read_text())
    config = metadata["AWS::CloudFormation::Init"]["config"]["files"]["/opt/quilt/config.json"]["content"]
    for name, some in values.items():
        is_text = name in config["Texts"]
        for number, value in enumerate(some):
            answer = {"Parameter": {"Value": value}} if is_text else {"SecretString": value}
            (instance.folder / "values" / f"{name}{number}").write_text(json.dumps(answer))
            config["Texts" if is_text else "Secrets"][f"{name}{number}"] = f"{name}{number}"
            config["Environments"]["registry"] |= variables(name, number)
    instance.write("metadata.json", json.dumps(metadata))
    instance.run(": >/run/programs")
    return instance.boot(PROGRAMS_TRACED)


IN_BASH = """
cd /home/ec2-user && . env/registry && for name in ${!X_@} ${!URI_@}; do printf '%s\\0%s\\0' "$name" "${!name}"; done
"""
IN_SQLALCHEMY = """
import json, os, sqlalchemy.engine
urls = {name: sqlalchemy.engine.make_url(value) for name, value in os.environ.items() if name.startswith("URI_")}
print(json.dumps({name: [url.password, url.host, url.port, url.database] for name, url in urls.items()}))
"""


def test_every_value_arrives_and_none_is_run_or_shown(instance):
    values = {name: generated(strategy) for name, strategy in STRATEGIES.items()}
    done = boot_with(instance, values)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    expected = {f"X_{name}{number}": value for name, some in values.items() for number, value in enumerate(some)}

    words = instance.run(IN_BASH, user="ec2-user")
    assert words.stderr == ""
    parts = words.stdout.split("\0")
    in_bash = dict(zip(parts[:-1:2], parts[1::2], strict=True))
    assert {name: in_bash[name] for name in expected} == expected

    in_container = json.loads(instance.get(DOCUMENTED["RegistryHost"])[1])[1]
    assert {name: in_container[name] for name in expected} == expected

    parsed = json.loads(instance.run(f"docker exec registry python3 -c '{IN_SQLALCHEMY}'").stdout)
    for name in PASSWORDS:
        for number, password in enumerate(values[name]):
            assert parsed[f"URI_{name}{number}"] == [password, "db.example.com", 5432, "quilt"]

    assert instance.run("find / /run /root /opt/quilt /home/ec2-user -maxdepth 1 -name never").stdout == ""
    programs = instance.run("cat /run/programs").stdout
    assert " docker run --env=" in programs, programs[-3000:]
    visible = done.stdout + done.stderr + programs + instance.run("cat /var/log/quilt-boot.log").stdout
    visible += as_text(instance.calls("SignalResource", "PutLogEvents", "CreateLogStream"))
    # Values made of snippets may look like a part of the configuration, which names the values and has none.
    harmless = (*SNIPPETS, (instance.folder / "metadata.json").read_text())
    long = [value for value in expected.values() if len(value) > 8 and not any(value in each for each in harmless)]
    assert len(long) > COUNT
    assert [value for value in long if value in visible] == []
