"""Sends the end of the boot log to CloudWatch Logs, as a stream of its own."""

import json
import subprocess
import sys
import time
from pathlib import Path

CONFIG, ID, LOG = "/opt/quilt/config.json", "/var/lib/cloud/data/instance-id", "/var/log/quilt-boot.log"


def send(kind, message, number=""):
    """Puts a message into a stream of the instance, which is made if there is none; an exit with what AWS refuses."""
    config, instance = json.loads(Path(CONFIG).read_text()), Path(ID).read_text().strip()
    # A connection that is made while the instance's address changes gets no answer; the CLI tries three times.
    where = ["--cli-connect-timeout", "8", "--cli-read-timeout", "8", "--region", config["Region"]]
    where += ["--log-group-name", config["LogGroup"], "--log-stream-name", f"{kind}-{instance}{number}"]
    create = ["aws", "logs", "create-log-stream", *where]
    put = ["aws", "logs", "put-log-events", *where, "--log-events", "file:///dev/stdin"]
    event = json.dumps([{"timestamp": int(time.time() * 1000), "message": message}]).encode()
    done = subprocess.run(put, input=event, capture_output=True)
    if b"ResourceNotFoundException" in done.stderr:
        done = subprocess.run(create, capture_output=True)
        # The first try made it, if only its answer was lost.
        if not done.returncode or b"ResourceAlreadyExists" in done.stderr:
            done = subprocess.run(put, input=event, capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode() or "aws logs was ended")


if __name__ == "__main__":
    send("boot", Path(LOG).read_text(errors="replace")[-100000:], f"-{int(time.time())}")
