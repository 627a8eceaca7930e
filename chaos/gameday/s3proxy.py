"""Proxies an S3 server and changes the fate of single requests. Other bytes pass unchanged, so signatures stay
valid.

| fate | what happens |
|---|---|
| `slow-down` | the server never sees it; the answer is 503 SlowDown |
| `internal-error` | the server never sees it; the answer is 500 |
| `forbidden` | the server never sees it; the answer is 403 AccessDenied |
| `expired-token` | the server never sees it; the answer is 400 ExpiredToken |
| `refuse` | the server never sees it, and the connection ends |
| `hold` | the server never sees it, and nobody answers |
| `lose-answer` | the server does it; the connection ends in the answer's place |
| `hold-answer` | the server does it; nobody answers |
| `complete-error` | the server never sees it; the answer is 200, and its body an error |
| `flip` | one bit of the answer's body is another |
| `truncate` | the connection ends in the middle of the answer's body |
| `stall` | the answer stops in the middle of its body, and the connection stays |
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass

from . import http_message
from .http_message import Message
from .loop import Loop

_ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>as the game day says</Message></Error>'
)

#: Fates that are an answer of our own: status, reason, code.
_ANSWERS = {
    "slow-down": (503, "Slow Down", "SlowDown"),
    "internal-error": (500, "Internal Server Error", "InternalError"),
    "forbidden": (403, "Forbidden", "AccessDenied"),
    "expired-token": (400, "Bad Request", "ExpiredToken"),
    "complete-error": (200, "OK", "InternalError"),
}

FATES = (*_ANSWERS, "refuse", "hold", "lose-answer", "hold-answer", "flip", "truncate", "stall")


def fate(name: str) -> str:
    """The name of a fate, if it is one."""
    if name not in FATES:
        raise ValueError(f"'{name}' is no fate of a request; there are {', '.join(FATES)}")
    return name


@dataclass(eq=False)
class Rule:
    """Which requests get which fate: a share of them, or the next so many."""

    fate: str
    method: str
    part: str
    share: float = 1.0
    left: int | None = None

    def meets(self, line: str, draw: float) -> bool:
        """Tells whether the rule applies to the request with this first line."""
        method, target, _ = line.split(" ", 2)
        is_meant = self.method in ("any", method) and self.part in target and self.left != 0
        if not is_meant or draw >= self.share:
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Weather:
    """Decides for all proxies of one day. The seed makes a day repeat its draws."""

    def __init__(self, seed: int = 1):
        self.pace_s = 0.0
        self.met: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self._rules: list[Rule] = []
        self._random = random.Random(seed)

    def add(self, rule: Rule) -> None:
        """Adds a rule, which applies to all later requests."""
        self._rules.append(rule)

    def remove(self, rule: Rule) -> None:
        """Removes a rule; requests that are held by it stay held."""
        self._rules.remove(rule)

    def fate(self, line: str) -> str | None:
        """Returns the fate of a request; None lets it pass."""
        self.requests[line.split(" ", 1)[0]] += 1
        for rule in self._rules:
            if rule.meets(line, self._random.random()):
                self.met[rule.fate] += 1
                return rule.fate
        return None


class S3Proxy:
    """Runs a proxy before one S3 server."""

    def __init__(self, loop: Loop, server_port: int, weather: Weather):
        self._server_port, self._weather = server_port, weather
        self.port = loop.serve(self._serve)

    async def _serve(self, requests: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        upstream = _Upstream(self._server_port)
        try:
            await self._talk(requests, answers, upstream)
        finally:
            upstream.close()
            answers.close()

    async def _talk(self, requests: asyncio.StreamReader, answers: asyncio.StreamWriter, upstream: "_Upstream") -> None:
        async def go_on(head: Message) -> None:
            if (head.field("expect") or "").lower() == "100-continue":
                answers.write(b"HTTP/1.1 100 Continue\r\n\r\n")

        while request := await http_message.read(requests, at_head=go_on):
            fate = self._weather.fate(request.line)
            await asyncio.sleep(self._weather.pace_s)
            if fate in _ANSWERS:
                status, reason, code = _ANSWERS[fate]
                answers.write(http_message.answer(status, reason, _ERROR.format(code=code)))
            elif fate == "refuse":
                return
            elif fate == "hold":
                await _wait_gone(requests)
                return
            elif not await self._forward(request, fate, requests, answers, upstream):
                return
            await answers.drain()

    async def _forward(self, request: Message, fate: str | None, requests, answers, upstream: "_Upstream") -> bool:
        """Forwards a request to the server; tells whether the connection goes on."""
        answer = await upstream.ask(request)
        if fate == "lose-answer":
            return False
        if fate == "hold-answer":
            await _wait_gone(requests)
            return False
        middle = len(answer.body) // 2
        if fate == "flip" and answer.body:
            flipped = answer.body[middle] ^ 1
            answer.body = answer.body[:middle] + bytes([flipped]) + answer.body[middle + 1 :]
        if fate in ("truncate", "stall") and answer.body:
            answers.write(answer.head + answer.body[:middle])
            await answers.drain()
            if fate == "stall":
                await _wait_gone(requests)
            return False
        answers.write(answer.to_bytes())
        return not answer.is_last


class _Upstream:
    """The connection to the server, made when it is needed."""

    def __init__(self, port: int):
        self._port = port
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Message) -> Message:
        if self._ends is None:
            self._ends = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        source, sink = self._ends
        sink.write(request.to_bytes())
        await sink.drain()
        while True:
            answer = await http_message.read(source, has_body=not request.line.startswith("HEAD "))
            if answer is None:
                raise ConnectionError("the server has gone")
            if answer.status >= 200:
                return answer

    def close(self) -> None:
        if self._ends is not None:
            self._ends[1].close()


async def _wait_gone(requests: asyncio.StreamReader) -> None:
    """Says nothing until the client gives up."""
    while await requests.read(1 << 16):
        pass
