"""Edges on the lines of a lattice: each has its lane for itself, and crosses neither a card nor a text.

The cheapest way is taken: short, with few bends and few crossings. Two edges may cross at a right angle; they share no
part of a line and no bend.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from quilt_cfn.cloudformation.describe.diagram import text
from quilt_cfn.cloudformation.describe.diagram.graph import Edge, label_of
from quilt_cfn.cloudformation.describe.diagram.layout import LABEL_SIZE, UNIT, Layout, Rectangle

LABEL_HEIGHT = 16
_BEND, _CROSSING, _BESIDE, _BORDER, _FAINT = 4.0, 5.0, 0.6, 1.5, 0.4
"""What a bend, a crossing, and a step close to another edge or to a border cost, in steps."""
_APART = 4.0
"""What a step close to another edge costs an edge with a label, which needs room."""
_DIRECTIONS = ((1, 0), (0, 1), (-1, 0), (0, -1))

Point = tuple[int, int]
"""A point of the lattice, in units."""


class Lane(NamedTuple):
    """One edge as it is drawn."""

    edge: Edge
    points: tuple[Point, ...]
    """The ends and the bends, in the picture's coordinates."""
    label: str
    place: Rectangle | None
    """Where the label stands; None without one."""


class _Lattice:
    """What is taken: by cards and texts for everybody, by edges for the others."""

    def __init__(self, layout: Layout, texts: Iterable[Rectangle]) -> None:
        self.columns, self.rows = layout.width // UNIT, layout.height // UNIT
        self.blocked: set[Point] = set()
        self.crossed: dict[Point, int] = {}
        """Point -> 1 where a horizontal line passes, 2 for a vertical one, 3 for both or a bend."""
        self.near: dict[Point, int] = {}
        self.frames = [frame.area for frame in layout.frames]
        self.borders: dict[Point, int] = {}
        """Point -> 1 if a horizontal line there would run close to a border, 2 for a vertical one."""
        self.faint: dict[Point, int] = {}
        """The same about the borders of groups, which are hardly seen."""
        for frame in layout.frames:
            self._mark_borders(frame.area, self.faint if frame.kind == "group" else self.borders)
        self.occupied = [*layout.cards.values(), *texts]
        """Cards and texts, labels among them."""
        for card in layout.cards.values():
            self._block(card.grown(19, 9))
        for each in self.occupied[len(layout.cards) :]:
            self._block(each.grown(2, 2))

    def _block(self, area: Rectangle) -> None:
        for x in range(int(area.x // UNIT) + 1, -int(-area.right // UNIT)):
            for y in range(int(area.y // UNIT) + 1, -int(-area.bottom // UNIT)):
                self.blocked.add((x, y))

    def _mark_borders(self, frame: Rectangle, borders: dict[Point, int]) -> None:
        columns = [round((x + off) / UNIT) for x in (frame.x, frame.right) for off in (-4.9, 4.9)]
        rows = [round((y + off) / UNIT) for y in (frame.y, frame.bottom) for off in (-4.9, 4.9)]
        for x in columns:
            for y in range(min(rows), max(rows) + 1):
                borders[x, y] = borders.get((x, y), 0) | 2
        for y in rows:
            for x in range(min(columns), max(columns) + 1):
                borders[x, y] = borders.get((x, y), 0) | 1

    def is_free(self, point: Point) -> bool:
        x, y = point
        return 0 < x < self.columns and 0 < y < self.rows and point not in self.blocked

    def take(self, points: Sequence[Point]) -> None:
        """Reserve a way: all its points, with the directions in which it passes them."""
        for index, point in enumerate(points):
            ends = points[max(0, index - 1) : index + 2]
            ways = {1 if one[1] == other[1] else 2 for one, other in pairwise(ends)}
            taken = sum(ways) if 0 < index < len(points) - 1 else 3
            self.crossed[point] = self.crossed.get(point, 0) | taken
            for dx, dy in _DIRECTIONS:
                beside = (point[0] + dx, point[1] + dy)
                self.near[beside] = self.near.get(beside, 0) | taken

    def is_on_border(self, area: Rectangle) -> bool:
        """Whether an area lies across the border of a zone."""
        return any(frame.meets(area) and not frame.contains(area) for frame in self.frames)

    def take_label(self, place: Rectangle) -> None:
        self.occupied.append(place)
        self._block(place.grown(2, 2))


def lanes(layout: Layout, edges: Sequence[Edge], texts: Iterable[Rectangle]) -> tuple[Lane, ...]:
    """The lane of each edge that has one. Flows come first, the shortest first.

    An edge for which no way is left gets none; the picture says so.
    """
    lattice = _Lattice(layout, texts)

    def distance(edge: Edge) -> float:
        one, other = layout.cards[edge.source], layout.cards[edge.destination]
        return abs(one.x - other.x) + abs(one.y - other.y)

    order = sorted(edges, key=lambda edge: (not edge.ports, distance(edge), edge.source, edge.destination))
    return tuple(lane for edge in order if (lane := _lane(lattice, layout, edge)))


def _lane(lattice: _Lattice, layout: Layout, edge: Edge) -> Lane | None:
    starts = list(_ports(layout.cards[edge.source]))
    goals = list(_ports(layout.cards[edge.destination]))
    label = label_of(edge)
    way = _way(lattice, starts, goals, _APART if label else _BESIDE)
    if not way:
        return None
    place = _place(lattice, way, label) if label else None
    lattice.take(way)
    if place:
        lattice.take_label(place)
    return Lane(edge, tuple((x * UNIT, y * UNIT) for x, y in _corners(way)), label, place)


class _Port(NamedTuple):
    """Where an edge may begin or end: a point on a card's side, and the way out."""

    at: Point
    out: int
    """Index in _DIRECTIONS."""
    cost: float


def _ports(card: Rectangle) -> Iterator[_Port]:
    x, y = int(card.x) // UNIT, int(card.y) // UNIT
    width, height = int(card.width) // UNIT, int(card.height) // UNIT
    for offset in range(1, height):
        off = abs(offset - height / 2)
        yield _Port((x + width, y + offset), 0, off * 0.4)
        yield _Port((x, y + offset), 2, off * 0.4)
    for offset in range(2, width - 1, 2):
        off = abs(offset - width / 2)
        yield _Port((x + offset, y + height), 1, 1 + off * 0.3)
        yield _Port((x + offset, y), 3, 1 + off * 0.3)


def _stub(lattice: _Lattice, port: _Port) -> list[Point] | None:
    """The points from a port out of the blocked area around its card; None if another edge has one of them."""
    dx, dy = _DIRECTIONS[port.out]
    points = [port.at]
    for _ in range(2 if dx else 1):
        points.append((points[-1][0] + dx, points[-1][1] + dy))
    if any(point in lattice.crossed for point in points[:-1]) or not lattice.is_free(points[-1]):
        return None
    return points if not lattice.crossed.get(points[-1], 0) & (1 if dx else 2) else None


def _way(
    lattice: _Lattice, starts: Sequence[_Port], goals: Sequence[_Port], beside_others: float
) -> list[Point] | None:
    """The cheapest way from one of the ports to another one's, as all its points; None if there is none.

    ``beside_others`` is what a step close to another edge costs.
    """
    ends: dict[tuple[Point, int], tuple[float, list[Point]]] = {}
    for goal in goals:
        stub = _stub(lattice, goal)
        if stub:
            ends[stub[-1], (goal.out + 2) % 4] = goal.cost, stub
    if not ends:
        return None
    low_x, high_x = min(point[0] for point, _ in ends), max(point[0] for point, _ in ends)
    low_y, high_y = min(point[1] for point, _ in ends), max(point[1] for point, _ in ends)

    def left(point: Point) -> int:
        x, y = point
        return max(low_x - x, 0, x - high_x) + max(low_y - y, 0, y - high_y)

    heap: list[tuple[float, float, Point, int]] = []
    came: dict[tuple[Point, int], tuple[Point, int] | list[Point]] = {}
    best: dict[tuple[Point, int], float] = {}
    for start in starts:
        stub = _stub(lattice, start)
        if stub:
            key = stub[-1], start.out
            best[key], came[key] = start.cost, stub
            heapq.heappush(heap, (start.cost + left(stub[-1]), start.cost, *key))
    finished: tuple[float, tuple[Point, int]] | None = None
    while heap:
        estimate, cost, point, direction = heapq.heappop(heap)
        if finished and estimate >= finished[0]:
            break
        key = point, direction
        if cost > best.get(key, cost):
            continue
        if key in ends and (not finished or cost + ends[key][0] < finished[0]):
            finished = cost + ends[key][0], key
        for turn in (0, 1, 3):
            after = (direction + turn) % 4
            if turn and point in lattice.crossed:
                continue  # a bend on another's line would look like a junction
            dx, dy = _DIRECTIONS[after]
            following = point[0] + dx, point[1] + dy
            axis = 1 if dx else 2
            taken = lattice.crossed.get(following, 0)
            if not lattice.is_free(following) or taken & axis:
                continue
            beside = beside_others if lattice.near.get(following, 0) & axis else 0
            beside += _BORDER if lattice.borders.get(following, 0) & axis else 0
            beside += _FAINT if lattice.faint.get(following, 0) & axis else 0
            price = cost + 1 + (_BEND if turn else 0) + (_CROSSING if taken else 0) + beside
            if price < best.get((following, after), price + 1):
                best[following, after], came[following, after] = price, key
                heapq.heappush(heap, (price + left(following), price, following, after))
    return _traced(came, ends, finished[1]) if finished else None


def _traced(
    came: dict[tuple[Point, int], tuple[Point, int] | list[Point]],
    ends: dict[tuple[Point, int], tuple[float, list[Point]]],
    last: tuple[Point, int],
) -> list[Point]:
    points = list(ends[last][1])
    key = last
    while not isinstance(came[key], list):
        key = came[key]  # type: ignore[assignment]  # no list, as the line above says
        points.append(key[0])
    stub: list[Point] = came[key]  # type: ignore[assignment]  # the list that ended the loop
    points += list(reversed(stub))[1:]
    return points[::-1]


def _corners(way: Sequence[Point]) -> Iterator[Point]:
    """The ends of a way and its bends."""
    for index, point in enumerate(way):
        ends = way[max(0, index - 1) : index + 2]
        straight = len(ends) == 3 and (ends[0][0] == ends[2][0] or ends[0][1] == ends[2][1])
        if not straight:
            yield point


def _place(lattice: _Lattice, way: Sequence[Point], label: str) -> Rectangle | None:
    """Where a label fits on a horizontal part of a way; on a vertical one if there is no such part."""
    size = text.width(label, LABEL_SIZE, text.BOLD) + 8
    corners = list(_corners(way))
    parts = sorted(pairwise(corners), key=lambda part: -_length(part))
    candidates = []
    for part in parts:
        (x1, y1), (x2, y2) = part
        for share in (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9):
            x, y = (x1 + (x2 - x1) * share) * UNIT, (y1 + (y2 - y1) * share) * UNIT
            area = Rectangle(x - size / 2, y - LABEL_HEIGHT / 2, size, LABEL_HEIGHT)
            room = _length(part) * UNIT - (size if y1 == y2 else LABEL_HEIGHT)
            candidates.append((lattice.is_on_border(area), y1 != y2, room < 24, abs(share - 0.5), area))
    for *_, area in sorted(candidates):
        if _is_clear(lattice, area):
            return area
    return None


def _length(part: tuple[Point, Point]) -> int:
    return abs(part[0][0] - part[1][0]) + abs(part[0][1] - part[1][1])


def _is_clear(lattice: _Lattice, area: Rectangle) -> bool:
    """Whether no text, card or edge of others is in an area."""
    wide = area.grown(3, 1)
    return not any(wide.meets(each) for each in lattice.occupied) and not any(
        (x, y) in lattice.crossed
        for x in range(int(wide.x // UNIT) + 1, -int(-wide.right // UNIT))
        for y in range(int(wide.y // UNIT) + 1, -int(-wide.bottom // UNIT))
    )
