"""The prediction error of two versions of a model as the server's metrics page tells it."""

from __future__ import annotations

import argparse
import re
import sys
import urllib.request

GAUGE = re.compile(r"^(?P<name>rollout_prediction_(?:error|skill))\{(?P<labels>[^}]*)\} (?P<value>\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')


def gauges(page: str, name: str, model: str) -> dict[str, dict[int, float]]:
    """The values of a gauge by version and horizon."""
    found: dict[str, dict[int, float]] = {}
    for line in page.splitlines():
        match = GAUGE.match(line)
        if match is None or match["name"] != name:
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
        page = answer.read().decode()
    errors = gauges(page, "rollout_prediction_error", arguments.model)
    skill = gauges(page, "rollout_prediction_skill", arguments.model).get(arguments.new, {})
    old, new = errors.get(arguments.old, {}), errors.get(arguments.new, {})
    shared = sorted(set(old) & set(new))
    if not shared:
        sys.exit(f"demo: /metrics has no prediction error of both versions, only of {sorted(errors)}")
    print(f"horizon   version {arguments.old:>3}   version {arguments.new:>3}   new / old   skill of the new one")
    for horizon in shared:
        ratio = new[horizon] / old[horizon]
        known = f"{skill[horizon]:.3f}" if horizon in skill else "-"
        print(f"{horizon:7d} {old[horizon]:13.4f} {new[horizon]:13.4f} {ratio:11.2f} {known:>22}")
    print('skill: 1 = exact, 0 = no better than "no change"; below 0: plan with shorter horizons')


if __name__ == "__main__":
    main()
