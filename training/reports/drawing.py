"""How the pictures of a report look: one style, colours for all kinds of eyes, the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito, "Color Universal Design", 2008, but for the red, which is darker than the green for every eye
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#B2182B", "#666666"

STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
}


@contextmanager
def picture(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches, 100 pixels each, saved as PNG to ``path`` at the end.

    It neither depends on the user's own settings of matplotlib nor holds a date.
    """
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        yield figure
        figure.savefig(path, metadata={"Software": None})
