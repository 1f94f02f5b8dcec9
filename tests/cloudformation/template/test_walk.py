"""What a part of a template refers to, and where."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.template.walk import references


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "A"}, ["A"]),
        ({"Ref": "AWS::Region"}, ["AWS::Region"]),
        ({"Fn::GetAtt": ["A", "B.C"]}, ["A.B.C"]),
        ({"Fn::GetAtt": "A.B.C"}, ["A.B.C"]),
        ({"Fn::GetAtt": ["A", {"Ref": "B"}]}, ["A", "B"]),
        ({"Fn::Sub": "${A}-${B.C}-${AWS::Region}-${!D}"}, ["A", "B.C", "AWS::Region"]),
        ({"Fn::Sub": ["${A}-${B}", {"B": {"Ref": "C"}}]}, ["A", "C"]),
        ([{"X": {"Ref": "A"}}, "B"], ["A"]),
        ({"Ref": {"Ref": "A"}}, ["A"]),
        ({"Ref": 5, "Fn::GetAtt": [], "Fn::Sub": []}, []),
    ],
)
def test_every_reference_is_found(value, expected):
    assert [str(each) for each in references(value)] == expected


def test_a_reference_says_where_it_stands():
    (found,) = references({"Properties": [{"Name": {"Fn::Sub": "${A.Arn}/*"}}]}, ("Resources", "B"))
    assert found == ("A", "Arn", ("Resources", "B", "Properties", 0, "Name"))
