"""Where everything lies: zones are rows, tiers are columns, services stand in groups beside the network.

All is placed on a lattice: cards begin and end on its lines, and edges run on them. Borders of zones lie between its
lines, so that no edge runs along one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from quilt_cfn.cloudformation.describe.diagram.graph import BESIDE, OUTSIDE, Edge, Graph, Node
from quilt_cfn.cloudformation.describe.diagram.kinds import AREAS

UNIT = 10
"""Between two lines of the lattice."""
CARD_WIDTH, CARD_HEIGHT = 160, 60
GAP = 70
"""Between two columns of cards: room for the label of a flow, and lanes."""
MARGIN = 20
HEADER, FOOTER = 70, 40
TITLE = 30
"""The height of the strip with a zone's title."""
LEAST_HEIGHT = 400
WIDE, HIGH = 1.85, 1.57
"""The picture's width is at most and at least so many times its height; Marketplace's are 1.571 and 1.777."""

_TIERS = 3
_STACK = 6
"""Cards in one column of a group."""


class Rectangle(NamedTuple):
    """An area of the picture."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def grown(self, dx: float, dy: float) -> Rectangle:
        return Rectangle(self.x - dx, self.y - dy, self.width + 2 * dx, self.height + 2 * dy)

    def meets(self, other: Rectangle) -> bool:
        """Whether both have a point inside in common."""
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def contains(self, other: Rectangle) -> bool:
        inside = self.x <= other.x and other.right <= self.right
        return inside and self.y <= other.y and other.bottom <= self.bottom


class Frame(NamedTuple):
    """A titled area: the Region, the network, one of its rows, or a group of services."""

    kind: str
    title: str
    area: Rectangle


class Layout(NamedTuple):
    """Where everything lies but the edges."""

    width: int
    height: int
    cards: dict[str, Rectangle]
    """By the node's ID."""
    frames: tuple[Frame, ...]


class _Block(NamedTuple):
    """Cards below one another, with a title above them or without."""

    title: str
    nodes: Sequence[Node]

    @property
    def height(self) -> int:
        return (TITLE if self.title else 0) + len(self.nodes) * (CARD_HEIGHT + 20)


