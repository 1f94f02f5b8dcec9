"""Diagrams can be read: nothing covers or crosses what it shouldn't, whatever the template."""

from __future__ import annotations

import hashlib
import re
import struct
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn.cloudformation.analysis.traffic import connections, name_of
from quilt_cfn.cloudformation.describe.diagram import picture
from quilt_cfn.cloudformation.describe.diagram.graph import Edge, label_of
from quilt_cfn.cloudformation.describe.diagram.layout import Rectangle
from quilt_cfn.cloudformation.describe.diagram.svg import sentence
from quilt_cfn.cloudformation.launch import EMPTY_CONTRACT, Contract
from quilt_cfn.cloudformation.launch.contract import ContractConnection
from tests.cloudformation.describe.diagram.scenes import NAMES, OURS, drawing, faults, launch_of, of_resources

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", NAMES)
def test_no_label_leaves_its_box_and_no_edge_crosses_a_card_a_label_or_runs_along_another(name):
    assert faults(drawing(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_flow_of_the_reachability_analysis_is_drawn_with_its_ports(name):
    scene = drawing(name)
    card = {member: node.id for node in scene.graph.nodes.values() for member in node.members}
    drawn = {(lane.edge.source, lane.edge.destination): lane for lane in scene.lanes}
    for each in connections(*launch_of(name)):
        source, destination = each.ends
        if isinstance(each.source, str):
            source = f"from {each.source}"
        if isinstance(each.destination, str):
            destination = f"to {each.destination}"
        lane = drawn[card[source], card[destination]]
        assert each.port in lane.edge.ports
        assert lane.place, f"{name_of(each.source)} has no label"
        assert str(each.port) in sentence(scene.graph, lane.edge)


@pytest.mark.parametrize("name", OURS)
def test_everything_of_ours_has_a_lane_and_a_label(name):
    scene = drawing(name)
    assert len(scene.lanes) == len(scene.graph.edges)
    assert {lane.label for lane in scene.lanes} == {label_of(edge) for edge in scene.graph.edges}


def test_ours_shows_the_flows_that_the_documentation_promises():
    graph = drawing("registry").graph
    flows = {(graph.nodes[edge.source].name, graph.nodes[edge.destination].name): edge.ports for edge in graph.edges}
    assert flows["People", "LoadBalancer"] == (80, 443)
    assert flows["LoadBalancer", "ServerGroup"] == (80, 8080)
    assert flows["ServerGroup", "Database"] == (5432,)
    assert flows["Administrators", "ServerGroup"] == (22,)
    assert flows["ServerGroup", "Internet"] == (443, 587)
    assert ("RegistryUser", "Bucket") in flows
    assert ("ServerGroup", "6 secrets") in flows
    assert [zone.title for zone in graph.zones] == ["Public subnet", "Private subnets (2), no route to the internet"]


@pytest.mark.parametrize("name", NAMES)
def test_a_diagram_has_no_more_cards_than_can_be_read(name):
    assert len(drawing(name).graph.nodes) <= 26


@pytest.mark.parametrize("name", ["registry", "odd a crowd", "odd only roles", "odd empty"])
def test_every_resource_is_drawn_or_counted(name):
    launch, _ = launch_of(name)
    graph = drawing(name).graph
    drawn = {member for node in graph.nodes.values() for member in node.members if member in launch.resources}
    rest = len(launch.resources) - len(drawn)
    assert f"{rest} that only configure" in graph.note or not rest
    assert graph.note.startswith((str(len(launch.resources)), "No resources"))


def test_many_of_a_kind_are_one_card_that_counts_them():
    (node,) = drawing("odd a hundred tables").graph.nodes.values()
    assert (node.name, node.detail) == ("100 DynamoDB tables", "Resource0\nand 99 more")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_the_svg_is_valid_stands_alone_and_has_a_title_and_a_description(name, theme):
    drawn = picture(*launch_of(name), theme=theme).svg("x-")
    root = ElementTree.fromstring(drawn)
    assert root.findtext(f"{SVG}title") == drawing(name).graph.title
    assert root.findtext(f"{SVG}desc")
    assert root.get("aria-labelledby") == "x-title x-desc"
    names = {name for each in root.iter() if (name := each.get("id"))}
    assert all(each.startswith("x-") for each in names)
    references = re.findall(r'href="([^"]*)"|url\(([^)]*)\)', drawn)
    for reference in (one or other for one, other in references):
        assert reference.startswith("data:font/woff2;base64,") or reference.removeprefix("#") in names
    assert set(re.findall(r"[a-z]+://[^\"' ]+", drawn)) == {"http://www.w3.org/2000/svg"}
    assert "/work" not in drawn
    assert not {each.tag for each in root.iter()} & {f"{SVG}script", f"{SVG}image", f"{SVG}foreignObject"}


def test_what_a_template_says_of_itself_is_text_and_no_markup():
    launch = of_resources({"Bucket": {"Type": "AWS::S3::Bucket"}}, "<script>alert(1)</script> & \x1b[31m ü\n漢")
    root = ElementTree.fromstring(picture(launch, EMPTY_CONTRACT).svg())
    assert root.findtext(f"{SVG}title") == "<script>alert(1)</script> & ?[31m ? ?"


def test_two_pictures_in_one_page_share_no_id():
    one, other = (
        set(re.findall(r' id="([^"]+)"', picture(*launch_of("registry"), theme=theme).svg()))
        for theme in ("light", "dark")
    )
    assert one
    assert not one & other


def test_another_process_draws_the_same_bytes():
    program = (
        "from tests.cloudformation.describe.diagram.scenes import *; import hashlib;"
        "p = picture(*launch_of('registry'));"
        "print(hashlib.sha256(p.svg().encode() + p.png(1100, 700)).hexdigest())"
    )
    pytest.importorskip("resvg_py")
    made = picture(*launch_of("registry"))
    expected = hashlib.sha256(made.svg().encode() + made.png(1100, 700)).hexdigest()
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "LC_ALL": "C", "PATH": "/usr/bin:/bin"}
        run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert run.stdout.strip() == expected, run.stderr


@pytest.mark.parametrize("size", [(1100, 700), (1560, 878), (300, 900)])
def test_a_png_has_exactly_the_size_asked_for(size):
    pytest.importorskip("resvg_py")
    drawn = picture(*launch_of("registry")).png(*size)
    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", drawn[16:24]) == size


def test_more_than_four_ports_are_counted():
    assert label_of(Edge("a", "b", (1, 2, 3, 4))) == "1, 2, 3, 4"
    assert label_of(Edge("a", "b", (1, 2, 3, 4, 5, 6))) == "1, 2, 3, 4, 2 more"


def test_an_icon_stands_within_its_card():
    scene = drawing("registry")
    for name, icon in scene.icons.items():
        assert scene.layout.cards[name].contains(icon)
        assert Rectangle(0, 0, 36, 36)[2:] == icon[2:]


TYPES = (
    "AWS::Lambda::Function",
    "AWS::SQS::Queue",
    "AWS::S3::Bucket",
    "AWS::EC2::Instance",
    "AWS::RDS::DBInstance",
    "AWS::IAM::Role",
    "AWS::CloudWatch::Alarm",
    "AWS::Unknown::Thing",
)


@st.composite
def templates(draw):
    """Resources that refer to one another at random, in public, private and no subnets."""
    types = draw(st.lists(st.sampled_from(TYPES), max_size=24))
    names = [f"R{number}" for number in range(len(types))]
    resources = {
        "Vpc": {"Type": "AWS::EC2::VPC"},
        "Gateway": {"Type": "AWS::EC2::InternetGateway"},
        "Table": {"Type": "AWS::EC2::RouteTable"},
        "Route": {
            "Type": "AWS::EC2::Route",
            "Properties": {"RouteTableId": {"Ref": "Table"}, "GatewayId": {"Ref": "Gateway"}},
        },
        "Routes": {
            "Type": "AWS::EC2::SubnetRouteTableAssociation",
            "Properties": {"RouteTableId": {"Ref": "Table"}, "SubnetId": {"Ref": "Public"}},
        },
        "Public": {"Type": "AWS::EC2::Subnet"},
        "Private": {"Type": "AWS::EC2::Subnet"},
    }
    if draw(st.booleans()):
        resources = {}
    for name, type_ in zip(names, types, strict=True):
        used = draw(st.lists(st.sampled_from(names), max_size=3))
        properties: dict[str, Any] = {"Uses": [{"Ref": other} for other in used]}
        if resources.get("Vpc") and draw(st.booleans()):
            properties["SubnetId"] = {"Ref": draw(st.sampled_from(["Public", "Private"]))}
        resources[name] = {"Type": type_, "Properties": properties}
    return resources


@settings(max_examples=25, deadline=None, derandomize=True)
@given(templates())
def test_any_graph_can_be_read(resources):
    assert faults(picture(of_resources(resources), EMPTY_CONTRACT).drawing) == []


@st.composite
def connected(draw):
    """Instances in two zones, and the connections among them and with the outside that a contract adds."""
    names = [f"Server{number}" for number in range(draw(st.integers(2, 7)))]
    resources = {name: {"Type": "AWS::EC2::Instance", "Properties": {"SubnetId": "subnet-0"}} for name in names}
    ends = st.sampled_from([*names, "0.0.0.0/0", "198.51.100.0/24"])
    ports = st.sampled_from(["22", "80", "443", "8080", "65535"])
    added = draw(st.lists(st.builds(ContractConnection, ends, ends, ports, st.just("it is so")), max_size=30))
    inside = [each for each in added if each.source in names or each.destination in names]
    return resources, Contract(connections=tuple(inside))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(connected())
def test_any_flows_can_be_read_and_all_are_drawn(given_):
    resources, contract = given_
    scene = picture(of_resources(resources), contract).drawing
    assert faults(scene) == []
    drawn = {(lane.edge.source, lane.edge.destination, port) for lane in scene.lanes for port in lane.edge.ports}
    wanted = {
        (
            each.source if each.source in resources else f"from {each.source}",
            each.destination if each.destination in resources else f"to {each.destination}",
            int(each.port),
        )
        for each in contract.connections
        if each.source != each.destination
    }
    assert wanted == drawn
    assert all(lane.place for lane in scene.lanes)
