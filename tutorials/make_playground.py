"""Makes the README's picture of the playground: two networks that have trained for a few seconds, in Chromium.

    python tutorials/make_playground.py [--file tutorials/figures/playground.png] [--query "preset settings"] [--size 1600,900]

Needs `pip install -e '.[play,browser]'` and Chromium. `--query` takes the end of an address, as Share makes it.
"""

import argparse
import re
import shutil
from pathlib import Path

from npdeep.teaching.play.presets import PRESETS
from npdeep.teaching.play.settings import to_query

OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
           "--disable-sync", "--no-first-run", "--disable-dev-shm-usage"]  # fmt: skip


def main() -> None:
    """Open, train, take the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, default=Path(__file__).parent / "figures" / "playground.png")
    parser.add_argument("--query", default=to_query(*PRESETS["cure: batch normalization"]))
    parser.add_argument("--size", default="1600,900")
    parser.add_argument("--updates", type=int, default=300, help="when to take the picture")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    from npdeep.teaching.play import server

    said: list[str] = []
    thread = server.serve(0, open_browser=False, say=said.append, threaded=True)
    found = re.search(r"http://\S+", said[0])
    assert found is not None
    width, height = map(int, given.size.split(","))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=OPTIONS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(120_000)
        page.goto(f"{found[0]}?{given.query}")
        page.locator("output[name=count]").get_by_text("updates 0").wait_for()
        page.get_by_role("button", name="Train", exact=True).click()
        (opened,) = server.PAGES.values()
        while opened.session.frame is None or opened.session.frame.updates < given.updates:
            page.wait_for_timeout(100)
        page.get_by_role("button", name="Pause", exact=True).click()
        page.wait_for_timeout(2500)
        page.screenshot(path=given.file)
        print(f"wrote {given.file}")
        browser.close()
    thread.stop()


if __name__ == "__main__":
    main()
