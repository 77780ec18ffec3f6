"""The playground's figures: frames per second, training beside a bare fit, first view, many pages at once, memory.

    python benchmarks/play.py [--quick] [--pages 30] [--chromium /usr/bin/chromium] [--write]

Needs `pip install -e '.[play,browser]'` and Chromium. Two networks are measured: ten hidden layers of 100 on digits, and three
of 16 on spirals. "Of a bare fit" is the updates per second of a page that is looked at, over those of `fit` of the same network
in the same process, in turns. "Of the server's work" is the same per second of this process's processor time: what a network
costs beside all that showing it costs here, whatever else the machine does. Chromium draws in software on the same processors;
a client without a browser (play_client.py) is what the server sees of a class whose browsers run on other computers. --write
puts what is printed into RESULTS.md.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from peers_report import replaced

import npdeep as nd

HERE = Path(__file__).parent
NETWORKS = {
    "784-100×10-10, digits": "depth=10&width=100&activation=relu&initializer=he_normal",
    "2-16-16-16-3, spirals": "data=spirals&depth=3&width=16&activation=tanh&optimizer=adam&learning_rate=0.01&batch_size=32",
}
TOY = "2-16-16-16-3, spirals"
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
           "--disable-sync", "--no-first-run", "--disable-dev-shm-usage"]  # fmt: skip
HEADING = "## The playground\n\n    python benchmarks/play.py\n\n"

FEATURES = """Beside TensorFlow Playground (playground.tensorflow.org, and the issues of its repository):

| | TensorFlow Playground | npdeep play |
|---|---|---|
| data | 4 planes to classify, 2 to regress | spirals, moons, xor, circles, digits |
| own data (its issues 20, 54, 174) | no | CSV files |
| points drawn by mouse | no | yes, three classes |
| hidden layers, units | up to 6 of 8 | up to 50, up to 500 units |
| activations | 4, one for all layers | all of npdeep's, each layer may have its own (its issue 50) |
| initializers, gain | fixed | all, with a gain |
| dropout (its issue 50) | no | yes, of each layer too |
| batch and layer normalization | no | yes |
| residual connections | no | yes |
| optimizer | SGD | all of npdeep's, with clipping |
| L1 and L2 | yes | no |
| features such as x², sin x | yes | no |
| regression | yes | no |
| output of every unit as a picture | yes | first-layer weights, for digits |
| gradient, spread, saturation, update by layer | no | yes, while it trains |
| training and test loss | yes | yes, and accuracy |
| two networks side by side | no | yes, same data, same seed |
| the formula applied (its issue 54) | no | yes, each operation with the numbers of one unit |
| a diagnosis, planted bugs | no | yes |
| link with all settings | yes | yes |
| the code of the network | no | Python, trains to the same bits |
| needs | a browser | Python and a browser; no network |
"""


def memory() -> float:
    """What this process holds, in MB."""
    status = Path("/proc/self/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1000 if found else float("nan")


class Rate:
    """Updates per second of the clock, and per second of this process's processor time; they are known after `stop`."""

    def __init__(self, updates: int) -> None:
        self.updates, self.clock, self.work = updates, time.perf_counter(), time.process_time()
        self.share = 0.0

    def stop(self, updates: int) -> "Rate":
        """The updates made meanwhile, as rates."""
        seconds, worked = time.perf_counter() - self.clock, time.process_time() - self.work
        made, self.share = updates - self.updates, worked / seconds
        self.clock, self.work = made / seconds, made / worked
        return self


class Opened:
    """A page in the browser and what is after it."""

    def __init__(self, browser: Any, server: Any, address: str, query: str) -> None:
        before = set(server.PAGES)
        began = time.perf_counter()
        self.page = browser.new_page(viewport={"width": 1280, "height": 720})
        self.page.set_default_timeout(120_000)
        self.page.goto(f"{address}?{query}")
        self.page.locator("output[name=count]").get_by_text("updates 0").wait_for()
        self.first_view = time.perf_counter() - began
        (document,) = set(server.PAGES) - before
        self.behind = server.PAGES[document]

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).click()


def bare(query: str, seconds: float) -> Rate:
    """`fit` of the same network."""
    from npdeep.teaching.play import networks
    from npdeep.teaching.play.data import data_of
    from npdeep.teaching.play.settings import from_query

    settings = from_query(query)[0]
    data = data_of(settings)
    trainer = networks.trainer(settings, data)
    trainer.fit(data.x, data.y, batch_size=settings.batch_size, verbose=False)
    rate = Rate(trainer.iteration)
    stop = nd.callbacks.LambdaCallback(
        on_step_end=lambda t: t.stop("time is up") if time.perf_counter() - rate.clock > seconds else None
    )
    trainer.fit(data.x, data.y, epochs=100_000, batch_size=settings.batch_size, callbacks=[stop], verbose=False)
    return rate.stop(trainer.iteration)


def watched(opened: Opened, seconds: float) -> tuple[Rate, float]:
    """The page while it trains, and the frames that were painted per second."""
    run = opened.behind.session.runs[0]
    opened.press("Train")
    opened.page.wait_for_timeout(1000)
    rate, frames, began = Rate(run.updates), opened.behind.paints.painted, time.perf_counter()
    opened.page.wait_for_timeout(1000 * seconds)
    frames, rate = (opened.behind.paints.painted - frames) / (time.perf_counter() - began), rate.stop(run.updates)
    opened.press("Pause")
    opened.page.wait_for_timeout(1500)
    return rate, frames


