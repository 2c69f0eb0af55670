#!/usr/bin/env python3
"""Writes docs/results.md from the raw results beside this script: one JSON file for each fit.

Usage: docs/results/make_page.py [PAGE]
"""

import json
import os
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

KINDS = ["NODE", "NODE_SO", "HNN"]
BASELINES = ["linear", "no change", "constant velocity"]
# Options of a fit that differ from those of the others, which introduction.md names.
VARIED = ["--hidden-sizes", "--integrator", "--substeps", "--window-states", "--learning-rate", "--init"]
USUAL = {"--learning-rate": "2e-3"}
NAMES = {"NODE": "NODE", "NODE_SO": "NODE+SO", "HNN": "HNN (with force)"}


def number(value: float | None) -> str:
    """Three significant digits, or a dash for what does not exist."""
    return "-" if value is None else f"{value:.3g}"


def variant(result: dict[str, Any]) -> str:
    """The options of a fit that are not those of the introduction."""
    words = result["command"].split()
    given = {option: words[words.index(option) + 1] for option in VARIED if option in words}
    return " ".join(f"{option} {value}" for option, value in given.items() if USUAL.get(option) != value)


def label(result: dict[str, Any]) -> str:
    """What tells one fit of a system from the others."""
    name = f"{NAMES[result['kind']]}, {result['steps']} steps, seed {result['seed']}"
    return f"{name} (`{variant(result)}`)" if variant(result) else name


def predictor(result: dict[str, Any], name: str) -> dict[str, Any]:
    """The entry of one predictor in a result."""
    return next(entry for entry in result["predictors"] if entry["name"] == name)


def horizon(entry: dict[str, Any], steps: int) -> dict[str, Any]:
    """The errors of one predictor at one horizon."""
    return next(error for error in entry["horizons"] if error["horizon"] == steps)


