"""The C++ client library as a user has it: installed into a folder, found by CMake from outside of the tree."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from processes import BIN, Rolloutd

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


class ClientLibraryTest(unittest.TestCase):
    def run_here(self, *command: str | Path) -> str:
        # Nothing of this build's own environment helps.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CMAKE_")}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=1000)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_the_query_of_the_readme_builds_outside_of_the_tree_and_is_answered(self) -> None:
        prefix = self.folder / "prefix"
        self.run_here("cmake", "--install", BIN.parent, "--component", "dev", "--prefix", prefix)
        (query,) = blocks(ROOT / "README.md", "cpp")
        (project,) = blocks(ROOT / "docs" / "clients.md", "cmake")
        with Rolloutd(ROOT / "models" / "pretrained") as server:
            program = f"""
                #include <cstdio>
                #include <vector>

                #include "client/client.h"

                int main() {{
                  const std::vector<float> state(12, 0.0f), controls(256 * 50 * 3, 0.1f);
                  {query.replace("127.0.0.1:8001", server.address)}
                  std::printf("%s\\n", result.ok() ? "answered" : result.status().ToString().c_str());
                }}"""
            (self.folder / "query.cc").write_text(program)
            (self.folder / "CMakeLists.txt").write_text(project)
            self.run_here("cmake", "-G", "Ninja", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}")
            self.run_here("cmake", "--build", "build")
            self.assertEqual(self.run_here(self.folder / "build" / "query"), "answered\n")


if __name__ == "__main__":
    unittest.main()
