#!/usr/bin/env python3
"""Runs tests of the whole server under the thread sanitizer, as far as an uninstrumented gRPC lets one tell.

    tests/tsan/server_tests.py BUILD [--filter GTEST_FILTER] PROGRAM ...

A report counts where the place that it names lies in our sources; what gRPC synchronises out of the sanitizer's
sight is named in the C++ library's or gRPC's headers. Every report is in BUILD/tsan-reports/PROGRAM.<pid>. First comes
a control, callback_races.cc: a race in a handler must be reported, what is handed over must not.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUMMARY = re.compile(r"^SUMMARY: ThreadSanitizer: .*$", re.MULTILINE)


def reports(program: Path, folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """The exit status of a program and the summaries of everything that was reported."""
    name = "-".join([program.name, *(a for a in arguments if not a.startswith("--"))])
    options = [
        f"suppressions={ROOT / 'tests/tsan/grpc.supp'}",
        f"log_path={folder / name}",
        *("ignore_noninstrumented_modules=1", "exitcode=0", "halt_on_error=0"),
    ]
    environment = {**os.environ, "TSAN_OPTIONS": " ".join(options)}
    code = subprocess.run([program, *arguments], cwd=ROOT, env=environment, check=False).returncode
    texts = (file.read_text(errors="replace") for file in sorted(folder.glob(f"{name}.*")))
    return code, [summary for text in texts for summary in SUMMARY.findall(text)]


def in_our_sources(summary: str) -> bool:
    return any(place in summary for place in (f"{ROOT}/", " ../", " ./"))


def control_fails(tests: Path, folder: Path) -> bool:
    """Whether a race in a handler stays unseen, or what is handed over is reported."""
    failed = False
    for mode, races in (("shared", True), ("handed-over", False)):
        code, summaries = reports(tests / "callback_races", folder, mode)
        ours = [summary for summary in summaries if in_our_sources(summary)]
        right = code == 0 and bool(ours) == races
        print(f"control, {mode}: {len(ours)} reports in our sources{'' if right else ': WRONG'}", flush=True)
        failed |= not right
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--filter", default="*")
    parser.add_argument("program", nargs="+")
    arguments = parser.parse_args()
    folder = arguments.build.resolve() / "tsan-reports"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tests = arguments.build.resolve() / "tests"
    failed = control_fails(tests, folder)
    for name in arguments.program:
        code, summaries = reports(tests / name, folder, f"--gtest_filter={arguments.filter}", "--gtest_brief=1")
        ours = [summary for summary in summaries if in_our_sources(summary)]
        print(f"{name}: exit status {code}, {len(summaries)} reports, {len(ours)} of them in our sources", flush=True)
        for summary in sorted(set(ours)):
            print(f"  {summary}", flush=True)
        failed |= code != 0 or bool(ours)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
