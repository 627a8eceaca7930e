"""HTTP/1.1 messages as bytes: where one ends, so that the next can follow on the same connection."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass
class Message:
    """Holds one request or answer as bytes."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        """First line of the message, without the line break."""
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    def field(self, name: str) -> str | None:
        """Returns the value of a header field."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.decode("latin-1").lower() == name:
                return value.strip().decode("latin-1")
        return None

    @property
    def status(self) -> int:
        """Of an answer: its status."""
        return int(self.line.split(" ")[1])

    @property
    def is_last(self) -> bool:
        """Tells whether the sender ends the connection after this message."""
        return (self.field("connection") or "").lower() == "close"

    def to_bytes(self) -> bytes:
        """As it was read."""
        return self.head + self.body


async def read(
    source: asyncio.StreamReader,
    has_body: bool = True,
    at_head: Callable[[Message], Awaitable[None]] | None = None,
) -> Message | None:
    """Reads a message; none where the other side has ended the connection between two.

    `has_body` is false for an answer to HEAD. `at_head` sees the head before the body is read.
    """
    try:
        head = await source.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise ConnectionError("the head of a message is cut") from error
        return None
    message = Message(head, b"")
    if at_head is not None:
        await at_head(message)
    if has_body:
        message.body = await _body(source, message)
    return message


async def _body(source: asyncio.StreamReader, message: Message) -> bytes:
    if (message.field("transfer-encoding") or "").lower() == "chunked":
        return await _chunks(source)
    return await source.readexactly(int(message.field("content-length") or 0))


async def _chunks(source: asyncio.StreamReader) -> bytes:
    """Chunks and trailers, as they stand."""
    body = b""
    while True:
        line = await source.readuntil(b"\r\n")
        body += line
        count = int(line.split(b";")[0].strip(), 16)
        if count == 0:
            break
        body += await source.readexactly(count + 2)
    while True:
        line = await source.readuntil(b"\r\n")
        body += line
        if line == b"\r\n":
            return body


def answer(status: int, reason: str, body: str = "") -> bytes:
    """Builds an answer of the proxy itself."""
    content = body.encode()
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content
