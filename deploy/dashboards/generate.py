"""Writes every dashboard for Grafana and for Prometheus' consoles: python3 deploy/dashboards/generate.py [--check]."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from console import console
from grafana import dashboard
from pages import PAGES

DEPLOY = Path(__file__).parents[1]


def files() -> dict[Path, str]:
    written = {}
    for page in PAGES:
        text = json.dumps(dashboard(page), indent=2, ensure_ascii=False) + "\n"
        written[DEPLOY / "grafana" / "dashboards" / f"{page.name}.json"] = text
        written[DEPLOY / "prometheus" / "consoles" / f"rollout-{page.name}.html"] = console(page, PAGES)
    return written


def main(arguments: list[str]) -> int:
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in stale:
            print(f"{path} is not what deploy/dashboards makes: run python3 deploy/dashboards/generate.py")
        return 1 if stale else 0
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
