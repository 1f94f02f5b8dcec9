"""What buyers get from AWS Marketplace, compared with what was released."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn.cloudformation.facts.quotas import TEMPLATE_AT_A_URL
from quilt_cfn.cloudformation.template.read import parse_template
from quilt_cfn.delivery.marketplace.catalog import Catalog
from quilt_cfn.delivery.marketplace.drift import differences, drift, fetch, find_version, text_differences
from quilt_cfn.delivery.marketplace.explanations import DRIFT
from quilt_cfn.delivery.marketplace.submit import submit
from quilt_cfn.errors import UserError
from tests.delivery.marketplace.conftest import TEMPLATE, TEMPLATES, made
from tests.delivery.marketplace.stand_in import PRODUCT
from tests.delivery.publish.web import Endless, WebServer, make_certificate


@pytest.fixture
def sold(stand_in, catalog, submission, waiting):
    """The stand-in with our version on sale, with its copies of the templates."""
    stand_in.published = dict(submission.templates)
    list(submit(catalog, submission, lambda: None, waiting.polling))
    return stand_in


@pytest.fixture
def find(sold, catalog, submission):
    """Calls drift, and returns its findings as (rule, file, message)."""

    def find() -> list[tuple[str, str, str]]:
        found = drift(catalog, submission, sold.copies.__getitem__)
        assert {each.rule for each in found} <= {each.id for each in DRIFT.explanations}
        return [(each.rule, each.file, each.message) for each in found]

    return find


def copied(sold, title: str = "one") -> str:
    """The URL of AWS Marketplace's copy of an option's template."""
    (version,) = sold.document["Versions"]
    source = next(each["SourceId"] for each in version["DeliveryOptions"] if each["Title"] == title)
    return str(next(each["Template"] for each in version["Sources"] if each["Id"] == source))


def test_what_is_sold_as_it_was_released_has_no_drift(find):
    assert find() == []


@pytest.mark.parametrize(
    "rewritten",
    [
        b"  AmiId: {Type: String, Default: ami-0abc}\n  Size: {Type: Number, Default: 3}\n",
        b'  Size: {Default: 3, Type: Number}\n  AmiId: {Type: "AWS::EC2::Image::Id", AllowedPattern: "ami-.*"}\n',
    ],
)
def test_aws_marketplace_may_rewrite_the_declaration_of_the_ami_parameter(sold, find, rewritten):
    begin, end = TEMPLATE.index(b"  AmiId"), TEMPLATE.index(b"Resources")
    sold.copies[copied(sold)] = TEMPLATE[:begin] + rewritten + TEMPLATE[end:]
    assert find() == []


def test_a_copy_in_json_is_compared_as_a_template(sold, find):
    sold.copies[copied(sold)] = json.dumps(parse_template(TEMPLATE, "t").data, indent=1).encode()
    assert find() == []


HAS = "AWS Marketplace has"


@pytest.mark.parametrize(
    ("ours", "theirs", "place"),
    [
        ("Monitoring: true", "Monitoring: 1", f"7 Server: Properties.Monitoring: {HAS} 1, the release has true."),
        (", Monitoring: true", "", f"7 Server: Properties.Monitoring: {HAS} nothing, the release has true."),
        ("Value: b", "Value: b, X: y", f'7 Server: Properties.Tags.0.X: {HAS} "y", the release has nothing.'),
        ("[{Key: a", "[{Key: z}, {Key: a", f"7 Server: Properties.Tags: {HAS} 2 entries, the release has 1."),
        ("Default: 3", "Default: 4", f"3 Size: Default: {HAS} 4, the release has 3."),
        ("Resources:", "Outputs: {A: 1}\nResources:", f'1 : Outputs: {HAS} {{"A": 1}}, the release has nothing.'),
        (TEMPLATE.decode().partition("Resources:")[0], "Parameters: 5\n", f"1 : Parameters: {HAS} 5, the release has"),
    ],
)
def test_every_other_difference_is_a_finding_with_its_place(sold, catalog, submission, ours, theirs, place):
    assert ours in TEMPLATE.decode()
    sold.copies[copied(sold)] = TEMPLATE.decode().replace(ours, theirs).encode()
    found = drift(catalog, submission, sold.copies.__getitem__)
    places = [f"{each.line} {each.resource}: {each.message}" for each in found if each.rule == "D05"]
    assert any(each.startswith(place) for each in places), places
    assert {each.file for each in found} == {"one.yaml"}


def test_a_copy_without_the_ami_parameter_is_found(sold, find):
    begin, end = TEMPLATE.index(b"  AmiId"), TEMPLATE.index(b"  Size")
    sold.copies[copied(sold)] = TEMPLATE[:begin] + TEMPLATE[end:]
    message = "AWS Marketplace's copy does not declare this parameter, which is the AMI's."
    assert find() == [("D06", "one.yaml", message)]


def test_each_option_is_compared_with_its_own_template(sold, find):
    one, cluster = copied(sold, "one"), copied(sold, "cluster")
    sold.copies[one], sold.copies[cluster] = TEMPLATES["cluster"], TEMPLATES["one"]
    assert {(rule, file) for rule, file, _ in find()} == {("D05", "one.yaml"), ("D05", "cluster.yaml")}


def test_a_version_that_is_missing_is_all_that_is_found(stand_in, catalog, submission):
    (found,) = drift(catalog, submission, lambda url: b"")
    assert (found.rule, found.file) == ("D01", PRODUCT)
    assert found.message.startswith("There is no version “1.0.0”")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("ReleaseNotes", "The second.", f'ReleaseNotes: {HAS} "The second.", the release has "The first.".'),
        ("ShortDescription", "x", f'“one”, ShortDescription: {HAS} "x", the release has "one, in short.".'),
        ("LongDescription", "x", f'“one”, LongDescription: {HAS} "x", the release has "one, at length.".'),
        ("Instructions", {"Usage": "x"}, f'“one”, UsageInstructions: {HAS} "x", the release has "Launch it.".'),
        (
            "Recommendations",
            {"InstanceType": "x"},
            f'“one”, RecommendedInstanceType: {HAS} "x", the release has "t3.small".',
        ),
    ],
)
def test_a_text_that_was_changed_is_found(sold, find, place, value, message):
    (version,) = sold.document["Versions"]
    option = next(each for each in version["DeliveryOptions"] if each["Title"] == "one")
    (version if place in version else option)[place] = value
    assert find() == [("D02", PRODUCT, message)]


def test_white_space_and_texts_that_aws_does_not_return_are_no_difference(sold, find):
    (version,) = sold.document["Versions"]
    version["ReleaseNotes"] = " The\r\nfirst. "
    for option in version["DeliveryOptions"]:
        del option["ShortDescription"], option["Instructions"]
    assert find() == []


def test_a_long_text_is_shown_from_where_it_differs():
    ours = made(ReleaseNotes="a" * 500 + "b" + "c" * 500)
    message = text_differences({"ReleaseNotes": "a" * 500 + "X" + "c" * 500}, ours)[0].message
    assert "aX" in message
    assert "ab" in message
    assert len(message) < 300


def test_options_that_are_missing_or_added_are_found(sold, find):
    next(each for each in sold.document["Versions"][0]["DeliveryOptions"] if each["Title"] == "one")["Title"] = "two"
    assert find() == [
        ("D03", PRODUCT, "There is no delivery option “one”, which was released."),
        ("D03", PRODUCT, "There is a delivery option “two”, which was not released."),
    ]


def test_what_aws_says_is_shown_in_part_and_printable(sold, catalog, submission):
    title = "\x1b[2J\ud800" + "x" * 100_000
    (version,) = sold.document["Versions"]
    next(each for each in version["DeliveryOptions"] if each["Title"] == "one")["Title"] = title
    sold.copies[copied(sold, "cluster")] = json.dumps({"Resources": {"x" * 900: {"x" * 900: {"a": 1}}}}).encode()
    lines = [*map(str, drift(catalog, submission, sold.copies.__getitem__))]
    assert any(r"a delivery option “\x1b[2J\ud800xxx" in line for line in lines)
    assert all(line.isprintable() and len(line) < 2000 for line in lines)


def test_an_option_without_a_copy_is_found(sold, find):
    for source in sold.document["Versions"][0]["Sources"]:
        source.pop("Template", None)
    message = "AWS Marketplace names no copy of the template of the delivery option"
    assert find() == [("D04", PRODUCT, f"{message} “{title}”.") for title in TEMPLATES]


@pytest.mark.parametrize(
    ("copy", "error"), [(b"<html>", ", line 1: "), (b"#" * (TEMPLATE_AT_A_URL + 1), " has more than 1,000,000 bytes")]
)
def test_a_copy_that_is_not_a_template_is_an_error_that_names_its_url(sold, find, copy, error):
    url = copied(sold)
    sold.copies[url] = copy
    with pytest.raises(UserError) as raised:
        find()
    assert raised.value.what.startswith(f"{url}{error}")


@pytest.mark.parametrize("url", ["http://example.org/t", "file:///etc/passwd", "/etc/passwd", ""])
def test_only_https_is_fetched(url):
    with pytest.raises(UserError, match="not an https URL"):
        fetch(url)


def test_a_server_that_does_not_answer_is_an_error():
    with pytest.raises(UserError, match=r"https://127\.0\.0\.1:1/t"):
        fetch("https://127.0.0.1:1/t")


def test_a_server_that_drips_holds_nobody(tmp_path, monkeypatch):
    certificate = make_certificate(tmp_path / "certificate.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    drops = Endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause=0.05)
    with WebServer(certificate, lambda path: drops) as server, pytest.raises(UserError) as error:
        fetch(f"{server.url}/t", 0.2)
    assert error.value.what == f"{server.url}/t could not be read within 0.2 seconds."


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


class AnyEntity(NamedTuple):
    """A client that answers with this document."""

    document: object

    def describe_entity(self, **arguments: object) -> dict[str, object]:
        return {"EntityIdentifier": f"{PRODUCT}@5", "DetailsDocument": self.document}


@settings(max_examples=50)
@given(json_values, st.sampled_from(["Title", "ShortDescription", "Instructions", "Recommendations", "SourceId", "Id"]))
def test_no_document_of_a_product_ends_in_a_traceback(value, name):
    source = {"Id": value, "Type": "CloudFormationTemplate", "Template": "https://example.org/t"}
    option = {"Title": "one", "SourceId": "s"} | {name: value}
    version = {"VersionTitle": "1.0.0", "ReleaseNotes": value, "DeliveryOptions": [option, value], "Sources": [source]}
    catalog = Catalog(AnyEntity({"Versions": [version, value]}))
    assert all("\n" not in each.message for each in drift(catalog, made(), lambda url: TEMPLATE))
    for document in ({}, {"Versions": value}):
        assert find_version(document, "1.0.0") is None
