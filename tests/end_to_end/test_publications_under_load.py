"""A hundred versions published in a row, damaged ones among them, while clients ask without pause."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from checkpoints import DAMAGES, TinyModel, manifest, prune, publish, publish_model, publish_symlink
from load import SteadyLoad
from processes import Rolloutd, sample, wait_until

PUBLICATIONS = 100
SETTLED = 20  # publications after which memory should no longer grow
KEPT = 5


class PublicationsUnderLoadTest(unittest.TestCase):
    def setUp(self) -> None:
        self.repository = Path(self.enterContext(tempfile.TemporaryDirectory())) / "repository"
        self.repository.mkdir()
        publish_model(self.repository, TinyModel())
        self.server = self.enterContext(Rolloutd(self.repository, poll="20ms"))

    def assert_quarantined(self, version: int, reason: str, what: str) -> None:
        def entry() -> dict[str, object]:
            found = [v for v in self.server.models()["tiny"]["versions"] if v["version"] == version]
            return found[0] if found else {"state": "not listed", "reason": ""}

        wait_until(lambda: entry()["state"] == "QUARANTINED", f"{what}: version {version} is quarantined")
        self.assertIn(reason, str(entry()["reason"]), what)
        lines = [line for line in self.server.log().splitlines() if reason in line and "tiny" in line]
        self.assertTrue(
            [line for line in lines if f"{version}" in line and ("warn" in line or "error" in line)],
            f"{what}: no warning with model, version and reason in the log",
        )

    def test_every_good_version_becomes_live_and_every_damaged_one_is_refused(self) -> None:
        damages = [(damage.what, damage.reason) for damage in DAMAGES] + [("symlink", "weights.safetensors")]
        every = PUBLICATIONS // len(damages)
        rss_settled = 0
        live: list[int] = []
        with SteadyLoad(self.server.address, "tiny", 4, 1) as load:
            for number in range(PUBLICATIONS):
                version = publish_model(self.repository, TinyModel(seed=number + 1))
                wait_until(lambda v=version: v in load.answers, f"version {version} answers")
                live.append(version)
                if number % every == every - 1:
                    self.publish_damaged(number // every, load)
                prune(self.repository, "tiny", KEPT)
                if number == SETTLED:
                    rss_settled = self.server.rss_bytes()
            rss_end = self.server.rss_bytes()
        self.assertEqual(load.failures, [])
        self.assertEqual(len(live), PUBLICATIONS)
        self.assertLessEqual(set(live), set(load.answers))
        self.assertLessEqual(rss_end, 1.10 * rss_settled, f"{rss_settled} bytes grew to {rss_end}")
        self.assert_old_versions_are_gone(live)
        print(
            f"{sum(load.answers.values())} rollouts over {len(load.answers)} versions, none failed; "
            f"{len(damages)} damaged versions refused; RSS {rss_settled / 1e6:.1f} -> {rss_end / 1e6:.1f} MB"
        )

    def publish_damaged(self, index: int, load: SteadyLoad) -> None:
        model = TinyModel(seed=1000 + index)
        if index < len(DAMAGES):
            what, reason = DAMAGES[index].what, DAMAGES[index].reason
            version = publish(self.repository, "tiny", DAMAGES[index].files(model))
        else:
            what, reason = "symlink", "weights.safetensors"
            version = publish_symlink(self.repository, model)
        self.assert_quarantined(version, reason, what)
        self.assertEqual(self.server.serving("tiny"), version - 1, f"{what}: the good version before it serves")
        self.assertNotIn(version, load.answers, what)

    def assert_old_versions_are_gone(self, live: list[int]) -> None:
        def ready() -> list[int]:
            listed = self.server.models()["tiny"]["versions"]
            return [v["version"] for v in listed if v["state"] == "READY"]

        # The two newest stay loaded.
        wait_until(lambda: len(ready()) <= 2, "old versions are unloaded")
        self.assertEqual(max(ready()), live[-1])
        metrics = self.server.metrics()
        self.assertIsNone(sample(metrics, "rollout_model_info", model="tiny", version=str(live[0])))
        self.assertIsNotNone(sample(metrics, "rollout_model_info", model="tiny", version=str(live[-1])))

    def test_a_version_copied_into_place_is_taken_once_it_is_whole(self) -> None:
        files = TinyModel(seed=5).files()
        listed = manifest(files)
        version = publish(self.repository, "tiny", {"model.json": files["model.json"], "manifest.json": listed})
        self.assert_quarantined(version, "weights.safetensors", "half a copy")
        (self.repository / "tiny" / str(version) / "weights.safetensors").write_bytes(files["weights.safetensors"])
        wait_until(lambda: self.server.serving("tiny") == version, "the whole copy serves")


if __name__ == "__main__":
    unittest.main()
