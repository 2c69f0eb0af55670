"""What the programs say of their options with --help: each in words, and docs/commands.md says the same."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from processes import BIN

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs" / "commands"))
from make_page import PROGRAMS, ROOT, Help, page, read_help

EVERY_PROGRAM = [*PROGRAMS, "rolloutd", "rollout-bench"]


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / program, *arguments], capture_output=True, text=True, timeout=600)


class CommandLinesTest(unittest.TestCase):
    def test_every_option_has_a_help_text(self) -> None:
        silent, count = [], 0
        for program in EVERY_PROGRAM:
            own = read_help(BIN / program)
            helps: dict[str, Help] = {program: own}
            helps |= {f"{program} {name}": read_help(BIN / program, name) for name in own.subcommands}
            for command, text in helps.items():
                count += len(text.options)
                silent += [f"{command} {option.name}" for option in text.options if not option.description]
        self.assertEqual(silent, [])
        self.assertGreater(count, 150)

    def test_the_page_is_what_the_programs_say(self) -> None:
        self.assertEqual(page(BIN), (ROOT / "docs" / "commands.md").read_text(), "run docs/commands/make_page.py")

    def test_wrong_command_lines_are_one_line_and_status_2(self) -> None:
        for program in PROGRAMS:
            for arguments, reason in (
                (["levitate"], '"levitate" is no subcommand'),
                ([], "subcommand is required"),
                (["--no-such-option"], "--no-such-option"),
            ):
                with self.subTest(program=program, arguments=arguments):
                    done = run(program, *arguments)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                    self.assertTrue(done.stderr.startswith(f"{program}: "), done.stderr)
                    self.assertIn(reason, done.stderr)

    def test_experiments_refuse_inputs_that_are_not_there_and_print_json(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory())
        pages = f"--docs={folder}/pages"
        for arguments, reason in (
            ([f"--results={folder}/none"], "no such folder"),
            ([f"--results={folder}"], "holds no runs"),
            ([f"--claims={folder}", f"--results={folder}"], "no such file; expected a page of claims"),
        ):
            done = run("rollout-experiments", "report", pages, *arguments)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(reason, done.stderr)
            self.assertEqual(list(Path(folder).rglob("*.svg")), [])
        listed = json.loads(run("rollout-experiments", "list", "--json").stdout)
        self.assertIn("greydanus-table", [one["experiment"] for one in listed])


if __name__ == "__main__":
    unittest.main()
