"""The saved queries ask for fields that the log has."""

from __future__ import annotations

import re

import pytest

from quilt_cfn import instance
from quilt_cfn.cloudformation.launch.evaluator import STACK

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
CLOUDWATCH = {"@timestamp", "@message", "@logStream", "@log", "@ingestionTime"}
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
COMMANDS = {"fields", "filter", "stats", "sort", "limit"}
WORDS = {"and", "or", "not", "like", "as", "by", "desc", "asc"}
FUNCTIONS = {"count", "sum", "max", "min", "avg", "ispresent"}
LOGGED = set(re.findall(r'"(\w+)":', instance.read("nginx.conf")))


def queries(stack) -> dict[str, str]:
    return {name: each["QueryString"] for name, each in stack.of_type("AWS::Logs::QueryDefinition").items()}


def without_literals(query: str) -> str:
    return re.sub(r"/[^/]*/|\"[^\"]*\"|'[^']*'", "", query)


def unknown_fields(query: str) -> set[str]:
    """The fields of a query that neither CloudWatch nor nginx's lines have, and that it doesn't name itself."""
    query = without_literals(query)
    named = set(re.findall(r"\bas (\w+)", query))
    words = set(re.findall(r"(?<![\w@])@?[A-Za-z_]\w*", query))
    return words - named - COMMANDS - WORDS - FUNCTIONS - CLOUDWATCH - LOGGED


def test_nginx_logs_what_is_asked_for_most():
    assert {"client", "host", "method", "path", "status", "bytes", "seconds", "user_agent"} <= LOGGED


def test_there_is_one_for_each_of_the_questions_that_are_asked_most(stack):
    names = [each["Name"] for each in stack.of_type("AWS::Logs::QueryDefinition").values()]
    assert names == [
        f"{STACK}/Why did a launch or a boot fail",
        f"{STACK}/Which requests failed",
        f"{STACK}/Which requests are slow",
        f"{STACK}/Who uses the registry, from which addresses",
        f"{STACK}/What did the registry say when it failed",
    ]


def test_they_are_about_the_registrys_log(stack):
    for each in stack.of_type("AWS::Logs::QueryDefinition").values():
        assert each["LogGroupNames"] == ["<RegistryLogs>"]


def test_every_field_is_one_that_the_log_has(stack):
    assert [name for name, query in queries(stack).items() if unknown_fields(query)] == []


@pytest.mark.parametrize("field", ["stauts", "@logstream", "query"])
def test_another_field_would_be_noticed(field):
    assert unknown_fields(f"fields {field}, status as code | filter code = 1 and {field} like /status/") == {field}


def test_every_step_is_a_command(stack):
    for query in queries(stack).values():
        steps = [each.strip().split()[0] for each in without_literals(query).split("|")]
        assert set(steps) <= COMMANDS
        assert steps[-1] == "limit"


@pytest.mark.parametrize(
    ("name", "stream", "found"),
    [
        ("FailedBootsQuery", "boot-i-0123456789abcdef0-1790000000", True),
        ("FailedBootsQuery", "watch-i-0123456789abcdef0", False),
        ("FailuresOfTheRegistryQuery", "registry-0a1b2c3d4e5f", True),
        ("FailuresOfTheRegistryQuery", "registry-nginx-0a1b2c3d4e5f", False),
    ],
)
def test_they_look_into_the_right_streams(stack, name, stream, found):
    (pattern,) = re.findall(r"@logStream like /([^/]*)/", queries(stack)[name])
    assert bool(re.search(pattern, stream)) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Traceback (most recent call last):", True),
        ('  File "/usr/src/quilt_server/views.py", line 20, in login', True),
        ("sqlalchemy.exc.OperationalError: could not connect", True),
        ("[pid: 13|app: 0] 10.0.0.5 () {46 vars in 700 bytes} GET /api/version => generated 20 bytes", False),
    ],
)
def test_what_the_registry_says_when_it_fails(stack, line, found):
    patterns = re.findall(r"@message like /([^/]*)/", queries(stack)["FailuresOfTheRegistryQuery"])
    assert any(re.search(each, line) for each in patterns) == found
