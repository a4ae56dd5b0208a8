"""The profile plot: one small panel an entry, its profile and 95 % band over everybody else's in light grey. It needs no colour."""

import io
import math

import numpy as np

from harness.report.text import span
from harness.score.board import Board

COLUMNS, PANELS = 4, 16
DPI = 150
OTHERS, BAND = "0.78", "0.86"


def plot_files(board: Board) -> dict[str, bytes]:
    """`profiles.png` and `profiles.svg` of a board, in rank order; beyond sixteen entries the rest is in profiles.csv alone."""
    # heavy, and needed here only
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    bands, entries = board.profiles, board.entries[:PANELS]
    columns = min(COLUMNS, len(entries))
    rows = math.ceil(len(entries) / columns)
    with rc_context({"svg.hashsalt": "finishline", "svg.fonttype": "none", "font.size": 9, "axes.linewidth": 0.6}):
        figure = Figure(figsize=(max(2.7 * columns, 5.0) + 0.4, 2.3 * rows + 0.7))
        FigureCanvasAgg(figure)
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for s, (axes, entry) in enumerate(zip(panels, entries, strict=False)):
            if not np.isnan(bands.low_ST[s]).any():
                axes.fill_between(bands.taus_T, bands.low_ST[s], bands.high_ST[s], step="post", color=BAND, linewidth=0, zorder=0)
            others = np.delete(bands.rho_ST[: len(entries)], s, axis=0)
            # one line with gaps draws several times faster than many lines
            gaps = np.full((len(others), 1), np.nan)
            taus = np.tile(np.append(bands.taus_T, np.nan), len(others))
            axes.plot(taus, np.hstack([others, gaps]).ravel(), drawstyle="steps-post", color=OTHERS, linewidth=0.7, zorder=1)
            axes.plot(bands.taus_T, bands.rho_ST[s], drawstyle="steps-post", color="black", linewidth=2.0, zorder=2)
            axes.set_title(f"{entry.rank}. {entry.submission}", loc="left", fontsize=9, fontweight="bold", pad=15)
            axes.text(0.0, 1.03, f"score {entry.score:.3f}  {span(entry.interval)}", transform=axes.transAxes, fontsize=8, color="0.25")
            axes.spines[["top", "right"]].set_visible(False)
            axes.set(xlim=(1, 4), ylim=(0, 1.03), xticks=(1, 2, 3, 4), yticks=(0, 0.5, 1))
            axes.tick_params(labelbottom=s + columns >= len(entries), left=s % columns == 0, length=2.5)
        for axes in panels[len(entries) :]:
            axes.set_axis_off()
        figure.subplots_adjust(left=0.62 / figure.get_figwidth(), right=0.985, bottom=0.55 / figure.get_figheight())
        figure.subplots_adjust(top=1 - 0.45 / figure.get_figheight(), wspace=0.12, hspace=0.42)
        figure.supxlabel("performance ratio τ (time / best time of the workload)", fontsize=9, y=0.06 / figure.get_figheight())
        figure.supylabel("share of workloads within τ", fontsize=9, x=0.1 / figure.get_figwidth())
        png, svg = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", dpi=DPI, metadata={"Software": "finishline"})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": "finishline"})
    return {"profiles.png": png.getvalue(), "profiles.svg": svg.getvalue()}
