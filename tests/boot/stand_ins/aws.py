"""As much of the AWS CLI as the boot files call: aws SERVICE OPERATION --name value ..., answered by aws_apis.py."""

import json
import os
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

TARGETS = {"logs": "Logs_20140328", "s3api": "S3", "secretsmanager": "secretsmanager"}

service, operation, *words = sys.argv[1:]
words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
options = {name[2:]: value for name, value in zip(words[::2], words[1::2], strict=True)}
assert options.pop("region", os.environ.get("AWS_DEFAULT_REGION")) == "us-east-1"
options.pop("output", None)
call = {}
for name, value in options.items():
    first, *rest = name.split("-")
    key = first + "".join(part.capitalize() for part in rest)
    if service != "logs":
        key = key[0].upper() + key[1:]
    text = Path(value[len("file://") :]).read_text() if value.startswith("file://") else value
    call[key] = json.loads(text) if name == "log-events" else text
# Signed by the key in the environment, if there is one, and otherwise by the instance's role, with the clock's time.
signature = os.environ.get("AWS_ACCESS_KEY_ID", ""), os.environ.get("AWS_SECRET_ACCESS_KEY", ""), str(time.time())
action = "".join(part.capitalize() for part in operation.split("-"))
headers = {"X-Amz-Target": f"{TARGETS[service]}.{action}", "Authorization": json.dumps(signature)}
try:
    with urlopen(Request("http://127.0.0.1:9000/", json.dumps(call).encode(), headers)) as reply:
        print(reply.read().decode())
except HTTPError as error:
    sys.exit(f"An error occurred when calling the {action} operation: {error.read().decode()}")
