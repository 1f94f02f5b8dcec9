"""As much of the AWS CLI as the boot files call: aws SERVICE OPERATION --name value ..., answered by aws_apis.py."""

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

TARGETS = {"logs": "Logs_20140328", "secretsmanager": "secretsmanager"}

service, operation, *words = sys.argv[1:]
words = [part for word in words for part in word.split("=", 1)]
options = {name[2:]: value for name, value in zip(words[::2], words[1::2], strict=True)}
assert options.pop("region") == "us-east-1"
options.pop("output", None)
call = {}
for name, value in options.items():
    first, *rest = name.split("-")
    key = first + "".join(part.capitalize() for part in rest)
    if service == "secretsmanager":
        key = key[0].upper() + key[1:]
    call[key] = json.loads(Path(value[len("file://") :]).read_text()) if value.startswith("file://") else value
action = "".join(part.capitalize() for part in operation.split("-"))
headers = {"X-Amz-Target": f"{TARGETS[service]}.{action}"}
with urlopen(Request("http://127.0.0.1:9000/", json.dumps(call).encode(), headers)) as reply:
    print(reply.read().decode())
