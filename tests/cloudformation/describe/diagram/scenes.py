"""Launches to draw: of our templates, of those of others, and of templates that are odd or large."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from quilt_cfn.cloudformation.describe.diagram import picture
from quilt_cfn.cloudformation.describe.diagram.layout import Rectangle
from quilt_cfn.cloudformation.describe.diagram.svg import Scene
from quilt_cfn.cloudformation.launch import EMPTY_CONTRACT, Contract, Launch, evaluate, values_for
from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.editions import TEMPLATE_FILES
from quilt_cfn.inputs.contract import read_contract
from tests.other_templates import TEMPLATES

ROOT = Path(__file__).parents[4]
OURS = list(TEMPLATE_FILES)


def _many(count: int, type_: str, **properties: Any) -> dict[str, Any]:
    return {f"Resource{number}": {"Type": type_, "Properties": dict(properties)} for number in range(count)}


def _crowd() -> dict[str, Any]:
    """A hundred functions, each of which uses three queues, and what else a large template has."""
    resources = _many(40, "AWS::SQS::Queue")
    for number in range(60):
        used = {f"QUEUE{index}": {"Ref": f"Resource{(number * 7 + index) % 40}"} for index in range(3)}
        resources[f"Function{number}"] = {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Environment": {"Variables": used}},
        }
    return resources


ODD: dict[str, dict[str, Any]] = {
    "empty": {},
    "only roles": _many(7, "AWS::IAM::Role"),
    "one of each of many types": {f"Thing{number}": {"Type": f"AWS::Service{number}::Thing"} for number in range(30)},
    "a hundred tables": _many(100, "AWS::DynamoDB::Table"),
    "a crowd": _crowd(),
    "a network without anything in it": {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}},
    "names of 255 characters": {"A" * 255: {"Type": "AWS::S3::Bucket"}, f"b{'C' * 200}": {"Type": "AWS::SNS::Topic"}},
    "a circle": {
        "One": {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": {"Fn::GetAtt": ["Two", "Arn"]}}},
        "Two": {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": {"Fn::GetAtt": ["One", "Arn"]}}},
    },
    "of no type": {"Nothing": {"Type": ""}, "Odd": {"Type": "Alexa::ASK::Skill"}, "Own": {"Type": "Custom::Thing"}},
    "wrong": {"Wrong": {"Type": "AWS::EC2::Instance", "Properties": "none"}, "Net": {"Type": "AWS::EC2::Subnet"}},
    "all of a network": {
        **_many(30, "AWS::EC2::Instance", SubnetId="subnet-0123", InstanceType="t3.small"),
        **{f"Db{number}": {"Type": "AWS::RDS::DBInstance", "Properties": {"Engine": "mysql"}} for number in range(9)},
    },
}
NAMES = [*OURS, *(f"other {file.name}" for file in TEMPLATES), *(f"odd {name}" for name in ODD)]


@cache
def launch_of(name: str) -> tuple[Launch, Contract]:
    """The launch of this name and its contract."""
    if name in TEMPLATE_FILES:
        template = read_template(ROOT / "templates" / TEMPLATE_FILES[name]).data
        contract = read_contract().for_template(TEMPLATE_FILES[name])
        return evaluate(template, values_for(template, contract.parameter_sets["documented"])), contract
    kind, _, rest = name.partition(" ")
    if kind == "odd":
        return of_resources(ODD[rest], rest), EMPTY_CONTRACT
    (file,) = (each for each in TEMPLATES if each.name == rest)
    return evaluate(read_template(file).data, {}, allow_missing=True), EMPTY_CONTRACT


def of_resources(resources: dict[str, Any], description: str = "") -> Launch:
    return evaluate({"Description": description, "Resources": resources}, {}, allow_missing=True)


@cache
def drawing(name: str) -> Scene:
    """Everything with its place in the diagram of this name."""
    return picture(*launch_of(name)).drawing


def segments(points: tuple[tuple[int, int], ...]) -> list[Rectangle]:
    """The straight parts of a line, as areas without width or height."""
    return [
        Rectangle(min(one[0], other[0]), min(one[1], other[1]), abs(one[0] - other[0]), abs(one[1] - other[1]))
        for one, other in pairwise(points)
    ]


def faults(scene: Scene) -> list[str]:
    """What is wrong with the places of a scene: a sentence for each."""
    return [*_label_faults(scene), *_card_faults(scene), *_lane_faults(scene)]


def _label_faults(scene: Scene) -> list[str]:
    found = [
        f"{each.words} leaves its box" for each in scene.labels if not each.box.grown(0.01, 0.01).contains(each.area)
    ]
    for index, one in enumerate(scene.labels):
        found += [f"{one.words} on {other.words}" for other in scene.labels[:index] if one.area.meets(other.area)]
        found += [f"{one.words} on the icon of {name}" for name, icon in scene.icons.items() if one.area.meets(icon)]
    return found


def _card_faults(scene: Scene) -> list[str]:
    whole = Rectangle(0, 0, scene.layout.width, scene.layout.height)
    cards = list(scene.layout.cards.items())
    found = [f"{name} leaves the picture" for name, card in cards if not whole.contains(card)]
    found += [f"{name} is not drawn" for name in scene.graph.nodes if name not in scene.layout.cards]
    for index, (name, card) in enumerate(cards):
        found += [f"{name} on {other}" for other, there in cards[:index] if card.meets(there.grown(9, 9))]
    frames = [frame for frame in scene.layout.frames if frame.kind != "region"]
    return found + [
        f"{name} crosses the border of {frame.title}"
        for name, card in cards
        for frame in frames
        if card.meets(frame.area) and not frame.area.contains(card)
    ]


def _lane_faults(scene: Scene) -> list[str]:
    found = []
    parts = [(lane, part) for lane in scene.lanes for part in segments(lane.points)]
    for lane, part in parts:
        name = f"{lane.edge.source} to {lane.edge.destination}"
        for node, card in scene.layout.cards.items():
            if part.grown(0.1, 0.1).meets(card.grown(-0.2, -0.2)):
                found.append(f"{name} crosses {node}")
        own = lane.place
        for label in scene.labels:
            if label.box != own and part.grown(0.5, 0.5).meets(label.area):
                found.append(f"{name} crosses {label.words}")
    for index, (lane, part) in enumerate(parts):
        for other, there in parts[:index]:
            if other is not lane and _overlap(part, there):
                found.append(f"{lane.edge[:2]} runs along {other.edge[:2]}")
    return found


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    """Whether two straight parts share more than the point at which they cross."""
    if one.height == other.height == 0 and one.y == other.y:
        return one.x <= other.right and other.x <= one.right
    if one.width == other.width == 0 and one.x == other.x:
        return one.y <= other.bottom and other.y <= one.bottom
    return False
