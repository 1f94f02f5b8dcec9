"""A diagram as standalone SVG: icons and font are in it, and nothing that a viewer would have to fetch."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from quilt_cfn.cloudformation.describe.diagram import text
from quilt_cfn.cloudformation.describe.diagram.graph import BESIDE, OUTSIDE, Edge, Graph, Node
from quilt_cfn.cloudformation.describe.diagram.kinds import icon
from quilt_cfn.cloudformation.describe.diagram.lanes import Lane, lanes
from quilt_cfn.cloudformation.describe.diagram.layout import (
    FOOTER,
    HEADER,
    LABEL_SIZE,
    MARGIN,
    Frame,
    Layout,
    Rectangle,
    layout,
)
from quilt_cfn.cloudformation.describe.diagram.text import BOLD, REGULAR
from quilt_cfn.cloudformation.describe.diagram.themes import Theme

FAMILY = "Quilt Diagram"
TITLE_SIZES = (20, 18, 16)
NAME_SIZE, DETAIL_SIZE, FRAME_SIZE = 13, 11.5, 12.5
ICON = 36
_ARROW = 8
_FRAME_LINES = {"region": ' stroke-width="1.5" stroke-dasharray="6 4"', "group": ""}


class Label(NamedTuple):
    """A line of text and where it stands."""

    words: str
    x: float
    baseline: float
    size: float
    weight: int
    box: Rectangle
    """What it has to stay in."""
    ink: str
    """The name of its colour: ``text``, ``muted``, or the kind of frame whose title it is."""

    @property
    def area(self) -> Rectangle:
        """What it covers."""
        width = text.width(self.words, self.size, self.weight)
        return Rectangle(self.x, self.baseline - 0.78 * self.size, width, self.size)


class Scene(NamedTuple):
    """Everything that is drawn, with its place."""

    graph: Graph
    layout: Layout
    lanes: tuple[Lane, ...]
    labels: tuple[Label, ...]
    icons: dict[str, Rectangle]
    """By the node's ID."""


def scene(graph: Graph) -> Scene:
    """All that is drawn of a graph."""
    placed = layout(graph)
    titles = [_frame_title(frame) for frame in placed.frames]
    texts = [label.area.grown(2, 2) for label in titles]
    texts.append(Rectangle(0, 0, placed.width, HEADER - 10))
    texts.append(Rectangle(0, placed.height - FOOTER + 5, placed.width, FOOTER))
    drawn = lanes(placed, graph.edges, texts)
    icons = {name: Rectangle(card.x + 8, card.y + 12, ICON, ICON) for name, card in placed.cards.items()}
    inside = [label for name, card in placed.cards.items() for label in _card_labels(graph.nodes[name], card)]
    ports = [_port_label(lane) for lane in drawn if lane.place]
    missing = len(graph.edges) - len(drawn)
    surroundings = [*_surroundings(graph, placed, missing), *_nothing(graph, placed)]
    return Scene(graph, placed, drawn, (*titles, *inside, *ports, *surroundings), icons)


def _frame_title(frame: Frame) -> Label:
    area = frame.area
    words = text.shortened(text.drawable(frame.title), area.width - 24, FRAME_SIZE, BOLD)
    return Label(words, area.x + 12, area.y + 19, FRAME_SIZE, BOLD, area, frame.kind)


def _card_labels(node: Node, card: Rectangle) -> Iterator[Label]:
    """The name in one line or two, and what it is, in the middle of the card's right part."""
    box = Rectangle(card.x + 8 + ICON + 8, card.y + 3, card.width - ICON - 21, card.height - 6)
    names = text.lines(node.name, box.width, NAME_SIZE, BOLD)
    details = text.lines(node.detail, box.width, DETAIL_SIZE, REGULAR, max(3 - len(names), 1 + node.detail.count("\n")))
    rows: list[tuple[str, float, int, str]] = [(words, NAME_SIZE, BOLD, "text") for words in names]
    rows += [(words, DETAIL_SIZE, REGULAR, "muted") for words in details]
    height, first = (16.0, 12.0) if len(rows) < 4 else (13.0, 10.5)
    y = card.y + (card.height - height * len(rows)) / 2
    for words, size, weight, ink in rows:
        yield Label(words, box.x, y + first, size, weight, box, ink)
        y += height


def _port_label(lane: Lane) -> Label:
    assert lane.place
    return Label(lane.label, lane.place.x + 4, lane.place.y + 12.2, LABEL_SIZE, BOLD, lane.place, "flow")


