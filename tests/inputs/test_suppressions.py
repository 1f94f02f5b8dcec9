"""Every suppression is complete."""

from __future__ import annotations

import pytest
import yaml

from quilt_cfn.editions import TEMPLATE_FILES
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.suppressions import read_suppressions


def test_each_of_ours_has_a_reason_and_names_templates_of_ours():
    suppressions = read_suppressions()
    assert suppressions
    assert all(len(each.reason.split()) >= 8 for each in suppressions)
    assert all(set(each.templates) <= set(TEMPLATE_FILES.values()) for each in suppressions)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"reason": " "}, "' ' as suppressions 1: reason"),
        ({"reason": None}, "no suppressions 1: reason"),
        ({"resourse": "Database"}, "an unknown field: suppressions 1: resourse"),
        ({"templates": None}, "nothing as suppressions 1: templates"),
    ],
)
def test_an_incomplete_one_is_refused(tmp_path, entry, error):
    path = tmp_path / "suppressions.yaml"
    complete = {"engine": "e", "rule": "r", "resource": "x", "templates": ["t.yaml"], "reason": "because"}
    path.write_text(yaml.safe_dump({"suppressions": [complete | entry]}))
    with pytest.raises(UserError, match=error):
        read_suppressions(path)
