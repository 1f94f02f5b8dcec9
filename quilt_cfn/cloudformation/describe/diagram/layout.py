"""Where everything lies: zones are rows, tiers are columns, services stand in groups beside the network.

All is placed on a lattice: cards begin and end on its lines, and edges run on them. Borders of zones lie between its
lines, so that no edge runs along one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from quilt_cfn.cloudformation.describe.diagram import text
from quilt_cfn.cloudformation.describe.diagram.graph import BESIDE, OUTSIDE, Edge, Graph, Node, label_of
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
LEAST_WIDTH, LEAST_HEIGHT = 700, 360
WIDE, BEST, HIGH = 2.0, 1.64, 1.56
"""The picture's width is at most, best and at least so many times its height; Marketplace's are 1.571 and 1.777."""
LABEL_SIZE = 12
"""Of the ports on an edge."""

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
        return (TITLE + 20 if self.title else 0) + len(self.nodes) * (CARD_HEIGHT + 20)


class _Sizes(NamedTuple):
    """What a choice of columns needs at least, and where its parts begin."""

    columns: list[list[_Block]]
    left: int
    """Of the Region."""
    network: int
    """The width of the network, with its borders; 0 without one."""
    width: int
    height: int

    @property
    def misfit(self) -> float:
        """How far the proportions are from the best ones."""
        ratio = self.width / self.height / BEST
        return max(ratio, 1 / ratio)


def layout(graph: Graph) -> Layout:
    """The layout of a graph: of the choices of columns, the one whose proportions are best."""
    tiers, gap = _tiers(graph), _network_gap(graph)
    sizes = min((_sizes(graph, tiers, gap, columns) for columns in _choices(graph)), key=lambda each: each.misfit)
    height = max(sizes.height, _on_lattice(sizes.width / WIDE))
    width = max(sizes.width, LEAST_WIDTH, _on_lattice(height * HIGH))
    top, bottom, spare = HEADER, height - FOOTER, width - sizes.width
    cards: dict[str, Rectangle] = {}
    frames = [
        Frame("region", f"AWS Region {graph.region}", _rectangle(sizes.left - 5, top - 5, width - 15, bottom + 5))
    ]
    x = sizes.left + UNIT
    columns, between = sizes.columns, GAP
    if graph.zones:
        filled = any(column for row in tiers.values() for column in row)
        share = _on_lattice(spare / 2) if columns and filled else 0 if columns else spare
        natural = _network_height(tiers, graph)
        high = min(bottom - top - TITLE - UNIT, natural * (1.5 if len(graph.zones) == 1 else 1.9))
        y = top + TITLE + _on_lattice((bottom - UNIT - top - TITLE - high) / 2)
        network = Rectangle(x - 5, y - 5, sizes.network + share - UNIT, _on_lattice(high) + 10)
        frames.append(Frame("network", graph.network or "", network))
        frames += _rows(graph, tiers, network, cards)
        x += sizes.network + share + (GAP - 2 * UNIT)
        spare -= share
    else:
        x += 2 * UNIT
    if columns:
        between += _on_lattice(min(spare / len(columns), 80)) if len(columns) > 1 else 0
        x += _on_lattice((spare - (between - GAP) * (len(columns) - 1)) / 2)
    for index, column in enumerate(columns):
        frames += _stack(column, x + index * (CARD_WIDTH + between), top + TITLE, bottom - UNIT, cards)
    _place_outside(graph, graph.in_zone(OUTSIDE), cards, top, bottom)
    return Layout(width, height, cards, tuple(frames))


def _sizes(graph: Graph, tiers: dict[str, list[list[Node]]], gap: int, columns: list[list[_Block]]) -> _Sizes:
    left = MARGIN + (CARD_WIDTH + gap - UNIT if graph.in_zone(OUTSIDE) else 0)
    count = max((len(row) for row in tiers.values()), default=0)
    titles = [text.width(text.drawable(zone.title), LABEL_SIZE + 1, text.BOLD) + 60 for zone in graph.zones]
    cards = 6 * UNIT + count * CARD_WIDTH + (count - 1) * gap
    network = -(-int(max(cards, *titles)) // UNIT) * UNIT if graph.zones else 0
    services = len(columns) * CARD_WIDTH + (len(columns) - 1) * GAP if columns else 0
    joint = GAP - 2 * UNIT if network and services else 2 * UNIT if services else 0
    width = left + UNIT + network + joint + services + (3 * UNIT if services else UNIT) + MARGIN
    outside = len(graph.in_zone(OUTSIDE)) * (CARD_HEIGHT + 30)
    needed = [
        LEAST_HEIGHT,
        HEADER + FOOTER + outside,
        HEADER + FOOTER + TITLE + UNIT + _network_height(tiers, graph),
    ]
    needed += [HEADER + FOOTER + TITLE + 2 * UNIT + sum(block.height for block in column) for column in columns]
    return _Sizes(columns, left, network, width, max(needed))


def _network_gap(graph: Graph) -> int:
    """Between two columns of the network: as wide as the widest label of a flow needs."""
    labels = [text.width(label_of(edge), LABEL_SIZE, text.BOLD) for edge in graph.edges if edge.ports]
    return max(GAP, -(-int(max(labels, default=0) + 44) // UNIT) * UNIT)


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
    place = {name: index for index, name in enumerate(names)}
    following: dict[str, set[str]] = {name: set() for name in names}
    for edge in edges:
        if edge.source in place and edge.destination in place:
            following[edge.source].add(edge.destination)
    level = dict.fromkeys(names, 0)
    for name in names:
        back = {each for each in following[name] if place[each] <= place[name]}
        # In a circle, what comes first in the template stands at the left.
        following[name] -= {each for each in back if name in _after(following, each) | {each}}
    for _ in names:  # a longest path has at most so many edges
        for name in names:
            for other in following[name]:
                level[other] = max(level[other], level[name] + (1 if rows[name] == rows[other] else 0))
    return level


def _after(following: dict[str, set[str]], name: str) -> set[str]:
    """What comes after a name, directly or not; the name itself if it is in a circle."""
    found: set[str] = set()
    latest = {name}
    while latest:
        latest = {other for each in latest for other in following[each]} - found
        found |= latest
    return found


def _row_height(columns: Sequence[Sequence[Node]]) -> int:
    cards = max((len(each) for each in columns), default=0)
    return TITLE + 10 + cards * (CARD_HEIGHT + 30) if cards else TITLE + 20


def _network_height(tiers: dict[str, list[list[Node]]], graph: Graph) -> int:
    rows = [_row_height(tiers[zone.id]) for zone in graph.zones]
    return TITLE + sum(rows) + 20 * len(rows) if rows else 0


def _rows(
    graph: Graph, tiers: dict[str, list[list[Node]]], network: Rectangle, cards: dict[str, Rectangle]
) -> Iterator[Frame]:
    """The rows of the network; each gets its part of the height, and its cards stand in the middle of it."""
    count = len(next(iter(tiers.values())))
    natural = {zone.id: _row_height(tiers[zone.id]) for zone in graph.zones}
    spare = network.height - TITLE - 20 * len(natural) - sum(natural.values())
    growing = [zone for zone in natural if any(tiers[zone])] or list(natural)
    y = network.y + TITLE
    step = (network.width - 50 - CARD_WIDTH) / (count - 1) if count > 1 else 0
    left = network.x + 25 if count > 1 else network.x + (network.width - CARD_WIDTH) / 2
    for zone in graph.zones:
        height = _on_lattice(natural[zone.id] + (spare / len(growing) if zone.id in growing else 0))
        if zone is graph.zones[-1]:
            height = int(network.bottom - 10 - y)
        area = Rectangle(network.x + 10, y, network.width - 20, height)
        yield Frame(zone.id, zone.title, area)
        for index, column in enumerate(tiers[zone.id]):
            pitch = (height - TITLE) / max(1, len(column))
            for place, node in enumerate(column):
                middle = y + TITLE + pitch * (place + 0.5) - 5
                at = _on_lattice(left + index * step), _on_lattice(middle - CARD_HEIGHT / 2)
                cards[node.id] = Rectangle(*at, CARD_WIDTH, CARD_HEIGHT)
        y += height + 20


# Services


def _choices(graph: Graph) -> Iterator[list[list[_Block]]]:
    """What columns there may be of what lies in no network: by tiers if that is all there is, and in groups."""
    beside = graph.in_zone(BESIDE)
    flowing: list[list[_Block]] = []
    if not graph.zones:
        joined = {end for edge in graph.edges for end in (edge.source, edge.destination)}
        flowing = list(_flowing(graph, [node for node in beside if node.id in joined]))
        beside = [node for node in beside if node.id not in joined]
    blocks = _groups(beside)
    for count in range(1, min(len(blocks), 4) + 1):
        yield [*flowing, *_balanced(blocks, count)]
    if not blocks:
        yield flowing


def _flowing(graph: Graph, nodes: Sequence[Node]) -> Iterator[list[_Block]]:
    """Columns of cards that are joined: each stands to the right of those that use it."""
    level = _levels([node.id for node in nodes], graph.edges, dict.fromkeys((node.id for node in nodes), ""))
    most = 4 if graph.in_zone(OUTSIDE) else 5
    columns: list[list[Node]] = [[] for _ in range(most)]
    for node in nodes:
        columns[min(level[node.id], most - 1)].append(node)
    for column in columns:
        for part in _parts(_by_neighbours(column, columns, graph.edges)) if column else ():
            yield [_Block("", part)]


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


def _balanced(blocks: list[_Block], count: int) -> list[list[_Block]]:
    """The blocks in so many columns, each next one in the column that is lowest; then in the order of their groups."""
    columns: list[list[_Block]] = [[] for _ in range(count)]
    order = {id(block): place for place, block in enumerate(blocks)}
    for block in sorted(blocks, key=lambda block: -block.height):
        min(columns, key=lambda column: sum(each.height for each in column)).append(block)
    for column in columns:
        column.sort(key=lambda block: order[id(block)])
    return sorted(columns, key=lambda column: order[id(column[0])])


def _stack(column: Sequence[_Block], x: int, top: int, bottom: int, cards: dict[str, Rectangle]) -> Iterator[Frame]:
    """One column of blocks between two heights; what is left of the height is shared by the spaces in it."""
    room = bottom - top - sum(block.height for block in column)
    spaces = sum(len(block.nodes) for block in column)
    extra = max(0, min(room // max(1, spaces), 30) // UNIT * UNIT)
    room -= extra * spaces
    gap = max(0, min(room // max(1, len(column)), 40) // UNIT * UNIT)
    room -= gap * (len(column) - 1)
    y = top + max(0, _on_lattice(room / 2))
    for block in column:
        inner = len(block.nodes) * (CARD_HEIGHT + 20 + extra)
        place = y + 10 + extra // 2 // UNIT * UNIT
        if block.title:
            yield Frame("group", block.title, Rectangle(x - 15, y - 5, CARD_WIDTH + 30, TITLE + inner - extra))
            place = y + TITLE
        for node in block.nodes:
            cards[node.id] = Rectangle(x, place, CARD_WIDTH, CARD_HEIGHT)
            place += CARD_HEIGHT + 20 + extra
        y += block.height + len(block.nodes) * extra + gap


def _place_outside(
    graph: Graph, outside: Sequence[Node], cards: dict[str, Rectangle], top: float, bottom: float
) -> None:
    """What is outside stands at the left, near the height of what it connects to."""

    def wanted(node: Node) -> float:
        ends = [
            edge.source if edge.destination == node.id else edge.destination
            for edge in graph.edges
            if node.id in edge[:2]
        ]
        heights = [cards[end].y for end in ends if end in cards]
        return sum(heights) / len(heights) if heights else top

    order = sorted(outside, key=lambda node: (node.id.startswith("to "), wanted(node)))
    step = min(CARD_HEIGHT + 60, int((bottom - top - 20) / max(1, len(order))) // UNIT * UNIT)
    lowest = bottom - CARD_HEIGHT - UNIT - step * (len(order) - 1)
    y = float(top)
    for index, node in enumerate(order):
        y = max(y, min(wanted(node), lowest + step * index))
        cards[node.id] = Rectangle(MARGIN, _on_lattice(y), CARD_WIDTH, CARD_HEIGHT)
        y += step
