"""What a check does: every launch of our editions, any other template in one launch, and what it refuses to check."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.check import (
    REGION_OF_ALL_SETS,
    Subject,
    check,
    check_launches,
    check_one_launch,
    lint,
    unseen_conditions,
    validate_launches,
)
from quilt_cfn.cloudformation.checks.launches import prepare_launches, unseen_condition_values
from quilt_cfn.cloudformation.facts import availability
from quilt_cfn.cloudformation.facts.regional_gaps import REGIONS_WITH_SES_SMTP, REGIONS_WITHOUT_IMAGES
from quilt_cfn.cloudformation.launch import PreparedLaunch, values_for
from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.editions import EDITIONS
from quilt_cfn.errors import UserError
from quilt_cfn.finding import Finding
from quilt_cfn.inputs.contract import read_contract
from quilt_cfn.inputs.subjects import read_subjects
from tests.cloudformation.checks.conftest import as_parsed

TEMPLATES = Path("templates")
CONTRACT = read_contract()
SETS = CONTRACT.parameter_sets
ZONE = "!Select [1, !GetAZs '']"


@pytest.fixture(scope="module")
def launches(template: dict[str, Any]) -> list[PreparedLaunch]:
    """Every launch in which an edition is checked."""
    return list(prepare_launches(template, SETS, availability.regions()))


def sets_in(region: str, launches: list[PreparedLaunch]) -> list[str]:
    """The names of the parameter sets that are launched in a Region."""
    here = [each for each in launches if each.region == region]
    return [
        name
        for each in here
        for name, values in SETS.items()
        if values_for(each.evaluator.template, values) == each.parameter_values
    ]


def launched_in(launches: list[PreparedLaunch]) -> list[str]:
    """The Regions in which anything is launched."""
    return list(dict.fromkeys(each.region for each in launches))


def test_an_edition_is_launched_in_every_region_that_reaches_its_container_images(
    launches: list[PreparedLaunch],
) -> None:
    assert launched_in(launches) == [each for each in availability.regions() if each not in REGIONS_WITHOUT_IMAGES]


def test_each_region_shows_both_values_of_every_condition_that_the_template_allows_there(
    template: dict[str, Any], launches: list[PreparedLaunch]
) -> None:
    for region in launched_in(launches):
        here = [each for each in launches if each.region == region]
        # The Region decides about the certificates, and where Amazon SES takes no mail a host has to be given.
        unseen = {("HasRdsCertificates", region == "eusc-de-east-1")}
        if region not in REGIONS_WITH_SES_SMTP:
            unseen.add(("HasSmtpHost", False))
        assert set(unseen_condition_values(template["Conditions"], here)) == unseen, region


def test_each_region_shows_both_documented_sizes_unless_it_lacks_one(launches: list[PreparedLaunch]) -> None:
    lacking = {"ap-east-2", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "mx-central-1", "ca-west-1"}
    for region in launched_in(launches):
        here = [each.evaluator.values for each in launches if each.region == region]
        sizes = {(values["InstanceType"], values["DBInstanceType"]) for values in here}
        assert ("t3.small", "db.t3.small") in sizes, region
        assert (("m5.large", "db.m5.large") in sizes) == (region not in lacking), region


def test_no_parameter_set_is_launched_that_shows_nothing_new(launches: list[PreparedLaunch]) -> None:
    assert sets_in("us-east-1", launches) == ["documented", "options-large", "zones"]
    assert sets_in("mx-central-1", launches) == ["options", "zones"]
    assert sets_in("cn-north-1", launches) == []


def test_cloudformation_validate_checks_the_fullest_parameter_set_and_in_one_region_all(
    template: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[tuple[str, Any]] = []
    module = "quilt_cfn.cloudformation.checks.check.cloudformation_validate"

    def record(_: Path, launches: list[tuple[str, Any]]) -> list[Finding]:
        checked.extend(launches)
        return []

    monkeypatch.setattr(module, record)
    validate_launches(as_parsed(template), CONTRACT, availability.regions())
    fullest = {region: values for region, values in checked if region != REGION_OF_ALL_SETS}
    assert set(fullest) == set(availability.regions()) - {REGION_OF_ALL_SETS, *REGIONS_WITHOUT_IMAGES}
    assert all(values["SmtpHost"] and values["AlarmEmail"] for values in fullest.values())
    sets = {name: values_for(template, values) for name, values in SETS.items()}
    assert fullest["eu-west-1"] == sets["options-large"]
    assert fullest["mx-central-1"] == sets["options"]
    all_sets = [values for region, values in checked if region == REGION_OF_ALL_SETS]
    assert all_sets == [sets["documented"], sets["options-large"], sets["zones"]]


def test_a_condition_that_no_parameter_set_makes_true_is_reported(template: dict[str, Any]) -> None:
    changed = {**template, "Conditions": {**template["Conditions"], "IsMoon": {"Fn::Equals": ["moon", "earth"]}}}
    unseen = unseen_conditions(as_parsed(changed), CONTRACT, ["us-east-1"])
    (found,) = [each for each in unseen if each.resource == "IsMoon"]
    assert found.rule == "unseen-condition"
    assert "The condition IsMoon is never true in any parameter set" in found.message


def test_a_finding_has_the_line_of_its_place_and_its_regions(edition: str, tmp_path: Path) -> None:
    """A zone out of range is one where a Region has two, and not where it has three."""
    file, line = variant_of(edition, tmp_path / "variant.yaml")
    contract = CONTRACT.for_template(EDITIONS[edition].file)
    checked = check_launches(read_template(file), contract, ("us-east-1", "us-west-1"))
    found = [each for each in checked if each.rule == "W03"]
    assert [(each.line, each.resource, each.regions) for each in found] == [(line, "PrivateSubnet2", ("us-west-1",))]


def variant_of(edition: str, file: Path, comment: int = 0) -> tuple[Path, int]:
    """A variant of an edition whose second subnet asks for a third zone, with a comment of so many characters.

    Returns the file and the line of the zone.
    """
    text = (TEMPLATES / EDITIONS[edition].file).read_text()
    assert text.count(ZONE) == 1
    file.write_text(text.replace(ZONE, ZONE.replace("[1,", "[2,")) + f"# {'-' * comment}\n")
    return file, 1 + text[: text.index(ZONE)].count("\n")


def test_a_variant_of_an_edition_is_checked_as_the_edition_and_one_that_is_too_large_not_at_all(
    tmp_path: Path,
) -> None:
    variant, _ = variant_of("registry", tmp_path / "variant.yaml", comment=200_000)
    variant.write_text(
        variant.read_text().replace("Properties: {CidrBlock: ", "Properties: {Colour: red, CidrBlock: ", 1)
    )
    huge, _ = variant_of("registry", tmp_path / "huge.yaml", comment=1_000_000)
    report = check(read_subjects([variant, huge], "registry", TEMPLATES), ["us-west-1"])

    def about(file: Path, findings: list[Finding]) -> list[tuple[str, str]]:
        return sorted((each.engine, each.rule) for each in findings if each.file == str(file))

    assert about(variant, list(report.findings)) == [
        ("cfn-lint", "E3002"),
        ("cloudformation-validate", "F3002"),
        ("quilt-cfn", "W03"),
        ("quilt-cfn", "template-size"),
    ]
    assert about(variant, [finding for finding, _ in report.suppressed]) == [
        ("cfn-lint", "W1011"),
        ("cfn-lint", "W3691"),
        ("cloudformation-validate", "W1011"),
        ("quilt-cfn", "M08"),
        ("quilt-cfn", "M08"),
    ]
    assert about(huge, list(report.findings)) == [("quilt-cfn", "template-size")]
    sizes = [each.message for each in report.findings if each.rule == "template-size"]
    assert all("may have 200,000: shorten the scripts" in each for each in sizes)
    assert [each.endswith("It was not checked any further.") for each in sizes] == [True, False]
    assert report.summary == "2 templates in 1 Region: 5 findings, 5 suppressed with a reason."


OTHER = """\
Parameters:
  Size: {Type: String, AllowedValues: [small, large]}
  Key: {Type: String, NoEcho: true}
