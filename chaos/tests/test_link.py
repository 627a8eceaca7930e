"""Links between real sockets."""

import socket
import threading
import time
import unittest

from gameday.link import Link
from gameday.loop import Loop


class Links(unittest.TestCase):
    def setUp(self):
        self.loop = Loop()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.heard: list[bytes] = []
        threading.Thread(target=self._echo, daemon=True).start()
        self.link = Link(self.loop, self.server.getsockname()[1])

    def tearDown(self):
        self.server.close()
        self.loop.stop()

    def _echo(self) -> None:
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client:
            while piece := client.recv(1024):
                self.heard.append(piece)
                client.sendall(piece)

    def client(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.link.port), timeout=5)
        self.addCleanup(client.close)
        return client

    def is_silent(self, client: socket.socket) -> bool:
        client.settimeout(0.3)
        try:
            client.recv(10)
        except TimeoutError:
            return True
        finally:
            client.settimeout(5)
        return False

    def test_a_fine_link_passes_bytes_as_they_are(self):
        client = self.client()
        client.sendall(b"hello")
        self.assertEqual(client.recv(10), b"hello")

    def test_a_blackhole_keeps_connections_and_passes_what_it_held_when_it_heals(self):
        client = self.client()
        client.sendall(b"1")
        self.assertEqual(client.recv(1), b"1")
        self.link.set(is_deaf=True, is_mute=True)
        client.sendall(b"2")
        self.assertTrue(self.is_silent(client))
        self.assertEqual(self.heard, [b"1"])
        self.link.set()
        self.assertEqual(client.recv(1), b"2")

    def test_half_a_partition_lets_requests_through_and_no_answer(self):
        client = self.client()
        self.link.set(is_mute=True)
        client.sendall(b"1")
        self.assertTrue(self.is_silent(client))
        self.assertEqual(self.heard, [b"1"])

    def test_a_lost_answer_ends_its_connection_after_the_server_did_it(self):
        client = self.client()
        self.link.set(loses_answers=True)
        client.sendall(b"1")
        self.assertEqual(client.recv(10), b"")
        self.assertEqual((self.heard, self.link.answers_lost), ([b"1"], 1))

    def test_a_cut_ends_open_connections_and_refuses_new_ones(self):
        client = self.client()
        client.sendall(b"1")
        client.recv(1)
        self.link.set(is_cut=True)
        self.assertIn(self.ends(client), (b"", None))
        self.assertIn(self.ends(self.client()), (b"", None))

    def ends(self, client: socket.socket) -> bytes | None:
        try:
            return client.recv(10)
        except ConnectionResetError:
            return None

    def test_a_narrow_link_lets_so_many_bytes_a_second_through(self):
        client = self.client()
        self.link.set(bytes_per_s=1000)
        began = time.monotonic()
        client.sendall(b"x" * 500)
        got = b""
        while len(got) < 500:
            got += client.recv(500)
        self.assertGreater(time.monotonic() - began, 0.2)
