"""A rehearsal can't begin by accident."""

from __future__ import annotations

import pytest

from quilt_cfn.delivery.rehearsal import execute, plan
from quilt_cfn.errors import UserError
from tests.delivery.rehearsal.fake_aws import Stack


@pytest.fixture
def begin(rehearsal, aws):
    """Asks whether a rehearsal may begin, and checks that nothing was changed."""

    def begin(terminal=None, **changes):
        request = rehearsal.request._replace(**changes)
        planned = plan.make_plan(request.document, request.values, "us-east-1", None, None)
        try:
            execute.guard(request, planned, rehearsal.account, terminal or execute.Terminal(lambda: False))
        finally:
            assert aws.changes() == []
            assert not request.journal.exists()

    return begin


def typing(text):
    return execute.Terminal(lambda: True, lambda prompt: text)


def test_it_may_begin_with_the_money_or_with_the_name(begin):
    begin(spend=1000)
    begin(typing("quilt-trial"), spend=None)


@pytest.mark.parametrize(
    ("terminal", "changes", "said"),
    [
        (None, {"account": "999988887777"}, "those of the account 111122223333, and --account says 999988887777"),
        (None, {"spend": None}, "There is no terminal"),
        (None, {"spend": 1}, "--yes-spend allows less"),
        (None, {"spend": float("nan")}, "--yes-spend allows less"),
        (None, {"spend": float("inf")}, "--yes-spend allows less"),
        (typing("quilt"), {"spend": None}, "That is not the name of the stack"),
        (typing(""), {"spend": None}, "That is not the name of the stack"),
        (typing("quilt-trial"), {"spend": 1}, "--yes-spend allows less"),
    ],
)
def test_each_guard_refuses(begin, terminal, changes, said):
    with pytest.raises(UserError, match=said):
        begin(terminal, **changes)


def test_nobody_who_types_is_no_name(begin):
    def nobody(prompt):
        raise EOFError

    with pytest.raises(UserError, match="That is not the name of the stack"):
        begin(execute.Terminal(lambda: True, nobody), spend=None)


@pytest.mark.parametrize("name", ["quilt-trial", "quilt-trial-restored", "quilt-trial-failing"])
def test_a_stack_that_exists_is_refused_before_anybody_is_asked(begin, aws, name):
    aws.stacks.append(Stack(name))
    with pytest.raises(UserError, match=f"There is a stack {name} already"):
        begin()


def test_the_money_is_asked_for_before_aws_is(begin, aws):
    with pytest.raises(UserError):
        begin(spend=1)
    assert aws.requests == []
