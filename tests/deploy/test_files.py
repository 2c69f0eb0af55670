"""What of deploy/ can be held against itself and against the programs without any further package."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from stack import BIN, ROOT

sys.path.insert(0, str(ROOT / "deploy/dashboards"))
from pages import PAGES

ALERTS = (ROOT / "deploy/prometheus/rules/alerts.yml").read_text()
SERVER_SOURCES = ("server/metrics", "trainer/publishing", "base")
# Metrics that only a GPU node has: NVIDIA's exporter, and the CUDA engine's faults.
OF_A_GPU_NODE = {"rollout_device_faults_total"}


def declared_metrics() -> set[str]:
    """Every metric that the programs' sources name."""
    names: set[str] = set()
    for folder in SERVER_SOURCES:
        for path in (ROOT / folder).glob("*.cc"):
            names |= set(re.findall(r'"((?:rollout|process)_[a-z_]+)"', path.read_text()))
    return names | OF_A_GPU_NODE


def used_metrics(text: str) -> set[str]:
    found = re.findall(r"(?<![\w:])((?:rollout|process)_[a-z_]+)", text)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


class FilesTest(unittest.TestCase):
    def test_dashboards_are_what_their_code_makes(self) -> None:
        generate = [sys.executable, ROOT / "deploy/dashboards/generate.py", "--check"]
        done = subprocess.run(generate, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_metric_of_a_dashboard_or_rule_exists(self) -> None:
        rules = "".join(path.read_text() for path in (ROOT / "deploy/prometheus/rules").glob("*.yml"))
        expressions = re.findall(r"expr:(.*(?:\n {10,}.*)*)", rules)
        expressions += [query.expr for page in PAGES for panel in page.panels for query in panel.queries]
        self.assertGreater(len(expressions), 50)
        unknown = used_metrics("\n".join(expressions)) - declared_metrics()
        self.assertEqual(unknown, set())

    def test_an_empty_volume_is_filled_by_what_the_kubernetes_page_applies(self) -> None:
        training = ROOT / "deploy/kubernetes/training"
        default = re.findall(r"^resources: \[(.*)\]$", (training / "kustomization.yaml").read_text(), re.MULTILINE)
        self.assertEqual(default, ["trainer.yaml"])
        self.assertIn("- --init=live-or-scratch\n", (training / "trainer.yaml").read_text())
        made = re.findall(r"- --out=(\S+)", (training / "data/collect.yaml").read_text())
        for name in ("fit/fit.yaml", "seeds/seeds.yaml"):
            self.assertEqual(re.findall(r"- --data=(\S+)", (training / name).read_text()), made, name)
        page = (ROOT / "docs/deployment.md").read_text()
        for folder in re.findall(r"kubectl apply -k (\S+)", page):
            self.assertTrue((ROOT / folder / "kustomization.yaml").is_file(), folder)

    def test_every_alert_has_a_runbook_entry_and_a_test_in_both_directions(self) -> None:
        runbook = (ROOT / "docs/runbook.md").read_text()
        tests = "".join(path.read_text() for path in (ROOT / "deploy/prometheus/rule_tests").glob("*.yml"))
        alerts = re.findall(r"- alert: (\w+)", ALERTS)
        self.assertGreater(len(alerts), 10)
        for alert in alerts:
            with self.subTest(alert=alert):
                self.assertIn(f"\n### {alert}\n**Means**", runbook)
                self.assertIn(f"runbook: docs/runbook.md#{alert.lower()}\n", ALERTS)
                self.assertRegex(tests, rf"alertname: {alert}, exp_alerts: \[\{{")
        entries = re.findall(r"\n### (\w+)\n", runbook)
        self.assertEqual(sorted(entries), sorted(alerts))

    def test_the_alert_on_fallbacks_knows_how_a_machine_without_a_gpu_is_named(self) -> None:
        named = re.search(r'fallback_reason!~"\.\*([^"]+)\.\*"', ALERTS)
        assert named is not None
        self.assertIn(named.group(1), (ROOT / "models/engines/cuda/cuda_device.cc").read_text())

    def test_the_configuration_that_is_shipped_is_one_that_the_server_reads(self) -> None:
        config = ROOT / "deploy/config/rolloutd.textproto"
        # Every line that is commented out is an option too.
        text = re.sub(r"^# (?=\w+: )", "", config.read_text(), flags=re.MULTILINE)
        done = subprocess.run(
            [BIN / "rolloutd", "--config", "/dev/stdin", "--model-repository", "/no/such/folder"],
            input=text, capture_output=True, text=True,
        )  # fmt: skip
        self.assertEqual(done.returncode, 1)
        # It came as far as the folder: every field before that was read.
        self.assertIn("--model-repository=/no/such/folder: cannot be read", done.stderr)

    def test_a_start_that_cannot_succeed_says_why_in_one_line_as_the_runbook_has_it(self) -> None:
        runbook = (ROOT / "docs/runbook.md").read_text()
        models = ("--model-repository", str(ROOT / "models/pretrained"))
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        wrong, empty = folder / "wrong.textproto", folder / "empty"
        wrong.write_text("\n\nqueue_lane: 3\n")
        empty.touch()
        gpus = Path("/dev/nvidiactl").exists()
        without_a_gpu = [] if gpus else [
            (["--device=cuda:0", *models], "--device=cuda:0: there is no CUDA driver on this machine; ",
             "--device=cuda:0: there is no CUDA driver on this machine; …"),
        ]  # fmt: skip
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            occupied = f"127.0.0.1:{holder.getsockname()[1]}"
            for arguments, beginning, documented in (
                (["--queue-lanes=0", *models], "--queue-lanes=0: expected ", "--queue-lanes=0: expected …"),
                (["--config=/no/file", *models], "--config=/no/file: cannot be read; give ",
                 "--config=FILE: cannot be read; …"),
                ([f"--config={wrong}", *models], f"--config={wrong}:3:11: ", "--config=FILE:3:11: …"),
                (["--model-repository=/no/such/folder"], "--model-repository=/no/such/folder: cannot be read: ",
                 "--model-repository=DIR: cannot be read: …"),
                (["--listen=0.0.0.0:0", *models], "--listen=0.0.0.0:0: reachable from other machines",
                 "--listen=0.0.0.0:8001: reachable from other machines …"),
                ([f"--listen={occupied}", "--metrics-listen", "127.0.0.1:0", *models],
                 f"--listen={occupied}: cannot listen there: Address already in use",
                 "--listen=127.0.0.1:8001: cannot listen there: Address already in use …"),
                (["--tls-certificate=/no/file", "--tls-key=/no/key", *models],
                 "--tls-certificate=/no/file: cannot be read; ", "--tls-certificate=FILE: cannot be read; …"),
                (["--access-file=/no/file", *models], "--access-file=/no/file: cannot be read; give ",
                 "--access-file=FILE: cannot be read; …"),
                ([f"--access-file={empty}", "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", *models],
                 f"--access-file={empty}: names nobody; give ", "--access-file=FILE: names nobody; …"),
                *without_a_gpu,
            ):  # fmt: skip
                with self.subTest(arguments=arguments):
                    done = subprocess.run([BIN / "rolloutd", *arguments], capture_output=True, text=True, timeout=60)
                    self.assertEqual(done.returncode, 1)
                    lines = [line for line in done.stderr.splitlines() if line.startswith("rolloutd: ")]
                    self.assertEqual(len(lines), 1, done.stderr)
                    self.assertTrue(lines[0].removeprefix("rolloutd: ").startswith(beginning), lines[0])
                    self.assertIn(f"`{documented}`", runbook)

    def test_a_trainer_that_cannot_succeed_says_why_in_one_line_before_it_collects(self) -> None:
        runbook = (ROOT / "docs/runbook.md").read_text()
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        task = ("--model=h", f"--model-repository={folder}")
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            occupied = f"127.0.0.1:{holder.getsockname()[1]}"
            for arguments, beginning, documented in (
                (["--every=soon", "--system=hopper_v5", "--policy=random", *task], "--every: found soon", None),
                (["--system=hopper_v9", "--policy=random", *task], '--system=hopper_v9: unknown system "hopper_v9"',
                 None),
                (["--system=hopper_v5", "--policy=/no/file", *task], "--policy=/no/file: ", "--policy=FILE: …"),
                (["--system=hopper_v5", "--policy=random", "--model=h", "--model-repository=/no/such/folder"],
                 "--model-repository=/no/such/folder: cannot be written: No such file or directory; give ",
                 "--model-repository=DIR: cannot be written: …"),
                (["--system=hopper_v5", "--policy=random", f"--metrics-listen={occupied}", *task],
                 f"--metrics-listen={occupied}: cannot listen there: Address already in use; end ", None),
                (["--no-such-option", *task], "The following argument was not expected: --no-such-option; ", None),
            ):  # fmt: skip
                with self.subTest(arguments=arguments):
                    done = subprocess.run(
                        [BIN / "rollout-trainer", "run", *arguments], capture_output=True, text=True, timeout=60
                    )
                    self.assertEqual(done.returncode, 2 if "--no-such-option" in arguments else 1)
                    lines = done.stderr.splitlines()
                    self.assertEqual(len(lines), 1, done.stderr)
                    self.assertRegex(lines[0], f"^rollout-trainer(?: run)?: {re.escape(beginning)}")
                    if documented is not None:
                        self.assertIn(f"`{documented}`", runbook)


if __name__ == "__main__":
    unittest.main()