Conditions:
  Large: !Equals [!Ref Size, large]
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      DisplayName: !If [Large, !Ref Key, small]
"""


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The file of a template that is not ours."""
    file = tmp_path / "stack.yaml"
    file.write_text(OTHER)
    return file


def test_a_template_of_ours_that_is_no_edition_is_checked_with_its_defaults_and_not_for_aws_marketplace(
    other: Path,
) -> None:
    """That its condition is never true with them is no finding."""
    (subject,) = read_subjects([other], None, other.parent)
    assert not subject.contract.parameter_sets
    assert check([subject], ["us-east-1"]).findings == ()
    other.write_text(other.read_text().replace("AllowedValues: [small, large]", "Default: large"))
    assert "S04" in {each.rule for each in check([subject], ["us-east-1"]).findings}


def test_any_other_template_is_checked_with_the_parameter_values_of_one_launch(other: Path) -> None:
    assert check_one_launch(other, {"Size": "small"}, "us-east-1").findings == ()
    (found,) = check_one_launch(other, {"Size": "large"}, "us-east-1").findings
    assert (found.rule, found.resource, found.line) == ("S04", "Topic", 10)


def test_parameter_values_that_cloudformation_would_refuse_are_refused_in_its_words(other: Path) -> None:
    with pytest.raises(UserError, match="Parameter 'Size' must be one of AllowedValues") as refused:
        check_one_launch(other, {"Size": "huge"}, "us-east-1")
    assert "--parameters" in refused.value.next_step


