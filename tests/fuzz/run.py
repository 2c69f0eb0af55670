#!/usr/bin/env python3
"""Fuzzes every parser of outside bytes for so many seconds of CPU time each (needs clang-16).

    tests/fuzz/run.py [--cpu-seconds 600] [--jobs 2] [--results FILE] [HARNESS ...]

New inputs and findings go to build/fuzz. A finding ends the run; once it is mended, its input belongs into
tests/fuzz/corpus/<harness>/. The results say of each harness what its last run without a finding was.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests/fuzz/corpus"
PRESET = ROOT / "build/asan"
OUTPUT = ROOT / "build/fuzz"
# Debian's protobuf and Abseil are not instrumented: containers that cross into them look overflowed when they are not.
ENVIRONMENT = {"ASAN_OPTIONS": "detect_container_overflow=0"}


class FindingError(Exception):
    """A harness ended by itself: a crash, a hang or too much memory."""


def build(harnesses: list[str]) -> None:
    subprocess.run(["cmake", "--preset", "asan"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    targets = [f"fuzz_{harness}" for harness in harnesses]
    subprocess.run(["cmake", "--build", PRESET, "--target", *targets], check=True)


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Of all threads of a running process, user and system."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def last_number(pattern: str, log: str) -> int:
    return int(re.findall(pattern, log)[-1])


def fuzz(harness: str, seconds: float, built: str) -> dict[str, int | float | str]:
    inputs, findings = OUTPUT / "inputs" / harness, OUTPUT / "findings" / harness
    temporary = OUTPUT / "temporary" / harness
    for folder in (inputs, findings, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    log = OUTPUT / f"{harness}.log"
    command = [
        PRESET / "fuzz" / f"fuzz_{harness}",
        # Wall time of one input: a busy machine may stand still for minutes.
        *("-timeout=600", "-rss_limit_mb=2048", "-max_len=65536", "-print_final_stats=1"),
        f"-artifact_prefix={findings}/",
        *(inputs, CORPUS / harness),
    ]
    environment = {**os.environ, **ENVIRONMENT, "TMPDIR": str(temporary)}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=OUTPUT, env=environment, stdout=output, stderr=output)
        used = 0.0
        while process.poll() is None and used < seconds:
            time.sleep(1.0)
            used = cpu_seconds(process)  # a process that has ended is still there until poll has seen it
        process.send_signal(signal.SIGUSR1)  # libFuzzer ends with 0; a process that is gone gets none
        code = process.wait()
    text = log.read_text(errors="replace")
    if code != 0 or used < seconds:
        tail = "\n".join(text.splitlines()[-40:])
        raise FindingError(f"{tail}\n{harness}: FOUND after {used:.0f} CPU seconds, see {findings} and {log}")
    return {
        "cpu_seconds": round(used),
        "executions": last_number(r"stat::number_of_executed_units: *(\d+)", text),
        "coverage_edges": last_number(r"cov: (\d+)", text),
        "findings": 0,
        "commit": built,
    }


def commit() -> str:
    """What was built, "+" where files differ from it."""
    described = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=10", "--dirty=+", "--exclude=*"]
    return subprocess.run(described, check=True, capture_output=True, text=True).stdout.strip()


def write_result(file: Path, harness: str, result: dict[str, int | float | str]) -> None:
    results = json.loads(file.read_text()) if file.exists() else {}
    results[harness] = result
    file.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n")


def main() -> int:
    there = sorted(folder.name for folder in CORPUS.iterdir())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu-seconds", type=float, default=600)
    parser.add_argument("--jobs", type=int, default=2, help="harnesses at a time")
    parser.add_argument("--results", type=Path, default=OUTPUT / "results.json")
    parser.add_argument("harness", nargs="*", help=f"of {', '.join(there)}; none = all")
    arguments = parser.parse_args()
    if unknown := set(arguments.harness) - set(there):
        parser.error(f"no harness {', '.join(sorted(unknown))}; there are {', '.join(there)}")
    harnesses = arguments.harness or there
    build(harnesses)
    built = commit()
    found = False
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = {pool.submit(fuzz, harness, arguments.cpu_seconds, built): harness for harness in harnesses}
        for future in concurrent.futures.as_completed(running):
            try:
                result = future.result()
            except FindingError as finding:
                print(finding, file=sys.stderr)
                found = True
                continue
            write_result(arguments.results, running[future], result)
            told = f"{result['executions']:,} executions in {result['cpu_seconds']} CPU seconds"
            print(f"{running[future]}: {told}, {result['coverage_edges']} edges, no finding", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
