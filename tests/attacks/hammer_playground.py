"""The playground under load and hostile input: python tests/attacks/hammer_playground.py [--pages 300] [--only WORDS]

A server of its own on 127.0.0.1 meets: sizes beyond the limits, in the address and in messages past the form's fields; pages of
other origins and names that a foreign site has for this machine; thirty sessions that train at once; a client that stops
reading; files of rows that are huge; damaged frames and messages; pages that are opened and closed by the hundred. It must
refuse by words or close the connection, answer others meanwhile, keep its memory, and in the end train as at first. No browser
is needed: this speaks the server's protocol. tests/test_play_server.py runs a short form; needs the extra [play].
"""

import argparse
import asyncio
import base64
import collections
import contextlib
import http.client
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

TOY = "?data=xor&depth=2&width=4&activation=tanh&learning_rate=0.1"
SLOWEST, PATIENCE = 20.0, 120.0
"""Seconds that an answer to others may take meanwhile, on a busy machine; and that this waits for anything at all."""

PER_PAGE = 100_000
"""Bytes that a page that was opened and closed may leave in the process, after the first ones."""

faults: list[str] = []


def wrong(text: str) -> None:
    """Note what should not be so."""
    faults.append(text)
    print(f"FAULT: {text}", flush=True)


class Server:
    """The playground in a process of its own."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "npdeep", "play", "--port", "0", "--no-browser"]
        self.errors = tempfile.TemporaryFile()    # noqa: SIM115 (a pipe that nobody reads would fill, and stop the server)
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://([\d.]+):(\d+)/", line)
        assert found, line
        self.host, self.port = found[1], int(found[2])
        while self.get("static/js/bokeh.min.js")[0] != 200:
            time.sleep(0.1)

    def get(self, path: str = TOY, host: str | None = None) -> tuple[int, str]:
        """Status and text of a page; 0 where nobody answers."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        try:
            connection.request("GET", f"/{path}", headers={"Host": host} if host else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except OSError:
            return 0, ""
        finally:
            connection.close()

    @property
    def memory(self) -> int:
        """Bytes that the process has."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def lives(self, what: str) -> None:
        """Does it still answer, and soon?"""
        began = time.monotonic()
        status, _ = self.get("static/js/bokeh.min.js")
        took = time.monotonic() - began
        if status != 200 or self.process.poll() is not None:
            wrong(f"{what}: the server answers no more ({status})")
        if took > SLOWEST:
            wrong(f"{what}: an answer took {took:.1f} s")

    def stop(self) -> str:
        """End it; what it has said."""
        self.process.terminate()
        self.process.communicate(timeout=60)
        self.errors.seek(0)
        with self.errors as file:
            return file.read().decode("utf-8", "replace")


class Client:
    """One page without a browser."""

    def __init__(self, server: Server, query: str = TOY) -> None:
        self.server, self.query, self.number = server, query, 0
        self.closed = False
        self.said: list[str] = []
        self.counts: list[str] = []
        self.values: dict[str, Any] = {}

    async def open(self, pull: bool = True) -> "Client":
        """Ask for the page, connect, and read what it is made of."""
        text = (await asyncio.to_thread(self.server.get, self.query))[1]
        token = re.search(r'"token":"([^"]+)"', text)
        if token is None:
            raise ConnectionError(f"no page: {text[:200]}")
        address = f"{self.server.host}:{self.server.port}"
        request = HTTPRequest(f"ws://{address}/ws", headers={"Origin": f"http://{address}"})
        self.socket: WebSocketClientConnection = await websocket_connect(request, subprotocols=["bokeh", token[1]])
        await self.message()
        if pull:
            self.send("PULL-DOC-REQ", {})
            document: Any = None
            while document is None:
                document = (await self.message())[1].get("doc")
            self.forms = forms_of(document)
            self.event("document_ready", {"type": "map", "entries": []})
            self.reader = asyncio.create_task(self.read())
        return self

    def send(self, kind: str, content: Any) -> None:
        """One message of the protocol, in three parts."""
        self.number += 1
        for part in ({"msgid": str(self.number), "msgtype": kind}, {}, content):
            self.socket.write_message(json.dumps(part))

    def say(self, name: Any, value: Any, form: str = "Settings") -> None:
        """What a form of the page says when something in it is changed."""
        data = {"type": "map", "entries": [["name", name], ["value", value]]}
        values = {"type": "map", "entries": [["model", {"id": self.forms[form]}], ["data", data]]}
        self.event("data_event", values)

    def event(self, name: str, values: Any) -> None:
        """An event in the browser."""
        event = {"type": "event", "name": name, "values": values}
        self.send("PATCH-DOC", {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event}]})

    async def read(self) -> None:
        """Read whatever comes, as a browser does, until the connection is closed."""
        with contextlib.suppress(ConnectionError, asyncio.TimeoutError, WebSocketClosedError):
            while True:
                await self.message(10 * PATIENCE)
        self.closed = True

    async def message(self, seconds: float = PATIENCE) -> tuple[dict[str, Any], dict[str, Any]]:
        """The next one, and what of it a person would see."""
        parts: list[Any] = []
        for _ in range(3):
            part = await asyncio.wait_for(self.socket.read_message(), seconds)
            if part is None:
                raise ConnectionError("closed")
            parts.append(json.loads(part))
        for _ in range(2 * parts[0].get("num_buffers", 0)):
            await asyncio.wait_for(self.socket.read_message(), seconds)
        self.look(parts[2])
        return parts[0], parts[2]

    def look(self, content: Any) -> None:
        """Find the sentence, the count and the values in a message; answer for the browser that a frame was painted."""
        if isinstance(content, dict):
            if content.get("attr") == "data" and isinstance(content.get("new"), dict):
                attributes = content["new"].get("attributes", {})
                frame = attributes.get("frame")
                if isinstance(frame, int):
                    self.say("seen", frame, "Run")
            for pair in content.get("entries", []):
                if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str):
                    self.values[pair[0]] = pair[1]
                    if pair[0] == "said" and pair[1]:
                        self.said.append(str(pair[1]))
                    if pair[0] == "count":
                        self.counts.append(str(pair[1]))
            if content.get("attr") == "frame" and isinstance(content.get("new"), int):
                self.say("seen", content["new"], "Run")
            for value in content.values():
                self.look(value)
        elif isinstance(content, list):
            for value in content:
                self.look(value)

    async def until(self, true: Callable[[], bool], seconds: float = PATIENCE) -> bool:
        """Wait until it is so; False where time is up, ConnectionError where the server closes before."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                return False
            if self.closed:
                raise ConnectionError("closed")
            await asyncio.sleep(0.05)
        return True

    @property
    def updates(self) -> int:
        """How many the page has shown."""
        return int(self.counts[-1].split()[-1].replace(",", "")) if self.counts else 0

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()


def forms_of(document: Any) -> dict[str, str]:
    """The forms' ids by their titles."""
    found: dict[str, str] = {}

    def look(value: Any) -> None:
        if isinstance(value, dict):
            title = value.get("attributes", {}).get("data", {}) if isinstance(value.get("attributes"), dict) else {}
            title = title.get("attributes", {}).get("title") if isinstance(title, dict) else None
            if isinstance(title, str) and title in ("Run", "Settings"):
                found[title] = value["id"]
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(document)
    return found


# ── attacks ───────────────────────────────────────────────────────────────────────────────────────────────────────────
async def healthy(server: Server) -> str:
    """A page trains."""
    client = await Client(server).open()
    client.say("train", None, "Run")
    if not await client.until(lambda: client.updates > 50):
        wrong(f"a page does not train: {client.counts[-3:]}, {client.said[-3:]}")
    client.close()
    return f"{client.updates} updates"


SIZES = ["depth=1e9", "width=10000000", "batch_size=2147483648", "depth=50&width=500", "layers=" + ",".join(["1:relu:"] * 4000),
         "points=" + "0,0,1;" * 3000, "seed=1e400", "learning_rate=nan", "a=1&" * 5000, "data=csv&" + "x" * 60_000,
         "fault=collapse", "b.depth=1000000", "activation=" + "%00" * 100, "gain=1e308&width=500&depth=50"]  # fmt: skip


async def sizes(server: Server, number: int) -> str:
    """Beyond the limits, by address and by message."""
    before, refused = server.memory, 0
    for query in SIZES:
        try:
            client = await Client(server, f"?{query}").open()
        except (ConnectionError, HTTPClientError) as error:
            refused += 1
            if "400" not in str(error) and "no page" not in str(error):
                wrong(f"address {query[:40]}: {error!r:.200}")
            continue
        refused += await client.until(lambda c=client: bool(c.said), 20)  # type: ignore[misc]
        client.close()
        server.lives(f"address {query[:40]}")
    client = await Client(server).open()
    for name in ("depth", "width", "batch_size", "seed", "gain", "dropout", "learning_rate", "clipping", "layers", "points"):
        for value in (10**9, -1, 1e308, "1" * 100_000, [1] * 10_000, {"type": "map", "entries": []}, None, True, "NaN"):
            client.said.clear()
            client.say(name, value)
    answered = await client.until(lambda: any("must be" in text for text in client.said), 60)
    kept = client.values.get("depth"), client.values.get("width")
    client.close()
    grown = server.memory - before
    if not answered or grown > 400 << 20:
        wrong(f"sizes: {client.said[-2:]}, the server grew by {grown / 1e6:.0f} MB")
    return f"{refused} of {len(SIZES)} addresses and 90 messages refused, depth and width stay {kept}"


async def foreign(server: Server, number: int) -> str:
    """Pages of other origins; other names of this machine, which a foreign site may have given it."""
    address, told = f"{server.host}:{server.port}", []
    for origin in ("http://evil.example", f"http://evil.example:{server.port}", "null", f"https://{address}.evil.example"):
        token = re.search(r'"token":"([^"]+)"', server.get()[1])
        try:
            request = HTTPRequest(f"ws://{address}/ws", headers={"Origin": origin})
            (await websocket_connect(request, subprotocols=["bokeh", token[1] if token else ""])).close()
            wrong(f"origin {origin} may connect")
        except HTTPClientError as error:
            told.append(error.code)
    for host in ("evil.example", f"evil.example:{server.port}", f"{address}.evil.example", "[::1]"):
        for path in ("", "autoload.js?bokeh-autoload-element=1", "ws"):
            status, text = server.get(path, host)
            told.append(status)
            if status == 200 or "token" in text:
                wrong(f"the host {host!r} is served /{path}: {status}")
    for host in (address, f"localhost:{server.port}"):
        if server.get(TOY, host)[0] != 200:
            wrong(f"its own host {host} is refused")
    return f"statuses {sorted(set(told))}"


async def many(server: Server, sessions: int) -> str:
    """As many sessions as a class has, at once."""
    clients = [await Client(server).open() for _ in range(sessions)]
    for client in clients:
        client.say("train", None, "Run")
    began = time.monotonic()
    trained = await asyncio.gather(*(c.until(lambda c=c: c.updates > 20) for c in clients))  # type: ignore[misc]
    took = time.monotonic() - began
    if not all(trained):
        wrong(f"{trained.count(False)} of {sessions} sessions do not train")
    server.lives("many sessions")
    latencies = []
    for client in clients[:5]:
        client.said.clear()
        asked = time.monotonic()
        client.say("depth", 10**9)
        await client.until(lambda c=client: bool(c.said), 60)  # type: ignore[misc]
        latencies.append(time.monotonic() - asked)
    if max(latencies) > SLOWEST:
        wrong(f"an answer among many sessions took {max(latencies):.1f} s")
    for client in clients:
        client.close()
    return f"{sessions} train after {took:.1f} s, a refusal comes after {max(latencies):.2f} s at most"


async def deaf(server: Server, number: int) -> str:
    """Clients that train and stop reading."""
    before = server.memory
    clients = [await Client(server, TOY).open() for _ in range(3)]
    for client in clients:
        client.say("train", None, "Run")
    stream: Any = clients[0].socket
    for client in clients:
        stream = client.socket.protocol.stream.socket  # type: ignore[union-attr]
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    began, memory = time.monotonic(), []
    while time.monotonic() - began < number:
        time.sleep(1.0)                       # the loop of this process stands still: nothing is read
        memory.append(server.memory)
    server.lives("clients that do not read")
    for client in clients:
        client.close()
    if max(memory) - before > 150 << 20:
        wrong(f"clients that do not read: the server grew by {(max(memory) - before) / 1e6:.0f} MB in {number} s")
    return f"{(max(memory) - before) / 1e6:+.0f} MB in {number} s"


def csv_of(rows: int, columns: int, kind: str = "n") -> bytes:
    """A table of numbers."""
    return "\n".join(",".join(["0.5"] * (columns - 1) + [f"{kind}{i % 3}"]) for i in range(rows)).encode()


FILES: list[Callable[[], bytes]] = [
    lambda: csv_of(19_000, 20), lambda: csv_of(400, 900), lambda: csv_of(20_001, 3), lambda: b"1,2,a\n" * 330_000,
    lambda: b'"' + b"a" * 1_900_000, lambda: b"\xff" * 100_000, lambda: b"," * 1_900_000, lambda: b"\n" * 1_900_000,
    lambda: b"1," * 500 + b"a\n", lambda: csv_of(100, 5).replace(b"0.5", b"9" * 400), lambda: b"=cmd|' /C calc'!A0,1,a\n" * 20,
    lambda: bytes(1_000_000), lambda: csv_of(30, 3, "<img src=x onerror=alert(1)>"),
]  # fmt: skip


async def tables(server: Server, number: int) -> str:
    """CSV files, up to and beyond what is read."""
    before, slowest, ends = server.memory, 0.0, {"read": 0, "refused": 0, "closed": 0}
    for make in FILES:
        client = await Client(server).open()
        content = make()
        client.said.clear()
        began = time.monotonic()
        client.say("csv", {"type": "map", "entries": [["text", base64.b64encode(content).decode()]]})
        try:
            there = await client.until(lambda c=client: bool(c.said) or c.values.get("data") == "csv", 60)  # type: ignore[misc]
            ends["refused" if client.said else "read"] += 1
            if not there:
                wrong(f"a file of {len(content):,} bytes, {content[:20]!r}: no answer")
        except ConnectionError:
            ends["closed"] += 1
        slowest = max(slowest, time.monotonic() - began)
        client.close()
        server.lives(f"a file of {len(content):,} bytes")
    grown = server.memory - before
    if grown > 300 << 20:
        wrong(f"files: the server grew by {grown / 1e6:.0f} MB")
    return f"{ends}, the slowest {slowest:.1f} s, {grown / 1e6:+.0f} MB"


PARTS = ["", "{", "null", "[]", "1", '"x"', "{}", '{"msgid": 1}', '{"msgtype": "PATCH-DOC"}', "[" * 10**5, '{"a":' * 5000, "\0"]
EVENTS = [
    {"kind": "ModelChanged", "model": {"id": "p1001"}, "attr": "children", "new": []},
    {"kind": "ModelChanged", "model": {"id": "x"}, "attr": "__class__", "new": 1},
    {"kind": "RootRemoved", "model": {"id": "p1002"}}, {"kind": "TitleChanged", "title": "x" * 100_000},
    {"kind": "RootAdded", "model": {"type": "object", "name": "Div", "id": "q1", "attributes": {"text": "<script>"}}},
    {"kind": "ColumnDataChanged", "model": {"id": "p1003"}, "data": {}}, {"kind": "MessageSent", "msg_type": "bokeh_event"},
    {"kind": "nonsense"}, {}, None, 3, [[[]]],
]  # fmt: skip


async def messages(server: Server, number: int) -> str:
    """Messages of the protocol that are none, or that would change what only the server changes."""
    rng, sent = random.Random(number), 0
    for event in EVENTS:
        client = await Client(server).open()
        for content in ({"events": [event]}, {"events": event}, event):
            with contextlib.suppress(Exception):
                client.send("PATCH-DOC", content)
                sent += 1
        for kind in ("PUSH-DOC", "SERVER-INFO-REQ", "ACK", "OK", "ERROR", "x", "PULL-DOC-REPLY"):
            with contextlib.suppress(Exception):
                client.send(kind, {"doc": {"roots": [], "title": "x", "version": "3"}})
                sent += 1
        with contextlib.suppress(Exception):
            await client.until(lambda: False, 0.3)
        client.close()
    for _ in range(number):
        client = await Client(server).open(pull=False)
        with contextlib.suppress(Exception):
            for _ in range(6):
                part = rng.choice(PARTS)
                await client.socket.write_message(part if rng.random() < 0.8 else part.encode(), binary=rng.random() < 0.2)
                sent += 1
            await client.socket.write_message(bytes(5_000_000), binary=True)    # more than is taken
        client.close()
        server.lives("messages")
    return f"{sent} messages"


def frames(rng: random.Random) -> bytes:
    """Bytes that are no frame, or one that must not be."""
    kind = rng.randrange(8)
    mask = bytes(4)
    return [
        rng.randbytes(2000),
        bytes([0x83 + rng.randrange(5), 0x80]) + mask,          # reserved kinds
        b"\x81\x05hello",                                       # not masked
        b"\x81\xff" + struct.pack(">Q", 2**63 - 1) + mask,      # a length beyond all
        b"\x81\xff" + struct.pack(">Q", 2**40) + mask + bytes(1000),
        b"\x09\x80" + mask + b"\x89\xfe\xff\xff" + mask,        # a ping in pieces, a ping too long
        b"\xf1\x85" + mask + b"hello",                          # reserved bits
        b"\x81\x84" + mask + b"\xff\xfe\xfd\xfc",               # no text
    ][kind]


async def damaged(server: Server, number: int) -> str:
    """Frames of the socket that are none."""
    rng, address = random.Random(number), f"{server.host}:{server.port}"
    before = server.memory
    for count in range(number):
        token = re.search(r'"token":"([^"]+)"', (await asyncio.to_thread(server.get))[1])
        with socket.create_connection((server.host, server.port), timeout=10) as raw, contextlib.suppress(OSError):
            lines = ["GET /ws HTTP/1.1", f"Host: {address}", "Upgrade: websocket", "Connection: Upgrade", f"Origin: http://{address}",
                     "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                     f"Sec-WebSocket-Protocol: bokeh, {token[1] if token else ''}", "", ""]  # fmt: skip
            raw.sendall("\r\n".join(lines).encode())
            raw.settimeout(5)
            if b" 101 " not in raw.recv(1000):
                wrong("damaged frames: no handshake")
            for _ in range(3):
                raw.sendall(frames(rng))
            if count % 2:
                raw.recv(10_000)
        server.lives("damaged frames")
    return f"{number} connections, {(server.memory - before) / 1e6:+.0f} MB"


async def flood(server: Server, pages: int) -> str:
    """Pages that are opened and closed at once; the memory that each leaves."""
    memory = []

    async def batch(count: int) -> None:
        for _ in range(count):
            with contextlib.suppress(ConnectionError):
                client = await Client(server).open()
                client.close()
        await empty(server)

    for _ in range(4):
        await batch(max(5, pages // 4))
        memory.append(server.memory)
    per = (memory[-1] - memory[1]) / (2 * max(5, pages // 4))
    if per > PER_PAGE:
        wrong(f"each page leaves {per / 1e3:.0f} kB")
    told = " → ".join(f"{one / 1e6:.0f}" for one in memory)
    return f"{4 * max(5, pages // 4)} pages, {told} MB, {per / 1e3:.0f} kB a page after the first half"


async def empty(server: Server) -> None:
    """Wait until closed pages are given back: then a new one is not refused for want of room, and the rest of them is gone."""
    await asyncio.sleep(12)


ATTACKS: dict[str, Callable[[Server, int], Awaitable[str]]] = {
    "sizes beyond the limits": sizes, "foreign origins and hosts": foreign, "many sessions": many,
    "clients that do not read": deaf,
    "files of rows": tables, "messages that are none": messages, "damaged frames": damaged, "opened and closed": flood,
}  # fmt: skip


async def attack(server: Server, amounts: dict[str, int], only: str) -> None:
    """All of them; between them a page must train."""
    for title, act in ATTACKS.items():
        if only in title:
            began, before = time.monotonic(), len(faults)
            told = await act(server, amounts[title])
            after = await healthy(server)
            took = time.monotonic() - began
            print(f"{title}: {told}; then {after}; {len(faults) - before} faults ({took:.0f} s)", flush=True)


def main() -> int:
    """All of it; exit code 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--pages", type=int, default=300, help="opened and closed")
    parser.add_argument("--frames", type=int, default=60, help="connections with damaged frames, and with odd messages")
    parser.add_argument("--deaf", type=int, default=70, help="seconds in which nothing is read")
    parser.add_argument("--only", default="", help="words in the name of an attack")
    given = parser.parse_args()
    amounts = dict.fromkeys(ATTACKS, given.frames)
    amounts |= {"many sessions": given.sessions, "opened and closed": given.pages, "clients that do not read": given.deaf}
    server = Server()
    try:
        print(f"at first: {asyncio.run(healthy(server))}, {server.memory / 1e6:.0f} MB", flush=True)
        asyncio.run(attack(server, amounts, given.only))
    finally:
        said = server.stop()
    kinds = collections.Counter(re.findall(r"^[\w.]*?(\w*Error)\b", said, re.MULTILINE))
    print(f"the server wrote {len(said.splitlines())} lines of errors: {dict(kinds)}")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
