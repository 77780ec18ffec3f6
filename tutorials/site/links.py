"""Checks the links of a built site: those inside it lead somewhere, and nothing is loaded from outside."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"src", "srcset", "data", "poster"}


class Page(HTMLParser):
    """What a page links to, loads, and can be linked to at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what the attributes name."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.places.add(value)
            elif name == "href" and value:
                (self.links if tag == "a" else self.loads).add(value)
            elif name in LOADS and value:
                self.loads.add(value)


def pages(site: Path) -> dict[Path, Page]:
    """The pages that Sphinx made; those of JupyterLite are its own."""
    found = [path for path in site.rglob("*.html") if path.relative_to(site).parts[0] != "lite"]
    return {path: Page(path.read_text(encoding="utf-8")) for path in found}


def broken(site: Path) -> list[str]:
    """What leads nowhere, or is loaded from outside, as 'page: link'."""
    found, wrong = pages(site), []
    for path, page in found.items():
        for link in sorted(page.links | page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loads and parts.scheme != "data":
                    wrong.append(f"{path.relative_to(site)}: {link} is loaded from outside")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            lost = target in found and parts.fragment and unquote(parts.fragment) not in found[target].places
            if not target.exists() or lost:
                wrong.append(f"{path.relative_to(site)}: {link}")
    return wrong
