"""Sends the end of the boot log to CloudWatch Logs."""

import json
import subprocess
import time
from pathlib import Path

config = json.loads(Path("/opt/quilt/config.json").read_text())
stream = "boot-" + Path("/var/lib/cloud/data/instance-id").read_text().strip()
where = ["--region", config["Region"], "--log-group-name", config["LogGroup"], "--log-stream-name", stream]
text = Path("/var/log/quilt-boot.log").read_text(errors="replace")[-100000:]
event = json.dumps([{"timestamp": int(time.time() * 1000), "message": text}])
subprocess.run(["aws", "logs", "create-log-stream", *where])
subprocess.run(["aws", "logs", "put-log-events", *where, "--log-events", "file:///dev/stdin"], input=event.encode())
