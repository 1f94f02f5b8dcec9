"""The page accepts and refuses the values that CloudFormation does, with its sentences: the same as our Python does.

tests/stack/test_parameters.py holds the Python to what Java says about the same values.
"""

from __future__ import annotations

import random
import re

from quilt_cfn.cloudformation.launch.parameter_values import refusal_of
from tests.stack.form_values import ACCEPTED, REFUSED

NUMBERS = [
    "",
    "0",
    "1",
    "-1",
    "+7",
    "7.",
    ".5",
    "1e3",
    " 14 ",
    "14 days",
    "x",
    "35",
    "36",
    "20",
    "19.99",
    "5000",
    "5001",
    "٣",
]
OTHERS = ["", "t1.micro", "x" * 4096, "x" * 4097, "ü" * 2049, "a b", "\U0001f600", "\ud7ff", "\u2028", "true", "null"]


def cases(template):
    """(parameter, value): every value of the form's tests, every value of every list, and what tries the rest."""
    for name, declared in template["Parameters"].items():
        tried = [*ACCEPTED.get(name, ()), *REFUSED.get(name, ()), *NUMBERS, *OTHERS]
        tried += [str(value) for value in declared.get("AllowedValues", ())]
        yield from ((name, value) for value in tried)


def mutated(template, seed=1):
    """(parameter, value): accepted and refused values with a character removed, doubled or replaced."""
    chance = random.Random(seed)
    alphabet = "aZ09-_.:/@ \\\"'{}()[]\n\u00e4\u4e00\u0085\U0001f600"
    for name in template["Parameters"]:
        for value in [*ACCEPTED.get(name, ()), *REFUSED.get(name, ())]:
            for _ in range(3):
                at = chance.randrange(len(value) + 1)
                yield name, value[:at] + chance.choice([*alphabet, value[:3], ""]) + value[at + chance.randrange(2) :]


def answers(functions, edition, values):
    """What the page's script says about each (parameter, value) of an edition."""
    script = """([edition, values]) => values.map(
        ([name, value]) => refusalOf(name, data.editions[edition].parameters[name], value))"""
    return functions.evaluate(script, [edition, [list(each) for each in values]])


def test_every_pattern_is_read_by_the_browser(functions):
    script = """() => Object.values(data.editions).flatMap(({parameters}) => Object.values(parameters))
        .map(({AllowedPattern}) => AllowedPattern).filter((pattern) => pattern && !wholePattern(pattern))"""
    assert functions.evaluate(script) == []


def test_the_page_refuses_what_cloudformation_refuses_with_the_same_sentence(functions, edition, template):
    values = list(cases(template))
    expected = [refusal_of(name, template["Parameters"][name], value) for name, value in values]
    got = answers(functions, edition, values)
    assert len(values) > 1500
    different = [
        (*case, mine, theirs) for case, mine, theirs in zip(values, expected, got, strict=True) if mine != theirs
    ]
    assert different == []
    assert sum(each is None for each in expected) > 500


def test_values_that_nobody_chose_are_judged_alike_as_well(functions, edition, template):
    values = list(mutated(template))
    expected = [refusal_of(name, template["Parameters"][name], value) for name, value in values]
    assert answers(functions, edition, values) == expected


def test_examples_are_accepted_and_refused_as_the_forms_tests_say(functions, edition, template):
    for table, refused in ((ACCEPTED, False), (REFUSED, True)):
        values = [(name, value) for name in template["Parameters"] for value in table.get(name, ())]
        wrong = [
            case
            for case, sentence in zip(values, answers(functions, edition, values), strict=True)
            if (sentence is not None) != refused
        ]
        assert wrong == []


def test_lists_are_judged_member_by_member(functions):
    declared = {"Type": "CommaDelimitedList", "AllowedPattern": "[a-c]+", "MaxLength": 3}
    for value in ("a,b", "a, b ,c", "a,d", "abcd,a", ""):
        got = functions.evaluate("([declared, value]) => refusalOf('L', declared, value)", [declared, value])
        assert got == refusal_of("L", declared, value)


def test_lengths_count_characters(functions):
    declared = {"Type": "String", "MinLength": 2, "MaxLength": 3}
    for value in ("\U0001f600", "\U0001f600" * 2, "\U0001f600" * 3, "\U0001f600" * 4):
        got = functions.evaluate("([declared, value]) => refusalOf('S', declared, value)", [declared, value])
        assert got == refusal_of("S", declared, value)


def test_a_pattern_that_browsers_do_not_know_refuses_nothing(functions):
    for pattern in ("a++", "(", r"\p{IsAlphabetic}"):
        assert (
            functions.evaluate("(AllowedPattern) => refusalOf('P', {Type: 'String', AllowedPattern}, 'b')", pattern)
            is None
        )


def test_nested_classes_and_intersections_mean_what_they_mean_in_java(functions):
    for pattern, value, fits in (("[[a-z]&&[^b]]", "b", False), ("[a-c[x]]", "x", True), ("[(_.-]", "(", True)):
        assert functions.evaluate("([pattern, value]) => wholePattern(pattern).test(value)", [pattern, value]) == fits


def test_awss_own_types_are_checked_as_far_as_a_value_shows(functions):
    def complaint(type_, value):
        return functions.evaluate("([Type, value]) => complaintAbout('It', {Type}, value)", [type_, value])

    assert complaint("AWS::EC2::KeyPair::KeyName", "admin (2026)") is None
    assert "255 ASCII" in complaint("AWS::EC2::KeyPair::KeyName", "schlüssel")
    assert complaint("AWS::EC2::KeyPair::KeyName", "") == "Parameters: [It] must have values"
    assert complaint("AWS::EC2::Image::Id", "ami-0123456789abcdef0") is None
    assert complaint("AWS::EC2::Image::Id", "ami-0123") is not None
    stored = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    assert complaint(stored, "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64") is None
    assert complaint(stored, "a b") is not None


def test_what_lies_in_another_region_is_named(functions):
    def misplaced(value, region="eu-west-1"):
        return functions.evaluate("([value, region]) => misplaced(value, region)", [value, region])

    certificate = "arn:aws:acm:us-east-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef"
    assert misplaced(certificate) == "This is in us-east-1, and the stack would be in eu-west-1."
    assert misplaced(certificate, "us-east-1") is None
    assert misplaced("eu-west-1b") is None
    assert re.search("us-gov-west-1", misplaced("us-gov-west-1a"))
    assert misplaced("quilt.example.com") is misplaced("") is misplaced("eu-central-1") is None
