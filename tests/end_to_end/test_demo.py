"""The demo leaves nothing behind when it is interrupted. (That it ends well is for `make demo`: it takes minutes.)"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from processes import BIN, PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).parents[2]


def processes_of_session(session: int) -> list[str]:
    """Command lines of what runs in a session, zombies left out."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            # After the name in parentheses: state, parent, process group, session.
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split() if folder.name.isdigit() else []
            if fields and int(fields[3]) == session and fields[0] != "Z":
                found.append((folder / "cmdline").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return found


class DemoTest(unittest.TestCase):
    def interrupt(self, number: int, status: int, when: str) -> None:
        """Sends the signal once the demo's file `when` is there."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "demo"
            environment = {**os.environ, "ROLLOUT_BIN": str(BIN), "ROLLOUT_DEMO_OUT": str(out)}
            demo = subprocess.Popen(
                [ROOT / "demo" / "run"],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            wait_until(lambda: (out / when).exists(), f"the demo makes {when}")
            # As the terminal does it: to everything in the foreground.
            os.killpg(demo.pid, number)
            printed, _ = demo.communicate(timeout=PATIENCE_SECONDS)
            self.assertEqual(demo.returncode, status, printed)
            self.assertEqual(processes_of_session(demo.pid), [])

    def test_ctrl_c_ends_the_server(self) -> None:
        self.interrupt(signal.SIGINT, 130, when="address")

    def test_terminating_ends_the_server(self) -> None:
        self.interrupt(signal.SIGTERM, 143, when="address")

    def test_ctrl_c_ends_a_training_and_its_queries(self) -> None:
        self.interrupt(signal.SIGINT, 130, when="queries.log")


if __name__ == "__main__":
    unittest.main()
