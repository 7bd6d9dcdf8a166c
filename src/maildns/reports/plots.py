"""
Plots for those who would rather look than read: each day's mail, and who sent it.

A plot is a list of shapes, so that SVG and PNG show the same. SVG is written here and needs nothing;
PNG needs Pillow, the extra `plot`. Texts come from reports: what is no plain character is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from xml.etree import ElementTree as ET

from maildns.errors import UsageError

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

WIDTH: Final = 960
GOOD: Final = "#2a7f9e"  # told apart by those who see no red or green, and when printed
BAD: Final = "#d1603d"
INK: Final = "#22272e"
FAINT: Final = "#6b7580"
GRID: Final = "#dde2e7"
PAPER: Final = "#ffffff"
MOST_PANELS: Final = 12
MOST_BARS: Final = 122  # a day each for four months; of more days some are put together
_LEFT: Final = 70
_RIGHT: Final = 24
_PANEL: Final = 150  # the height of a panel's bars
_ROW: Final = 30
_NAMES: Final = 300  # the width of the names beside bars that lie
_SCALE: Final = 2  # pixels of PNG for each unit: sharp on today's screens
_LONGEST: Final = 60


class Rect(NamedTuple):
    """A filled rectangle; `says` is shown where a mouse rests on it."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    says: str = ""


class Rule(NamedTuple):
    """A horizontal line."""

    x: float
    y: float
    length: float


class Label(NamedTuple):
    """A text whose baseline begins, or ends, or has its middle at x."""

    x: float
    y: float
    text: str
    size: float = 13
    fill: str = INK
    anchor: str = "start"
    bold: bool = False


Shape: TypeAlias = Rect | Rule | Label


class Day(NamedTuple):
    """A day's counts."""

    day: date
    good: int
    bad: int


@dataclass(frozen=True, slots=True)
class Panel:
    """Days of one thing, every day of the window in order."""

    title: str
    days: Sequence[Day]


class Bar(NamedTuple):
    """A name and its counts."""

    name: str
    note: str
    good: int
    bad: int


@dataclass(slots=True)
class Plot:
    """Shapes on paper of a size, and what they show in words."""

    title: str
    height: float = 0
    shapes: list[Shape] = field(default_factory=list)


# --- laying out -----------------------------------------------------------------------


def daily_plot(
    title: str, panels: Sequence[Panel], words: tuple[str, str] = ("passing", "failing")
) -> Plot:
    """
    A panel of bars for each of *panels*, at most 12: good below, bad on top of it.

    *words* are what good and bad are called.
    """
    plot = Plot(title)
    top = _head(plot, words)
    for panel in panels[:MOST_PANELS]:
        top = _panel(plot, panel, top, words)
    if len(panels) > MOST_PANELS:
        says = f"and {len(panels) - MOST_PANELS} more that are not shown"
        plot.shapes.append(Label(_LEFT, top + 16, says, 12, FAINT))
        top += 30
    plot.height = top
    return plot


def bar_plot(title: str, groups: Iterable[tuple[str, Sequence[Bar]]]) -> Plot:
    """A bar that lies for each sender of each group, all to one scale within its group."""
    plot = Plot(title)
    top = _head(plot, ("passing", "failing"))
    for name, bars in list(groups)[:MOST_PANELS]:
        plot.shapes.append(Label(24, top + 14, name, 15, bold=True))
        top += 30
        most = max((bar.good + bar.bad for bar in bars), default=0) or 1
        room = WIDTH - _NAMES - 150
        for bar in bars:
            plot.shapes += _lying(bar, top, room / most)
            top += _ROW
        top += 20
    plot.height = top
    return plot


def _head(plot: Plot, words: tuple[str, str]) -> float:
    plot.shapes.append(Label(24, 36, plot.title, 19, bold=True))
    left = 24.0
    for word, colour in zip(words, (GOOD, BAD), strict=True):
        plot.shapes += [Rect(left, 52, 12, 12, colour), Label(left + 18, 63, word, 12, FAINT)]
        left += 40 + 8 * len(word)
    return 84