def without_browser(address: str, query: str, pages: int, seconds: float) -> tuple[Rate, dict[str, Any]]:
    """What pages are given that draw nothing."""
    from npdeep.teaching.play import server

    options = ["--query", query, "--pages", str(pages), "--seconds", str(seconds)]
    command = [sys.executable, HERE / "play_client.py", address, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        while len(server.PAGES) < pages or not all(page.session.running for page in list(server.PAGES.values())):
            if client.poll() is not None:
                raise RuntimeError("the pages without a browser were gone before all of them trained")
            time.sleep(0.05)
        time.sleep(0.5)
        runs = [page.session.runs[0] for page in list(server.PAGES.values())]
        rate = Rate(sum(run.updates for run in runs))
        time.sleep(min(1.0, seconds) + seconds * 0.8)
        rate = rate.stop(sum(run.updates for run in runs))
        out = client.communicate()[0]
    return rate, json.loads(out)


def all_closed(server: Any) -> int:
    """How many pages are open after a minute at most."""
    deadline = time.monotonic() + 60
    while server.PAGES and time.monotonic() < deadline:
        time.sleep(0.2)
    return len(server.PAGES)


def one_page(browser: Any, server: Any, address: str, name: str, quick: bool) -> list[str]:
    """A network, in a browser and without one."""
    seconds, rounds = (2.0, 1) if quick else (4.0, 3)
    query = NETWORKS[name]
    opened = Opened(browser, server, address, query)
    drawn = [(bare(query, seconds), *watched(opened, seconds)) for _ in range(rounds)]
    opened.page.close()
    all_closed(server)
    sent = []
    for _ in range(rounds):
        alone, (rate, seen) = bare(query, seconds), without_browser(address, query, 1, seconds)
        sent.append((alone, rate, seen["frames"]))
        all_closed(server)
    speed = statistics.median(alone.clock for alone, *_ in drawn)
    return [
        f"{name}: first view {opened.first_view:.1f} s; a bare fit makes {speed:,.0f} updates/s",
        in_words("in Chromium", drawn),
        f"{in_words('no browser', sent)}, {seen['bytes'] / 1000:.0f} kB a frame",
    ]


def in_words(where: str, pairs: list[tuple[Rate, Rate, float]]) -> str:
    """Medians of a few rounds."""
    frames = statistics.median(pair[2] for pair in pairs)
    clock, work = (
        statistics.median(getattr(rate, kind) / getattr(alone, kind) for alone, rate, _ in pairs) for kind in ("clock", "work")
    )
    return f"  {where:<12} {frames:4.1f} frames/s, training at {clock:4.0%} of a bare fit, {work:4.0%} of the server's work"


def many(server: Any, address: str, count: int) -> list[str]:
    """Pages that all train, without a browser: how long until one answers, and what they hold."""
    before = memory()
    rate, seen = without_browser(address, NETWORKS[TOY], count, 6.0)
    held, answers = memory() - before, seen["answers"]
    left = all_closed(server)
    again = memory()
    without_browser(address, NETWORKS[TOY], -(-count // 3), 3.0)
    left += all_closed(server)
    return [
        f"{count} pages that all train, no browser: {seen['frames']:.1f} frames/s and {rate.clock / count:,.0f} updates/s each",
        f"  an answer takes {1000 * statistics.median(answers):.0f} ms, the longest {1000 * answers[-1]:.0f} ms",
        f"  a page that opens has its document after {seen['first_view']:.2f} s, and takes {held / count:.1f} MB",
        f"  closed, {left} pages are left; a third of them opened and closed again, it holds {memory() - again:+.0f} MB",
    ]


def thirty_in_chromium(browser: Any, server: Any, address: str, count: int) -> list[str]:
    """Pages in one browser on this machine, which has to draw them all."""
    opened = [Opened(browser, server, address, NETWORKS[TOY]) for _ in range(count)]
    for one in opened:
        one.press("Train")
    answers = []
    for one in opened:
        began = time.perf_counter()
        one.press("Share")
        one.page.wait_for_function("location.search.includes('seed=')")
        answers.append(time.perf_counter() - began)
    for one in opened:
        one.page.close()
    all_closed(server)
    return [
        f"{count} pages that all train, drawn by one Chromium on these processors",
        f"  from a press of Share to the address {statistics.median(answers):.2f} s, the longest {max(answers):.2f} s",
    ]


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter, and with three pages")
    parser.add_argument("--pages", type=int, default=30)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    parser.add_argument("--write", action="store_true", help="put the figures into RESULTS.md")
    given = parser.parse_args()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise SystemExit("benchmarks/play.py needs playwright: python -m pip install -e '.[play,browser]'") from None
    if given.chromium is None:
        raise SystemExit("benchmarks/play.py needs Chromium")
    from npdeep.teaching.play import check_installed

    check_installed()
    from npdeep.teaching.play import server

    said: list[str] = []
    thread = server.serve(0, open_browser=False, say=said.append, threaded=True)
    found = re.search(r"http://\S+", said[0])
    assert found is not None
    address, pages = found[0], 3 if given.quick else given.pages
    lines = [f"{os.cpu_count()} processors, Python {platform.python_version()}"]

    def tell(new: list[str]) -> None:
        lines.extend([*new, f"  (load average {os.getloadavg()[0]:.1f})"])
        print("\n".join(lines[-len(new) - 1 :]), flush=True)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=OPTIONS)
        for name in NETWORKS:
            tell(one_page(browser, server, address, name, given.quick))
        tell(many(server, address, pages))
        tell(thirty_in_chromium(browser, server, address, pages))
        browser.close()
    thread.stop()
    if given.write:
        page = HERE / "RESULTS.md"
        text = "\n".join(lines)
        part = f"{HEADING}```\n{text}\n```\n\n{FEATURES}"
        page.write_text(replaced(page.read_text(encoding="utf-8"), part.rstrip(), "play.py"), encoding="utf-8")


if __name__ == "__main__":
    main()
