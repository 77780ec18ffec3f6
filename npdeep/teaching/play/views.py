"""The views of a page: figures whose numbers come from the frames of its session."""

import math
from typing import Any

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, FixedTicker, LogTickFormatter, PrintfTickFormatter, Range1d, Span
from bokeh.plotting import figure

from npdeep.kernels.arrays import Array
from npdeep.teaching.play import colours
from npdeep.teaching.play.measure import NAN, Look
from npdeep.teaching.play.session import Frame

LAYER_VIEWS = {
    "gradient": ("Size of the gradient ‖∂L/∂z‖", "log", "by layer, of the last batch · pale: before the first update"),
    "spread": ("Spread of the activations", "log", "from example to example · pale: before the first update"),
    "moved": ("Update over weights ‖ΔW‖/‖W‖", "log", "of the last update · dotted: 0.001, a rule of thumb"),
    "shut": ("Saturated and dead", "linear", "line: activations saturated · ×: units dead on all rows"),
}
"""Title, kind of axis, and how to read it."""

CURVE_VIEWS = {
    "loss": ("Loss", "log", "solid: training rows · dotted: test rows"),
    "accuracy": ("Accuracy", "linear", "solid: training rows · dotted: test rows"),
}
CURVES = ("updates", "loss", "test_loss", "accuracy", "test_accuracy")
COLUMNS = ("gradient", "spread", "moved", "saturated", "dead")
SIDES = ("a", "b")
RULE_OF_THUMB = 1e-3
HEIGHT = 235
"""Of a figure, in pixels: four fit on a screen of 1280 × 720."""

UNIT, DECADE = (-0.03, 1.03), (0.1, 1.0)


