"""HTTP of the server."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from . import kinds, wire
from .kinds import Place
from .owners import Conflict
from .patch import patched
from .store import Store, matches

_WATCH_SECONDS = 0.5


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one packet; otherwise each answer waits for an acknowledgement.
    wbufsize = 1 << 16
    store: Store
    is_over: threading.Event

    def log_message(self, *_words):
        """Says nothing, because tests show what went wrong."""

    # A client that has what it wanted ends its watches by going.

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def finish(self):
        with contextlib.suppress(ConnectionError):
            super().finish()

    def do_GET(self):
        url, options = self._request()
        place = kinds.place(url)
        if (found := kinds.discovery(url)) is not None:
            self._answer(200, found)
        elif place is None:
            self._refuse(404, f"{url} is not here")
        elif place.sub == "log":
            self._send(200, b"verified\n", "text/plain")
        elif place.name:
            item = self._seen(place)
            self._answer(200, item) if item else self._refuse(404, f'{place.kind.plural} "{place.name}" not found')
        elif options.get("watch") in ("true", "1"):
            self._watch(place, options)
        else:
            items = self.store.items(place, options.get("labelSelector", ""), options.get("fieldSelector", ""))
            meta = {"resourceVersion": str(self.store.version)}
            self._answer(
                200,
                {
                    "apiVersion": place.kind.api_version,
                    "kind": f"{place.kind.kind}List",
                    "metadata": meta,
                    "items": items,
                },
            )

    def do_POST(self):
        url, options = self._request()
        body = self._body()
        place = kinds.place(url)
        if place is None:
            self._refuse(404, f"{url} is not here")
            return
        place = Place(place.kind, place.namespace, body["metadata"]["name"], "")
        if self.store.get(place):
            self._refuse(409, f'{place.kind.plural} "{place.name}" already exists', "AlreadyExists")
        else:
            self._answer(201, body if "dryRun" in options else self.store.update(place, body, self._manager(options)))

    def do_PUT(self):
        url, options = self._request()
        place, body = kinds.place(url), self._body()
        self._write(place, body, options)

    def do_PATCH(self):
        url, options = self._request()
        place, body = kinds.place(url), self._body()
        content_type = self.headers.get("Content-Type", "")
        old = self.store.get(place)
        if "apply-patch" in content_type:
            self._apply(place, body, options)
        elif old is None:
            self._refuse(404, f'{place.kind.plural} "{place.name}" not found')
        else:
            self._write(place, body if place.sub == "scale" else patched(old, body, content_type), options)

    def _write(self, place: Place, new: dict, options: dict) -> None:
        """Writes an object, or by its scale the number of its replicas."""
        whole = Place(place.kind, place.namespace, place.name, "")
        if place.sub == "scale":
            old = self.store.get(whole)
            new = old | {"spec": {**old["spec"], "replicas": new["spec"]["replicas"]}}
        if "dryRun" not in options:
            new = self.store.update(whole, new, self._manager(options))
        self._answer(200, _scale(new) if place.sub == "scale" else new)

    def _apply(self, place: Place, body: dict, options: dict) -> None:
        if "dryRun" in options:
            self._answer(200, body)
            return
        try:
            new = self.store.apply(place, body, self._manager(options), options.get("force") in ("true", "1"))
        except Conflict as conflict:
            self._refuse(409, str(conflict), "Conflict")
        else:
            self._answer(200, new)

    def _manager(self, options: dict) -> str:
        """Returns the name under which a client owns fields: the one that it gives, or that of its program."""
        return options.get("fieldManager") or self.headers.get("User-Agent", "").split("/")[0]

    def do_DELETE(self):
        url, options = self._request()
        self._body()
        place = kinds.place(url)
        item = self.store.get(place) if "dryRun" in options else self.store.delete(place)
        self._answer(200, item) if item else self._refuse(404, f'{place.kind.plural} "{place.name}" not found')

    def _seen(self, place: Place) -> dict | None:
        item = self.store.get(place)
        return _scale(item) if item and place.sub == "scale" else item

    def _watch(self, place: Place, options: dict) -> None:
        """Sends events line by line until the client or the server goes."""
        labels, fields = options.get("labelSelector", ""), options.get("fieldSelector", "")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        after = int(options.get("resourceVersion") or 0)
        if options.get("sendInitialEvents") == "true" or not after:
            after = self.store.version
            for item in self.store.items(place, labels, fields):
                self._event("ADDED", item)
            meta = {"resourceVersion": str(after), "annotations": {"k8s.io/initial-events-end": "true"}}
            if options.get("sendInitialEvents") == "true":
                self._event(
                    "BOOKMARK", {"apiVersion": place.kind.api_version, "kind": place.kind.kind, "metadata": meta}
                )
        while not self.is_over.is_set():
            now = self.store.version
            for word, item in self.store.events(place, after, _WATCH_SECONDS):
                now = max(now, int(item["metadata"]["resourceVersion"]))
                if matches(item, labels, fields):
                    self._event(word, item)
            after = now

    def _event(self, word: str, item: dict) -> None:
        line = json.dumps({"type": word, "object": item}).encode() + b"\n"
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.flush()

    def _request(self) -> tuple[str, dict]:
        url = urlsplit(self.path)
        return url.path, {key: values[0] for key, values in parse_qs(url.query).items()}

    def _body(self):
        return wire.parse(
            self.rfile.read(int(self.headers.get("Content-Length") or 0)), self.headers.get("Content-Type", "")
        )

    def _answer(self, code: int, item: dict) -> None:
        self._send(code, json.dumps(item).encode(), "application/json")

    def _refuse(self, code: int, message: str, reason: str = "") -> None:
        reason = reason or {404: "NotFound"}.get(code, "Invalid")
        self._answer(
            code,
            {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "message": message,
                "reason": reason,
                "code": code,
            },
        )

    def _send(self, code: int, body: bytes, content_type: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _scale(item: dict) -> dict:
    meta = {key: item["metadata"][key] for key in ("name", "namespace", "resourceVersion", "uid")}
    count = item["spec"]["replicas"]
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": meta,
        "spec": {"replicas": count},
        "status": {"replicas": count},
    }


@contextlib.contextmanager
def running() -> Iterator[tuple[str, Store]]:
    """Runs a server on a free port of this machine."""
    handler = type("Handler", (_Handler,), {"store": Store(), "is_over": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler.store
    finally:
        handler.is_over.set()
        server.shutdown()
        server.server_close()
