"""The image itself: the same id twice, what lies in it, who owns it, and what it refuses to be."""

import json
import os
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from pods import podman, tailor

from . import oci

_IMAGE = podman.REPOSITORY / "deploy/image.sh"

def _id(image: str) -> str:
    return podman.run("image", "inspect", "--format", "{{.Id}}", image).strip()


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run([_IMAGE, "build"], check=True)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.plain = oci.unpack(tailor.image(), Path(folder.name) / "plain")
        cls.debug = oci.unpack(tailor.image(is_debug=True), Path(folder.name) / "debug")

    def test_two_builds_of_one_binary_have_one_id(self):
        before = [_id(tailor.image()), _id(tailor.image(is_debug=True))]
        subprocess.run([_IMAGE, "build"], check=True, env={**os.environ, "NO_CACHE": "1"})
        self.assertEqual([_id(tailor.image()), _id(tailor.image(is_debug=True))], before)

    def test_the_configuration_is_that_of_a_server_without_rights(self):
        config = json.loads(podman.run("image", "inspect", tailor.image()))[0]["Config"]
        self.assertEqual(config["User"], "10001:10001")
        self.assertEqual(config["Entrypoint"], ["/usr/bin/tailor"])
        self.assertEqual(config["StopSignal"], "SIGTERM")
        self.assertEqual(config["Labels"]["org.opencontainers.image.version"], tailor.version())

    def test_everything_is_owned_by_root_and_written_by_root_alone(self):
        for entry in self.plain.entries:
            self.assertEqual((entry.uid, entry.gid), (0, 0), entry.path)
            if not stat.S_ISLNK(entry.mode) and entry.path not in ("tmp", "var/tmp"):
                self.assertFalse(entry.mode & 0o022, f"{entry.path} may be written by others: {entry.mode:o}")
            self.assertFalse(entry.mode & (stat.S_ISUID | stat.S_ISGID), f"{entry.path} lends its owner's rights")
        self.assertEqual(self.plain["tmp"].mode & 0o7777, 0o1777)

    def test_the_default_tag_has_no_program_but_tailor_and_libraries(self):
        programs = {each.path for each in self.plain.entries if each.is_program and ".so" not in Path(each.path).name}
        self.assertEqual(programs, {"usr/bin/tailor"})
        for shell in ("bin/sh", "usr/bin/sh", "bin/bash", "bin/busybox", "usr/bin/env", "usr/bin/perl"):
            self.assertNotIn(shell, self.plain)

    def test_the_default_tag_has_certificates_zones_licences_and_the_list_of_its_packages(self):
        bundle = (self.plain.root / "etc/ssl/certs/ca-certificates.crt").read_text()
        self.assertGreater(bundle.count("BEGIN CERTIFICATE"), 100)
        self.assertIn("usr/share/zoneinfo/Europe/Berlin", self.plain)
        for package in ("libc6", "libgcc-s1", "ca-certificates", "tzdata"):
            licence = self.plain.root / f"usr/share/doc/{package}/copyright"  # of libgcc-s1 by a link to gcc-12-base
            self.assertTrue(licence.resolve().is_relative_to(self.plain.root) and licence.is_file(), licence)
            self.assertIn(f"Package: {package}", (self.plain.root / f"var/lib/dpkg/status.d/{package}").read_text())

    def test_the_binary_has_no_symbols_and_names_the_file_that_has_them(self):
        line = ["readelf", "--sections", "--wide", self.plain.root / "usr/bin/tailor"]
        sections = subprocess.run(line, check=True, capture_output=True, text=True).stdout
        self.assertNotIn(".debug_info", sections)
        self.assertNotIn(".symtab", sections)
        self.assertIn(".gnu_debuglink", sections)

    def test_the_debug_tag_has_a_shell_pidof_and_the_symbols_of_this_very_binary(self):
        for tool in ("bin/sh", "bin/pidof", "bin/busybox"):
            self.assertIn(tool, self.debug)
        build_id = oci.build_id(self.debug.root / "usr/bin/tailor")
        symbols = f"usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug"
        self.assertIn(symbols, self.debug)
        self.assertEqual(oci.build_id(self.debug.root / symbols), build_id)

    def test_it_runs_as_a_pod_runs_it_and_computes_a_small_job(self):
        subprocess.run([_IMAGE, "try"], check=True)

    def test_a_binary_for_another_architecture_is_refused(self):
        other = {"x86_64": "arm64", "aarch64": "amd64"}[os.uname().machine]
        ended = subprocess.run([_IMAGE, "build", other], capture_output=True, text=True)
        self.assertEqual(ended.returncode, 1)
        self.assertIn(f"the image is for {other}", ended.stderr)