class Views:
    """All figures, by name: `figures`. `show` takes a frame, `paint` the looks."""

    def __init__(self) -> None:
        self.layers = [ColumnDataSource({name: [] for name in ("layer", *COLUMNS)}) for _ in SIDES]
        self.starts = [ColumnDataSource({name: [] for name in ("layer", *COLUMNS)}) for _ in SIDES]
        self.curves = [ColumnDataSource({name: [] for name in CURVES}) for _ in SIDES]
        self.pictures = [ColumnDataSource({"image": [], "x": [], "y": [], "w": [], "h": []}) for _ in SIDES]
        self.points = ColumnDataSource({"x": [], "y": [], "fill": [], "marker": []})
        self.figures: dict[str, Any] = {}
        self.glyphs: dict[str, list[Any]] = {side: [] for side in SIDES}
        self.made = -1
        self.sent: dict[str, Any] = {}        # what is in the browser already
        for name, (title, kind, how) in LAYER_VIEWS.items():
            self._layer_figure(name, title, kind, how)
        for name, (title, kind, how) in CURVE_VIEWS.items():
            self._curve_figure(name, title, kind, how)
        for side, source in zip(SIDES, self.pictures, strict=True):
            self._picture_figure(side, source)

    # ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def _figure(self, name: str, kind: str, x: str, y: str, **given: Any) -> Any:
        made = figure(
            height=HEIGHT, sizing_mode="stretch_width", y_axis_type=kind, toolbar_location=None, x_axis_label=x, y_axis_label=y,
            tools="", min_border_right=12, **given,
        )  # fmt: skip
        if kind == "log":
            made.yaxis.ticker = made.ygrid.ticker = FixedTicker(ticks=log_ticks(*DECADE))
            made.yaxis.formatter = PrintfTickFormatter(format="%g") if name == "loss" else LogTickFormatter()
        if x == "layer":
            made.xaxis.ticker = FixedTicker(ticks=[1])
        self.figures[name] = made
        return made

    def _layer_figure(self, name: str, title: str, kind: str, how: str) -> None:
        limits = Range1d(*UNIT if name == "shut" else DECADE)
        drawn = self._figure(name, kind, "layer", "", y_range=limits, x_range=Range1d(0.5, 1.5))
        column = "saturated" if name == "shut" else name
        for number, (side, dash, marker) in enumerate((("a", "solid", "circle"), ("b", "dashed", "square"))):
            look = {"x": "layer", "source": self.layers[number]}
            if name != "moved":
                pale = {"x": "layer", "source": self.starts[number], "line_width": 3, "alpha": 0.35, "line_dash": dash}
                self.glyphs[side].append(drawn.line(y=column, **pale))
            self.glyphs[side].append(drawn.line(y=column, line_width=4, line_dash=dash, **look))
            self.glyphs[side].append(drawn.scatter(y=column, size=10, marker=marker, **look))
            if name == "shut":
                self.glyphs[side].append(drawn.scatter(y="dead", size=15, marker="x", line_width=3, **look))
        if name == "moved":
            drawn.add_layout(Span(location=RULE_OF_THUMB, dimension="width", line_dash="dotted", line_width=2,
                                  line_color="#888888"))  # fmt: skip

    def _curve_figure(self, name: str, title: str, kind: str, how: str) -> None:
        limits = Range1d(*UNIT if name == "accuracy" else DECADE)
        drawn = self._figure(name, kind, "updates", "", y_range=limits, x_range=Range1d(0, 100))
        drawn.xaxis.ticker = BasicTicker(desired_num_ticks=4)
        for side, source in zip(SIDES, self.curves, strict=True):
            look = {"x": "updates", "source": source, "line_width": 4}
            self.glyphs[side].append(drawn.line(y=name, **look))
            self.glyphs[side].append(drawn.line(y=f"test_{name}", line_dash="dotted", **look))

    def _picture_figure(self, side: str, source: Any) -> None:
        drawn = self._figure(f"picture_{side}", "linear", "", "", x_range=Range1d(0, 1), y_range=Range1d(0, 1))
        drawn.image_rgba("image", x="x", y="y", dw="w", dh="h", source=source)
        drawn.scatter("x", "y", fill_color="fill", marker="marker", size=9, line_color="#ffffff", source=self.points)
        drawn.grid.visible = False

    def paint(self, dark: bool, large: bool) -> None:
        """Colours and sizes of type."""
        ink, line = ("#f2f2f2", "#46505a") if dark else ("#1a1a1a", "#c8c8c8")
        size = "24px" if large else "18px"
        for drawn in self.figures.values():
            drawn.update(background_fill_color=None, border_fill_color=None, outline_line_color=line)
            drawn.height = 300 if large else HEIGHT
            for axis in drawn.axis:
                axis.update(
                    axis_label_text_color=ink, axis_label_text_font_size=size, major_label_text_color=ink,
                    major_label_text_font_size=size, axis_line_color=ink, major_tick_line_color=ink,
                    minor_tick_line_color=None, axis_label_text_font_style="normal",
                )  # fmt: skip
            drawn.grid.grid_line_color = line
        for side, colour in zip(SIDES, colours.NETWORKS["dark" if dark else "light"], strict=True):
            for glyph in self.glyphs[side]:
                glyph.glyph.update(line_color=colour)
                if hasattr(glyph.glyph, "fill_color"):
                    glyph.glyph.fill_color = colour

    # ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────
    def show(self, frame: Frame) -> None:
        """Put a frame's numbers into the figures; only what has changed is sent to the browser."""
        for side, number in zip(SIDES, range(2), strict=True):
            each: list[Any] = [
                of_networks[number] if number < len(of_networks) else None
                for of_networks in (frame.looks, frame.starts, frame.curves, frame.pictures)
            ]
            for name, source, seen in (("look", self.layers, each[0]), ("start", self.starts, each[1])):
                if self._new(f"{name} {side}", seen):
                    source[number].data = columns_of(seen)
            if self._new(f"curves {side}", each[2]):
                self.curves[number].data = each[2] or {name: [] for name in CURVES}
            if self._new(f"picture {side}", each[3]):
                self._show_picture(self.pictures[number], each[3])
        self._show_ranges(frame)
        if frame.made != self.made:
            self.made = frame.made
            self._new_networks(frame)

    def _new(self, name: str, value: Any) -> bool:
        """Is it another object than the one that was sent last? Nothing in a frame changes."""
        new = name not in self.sent or self.sent[name] is not value
        self.sent[name] = value
        return new

    def _show_ranges(self, frame: Frame) -> None:
        """Axes that hold all numbers, in whole powers of ten, so that they do not jump about."""
        shown = [source.data for source in (*self.layers, *self.starts)]
        for name in ("gradient", "spread", "moved"):
            set_log_range(self.figures[name], *roomy(*decades_of([data[name] for data in shown])))
        losses = [source.data[name] for source in self.curves for name in ("loss", "test_loss")]
        set_log_range(self.figures["loss"], *roomy(*decades_of(losses, steps=4)))
        for name in CURVE_VIEWS:
            set_range(self.figures[name].x_range, 0, nice_above(frame.updates))
        for name in LAYER_VIEWS:
            set_range(self.figures[name].x_range, 0.5, max(len(data["layer"]) for data in shown) + 0.5)

    def _show_picture(self, source: Any, picture: Array | None) -> None:
        if picture is None:
            source.data = {name: [] for name in source.data}
            return
        image = colours.surface(picture) if self.plane else colours.mosaic(picture)
        left, right, bottom, top = self.limits if self.plane else (0, image.shape[1], 0, image.shape[0])
        source.data = {"image": [image], "x": [left], "y": [bottom], "w": [right - left], "h": [top - bottom]}
        self.shape = image.shape

    plane = False
    limits: tuple[float, float, float, float] = (0, 1, 0, 1)
    shape: tuple[int, ...] = (1, 1)

    def _new_networks(self, frame: Frame) -> None:
        """Axes for networks that were newly made."""
        for name in LAYER_VIEWS:
            count = max(len(source.data["layer"]) for source in self.layers)
            self.figures[name].xaxis[0].ticker.ticks = list(range(1, count + 1, -(-max(count, 1) // 11)))
        for side in SIDES:
            drawn = self.figures[f"picture_{side}"]
            left, right, bottom, top = self.limits if self.plane else (0, self.shape[1], 0, self.shape[0])
            drawn.x_range.update(start=left, end=right)
            drawn.y_range.update(start=bottom, end=top)
            drawn.axis.visible = self.plane

    def show_points(self, x: Array, y: Array) -> None:
        """The training rows in the plane; nothing where there are none."""
        markers = ("circle", "square", "triangle", "diamond", "star", "hex")
        rows = min(len(x), 500)
        self.points.data = {
            "x": x[:rows, 0], "y": x[:rows, 1],
            "fill": ["#%02x%02x%02x" % tuple(colours.CLASSES[int(k)].astype(int)) for k in y[:rows]],  # noqa: UP031
            "marker": [markers[int(k) % len(markers)] for k in y[:rows]],
        }  # fmt: skip


def set_range(limits: Any, start: float, end: float) -> None:
    """Move an axis, where that changes anything."""
    if (limits.start, limits.end) != (start, end):
        limits.update(start=start, end=end)


def set_log_range(drawn: Any, start: float, end: float) -> None:
    """Move a logarithmic axis, and write few round numbers beside it."""
    if (drawn.y_range.start, drawn.y_range.end) != (start, end):
        set_range(drawn.y_range, start, end)
        drawn.yaxis[0].ticker.ticks = log_ticks(start, end)    # a new ticker would make Bokeh go through its whole document


def log_ticks(start: float, end: float) -> list[float]:
    """Powers of ten, at most seven; their multiples too where there would be fewer than three.

    >>> log_ticks(0.5, 20), log_ticks(1e-8, 1.0)[:3], log_ticks(1.8, 3.2)
    ([0.5, 1.0, 2.0, 5.0, 10.0, 20.0], [1e-08, 1e-06, 0.0001], [2.0, 2.5, 3.0])
    """
    low, high = int(np.floor(np.log10(start))), int(np.ceil(np.log10(end)))
    step = -(-(high - low + 1) // 7)
    found: list[float] = []
    for mantissas in ((1,), (1, 2, 5), (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)):
        if len(found) < 3:
            ticks = [float(f"{m}e{power}") for power in range(low, high + 1, step) for m in mantissas]
            found = [tick for tick in ticks if start * 0.999 <= tick <= end * 1.001]
    return found


def decades_of(columns: list[Array], steps: int = 1) -> tuple[float, float]:
    """The powers of ten (or their steps-th parts) around all positive numbers.

    >>> decades_of([np.array([0.02, 3.0])])
    (0.01, 10.0)
    """
    numbers = np.concatenate([np.zeros(0), *columns], dtype=float)
    numbers = numbers[np.isfinite(numbers) & (numbers > 0)]
    if not numbers.size:
        return DECADE
    low, high = np.floor(steps * np.log10(numbers.min())), np.ceil(steps * np.log10(numbers.max()))
    return float(10 ** (low / steps)), float(10 ** (max(high, low + 1) / steps))


def roomy(start: float, end: float) -> tuple[float, float]:
    """A logarithmic axis that is a little longer, so that no point on its edge is cut.

    >>> [round(limit, 3) for limit in roomy(1.0, 1e5)]
    [0.708, 141253.754]
    """
    room = (end / start) ** UNIT[0]
    return start * room, end / room


def nice_above(updates: int) -> int:
    """The end of an axis of updates.

    >>> nice_above(0), nice_above(130), nice_above(1001)
    (100, 150, 1500)
    """
    stops = (int(m * 10**power // 10) for power in range(2, 12) for m in (10, 15, 20, 30, 50, 70))
    return next(stop for stop in stops if stop >= max(updates, 100))


def columns_of(seen: Look | None) -> dict[str, list[Any]]:
    """A look as columns; NaN where there is nothing to measure, and at 0, which a logarithmic axis has not.

    They are lists: a browser takes many short arrays faster as text than each in a message of its own.

    >>> columns_of(None)["gradient"]
    []
    """
    data: dict[str, list[Any]] = {"layer": list(range(1, 1 + len(seen.names)))} if seen else {"layer": []}
    for column in COLUMNS:
        values = getattr(seen, column) if seen else ()
        good = (math.isfinite(v) and (v > 0 or column not in LAYER_VIEWS) for v in values)
        data[column] = [v if fits else NAN for v, fits in zip(values, good, strict=True)]
    return data
