"""A bare Debian 12, made once by debootstrap and copied for each use; needs root."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build" / "deploy"


def debian_mirror() -> list[str]:
    """Where this machine's own apt takes Debian from; empty where it names nothing: debootstrap has a default."""
    listed = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(path.read_text() for path in listed if path.is_file())
    found = re.search(r"(?:^URIs:|^deb(?: \[[^]]*\])?)\s+(\S+/debian)/?\s", text, re.MULTILINE)
    return [found.group(1)] if found else []


def bookworm() -> Path:
    """The cached root; never run anything in it."""
    rootfs = CACHE / "bookworm"
    if not (rootfs / ".complete").exists():
        shutil.rmtree(rootfs, ignore_errors=True)
        rootfs.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", rootfs, *debian_mirror()], check=True)
        (rootfs / ".complete").touch()
    return rootfs


class BareRoot:
    """A copy of the bare root in `folder`, in which programs run with the machine's network and with `variables` in their
    environment."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.variables = variables
        self.path = folder / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", bookworm(), self.path], check=True)
        shutil.copy("/etc/resolv.conf", self.path / "etc/resolv.conf")

    def command(self, *arguments: str | Path, user: str | None = None) -> list[str]:
        switch = [f"--userspec={user}"] if user else []
        # /proc in a mount namespace that ends with the program: the loader finds $ORIGIN through it.
        mount = f'mount -t proc proc "{self.path}/proc" && exec "$@"'
        return [
            "unshare", "--mount", "sh", "-c", mount, "sh",
            "chroot", *switch, str(self.path), "/usr/bin/env", "-i", "HOME=/root", "DEBIAN_FRONTEND=noninteractive",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *("=".join(pair) for pair in self.variables.items()),
            *map(str, arguments),
        ]  # fmt: skip

    def run(self, *arguments: str | Path, user: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*arguments, user=user), capture_output=True, text=True)

    def start(self, *arguments: str | Path, user: str | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments, user=user), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def is_root() -> bool:
    return os.geteuid() == 0
