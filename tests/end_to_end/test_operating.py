"""What an operator does to a running server with rolloutctl, and how a server starts and ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import h5py
import numpy as np
from checkpoints import TinyModel, publish_model
from processes import BIN, PATIENCE_SECONDS, Rolloutd, ctl_json, rolloutctl, wait_until
from tritonclient.grpc import service_pb2, service_pb2_grpc

STATE = "--state=0.1,-0.2,0.3,0.4"


def rolloutd(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A start that ends by itself."""
    return subprocess.run([BIN / "rolloutd", *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS)


def silence() -> Iterator[service_pb2.ModelInferRequest]:
    """A request stream that stays open and sends nothing."""
    threading.Event().wait(PATIENCE_SECONDS)
    yield from ()


class OperatingTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.repository = self.folder / "models"
        self.repository.mkdir()
        for seed in range(3):
            publish_model(self.repository, TinyModel(seed=seed))

    def start(self, *options: str) -> Rolloutd:
        self.server = self.enterContext(Rolloutd(self.repository, *options))
        return self.server

    def ctl(self, *arguments: str) -> str:
        done = rolloutctl("--server", self.server.address, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def answers(self, *options: str) -> int:
        """The version that answers a rollout."""
        printed = ctl_json("--server", self.server.address, "rollout", "tiny", STATE, "--horizon", "2", *options)
        return int(printed["version"])

    def test_versions_are_loaded_pinned_labelled_and_unloaded_and_a_restart_forgets(self) -> None:
        self.start("--labels", "stable=tiny:1")
        self.assertEqual((self.answers(), self.answers("--label", "stable")), (3, 1))
        self.assertIn("until this server restarts", self.ctl("pin", "tiny", "2"))
        self.assertEqual(self.answers(), 2)
        self.assertIn("[pinned]", self.ctl("models"))
        self.ctl("pin", "tiny")
        self.ctl("label", "tiny", "stable", "3")
        self.ctl("label", "tiny", "canary", "2")
        self.assertEqual((self.answers("--label", "stable"), self.answers("--label", "canary")), (3, 2))
        self.ctl("unload", "tiny", "3")
        self.assertEqual(self.answers(), 2)
        self.ctl("load", "tiny", "3")
        self.assertEqual(self.answers(), 3)
        refused = rolloutctl("--server", self.server.address, "label", "tiny", "stable", "9")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("NOT_FOUND", refused.stderr)
        self.assertEqual(self.server.terminate(), 0)
        self.start("--labels", "stable=tiny:1")
        self.assertEqual(self.answers("--label", "stable"), 1, "Admin's changes are gone, the configuration's are not")

    def test_what_is_recorded_is_whole_when_the_server_has_ended(self) -> None:
        access, reports = self.folder / "access.json", self.folder / "reports"
        reports.mkdir()
        self.start("--access-log", str(access), "--report-folder", str(reports))
        episode = self.folder / "episode.npz"
        np.savez(episode, states=np.zeros((11, 4)), controls=np.zeros((10, 1)))
        self.ctl("report", "tiny", str(episode))
        self.answers()
        self.assertEqual(self.server.terminate(), 0)
        lines = [json.loads(line) for line in access.read_text().splitlines()]
        told = {line["method"]: line for line in lines}
        self.assertGreaterEqual(set(told), {"TransitionModel/ReportTransitions", "TransitionModel/Rollout"})
        self.assertEqual(
            (told["TransitionModel/Rollout"]["version"], told["TransitionModel/Rollout"]["horizon"]), (3, 2)
        )
        with h5py.File(reports / "tiny" / "reports-v0" / "data" / "main_data.hdf5") as file:
            self.assertEqual(file["episode_0/actions"].shape, (10, 1))

    def test_no_more_calls_at_a_time_on_one_connection_than_allowed(self) -> None:
        self.start("--max-streams", "3")
        with grpc.insecure_channel(self.server.address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            live = service_pb2.ServerLiveRequest()
            held = [stub.ModelStreamInfer(silence()) for _ in range(3)]

            def waits() -> bool:
                """In the client, for one of the three to end."""
                try:
                    stub.ServerLive(live, timeout=0.5)
                except grpc.RpcError as error:
                    return error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
                return False

            # The three begin by themselves, when they like: until then a fourth call is none too many.
            end = time.monotonic() + PATIENCE_SECONDS
            while not waits():
                self.assertLess(time.monotonic(), end, "three calls are held, and a fourth one is still answered")
            options = [("grpc.use_local_subchannel_pool", 1)]
            with grpc.insecure_channel(self.server.address, options) as other:
                another = service_pb2_grpc.GRPCInferenceServiceStub(other)
                self.assertTrue(another.ServerLive(live, timeout=PATIENCE_SECONDS).live)
            held[0].cancel()
            self.assertTrue(stub.ServerLive(live, timeout=PATIENCE_SECONDS).live)
            for stream in held:
                stream.cancel()

    def test_a_stream_from_stdin_and_a_watch(self) -> None:
        self.start()
        queries = "".join(
            json.dumps({"id": str(k), "state": [0.1, 0.2, 0.3, 0.4], "controls": [[0.1]] * (k + 1)}) + "\n"
            for k in range(5)
        )
        done = subprocess.run(
            [BIN / "rolloutctl", "--server", self.server.address, "stream", "tiny"],
            input=queries,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual({answer["id"] for answer in answers}, {"0", "1", "2", "3", "4"})
        self.assertTrue(all(answer["version"] == 3 and len(answer["final_state"]) == 4 for answer in answers))
        with subprocess.Popen(
            [BIN / "rolloutctl", "--json", "--server", self.server.address, "models", "--watch"],
            stdout=subprocess.PIPE,
            text=True,
        ) as watch:
            assert watch.stdout is not None
            self.assertEqual(json.loads(watch.stdout.readline())["serving_version"], 3)
            publish_model(self.repository, TinyModel(seed=9))
            while json.loads(watch.stdout.readline())["serving_version"] != 4:
                pass
            watch.send_signal(signal.SIGTERM)

    def test_drain_ends_the_process_with_0(self) -> None:
        self.start()
        self.assertIn("draining", self.ctl("drain"))
        self.assertEqual(self.server.process.wait(PATIENCE_SECONDS), 0)

    def test_who_drains_twice_or_signals_a_draining_server_once_waits_for_the_drain(self) -> None:
        self.start("--drain-delay", "10m")
        self.ctl("drain")
        self.ctl("drain")
        wait_until(lambda: "event=draining" in self.server.log(), "it drains")
        self.server.process.send_signal(signal.SIGTERM)  # a supervisor's one signal
        wait_until(lambda: "event=signal" in self.server.log(), "it has taken the signal")
        self.assertEqual(self.answers(), 3, "in its grace it goes on")
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.process.wait(PATIENCE_SECONDS), -signal.SIGTERM, "told twice it does not wait")

    def test_a_drain_and_one_signal_end_with_0(self) -> None:
        self.start("--drain-delay", "1s")
        self.ctl("drain")
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.process.wait(PATIENCE_SECONDS), 0)

    def test_not_serving_then_a_grace_in_which_it_answers(self) -> None:
        self.start("--drain-delay", "10m")
        self.server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: rolloutctl("--server", self.server.address, "health").returncode != 0, "NOT_SERVING at once")
        self.assertIsNone(self.server.process.poll(), "in its grace it goes on")
        self.assertEqual(rolloutctl("--server", self.server.address, "health", "_live").returncode, 0)
        with grpc.insecure_channel(self.server.address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            self.assertFalse(stub.ServerReady(service_pb2.ServerReadyRequest()).ready)
            self.assertFalse(stub.ModelReady(service_pb2.ModelReadyRequest(name="tiny")).ready)
        self.assertEqual(self.answers(), 3, "and answers")
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.process.wait(PATIENCE_SECONDS), -signal.SIGTERM, "told twice it does not wait")

    def test_after_the_grace_it_exits_with_0(self) -> None:
        self.start("--drain-delay", "1s", "--drain-timeout", "2s")
        start = time.monotonic()
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.process.wait(PATIENCE_SECONDS), 0)
        self.assertGreaterEqual(time.monotonic() - start, 1.0)

    def test_the_log_tells_the_ports_that_the_system_chose(self) -> None:
        self.start("--metrics-listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0")
        line = next(line for line in self.server.log().splitlines() if "event=listening" in line)
        metrics = re.search(r"metrics=(\S+)", line)
        assert metrics is not None
        with urllib.request.urlopen(f"http://{metrics[1]}/metrics", timeout=PATIENCE_SECONDS) as page:
            self.assertIn(b"rollout_model_info", page.read())
        health = re.search(r"health=(\S+)", line)
        assert health is not None
        self.assertEqual(rolloutctl("--server", health[1], "health").returncode, 0)

    def test_a_configuration_is_checked(self) -> None:
        config = self.folder / "server.textproto"
        config.write_text(f'model_repository: "{self.repository}"\nmax_lanes: 100\n')
        done = rolloutd("--config", str(config), "--check-config")
        self.assertEqual((done.returncode, done.stdout), (0, "the configuration is valid\n"), done.stderr)
        config.write_text(f'model_repository: "{self.repository}"\n\nversion_linger: "soon"\n')
        done = rolloutd("--config", str(config), "--check-config")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{config}:3: version_linger", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        config.write_text(f'model_repository: "{self.repository}"\naccess_file: "{self.folder}/none"\n')
        done = rolloutd("--config", str(config), "--check-config")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot be read", done.stderr)
        self.assertIn(f"(from {config}:2: access_file)", done.stderr)
        config.write_text("max_lanes: many\n")
        done = rolloutd("--config", str(config), "--check-config")
        self.assertIn(f"{config}:1:12", done.stderr)

    def test_no_metrics_by_an_empty_word(self) -> None:
        done = rolloutd("--model-repository", str(self.repository), "--metrics-listen=", "--check-config")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_repository_that_goes_and_returns(self) -> None:
        self.start()
        away = self.folder / "away"
        self.repository.rename(away)
        self.repository.mkdir()  # the bare mount point
        wait_until(lambda: "event=repository_unreadable" in self.server.log(), "the log says so")
        self.assertEqual(self.answers(), 3)
        os.rmdir(self.repository)
        publish_model(away, TinyModel(seed=5))
        away.rename(self.repository)
        wait_until(lambda: self.answers() == 4, "a version published meanwhile serves")
        self.assertIn("event=repository_readable_again", self.server.log())


if __name__ == "__main__":
    unittest.main()
