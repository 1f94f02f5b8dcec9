"""What becomes of output that nobody takes, of input that is closed, and of silence on a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.command_line import ROOT

PRINT = "print('one')\nprint('two', file=sys.stderr)"


def python(statements, redirections="", **options):
    """What a process prints whose streams are taken over while it executes this, and how it exits."""
    script = (
        "import sys\nfrom quilt_cfn import streams\n"
        f"with streams.taken_over() as output:\n    exec({statements!r})\n    sys.stdout.flush()\n"
        "sys.exit(0 if output.failure is None else f'lost: {output.failure}')"
    )
    command = ["bash", "-c", f'exec "$0" -c "$1" {redirections}', sys.executable, script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)


def test_open_streams_are_what_they_were():
    done = python(PRINT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n", "two\n")


@pytest.mark.parametrize(("redirection", "reason"), [(">&-", "it is closed"), (">/dev/full", "No space left")])
def test_output_that_nobody_takes_is_dropped_and_the_reason_is_known(redirection, reason):
    done = python(PRINT, redirection)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("two\nlost: ")
    assert reason in done.stderr


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_errors_that_nobody_takes_are_dropped_and_are_no_output(redirection):
    done = python(PRINT, redirection)
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n", "")


def test_no_file_that_is_opened_later_gets_the_number_of_a_closed_stream():
    done = python("import os\nprint(os.open('/dev/zero', os.O_RDONLY) > 2)", "<&- 2>&-")
    assert (done.returncode, done.stdout) == (0, "True\n")


def test_closed_input_can_not_be_read_and_is_not_empty_input():
    done = python("try: sys.stdin.buffer.read(1)\nexcept OSError as error: print(error)", "<&-")
    assert "Bad file descriptor" in done.stdout


def test_what_the_terminal_can_not_show_is_escaped():
    done = python(
        r"print('\u2026', '\udcff'); print('\u2026', file=sys.stderr)",
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "\\u2026 \\udcff\n", "\\u2026\n")


def on_a_terminal(statements):
    """What a terminal gets from a process that says that it works after a third of a second."""
    reader, terminal = os.openpty()
    try:
        python_ = f"from quilt_cfn import streams; import sys, time; streams.SILENCE = 0.3\n{statements}"
        command = [sys.executable, "-c", python_]
        subprocess.run(command, cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal, check=True)
        return os.read(reader, 10_000).decode()
    finally:
        os.close(reader)
        os.close(terminal)


def test_silence_on_a_terminal_is_ended_by_a_line_that_disappears():
    shown = on_a_terminal("with streams.taken_over(): time.sleep(1); print('done')")
    assert re.fullmatch(r"(\rquilt-cfn: working for [0-9]+ seconds \.\.\.)+\r +\rdone\r\n", shown)


def test_a_progress_bar_is_no_silence():
    bar = "print('50 %', end='', file=sys.stderr, flush=True)"
    assert on_a_terminal(f"with streams.taken_over(): {bar}; time.sleep(1)") == "50 %"
