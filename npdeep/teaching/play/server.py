"""The server of the playground: which address, whose pages, how many at once."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_from_bytes

import panel as pn
from bokeh.server.auth_provider import AuthProvider
from panel.io.resources import LOCAL_DIST
from threadpoolctl import threadpool_limits
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError

from npdeep.common import checks
from npdeep.common.hinting import is_function
from npdeep.teaching.play import check_port
from npdeep.teaching.play.form import HERE
from npdeep.teaching.play.page import Page

MOST_PAGES = 40
"""How many pages may be open at once."""

PAGES: dict[Any, Page] = {}
"""The pages that are open, by their documents."""

LARGEST_MESSAGE = 4_000_000
"""A browser may send no more bytes at once: a CSV file in base64, and little else."""

FULL = (
    '<h1 style="font:700 28px sans-serif">The playground is full</h1><p style="font:20px sans-serif">{most} pages are open at '
    "once, which is all that it takes. Close one, wait ten seconds, and load this page again.</p>"
)


def origins(host: str, port: int) -> list[str]:
    """The addresses whose pages may open a connection: those that are served, and no others.

    >>> origins("127.0.0.1", 5006)
    ['127.0.0.1:5006', 'localhost:5006']
    """
    names = [host]
    if host in ("127.0.0.1", "localhost"):
        names = ["127.0.0.1", "localhost"]
    elif host in ("0.0.0.0", "::", ""):       # all networks of this machine
        names = ["127.0.0.1", "localhost", socket.gethostname(), *own_addresses()]
    return [f"{name}:{port}" for name in dict.fromkeys(names)]


class OwnNames(AuthProvider):  # type: ignore[misc]
    """Serves requests for the names that are announced alone: a foreign site may have given this machine another one, and what
    it serves there its own pages could read.

    Args:
        allowed: names with ports, as `origins` gives them.
    """

    login_url = "/"                           # nobody logs in, but there must be one

    def __init__(self, allowed: list[str]) -> None:
        self.allowed = allowed
        super().__init__()

    @property
    def get_user(self) -> Any:
        """What is asked about every page and every connection."""
        return self.check

    def check(self, handler: Any) -> str:
        """The name of all users. Raises HTTPError for another name of this machine."""
        asked = handler.request.host.lower()
        if asked not in self.allowed and f"{asked}:80" not in self.allowed:
            raise HTTPError(403, reason=f"The playground is not served under this name; open http://{self.allowed[0]}/")
        return "default_user"


def own_addresses() -> list[str]:
    """The addresses of this machine that others reach it by."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))   # sends nothing: it only chooses a network
            found.append(probe.getsockname()[0])
        except OSError:
            pass
    return found


def free_port(host: str, port: int) -> int:
    """The port itself, or a free one for 0. Raises OSError, saying what to do, where it is taken, ValueError or TypeError for a
    host that this computer is not.
    """
    wanted = "play: host must be an address or a name of this computer, such as 127.0.0.1"
    if not isinstance(host, str):
        raise TypeError(f"{wanted}, got {checks.describe(host)}")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, ValueError) as error:
            known = isinstance(error, OSError) and not isinstance(error, socket.gaierror)
            if not known or error.errno == errno.EADDRNOTAVAIL:  # type: ignore[union-attr]
                raise ValueError(f"{wanted}, got {checks.describe(host)}") from None
            said = f"play: {host}:{port} cannot be used ({error.strerror})"  # type: ignore[union-attr]
            raise OSError(f"{said}; try another: --port 0 takes a free one") from None
        return int(probe.getsockname()[1])


def serve(
    port: int = 5006,
    host: str = "127.0.0.1",
    open_browser: bool = True,
    say: Callable[[str], None] = print,
    threaded: bool = False,
    most: int = MOST_PAGES,
) -> Any:
    """Serve the playground until Ctrl-C, or, threaded, in the background; returns Panel's server then.

    Args:
        port: 0 takes a free one. host: "0.0.0.0" lets others in the network in.
        open_browser: show it at once. say: takes the line with the address. most: pages at once.

    Raises ValueError or TypeError for invalid arguments, OSError where the port is taken.
    """
    port = free_port(host, check_port(port))
    open_browser = checks.flag("play", "open_browser", open_browser)
    if not is_function(say):
        raise TypeError(f"play: say must be a function, which is given the address, got {checks.describe(say)}")
    one_thread()

    def page() -> Any:
        document = pn.state.curdoc
        if len(PAGES) >= most:
            return pn.pane.HTML(FULL.format(most=most))
        document.template_variables["dist_url"] = LOCAL_DIST    # else what changes before the page is sent asks panel's site
        query = pn.state.session_args or {}
        made = PAGES[document] = Page(document, from_bytes(query))
        pn.state.onload(lambda: send_at_once(document))
        asyncio.get_running_loop().set_exception_handler(not_of_closed_pages)
        return made.layout()

    def closed(context: Any) -> None:
        gone = PAGES.pop(context._document, None)
        if gone is not None:
            gone.close()

    pn.config.raw_css = [(HERE / "page.css").read_text(encoding="utf-8")]
    pn.config.session_history = 0
    for name in ("bokeh.server.views.ws", "panel.io.document"):    # they warn of every page that is closed while it trains
        logging.getLogger(name).setLevel(logging.ERROR)
    pn.state.on_session_destroyed(closed)
    shown = [f"http://{name}/" for name in origins(host, port)]
    say(f"The playground is at {shown[-1] if host in ('0.0.0.0', '::') else shown[0]} (Ctrl-C ends it)")
    return pn.serve(
        {"/": page}, port=port, address=host, show=open_browser, title="npdeep playground", verbose=False, threaded=threaded,
        websocket_origin=origins(host, port), auth_provider=OwnNames(origins(host, port)),
        websocket_max_message_size=LARGEST_MESSAGE,
        check_unused_sessions_milliseconds=2000, unused_session_lifetime_milliseconds=5000, num_threads=0,
    )  # fmt: skip


def one_thread() -> None:
    """Let BLAS use one thread: several wait for each other by spinning, and pages would wait with them."""
    threadpool_limits(1, user_api="blas")


def not_of_closed_pages(loop: Any, context: dict[str, Any]) -> None:
    """Say nothing of what could not be sent to a page because it was closed meanwhile."""
    if not isinstance(context.get("exception"), WebSocketClosedError | StreamClosedError):
        loop.default_exception_handler(context)


def send_at_once(document: Any) -> None:
    """Have short messages sent without delay: else the system keeps one back, up to 40 ms, until the last is acknowledged."""
    for connection in document.session_context.session._subscribed_connections:
        connection._socket.set_nodelay(True)


def from_bytes(arguments: dict[str, list[bytes]]) -> str:
    """The arguments of a request as the end of an address again."""
    pairs = [(quote(name), quote_from_bytes(value)) for name, values in arguments.items() for value in values]
    return "&".join(f"{name}={value}" for name, value in pairs)
