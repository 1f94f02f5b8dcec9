"""Makes the launch page: one HTML file that needs no other and asks no host for anything.

The page is made with a release and never changes, so it does not know where it will be published: it learns that from
its own address. What it computes about a launch, it computes from the templates' own declarations and from models that
``describe`` makes of them; they are embedded as JSON. A secret that somebody types is checked and goes nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from quilt_cfn.cloudformation.describe import cost, timeline
from quilt_cfn.cloudformation.facts import availability, partitions
from quilt_cfn.cloudformation.launch.contract import Contract, values_for
from quilt_cfn.cloudformation.template.coerce import map_at
from quilt_cfn.delivery.product import GUIDE, LAUNCH_PAGE, PRODUCT
from quilt_cfn.delivery.site.frame import fill
from quilt_cfn.delivery.site.launch_page.form import FormField, form
from quilt_cfn.delivery.site.launch_page.pictures import SHAPING, pictures
from quilt_cfn.editions import EDITIONS, MachineImage
from quilt_cfn.inputs.release import DRAFT, Release

IMAGE_REGION = "us-east-1"
"""Where the machine images of the product are: https://docs.aws.amazon.com/marketplace/latest/userguide/product-and-ami-policies.html"""

_STYLES = ("style.css", "launch_page/page.css")
_SCRIPTS = tuple(f"launch_page/{name}.js" for name in ("parameters", "rules", "results", "estimates", "page"))


def launch_page(release: Release, templates: Mapping[str, Mapping[str, Any]], contract: Contract) -> str:
    """The page for the templates of a release: name of an edition -> its template.

    ``contract`` says which connections the picture shows, and has the values with which cost and duration are computed.
    """
    groups = form(templates)
    fields = [field for group in groups for field in group.fields]
    return fill(
        "launch_page/page.html",
        _STYLES,
        _SCRIPTS,
        release=release,
        draft=bool(DRAFT.fullmatch(release.version)),
        groups=groups,
        editions=[EDITIONS[name] for name in templates],
        regions=_regions(),
        capabilities=" ".join(sorted({each for template in templates.values() for each in capabilities(template)})),
        data=embedded(_data(release, templates, contract, fields)),
        product=PRODUCT,
        guide=GUIDE,
        launch_page=LAUNCH_PAGE,
    )


def embedded(document: Any) -> str:
    """A document as JSON that no text in it can end a script element with, in ASCII."""
    # https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements
    return json.dumps(document, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")


def _data(
    release: Release, templates: Mapping[str, Mapping[str, Any]], contract: Contract, fields: list[FormField]
) -> dict[str, Any]:
    """What the page's script reads."""
    contracts = {name: contract.for_template(EDITIONS[name].file) for name in templates}
    drawn = pictures(templates, contracts)
    return {
        "version": release.version,
        "regions": _regions(),
        "labels": {field.name: field.label for field in fields},
        "editions": {name: _edition(name, template, fields) for name, template in templates.items()},
        "costs": _models(cost.model, templates, contracts),
        "durations": _models(timeline.model, templates, contracts),
        "pictures": {"shaping": [*SHAPING], **drawn._asdict()},
    }


def _models(
    model: Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], dict[str, Any]],
    templates: Mapping[str, Mapping[str, Any]],
    contracts: Mapping[str, Contract],
) -> dict[str, dict[str, Any]]:
    """Edition -> a model of its launches, as ``models`` describes it; the contracts fill in what may be empty."""
    found = {}
    for name, template in templates.items():
        sets = contracts[name].parameter_sets
        given = {key: value for each in sets.values() for key, value in values_for(template, each).items()}
        declared = map_at(template, "Parameters")
        filled_in = {key: value for key, value in given.items() if map_at(declared, key).get("Default") == ""}
        found[name] = model(template, values_for(template, sets.get("documented", {})), filled_in)
    return found


def _edition(name: str, template: Mapping[str, Any], fields: list[FormField]) -> dict[str, Any]:
    baked = EDITIONS[name].machine_image is MachineImage.BAKED
    own = [field for field in fields if name in field.editions]
    return {
        "file": EDITIONS[name].file,
        # Customers launch it from AWS Marketplace; only the account that made its image can launch it elsewhere.
        "region": IMAGE_REGION if baked else None,
        "parameters": {field.name: field.declaration for field in own},
        "supplied": [field.name for field in own if field.supplied],
        "rules": map_at(template, "Rules"),
        "capabilities": capabilities(template),
    }


def _regions() -> list[dict[str, str]]:
    """Every Region whose console a public page names, by partition and name."""
    names = availability.region_names()
    found = []
    for partition, console in partitions.CONSOLES.items():
        own = [region for region in availability.regions() if partitions.partition(region) == partition]
        found += [
            {"id": region, "name": names.get(region, region), "partition": partition, "console": console}
            for region in sorted(own, key=lambda region: names.get(region, region))
        ]
    return found


def capabilities(template: Mapping[str, Any]) -> list[str]:
    """What has to be acknowledged for a template, as CreateChangeSet takes it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html, "Capabilities"
    """
    resources = map_at(template, "Resources").values()
    iam = [each for each in resources if each["Type"].startswith("AWS::IAM::")]
    named = any(_NAMES.get(each["Type"]) in each.get("Properties", {}) for each in iam)
    found = ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"] if iam else []
    return found + (["CAPABILITY_AUTO_EXPAND"] if "Transform" in template else [])


_NAMES = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
"""Type -> the property that gives a resource a name of the customer's choice."""