def _surroundings(graph: Graph, placed: Layout, missing: int) -> Iterator[Label]:
    """Title, subtitle and the line below the picture."""
    head = Rectangle(MARGIN, 10, placed.width - 2 * MARGIN, HEADER - 10)
    words = text.drawable(graph.title)
    size = next((each for each in TITLE_SIZES if text.width(words, each, BOLD) <= head.width), TITLE_SIZES[-1])
    rows = text.lines(words, head.width, size, BOLD)
    for index, row in enumerate(rows):
        yield Label(row, head.x, (38, 27)[len(rows) - 1] + 22 * index, size, BOLD, head, "text")
    foot = Rectangle(MARGIN, placed.height - 30, placed.width - 2 * MARGIN, 24)
    words = graph.note + (f"; {missing} arrows have no room" if missing else "")
    x = foot.x
    for _, meaning in _legend(graph):
        yield Label(meaning, x + 34, placed.height - 14, DETAIL_SIZE, REGULAR, foot, "muted")
        x += 34 + text.width(meaning, DETAIL_SIZE) + 24
    room = foot.right - x
    words = text.shortened(text.drawable(words), room, DETAIL_SIZE)
    place = foot.right - text.width(words, DETAIL_SIZE)
    yield Label(words, place, placed.height - 14, DETAIL_SIZE, REGULAR, foot, "muted")


def _nothing(graph: Graph, placed: Layout) -> Iterator[Label]:
    """What stands where cards would, if there are none."""
    if not graph.nodes and not graph.zones:
        words = "Nothing here is drawn by itself." if graph.note[0].isdigit() else "The template creates nothing."
        box = Rectangle(MARGIN, HEADER + 40, placed.width - 2 * MARGIN, placed.height - HEADER - FOOTER - 50)
        middle = box.x + (box.width - text.width(words, NAME_SIZE)) / 2
        yield Label(words, middle, box.y + box.height / 2, NAME_SIZE, REGULAR, box, "muted")


def _legend(graph: Graph) -> Iterator[tuple[str, str]]:
    if any(edge.ports for edge in graph.edges):
        yield "flow", "connects, with TCP ports"
    if any(not edge.ports for edge in graph.edges):
        yield "use", "uses"


def svg(drawing: Scene, theme: Theme, prefix: str) -> str:
    """The diagram as SVG; every id begins with the prefix, so that several diagrams can stand in one page."""
    return "\n".join(_svg(drawing, theme, prefix)) + "\n"


def _svg(drawing: Scene, theme: Theme, prefix: str) -> Iterator[str]:
    placed, graph = drawing.layout, drawing.graph
    size = f"{placed.width} {placed.height}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{placed.width}" height="{placed.height}" '
        f'role="img" aria-labelledby="{prefix}title {prefix}desc" font-family="\'{FAMILY}\', sans-serif">'
    )
    yield f'<title id="{prefix}title">{escape(text.drawable(graph.title))}</title>'
    yield f'<desc id="{prefix}desc">{escape(description(graph))}</desc>'
    yield f"<style>{_faces()}</style>"
    yield from _definitions(drawing, theme, prefix)
    yield f'<rect width="{placed.width}" height="{placed.height}" fill="{theme.background}"/>'
    for frame in placed.frames:
        border, inside, _ = theme.frames[frame.kind]
        line = _FRAME_LINES.get(frame.kind, ' stroke-width="1.5"')
        yield f'<rect {_at(frame.area)} rx="6" fill="{inside}" stroke="{border}"{line}/>'
    for lane in reversed(drawing.lanes):
        yield _lane(lane, graph, theme, prefix)
    for name, card in placed.cards.items():
        yield from _card(graph.nodes[name], card, drawing.icons[name], theme, prefix)
    for lane in drawing.lanes:
        if lane.place:
            behind = _behind(lane.place, placed.frames, theme)
            yield f'<rect {_at(lane.place)} rx="4" fill="{behind}"/>'
    yield from (_words(label, theme) for label in drawing.labels)
    yield from _samples(drawing, theme, prefix)
    yield "</svg>"


def _behind(area: Rectangle, frames: Sequence[Frame], theme: Theme) -> str:
    """The colour on which a label stands: that of the innermost frame around it, or the background."""
    around = [frame for frame in frames if frame.area.meets(area)]
    return theme.frames[around[-1].kind][1] if around else theme.background


def _faces() -> str:
    faces = []
    for weight, file in text.FILES.items():
        data = base64.b64encode((text.FONTS / f"{file}.woff2").read_bytes()).decode()
        source = f"url(data:font/woff2;base64,{data}) format('woff2')"
        faces.append(f"@font-face{{font-family:'{FAMILY}';font-weight:{weight};src:{source}}}")
    return "".join(faces)


def _definitions(drawing: Scene, theme: Theme, prefix: str) -> Iterator[str]:
    yield "<defs>"
    for kind, colour in (("flow", theme.flow), ("use", theme.use)):
        yield (
            f'<marker id="{prefix}{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="{_ARROW}" '
            f'markerHeight="{_ARROW}" markerUnits="userSpaceOnUse" orient="auto">'
            f'<path d="M0 0.5 8 4 0 7.5z" fill="{colour}"/></marker>'
        )
    for name in sorted({node.kind.icon for node in drawing.graph.nodes.values()}):
        side, elements = icon(name)
        yield f'<symbol id="{prefix}{name}" viewBox="0 0 {side:g} {side:g}">{elements}</symbol>'
    yield "</defs>"


