"""Runs all proxies on one thread with one event loop; the other code of a game day blocks while it waits."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

#: Longest head of a message, in bytes.
_LINE_BYTES_MAX = 1 << 20


def connection(serve):
    """Wraps a function that serves one connection: it ends quietly when a side disconnects or the loop stops."""

    async def served(*arguments) -> None:
        try:
            await serve(*arguments)
        except (OSError, EOFError, asyncio.CancelledError):
            pass

    return served


class Loop:
    """Runs an event loop on a thread of its own. Its servers listen on one address of this machine."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine) -> Any:
        """Runs a coroutine there to its end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def serve(self, serve) -> int:
        """Serves connections on a free port of this machine; the port."""
        server = self.call(asyncio.start_server(connection(serve), self.host, 0, limit=_LINE_BYTES_MAX))
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Ends every task, and the loop."""
        # A connection that was accepted and not served yet has nobody to hear that it is cancelled.
        self._loop.set_exception_handler(lambda *_: None)

        async def cancel() -> None:
            for server in self._servers:
                server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.call(cancel())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
