"""The boot's log reaches CloudWatch Logs, where one reads why a launch failed when the instance is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from quilt_cfn import instance

FILES = {
    "/opt/quilt/config.json": json.dumps({"Region": "eu-west-1", "LogGroup": "the-group"}),
    "/var/lib/cloud/data/instance-id": "i-1\n",
    "/var/log/quilt-boot.log": "what the boot did\n",
}


def ship(folder: Path, answer_to_create: str) -> tuple[int, str, list[str]]:
    """Run ship_log.py with an AWS CLI that answers so: exit code, what it said, and what reached CloudWatch Logs."""
    program = instance.read("ship_log.py")
    for path, text in FILES.items():
        assert path in program
        (folder / Path(path).name).write_text(text)
        program = program.replace(path, str(folder / Path(path).name))
    aws = folder / "aws"
    aws.write_text(f'#!/bin/sh\n[ "$2" = create-log-stream ] && {{ {answer_to_create}; }}\ncat >>"{folder}/put"\n')
    aws.chmod(0o755)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env={"PATH": f"{folder}:/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    put = folder / "put"
    events = json.loads(put.read_text()) if put.exists() else []
    return done.returncode, done.stderr, [event["message"] for event in events]


@pytest.mark.parametrize(
    "answer",
    ["exit 0", 'echo "An error occurred (ResourceAlreadyExistsException)" >&2; exit 254'],
    ids=["new", "again"],
)
def test_the_log_is_sent_even_where_a_lost_answer_hid_that_its_stream_is_there(tmp_path, answer):
    assert ship(tmp_path, answer) == (0, "", ["what the boot did\n"])


def test_what_cloudwatch_refuses_fails_with_its_sentence(tmp_path):
    answer = 'echo "An error occurred (AccessDeniedException): no" >&2; exit 254'
    assert ship(tmp_path, answer) == (1, "An error occurred (AccessDeniedException): no\n\n", [])
