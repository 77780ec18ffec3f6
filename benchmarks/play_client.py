"""Pages of the playground without a browser: they speak its protocol, ask for frames as a browser does, and draw nothing.

    python benchmarks/play_client.py http://127.0.0.1:5006/ [--query depth=3] [--pages 30] [--seconds 6]

They train all at once, as in a class whose browsers run on other computers; prints JSON: when each had its document, frames per
second, bytes per frame, and how long each waited for the answer to Share while all were training.
"""

import argparse
import asyncio
import itertools
import json
import re
import statistics
import time
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

FRAME = re.compile(r'"attr": ?"frame", ?"new": ?(\d+)')
MOST_BYTES = 100_000_000


class Client:
    """One page: `open` it, `say` what a button would, `listen` for frames until the connection is closed."""

    def __init__(self, address: str, query: str) -> None:
        self.address, self.query, self.numbers = address, query, itertools.count(1)
        self.first_view = self.asked = 0.0
        self.answer: float | None = None
        self.frames = self.bytes = 0
        self.socket: Any = None
        self.bar = ""

    async def open(self) -> None:
        """Get the page and its document."""
        began = time.perf_counter()
        page = await AsyncHTTPClient().fetch(f"{self.address}?{self.query}", request_timeout=120)
        found = re.search(r'"token":"([^"]+)"', page.body.decode())
        assert found is not None, "no token in the page: it is full"
        request = HTTPRequest(f"{self.address.replace('http', 'ws')}ws", headers={"Origin": self.address.rstrip("/")})
        self.socket = await websocket_connect(request, subprotocols=["bokeh", found[1]], max_message_size=MOST_BYTES)
        self.socket.protocol.set_nodelay(True)
        await self.receive()
        self.send("PULL-DOC-REQ", {})
        self.bar = run_form(json.loads(await self.receive()))
        self.first_view = time.perf_counter() - began
        self.event("document_ready", [])

    async def receive(self) -> str:
        """The content of the next message, its arrays left out."""
        header, _, content = [await self.part() for _ in range(3)]
        for _ in range(2 * json.loads(header).get("num_buffers", 0)):
            await self.part()
        return str(content)

    async def part(self) -> str | bytes:
        """One part of a message. Raises ConnectionError when the connection is closed."""
        part: str | bytes | None = await self.socket.read_message()
        if part is None:
            raise ConnectionError
        self.bytes += len(part)
        return part

    def send(self, kind: str, content: dict[str, Any]) -> None:
        """A message to the server."""
        for part in ({"msgid": str(next(self.numbers)), "msgtype": kind}, {}, content):
            self.socket.write_message(json.dumps(part))

    def event(self, name: str, entries: list[Any]) -> None:
        """Something happened in the page."""
        values = {"type": "map", "entries": entries}
        data = {"type": "event", "name": name, "values": values}
        self.send("PATCH-DOC", {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}]})

    def say(self, name: str, value: Any) -> None:
        """A control of the bar was used."""
        data = {"type": "map", "entries": [["name", name], ["value", value]]}
        self.event("data_event", [["model", {"id": self.bar}], ["data", data]])

    def share(self) -> None:
        """Press Share; `answer` is how long it took."""
        self.asked, self.answer = time.perf_counter(), None
        self.say("share", True)

    async def listen(self) -> None:
        """Answer every frame, as a browser does that has painted it."""
        while True:
            try:
                content = await self.receive()
                if found := FRAME.search(content):
                    self.frames += 1
                    self.say("seen", int(found[1]))
            except (ConnectionError, WebSocketClosedError):
                return
            if self.asked and self.answer is None and "seed=" in content:
                self.answer = time.perf_counter() - self.asked


def run_form(document: Any) -> str:
    """The id of the bar of buttons in a document."""
    if isinstance(document, dict):
        if document.get("name", "").endswith("ReactiveESM") and '"title": "Run"' in json.dumps(document["attributes"]["data"]):
            return str(document["id"])
        document = list(document.values())
    return next(filter(None, map(run_form, document)), "") if isinstance(document, list) else ""


async def measure(address: str, query: str, pages: int, seconds: float) -> dict[str, Any]:
    """Train in all pages at once."""
    clients = [Client(address, query) for _ in range(pages)]
    for client in clients:
        await client.open()
    listening = [asyncio.create_task(client.listen()) for client in clients]
    for _ in range(30):                       # until the networks are made; their first frame may have been in the document
        if all(client.frames for client in clients):
            break
        await asyncio.sleep(0.1)
    for client in clients:
        client.say("train", True)
    await asyncio.sleep(2)
    began, frames, sent = time.perf_counter(), sum(c.frames for c in clients), sum(c.bytes for c in clients)
    for client in clients:                    # spread over the time that is measured
        client.share()
        await asyncio.sleep(seconds / pages)
    passed = time.perf_counter() - began
    frames, sent = sum(c.frames for c in clients) - frames, sum(c.bytes for c in clients) - sent
    while any(client.answer is None for client in clients):
        await asyncio.sleep(0.05)
    for client in clients:
        client.socket.close()
    await asyncio.gather(*listening)
    answers = sorted(client.answer or 0.0 for client in clients)
    return {
        "first_view": statistics.median(client.first_view for client in clients),
        "frames": frames / passed / pages, "bytes": sent / max(frames, 1), "seconds": passed, "answers": answers,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--query", default="")
    parser.add_argument("--pages", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.address, given.query, given.pages, given.seconds))))


if __name__ == "__main__":
    main()
