"""Images of the Dockerfile: built by buildah from a base made here, run without a privilege; needs root."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from bare_root import CACHE, ROOT, bookworm

STORE = CACHE / "store"
BASE = "localhost/rollout-base"
# Which images a run builds and tests; `server` alone takes a third of the time of all.
WANTED = os.environ.get("IMAGES", "server").split()


def buildah_command(*arguments: str | Path) -> list[str]:
    return ["buildah", "--root", str(STORE / "images"), "--runroot", str(STORE / "run"), *map(str, arguments)]


def buildah(*arguments: str | Path) -> str:
    done = subprocess.run(buildah_command(*arguments), capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"buildah {arguments}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def make_base() -> None:
    """What debian:bookworm-slim is, from Debian itself, so that nobody else is asked."""
    if BASE in buildah("images", "--format", "{{.Name}}:{{.Tag}}"):
        return
    environment = {**os.environ, "ENGINE": "buildah", "STORE": str(STORE)}
    subprocess.run([ROOT / "deploy/image/base", bookworm()], env=environment, check=True)


def build(target: str) -> None:
    make_base()
    environment = {**os.environ, "ENGINE": "buildah", "STORE": str(STORE), "PULL": "never", "BASE": BASE}
    with tempfile.TemporaryFile("w+") as log:
        done = subprocess.run([ROOT / "deploy/image/build", target], env=environment, stdout=log, stderr=log)
        log.seek(0)
        if done.returncode != 0:
            raise AssertionError(log.read()[-5000:])


def image_bytes(image: str) -> float:
    number, unit = buildah("images", "--format", "{{.Size}}", image).split()
    return float(number) * {"kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]


class ImageTest(unittest.TestCase):
    """A container of `target`, whose image is built first; ROLLOUT_IMAGE=built takes the one of the last run."""

    target: str
    container: str
    added: float  # bytes, to its base

    @classmethod
    def setUpClass(cls) -> None:
        if cls.target not in WANTED:
            raise unittest.SkipTest(f"IMAGES={' '.join(WANTED)}")
        if os.environ.get("ROLLOUT_IMAGE") != "built":
            build(cls.target)
        cls.container = buildah("from", "--pull-never", f"rollout-{cls.target}")
        cls.addClassCleanup(lambda: buildah("rm", cls.container))
        cls.added = image_bytes(f"rollout-{cls.target}") - image_bytes(BASE)
        print(f"{cls.target} adds {cls.added / 1e6:.0f} MB to its base", flush=True)

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="rollout-image-")))
        self.folder.chmod(0o755)
        self.models = self.folder / "models"
        self.models.mkdir()

    def config(self) -> dict[str, object]:
        return json.loads(buildah("inspect", "--type", "image", f"rollout-{self.target}"))["Docker"]["config"]

    def start(self, *arguments: str, volume: str = "ro", **environment: str) -> subprocess.Popen[str]:
        """The image's entrypoint with `arguments`, else its own, as its own user and in its own root; the network is
        this machine's, /models is self.models."""
        config = json.loads(buildah("inspect", "--type", "container", self.container))["Docker"]["config"]
        command = [*(config["Entrypoint"] or []), *(arguments or config["Cmd"] or [])]
        variables = [word for pair in environment.items() for word in ("--env", "=".join(pair))]
        return subprocess.Popen(
            buildah_command("run", "--isolation", "chroot", *variables,
                            "--volume", f"{self.models}:/models:{volume}", self.container, "--", *command),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def start_read_only(self, **environment: str) -> subprocess.Popen[str]:
        """The image's entrypoint in a root that nobody can write, without a privilege: as `docker run --read-only
        --cap-drop ALL --security-opt no-new-privileges` has it."""
        config = self.config()
        root = self.mounted()
        (root / "models").mkdir(exist_ok=True)
        mounts = (
            f'mount --bind "{root}" "{root}" && mount --bind "{self.models}" "{root}/models"'
            f' && mount -t proc proc "{root}/proc" && mount -o remount,bind,ro "{root}" && exec "$@"'
        )
        variables = [*config["Env"], *("=".join(pair) for pair in environment.items())]
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", mounts, "sh", "setpriv", "--no-new-privs",
             "chroot", f"--userspec={config['User']}", str(root), "/usr/bin/env", "-i", *variables,
             *config["Entrypoint"]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run_to_end(self, *arguments: str, volume: str = "ro", seconds: float = 300, **environment: str) -> str:
        process = self.start(*arguments, volume=volume, **environment)
        output = process.communicate(timeout=seconds)[0]
        self.assertEqual(process.returncode, 0, output)
        return output

    def mounted(self) -> Path:
        """The container's root on this machine."""
        self.addCleanup(lambda: buildah("umount", self.container))
        return Path(buildah("mount", self.container))

    def installed(self, root: Path) -> set[str]:
        """The Debian packages in it."""
        done = subprocess.run(
            ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f=${Package}\n"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return set(done.stdout.split())

    def billed(self, root: Path) -> set[str]:
        """What its bill of materials lists."""
        bill = (root / "usr/share/rollout.spdx").read_text()
        self.assertTrue(bill.startswith("SPDXVersion: SPDX-2.3"))
        return {line.split(": ")[1] for line in bill.splitlines() if line.startswith("PackageName: ")}
