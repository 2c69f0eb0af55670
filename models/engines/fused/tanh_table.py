"""Fits tanh_table.h: tanh(x) by a polynomial of degree 4 on each of 16 intervals of [0, 7.5).

The intervals are four to an octave of |x| + 1/2, so that a number's own bits are its interval's
index. Each polynomial is the minimax one (Lawson's reweighted least squares); the first has no
constant term, so that tanh is odd and accurate near 0.

Usage: python3 tanh_table.py   (needs numpy; prints the table and the errors)
"""

import numpy as np
from numpy.typing import NDArray

INTERVALS_PER_OCTAVE = 4
DEGREE = 4
SHIFT = 0.5
FIRST_BITS = int(np.float32(SHIFT).view(np.uint32)) >> 21

Array = NDArray[np.float64]


def fit(low: float, high: float) -> tuple[Array, float]:
    """Coefficients [DEGREE + 1] on [low, high), and the largest error."""
    nodes = 2000
    angle = np.pi * (np.arange(nodes) + 0.5) / nodes
    x = (low + high) / 2 + (high - low) / 2 * np.cos(angle)
    powers = np.arange(1 if low == 0 else 0, DEGREE + 1)
    basis = (x[:, None] / high) ** powers
    weight = np.full(nodes, 1 / nodes)
    best, best_error = np.zeros(len(powers)), np.inf
    for _ in range(60):
        root = np.sqrt(weight)
        solution = np.linalg.lstsq(basis * root[:, None], np.tanh(x) * root, rcond=None)[0]
        residual = np.abs(basis @ solution - np.tanh(x))
        if residual.max() < best_error:
            best, best_error = solution, float(residual.max())
        weight = weight * residual
        weight /= weight.sum()
    coefficients = np.zeros(DEGREE + 1)
    coefficients[powers] = best / high**powers
    return coefficients, best_error


def main() -> None:
    table = np.zeros((DEGREE + 1, 16))
    for octave in range(4):
        for part in range(INTERVALS_PER_OCTAVE):
            scale = SHIFT * 2**octave
            low = scale * (1 + part / INTERVALS_PER_OCTAVE) - SHIFT
            high = scale * (1 + (part + 1) / INTERVALS_PER_OCTAVE) - SHIFT
            row = (FIRST_BITS + octave * INTERVALS_PER_OCTAVE + part) % 16
            table[:, row], error = fit(low, high)
            print(f"// [{low:.4g}, {high:.4g}): {error:.1e}")
    print("alignas(64) inline constexpr float kTanhCoefficients[5][16] = {")
    for coefficients in table:
        print("    {" + ", ".join(f"{np.float32(c):.9g}f" for c in coefficients) + "},")
    print("};")


if __name__ == "__main__":
    main()
