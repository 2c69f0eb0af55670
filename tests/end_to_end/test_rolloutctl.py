"""Every subcommand of rolloutctl against a real server: what people read, what programs parse, exit statuses."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import numpy as np
from checkpoints import DAMAGES, TinyModel, publish, publish_model
from processes import BIN, NO_NAME, PATIENCE_SECONDS, Rolloutd, ctl_json, rolloutctl, sample, wait_until

STATE = "0.1,-0.2,0.3,0.4"


class RolloutctlTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.repository = self.folder / "repository"
        self.repository.mkdir()
        self.model = TinyModel()
        publish_model(self.repository, self.model)
        self.server = self.enterContext(Rolloutd(self.repository))

    def people(self, *arguments: str) -> str:
        done = rolloutctl(*arguments, "--server", self.server.address)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("\033", done.stdout, "no colours and no cursor movement where there is no terminal")
        self.assertEqual(done.stderr, "")
        return done.stdout

    def program(self, *arguments: str) -> dict[str, object]:
        return ctl_json(*arguments, "--server", self.server.address)

    def refused(self, *arguments: str, status: int = 1) -> str:
        done = rolloutctl(*arguments, "--server", self.server.address)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("rolloutctl: "), done.stderr)
        return done.stderr

    def episode(self, steps: int = 40) -> dict[str, object]:
        """What the model itself predicts, so that its prediction error is rounding alone."""
        controls = np.random.default_rng(3).uniform(-1, 1, (1, steps, 1))
        states = self.model.rollout(np.array([[0.1, -0.2, 0.3, 0.4]]), controls)
        return {"states": states[0].tolist(), "controls": controls[0].tolist(), "period": 0.02, "truncated": True}

    def test_models(self) -> None:
        bad = publish(self.repository, "tiny", DAMAGES[0].files(self.model))
        wait_until(lambda: len(self.server.models()["tiny"]["versions"]) == 2, "the damaged version is listed")
        wait_until(lambda: "QUARANTINED" in self.people("models"), "the damaged version is quarantined")
        table = self.people("models")
        serving = next(line for line in table.splitlines() if "READY" in line)
        self.assertEqual(serving.split()[:4], ["tiny", "1", "*", "READY"])
        refused = next(line for line in table.splitlines() if "QUARANTINED" in line)
        self.assertIn("weights.safetensors", refused)
        page = self.people("models", "tiny")
        self.assertIn("tiny: version 1 serves", page)
        self.assertIn("NODE_SO, hidden layers [8] TANH", page)
        self.assertIn("CONSTANT_ACCELERATION, 4 substeps of a transition of 0.02 s", page)
        listed = self.program("models")["models"]
        self.assertEqual([model["name"] for model in listed], ["tiny"])
        self.assertEqual(listed[0]["serving_version"], 1)
        self.assertEqual([v["version"] for v in listed[0]["versions"]], [bad, 1])
        one = self.program("models", "tiny")
        self.assertEqual(one["versions"][1]["spec"]["dynamics"]["kind"], "NODE_SO")
        self.assertIn("tiny", self.refused("models", "nobody"))

    def test_rollout_of_one_lane(self) -> None:
        controls = np.random.default_rng(1).uniform(-1, 1, (30, 1))
        file = self.folder / "controls.npy"
        np.save(file, controls)
        printed = self.program("rollout", "tiny", "--state", STATE, "--controls", str(file))
        expected = self.model.rollout(np.array([[0.1, -0.2, 0.3, 0.4]]), controls[None])
        np.testing.assert_allclose(printed["trajectory"], expected, atol=1e-5)
        self.assertEqual(printed["first_non_finite_step"], [31])
        text = self.people("rollout", "tiny", "--state", STATE, "--controls", str(file))
        self.assertIn("tiny version 1: 1 lane of 30 transitions of 0.02 s = 0.6 s", text)
        self.assertIn("q0", text)
        last = text.splitlines()[-1].split()
        self.assertEqual(last[:2], ["30", "0.600"])
        np.testing.assert_allclose([float(x) for x in last[2:]], expected[0, -1], atol=1e-4)

    def test_rollout_of_many_lanes_and_its_file(self) -> None:
        controls = np.random.default_rng(1).uniform(-1, 1, (3, 7, 1)).astype(np.float32)
        np.save(self.folder / "controls.npy", controls)
        out = self.folder / "trajectory.npy"
        text = self.people(
            "rollout", "tiny", "--state", STATE, "--controls", str(self.folder / "controls.npy"), "--out", str(out)
        )
        self.assertIn("3 lanes of 7 transitions", text)
        expected = self.model.rollout(np.array([[0.1, -0.2, 0.3, 0.4]]), controls)
        np.testing.assert_allclose(np.load(out), expected, atol=1e-5)

    def test_rollout_along_an_episode(self) -> None:
        episode = self.episode()
        file = self.folder / "episode.npz"
        np.savez(file, states=episode["states"], controls=episode["controls"])
        printed = self.program("rollout", "tiny", "--episode", str(file), "--start", "10", "--horizon", "20")
        np.testing.assert_allclose(printed["trajectory"][0], np.array(episode["states"])[10:31], atol=1e-5)
        self.assertIn("40 transitions", self.refused("rollout", "tiny", "--episode", str(file), "--start", "40"))

    def test_rollout_says_what_is_wrong(self) -> None:
        short = self.refused("rollout", "tiny", "--state", "1,2", "--horizon", "3")
        self.assertIn("expected [1, 4] (tiny has", short)
        long = self.refused("rollout", "tiny", "--state", STATE, "--horizon", "100000000")
        self.assertIn("--horizon 100000000: its controls are 4e+08 bytes, expected a request of at most", long)
        self.assertIn("--horizon", self.refused("rollout", "tiny", "--state", STATE))
        self.assertIn("no.npy", self.refused("rollout", "tiny", "--state", "no.npy", "--horizon", "3"))
        self.assertIn("tiny", self.refused("rollout", "nobody", "--state", STATE, "--horizon", "3"))
        self.assertIn("7", self.refused("rollout", "tiny", "--version", "7", "--state", STATE, "--horizon", "3"))
        self.assertIn("--state or --episode", self.refused("rollout", "tiny", status=2))
        np.save(self.folder / "wide.npy", np.zeros((5, 2)))
        wrong = self.refused("rollout", "tiny", "--state", STATE, "--controls", str(self.folder / "wide.npy"))
        self.assertIn("[5, 2]", wrong.replace("[1, 5, 2]", "[5, 2]"))

    def test_a_cost_takes_the_place_of_the_reward(self) -> None:
        controls = np.full((5, 1), 0.5)
        cost = {"state": [1, 0, 0, 0], "control": [0.1], "reference": [0.1, 0, 0, 0]}
        asked = ("tiny", "--state", STATE, "--controls", json.dumps(controls.tolist()), "--cost", json.dumps(cost))
        states = self.model.rollout(np.array([[0.1, -0.2, 0.3, 0.4]]), controls[None])[0]
        expected = -np.sum((states[1:, 0] - 0.1) ** 2) - 0.1 * np.sum(controls**2)
        np.testing.assert_allclose(self.program("rollout", *asked)["total_return"], [expected], rtol=1e-4)
        printed = self.program("gradient", *asked)
        np.testing.assert_allclose(printed["total_return"], [expected], rtol=1e-4)
        self.assertEqual(np.shape(printed["controls_gradient"]), (1, 5, 1))
        held = self.program("gradient", *asked[:3], "--controls", "[[0.5]]", "--hold", "5", *asked[5:])
        self.assertEqual(held["horizon"], 5)
        np.testing.assert_allclose(held["controls_gradient"], [[[np.sum(printed["controls_gradient"])]]], rtol=1e-4)
        self.assertIn("is unknown; expected state", self.refused("rollout", *asked[:-1], '{"speed": [1]}'))
        self.assertIn("cost.state: got 2", self.refused("gradient", *asked[:-1], '{"state": [1, 0]}'))

    def test_gradient_of_states_is_what_differences_say(self) -> None:
        controls = np.random.default_rng(2).uniform(-0.5, 0.5, (6, 1))
        state = np.array([[0.1, -0.2, 0.3, 0.4]])
        weights = [1.0, 0.0, -2.0, 0.5]
        asked = ("tiny", "--state", STATE, "--controls", json.dumps(controls.tolist()))
        printed = self.program("gradient", *asked, "--final-state-cotangents", json.dumps(weights))

        def objective(changed: np.ndarray) -> float:
            return float(self.model.rollout(state, changed[None])[0, -1] @ weights)

        step = 1e-4
        for t in range(6):
            change = np.zeros_like(controls)
            change[t] = step
            difference = (objective(controls + change) - objective(controls - change)) / (2 * step)
            self.assertAlmostEqual(printed["controls_gradient"][0][t][0], difference, delta=1e-4)
        self.assertIn(
            "with respect to the controls", self.people("gradient", *asked, "--cost", '{"state": [1, 1, 1, 1]}')
        )
        self.assertIn("names no reward", self.refused("gradient", *asked))
        self.assertIn(
            "excludes", self.refused("gradient", *asked, "--cost", "{}", "--final-state-cotangents", "1", status=2)
        )

    def test_linearize_is_what_differences_say(self) -> None:
        controls = np.full((3, 1), 0.2)
        asked = ("tiny", "--state", STATE, "--controls", json.dumps(controls.tolist()))
        printed = self.program("linearize", *asked)
        trajectory = np.array(printed["trajectory"])
        self.assertEqual(np.shape(printed["state_jacobians"]), (3, 4, 4))
        self.assertEqual(np.shape(printed["control_jacobians"]), (3, 4, 1))
        step = 1e-4
        for k in range(4):
            change = np.zeros(4)
            change[k] = step
            after, before = (
                self.model.rollout(trajectory[None, 1] + sign * change, controls[None, 1:2])[0, 1] for sign in (1, -1)
            )
            column = np.array(printed["state_jacobians"])[1, :, k]
            np.testing.assert_allclose(column, (after - before) / (2 * step), atol=1e-4)
        self.assertIn("at step 2 of 3", self.people("linearize", *asked, "--step", "2"))
        self.assertIn("expected 0 to 2", self.refused("linearize", *asked, "--step", "3"))

    def test_report_gives_a_prediction_error(self) -> None:
        file = self.folder / "episode.json"
        file.write_text(json.dumps(self.episode()))
        self.assertIn("40 of 40 transitions", self.people("report", "tiny", str(file)))
        sent = self.program("report", "tiny", str(file), "--episode", "again", "--chunk", "15")
        self.assertEqual((sent["accepted_transitions"], sent["calls"]), (40, 3))

        def errors() -> list[dict[str, float]]:
            return self.program("models", "tiny")["versions"][0]["errors"]

        wait_until(lambda: any(e["windows"] > 0 for e in errors()), "the report gives prediction errors")
        self.assertTrue(all(e["normalised_rmse"] < 1e-4 for e in errors() if e["windows"] > 0), errors())
        self.assertIn("horizon", self.people("models", "tiny"))
        broken = self.folder / "broken.json"
        broken.write_text(json.dumps({**self.episode(), "controls": [[0.0]]}))
        self.assertIn("[41, 4]", self.refused("report", "tiny", str(broken)))
        slow = self.folder / "slow.json"
        slow.write_text(json.dumps({**self.episode(), "period": 0.05}))
        self.assertIn("0.02", self.refused("report", "tiny", str(slow)))
        times = np.arange(41) * 0.02
        timed = self.folder / "timed.npz"
        arrays = {name: self.episode()[name] for name in ("states", "controls")}
        np.savez(timed, timestamps=times, **arrays)
        sent = self.program("report", "tiny", str(timed), "--episode", "timed", "--chunk", "15")
        self.assertEqual(sent["accepted_transitions"], 40)
        times[30:] += 0.01
        np.savez(timed, timestamps=times, **arrays)
        self.assertIn("timestamps[15]: got 0.03 s", self.refused("report", "tiny", str(timed), "--chunk", "15"))

    def test_bench_measures_server_and_echo(self) -> None:
        arguments = ("bench", "tiny", "--lanes", "4", "--horizon", "10", "--concurrency", "2", "--duration", "400ms")
        text = self.people(*arguments)
        for word in ("server", "bare echo", "requests/s", "transitions/s", "latencies"):
            self.assertIn(word, text)
        measured = self.program(*arguments)
        self.assertGreater(measured["requests"], 0)
        self.assertEqual(measured["failures"], {})
        self.assertGreater(measured["echo"]["requests"], 0)
        self.assertLessEqual(measured["p50_seconds"], measured["p99_seconds"])
        # 4 lanes x 4 numbers of 4 bytes come back, 4 x 10 + 4 numbers go there.
        self.assertGreater(measured["reply_bytes"], 64)
        self.assertGreater(measured["request_bytes"], 176)
        self.assertIn("nobody", self.refused("bench", "nobody", "--duration", "1s"))

    def test_an_interrupted_bench_prints_what_it_measured(self) -> None:
        command = [BIN / "rolloutctl", "bench", "tiny", "--json", "--duration", "10m", "--server", self.server.address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as bench:
            # It warms up for 0.2 s, in which it asks more than once; a call that begins after that is measured.
            labels = {"method": "TransitionModel/Rollout", "code": "OK"}

            def calls() -> float:
                return sample(self.server.metrics(), "rollout_request_duration_seconds_count", **labels) or 0.0

            before = calls()
            wait_until(lambda: calls() > before + 10, "it warms up")
            begun = time.monotonic()
            wait_until(lambda: time.monotonic() > begun + 0.5, "it has warmed up")
            warm = calls()
            wait_until(lambda: calls() > warm + 50, "it measures")
            bench.send_signal(signal.SIGINT)
            printed, _ = bench.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(bench.returncode, 0)
        measured = json.loads(printed)
        self.assertGreater(measured["requests"], 0)
        self.assertEqual(measured["failures"], {})

    def test_watch_shows_models_and_traffic(self) -> None:
        text = self.people("watch", "--metrics", self.server.metrics_address, "--count", "2", "--every", "200ms")
        self.assertIn("ready", text)
        self.assertIn("transitions/s", text)
        for column in ("REQUESTS/S", "P50", "P99"):
            self.assertIn(column, text)
        lines = rolloutctl(
            "watch", "--json", "--count=2", "--every=100ms", "--metrics", self.server.metrics_address,
            "--server", self.server.address,
        ).stdout.splitlines()  # fmt: skip
        self.assertEqual(len(lines), 2)
        traffic = json.loads(lines[1])["traffic"]
        self.assertIn("TransitionModel/ListModels", traffic["methods"])
        (version,) = traffic["versions"]
        self.assertEqual(set(version["phases"]), {"decode", "queue", "compute", "reply"})
        self.assertIn("--metrics-listen", self.refused("watch", "--metrics", "127.0.0.1:1", "--count", "1"))

    def test_health(self) -> None:
        self.assertEqual(self.people("health"), "SERVING\n")
        self.assertEqual(self.people("health", "_live"), "SERVING\n")
        self.assertEqual(self.program("health", "tiny"), {"service": "tiny", "status": "SERVING"})
        self.assertIn("_live", self.refused("health", "nobody"))

    def test_version_names_both_programs(self) -> None:
        server = subprocess.run([BIN / "rolloutd", "--version"], capture_output=True, text=True).stdout.split()[-1]
        printed = self.program("version")
        self.assertEqual(printed["server"], {"name": "rolloutd", "version": server})
        self.assertEqual(printed["client"]["name"], "rolloutctl")
        self.assertIn(f"rolloutd {server} at {self.server.address}", self.people("version"))

    def test_nobody_there_and_wrong_usage(self) -> None:
        for command in (("models",), ("health",), ("bench", "tiny"), ("report", "tiny", "/nonexistent.json")):
            done = rolloutctl(*command, "--server", "127.0.0.1:1", "--timeout", "100ms")
            self.assertEqual(done.returncode, 1)
            self.assertEqual(len(done.stderr.splitlines()), 1)
        bogus = rolloutctl("models", "--server", f"{NO_NAME}:80", "--timeout", "1s")
        self.assertEqual(bogus.returncode, 1)
        self.assertIn(f"the name {NO_NAME} does not resolve", bogus.stderr)
        self.assertIn("its certificate", self.refused("models", "--tls", "--timeout", "1s"))
        self.assertIn('"levitate"', self.refused("levitate", status=2))
        for option in (("bench", "tiny", "--lanes", "0"), ("watch", "--count", "-1")):
            self.assertRegex(self.refused(*option, status=2), r"found -?\d+, expected a whole number of at least \d;")
        self.assertIn("above 0 and at most 1", self.refused("gradient", "tiny", "--discount", "0", status=2))
        self.refused("bench", status=2)
        self.refused("bench", "tiny", "--duration", "never", status=2)
        self.assertEqual(rolloutctl("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main()
