"""Sends the end of the boot log to CloudWatch Logs, as a stream of its own."""

import json
import subprocess
import sys
import time
from pathlib import Path

config = json.loads(Path("/opt/quilt/config.json").read_text())
now = int(time.time())
stream = "boot-{}-{}".format(Path("/var/lib/cloud/data/instance-id").read_text().strip(), now)
# A connection that is made while the instance's address changes gets no answer; the CLI tries three times.
where = ["--cli-connect-timeout", "8", "--cli-read-timeout", "8", "--region", config["Region"]]
where += ["--log-group-name", config["LogGroup"], "--log-stream-name", stream]
text = Path("/var/log/quilt-boot.log").read_text(errors="replace")[-100000:]
event = json.dumps([{"timestamp": now * 1000, "message": text}]).encode()
created = subprocess.run(["aws", "logs", "create-log-stream", *where], stderr=subprocess.PIPE)
# The first try made it, if only its answer was lost.
if created.returncode and b"ResourceAlreadyExists" not in created.stderr:
    sys.exit(created.stderr.decode() or "aws logs create-log-stream was ended")
put = ["aws", "logs", "put-log-events", *where, "--log-events", "file:///dev/stdin"]
subprocess.run(put, input=event, check=True)
