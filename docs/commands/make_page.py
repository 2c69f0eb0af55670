#!/usr/bin/env python3
"""Writes docs/commands.md from what the programs themselves print with --help.

Usage: docs/commands/make_page.py [FOLDER_OF_PROGRAMS [PAGE]]
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ["rolloutctl", "rollout-trainer", "rollout-experiments"]
DESCRIPTIONS_BEGIN = 30  # the column in which CLI11 writes them
# Defaults that are the machine's.
OF_THE_MACHINE = {"--threads": "its cores"}

INTRODUCTION = """\
# Command lines

Every option of `rolloutctl`, `rollout-trainer` and `rollout-experiments`, as the programs say them with `--help`; those of
`rolloutd` are in [operations](operations.md). This page is written by [make_page.py](commands/make_page.py), and a test holds it
against the programs:

    docs/commands/make_page.py build/release/bin

Errors are one line on stderr. The exit status is 0 for what was done, 1 for a failure, 2 for a command line that is wrong;
`--json` prints JSON for programs.
"""


@dataclass
class Option:
    """One line of a --help: an option, an argument or a subcommand."""

    name: str  # "--episodes"
    value: str  # "INT, at least 1"; empty for a flag
    default: str
    notes: list[str]  # "required", "excludes --json", the environment's variable
    description: str


@dataclass
class Help:
    """What a program or one of its subcommands prints with --help."""

    description: str = ""
    usage: str = ""
    options: list[Option] = field(default_factory=list)
    subcommands: list[str] = field(default_factory=list)


def entries(lines: list[str]) -> list[tuple[str, str]]:
    """Head and description of each entry of a section; a description may go on over further lines."""
    found: list[tuple[str, str]] = []
    for i, line in enumerate(lines):
        if line.startswith(" " * DESCRIPTIONS_BEGIN):
            head, description = found[-1]
            found[-1] = (head, f"{description} {line.strip()}".strip())
            continue
        # A head that reaches the column has its description on the next line.
        head, _, description = line.strip().partition("  ")
        goes_on = i + 1 < len(lines) and lines[i + 1].startswith(" " * DESCRIPTIONS_BEGIN)
        if not description and not goes_on:
            head, description = line[:DESCRIPTIONS_BEGIN].strip(), line[DESCRIPTIONS_BEGIN:]
        found.append((head, description.strip()))
    return found


def parse_option(head: str, description: str) -> Option:
    """An option from the head of its entry, such as "--episodes INT:at least 1=100 Excludes: --json"."""
    notes = []
    if variable := re.search(r" \(Env:(\w+)\)", head):
        notes.append(f"or the environment's `{variable[1]}`")
        head = head.replace(variable[0], "")
    for word in ("Needs", "Excludes"):
        if others := re.search(rf" {word}:((?: --\S+)+)", head):
            notes.append(f"{word.lower()} " + ", ".join(f"`{name}`" for name in others[1].split()))
            head = head.replace(others[0], "")
    if " REQUIRED" in head:
        notes.insert(0, "required")
        head = head.replace(" REQUIRED", "")
    name, _, rest = head.partition(" ")
    several = rest.endswith("...")
    kind = re.fullmatch(r"(\w*)(?::(.*?))?(?:=(.*))?", rest.removesuffix("...").strip())
    if kind is None:  # a type name of the program's own
        return Option(name, rest, "", notes, description)
    bounds = re.sub(r"^(INT|FLOAT|UINT) in ", "", kind[2] or "").replace("{", "").replace("}", "")
    value = ", ".join(part for part in (kind[1], bounds) if part) + (" …" if several else "")
    return Option(name, value, OF_THE_MACHINE.get(name, kind[3] or ""), notes, description)


def read_help(program: Path, *subcommand: str) -> Help:
    done = subprocess.run([program, *subcommand, "--help"], capture_output=True, text=True, check=True)
    sections: dict[str, list[str]] = {"": []}
    section = ""
    for line in done.stdout.splitlines():
        if title := re.fullmatch(r"(\S[^:]*):", line):
            section = title[1]
            sections[section] = []
        elif line.strip():
            sections[section].append(line)
    result = Help()
    top = sections.pop("")
    result.description = " ".join(line for line in top if not line.startswith("Usage: "))
    result.usage = next(line.removeprefix("Usage: ") for line in top if line.startswith("Usage: "))
    for name, lines in sections.items():
        for head, description in entries(lines):
            if name == "Subcommands":
                result.subcommands.append(head)
            elif not head.startswith("-h,"):
                result.options.append(parse_option(head, description))
    return result


def cell(text: str) -> str:
    return text.replace("|", r"\|")


def table(options: list[Option]) -> list[str]:
    lines = ["| | default | |", "|---|---|---|"]
    for one in options:
        name = f"`{one.name} {one.value}`" if one.value else f"`{one.name}`"
        default = f"`{one.default}`" if one.default and one.name not in OF_THE_MACHINE else one.default
        text = one.description + (f" ({'; '.join(one.notes)})" if one.notes else "")
        lines.append(f"| {cell(name)} | {cell(default)} | {cell(text)} |")
    return lines


def program_section(folder: Path, program: str) -> list[str]:
    own = read_help(folder / program)
    lines = [f"## {program}", "", own.description, "", *table(own.options), ""]
    for name in own.subcommands:
        command = read_help(folder / program, name)
        lines += [f"### {program} {name}", "", f"{command.description}.", ""]
        if command.options:
            lines += [*table(command.options), ""]
    return lines


def page(folder: Path) -> str:
    """The page about the programs in `folder`."""
    lines = [INTRODUCTION]
    for program in PROGRAMS:
        lines += program_section(folder, program)
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Writes the page whole or not at all."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "release" / "bin"
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "docs" / "commands.md"
    unfinished = target.with_name(target.name + ".new")
    unfinished.write_text(page(folder))
    os.replace(unfinished, target)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
