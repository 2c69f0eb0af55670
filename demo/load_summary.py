"""Says how many of the demo's queries were answered and how many failed; fails where one did."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("load", type=Path, help="what rolloutctl bench --json printed")
    load = json.loads(parser.parse_args().load.read_text())
    failed = sum(load["failures"].values())
    print(
        f"{load['requests']} queries answered, {failed} failed; p50 {1e3 * load['p50_seconds']:.1f} ms, "
        f"p99 {1e3 * load['p99_seconds']:.1f} ms, {load['transitions_per_second']:.0f} transitions/s"
    )
    if failed or not load["requests"]:
        sys.exit(f"demo: queries failed while a version was published: {load['failures']}")


if __name__ == "__main__":
    main()
