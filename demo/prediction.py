"""Open-loop prediction of served models beside what MuJoCo did: a table, and a picture drawn by gnuplot."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc as triton
from numpy.typing import NDArray

HORIZON = 200
SHOWN = (1, 2, 5, 10, 20, 50, 100, 200)
WINDOW_EVERY = 10  # steps of an episode from one window's start to the next
NO_CHANGE = "no change"
BASELINE_STYLE = "dt 2 lc rgb '#888888'"

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """W stretches of HORIZON transitions."""

    states: Array  # [W, HORIZON + 1, 2n]
    controls: Array  # [W, HORIZON, nu]


def windows(files: list[Path]) -> Windows:
    states, controls = [], []
    for file in files:
        with np.load(file) as episode:
            for start in range(0, len(episode["controls"]) - HORIZON + 1, WINDOW_EVERY):
                states.append(episode["states"][start : start + HORIZON + 1])
                controls.append(episode["controls"][start : start + HORIZON])
    if not states:
        sys.exit(f"demo: no episode is {HORIZON} steps long: is the policy the shipped one?")
    return Windows(np.stack(states), np.stack(controls))


def predict(client: triton.InferenceServerClient, model: str, truth: Windows) -> Array:
    """All windows in one query: trajectories [W, HORIZON + 1, 2n]."""
    inputs = []
    for name, array in (("initial_state", truth.states[:, 0]), ("controls", truth.controls)):
        tensor = triton.InferInput(name, list(array.shape), "FP32")
        tensor.set_data_from_numpy(array.astype(np.float32))
        inputs.append(tensor)
    wanted = [triton.InferRequestedOutput("trajectory")]
    return client.infer(model, inputs, outputs=wanted).as_numpy("trajectory").astype(np.float64)


@dataclass(frozen=True)
class Errors:
    """Normalised errors of one model at exactly step 1 ... HORIZON."""

    rmse: Array  # [HORIZON]: root of the mean over windows and dimensions
    median: Array  # [HORIZON]: of the windows' own root mean squares: not ruled by the few that fall over
    diverged: int  # windows that ended in numbers that are not finite, left out from there on

    @classmethod
    def of(cls, predicted: Array, truth: Array, spec: dict[str, Any]) -> Errors:
        difference = (predicted - truth)[:, 1:]
        angles = spec.get("angular_positions", [])
        # A whole turn is no error.
        difference[..., angles] = np.remainder(difference[..., angles] + np.pi, 2 * np.pi) - np.pi
        squared = np.square(difference / np.array(spec["state_scale"])).mean(axis=2)
        finite = np.isfinite(squared)
        known = np.where(finite, squared, np.nan)
        return cls(
            rmse=np.sqrt(np.nanmean(known, axis=0)),
            median=np.sqrt(np.nanmedian(known, axis=0)),
            diverged=int((~finite[:, -1]).sum()),
        )


def table(errors: dict[str, Errors], truth: Windows) -> str:
    lines = [
        f"normalised error over {len(truth.states)} windows, each of {HORIZON} transitions of 8 ms "
        "(1 = the spread of the training states)",
        "".join([f"{'':8}", *(f"{name:>20}" for name in errors)]),
        "".join([f"{'horizon':8}", f"{'RMSE':>12}{'median':>8}" * len(errors)]),
    ]
    for horizon in SHOWN:
        cells = (f"{error.rmse[horizon - 1]:12.4f}{error.median[horizon - 1]:8.3f}" for error in errors.values())
        lines.append("".join([f"{horizon:7d} ", *cells]))
    lines += [f"{name}: {error.diverged} windows diverged" for name, error in errors.items() if error.diverged]
    return "\n".join(lines)


def remarks(errors: dict[str, Errors]) -> list[str]:
    """What a reader should not have to work out."""
    said = []
    baseline = errors[NO_CHANGE]
    for name, error in errors.items():
        if name == NO_CHANGE:
            continue
        worse = [horizon for horizon in SHOWN if error.rmse[horizon - 1] > baseline.rmse[horizon - 1]]
        if not worse:
            said.append(f'{name} beats "no change" at every horizon shown')
        elif "HNN" in name:
            said.append(
                f'{name} is worse than "no change" at horizons {", ".join(map(str, worse))}: the paper\'s finding '
                "(Gruver et al. 2022, section 5 and Figure 7: HNNs underperform NODEs on MuJoCo's tasks)"
            )
        else:
            said.append(f'{name} is worse than "no change" from {worse[0]} transitions on: plan with shorter horizons')
    return said


def draw(errors: dict[str, Errors], svg: Path) -> None:
    data = svg.with_suffix(".tsv")
    rows = np.column_stack([np.arange(1, HORIZON + 1), *(error.rmse for error in errors.values())])
    np.savetxt(data, rows, delimiter="\t", header="horizon\t" + "\t".join(errors))
    curves = ", ".join(
        f"'{data}' using 1:{column} with lines lw 2 {BASELINE_STYLE if name == NO_CHANGE else ''} title '{name}'"
        for column, name in enumerate(errors, start=2)
    )
    script = f"""
        set terminal svg size 800,450 font 'DejaVu Sans,12' background '#ffffff'
        set output '{svg}'
        set datafile separator tab
        set title 'Hopper under SAC: open-loop prediction against MuJoCo'
        set xlabel 'horizon (transitions of 8 ms)'
        set ylabel 'normalised RMSE'
        set logscale y
        set grid lc rgb '#dddddd'
        set key bottom right
        plot [1:{HORIZON}] {curves}
    """
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="host:port of rolloutd")
    parser.add_argument("--episodes", type=Path, nargs="+", required=True, help=".npz files of states and controls")
    parser.add_argument(
        "--spec", type=Path, required=True, help="rolloutctl models NAME --json: whose state_scale divides"
    )
    parser.add_argument("--svg", type=Path, required=True)
    parser.add_argument("models", nargs="+", metavar="LABEL=MODEL")
    arguments = parser.parse_args()

    truth = windows(arguments.episodes)
    described = json.loads(arguments.spec.read_text())
    spec = next(v["spec"] for v in described["versions"] if v["version"] == described["serving_version"])
    client = triton.InferenceServerClient(arguments.server)
    unchanged = np.broadcast_to(truth.states[:, :1], truth.states.shape)
    errors = {NO_CHANGE: Errors.of(unchanged, truth.states, spec)}
    for pair in arguments.models:
        label, model = pair.split("=", 1)
        errors[label] = Errors.of(predict(client, model, truth), truth.states, spec)
    print(table(errors, truth))
    print("\n".join(remarks(errors)))
    draw(errors, arguments.svg)
    print(f"drawn: {arguments.svg}")


if __name__ == "__main__":
    main()