def _panel(plot: Plot, panel: Panel, top: float, words: tuple[str, str]) -> float:
    days = _together(panel.days)
    total, bad = sum(d.good + d.bad for d in days), sum(d.bad for d in days)
    plot.shapes.append(Label(24, top + 14, panel.title, 15, bold=True))
    says = f"{total:,} in all, {bad:,} {words[1]}"
    plot.shapes.append(Label(WIDTH - _RIGHT, top + 14, says, 12, FAINT, "end"))
    top += 30
    floor = top + _PANEL
    ceiling = _round_up(max((d.good + d.bad for d in days), default=0))
    for part in range(3):
        y = floor - _PANEL * part / 2
        plot.shapes.append(Rule(_LEFT, y, WIDTH - _LEFT - _RIGHT))
        plot.shapes.append(Label(_LEFT - 8, y + 4, _short(ceiling * part / 2), 11, FAINT, "end"))
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(days))
    for number, day in enumerate(days):
        frame = _Frame(_LEFT + number * step, floor, step, _PANEL / ceiling)
        plot.shapes += _standing(day, frame, words)
    plot.shapes += _dates(days, floor, step)
    return floor + 46


class _Frame(NamedTuple):
    """Where a day's bar stands, its width, and how high one message is."""

    left: float
    floor: float
    step: float
    unit: float


def _standing(day: Day, frame: _Frame, words: tuple[str, str]) -> list[Shape]:
    left, floor, step, unit = frame
    gap = min(3.0, step * 0.2)
    says = f"{day.day}: {day.good:,} {words[0]}, {day.bad:,} {words[1]}"
    made: list[Shape] = []
    for count, below, colour in ((day.good, 0, GOOD), (day.bad, day.good, BAD)):
        if count:
            # One message among a million is still seen.
            height = max(count * unit, 1.5)
            bottom = floor - below * unit
            made.append(Rect(left + gap / 2, bottom - height, step - gap, height, colour, says))
    return made


def _dates(days: Sequence[Day], floor: float, step: float) -> list[Shape]:
    """The dates below a panel, as many as there is room for."""
    every = max(1, -(-len(days) // 8))
    return [
        Label(
            _LEFT + (number + 0.5) * step,
            floor + 18,
            f"{day.day:%b} {day.day.day}",
            11,
            FAINT,
            "middle",
        )
        for number, day in enumerate(days)
        if number % every == 0
    ]


def _lying(bar: Bar, top: float, unit: float) -> list[Shape]:
    total = bar.good + bar.bad
    says = f"{bar.name}: {bar.good:,} passing, {bar.bad:,} failing"
    made: list[Shape] = [
        Label(24, top + 13, _cut(bar.name, 36), 13),
        Label(_NAMES - 12, top + 13, bar.note, 11, FAINT, "end"),
    ]
    left = float(_NAMES)
    for count, colour in ((bar.good, GOOD), (bar.bad, BAD)):
        if count:
            width = max(count * unit, 1.5)
            made.append(Rect(left, top, width, 18, colour, says))
            left += width
    share = f" ({100 * bar.good // total} %)" if total else ""
    made.append(Label(left + 8, top + 13, f"{total:,}{share}", 11, FAINT))
    return made


def _together(days: Sequence[Day]) -> list[Day]:
    """*days*, some put together where there are too many to be told apart."""
    each = -(-len(days) // MOST_BARS) or 1
    groups = [days[at : at + each] for at in range(0, len(days), each)]
    return [Day(one[0].day, sum(d.good for d in one), sum(d.bad for d in one)) for one in groups]


def _round_up(count: int) -> int:
    """
    A round number that is not below *count*, and can be halved.

    >>> [_round_up(count) for count in (0, 1, 9, 41, 106, 230, 1001)]
    [2, 2, 10, 50, 120, 300, 1200]
    """
    power = 1
    while True:
        for tenths in (12, 16, 20, 30, 40, 50, 60, 80, 100):
            rounded = tenths * power // 10
            if rounded >= count and rounded * 10 == tenths * power and rounded % 2 == 0:
                return rounded
        power *= 10


def _short(count: float) -> str:
    """
    A count in few characters.

    >>> [_short(count) for count in (0, 50, 1500, 2_000_000)]
    ['0', '50', '1.5k', '2M']
    """
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:g}{unit}"
    return f"{count:g}"


def _cut(text: str, most: int = _LONGEST) -> str:
    plain = "".join(char if char.isprintable() else "·" for char in text)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


# --- SVG ------------------------------------------------------------------------------


def svg(plot: Plot) -> str:
    """
    *plot* as SVG: one file that fetches nothing and runs nothing.

    >>> svg(daily_plot("a <plot>", []))[:5]
    '<svg '
    """
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {plot.height:g}",
            "width": str(WIDTH),
            "height": f"{plot.height:g}",
            "role": "img",
            "font-family": "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif",
        },
    )
    ET.SubElement(root, "title").text = _cut(plot.title, 200)
    ET.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": PAPER})
    for shape in plot.shapes:
        _element(root, shape)
    return ET.tostring(root, encoding="unicode") + "\n"


