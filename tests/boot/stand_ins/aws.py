"""As much of the AWS CLI as the boot files call: aws SERVICE OPERATION --name value ..., answered by aws_apis.py."""

import json
import os
import re
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

TARGETS = {
    "ec2": "EC2",
    "elbv2": "ELB",
    "logs": "Logs_20140328",
    "s3api": "S3",
    "secretsmanager": "secretsmanager",
    "ssm": "SSM",
}
# Options of the CLI itself.
GLOBAL = {"output", "query", "cli-connect-timeout", "cli-read-timeout"}


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


def parse(words):
    """Option -> value; True for one without a value."""
    options = {}
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    for word, following in zip(words, [*words[1:], "--"], strict=True):
        if word.startswith("--"):
            options[word[2:]] = True if following.startswith("--") else following
    return options


service, operation, *words = sys.argv[1:]
options = parse(words)
assert options.pop("region", os.environ.get("AWS_DEFAULT_REGION")) == "us-east-1"
how = {name: options.pop(name, None) for name in GLOBAL}
call = {}
for name, value in options.items():
    first, *rest = name.split("-")
    key = first + "".join(part.capitalize() for part in rest)
    if service != "logs":
        key = key[0].upper() + key[1:]
    text = Path(value[len("file://") :]).read_text() if str(value).startswith("file://") else value
    call[key] = json.loads(text) if name == "log-events" else text
# Signed by the key in the environment, if there is one, and otherwise by the instance's role, with the clock's time.
signature = os.environ.get("AWS_ACCESS_KEY_ID", ""), os.environ.get("AWS_SECRET_ACCESS_KEY", ""), str(time.time())
action = "".join(part.capitalize() for part in operation.split("-"))
headers = {"X-Amz-Target": f"{TARGETS[service]}.{action}", "Authorization": json.dumps(signature)}
connection = HTTPConnection("127.0.0.1", 9000)
connection.request("POST", "/", json.dumps(call), headers)
reply = connection.getresponse()
body = reply.read().decode()
if reply.status != 200:
    code, _, message = body.partition(": ")
    sys.exit(f"An error occurred ({code}) when calling the {action} operation: {message}")
answer = json.loads(body)
answer = look_up(answer, how["query"]) if how["query"] else answer
print(as_text(answer) if how["output"] == "text" else json.dumps(answer))
