"""The tables of docs/performance.md and docs/scaling.md, and the curves, of the figures that are kept beside this file.

``python -m benchmarks.page`` writes them; with the benchmark.json of a run it keeps that run's figures first.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.curves import draw
from benchmarks.load import Spread
from benchmarks.overload import Overload
from benchmarks.report import Engines, Figures, Pile
from benchmarks.scaling.costs import Costs, Operations
from benchmarks.scaling.outcomes import Outcome

DOCS = Path(__file__).parents[1] / "docs"
PAGES = (DOCS / "performance.md", DOCS / "scaling.md")
CURVES = DOCS / "pictures" / "performance.png"
FIGURES = Path(__file__).with_name("figures.json")
OUTCOMES = Path(__file__).with_name("scaling") / "outcomes.json"
NOT_MEASURED = "Not measured yet: a quiet machine is needed.\n"
_PART = re.compile(r"(<!-- figures: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(text: str) -> str:
    """``text`` with every part between ``<!-- figures: … -->`` and ``<!-- end -->`` made again."""
    return _PART.sub(lambda part: f"{part[1]}\n{TABLES[part[2]]()}\n{part[3]}", text)


def performance(figures: Figures) -> str:
    head = (
        f"{figures.cores} cores, load before the run {', '.join(f'{load:.2f}' for load in figures.load)} "
        f"(1, 5 and 15 minutes), {figures.machine}.\n\n"
    )
    piles = [
        (
            f"{pile.images:,} images, {pile.kind}", f"{pile.ratio:.2f}", f"{pile.images_a_second:,.0f}",
            f"{pile.accepted_milliseconds:,.0f} ms", *_seconds(pile.seconds_an_image),
        )
        for pile in figures.piles
    ]  # fmt: skip
    growth = [
        (f"{pile.images:,}", f"{_total(pile) / _total(figures.growth[0]):.2f}", f"{pile.accepted_milliseconds:,.0f} ms")
        for pile in figures.growth
    ]
    workers = [
        (
            f"{number}", f"{pile.images_a_second / figures.workers[1].images_a_second:.2f}",
            f"{pile.ceiling / figures.workers[1].ceiling:.2f}", f"{pile.ratio:.2f}",
        )
        for number, pile in figures.workers.items()
    ]  # fmt: skip
    singles = [
        (
            f"{each.at_once}", f"{each.measured.images_a_second:,.0f}", *_spread(each.measured.milliseconds),
            f"{each.measured.refused}", *_seconds(each.seconds_an_image),
        )
        for each in figures.singles
    ]  # fmt: skip
    beside = figures.beside
    small = [(what, *_spread(spread)) for what, spread in beside.milliseconds.items()] if beside else []
    cpu = ("web, µs", "worker, µs", "Redis, µs")
    return head + "\n".join(
        (
            _table(("pile", "of the ceiling", "images a second", "accepted after", *cpu), piles),
            _by_engine(figures.engines),
            _table(("worker processes", "times one", "the engine alone, times one", "of the ceiling"), workers),
            _table(("images of a job", "cost of an image, times that in the smallest", "accepted after"), growth),
            _table(("single images at once", "a second", "p50", "p99", "503", *cpu), singles),
            _table((f"beside jobs of {beside.images:,} images" if beside else "", "p50", "p99"), small),
            _overloaded(figures.overload),
        )
    )


def _by_engine(found: Engines | None) -> str:
    if found is None:
        return ""
    rows = [(what, f"{found.times_keras(rate):.2f}", f"{rate:,.0f}") for what, rate in found.rates]
    return _table((f"{found.images:,} images, {found.kind}", "times Keras", "images a second"), rows)


def _overloaded(found: Overload | None) -> str:
    if found is None:
        return ""
    rows = [
        ("one job after the other", "", *_spread(found.alone)),
        ("accepted, until done", f"{found.accepted}", *_spread(found.accepted_milliseconds)),
    ]
    if found.refused_milliseconds is not None:
        rows.append(("refused", f"{found.refused}", *_spread(found.refused_milliseconds)))
    return _table((f"jobs of {found.images:,} images, {found.times:g} times the load", "jobs", "p50", "p99"), rows)


def costs(measured: Costs) -> str:
    rows = [
        (
            (Operations.model_fields[name].description or "").rstrip("."), f"{operation.microseconds:,.0f}",
            f"{operation.bytes_in:,.0f}", f"{operation.bytes_out:,.0f}",
        )
        for name, operation in measured.operations
    ]  # fmt: skip
    return _table(("what is asked of Redis", "µs of its thread", "bytes in", "bytes out"), rows) + (
        f"\n{measured.server}, {measured.processor}, {measured.cores} cores, Linux {measured.machine}, "
        f"load {', '.join(f'{load:.1f}' for load in measured.load)}. The least of five rounds.\n"
    )


def simulated(found: Sequence[Outcome]) -> str:
    """One table for each kind of load."""
    tables = []
    for what, kind in dict.fromkeys((each.what, each.kind) for each in found):
        rows = [
            (
                f"{each.workers}", f"{each.offered:,.0f}", f"{each.images_a_second:,.0f}", f"{each.redis:.0%}",
                _short(each.milliseconds.get(1)), _short(each.milliseconds.get(10_000)),
                _short(each.milliseconds.get(1_000_000)), f"{each.gigabytes_kept:,.0f} GB",
            )
            for each in found
            if (each.what, each.kind) == (what, kind)
        ]  # fmt: skip
        head = ("workers", "offered", "images a second", "Redis busy", "1 image", "10,000", "1,000,000", "kept")
        tables.append(f"{what[0].upper()}{what[1:]}, {kind}:\n\n{_table(head, rows)}")
    return "\n".join(tables)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Nothing where there are no rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _short(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return f"{_time(spread.p50)} / {_time(spread.p99)}"


def _time(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,.1f} s"


def _spread(spread: Spread) -> tuple[str, str]:
    return f"{spread.p50:.1f} ms", f"{spread.p99:.1f} ms"


def _seconds(seconds: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(f"{1e6 * seconds.get(kind, 0.0):,.0f}" for kind in ("web", "worker", "redis"))


def _total(pile: Pile) -> float:
    return sum(pile.seconds_an_image.values())


def _kept_figures() -> str:
    return performance(Figures.model_validate_json(FIGURES.read_text())) if FIGURES.exists() else NOT_MEASURED


TABLES: Mapping[str, Callable[[], str]] = {
    "measured": _kept_figures,
    "costs": lambda: costs(Costs.read()),
    "outcomes": lambda: simulated(TypeAdapter(list[Outcome]).validate_json(OUTCOMES.read_text())),
}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        shutil.copyfile(sys.argv[1], FIGURES)
    for path in PAGES:
        path.write_text(page(path.read_text()))
    draw(Figures.model_validate_json(FIGURES.read_text()), CURVES)
