"""A report has the same content as text, as JSON and as SARIF."""

from __future__ import annotations

import json
from dataclasses import replace

from quilt_cfn.cloudformation.checks.report import FORMATS, Report, merge_regions
from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.finding import QUILT_CFN, Finding

PATH = ("Resources", "Route", "DependsOn", 0)
FOUND = Finding("a/t.yaml", 7, QUILT_CFN, "W08", "error", "Route", "It doesn't wait.", ("eu-west-1",), PATH)
LINTED = Finding("a/t.yaml", 9, "cfn-lint", "W1011", "warning", "Database", "Use a reference.")
REPORT = Report((FOUND,), ((LINTED, "because it is so"),), "1 template: 1 finding, 1 suppressed with a reason.")


def test_text_says_what_is_wrong_what_will_happen_and_what_is_suppressed():
    assert FORMATS["text"](REPORT).splitlines() == [
        "a/t.yaml:7: error W08 [quilt-cfn] Route: It doesn't wait. (in 1 Region: eu-west-1)",
        f"    {RULES['W08'].sentence}",
        "suppressed: a/t.yaml:9: warning W1011 [cfn-lint] Database: Use a reference.",
        "    because it is so",
        "1 template: 1 finding, 1 suppressed with a reason.",
    ]


def test_json_has_every_field():
    document = json.loads(FORMATS["json"](REPORT))
    assert document["findings"] == [
        {
            "template": "a/t.yaml",
            "line": 7,
            "engine": "quilt-cfn",
            "rule": "W08",
            "severity": "error",
            "resource": "Route",
            "message": "It doesn't wait.",
            "regions": ["eu-west-1"],
            "path": ["Resources", "Route", "DependsOn", 0],
        }
    ]
    assert document["suppressed"][0]["reason"] == "because it is so"
    assert document["summary"] == REPORT.summary


def test_sarif_has_a_run_an_engine_with_rules_results_places_and_suppressions():
    log = json.loads(FORMATS["sarif"](REPORT))
    assert log["version"] == "2.1.0"
    runs = {run["tool"]["driver"]["name"]: run for run in log["runs"]}
    assert set(runs) == {"quilt-cfn", "cfn-lint"}
    (rule,) = runs["quilt-cfn"]["tool"]["driver"]["rules"]
    assert (rule["id"], rule["helpUri"]) == ("W08", RULES["W08"].link)
    assert rule["shortDescription"]["text"] == RULES["W08"].sentence
    (result,) = runs["quilt-cfn"]["results"]
    assert (result["ruleId"], result["level"], result["ruleIndex"]) == ("W08", "error", 0)
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("a/t.yaml", 7)
    assert result["suppressions"] == []
    (suppressed,) = runs["cfn-lint"]["results"]
    assert suppressed["suppressions"] == [{"kind": "external", "justification": "because it is so"}]


def test_a_clean_report_is_a_run_without_results():
    log = json.loads(FORMATS["sarif"](Report((), (), "fine")))
    assert [(run["tool"]["driver"]["name"], run["results"]) for run in log["runs"]] == [("quilt-cfn", [])]


def test_many_regions_are_counted_and_some_named():
    many = Finding("t", 1, QUILT_CFN, "W09", "error", "", "m", tuple(f"xx-{number}" for number in range(40)))
    assert str(many).endswith("(in 40 Regions: xx-0, xx-1, xx-2, xx-3, xx-4, ...)")


def test_findings_that_differ_only_in_their_regions_are_one_and_name_none_if_it_is_all_of_them():
    found = [replace(FOUND, regions=(region,)) for region in ("eu-west-1", "us-west-2")]
    assert [each.regions for each in merge_regions([*found, LINTED], ["eu-west-1", "us-west-2"])] == [(), ()]
    assert [each.regions for each in merge_regions(found, ["eu-west-1", "eu-west-2", "us-west-2"])] == [
        ("eu-west-1", "us-west-2")
    ]
