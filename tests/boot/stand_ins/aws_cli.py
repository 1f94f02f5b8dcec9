"""The AWS CLI's own part of a call: the API's parameters from its command line, and how it prints the answer."""

import json
import re

# Options of the CLI itself.
GLOBAL = {"output", "query", "cli-connect-timeout", "cli-read-timeout"}


def understand(service, operation, words, region):
    """An API's action, its parameters, and the CLI's own options; ``region`` is the environment's, "" without one."""
    options = parse(words)
    assert options.pop("region", region) == "us-east-1"
    own = {name: options.pop(name, None) for name in GLOBAL}
    parameters = {}
    for name, value in options.items():
        key = camel_case(name)
        if service == "logs":
            key = key[0].lower() + key[1:]
        parameters[key] = json.loads(value) if name == "log-events" else value
    if operation == "get-login-password":  # a command of the CLI, which prints a part of the API's answer
        return "GetAuthorizationToken", parameters, {"query": "password", "output": "text"}
    return camel_case(operation), parameters, own


def printed(answer, own):
    """What the CLI prints of an API's answer, with these options of its own."""
    answer = look_up(answer, own["query"]) if own["query"] else answer
    return (as_text(answer) if own["output"] == "text" else json.dumps(answer)) + "\n"


def parse(words):
    """Option -> value; True for one without a value."""
    options = {}
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    for word, following in zip(words, [*words[1:], "--"], strict=True):
        if word.startswith("--"):
            options[word[2:]] = True if following.startswith("--") else following
    return options


def camel_case(name):
    return "".join(part[0].upper() + part[1:] for part in name.split("-"))


def look_up(value, path):
    """What a JMESPath such as a[0].b.[c,d] finds; None where there is nothing."""
    for part in filter(None, re.split(r"[.]|(?=\[)", path)):
        if part.startswith("["):
            names = part.strip("[]").split(",")
            value = value[int(part[1:-1])] if part[1:-1].isdigit() else [value.get(name) for name in names]
        else:
            value = (value or {}).get(part)
    return value


def as_text(value):
    """As --output text prints it."""
    return "\t".join(map(as_text, value)) if isinstance(value, list) else str(value)
