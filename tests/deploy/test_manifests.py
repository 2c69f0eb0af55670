"""Manifests, compose file, Dockerfile and YAML, each by its own tool, offline: `third_party/setup.sh --deploy` has them."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from stack import ROOT

TOOLS = ROOT / "third_party/.deploy-venv/bin"
KUBERNETES = ROOT / "deploy/kubernetes"
TRAINING = ("training", "training/data", "training/fit", "training/seeds")
FOLDERS = ("overlays/cpu", "overlays/gpu", "overlays/canary", *TRAINING, "kserve")
CUSTOM_RESOURCES = ("ServiceMonitor", "ServingRuntime", "InferenceService")


def tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOLS / name, *map(str, arguments)], capture_output=True, text=True)


class ManifestsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def rendered(self, folder: str) -> list[str]:
        """The documents that kustomize makes of a folder."""
        done = tool("kubectl", "kustomize", KUBERNETES / folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split("\n---\n")

    def kind(self, document: str) -> str:
        return next(line.split(": ")[1] for line in document.splitlines() if line.startswith("kind: "))

    def validate(self, document: str) -> subprocess.CompletedProcess[str]:
        file = self.folder / "document.yaml"
        file.write_text(document)
        kind = self.kind(document)
        if kind in CUSTOM_RESOURCES:
            return tool("check-jsonschema", "--schemafile", KUBERNETES / f"schemas/{kind}.json", file)
        return tool("kubernetes-validate", "--strict", file)

    def test_every_manifest_is_what_its_schema_says(self) -> None:
        kinds = set()
        for folder in FOLDERS:
            for document in self.rendered(folder):
                with self.subTest(folder=folder, kind=self.kind(document)):
                    done = self.validate(document)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                    kinds.add(self.kind(document))
        self.assertLessEqual(
            {
                "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy",
                "PersistentVolumeClaim", "ServiceAccount", "CronJob", "Job", *CUSTOM_RESOURCES,
            },
            kinds,
        )  # fmt: skip

    def test_misspelt_keys_are_found(self) -> None:
        documents = {self.kind(one): one for folder in FOLDERS for one in self.rendered(folder)}
        for kind, right, wrong in (
            ("Deployment", "readinessProbe:", "readynessProbe:"),
            ("HorizontalPodAutoscaler", "maxReplicas:", "maximumReplicas:"),
            ("CronJob", "concurrencyPolicy:", "concurencyPolicy:"),
            ("ServiceMonitor", "endpoints:", "endpoint:"),
            ("ServingRuntime", "protocolVersions:", "protocols:"),
            ("InferenceService", "storageUri:", "storageURI:"),
        ):
            with self.subTest(kind=kind):
                self.assertIn(right, documents[kind])
                self.assertNotEqual(self.validate(documents[kind].replace(right, wrong)).returncode, 0)

    def test_probes_ask_the_port_that_the_image_serves_health_on(self) -> None:
        image = (ROOT / "Dockerfile").read_text()
        port = image.split("ROLLOUTD_HEALTH_LISTEN=0.0.0.0:")[1].split()[0]
        deployment = next(one for one in self.rendered("overlays/cpu") if self.kind(one) == "Deployment")
        self.assertEqual(deployment.count(f"port: {port}\n"), 3)
        self.assertIn("service: _live", deployment)

    def test_compose(self) -> None:
        file = ROOT / "deploy/compose.yaml"
        schema = ("--builtin-schema", "vendor.compose-spec")
        done = tool("check-jsonschema", *schema, file)
        self.assertEqual(done.returncode, 0, done.stdout)
        bad = self.folder / "compose.yaml"
        bad.write_text(file.read_text().replace("cap_drop:", "caps_drop:"))
        self.assertNotEqual(tool("check-jsonschema", *schema, bad).returncode, 0)

    def test_dockerfile(self) -> None:
        done = tool("hadolint", "--config", ROOT / ".hadolint.yaml", ROOT / "Dockerfile")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_shell_scripts(self) -> None:
        files = [path for folder in ("deploy/**", ".ci", "demo", "third_party") for path in ROOT.glob(f"{folder}/*")]
        scripts = [path for path in files if path.is_file() and re.match(rb"#!.*sh\n", path.read_bytes()[:40])]
        self.assertGreater(len(scripts), 12)
        done = subprocess.run(
            ["shellcheck", "--severity=warning", "-x", *scripts], cwd=ROOT, capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_yaml(self) -> None:
        done = tool("yamllint", "--strict", "-c", ROOT / ".yamllint.yaml", ROOT / "deploy")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_grafana_dashboards_name_the_provisioned_source(self) -> None:
        source = (ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml").read_text()
        for file in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
            dashboard = json.loads(file.read_text())
            uids = {panel["datasource"]["uid"] for panel in dashboard["panels"]}
            self.assertEqual(len(uids), 1)
            self.assertIn(f"uid: {uids.pop()}\n", source)
            self.assertEqual(len({panel["id"] for panel in dashboard["panels"]}), len(dashboard["panels"]))


if __name__ == "__main__":
    unittest.main()
