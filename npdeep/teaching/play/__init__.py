"""The playground: networks that train in the browser, on the engine itself.

settings.py says what can be set · networks.py makes a network of it, and its code · runs.py trains one and looks at it ·
session.py does the work of a page · views.py draws · form.py and page.py are the page · server.py serves it.
"""

import atexit
import contextlib
import html
import importlib.util
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from npdeep.common import checks

__all__ = ["Playground", "play", "serve"]

NEEDED = ("panel", "bokeh", "threadpoolctl")


def check_installed() -> None:
    """Raise ImportError, saying what to install, where a package of the extra is missing."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"the playground needs {', '.join(missing)}: python -m pip install 'npdeep[play]', or in a clone "
            "python -m pip install -e '.[play]'"
        )


def check_port(port: Any) -> int:
    """The number of a port, 0 for a free one. Raises ValueError or TypeError.

    >>> check_port(70000)
    Traceback (most recent call last):
    ValueError: play: port must be at most 65535, got 70000
    """
    number = checks.whole("play", "port", port, minimum=0)
    if number > 65535:
        raise ValueError(f"play: port must be at most 65535, got {number}")
    return number


def serve(port: int = 5006, host: str = "127.0.0.1", open_browser: bool = True, say: Callable[[str], None] = print) -> None:
    """Serve the playground until Ctrl-C; `npdeep play` does it.

    Args:
        port: of the address; 0 takes a free one. host: "0.0.0.0" lets others in the network in.
        open_browser: show it at once. say: takes the line with the address.

    Raises ImportError where the extra `play` is not installed, ValueError or TypeError for invalid arguments, OSError where the
    port is taken.
    """
    check_installed()
    from npdeep.teaching.play import server

    server.serve(port, host, open_browser, say)


def play(port: int = 0, height: int = 900) -> "Playground":
    """Open the playground: in a notebook below the cell, else in the browser. It runs until `stop`, or until Python ends.

    Args:
        port: of its address on this computer; 0 takes a free one.
        height: of the frame in a notebook, in pixels.

    It has a process of its own, so that the notebook continues working beside it. Raises ImportError where the extra `play` is
    not installed, OSError where it does not start.
    """
    port, height = check_port(port), checks.whole("play", "height", height)
    check_installed()
    playground = Playground(port, height)
    if "ipykernel" not in sys.modules:
        webbrowser.open(playground.address)
    return playground


class Playground:
    """A playground that is running.

    Attributes:
        address: where it is. height: of the frame in a notebook.
    """

    def __init__(self, port: int = 0, height: int = 900) -> None:
        self.height = height
        command = [sys.executable, "-m", "npdeep", "play", "--no-browser", "--port", str(port)]
        with tempfile.TemporaryFile("w+") as complaints:    # a pipe that nobody reads would fill up and stop the server
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True)
            atexit.register(self.stop)
            assert self.process.stdout is not None
            told = ""
            while "http" not in told:
                line = self.process.stdout.readline()
                told += f" {line.strip()}"
                if not line:
                    self.stop()
                    complaints.seek(0)
                    raise OSError(f"play: it did not start: {complaints.read().strip()}")
        self.address = next(word for word in told.split() if word.startswith("http"))
        self._wait()

    def _wait(self) -> None:
        """Until it answers: it says its address a moment before, and a notebook would show an empty frame."""
        where = urlsplit(self.address)
        while self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((where.hostname, where.port)):
                return
            time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        atexit.unregister(self.stop)
        self.process.terminate()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __repr__(self) -> str:
        """Where it is."""
        return f"<Playground at {self.address}; .stop() ends it>"

    def _repr_html_(self) -> str:
        return (
            f'<iframe src="{html.escape(self.address)}" title="npdeep playground" width="100%" height="{self.height}" '
            'style="border:0"></iframe>'
        )
