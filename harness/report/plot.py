"""The profile plot: one small panel an entry, its profile and 95 % band over everybody else's in light grey. It needs no colour.

All panels share one pair of axes and are shifted within it: sixteen pairs of axes would take longer to draw than a board to score.
"""

import io
import math
from typing import TYPE_CHECKING

import numpy as np

from harness.report.text import span
from harness.score.board import Board, ProfileBands
from harness.score.times import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS, PANELS = 4, 16
WIDTH, HEIGHT = 3.6, 1.62  # from panel to panel, in units of tau and of rho; a panel is 3 wide and 1 high
DPI = 150
OTHERS, BAND, TEXT = "0.75", "0.85", "0.25"
SIZE, SMALLEST = 9.0, 6.0  # of a panel's title, in points
ROOM = 2.8  # for a title, in units of tau: a panel is 3 wide, and letters are not equally wide at every resolution
LEGEND = "black: the entry; grey lines: the other entries; grey area: the entry's 95 % band"


def plot_files(board: Board) -> dict[str, bytes]:
    """`profiles.png` and `profiles.svg` of a board, in rank order; beyond sixteen entries the rest is in profiles.csv alone."""
    from matplotlib import rc_context  # heavy, and needed here only

    with rc_context({"svg.hashsalt": "finishline", "svg.fonttype": "none", "font.size": SIZE}):
        figure = draw(board)
        png, svg = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", dpi=DPI, metadata={"Software": "finishline"})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": "finishline"})
    return {"profiles.png": png.getvalue(), "profiles.svg": svg.getvalue()}


def draw(board: Board) -> "Figure":
    """Draws the figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    entries = board.entries[:PANELS]
    columns = min(COLUMNS, max(2, len(entries)))  # one panel alone would be too narrow for the labels
    rows = math.ceil(len(entries) / columns)
    figure = Figure(figsize=(0.75 * WIDTH * columns + 0.5, 1.6 * HEIGHT * rows + 0.8))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    bottom_edge = -HEIGHT * (rows - 1)
    axes.set(xlim=(-0.6, WIDTH * columns), ylim=(bottom_edge - 0.56, 1.45))
    axes.set_axis_off()
    for s, entry in enumerate(entries):
        left, bottom = WIDTH * (s % columns), -HEIGHT * (s // columns)
        _panel(axes, board.profiles, s, len(entries), left, bottom)
        _title(axes, left, bottom + 1.22, f"{entry.rank}. {entry.submission}")
        axes.text(left, bottom + 1.08, f"score {entry.score:.3f}  {span(entry.interval)}", fontsize=8, color=TEXT)
    middle = 0.45 * WIDTH * columns
    axes.text(middle, bottom_edge - 0.33, "performance ratio τ: time / best time of the workload", ha="center")
    axes.text(middle, bottom_edge - 0.49, LEGEND, ha="center", fontsize=7, color=TEXT)
    axes.text(-0.42, 0.5 + bottom_edge / 2, "share of workloads within τ", ha="center", va="center", rotation=90)
    return figure


def _title(axes: "Axes", left: float, bottom: float, words: str) -> None:
    """Writes a panel's title: smaller where it is wider than the panel, and with its middle left out where that is not enough."""
    text = axes.text(left, bottom, words, fontweight="bold", fontsize=SIZE)
    room = ROOM * axes.transData.get_matrix()[0, 0]
    if (width := text.get_window_extent().width) > room:
        text.set_fontsize(max(SMALLEST, SIZE * room / width))
    kept = len(words)
    while text.get_window_extent().width > room and kept > 2:
        kept -= 1
        text.set_text(f"{words[: (kept + 1) // 2]}…{words[len(words) - kept // 2 :]}")


def _panel(axes: "Axes", bands: ProfileBands, s: int, shown: int, left: float, bottom: float) -> None:
    """Draws entry `s` with its lower left corner at (1, 0) of the profile shifted to (left, bottom)."""
    x = bands.taus_T - 1 + left
    if not np.isnan(bands.low_ST[s]).any():
        low, high = (_steps(x, edge[s] + bottom)[:, :-1] for edge in (bands.low_ST, bands.high_ST))
        axes.fill(*np.hstack([low, high[:, ::-1]]), color=BAND, linewidth=0, zorder=0)
    others = [_steps(x, bands.rho_ST[i] + bottom) for i in range(shown) if i != s]
    if others:
        # one line with gaps draws several times faster than many lines
        axes.plot(*np.concatenate(others, axis=1), color=OTHERS, linewidth=0.7, zorder=1)
    for tau in (1, 2, 3, 4):
        axes.text(left + tau - 1, bottom - 0.06, f"{tau}", ha="center", va="top", fontsize=8, color=TEXT)
    for rho in (0, 0.5, 1) if left == 0 else ():
        axes.text(left - 0.07, bottom + rho, f"{rho:g}", ha="right", va="center", fontsize=8, color=TEXT)
    corner_x, corner_y = [left, left, left + 3], [bottom + 1, bottom, bottom]
    axes.plot(corner_x, corner_y, color="black", linewidth=0.6, zorder=2)
    axes.plot(*_steps(x, bands.rho_ST[s] + bottom), color="black", linewidth=2.0, solid_joinstyle="miter", zorder=3)


def _steps(x_T: Floats, y_T: Floats) -> Floats:
    """The corners of a step function with a gap at its end, [2, corners]: far fewer points than taus."""
    jumps = np.flatnonzero(np.diff(y_T)) + 1
    x = np.concatenate([x_T[:1], np.repeat(x_T[jumps], 2), x_T[-1:], [np.nan]])
    y = np.concatenate([np.repeat(np.append(y_T[:1], y_T[jumps]), 2), [np.nan]])
    return np.stack([x, y])