def test_the_rules_of_aws_marketplace_are_used_for_other_templates_only_on_demand(other: Path) -> None:
    assert not [each for each in check_one_launch(other, {}, "us-east-1").findings if each.rule.startswith("M")]
    demanded = check_one_launch(other, {}, "us-east-1", marketplace=True)
    assert "M14" in {each.rule for each in demanded.findings}


def test_a_default_that_its_own_parameter_refuses_hides_no_other_finding(other: Path) -> None:
    text = OTHER.replace(
        "{Type: String, AllowedValues: [small, large]}", "{Type: String, AllowedValues: [large], Default: big}"
    )
    other.write_text(text)
    assert [each.rule for each in check_one_launch(other, {}, "us-east-1").findings] == ["F03"]
    assert {each.rule for each in check_one_launch(other, {"Size": "large"}, "us-east-1").findings} == {"F03", "S04"}


def test_more_resources_than_cloudformation_takes_are_refused_with_the_line_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "many.yaml"
    file.write_text("Resources:\n" + "".join(f"  A{number}: {{Type: AWS::SNS::Topic}}\n" for number in range(501)))
    monkeypatch.setattr("quilt_cfn.cloudformation.checks.check.run", lambda tasks: pytest.fail("something was started"))
    for refuse in (
        lambda: check_one_launch(file, {}, "us-east-1", linters=True),
        lambda: lint([Subject(file)]),
        lambda: check([Subject(file)]),
    ):
        with pytest.raises(UserError, match="line 502: CloudFormation takes 500 resources, and here are 501"):
            refuse()


def test_values_that_refer_to_one_another_too_deeply_are_refused_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "chain.yaml"
    topic = "{{Type: AWS::SNS::Topic, Properties: {{DisplayName: !GetAtt A{}.TopicName}}}}"
    chain = "".join(f"  A{number}: {topic.format(number + 1)}\n" for number in range(499))
    file.write_text(f"Resources:\n{chain}  A499: {{Type: AWS::SNS::Topic}}\n")
    with pytest.raises(UserError, match=r"chain.yaml, line [0-9]+: values refer to one another too deeply"):
        check_one_launch(file, {}, "us-east-1")


# With the linters.


def of_both(file: Path) -> list[tuple[str, str]]:
    """(engine, rule) of what our rules and the linters find in one launch of a template."""
    return [(each.engine, each.rule) for each in check_one_launch(file, {}, "us-east-1", linters=True).findings]


SAID_ONCE = {
    "Resources: {A: {Type: AWS::SNS::Topic, DependsOn: Nobody}}": ["T04"],
    "Resources: {A: {Properties: {}}}": ["T03"],
    "Resources: {A: {Type: AWS::SNS::Topic}}\nOutputs: {O: {Description: x}}": ["T06"],
    "Parameters: {P: {Type: Strin}}\nResources: {A: {Type: AWS::SNS::Topic}}": ["W2001", "W2001", "T05"],
    "Resources:\n  A:\n    Type: AWS::SNS::Topic\n    Type: AWS::SNS::Topic": ["duplicate-key"],
    "Resources:\n  A:\n    Type: AWS::SNS::Topic\n    DependsOn: B\n    Properties: {Colour: red}": [
        *("T04", "E3002", "F3002"),
    ],
}
"""Template -> the ids of what is reported about it; both linters report each of the faults."""


