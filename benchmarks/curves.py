"""The curves of a run as one picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.report import Figures


def draw(figures: Figures, path: Path) -> None:
    """Write a PNG: single images by how many come at once, the cost of an image by the size of its job, what is asked
    of jobs when they are done, and the steps of a worker process; what was not measured is left empty."""
    picture = Figure(figsize=(11, 8), layout="constrained")
    (above, above_right), (below, below_right) = picture.subplots(2, 2)
    panels: tuple[tuple[Axes, Callable[[Axes, Figures], None], object], ...] = (
        (above, _singles, figures.singles),
        (above_right, _growth, figures.growth),
        (below, _finished, figures.growth),
        (below_right, _steps, figures.steps),
    )
    for axes, panel, measured in panels:
        if measured:
            panel(axes, figures)
        else:
            axes.set_axis_off()
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


def _finished(axes: Axes, figures: Figures) -> None:
    found = [(pile.images, pile.finished) for pile in figures.growth if pile.finished is not None]
    sizes = [images for images, _ in found]
    axes.plot(sizes, [done.first_page_milliseconds for _, done in found], "o-", label="first page")
    axes.plot(sizes, [done.last_page_milliseconds for _, done in found], "o-", label="last page")
    axes.plot(sizes, [done.delete_milliseconds for _, done in found], "o-", label="deletion")
    axes.set(xlabel="images of the job", ylabel="milliseconds", title="Asked of a job that is done")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.legend()


def _steps(axes: Axes, figures: Figures) -> None:
    """One bar for each kind of image, of shares: a scan takes many times what a small image takes."""
    names = dict.fromkeys(step for found in figures.steps.values() for step in found)
    kinds = [f"{kind}, {sum(found.values()):,.0f} µs" for kind, found in figures.steps.items()]
    ends = [0.0] * len(kinds)
    for name in names:
        shares = [100 * found.get(name, 0.0) / sum(found.values()) for found in figures.steps.values()]
        axes.barh(kinds, shares, left=ends, label=name)
        ends = [end + share for end, share in zip(ends, shares, strict=True)]
    axes.set(xlabel="% of the processor time of an image in a worker process", title="Where the time goes")
    if names:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