def layout(graph: Graph) -> Layout:
    """The layout of a graph."""
    if not graph.nodes and not graph.zones:
        return Layout(800, LEAST_HEIGHT, {}, ())
    tiers = _tiers(graph)
    columns = _columns(graph)
    outside = graph.in_zone(OUTSIDE)
    left = MARGIN + (CARD_WIDTH + GAP if outside else 0)
    x = left + 2 * UNIT
    network_left = x
    if graph.zones:
        count = max(1, *(len(row) for row in tiers.values()))
        x += 3 * UNIT + count * CARD_WIDTH + (count - 1) * GAP + 3 * UNIT
        network_right = x - UNIT
        x += GAP - 2 * UNIT if columns else 0
    services_left = x + (0 if graph.zones else UNIT)
    x = services_left + len(columns) * CARD_WIDTH + max(0, len(columns) - 1) * GAP
    width = int(max(x + 2 * UNIT + (UNIT if columns else 0) + MARGIN, 700))
    needed = [LEAST_HEIGHT, HEADER + FOOTER + _network_height(tiers, graph), int(width / WIDE)]
    needed += [HEADER + FOOTER + TITLE + 20 + sum(block.height for block in column) for column in columns]
    height = -(-max(needed) // UNIT) * UNIT
    width = max(width, -(-int(height * HIGH) // UNIT) * UNIT)
    top, bottom = HEADER, height - FOOTER
    cards: dict[str, Rectangle] = {}
    frames = [Frame("region", f"AWS Region {graph.region}", _rectangle(left + 5, top - 5, width - MARGIN + 5, bottom + 5))]
    spare = width - (x + 2 * UNIT + (UNIT if columns else 0) + MARGIN)
    shift = int(spare / 2 // UNIT * UNIT)
    if graph.zones:
        wider = int(spare // UNIT * UNIT) if not columns else int(spare / 2 // UNIT * UNIT)
        network = _rectangle(network_left - 5, top + TITLE - 5, network_right + wider - 5, bottom - UNIT + 5)
        frames.append(Frame("network", graph.network or "", network))
        frames += _rows(graph, tiers, network, cards)
        services_left, shift = services_left + wider, 0
    gap = GAP + (int(spare / 2 / max(1, len(columns) - 1) // UNIT * UNIT) if graph.zones and len(columns) > 1 else 0)
    for index, column in enumerate(columns):
        place = services_left + shift + index * (CARD_WIDTH + gap)
        frames += _stack(column, place, top + TITLE, bottom - UNIT, cards)
    _place_outside(graph, outside, cards, top, bottom)
    return Layout(width, height, cards, tuple(frames))


def _rectangle(left: float, top: float, right: float, bottom: float) -> Rectangle:
    return Rectangle(left, top, right - left, bottom - top)


def _on_lattice(value: float) -> int:
    return round(value / UNIT) * UNIT


# The network


def _tiers(graph: Graph) -> dict[str, list[list[Node]]]:
    """Zone -> its columns of cards. A card stands to the right of those in its row that connect to it."""
    inside = [node for zone in graph.zones for node in graph.in_zone(zone.id)]
    tier = _levels([node.id for node in inside], graph.edges, {node.id: node.zone for node in inside})
    most = _TIERS if graph.in_zone(BESIDE) else _TIERS + 1
    connected = {end for edge in graph.edges for end in (edge.source, edge.destination)}
    rows = {}
    for zone in graph.zones:
        columns: list[list[Node]] = [[] for _ in range(most)]
        nodes = graph.in_zone(zone.id)
        for node in sorted(nodes, key=lambda node: node.id not in connected):
            wanted = min(tier[node.id], most - 1)
            if node.id not in connected:
                wanted = min(range(most), key=lambda index: (len(columns[index]), index))
            columns[wanted].append(node)
        rows[zone.id] = columns
    used = max((index + 1 for columns in rows.values() for index, each in enumerate(columns) if each), default=1)
    return {zone: columns[:used] for zone, columns in rows.items()}


def _levels(names: Sequence[str], edges: Iterable[Edge], rows: dict[str, str]) -> dict[str, int]:
    """Name -> its column: behind all that connect to it from the same row, not before those of other rows."""
    level = dict.fromkeys(names, 0)
    own = [edge for edge in edges if edge.source in level and edge.destination in level]
    for _ in names:  # a longest path has at most so many edges; a cycle ends here
        moved = False
        for edge in own:
            step = 1 if rows[edge.source] == rows[edge.destination] else 0
            if level[edge.destination] < level[edge.source] + step <= len(names):
                level[edge.destination], moved = level[edge.source] + step, True
        if not moved:
            break
    return level


def _row_height(columns: Sequence[Sequence[Node]]) -> int:
    cards = max((len(each) for each in columns), default=0)
    return TITLE + 30 + cards * (CARD_HEIGHT + 30)


def _network_height(tiers: dict[str, list[list[Node]]], graph: Graph) -> int:
    rows = [_row_height(tiers[zone.id]) for zone in graph.zones]
    return 2 * TITLE + sum(rows) + 20 * len(rows) if rows else 0


def _rows(
    graph: Graph, tiers: dict[str, list[list[Node]]], network: Rectangle, cards: dict[str, Rectangle]
) -> Iterator[Frame]:
    """The rows of the network; each gets its part of the height, and its cards stand in the middle of it."""
    count = len(next(iter(tiers.values())))
    natural = {zone.id: _row_height(tiers[zone.id]) for zone in graph.zones}
    spare = network.height - TITLE - 10 - sum(natural.values()) - 20 * len(natural)
    growing = [zone for zone in natural if any(tiers[zone])] or list(natural)
    y = network.y + TITLE
    step = (network.width - 60 - CARD_WIDTH) / max(1, count - 1) if count > 1 else 0
    for zone in graph.zones:
        height = _on_lattice(natural[zone.id] + (spare / len(growing) if zone.id in growing else 0))
        area = Rectangle(network.x + 10, y, network.width - 20, height)
        yield Frame(zone.id, zone.title, area)
        for index, column in enumerate(tiers[zone.id]):
            x = _on_lattice(network.x + 30 + index * step) if count > 1 else network.x + (network.width - CARD_WIDTH) / 2
            pitch = (height - TITLE) / max(1, len(column))
            for place, node in enumerate(column):
                middle = y + TITLE + pitch * (place + 0.5)
                cards[node.id] = Rectangle(
                    _on_lattice(x), _on_lattice(middle - CARD_HEIGHT / 2 - 5), CARD_WIDTH, CARD_HEIGHT
                )
        y += height + 20


# Services


def _columns(graph: Graph) -> list[list[_Block]]:
    """The columns of what lies in no network: by tiers if that is all there is, and in groups beside a network."""
    beside = graph.in_zone(BESIDE)
    joined = {end for edge in graph.edges for end in (edge.source, edge.destination)}
    if graph.zones:
        return _balanced(_groups(beside))
    connected = [node for node in beside if node.id in joined]
    level = _levels([node.id for node in connected], graph.edges, dict.fromkeys((node.id for node in connected), ""))
    most = 5 if not graph.in_zone(OUTSIDE) else 4
    columns: list[list[Node]] = [[] for _ in range(most)]
    for node in connected:
        columns[min(level[node.id], most - 1)].append(node)
    flowing = [
        [_Block("", part)] for each in columns if each for part in _parts(_by_neighbours(each, columns, graph.edges))
    ]
    others = _groups([node for node in beside if node.id not in joined])
    return [*flowing, *_balanced(others)] if flowing else _balanced(others, wide=True)


def _by_neighbours(column: list[Node], columns: list[list[Node]], edges: Iterable[Edge]) -> list[Node]:
    """The cards of a column in the order of what connects to them, so that fewer edges cross."""
    index = columns.index(column)
    before = {node.id: place for each in columns[:index] for place, node in enumerate(each)}
    edges = list(edges)

    def place(node: Node) -> float:
        places = [before[edge.source] for edge in edges if edge.destination == node.id and edge.source in before]
        return sum(places) / len(places) if places else column.index(node)

    column[:] = sorted(column, key=place)
    return column


def _parts(nodes: Sequence[Node]) -> Iterator[Sequence[Node]]:
    parts = -(-len(nodes) // _STACK)
    size = -(-len(nodes) // parts) if parts else 1
    yield from (nodes[start : start + size] for start in range(0, len(nodes), size))


def _groups(nodes: Sequence[Node]) -> list[_Block]:
    blocks = []
    for area, title in AREAS.items():
        members = [node for node in nodes if node.kind.area == area]
        blocks += [_Block(title, part) for part in _parts(members)] if members else []
    return blocks


def _balanced(blocks: list[_Block], wide: bool = False) -> list[list[_Block]]:
    """The blocks in as few columns as are no higher than a stack, each next one in the column that is lowest."""
    if not blocks:
        return []
    total = sum(block.height + 20 for block in blocks)
    count = min(len(blocks), max(-(-total // 640), 3 if wide else 1))
    columns: list[list[_Block]] = [[] for _ in range(count)]
    for block in sorted(blocks, key=lambda block: -block.height):
        min(columns, key=lambda column: sum(each.height + 20 for each in column)).append(block)
    order = {id(block): place for place, block in enumerate(blocks)}
    for column in columns:
        column.sort(key=lambda block: order[id(block)])
    return sorted(columns, key=lambda column: order[id(column[0])])


def _stack(
    column: Sequence[_Block], x: int, top: float, bottom: float, cards: dict[str, Rectangle]
) -> Iterator[Frame]:
    """One column of blocks between two heights, with what is left of the height between its cards."""
    spaces = sum(len(block.nodes) for block in column) + 1
    room = bottom - top - 10 - sum(block.height for block in column)
    extra = max(0, int(min(room / spaces, 40) // UNIT * UNIT))
    used = sum(block.height + len(block.nodes) * extra for block in column)
    y = _on_lattice(top + max(0.0, bottom - top - used) / 2) if not column[0].title else _on_lattice(top)
    gap = (bottom - top - used) / max(1, len(column)) if column[0].title else 0
    for block in column:
        height = block.height + len(block.nodes) * extra + (min(gap, 60) // UNIT * UNIT if column[-1] is not block else 0)
        if block.title:
            yield Frame("group", block.title, Rectangle(x - 5, y, CARD_WIDTH + 10, TITLE - 5))
        place = y + (TITLE if block.title else (10 + extra) // 2 // UNIT * UNIT)
        for node in block.nodes:
            cards[node.id] = Rectangle(x, _on_lattice(place), CARD_WIDTH, CARD_HEIGHT)
            place += CARD_HEIGHT + 20 + extra
        y = _on_lattice(y + height)


def _place_outside(
    graph: Graph, outside: Sequence[Node], cards: dict[str, Rectangle], top: float, bottom: float
) -> None:
    """What is outside stands at the left, near the height of what it connects to."""
    def wanted(node: Node) -> float:
        ends = [edge.source if edge.destination == node.id else edge.destination for edge in graph.edges if node.id in edge[:2]]
        heights = [cards[end].y for end in ends if end in cards]
        return sum(heights) / len(heights) if heights else top

    order = sorted(outside, key=lambda node: (node.id.startswith("to "), wanted(node)))
    pitch = (bottom - top) / max(1, len(order))
    for index, node in enumerate(order):
        y = wanted(node) if len(order) == 1 else top + pitch * (index + 0.5) - CARD_HEIGHT / 2
        cards[node.id] = Rectangle(MARGIN, _on_lattice(y), CARD_WIDTH, CARD_HEIGHT)
