"""What a dashboard is made of; pages.py lists them, grafana.py and console.py write them for the program that shows them.

Expressions may hold MODEL (a regular expression of model names that the viewer chooses) and WINDOW (the span of rates).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Query:
    """One PromQL expression; `legend` names its series by {{label}}."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One graph or table. `unit` is one of UNITS; `needs` names what a series needs that not every site has."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    about: str
    kind: str = "lines"  # or "table": the last values
    log: bool = False
    needs: str = ""


@dataclass(frozen=True)
class Page:
    name: str
    title: str
    about: str
    panels: tuple[Panel, ...] = field(default_factory=tuple)


# Ours → Grafana's name of the unit.
UNITS = {
    "s": "s",
    "B": "bytes",
    "1": "none",
    "ratio": "percentunit",
    "requests": "short",
    "requests/s": "reqps",
    "transitions/s": "cps",
    "steps/s": "cps",
    "windows": "short",
    "transitions": "short",
    "lanes": "short",
    "loads": "short",
    "cores": "short",
    "W": "watt",
    "versions": "short",
}

# Marks on every graph: when a version was published. Its value is the time in seconds.
VERSIONS_PUBLISHED = 'rollout_model_published_timestamp_seconds{model=~"MODEL"}'
