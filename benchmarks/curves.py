"""The curves of a run as one picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report import Figures


def draw(figures: Figures, path: Path) -> None:
    """Write a PNG: single images by how many come at once, and the cost of an image by the size of its job."""
    picture = Figure(figsize=(11, 4), layout="constrained")
    left, right = picture.subplots(1, 2)
    _singles(left, figures)
    _growth(right, figures)
    picture.savefig(path, dpi=120)


def _singles(axes: Axes, figures: Figures) -> None:
    at_once = [each.at_once for each in figures.singles]
    axes.set(xlabel="single images at once", ylabel="images a second", title="Single images, Prefer: wait")
    axes.plot(at_once, [each.measured.images_a_second for each in figures.singles], "o-", color="tab:blue")
    times = axes.twinx()
    times.set(ylabel="milliseconds (dashed: p50, dotted: p99)")
    times.plot(at_once, [each.measured.milliseconds.p50 for each in figures.singles], "--", color="tab:red")
    times.plot(at_once, [each.measured.milliseconds.p99 for each in figures.singles], ":", color="tab:red")
    axes.set_xscale("log", base=2)


def _growth(axes: Axes, figures: Figures) -> None:
    sizes = [pile.images for pile in figures.growth]
    kinds = sorted({kind for pile in figures.growth for kind in pile.seconds_an_image})
    for kind in kinds:
        costs = [1e6 * pile.seconds_an_image.get(kind, 0.0) for pile in figures.growth]
        axes.plot(sizes, costs, "o-", label=kind)
    axes.set(xlabel="images of the job", ylabel="processor µs per image", title="Cost of an image")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    if kinds:
        axes.legend()
