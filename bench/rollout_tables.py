"""Writes the rows of rollout-bench's JSON as tables in Markdown.

python bench/rollout_tables.py docs/results/rollout-bench.json                              # to standard output
python bench/rollout_tables.py docs/results/rollout-bench.json --update docs/performance.md  # between its markers
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]
BEGIN, END = "<!-- tables: bench/rollout_tables.py -->", "<!-- end of tables -->"


def table(header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def comparable(rows: list[Row]) -> list[Row]:
    """Of each cell the rows of the run with most engines, the latest of these, and of other runs the engines that it lacks.

    Each row gets `fused`, our engine's row of the same run, to be compared with.
    """
    keys = ("kind", "pass", "horizon", "substeps", "width", "depth", "batch")
    runs: dict[tuple[Any, ...], dict[int, list[Row]]] = {}
    for row in rows:
        runs.setdefault(tuple(row[key] for key in keys), {}).setdefault(row["run"], []).append(row)
    chosen: dict[tuple[Any, ...], Row] = {}
    for key, cell in runs.items():
        for run in sorted(cell, key=lambda run: (-len(cell[run]), -run)):
            fused = {row["threads"]: row for row in cell[run] if row["engine"] == "fused"}
            for row in cell[run]:
                chosen.setdefault((*key, row["engine"], row["threads"]), {**row, "fused": fused.get(row["threads"])})
    return list(chosen.values())


def ours(row: Row) -> str:
    note = (
        f", {row['timed_transitions']} of {row['horizon']} timed" if row["timed_transitions"] < row["horizon"] else ""
    )
    return f"{number(row['ms'])} ({number(row['median_ms'])}{note})"


def share(row: Row) -> str:
    median = row["percent_of_peak"] * row["ms"] / row["median_ms"]
    return f"{row['percent_of_peak']:.1f} ({median:.1f})"


def peer(row: Row | None) -> str:
    if row is None:
        return ""
    fused = row["fused"]
    if fused is None:
        return f"{number(row['ms'])} ({number(row['median_ms'])})"
    best, median = row["ms"] / fused["ms"], row["median_ms"] / fused["median_ms"]
    return f"{number(row['ms'])} ({number(row['median_ms'])}) · {number(best)}x ({number(median)}x)"


def cells(rows: list[Row], kind: str, what: str, horizon: int, substeps: int) -> str:
    chosen = [
        row
        for row in rows
        if (row["kind"], row["pass"], row["horizon"], row["substeps"]) == (kind, what, horizon, substeps)
        and (row["width"], row["depth"]) == (128, 2)
    ]
    by_cell: dict[tuple[int, int], dict[str, Row]] = {}
    for row in chosen:
        by_cell.setdefault((row["threads"], row["batch"]), {})[row["engine"]] = row
    peers = sorted({row["engine"] for row in chosen} - {"fused"})
    lines = []
    for (threads, batch), engines in sorted(by_cell.items()):
        fused = engines.get("fused")
        if fused is None:
            continue
        figures = [f"{fused['transitions_per_second']:.3g}", f"{fused['gflops']:.0f}", share(fused)]
        lines.append([str(threads), str(batch), ours(fused), *figures, *[peer(engines.get(p)) for p in peers]])
    if not lines:
        return ""
    header = ["threads", "B", "fused: ms", "transitions/s", "GFLOP/s", "% of peak", *peers]
    return f"\n**{kind}, {what}, {horizon} x {substeps}**\n\n" + table(header, lines)


def alone(rows: list[Row]) -> str:
    lines = [
        [
            row["kind"],
            f"{row['horizon']} x {row['substeps']}",
            ours(row),
            f"{number(row['streaming_ms'])} ({number(row['median_streaming_ms'])})",
            f"{row['ms'] / row['streaming_ms']:.2f} ({row['median_ms'] / row['median_streaming_ms']:.2f})",
            f"{row['cycles_per_substep']:.0f}",
        ]
        for row in rows
        if (row["engine"], row["batch"], row["threads"], row["pass"]) == ("fused", 1, 1, "forward")
        and (row["width"], row["depth"]) == (128, 2)
    ]
    header = ["kind", "T", "ms", "weights streamed: ms", "ratio", "cycles a substep"]
    return "\n**One lane, one thread**\n\n" + table(header, lines)


def scaling(rows: list[Row]) -> str:
    chosen = [
        row
        for row in rows
        if (row["engine"], row["kind"], row["pass"], row["horizon"]) == ("fused", "NODE_SO", "forward", 200)
    ]
    batches = sorted({(row["batch"], row["threads"]) for row in chosen if row["width"] != 128})
    shapes = sorted({(row["depth"], row["width"]) for row in chosen})
    found = {(row["depth"], row["width"], row["batch"], row["threads"]): row for row in chosen}
    lines = []
    for depth, width in shapes:
        figures = [found.get((depth, width, *batch)) for batch in batches]
        if any(figures):
            text = [f"{row['ms']:.3g} · {row['percent_of_peak']:.0f}%" if row else "" for row in figures]
            lines.append([str(depth), str(width), *text])
    header = ["hidden layers", "width", *[f"B = {batch}, {threads} thr." for batch, threads in batches]]
    return "\n**NODE_SO forward, 200 x 8, by width and depth: best ms · % of peak**\n\n" + table(header, lines)


def tables(rows: list[Row]) -> str:
    rows = comparable(rows)
    text = alone(rows)
    for horizon, substeps in ((200, 8), (30, 1)):
        for what in ("forward", "gradient"):
            for kind in ("NODE_SO", "HNN", "NODE", "MECHANICS"):
                text += cells(rows, kind, what, horizon, substeps)
    return text + scaling(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", type=pathlib.Path)
    parser.add_argument("--update", type=pathlib.Path, help="page whose text between the markers is replaced")
    arguments = parser.parse_args()
    text = tables(json.loads(arguments.json.read_text()))
    if arguments.update is None:
        print(text)
        return
    page = arguments.update.read_text()
    if BEGIN not in page or END not in page:
        sys.exit(f"{arguments.update} has no line {BEGIN} or {END}")
    before, rest = page.split(BEGIN, 1)
    arguments.update.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


if __name__ == "__main__":
    main()