def row(cells: list[str]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def error_rows(label: str, entry: dict[str, Any]) -> list[str]:
    """Mean and median of one predictor over horizons, with what was lost."""
    errors = entry["horizons"]
    means = [label, "mean", *(number(e["nrmse"]) for e in errors)]
    medians = [label, "median", *(number(e["median"]) for e in errors)]
    lost = ", ".join(f"{e['non_finite']} at {e['horizon']}" for e in errors if e["non_finite"])
    means += [str(entry["useful_horizon"]), lost or "0"]
    return [row(means), row([*medians, "", ""])]


def system_table(results: list[dict[str, Any]]) -> list[str]:
    """The table of one system: every fit and the baselines."""
    first = results[0]
    errors = predictor(first, "model")["horizons"]
    header = ["", "", *(f"h = {e['horizon']}" for e in errors), "useful horizon", "non-finite windows"]
    lines = [row(header), row(["---"] * len(header))]
    for result in results:
        lines += error_rows(label(result), predictor(result, "model"))
    for name in BASELINES:
        lines += error_rows(name, predictor(first, name))
    counts = [str(e["windows"] + e["non_finite"]) for e in errors]
    lines.append(row(["windows", "", *counts, "", ""]))
    return lines


def ratio_table(results: list[dict[str, Any]]) -> list[str]:
    """Squared errors at horizon 10 against the two baselines that matter."""
    lines = [
        row(["model", '"no change" / model', "linear / model"]),
        row(["---", "---", "---"]),
    ]
    for result in results:
        model = horizon(predictor(result, "model"), 10)["nrmse"]
        cells = [label(result)]
        for name in ["no change", "linear"]:
            baseline = horizon(predictor(result, name), 10)["nrmse"]
            cells.append("-" if not model else f"{(baseline / model) ** 2:.3g}")
        lines.append(row(cells))
    return lines


def test_mse_table(results: list[dict[str, Any]]) -> list[str]:
    """The paper's 200-step test error."""
    lines = [
        row(["model", "mean", "median over steps", "median over windows", "windows", "non-finite"]),
        row(["---"] * 6),
    ]
    for result in results:
        entry = predictor(result, "model")["test_mse_200"]
        lines.append(
            row(
                [
                    label(result),
                    number(entry["mean"]),
                    number(entry["median_over_steps"]),
                    number(entry["median_over_windows"]),
                    str(entry["windows"]),
                    str(entry["non_finite"]),
                ]
            )
        )
    return lines


def equal_steps(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The fits of the largest number of steps that every kind has."""
    usual = [r for r in results if not variant(r)]
    steps = [{r["steps"] for r in usual if r["kind"] == kind} for kind in KINDS]
    common = set.intersection(*steps)
    return [r for r in usual if common and r["steps"] == max(common)]


def ordering(results: list[dict[str, Any]], figure: str) -> str:
    """The kinds from best to worst by the mean over seeds of one figure of the test error."""
    means = {}
    for kind in KINDS:
        values = [predictor(r, "model")["test_mse_200"][figure] for r in results if r["kind"] == kind]
        if values:
            lost = any(value is None for value in values)
            means[kind] = float("inf") if lost else sum(values) / len(values)
    ranked = sorted(means, key=means.__getitem__)
    return " < ".join(f"{NAMES[kind]} ({number(means[kind])})" for kind in ranked)


def ordering_lines(results: list[dict[str, Any]]) -> list[str]:
    """The ordering of figure 7 among fits of equal length."""
    equal = equal_steps(results)
    if not equal:
        return ["No number of steps was fitted with every kind, so there is no ordering."]
    seeds = len({r["seed"] for r in equal})
    return [
        f"Ordering at equal optimiser steps ({equal[0]['steps']}), mean over {seeds} seeds, best first: "
        f"{ordering(equal, 'mean')} by the mean; {ordering(equal, 'median_over_steps')} by the median over steps.",
    ]


def system_section(title: str, results: list[dict[str, Any]]) -> list[str]:
    """Everything about the fits of one system to one set of episodes."""
    results.sort(key=lambda r: (KINDS.index(r["kind"]), -r["steps"], r["seed"]))
    first = results[0]
    lines = [
        f"## {title}",
        "",
        f"{first['training_episodes']} training episodes ({first['training_transitions']} transitions), "
        f"{first['held_out_episodes']} held out, {first['windows']} windows of up to 200 transitions. "
        f"Optimiser steps are of {first['batch']} windows.",
        "",
        "Normalised RMSE of open-loop prediction:",
        "",
        *system_table(results),
        "",
        "Normalised mean squared error at horizon 10, baseline over model (above 1 = the model is better):",
        "",
        *ratio_table(results),
        "",
        "Test error of Gruver et al. (2022), figure 7: ((predicted - observed) / standard deviation of the "
        "training states)² over 200 steps.",
        "",
        *test_mse_table(results),
        "",
        *ordering_lines(results),
        "",
        "Commands:",
        "",
        "```",
        *(r["command"] for r in results),
        "```",
        "",
    ]
    return lines


def heading(system: str, episodes: int, several: bool) -> str:
    """The title of one system's section; with its episodes where another section has others."""
    return f"{system}, {episodes:,} episodes" if several else system


def read_fits(folder: Path) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """The results of fits (other benchmarks lie beside them), by system and number of episodes."""
    by_data: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*-seed*.json")):
        result = json.loads(path.read_text())
        episodes = result["training_episodes"] + result["held_out_episodes"]
        by_data.setdefault((result["system"], episodes), []).append(result)
    return by_data


def links_from_above(text: str, folder: str) -> str:
    """`text`, whose relative links start in `folder`, for a page one folder above."""
    return re.sub(r"\]\(([^):#]+)\)", lambda link: f"]({posixpath.normpath(posixpath.join(folder, link[1]))})", text)


def page(folder: Path) -> str:
    """The page about the fits in `folder`."""
    by_data = read_fits(folder)
    if not by_data:
        raise FileNotFoundError(f"{folder}: no results of fits (*-seed*.json)")
    intro = links_from_above((folder / "introduction.md").read_text().rstrip(), folder.name)
    lines = [intro, ""]
    systems = [system for system, _ in by_data]
    for system, episodes in sorted(by_data, key=lambda data: (data[0], -data[1])):
        title = heading(system, episodes, systems.count(system) > 1)
        lines += system_section(title, by_data[system, episodes])
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Writes the page whole or not at all."""
    folder = Path(__file__).resolve().parent
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else folder.with_suffix(".md")
    unfinished = target.with_name(target.name + ".new")
    unfinished.write_text(page(folder))
    os.replace(unfinished, target)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
