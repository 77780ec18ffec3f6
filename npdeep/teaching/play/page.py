"""One page of the playground: the form, the views, and what happens when something is pressed."""

import base64
import binascii
import functools
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import panel as pn
from bokeh.document import Document
from tornado.ioloop import IOLoop

from npdeep.teaching.play import texts
from npdeep.teaching.play.data import MOST_BYTES, read_csv
from npdeep.teaching.play.form import HERE, Form, bar_items, side_items, values
from npdeep.teaching.play.presets import PRESETS
from npdeep.teaching.play.session import HIDDEN, Frame, Paints, Session
from npdeep.teaching.play.settings import BUGS, CONTROLS, Control, Settings, both, differences, from_query, to_query
from npdeep.teaching.play.views import CURVE_VIEWS, LAYER_VIEWS, Views

MOMENT = 0.5
"""How many seconds a worker waits at most until a frame is shown."""

TEXT = (HERE / "text.css").read_text(encoding="utf-8")


class Page:
    """The playground in one browser window.

    Args:
        document: the Bokeh document that it is in. query: the end of the page's address.
    """

    def __init__(self, document: Document, query: str = "") -> None:
        first, second, refused = from_query(query)
        self.document = document
        self.session = Session(first, second, self.report, self.say_later)
        self.which = 0                        # the network that the fields speak of
        self.one = 1                          # the layer that One layer speaks of
        self.draws = "off"
        self.paints = Paints()
        self.scheduled = self.numbers = False
        self.shown: Frame | None = None
        self.loop = IOLoop.current()
        self.serving, self.done = threading.current_thread(), threading.Event()
        self.views = Views()
        self.bar = Form(self.heard, title="Run", layout="bar", items=bar_items(list(PRESETS)))
        self.side = Form(self.heard, title="Settings", layout="side", items=side_items(), width=290)
        self.told = self._text("")
        self.heads = {name: self._text("") for name in (*VIEWS, "picture_a", "picture_b")}
        self.pictures = {side: self._card(f"picture_{side}") for side in "ab"}
        for drawn in (self.views.figures["picture_a"], self.views.figures["picture_b"]):
            for tap in ("tap", "doubletap", "press"):    # a click, the second of two quick ones, a long one
                drawn.on_event(tap, self.tapped)
        self.settings_changed(again=True)
        if refused:
            self.say("Refused in the address: " + "; ".join(refused))

    # ── layout ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _text(self, content: str) -> Any:
        return pn.pane.HTML(content, sizing_mode="stretch_width", stylesheets=[TEXT], margin=(2, 6))

    def layout(self) -> Any:
        """Everything: a bar above, fields at the left, views at the right."""
        cards = [self._card(name) for name in VIEWS]
        grid = pn.layout.FlexBox(*cards[:2], *self.pictures.values(), *cards[2:], gap="10px", sizing_mode="stretch_width")
        main = pn.Column(self.told, grid, sizing_mode="stretch_width")
        return pn.Column(self.bar, pn.Row(self.side, main, sizing_mode="stretch_width"), sizing_mode="stretch_width", margin=8)

    def _card(self, name: str) -> Any:
        return pn.Column(
            self.heads[name], pn.pane.Bokeh(self.views.figures[name], sizing_mode="stretch_width"), width_policy="max",
            styles={"flex": "1 1 400px", "min-width": "380px", "max-width": "760px"},
        )  # fmt: skip

    # ── from the worker ───────────────────────────────────────────────────────────────────────────────────────────────
    def report(self) -> None:
        """There is a new frame: show it when the browser has painted the one before.

        A worker waits a moment meanwhile: with both at work, the two threads would take Python's lock from each other, and
        what takes 20 ms would take a second.
        """
        now = time.monotonic()
        if self.session.running and self.paints.hidden(now, self.session.touched):
            self.session.running = False
            self.say_later(f"Paused: this page was not on the screen for {HIDDEN:.0f} seconds.")
        if not self.scheduled and not self.paints.waits(now):
            self.scheduled = True
            self.done.clear()
            self.later(self.show)
            if threading.current_thread() is not self.serving:
                self.done.wait(MOMENT)

    def later(self, function: Callable[[], None]) -> None:
        """Have something done by the thread that serves the page.

        Only that thread may touch the document, its list of callbacks too: what a worker put there while the document held its
        events was lost now and then. Of a page that is closed there is no document any more.
        """
        self.loop.add_callback(lambda: self.session.closed or self.document.add_next_tick_callback(function))

    def say_later(self, text: str) -> None:
        """Say something from a worker."""
        self.later(functools.partial(self.say, text))

    def tell_later(self, content: str) -> None:
        """Show a text from a worker."""
        self.later(functools.partial(self.tell, content))

    def show(self) -> None:
        """Show the latest frame."""
        self.scheduled = False
        try:
            self._show(self.session.frame)
        finally:
            self.done.set()

    def _show(self, frame: Frame | None) -> None:
        if frame is None or self.session.closed:
            return
        if frame.made != self.views.made:
            self._networks_made()
        self.shown = frame
        with pn.io.unlocked():                # all of it in one message, which is written before the worker goes on
            self.views.show(frame)
            if self.numbers and not frame.running:
                self.tell(texts.numbers(frame))
            sent = self.paints.send(time.monotonic())
            words = {"count": f"updates {frame.updates:,}", "train": "Pause" if frame.running else "Train"}
            self.bar.param.update(frame=sent, values={**self.bar.values, **words})

    def _networks_made(self) -> None:
        """What changes with the networks: pictures, points, headings."""
        data = self.session.data
        if data is None:
            return
        self.views.plane, self.views.limits = data.plane, data.limits
        rows = data.plane and data.y.size == len(data.y)    # each has one class
        self.views.show_points(data.x[:, :2] if rows else np.zeros((0, 2)), data.y.ravel() if rows else np.zeros(0))
        self.headings()

    def headings(self) -> None:
        """A heading for each view, and which line is which network."""
        first = self.session.settings[0]
        two = first.compare and not first.fault
        key = ' <span class="a">A</span> <span class="b">B</span>' if two else ""
        for name, (title, _, how) in VIEWS.items():
            self.heads[name].object = f'<h2>{title}{key}</h2><p class="how">{how}</p>'
        plane = bool(self.session.data and self.session.data.plane)
        drawn = plane or any(run.picture is not None for run in self.session.runs)
        for side, there in (("a", drawn), ("b", drawn and two)):
            title = "Decision surface" if plane else "First-layer weights"
            how = "colour: class · grey: undecided" if plane else "the first 21 units · yellow > 0, blue < 0, red: NaN"
            of = f" of network {side.upper()}" if two else ""
            self.heads[f"picture_{side}"].object = f'<h2>{title}{of}</h2><p class="how">{how}</p>'
            self.pictures[side].visible = there

    # ── from the browser ──────────────────────────────────────────────────────────────────────────────────────────────
    def heard(self, name: Any, value: Any) -> None:
        """Something was pressed or changed. Whatever the message says, only what the settings take is done."""
        if name == "seen":
            self.paints.seen(value, time.monotonic())
            if self.session.frame is not self.shown:
                self.report()
            return
        button = getattr(self, f"press_{name}", None) if isinstance(name, str) and name.isidentifier() else None
        try:
            if button is not None:
                button(value)
            else:
                self.change(name, value)
        except ValueError as error:
            self.say(str(error))
            self.fill()

    def change(self, name: Any, value: Any) -> None:
        """A setting was changed. Raises ValueError for what it does not take."""
        pair = list(self.session.settings)
        pair[self.which] = pair[self.which].changed(name, value)
        if CONTROLS[name].shared:
            pair[0] = pair[0].changed(name, value)
        elif not pair[0].compare:
            pair[1] = pair[0]
        self.session.settings = (pair[0], both(pair[0], pair[1]))
        self.settings_changed(again=name not in ("dark", "large"))

    def settings_changed(self, again: bool) -> None:
        """Show the settings, and make the networks again."""
        first = self.session.settings[0]
        self.which = self.which if first.compare else 0
        self.views.paint(first.dark, first.large)
        self.bar.look = " ".join(["dark" if first.dark else "light", *(["large"] if first.large else [])])
        self.fill()
        if again:
            self.say(bug_words(first.fault))
            self.tell("")
            self.session.ask(self.session.make)

    def fill(self) -> None:
        """The fields as the settings are."""
        settings = self.session.settings[self.which]
        own = settings.own().get(self.one, ("", ""))
        more = {"draw": self.draws, "which": str(self.which), "one": self.one, "one_activation": own[0], "one_dropout": own[1]}
        self.side.values = {}                 # a refused value is put back even where nothing has changed here
        self.side.values = {**values(settings), **more}
        fixed = [n for n, c in CONTROLS.items() if not c.shared] + ["data", "one", "one_activation", "one_dropout"]
        useless = [*([] if settings.compare else ["which"]), *([] if settings.data == "drawn" else ["draw", "points"])]
        self.side.disabled = [*useless, *fixed] if settings.fault else useless
        first_view = {"count": "updates 0", "train": "Train", "said": ""}
        now = {"preset": preset_of(*self.session.settings), "fault": settings.fault, "address": ""}
        self.bar.values = {**first_view, **self.bar.values, **now}

    def press_train(self, value: Any) -> None:
        """Train or pause."""
        self.session.pause() if self.session.running else self.session.start()

    def press_update(self, value: Any) -> None:
        """One update of each network."""
        self.session.ask(self.session.update)

    def press_reset(self, value: Any) -> None:
        """Make the networks again."""
        self.session.running = False
        self.settings_changed(again=True)

    def press_code(self, value: Any) -> None:
        """Show the Python that makes the networks."""
        if self.session.data is not None:
            updates = self.session.frame.updates if self.session.frame else 0
            self.tell(texts.code(self.session.settings, self.session.data, updates))

    def press_numbers(self, value: Any) -> None:
        """Show all numbers of the views, or no longer."""
        self.numbers = not self.numbers
        self.tell(texts.numbers(self.session.frame) if self.numbers and self.session.frame else "")

    def press_hide(self, value: Any) -> None:
        """Show the views alone."""
        self.numbers = False
        self.say("")
        self.tell("")

    def press_share(self, value: Any) -> None:
        """Show the address that carries every setting."""
        self.bar.values = {**self.bar.values, "address": to_query(*self.session.settings)}
        if self.session.settings[0].data == "csv":
            self.say("The rows of a CSV file are not in the address: whoever opens it chooses the file again.")

    def press_diagnose(self, value: Any) -> None:
        """Say what is wrong."""
        self.session.ask(lambda: self.tell_later(texts.diagnoses(self.session)))

    def press_operation(self, value: Any) -> None:
        """Walk one operation further."""
        self.session.ask(lambda: self.tell_later(texts.operation(self.session, self.which)))

    def press_preset(self, value: Any) -> None:
        """Take a preset."""
        if isinstance(value, str) and value in PRESETS:
            first, second = PRESETS[value]
            old = self.session.settings[0]
            first = first.changed("dark", old.dark).changed("large", old.large)
            self.session.running = False
            self.session.settings = (first, both(first, second))
            self.settings_changed(again=True)
            self.say(preset_words(value, *self.session.settings))

    def press_which(self, value: Any) -> None:
        """The fields are to speak of the other network."""
        self.which = 1 if value == "1" and self.session.settings[0].compare else 0
        self.fill()

    def press_one(self, value: Any) -> None:
        """The layer that One layer speaks of."""
        depth = self.session.settings[self.which].depth
        self.one = Control("Hidden layer", "whole", low=1, high=depth).check(value)
        self.fill()

    def press_one_activation(self, value: Any) -> None:
        """Give one layer an activation of its own."""
        self._one_layer(activation=value)

    def press_one_dropout(self, value: Any) -> None:
        """Give one layer a dropout of its own."""
        self._one_layer(dropout=value)

    def _one_layer(self, **given: Any) -> None:
        settings = self.session.settings[self.which].with_layer(self.one, **given)
        self.change("layers", settings.layers)

    def press_draw(self, value: Any) -> None:
        """Clicks into the plane are to make points of this class."""
        self.draws = value if value in ("off", "0", "1", "2") else self.draws

    def press_csv(self, value: Any) -> None:
        """Read the user's CSV file."""
        value = value if isinstance(value, dict) else {}
        if isinstance(value.get("bytes"), int):
            raise ValueError(f"CSV: the file has {value['bytes']:,} bytes; at most {MOST_BYTES:,} are read")
        text = value.get("text")
        if not isinstance(text, str) or len(text) > MOST_BYTES * 4 / 3 + 8:
            raise ValueError(f"CSV: a file of at most {MOST_BYTES:,} bytes is read")
        try:
            content = base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            raise ValueError("CSV: the file could not be read") from None
        self.session.file = read_csv(content)
        self.change("data", "csv")

    def tapped(self, event: Any) -> None:
        """A click into the plane makes a point."""
        first = self.session.settings[0]
        if first.data != "drawn" or self.draws == "off" or not all(math.isfinite(v) for v in (event.x, event.y)):
            return
        try:
            points = f"{first.points};{event.x:.3g},{event.y:.3g},{self.draws}".lstrip(";")
            first = first.changed("points", points)
        except ValueError as error:
            self.say(str(error))
            return
        self.session.settings = (first, both(first, self.session.settings[1]))
        self.settings_changed(again=True)

    # ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    def say(self, text: str) -> None:
        """A sentence below the buttons."""
        self.bar.values = {**self.bar.values, "said": text}

    def tell(self, content: str) -> None:
        """A longer text above the views, as HTML."""
        self.told.object = content

    def close(self) -> None:
        """The window was closed."""
        self.session.close()


