"""HTML pages that are put together from files in the package."""

import functools
import re
from collections.abc import Mapping
from importlib import resources


@functools.cache
def part(package: str, name: str) -> str:
    """The text of a file that lies beside the modules of a package.

    >>> part("npdeep.plots", "walk_page.html").startswith("<!DOCTYPE html>")
    True
    """
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


def filled(template: str, parts: Mapping[str, str]) -> str:
    """The template, with these parts where it says __NAME__. What stands in a part is not looked at.

    >>> filled("<h1>__TITLE__</h1>", {"TITLE": "__TITLE__ & more"})
    '<h1>__TITLE__ & more</h1>'
    """
    return re.sub(f"__({'|'.join(parts)})__", lambda found: parts[found[1]], template)
