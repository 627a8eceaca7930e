"""The image that pods run: its names, and how it is built."""

import re
import subprocess

from . import podman

#: Port of coordinators for clients, as the chart has it.
GRPC = 7070


def version() -> str:
    """Version of the workspace, which is the image's tag."""
    manifest = (podman.REPOSITORY / "Cargo.toml").read_text()
    return re.search(r'^version = "(.*)"', manifest, re.MULTILINE)[1]


def image(is_debug: bool = False) -> str:
    """Name of the image that `deploy/image.sh build` made."""
    return f"localhost/tailor:{version()}{'-debug' if is_debug else ''}"


def build() -> None:
    """Builds the image if it is not there."""
    if podman.call("image", "exists", image(is_debug=True)).returncode != 0:
        subprocess.run([podman.REPOSITORY / "deploy/image.sh", "build"], check=True)