ORDER = ("gradient", "loss", "spread", "accuracy", "moved", "shut")    # two in a row; after the first two, the pictures
VIEWS = {name: {**LAYER_VIEWS, **CURVE_VIEWS}[name] for name in ORDER}


def preset_of(first: Settings, second: Settings) -> str:
    """The preset that these are the settings of, whatever the colours and the size of type.

    >>> preset_of(*PRESETS["plane: xor"]), preset_of(Settings(depth=7), Settings())
    ('plane: xor', '')
    """
    plain = tuple(replace(settings, dark=False, large=False) for settings in (first, second))
    return next((name for name, pair in PRESETS.items() if pair == plain), "")


def bug_words(fault: str) -> str:
    """What there is to do with a planted fault; its name would give it away.

    >>> bug_words("zeros")
    'Bug 12: what is wrong with this network or its data? Training it further may hide it. The grey fields are not its own.'
    """
    if not fault:
        return ""
    number = BUGS.index(fault) + 1
    told = "what is wrong with this network or its data? Training it further may hide it."
    return f"Bug {number}: {told} The grey fields are not its own."


def preset_words(name: str, first: Settings, second: Settings) -> str:
    """What a preset shows.

    >>> from npdeep.teaching.play.presets import PRESETS
    >>> preset_words("cure: 4 × Glorot", *PRESETS["cure: 4 × Glorot"])
    'cure: 4 × Glorot. Network B differs in: Gain 4.0 in place of 1.0.'
    """
    told = [f"{CONTROLS[n].label} {CONTROLS[n].text(b)} in place of {CONTROLS[n].text(a)}"
            for n, (a, b) in differences(first, second).items()]  # fmt: skip
    return f"{name}." + (f" Network B differs in: {', '.join(told)}." if told else "")
