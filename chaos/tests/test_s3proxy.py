"""The fates of single requests, before a real HTTP server."""

import http.client
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gameday.loop import Loop
from gameday.s3proxy import FATES, Rule, S3Proxy, Weather

BODY = bytes(range(200))


class Store(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    done: list[str] = []

    def do_GET(self):
        self._say(BODY)

    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._say(b"")

    def _say(self, body: bytes) -> None:
        Store.done.append(f"{self.command} {self.path}")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Fates(unittest.TestCase):
    def setUp(self):
        Store.done = []
        self.loop, self.weather = Loop(), Weather()
        self.store = ThreadingHTTPServer(("127.0.0.1", 0), Store)
        threading.Thread(target=self.store.serve_forever, daemon=True).start()
        self.proxy = S3Proxy(self.loop, self.store.server_address[1], self.weather)

    def tearDown(self):
        self.store.shutdown()
        self.store.server_close()
        self.loop.stop()

    def ask(self, method: str, path: str, body: bytes | None = None, timeout: float = 5) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=timeout)
        self.addCleanup(connection.close)
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def meets(self, fate: str, method: str = "any", part: str = "/") -> None:
        self.assertIn(fate, FATES)
        self.weather.add(Rule(fate, method, part, left=1))

    def test_a_request_without_a_fate_passes_as_it_is(self):
        self.assertEqual(self.ask("GET", "/b/k"), (200, BODY))
        self.assertEqual(self.ask("PUT", "/b/k", b"x" * 100_000), (200, b""))

    def test_a_refusal_never_reaches_the_store_and_meets_only_what_it_is_about(self):
        self.meets("slow-down", "PUT", "/data/")
        self.assertEqual(self.ask("GET", "/b/data/1")[0], 200)
        status, body = self.ask("PUT", "/b/data/1", b"x")
        self.assertEqual((status, b"SlowDown" in body), (503, True))
        self.assertEqual(Store.done, ["GET /b/data/1"])
        self.assertEqual(self.ask("PUT", "/b/data/1", b"x")[0], 200, "only the next one")

    def test_an_upload_can_be_completed_with_an_error_in_a_good_status(self):
        self.meets("complete-error")
        status, body = self.ask("GET", "/b/k?uploadId=1")
        self.assertEqual((status, b"InternalError" in body), (200, True))

    def test_a_lost_answer_is_to_something_that_was_done(self):
        self.meets("lose-answer")
        with self.assertRaises(http.client.RemoteDisconnected):
            self.ask("PUT", "/b/k", b"x")
        self.assertEqual(Store.done, ["PUT /b/k"])

    def test_one_bit_is_flipped(self):
        self.meets("flip")
        _, body = self.ask("GET", "/b/k")
        self.assertEqual(sum((a ^ b).bit_count() for a, b in zip(body, BODY, strict=True)), 1)

    def test_a_body_is_cut_or_stalls_in_the_middle(self):
        self.meets("truncate")
        with self.assertRaises(http.client.IncompleteRead) as cut:
            self.ask("GET", "/b/k")
        self.assertEqual(cut.exception.partial, BODY[:100])
        self.meets("stall")
        with self.assertRaises(TimeoutError):
            self.ask("GET", "/b/k", timeout=0.3)

    def test_a_share_of_requests_is_drawn_from_the_seed(self):
        def fates() -> list[str | None]:
            weather = Weather(seed=7)
            weather.add(Rule("slow-down", "any", "/", share=0.3))
            return [weather.fate("GET / HTTP/1.1") for _ in range(1000)]

        self.assertEqual(fates(), fates())
        self.assertAlmostEqual(fates().count("slow-down") / 1000, 0.3, delta=0.05)