def test_what_our_rule_and_the_linters_say_about_a_place_is_said_once_and_the_rest_remains(tmp_path: Path) -> None:
    subjects = []
    for number, text in enumerate(SAID_ONCE):
        subjects.append(Subject(tmp_path / f"{number}.yaml"))
        subjects[-1].file.write_text(f"{text}\n")
    found = check(subjects, ["us-east-1"]).findings
    for subject, expected in zip(subjects, SAID_ONCE.values(), strict=True):
        assert [each.rule for each in found if each.file == str(subject.file)] == expected


def test_the_linters_get_the_region_and_the_parameter_values_of_the_launch(tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    instance = "{Type: AWS::EC2::Instance, Properties: {InstanceType: !Ref Size, ImageId: ami-0123456789abcdef0}}"
    file.write_text(f"Parameters: {{Size: {{Type: String, Default: t3.small}}}}\nResources: {{A: {instance}}}\n")

    def of_size(region: str, **values: str) -> list[str]:
        found = check_one_launch(file, values, region, linters=True).findings
        return [each.engine for each in found if "t2.small" in each.message]

    assert "cloudformation-validate" in of_size("eu-north-1", Size="t2.small")
    assert of_size("us-east-1", Size="t2.small") == of_size("eu-north-1") == []


def unfinished(findings: Iterable[Finding]) -> list[str]:
    """The linters that did not finish."""
    found = [each for each in findings if each.rule == "linter-unfinished"]
    assert {each.severity for each in found} <= {"warning"}
    return [each.message.partition(" failed, or needed more than 2 seconds or 4 GiB of memory")[0] for each in found]


def test_a_linter_that_does_not_end_is_ended_and_our_rules_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cloudformation-validate tries every combination of the allowed values in a text: here 100,000,000."""
    monkeypatch.setattr("quilt_cfn.cloudformation.checks.check.LINTER_SECONDS", 2)
    names = [f"P{number}" for number in range(8)]
    parameters = "".join(f"  {name}: {{Type: String, AllowedValues: {[*'abcdefghij']}}}\n" for name in names)
    joined = "".join(f"${{{name}}}" for name in names)
    topic = f"{{Type: AWS::SNS::Topic, DependsOn: Nobody, Properties: {{DisplayName: !Sub '{joined}'}}}}"
    file = tmp_path / "stack.yaml"
    file.write_text(f"Parameters:\n{parameters}Resources: {{A: {topic}}}\n")
    found = check_one_launch(file, {}, "us-east-1", linters=True).findings
    assert "T04" in {each.rule for each in found}
    assert "cloudformation-validate" in unfinished(found)


@pytest.mark.exhaustive
def test_so_is_the_other_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """cfn-lint tries every combination of the values of the pseudo parameters in a text."""
    monkeypatch.setattr("quilt_cfn.cloudformation.checks.check.LINTER_SECONDS", 2)
    file = tmp_path / "stack.yaml"
    pseudo = ("Region", "AccountId", "Partition", "URLSuffix", "Region", "Region", "Region")
    name = "".join(f"${{AWS::{each}}}-" for each in pseudo) + "${B.TopicName}"
    bucket = f"{{Type: AWS::S3::Bucket, Properties: {{BucketName: !Sub '{name}'}}}}"
    file.write_text(f"Resources: {{B: {{Type: AWS::SNS::Topic}}, A: {bucket}}}\n")
    assert "cfn-lint" in unfinished(lint([Subject(file)]).findings)


def test_a_linter_that_fails_is_a_finding(tmp_path: Path) -> None:
    """cfn-lint has an AttributeError of its own for metadata that are a text."""
    file = tmp_path / "stack.yaml"
    file.write_text("Resources: {A: {Type: AWS::SNS::Topic, Metadata: x}}\n")
    assert of_both(file) == [("quilt-cfn", "T03"), ("quilt-cfn", "linter-unfinished")]


def test_dynamic_references_are_counted_in_the_summary(tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text("Resources: {A: {Type: AWS::SNS::Topic, Properties: {DisplayName: '{{resolve:ssm:x}}'}}}\n")
    summary = check_one_launch(file, {}, "us-east-1").summary
    assert summary.endswith(
        ": 0 findings. The values of 1 dynamic reference are only known in AWS, and were not checked."
    )


def test_user_data_that_is_neither_ascii_nor_base64_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    instance = "{Type: AWS::EC2::Instance, Properties: {ImageId: ami-0123456789abcdef0, UserData: é ß}}"
    file.write_text(f"Resources: {{A: {instance}}}\n", encoding="utf-8")
    assert "W14" in {each.rule for each in check_one_launch(file, {}, "us-east-1").findings}