def _element(root: ET.Element, shape: Shape) -> None:
    if isinstance(shape, Rect):
        numbers = zip(("x", "y", "width", "height"), shape[:4], strict=True)
        attributes = {name: f"{value:.2f}" for name, value in numbers}
        made = ET.SubElement(root, "rect", {**attributes, "fill": shape.fill})
        if shape.says:
            ET.SubElement(made, "title").text = _cut(shape.says, 200)
    elif isinstance(shape, Rule):
        ends = {"x1": shape.x, "x2": shape.x + shape.length, "y1": shape.y, "y2": shape.y}
        attributes = {name: f"{value:.2f}" for name, value in ends.items()}
        ET.SubElement(root, "line", {**attributes, "stroke": GRID})
    else:
        attributes = {
            "x": f"{shape.x:.2f}",
            "y": f"{shape.y:.2f}",
            "font-size": f"{shape.size:g}",
            "fill": shape.fill,
            "text-anchor": shape.anchor,
        }
        if shape.bold:
            attributes["font-weight"] = "600"
        ET.SubElement(root, "text", attributes).text = _cut(shape.text)


# --- PNG ------------------------------------------------------------------------------


def png(plot: Plot) -> bytes:
    """*plot* as PNG; raises `UsageError` where Pillow is not installed."""
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ModuleNotFoundError:
        raise UsageError(
            "a PNG needs Pillow, which is not installed",
            hint="pip install 'maildns[plot]', or draw SVG: --svg FILE",
        ) from None
    image = Image.new("RGB", (WIDTH * _SCALE, int(plot.height * _SCALE)), PAPER)
    pen = ImageDraw.Draw(image)
    fonts: dict[float, Any] = {}
    for shape in plot.shapes:
        if isinstance(shape, Label):
            if shape.size not in fonts:
                fonts[shape.size] = ImageFont.load_default(shape.size * _SCALE)
            _write(pen, shape, fonts[shape.size])
        else:
            _fill(pen, shape)
    octets = BytesIO()
    image.save(octets, "PNG", optimize=True)
    return octets.getvalue()


def _fill(pen: ImageDraw, shape: Rect | Rule) -> None:
    left, top = shape.x * _SCALE, shape.y * _SCALE
    if isinstance(shape, Rule):
        pen.line((left, top, left + shape.length * _SCALE, top), GRID, _SCALE)
        return
    right, bottom = left + shape.width * _SCALE - 1, top + shape.height * _SCALE - 1
    pen.rectangle((left, top, max(left, right), max(top, bottom)), shape.fill)


_ANCHORS: Final = {"start": "ls", "middle": "ms", "end": "rs"}


def _write(pen: ImageDraw, label: Label, font: Any) -> None:
    place = (label.x * _SCALE, label.y * _SCALE)
    text = _cut(label.text)
    # The font that Pillow brings has one weight: bold is drawn with a stroke.
    stroke = 0.6 if label.bold else 0
    pen.text(place, text, label.fill, font, _ANCHORS[label.anchor], stroke_width=stroke)
