"""The stack under load for two minutes: every expression has series, every page draws in a browser, a bad model shows.

With ROLLOUT_SCREENSHOTS=FOLDER the pictures of the pages are kept there (docs/dashboards are made so).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from stack import BIN, ROOT, Stack, metrics_page, wait_until

sys.path.insert(0, str(ROOT / "deploy/dashboards"))
from pages import PAGES

MODEL = "hopper-so"
IMPROVED = "hopper-improved"  # its canary is better than its stable version
LOAD_SECONDS = 120
ALERT_SECONDS = 120


def write_manifest(version: Path) -> None:
    files = {
        path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
        for path in version.iterdir()
        if path.name != "manifest.json"
    }
    (version / "manifest.json").write_text(json.dumps({"files": files}))


def perturb(version: Path, share: float) -> None:
    """Noise of `share` of their size on the weights, and no golden set that could give it away."""
    (version / "golden.safetensors").unlink()
    weights = load_file(version / "weights.safetensors")
    random = np.random.default_rng(0)
    for name, tensor in weights.items():
        if name.endswith("weight"):
            noise = random.standard_normal(tensor.shape) * tensor.std() * share
            weights[name] = (tensor + noise).astype(np.float32)
    save_file(weights, version / "weights.safetensors")
    write_manifest(version)


def publish_perturbed(repository: Path) -> None:
    """Version 2 of MODEL: a bad one."""
    staging = repository / MODEL / ".staging-perturbed"
    shutil.copytree(repository / MODEL / "1", staging)
    perturb(staging, 0.5)
    staging.rename(repository / MODEL / "2")


def publish_improved(repository: Path) -> None:
    """IMPROVED: a version 1 that predicts worse than it could, and version 2 as MODEL has it."""
    for version in ("1", "2"):
        folder = repository / IMPROVED / version
        shutil.copytree(repository / MODEL / "1", folder)
        spec = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps({**spec, "name": IMPROVED}))
        write_manifest(folder)
    perturb(repository / IMPROVED / "1", 0.3)


def publish_damaged(repository: Path) -> None:
    """A version that the gates refuse: its weights are not what its manifest says."""
    model = "swimmer-so"
    highest = max(int(path.name) for path in (repository / model).iterdir() if path.name.isdigit())
    staging = repository / model / ".staging-damaged"
    shutil.copytree(repository / model / str(highest), staging)
    with (staging / "weights.safetensors").open("ab") as weights:
        weights.write(b"surplus")
    staging.rename(repository / model / str(highest + 1))


class Load:
    """Requests, bad requests and reports of observed episodes, until it is ended; a context manager."""

    def __init__(self, server: str, episodes: list[Path]) -> None:
        self._server, self._episodes = server, episodes
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._ask, self._report)]

    def _run(self, *arguments: str) -> None:
        subprocess.run([BIN / "rolloutctl", "--server", self._server, *arguments], capture_output=True, check=False)

    def _ask(self) -> None:
        while not self._stop.is_set():
            self._run("bench", MODEL, "--lanes", "64", "--concurrency", "4", "--duration", "5s", "--no-echo")
            # A state that is too short, and a model that there is not: refusals.
            self._run("rollout", MODEL, "--state", "0,1", "--horizon", "5")
            self._run("rollout", "no-such-model", "--state", "0", "--horizon", "5")

    def _report(self) -> None:
        turn = 0
        while not self._stop.is_set():
            for episode in self._episodes:
                for model in (MODEL, IMPROVED, "hopper-hnn"):
                    self._run("report", model, str(episode), "--client", f"robot-{turn}")
            turn += 1
            self._stop.wait(2)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


class StackTest(unittest.TestCase):
    stack: Stack

    @classmethod
    def setUpClass(cls) -> None:
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="rollout-stack-")))
        # Prometheus runs as nobody.
        folder.chmod(0o755)
        recording = folder / "recording.hdf5"
        collect = [BIN / "rollout-trainer", "collect", "--system", "hopper_v5", "--episodes", "3", "--seed", "7"]
        policy = ROOT / "trainer/policies/hopper_v5/actor.safetensors"
        subprocess.run([*collect, "--policy", policy, "--out", recording], check=True, capture_output=True)
        python = ROOT / "third_party/.venv/bin/python"
        subprocess.run([python, ROOT / "demo/episodes.py", recording, folder], check=True, capture_output=True)
        cls.episodes = sorted(folder.glob("episode-*.npz"))
        shutil.copytree(ROOT / "models/pretrained", folder / "models")
        publish_improved(folder / "models")
        cls.stack = cls.enterClassContext(
            Stack(
                folder,
                trainer_options="--episodes 10 --test-fraction 0.4 --steps 300 --learning-rate 1e-3 --threads 1",
                every="20s",
                ROLLOUTD_LABELS=",".join(f"stable={one}:1,canary={one}:2" for one in (MODEL, IMPROVED)),
            )
        )
        gpu = cls.enterClassContext(metrics_page(Path(__file__).parent / "gpu_node.prom"))
        targets = folder / "prometheus/targets/gpu.yml"
        targets.write_text(f'- targets: ["{gpu}"]\n  labels: {{__metrics_path__: /gpu_node.prom}}\n')

    def test_what_an_operator_sees(self) -> None:
        with Load(self.stack.server, self.episodes):
            start = time.monotonic()
            publish_damaged(self.stack.folder / "models")
            published = "rollout_trainer_last_publish_timestamp_seconds > 0"
            wait_until(lambda: self.stack.series(published) != [], "the trainer publishes", 300)
            time.sleep(max(0.0, LOAD_SECONDS / 2 - (time.monotonic() - start)))
            self.assertEqual(self.series_missing(exempt={"label"}), [])
            for alert in ("RolloutPredictionWorseThanNoChange", "RolloutCanaryWorseThanStable"):
                models = [labels.get("model") for labels in self.stack.firing().get(alert, [])]
                self.assertNotIn(MODEL, models, alert)

            # A regression nobody stopped: it shows, the alert fires, and it does not become the stable version.
            publish_perturbed(self.stack.folder / "models")
            fired = wait_until(
                lambda: any(
                    labels.get("model") == MODEL
                    for labels in self.stack.firing().get("RolloutCanaryWorseThanStable", [])
                ),
                "the alert on the canary",
                ALERT_SECONDS,
            )
            worst = max(float(one["value"][1]) for one in self.stack.series("rollout:canary_error_ratio"))
            print(f"the alert fired {fired:.0f} s after the publication; error ratio up to {worst:.3g}", flush=True)
            refused = self.promote(MODEL)
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn("stays as it is", refused.stderr)
            self.assertEqual(self.stable_versions(MODEL), ["1"])

            # What predicts better becomes the stable version.
            self.assertEqual(self.stable_versions(IMPROVED), ["1"])
            done = self.promote(IMPROVED)
            self.assertEqual(done.returncode, 0, done.stderr)
            print(done.stdout.strip(), flush=True)
            wait_until(lambda: self.stable_versions(IMPROVED) == ["2"], "the canary is stable", 30)

            time.sleep(max(0.0, LOAD_SECONDS - (time.monotonic() - start)))
            self.assertEqual(self.series_missing(exempt=set()), [])
            for page in PAGES:
                with self.subTest(page=page.name):
                    self.check_page(page.name)

    def promote(self, model: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "deploy/promote", model, self.stack.prometheus, self.stack.server],
            capture_output=True, text=True, env={**os.environ, "ROLLOUTCTL": str(BIN / "rolloutctl")},
        )  # fmt: skip

    def stable_versions(self, model: str) -> list[str]:
        found = self.stack.series(f'rollout_model_label{{model="{model}",label="stable"}}')
        return [one["metric"]["version"] for one in found]

    def series_missing(self, exempt: set[str]) -> list[str]:
        """Expressions of the dashboards, of Grafana's as of our pages, without a series over the last two minutes."""
        missing = []
        for page in PAGES:
            for panel in page.panels:
                for query in panel.queries:
                    expr = query.expr.replace("MODEL", ".*").replace("WINDOW", "1m")
                    if any(word in expr for word in exempt):
                        continue
                    if not self.stack.series(expr, LOAD_SECONDS):
                        missing.append(f"{page.name}: {panel.title}: {expr}")
            dashboard = json.loads((ROOT / f"deploy/grafana/dashboards/{page.name}.json").read_text())
            for panel in dashboard["panels"]:
                for target in panel["targets"]:
                    expr = target["expr"].replace("$model", ".*").replace("$__rate_interval", "1m")
                    if not any(word in expr for word in exempt) and not self.stack.series(expr, LOAD_SECONDS):
                        missing.append(f"grafana {page.name}: {panel['title']}: {expr}")
        return missing

    def check_page(self, name: str) -> None:
        url = f"{self.stack.prometheus}/consoles/rollout-{name}.html"
        with tempfile.TemporaryDirectory() as profile:
            browser = [
                "chromium", "--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-gpu", "--disable-dev-shm-usage",
                f"--user-data-dir={profile}", "--virtual-time-budget=9000",
            ]  # fmt: skip
            dom = subprocess.run(
                [*browser, "--window-size=1300,1000", "--dump-dom", f"{url}?span=900"],
                capture_output=True,
                text=True,
                timeout=600,
            ).stdout
            self.assertIn('data-drawn="yes"', dom)
            titles = re.findall(r"<h2>([^<]*)", dom)
            page = next(page for page in PAGES if page.name == name)
            self.assertEqual([title.strip() for title in titles], [panel.title for panel in page.panels])
            self.assertEqual(re.findall(r'<div class="none">([^<]*)', dom), [])
            graphs = re.findall(r'<svg [^>]*role="img".*?</svg>', dom, re.DOTALL)
            self.assertEqual(len(graphs), sum(panel.kind != "table" for panel in page.panels))
            for graph in graphs:
                self.check_marks(graph)
            folder = Path(os.environ.get("ROLLOUT_SCREENSHOTS", profile))
            picture = folder / f"{name}.png"
            height = int(re.findall(r'data-height="(\d+)"', dom)[0]) + 20
            whole_page = [f"--window-size=1300,{height}", f"--screenshot={picture}"]
            subprocess.run([*browser, *whole_page, f"{url}?span=300"], capture_output=True, timeout=600, check=True)
            self.assertGreater(picture.stat().st_size, 50_000)

    def check_marks(self, graph: str) -> None:
        """Publications are marked, and no two of their labels lie on each other."""
        label = r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)"[^>]*class="mark">([^<]*)'
        spans: dict[str, list[tuple[float, float]]] = {}
        for at, row, anchor, text in re.findall(label, graph):
            start = float(at) - 6 * len(text) * (anchor == "end")
            spans.setdefault(row, []).append((start, start + 6 * len(text)))
        self.assertNotEqual(spans, {})
        for row in spans.values():
            row.sort()
            for (_, end), (start, _) in itertools.pairwise(row):
                self.assertLessEqual(end, start, graph[:2000])


if __name__ == "__main__":
    unittest.main()
