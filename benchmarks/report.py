"""The figures of a run, as a table with the ratios first."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Mapping

from pydantic import BaseModel, Field

from benchmarks.finished import Finished
from benchmarks.load import Bulk, Singles, Spread
from benchmarks.overload import Overload
from benchmarks.scaling.outcomes import Outcome


class Pile(BaseModel):
    """Jobs of one pile. Seconds and operations are those of the last of them; megabytes are the most so far."""

    kind: str
    images: int
    service: list[Bulk]
    ceiling_images_a_second: list[float] = []
    seconds_an_image: dict[str, float]
    operations_an_image: dict[str, float]
    megabytes: dict[str, list[float]]
    finished: Finished | None = None

    @property
    def images_a_second(self) -> float:
        return statistics.median(run.images_a_second for run in self.service)

    @property
    def accepted_milliseconds(self) -> float:
        return statistics.median(run.accepted_milliseconds for run in self.service)

    @property
    def ceiling(self) -> float:
        """Images a second of the same engine in process, as a median."""
        return statistics.median(self.ceiling_images_a_second)

    @property
    def ratio(self) -> float:
        """The service's rate as a share of the ceiling's."""
        return self.images_a_second / self.ceiling


class SinglesAtOnce(BaseModel):
    at_once: int
    measured: Singles
    seconds_an_image: dict[str, float]
    operations_an_image: dict[str, float]


class Beside(BaseModel):
    """Small requests beside large jobs."""

    images: int
    images_a_second: float
    milliseconds: dict[str, Spread]


class EngineCeiling(BaseModel):
    """What one engine makes of a pile in process."""

    engine: str
    precision: str
    by_hand: bool = False
    """read with Pillow, and as it is"""
    images_a_second: list[float]

    @property
    def name(self) -> str:
        return f"{self.engine} {self.precision}, {'by hand' if self.by_hand else 'in process'}"

    @property
    def median(self) -> float:
        return statistics.median(self.images_a_second)


class Engines(BaseModel):
    """One pile by every engine in process, Keras by hand first, and by the service with the engine that it chose."""

    kind: str
    images: int
    service: list[Bulk]
    ceilings: list[EngineCeiling]

    @property
    def images_a_second(self) -> float:
        """of the service"""
        return statistics.median(run.images_a_second for run in self.service)

    @property
    def rates(self) -> list[tuple[str, float]]:
        """Images a second by what each is called; the service last."""
        found = [(each.name, each.median) for each in self.ceilings]
        return [*found, ("the service", self.images_a_second)]

    def times_keras(self, images_a_second: float) -> float:
        return images_a_second / self.ceilings[0].median


def _load() -> tuple[float, float, float]:
    return os.getloadavg()


class Figures(BaseModel):
    """What a run measured, on which machine; ``load`` are the averages of 1, 5 and 15 minutes at its start."""

    machine: str = Field(default_factory=platform.platform)
    cores: int = Field(default_factory=lambda: os.cpu_count() or 1)
    load: tuple[float, float, float] = Field(default_factory=_load)
    piles: list[Pile] = []
    engines: Engines | None = None
    workers: dict[int, Pile] = {}
    growth: list[Pile] = []
    steps: dict[str, dict[str, float]] = {}
    """Microseconds of processor time of a worker process an image, by kind of image and by step."""
    singles: list[SinglesAtOnce] = []
    beside: Beside | None = None
    overload: Overload | None = None
    scaling: list[Outcome] = []


def lines(figures: Figures) -> list[str]:
    """The table, by parts; what was not measured is left out."""
    return [
        *(f"service / ceiling   {pile.ratio:5.2f}   {_what(pile)}" for pile in figures.piles),
        *_engines(figures.engines),
        *_workers(figures.workers),
        *_growth(figures.growth),
        *_finished(figures.growth),
        *_steps(figures.steps),
        *_singles(figures.singles),
        *_beside(figures.beside),
        *_overload(figures.overload),
        *_piles(figures.piles),
        *_scaling(figures.scaling),
        f"{figures.cores} cores, load {' '.join(f'{load:.2f}' for load in figures.load)}, {figures.machine}",
    ]


def _what(pile: Pile) -> str:
    return f"{pile.images:,} images, {pile.kind}"


def _engines(engines: Engines | None) -> list[str]:
    if engines is None:
        return []
    return [
        f"{engines.times_keras(rate):5.2f} times Keras   {rate:9,.0f} a second   {what}, {engines.images:,} images"
        for what, rate in engines.rates
    ]


def _workers(workers: Mapping[int, Pile]) -> list[str]:
    if not workers:
        return []
    one = workers[1]
    return [
        f"{number} worker processes  {pile.images_a_second / one.images_a_second:5.2f} times one   "
        f"the engine alone {pile.ceiling / one.ceiling:.2f} times one   ceiling ratio {pile.ratio:.2f}"
        for number, pile in workers.items()
    ]


def _growth(growth: list[Pile]) -> list[str]:
    first = sum(growth[0].seconds_an_image.values()) if growth else 0.0
    return [
        f"cost of an image    {sum(pile.seconds_an_image.values()) / first:5.2f} times that in {growth[0].images:,}   "
        f"{pile.images:,} images, accepted after {pile.accepted_milliseconds:,.0f} ms"
        for pile in growth
    ]


def _finished(growth: list[Pile]) -> list[str]:
    return [
        f"{pile.images:>9,} images done   {pile.images / pile.images_a_second:,.1f} s to the last row   "
        f"Redis {done.rows_bytes:.1f} B of rows and {done.plan_bytes:.1f} B of plan an image   "
        f"page 1 {done.first_page_milliseconds:.0f} ms, last {done.last_page_milliseconds:.0f} ms   "
        f"CSV {done.csv_rows_a_second:,.0f} rows a second   deleted in {done.delete_milliseconds:.0f} ms   "
        f"{_most(pile)}"
        for pile in growth
        if (done := pile.finished) is not None
    ]


def _steps(steps: Mapping[str, Mapping[str, float]]) -> list[str]:
    return [
        f"{kind} in a worker   {sum(found.values()):.0f} µs: "
        + ", ".join(f"{step} {value:.1f}" for step, value in found.items())
        for kind, found in steps.items()
    ]


def _most(pile: Pile) -> str:
    most = ", ".join(f"{kind} {' '.join(f'{each:.0f}' for each in values)}" for kind, values in pile.megabytes.items())
    return f"most megabytes: {most}"


def _singles(singles: list[SinglesAtOnce]) -> list[str]:
    return [
        f"single images       {each.measured.images_a_second:7,.0f} a second   {_spread(each.measured.milliseconds)}   "
        f"{each.at_once} at once, {each.measured.refused} refused   "
        f"{_costs(each.seconds_an_image, each.operations_an_image)}"
        for each in singles
    ]


def _beside(beside: Beside | None) -> list[str]:
    if beside is None:
        return []
    head = f"beside jobs of {beside.images:,} images, done at {beside.images_a_second:,.0f} a second:"
    return [head, *(f"  {what:<28} {_spread(spread)}" for what, spread in beside.milliseconds.items())]


def _overload(found: Overload | None) -> list[str]:
    if found is None:
        return []
    refused = f", refused after {_spread(found.refused_milliseconds)}" if found.refused_milliseconds else ""
    return [
        f"{found.times:g} times what is carried ({found.carried_images_a_second:,.0f} images a second), in jobs of "
        f"{found.images:,}: {found.accepted} accepted, {found.refused} refused",
        f"  done after {_spread(found.accepted_milliseconds)}; alone {_spread(found.alone)}{refused}",
    ]


def _scaling(outcomes: list[Outcome]) -> list[str]:
    return [
        f"simulated           {each.images_a_second:9,.0f} a second by {each.workers} workers, Redis busy "
        f"{each.redis:.0%}   {each.what}, {each.kind}"
        for each in outcomes
    ]


def _piles(piles: list[Pile]) -> list[str]:
    found = []
    for pile in piles:
        found += [
            f"{_what(pile)}:",
            f"  {pile.images_a_second:,.0f} a second by the service, {pile.ceiling:,.0f} without it; "
            f"accepted after {pile.accepted_milliseconds:,.0f} ms",
            f"  {_costs(pile.seconds_an_image, pile.operations_an_image)}",
            f"  {_most(pile)}",
        ]
    return found


def _costs(seconds: Mapping[str, float], operations: Mapping[str, float]) -> str:
    parts = [f"{kind} {1e6 * value:.0f} µs" for kind, value in seconds.items()]
    return ", ".join(parts + [f"{value:.2g} {what}" for what, value in operations.items()])


def _spread(spread: Spread) -> str:
    return f"p50 {spread.p50:.1f} ms  p99 {spread.p99:.1f} ms"
