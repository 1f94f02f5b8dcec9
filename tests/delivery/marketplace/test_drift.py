"""Drift: what buyers get from Marketplace, against what was released."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn.cloudformation.facts.quotas import TEMPLATE_AT_A_URL
from quilt_cfn.delivery.marketplace.catalog import Entity
from quilt_cfn.delivery.marketplace.drift import differences, drift, fetch, find_version, texts
from quilt_cfn.delivery.marketplace.submit import submit
from quilt_cfn.errors import UserError
from tests.delivery.marketplace.conftest import CLUSTER, TEMPLATE, made
from tests.delivery.marketplace.stand_in import PRODUCT


@pytest.fixture
def sold(stand_in, catalog, submission, patience):
    """The stand-in with our version on sale, copies and all."""
    stand_in.published = dict(submission.templates)
    list(submit(catalog, submission, lambda: None, patience.wait))
    return stand_in


@pytest.fixture
def find(sold, catalog, submission):
    return lambda: drift(catalog, submission, sold.copies.__getitem__)


def copied(sold, title: str) -> str:
    """The URL of Marketplace's copy of an option's template."""
    (version,) = sold.document["Versions"]
    source = next(each["SourceId"] for each in version["DeliveryOptions"] if each["Title"] == title)
    return next(each["Template"] for each in version["Sources"] if each["Id"] == source)


def test_what_was_released_and_is_sold_unchanged_has_no_drift(find):
    assert find() == []


@pytest.mark.parametrize(
    "rewritten",
    [
        b"  AmiId: {Type: String, Default: ami-0abc}\n  Size: {Type: Number, Default: 3}\n",
        b'  Size: {Default: 3, Type: Number}\n  AmiId: {Type: "AWS::EC2::Image::Id", AllowedPattern: "ami-.*"}\n',
    ],
)
def test_the_ami_parameter_is_marketplaces_to_rewrite(sold, find, rewritten):
    begin, end = TEMPLATE.index(b"  AmiId"), TEMPLATE.index(b"Resources")
    sold.copies[copied(sold, "One machine")] = TEMPLATE[:begin] + rewritten + TEMPLATE[end:]
    assert find() == []


def test_a_copy_in_json_is_compared_as_a_template(sold, find, tmp_path):
    from quilt_cfn.cloudformation.template.read import read_template

    (tmp_path / "t").write_bytes(TEMPLATE)
    sold.copies[copied(sold, "One machine")] = json.dumps(read_template(tmp_path / "t").data, indent=1).encode()
    assert find() == []


SERVER = "Resources.Server.Properties"


@pytest.mark.parametrize(
    ("ours", "theirs", "sentence"),
    [
        ("Monitoring: true", "Monitoring: false", f"{SERVER}.Monitoring: Marketplace has false, we released true."),
        ("Monitoring: true", "Monitoring: 1", f"{SERVER}.Monitoring: Marketplace has 1, we released true."),
        (", Monitoring: true", "", f"{SERVER}.Monitoring: Marketplace has nothing, we released true."),
        ("Monitoring: true", "Monitoring: true, X: y", f'{SERVER}.X: Marketplace has "y", we released nothing.'),
        ("Value: b", "Value: c", f'{SERVER}.Tags.0.Value: Marketplace has "c", we released "b".'),
        ("[{Key: a", "[{Key: z}, {Key: a", f"{SERVER}.Tags: Marketplace has 2 entries, we released 1."),
        ("Default: 3", "Default: 4", "Parameters.Size.Default: Marketplace has 4, we released 3."),
        ("!Ref AmiId", "ami-0", f'{SERVER}.ImageId: Marketplace has "ami-0", we released {{"Ref": "AmiId"}}.'),
        ("Resources:", "Outputs: {A: 1}\nResources:", 'Outputs: Marketplace has {"A": 1}, we released nothing.'),
        (TEMPLATE.decode().partition("Resources:")[0], "Parameters: 5\n", "Parameters: Marketplace has 5, we released"),
    ],
)
def test_every_other_difference_is_a_sentence_with_its_place(sold, find, ours, theirs, sentence):
    template = TEMPLATE.decode()
    assert ours in template
    sold.copies[copied(sold, "One machine")] = template.replace(ours, theirs).encode()
    assert any(each.startswith(f"One machine: {sentence}") for each in find())


def test_a_copy_without_the_ami_parameter_is_told(sold, find):
    begin, end = TEMPLATE.index(b"  AmiId"), TEMPLATE.index(b"  Size")
    sold.copies[copied(sold, "One machine")] = TEMPLATE[:begin] + TEMPLATE[end:]
    assert find() == ["One machine: Parameters.AmiId: Marketplace has no such parameter, which is the AMI's."]


def test_each_option_is_compared_with_its_own_template(sold, find):
    one, cluster = copied(sold, "One machine"), copied(sold, "A cluster")
    assert (sold.copies[one], sold.copies[cluster]) == (TEMPLATE, CLUSTER)
    sold.copies[one], sold.copies[cluster] = CLUSTER, TEMPLATE
    found = find()
    assert {each.split(":")[0] for each in found} == {"One machine", "A cluster"}
    assert any("Resources.Server: Marketplace has nothing" in each for each in found)


def test_a_version_that_is_not_there_is_all_that_is_told(stand_in, catalog, submission):
    assert drift(catalog, submission, lambda url: b"") == [
        f"Versions: the product {PRODUCT} has no version “1.0.0”; it was not submitted, or is not through yet."
    ]


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        ("ReleaseNotes", "The second.", 'ReleaseNotes: Marketplace has "The second.", we released "The first.".'),
        ("ShortDescription", "x", 'DeliveryOptions.One machine.ShortDescription: Marketplace has "x", '
         'we released "One machine, in short.".'),
        ("LongDescription", "x", 'DeliveryOptions.One machine.LongDescription: Marketplace has "x", '
         'we released "One machine, at length.".'),
        ("Instructions", {"Usage": "x"}, 'DeliveryOptions.One machine.UsageInstructions: Marketplace has "x", '
         'we released "Launch it.".'),
        ("Recommendations", {"InstanceType": "x"}, 'DeliveryOptions.One machine.RecommendedInstanceType: Marketplace '
         'has "x", we released "t3.small".'),
    ],
)  # fmt: skip
def test_texts_that_were_changed_are_told(sold, find, place, value, sentence):
    (version,) = sold.document["Versions"]
    option = next(each for each in version["DeliveryOptions"] if each["Title"] == "One machine")
    (version if place in version else option)[place] = value
    assert find() == [sentence]


def test_white_space_in_texts_is_no_difference_and_neither_is_a_text_that_aws_does_not_tell(sold, find):
    (version,) = sold.document["Versions"]
    version["ReleaseNotes"] = " The\r\nfirst. "
    for option in version["DeliveryOptions"]:
        del option["ShortDescription"], option["Instructions"]
    assert find() == []


def test_a_long_text_is_shown_around_the_place_where_it_differs(submission):
    details = {**submission.details, "Version": {"VersionTitle": "1.0.0", "ReleaseNotes": "a" * 500 + "b" + "c" * 500}}
    version = {"ReleaseNotes": "a" * 500 + "X" + "c" * 500, "DeliveryOptions": []}
    sentence = texts(version, details)[0]
    assert "aX" in sentence
    assert "ab" in sentence
    assert len(sentence) < 300


def test_options_that_are_missing_or_added_are_told(sold, find):
    (version,) = sold.document["Versions"]
    version["DeliveryOptions"][0]["Title"] = "Renamed"
    missing = ({"One machine", "A cluster"} - {each["Title"] for each in version["DeliveryOptions"]}).pop()
    assert find() == [
        f"DeliveryOptions: Marketplace has no option “{missing}”, which we released.",
        "DeliveryOptions: Marketplace has an option “Renamed”, which we didn't release.",
    ]


def test_an_option_without_a_copy_is_told(sold, find):
    for source in sold.document["Versions"][0]["Sources"]:
        source.pop("Template", None)
    assert find() == [
        "DeliveryOptions.One machine: Marketplace names no copy of our template.",
        "DeliveryOptions.A cluster: Marketplace names no copy of our template.",
    ]


def test_a_copy_that_is_no_template_is_trouble_that_names_its_url(sold, find):
    url = copied(sold, "One machine")
    sold.copies[url] = b"<html>"
    with pytest.raises(UserError) as trouble:
        find()
    assert trouble.value.what.startswith(f"{url}, line 1: ")


def test_a_copy_that_is_too_large_is_trouble(sold, find):
    url = copied(sold, "One machine")
    sold.copies[url] = b"#" * (TEMPLATE_AT_A_URL + 1)
    with pytest.raises(UserError, match="more than 1,000,000 bytes") as trouble:
        find()
    assert url in trouble.value.what


@pytest.mark.parametrize("url", ["http://example.org/t", "file:///etc/passwd", "ftp://x/y", "/etc/passwd", ""])
def test_only_https_is_fetched(url):
    with pytest.raises(UserError, match="not an https URL"):
        fetch(url)


def test_a_server_that_does_not_answer_is_trouble():
    with pytest.raises(UserError, match=r"https://127\.0\.0\.1:1/t"):
        fetch("https://127.0.0.1:1/t")


@pytest.mark.parametrize("document", [{}, {"Versions": None}, {"Versions": ["x", {}, {"VersionTitle": 1}]}])
def test_a_document_without_versions_has_none_of_ours(document):
    assert find_version(document, "1.0.0") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100)
@given(json_values, json_values)
def test_two_values_differ_exactly_when_their_json_does(theirs, ours):
    same = json.dumps(theirs, sort_keys=True) == json.dumps(ours, sort_keys=True)
    assert (list(differences(theirs, ours)) == []) == same


@settings(max_examples=50)
@given(json_values)
def test_no_document_of_a_version_ends_in_a_traceback(value):
    names = ("ReleaseNotes", "DeliveryOptions", "Sources")
    for name in names:
        for sentence in texts({name: value, "VersionTitle": "1.0.0"}, made().details):
            assert "\n" not in sentence


@settings(max_examples=50)
@given(json_values, st.sampled_from(["Title", "ShortDescription", "Instructions", "Recommendations", "SourceId", "Id"]))
def test_no_option_of_a_version_ends_in_a_traceback(value, name):
    class Anything:
        """A catalog with a product that nobody promised."""

        def entity(self, product: str) -> Entity:
            source = {"Id": value, "Type": "CloudFormationTemplate", "Template": "https://example.org/t"}
            options = [{"Title": "One machine", "SourceId": "s"} | {name: value}]
            return Entity(
                product, "5", {"Versions": [{"VersionTitle": "1.0.0", "DeliveryOptions": options, "Sources": [source]}]}
            )

    found = drift(Anything(), made(), lambda url: TEMPLATE)
    assert all(isinstance(each, str) for each in found)
