"""The playground in Chromium, driven by Playwright: every control, both networks, addresses, hostile messages, many pages."""

import http.client
import importlib.util
import inspect
import itertools
import re
import threading
import time
import urllib.request

import numpy as np
import pytest
from helpers_browser import CHROMIUM, WHY_SKIPPED

MISSING = [name for name in ("panel", "bokeh", "threadpoolctl", "playwright") if importlib.util.find_spec(name) is None]
if MISSING:
    pytest.skip(f"needs {', '.join(MISSING)}: python -m pip install -e '.[play,browser]'", allow_module_level=True)
if CHROMIUM is None:
    pytest.skip(WHY_SKIPPED, allow_module_level=True)

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
           "--disable-sync", "--no-first-run", "--disable-dev-shm-usage"]  # fmt: skip
PATIENCE = 180_000
MANY = 30


@pytest.fixture
def no_thread_is_left():
    """In place of the one of conftest.py: the playground's threads wait for the next page."""


@pytest.fixture(scope="module")
def server():
    """The module npdeep.teaching.play.server, serving; `address` is where."""
    from npdeep.teaching.play import server

    said = []
    thread = server.serve(0, open_browser=False, say=said.append, threaded=True, most=MANY + 2)
    address = re.search(r"http://\S+", said[0])[0]
    for _ in range(PATIENCE // 100):
        try:
            urllib.request.urlopen(f"{address}static/js/bokeh.min.js", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            break
    server.address = address
    yield server
    thread.stop()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield opened
        opened.close()


class Window:
    """A page of the playground in the browser, and what comes after it in Python."""

    def __init__(self, browser, server, query=""):
        before = set(server.PAGES)
        self.complaints = []
        self.page = browser.new_page(viewport={"width": 1280, "height": 720})
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("request", lambda r: self.requested(server, r.url))
        self.page.goto(server.address + query)
        self.until(lambda: self.count() != "")
        (document,) = set(server.PAGES) - before
        self.behind = server.PAGES[document]

    def requested(self, server, url):
        if not url.startswith((server.address, "blob:", "data:")):
            self.complaints.append(f"asked outside: {url}")

    @property
    def session(self):
        return self.behind.session

    def count(self):
        return self.page.locator("output[name=count]").inner_text()

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def field(self, name):
        return self.page.locator(f"[name={name}]")

    def said(self):
        return self.page.get_by_role("status").last.inner_text()

    def until(self, true):
        for _ in range(PATIENCE // 50):
            if true():
                return
            self.page.wait_for_timeout(50)
        headings = self.page.get_by_role("heading").all_inner_texts()
        pytest.fail(
            f"waited three minutes in vain for {inspect.getsource(true).strip()}; it says {self.count()}, {self.said()!r}, "
            f"{headings}; its settings are {self.session.settings[0]}; the browser complains {self.complaints}"
        )

    def settled(self):
        """Wait until nothing is to be done any more, and it is shown."""
        heard = threading.Event()             # after it, whatever the browser has said so far is being done
        self.behind.later(heard.set)
        self.until(heard.is_set)
        self.until(lambda: not self.session.busy and not self.session.waiting and self.behind.shown is self.session.frame)


@pytest.fixture
def window(browser, server):
    opened = []

    def open_page(query=""):
        opened.append(Window(browser, server, query))
        return opened[-1]

    yield open_page
    for one in opened:
        one.page.close()
        assert one.complaints == []


TOY = "?data=xor&depth=2&width=4&activation=tanh&learning_rate=0.1"


def test_the_first_view_has_names_for_every_control(window):
    here = window()
    assert here.count() == "updates 0"
    nameless = here.page.locator("input, select, button").evaluate_all(
        "found => found.filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim())).length"
    )
    assert nameless == 0
    assert here.field("count").get_attribute("aria-live") == "off"    # or it would be read aloud ten times a second
    assert here.field("said").get_attribute("aria-label") == "Message"
    for label in ("Data", "Depth", "Width", "Activation", "Initializer", "Gain", "Normalization", "Residual", "Dropout",
                  "Optimizer", "Learning rate", "Batch size", "Clipping (global norm, 0: off)"):  # fmt: skip
        assert here.page.get_by_label(label, exact=True).count() == 1, label
    for name in ("Train", "One update", "One operation", "Reset", "Share", "Code", "What is wrong?"):
        assert here.page.get_by_role("button", name=name, exact=True).count() == 1


def test_it_trains_until_pause_and_shows_what_the_engine_has(window):
    here = window(TOY)
    here.press("Train")
    here.until(lambda: int(here.count().split()[1].replace(",", "")) > 1000)
    assert re.fullmatch(r"updates \d{1,3}(,\d{3})+", here.count())
    here.press("Pause")
    here.settled()
    run = here.session.runs[0]
    here.until(lambda: here.count() == f"updates {run.updates:,}")
    shown = here.behind.views.layers[0].data
    assert tuple(shown["gradient"]) == run.seen.gradient
    assert np.array_equal(shown["spread"], run.seen.spread, equal_nan=True)
    assert shown["layer"] == [1, 2, 3]
    assert here.behind.views.layers[1].data["layer"] == []
    assert here.behind.views.curves[0].data["accuracy"][-1] == run.trainer.evaluate(run.data.x, run.data.y)["accuracy"]
    here.press("One update")
    here.until(lambda: here.count() == f"updates {run.updates:,}")
    here.press("Reset")
    here.until(lambda: here.count() == "updates 0")


def test_a_page_that_paints_nothing_is_paused(window, monkeypatch):
    here = window(TOY)
    monkeypatch.setattr("npdeep.teaching.play.session.HIDDEN", 0.5)
    monkeypatch.setattr(here.behind.paints, "seen", lambda number, now: None)    # as of a window that is minimized
    here.press("Train")
    here.until(lambda: not here.session.running and "not on the screen" in here.said())
    assert here.session.runs[0].updates > 0


@pytest.mark.exhaustive
def test_every_control_changes_its_setting(window):
    from npdeep.teaching.play.settings import CONTROLS

    here = window(TOY + "&compare=on")
    for name, control in CONTROLS.items():
        field = here.field(name)
        if control.kind in ("layers", "points"):
            continue                          # below
        before = getattr(here.session.settings[0], name)
        if control.kind == "choice":
            field.select_option("circles" if name == "data" else control.options[-1] if name != "fault" else "zeros")
        elif control.kind == "flag":
            field.click()
        elif control.stops:
            field.press("ArrowRight")
        else:
            field.fill("7")
            field.press("Tab")
        here.until(lambda: getattr(here.session.settings[0], name) != before)  # noqa: B023
        here.settled()
        said = here.page.locator(".said").all_inner_texts()
        if name == "fault":
            assert "grey fields are not its own" in said[0]
            assert here.field("depth").is_disabled()
            field.select_option("")
            here.until(lambda: here.session.settings[0].fault == "")
        else:
            assert said in ([], [""]), name
    here.field("compare").click()
    here.until(lambda: here.session.settings[0].compare)
    here.field("which").select_option("1")
    here.until(lambda: here.behind.which == 1)
    first, second = here.session.settings
    here.field("depth").press("ArrowRight")
    here.until(lambda: here.session.settings[1].depth != second.depth)
    assert here.session.settings[0] == first
    here.field("one").fill("2")
    here.field("one").press("Tab")
    here.until(lambda: here.behind.one == 2)
    here.field("one").fill("50")
    here.field("one").press("Tab")
    here.until(lambda: here.said() == f"Hidden layer must be an integer from 1 to {here.session.settings[1].depth}, got '50'")
    assert here.field("one").input_value() == "2"
    here.field("one_activation").select_option("elu")
    here.until(lambda: here.session.settings[1].layer(2)[0] == "elu")
    here.field("one_dropout").select_option("0.5")
    here.until(lambda: here.session.settings[1].layer(2) == ("elu", 0.5))
    here.settled()
    assert here.session.runs[1].trainer.model.layer("dropout2").rate == 0.5
    assert here.page.evaluate("document.documentElement.dataset.look") == "dark large"


@pytest.mark.exhaustive
def test_presets_texts_and_the_address_to_share(window):
    from npdeep.teaching.play.page import preset_of
    from npdeep.teaching.play.presets import PRESETS

    here = window()
    names = list(PRESETS)
    assert [preset_of(*PRESETS[name]) for name in names] == names
    start = names.index(here.field("preset").input_value())
    for name in names[start + 1 : start + 3]:    # by the keyboard, one after the other
        here.field("preset").press("ArrowDown")
        here.until(lambda: here.said().startswith(name))  # noqa: B023
    here.field("preset").select_option("cure: residual connections")
    here.until(lambda: "Network B differs in: Residual on in place of off" in here.said())
    here.settled()
    here.press("What is wrong?")
    here.page.get_by_role("heading", name="What is wrong with network A?").wait_for()
    assert here.page.get_by_text("vanishing").first.is_visible()
    here.press("Code")
    here.page.get_by_role("heading", name="Code of network B").wait_for()
    assert here.page.get_by_text("nd.Residual(").count() > 0
    here.press("Numbers")
    here.page.get_by_role("heading", name="Numbers of network B").wait_for()
    here.press("Hide text")
    here.page.get_by_role("heading", name="Numbers of network B").wait_for(state="detached")
    here.press("Share")
    here.until(lambda: "b.residual=on" in here.field("address").input_value())
    there = window(here.field("address").input_value().partition("/?")[2].join(["?", ""]))
    assert there.session.settings == here.session.settings


@pytest.mark.exhaustive
def test_one_operation_after_the_other(window):
    here = window(TOY)
    here.settled()
    count = len(here.session.runs[0].trainer.events())
    for number in range(1, count + 1):
        assert here.count() == "updates 0"
        here.press("One operation")
        here.until(lambda: here.page.get_by_role("heading", name=f"Operation {number} of {count}").count() == 1)  # noqa: B023
        assert here.page.locator("figure img").count() > 0
    here.until(lambda: here.count() == "updates 1")


@pytest.mark.exhaustive
def test_points_are_typed_where_no_mouse_is(window):
    here = window("?depth=2&width=3")
    assert here.field("points").is_disabled()
    here.field("data").select_option("drawn")
    here.until(lambda: here.session.settings[0].data == "drawn")
    here.field("points").fill("-1, 0.5, 0; 1,1,1;0,-1,2")
    here.field("points").press("Tab")
    here.until(lambda: here.session.settings[0].points == "-1,0.5,0;1,1,1;0,-1,2")
    here.settled()
    assert len(here.session.data.x) == 3
    here.field("points").fill("1,1")
    here.field("points").press("Tab")
    here.until(lambda: "Points drawn must be" in here.said())
    assert here.session.settings[0].points == "-1,0.5,0;1,1,1;0,-1,2"


@pytest.mark.exhaustive
def test_points_are_drawn_by_the_mouse_and_shared(window):
    here = window(TOY.replace("xor", "drawn"))
    here.until(lambda: "draw at least two points" in here.said())
    here.settled()
    here.field("draw").select_option("1")
    here.until(lambda: here.behind.draws == "1")
    canvas = here.page.locator(".bk-Figure").nth(2)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for number, (right, down, held) in enumerate([(0.4, 0.3, 0), (0.6, 0.5, 0), (0.5, 0.5, 600)], 1):
        here.page.mouse.click(box["x"] + right * box["width"], box["y"] + down * box["height"], delay=held)
        here.until(lambda: len(here.behind.views.points.data["x"]) == number)  # noqa: B023
        assert len(here.session.settings[0].points.split(";")) == number
    here.settled()
    assert len(here.session.runs) == 1
    assert len(here.session.data.x) == 3
    assert (np.abs(here.session.data.x) <= 1.5).all()


@pytest.mark.exhaustive
def test_a_csv_file_is_read_or_refused(window, tmp_path):
    here = window(TOY)
    good, bad, huge = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "huge.csv"
    good.write_text("a,b,kind\n" + "1,2,cat\n3,4.5,dog\n" * 10)
    bad.write_text("1,2,cat\n3,four,dog\n")
    huge.write_bytes(b"1,2,3\n" * 400_000)
    here.field("csv").set_input_files(bad)
    here.until(lambda: here.said() == "CSV: line 2, column 2: 'four' is not a number")
    here.field("csv").set_input_files(huge)
    here.until(lambda: here.said() == "CSV: the file has 2,400,000 bytes; at most 2,000,000 are read")
    assert here.session.settings[0].data == "xor"
    here.field("csv").set_input_files(good)
    here.until(lambda: here.session.data is not None and here.session.data.classes == ("cat", "dog"))


def test_a_hostile_address_is_refused_by_name_and_never_executed(window):
    script, image = "<script>window.caught=1</script>", "<img src=x onerror=window.caught=1>"
    here = window(f"?depth=1e9&activation={script}&width=30&nonsense={image}")
    said = here.said()
    assert said.startswith("Refused in the address: Depth must be an integer from 1 to 50, got '1e9'; Activation must be")
    assert "there is no setting 'nonsense'" in said
    assert here.session.settings[0].width == 30
    assert here.session.settings[0].depth == 10
    assert here.page.evaluate("window.caught === undefined")


HOSTILE = [None, 10**30, float("nan"), "x" * 10_000, {"text": "x"}, {"bytes": "y"}, {"text": "A" * 9_000_000}, [], True]
HOSTILE += [b"\x00", {"text": "!!"}]


def test_hostile_messages_change_nothing_but_what_they_may(window):
    from npdeep.teaching.play.settings import CONTROLS

    here = window(TOY)
    here.settled()
    names = [*CONTROLS, "csv", "draw", "which", "one", "one_activation", "one_dropout", "preset", "seen", "__init__"]
    names += ["session", None, 7, [], {}, "close", "press_train", "x" * 100_000]
    before = here.session.settings
    for name, value in itertools.product(names, HOSTILE):
        if (name, value) not in (("residual", True), ("compare", True), ("dark", True), ("large", True)):
            here.behind.side._handle_msg({"name": name, "value": value})
    here.behind.side._handle_msg("no message")
    assert here.session.settings == before
    assert not here.session.closed


def test_others_may_not_connect(server):
    port = server.address.split(":")[2].strip("/")
    key = {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x" * 16 + "=="}
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", **key}
    for origin in ("http://evil.example", f"http://evil.example:{port}", "null"):
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
        connection.request("GET", "/ws", headers={**headers, "Origin": origin})    # urllib would close it after its answer
        assert connection.getresponse().status == 403
        connection.close()
    assert server.origins("127.0.0.1", 5006) == ["127.0.0.1:5006", "localhost:5006"]


def test_training_stops_and_memory_is_given_back_when_the_page_is_closed(window, server, browser):
    gone = Window(browser, server, TOY)
    gone.press("Train")
    gone.until(lambda: gone.session.frame.updates > 10)
    session = gone.session
    gone.page.close()
    for _ in range(PATIENCE // 100):
        if session.closed and not session.waiting and not session.runs:
            break
        time.sleep(0.1)
    assert session.closed
    assert not session.running
    assert session.runs == []
    assert gone.behind not in server.PAGES.values()


@pytest.mark.exhaustive
def test_thirty_pages_at_once_and_a_clear_word_beyond(browser, server):
    for _ in range(PATIENCE // 100):                      # those of other tests are given back within seconds
        if not server.PAGES:
            break
        time.sleep(0.1)
    windows = [Window(browser, server, TOY) for _ in range(MANY)]
    for one in windows:
        one.press("Train")
    for one in windows:
        one.until(lambda one=one: one.session.frame.updates > 20)
    more = [browser.new_page() for _ in range(3)]
    for page in more:
        page.goto(server.address)
    more[-1].get_by_role("heading", name="The playground is full").wait_for(timeout=PATIENCE)
    for page in more:
        page.close()
    for one in windows:
        one.page.close()
        assert one.complaints == []
