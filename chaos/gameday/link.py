"""A link between processes of which only the bytes are known: to etcd, to coordinators, and below HTTP to the store.

Bytes pass as they are, so protocols and signatures stay valid. What is held back is passed on when the link heals, as
TCP would do it; what is thrown away ends its connection, for a stream with a hole would be no TCP.
"""

import asyncio
import random
from dataclasses import dataclass

from .loop import Loop

#: Time for which answers are dropped before the connection breaks: longer than any transaction takes.
_DEAF_S = 0.5

_PIECE_BYTES = 64 << 10


@dataclass(frozen=True)
class Weather:
    """Describes the faults of a link; by default, there are none."""

    is_cut: bool = False
    is_deaf: bool = False  # requests do not arrive
    is_mute: bool = False  # answers do not arrive
    loses_answers: bool = False
    delay_s: float = 0.0
    bytes_per_s: int = 0
    broken_share: float = 0.0


class Link:
    """A proxy before one server, which may come up later."""

    def __init__(self, loop: Loop, server_port: int, seed: int = 1, server_host: str = "127.0.0.1"):
        self.answers_lost = 0
        self.bytes_passed = 0
        self.connections_open = 0
        self._weather = Weather()
        self._changed = asyncio.Event()
        self._random = random.Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop, self._server_port, self._server_host = loop, server_port, server_host
        self.port = loop.serve(self._serve)

    @property
    def url(self) -> str:
        """URL at which clients reach the link."""
        return f"http://{self._loop.host}:{self.port}"

    def set(self, **weather) -> None:
        """Changes the weather, for connections that are open too. Without arguments it is fine again."""

        async def change() -> None:
            self._weather = Weather(**weather)
            self._changed.set()
            self._changed = asyncio.Event()
            if self._weather.is_cut:
                self._abort_all()

        self._loop.call(change())

    def _abort_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        if self._weather.is_cut:
            answers.transport.abort()
            return
        try:
            server, requests = await asyncio.open_connection(self._server_host, self._server_port)
        except OSError:
            answers.transport.abort()
            raise
        ends = {answers, requests}
        self._writers |= ends
        self.connections_open += 1
        pumps = [
            asyncio.ensure_future(self._pump(client, requests, is_answer=False)),
            asyncio.ensure_future(self._pump(server, answers, is_answer=True)),
        ]
        if self._random.random() < self._weather.broken_share:
            pumps.append(asyncio.ensure_future(asyncio.sleep(self._random.random())))
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.connections_open -= 1
            for pump in pumps:
                pump.cancel()
            self._writers -= ends
            for writer in ends:
                writer.transport.abort() if self._weather.broken_share else writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, is_answer: bool) -> None:
        try:
            while piece := await source.read(_PIECE_BYTES):
                await self._pass(piece, sink, is_answer)
        except (OSError, _Lost):
            return

    async def _pass(self, piece: bytes, sink: asyncio.StreamWriter, is_answer: bool) -> None:
        while self._weather.is_mute if is_answer else self._weather.is_deaf:
            await self._changed.wait()
        if is_answer and self._weather.loses_answers:
            self.answers_lost += 1
            await asyncio.sleep(_DEAF_S)
            raise _Lost
        if self._weather.delay_s:
            await asyncio.sleep(self._weather.delay_s)
        if self._weather.bytes_per_s:
            await self._trickle(piece, sink)
        else:
            sink.write(piece)
            await sink.drain()
        self.bytes_passed += len(piece)

    async def _trickle(self, piece: bytes, sink: asyncio.StreamWriter) -> None:
        """A tenth of a second's worth at a time, until the link is wider again."""
        while piece:
            rate = self._weather.bytes_per_s
            count = max(1, rate // 10) if rate else len(piece)
            sink.write(piece[:count])
            await sink.drain()
            piece = piece[count:]
            if rate and piece:
                await asyncio.sleep(0.1)


class _Lost(Exception):
    """The answers of this connection are lost."""
