"""Sends the end of the boot log to CloudWatch Logs, as a stream of its own."""

import json
import subprocess
import sys
import time
from pathlib import Path

CONFIG, ID, LOG = "/opt/quilt/config.json", "/var/lib/cloud/data/instance-id", "/var/log/quilt-boot.log"


def logs(operation, stream, events=None):
    """The AWS CLI's end. One that is made while the instance's address changes gets no answer; it tries three times."""
    config = json.loads(Path(CONFIG).read_text())
    where = ["--cli-connect-timeout", "8", "--cli-read-timeout", "8", "--region", config["Region"]]
    where += ["--log-group-name", config["LogGroup"], "--log-stream-name", stream]
    where += ["--log-events", "file:///dev/stdin"] if events else []
    return subprocess.run(["aws", "logs", operation, *where], input=events, capture_output=True)


def send(kind, message, number=""):
    """Puts a message into a stream of the instance, which is made if there is none; an exit with what AWS refuses."""
    stream = kind + "-" + Path(ID).read_text().strip() + number
    events = json.dumps([{"timestamp": int(time.time() * 1000), "message": message}]).encode()
    done = logs("put-log-events", stream, events)
    if done.returncode and b"ResourceNotFoundException" in done.stderr:
        done = logs("create-log-stream", stream)
        # The first try made it, if only its answer was lost.
        if not done.returncode or b"ResourceAlreadyExists" in done.stderr:
            done = logs("put-log-events", stream, events)
    if done.returncode:
        sys.exit(done.stderr.decode() or "aws logs was ended")


if __name__ == "__main__":
    send("boot", Path(LOG).read_text(errors="replace")[-100000:], f"-{int(time.time())}")