def _at(area: Rectangle) -> str:
    return f'x="{area.x:g}" y="{area.y:g}" width="{area.width:g}" height="{area.height:g}"'


def _lane(lane: Lane, graph: Graph, theme: Theme, prefix: str) -> str:
    kind = "flow" if lane.edge.ports else "use"
    line = f'stroke="{theme.flow}" stroke-width="1.8"' if lane.edge.ports else _use(theme)
    return (
        f'<path d="{_rounded(lane.points)}" fill="none" {line} marker-end="url(#{prefix}{kind})">'
        f"<title>{escape(sentence(graph, lane.edge))}</title></path>"
    )


def _use(theme: Theme) -> str:
    return f'stroke="{theme.use}" stroke-width="1.4" stroke-dasharray="5 3"'


def _rounded(points: Sequence[tuple[int, int]], radius: float = 5) -> str:
    """The line through some points, with rounded bends."""
    parts = [f"M{points[0][0]} {points[0][1]}"]
    for before, point, after in zip(points, points[1:], points[2:], strict=False):
        one, other = _toward(point, before, radius), _toward(point, after, radius)
        parts.append(f"L{one[0]:g} {one[1]:g}Q{point[0]} {point[1]} {other[0]:g} {other[1]:g}")
    end = _toward(points[-1], points[-2], 1)
    return "".join([*parts, f"L{end[0]:g} {end[1]:g}"])


def _toward(point: tuple[int, int], other: tuple[int, int], distance: float) -> tuple[float, float]:
    """The point at a distance from one toward another; both lie on one line of the lattice."""
    dx, dy = other[0] - point[0], other[1] - point[1]
    length = abs(dx) + abs(dy)
    near = min(distance, length / 2)
    return point[0] + dx / length * near, point[1] + dy / length * near


def _card(node: Node, card: Rectangle, place: Rectangle, theme: Theme, prefix: str) -> Iterator[str]:
    yield "<g>"
    yield f"<title>{escape(f'{node.name}: {node.detail}')}</title>"
    if len(node.members) > 1:  # a second card below shows that it stands for several
        below = Rectangle(card.x + 4, card.y + 4, card.width, card.height)
        yield f'<rect {_at(below)} rx="6" fill="{theme.card}" stroke="{theme.card_border}"/>'
    yield f'<rect {_at(card)} rx="6" fill="{theme.card}" stroke="{theme.card_border}"/>'
    side, _ = icon(node.kind.icon)
    if theme.plate and side == 48:
        yield f'<rect {_at(place)} rx="4" fill="{theme.plate}"/>'
    inner = place.grown(-3, -3) if theme.plate and side == 48 else place
    yield f'<use href="#{prefix}{node.kind.icon}" {_at(inner)}/>'
    yield "</g>"


def _words(label: Label, theme: Theme) -> str:
    colours = {"text": theme.text, "muted": theme.muted, "flow": theme.flow}
    colour = colours.get(label.ink) or theme.frames[label.ink][2]
    length = text.width(label.words, label.size, label.weight)
    weight = f' font-weight="{label.weight}"' if label.weight != REGULAR else ""
    # Where a viewer refuses the font in the picture, textLength keeps another one as wide as this.
    return (
        f'<text x="{label.x:g}" y="{label.baseline:g}" font-size="{label.size:g}"{weight} fill="{colour}" '
        f'textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs">{escape(label.words)}</text>'
    )


def _samples(drawing: Scene, theme: Theme, prefix: str) -> Iterator[str]:
    """The lines of the legend."""
    x, y = float(MARGIN), drawing.layout.height - 18
    for kind, meaning in _legend(drawing.graph):
        line = f'stroke="{theme.flow}" stroke-width="1.8"' if kind == "flow" else _use(theme)
        yield f'<path d="M{x:g} {y}H{x + 26:g}" fill="none" {line} marker-end="url(#{prefix}{kind})"/>'
        x += 34 + text.width(meaning, DETAIL_SIZE) + 24


def sentence(graph: Graph, edge: Edge) -> str:
    """What an edge says."""
    source, destination = (graph.nodes[end].name for end in edge[:2])
    if not edge.ports:
        return f"{source} uses {destination}"
    return f"{source} to {destination}: TCP {', '.join(map(str, edge.ports))}"


def description(graph: Graph) -> str:
    """The whole diagram in sentences, for those who don't see it."""
    parts = [f"{graph.note}. In {graph.region}."]
    places = [(zone.id, f"{graph.network}, {zone.title}") for zone in graph.zones]
    for zone, title in ((OUTSIDE, "Outside"), *places, (BESIDE, "Services of the Region")):
        names = [f"{node.name} ({node.detail})" for node in graph.in_zone(zone)]
        if names:
            parts.append(f"{title}: {', '.join(names)}.")
    parts += [f"{sentence(graph, edge)}." for edge in graph.edges]
    return text.drawable(" ".join(parts))
