#!/bin/bash
# Creates an administrator of the registry: asks for user name, e-mail address and password. For root and for ec2-user.
set -euo pipefail
if [ "$(docker inspect --format '{{.State.Running}}' registry 2>/dev/null)" != true ]; then
  echo "The registry is not running: run sudo ${0%/*}/start.sh, then sudo $0 again." >&2
  exit 1
fi
[ -t 0 ] && terminal=--tty
exec docker exec --interactive ${terminal:+"$terminal"} registry ./scripts/create_admin.py
