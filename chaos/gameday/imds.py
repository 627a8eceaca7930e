"""The metadata service of a spot machine, as far as a notice goes."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_NOTICE = b'{"action":"terminate","time":"2026-01-01T00:02:00Z"}'


class Imds:
    """A running service: no notice, until there is one, for everybody or for the machine at one address."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.is_noticed = False
        self.noticed: set[str] = set()
        self._host = host
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self._say(200, b"token")

            def do_GET(self) -> None:
                is_noticed = service.is_noticed or self.client_address[0] in service.noticed
                self._say(200, _NOTICE) if is_noticed else self._say(404, b"")

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_) -> None:
                pass

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.handle_error = lambda *_: None  # a worker that is killed breaks off in the middle of a request
        threading.Thread(target=self._server.serve_forever, name="imds", daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Address, as host and port, at which the worker asks for notices."""
        return f"{self._host}:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Stops the server of the metadata service."""
        self._server.shutdown()
        self._server.server_close()
