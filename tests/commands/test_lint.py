"""``quilt-cfn lint``, the old name of ``quilt-cfn check --linters``: it works, and names the new one."""

from __future__ import annotations

from tests.command_line import run

FAULTY = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties:\n      Colour: red\n"


def test_lint_reports_a_fault_with_file_line_rule_and_resource_and_exits_1(tmp_path):
    faulty = tmp_path / "faulty.yaml"
    faulty.write_text(FAULTY)
    done = run("lint", faulty)
    assert done.returncode == 1
    assert f"{faulty}:5: error E3002 [cfn-lint] Topic:" in done.stdout
    assert "[cloudformation-validate]" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 template: ")


def test_it_names_the_command_that_replaces_it_and_both_find_the_same(tmp_path):
    (tmp_path / "faulty.yaml").write_text(FAULTY)
    old = run("lint", "faulty.yaml", folder=tmp_path)
    new = run("check", "faulty.yaml", "--linters", folder=tmp_path)
    assert old.stderr == "quilt-cfn lint is now quilt-cfn check --linters; the old name goes on working.\n"
    assert (new.returncode, new.stdout, new.stderr) == (old.returncode, old.stdout, "")
