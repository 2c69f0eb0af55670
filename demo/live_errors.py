"""The prediction error of two versions of a model as the server's metrics page tells it."""

from __future__ import annotations

import argparse
import re
import sys
import urllib.request

GAUGE = re.compile(r"^rollout_prediction_error\{(?P<labels>[^}]*)\} (?P<value>\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')


def errors(page: str, model: str) -> dict[str, dict[int, float]]:
    """Normalised RMSE by version and horizon."""
    found: dict[str, dict[int, float]] = {}
    for line in page.splitlines():
        match = GAUGE.match(line)
        if match is None:
            continue
        labels = dict(LABEL.findall(match["labels"]))
        if labels["model"] == model:
            found.setdefault(labels["version"], {})[int(labels["horizon"])] = float(match["value"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", required=True, help="host:port of rolloutd's metrics")
    parser.add_argument("--model", required=True)
    parser.add_argument("--old", required=True, help="version")
    parser.add_argument("--new", required=True, help="version")
    arguments = parser.parse_args()
    with urllib.request.urlopen(f"http://{arguments.metrics}/metrics", timeout=10) as answer:
        found = errors(answer.read().decode(), arguments.model)
    old, new = found.get(arguments.old, {}), found.get(arguments.new, {})
    shared = sorted(set(old) & set(new))
    if not shared:
        sys.exit(f"demo: /metrics has no prediction error of both versions, only of {sorted(found)}")
    print(f"horizon   version {arguments.old:>3}   version {arguments.new:>3}   new / old")
    for horizon in shared:
        print(f"{horizon:7d} {old[horizon]:13.4f} {new[horizon]:13.4f} {new[horizon] / old[horizon]:11.2f}")


if __name__ == "__main__":
    main()
