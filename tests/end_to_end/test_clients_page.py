"""Every snippet of docs/clients.md, run as it stands against a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from processes import BIN, Rolloutd

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
# What the page's first command serves.
REPOSITORY = PAGE.parents[1] / "models" / "pretrained"
# Built from the page's C++ snippet, see CMakeLists.txt.
CPP_EXAMPLE = Path(os.environ.get("ROLLOUT_CLIENT_EXAMPLE", BIN.parent / "tests" / "client_page_example"))


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


class ClientsPageTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.server = self.enterContext(Rolloutd(REPOSITORY))

    def run_here(self, *command: str | Path, text: str = "") -> str:
        """Runs `command` on `text` with the page's addresses replaced by this server's."""
        text = text.replace("127.0.0.1:8001", self.server.address).replace(
            "127.0.0.1:8002", self.server.metrics_address
        )
        environment = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ROLLOUTCTL_SERVER": self.server.address,
        }
        done = subprocess.run(
            [*command, *([text] if text else [])],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        self.assertEqual(done.returncode, 0, f"{text}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_serves_what_the_page_says(self) -> None:
        self.assertIn("\nrolloutd --model-repository models/pretrained\n", PAGE.read_text())

    def test_python_then_shell(self) -> None:
        first, second = snippets("python")
        self.assertRegex(self.run_here(sys.executable, "-c", text=first), r"^version 1: lane \d+ gets to x = ")
        self.run_here(sys.executable, "-c", text=second)
        printed = [self.run_here("sh", "-euc", text=text) for text in snippets("sh")]
        self.assertEqual(len(printed), 6)
        self.assertIn("NODE_SO", printed[0])
        self.assertIn("hopper-so version 1: 1 lane of 100 transitions", printed[1])
        self.assertTrue((self.folder / "prediction.json").stat().st_size > 0)
        self.assertIn("100 of 100 transitions", printed[2])
        self.assertIn("bare echo", printed[3])
        self.assertIn("SERVING", printed[3])
        self.assertIn('"final_state"', printed[4])
        self.assertIn("[stable]", printed[4])
        self.assertIn("controls_gradient", (self.folder / "gradient.json").read_text())
        self.assertIn("with respect to the controls", printed[5])
        self.assertIn("at step 0 of 5", printed[5])

    def test_cpp(self) -> None:
        printed = self.run_here(CPP_EXAMPLE, self.server.address)
        self.assertRegex(printed, r"^version 1: lane 0 gets to x = ")


if __name__ == "__main__":
    unittest.main()
