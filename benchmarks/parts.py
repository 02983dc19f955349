"""The parts of a run. Each starts what it measures, in turns with the ceiling where there is one to compare with."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ceiling import Ceiling
from benchmarks.finished import finished
from benchmarks.load import Bulk, beside, bulk, singles
from benchmarks.overload import overload
from benchmarks.pictures import Kind, pile
from benchmarks.processes import Costs, per_image
from benchmarks.report import Beside, EngineCeiling, Engines, Figures, Pile, SinglesAtOnce
from benchmarks.steps import steps
from digitmill.embedded.stack import Stack, running_stack
from digitmill.errors import CannotStart
from digitmill.models.choice import KERAS, OPENVINO_BF16, OPENVINO_F32, OPENVINO_INT8
from digitmill.settings import Settings


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured; numbers of images, but for the rounds."""

    rounds: int
    piles: tuple[tuple[Kind, int], ...]
    growth: tuple[int, ...]
    singles: int
    at_once: tuple[int, ...]
    large: int
    overload: tuple[int, float]
    """Images of a job, and seconds."""


FULL = Sizes(
    rounds=5,
    piles=((Kind.SMALL, 10_000), (Kind.SMALL, 100_000), (Kind.SCAN, 5_000), (Kind.JPEG, 5_000)),
    growth=(1_000, 10_000, 100_000),
    singles=2_000,
    at_once=(1, 4, 16, 64, 256),
    large=100_000,
    overload=(1_000, 10.0),
)
QUICK = Sizes(
    rounds=1,
    piles=((Kind.SMALL, 300), (Kind.SCAN, 50), (Kind.JPEG, 50)),
    growth=(100, 300),
    singles=60,
    at_once=(1, 8),
    large=5_000,
    overload=(50, 1.0),
)
MILLION = 1_000_000
CHOICES = (
    (KERAS, True), (KERAS, False), (OPENVINO_F32, False), (OPENVINO_BF16, False), (OPENVINO_INT8, False),
)  # fmt: skip
"""Engines, and whether the pile is read by hand. The first is what a short script would do: the others are told as
multiples of it."""
OVERLOAD = 4.0
WAITING_JOBS = 4
"""Past so many jobs' worth of images in the queue, the overloaded service refuses more."""


class Run:
    """Measures in ``folder``; ``say`` hears what goes on."""

    def __init__(self, folder: Path, sizes: Sizes, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._sizes = sizes
        self._say = say

    def bulk(self, figures: Figures) -> None:
        """Piles of every kind, and what they cost each process."""
        for kind, images in self._sizes.piles:
            figures.piles.append(self._against_ceiling(kind, images))

    def engines(self, figures: Figures) -> None:
        """The service with the engine that it chooses, in turns with what every engine makes of the pile in process."""
        kind, images = self._sizes.piles[0]
        with self._service() as (settings, stack), ExitStack() as opened:
            source = self._pile(settings, kind, images)
            ceilings = [(found, opened.enter_context(one)) for found, one in self._ceilings(settings, source)]
            bulk(stack.url, source)  # warms it up
            self._say(f"{images:,} images, {kind}, by every engine…")
            service = []
            for _ in range(self._sizes.rounds):
                for found, ceiling in ceilings:
                    found.images_a_second.append(ceiling.images_a_second())
                service.append(bulk(stack.url, source))
        figures.engines = Engines(
            kind=kind.value, images=images, service=service, ceilings=[found for found, _ in ceilings]
        )

    def _ceilings(self, settings: Settings, source: Path) -> Iterator[tuple[EngineCeiling, Ceiling]]:
        """Those that this machine has, nothing measured yet."""
        for (engine, precision), by_hand in CHOICES:
            chosen = settings.model_copy(update={"engine": engine, "precision": precision})
            found = EngineCeiling(engine=engine, precision=precision, by_hand=by_hand, images_a_second=[])
            try:
                yield found, Ceiling(chosen, source, by_hand=by_hand)
            except CannotStart as error:
                self._say(f"{found.name} is left out: {error.detail}")

    def singles(self, figures: Figures) -> None:
        with self._service() as (settings, stack):
            source = self._pile(settings, Kind.SMALL, 100)
            singles(stack.url, source, images=20, at_once=1)
            costs = Costs(settings)
            for at_once in self._sizes.at_once:
                self._say(f"Single images, {at_once} at once…")
                seconds, operations = costs.seconds(), costs.operations()
                measured = singles(stack.url, source, images=self._sizes.singles, at_once=at_once)
                figures.singles.append(
                    SinglesAtOnce(
                        at_once=at_once,
                        measured=measured,
                        seconds_an_image=per_image(seconds, costs.seconds(), self._sizes.singles),
                        operations_an_image=per_image(operations, costs.operations(), self._sizes.singles),
                    )
                )

    def beside(self, figures: Figures) -> None:
        with self._service() as (settings, stack):
            small, big = (self._pile(settings, Kind.SMALL, images) for images in (100, self._sizes.large))
            self._say(f"Small requests beside jobs of {self._sizes.large:,} images…")
            milliseconds, rate = beside(stack.url, small, big, jobs=self._sizes.rounds)
        figures.beside = Beside(images=self._sizes.large, images_a_second=rate, milliseconds=milliseconds)

    def overload(self, figures: Figures) -> None:
        images, seconds = self._sizes.overload
        with self._service(max_queued_images=WAITING_JOBS * images) as (settings, stack):
            source = self._pile(settings, Kind.SMALL, images)
            bulk(stack.url, source)
            self._say(f"{OVERLOAD:g} times more jobs than can be carried…")
            figures.overload = overload(stack.url, source, images=images, times=OVERLOAD, seconds=seconds)

    def growth(self, figures: Figures) -> None:
        """The same service, job after job, each larger than the last, and what is asked of each when it is done."""
        with self._service() as (settings, stack):
            costs = Costs(settings)
            bulk(stack.url, self._pile(settings, Kind.SMALL, self._sizes.growth[0]))
            for images in self._sizes.growth:
                source = self._pile(settings, Kind.SMALL, images)
                self._say(f"One job of {images:,}…")
                pile = self._measured(costs, stack, source, images, Kind.SMALL)
                done = finished(stack.url, costs, images)
                figures.growth.append(pile.model_copy(update={"finished": done, "megabytes": costs.memory()}))

    def steps(self, figures: Figures) -> None:
        """Where the time of a worker process goes."""
        settings = self._own_settings(self._folder)
        for kind in Kind:
            source = self._pile(settings, kind, min(self._sizes.large, settings.chunk_images))
            self._say(f"The steps of a chunk, {kind}…")
            figures.steps[kind.value] = steps(settings, source, self._sizes.rounds)

    def workers(self, figures: Figures) -> None:
        kind, images = self._sizes.piles[0]
        for processes in sorted({1, os.cpu_count() or 1}):
            figures.workers[processes] = self._against_ceiling(kind, images, processes)

    def _against_ceiling(self, kind: Kind, images: int, processes: int | None = None) -> Pile:
        changes = {} if processes is None else {"worker_concurrency": processes}
        with self._service(**changes) as (settings, stack):
            source = self._pile(settings, kind, images)
            with Ceiling(settings, source) as ceiling:
                bulk(stack.url, source)  # warms both up
                self._say(f"{images:,} images, {kind}, {settings.worker_concurrency} worker processes…")
                costs = Costs(settings)
                rounds = [
                    (ceiling.images_a_second(), self._measured(costs, stack, source, images, kind))
                    for _ in range(self._sizes.rounds)
                ]
        last = rounds[-1][1]
        return last.model_copy(
            update={
                "ceiling_images_a_second": [rate for rate, _ in rounds],
                "service": [run for _, measured in rounds for run in measured.service],
            }
        )

    def _measured(self, costs: Costs, stack: Stack, source: Path, images: int, kind: Kind) -> Pile:
        seconds, operations = costs.seconds(), costs.operations()
        run: Bulk = bulk(stack.url, source)
        return Pile(
            kind=kind.value,
            images=images,
            service=[run],
            seconds_an_image=per_image(seconds, costs.seconds(), images),
            operations_an_image=per_image(operations, costs.operations(), images),
            megabytes=costs.memory(),
        )

    @contextmanager
    def _service(self, **changes: object) -> Iterator[tuple[Settings, Stack]]:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            settings = self._own_settings(Path(folder)).model_copy(update=changes)
            with running_stack(settings, self._say) as stack:
                yield settings, stack

    def _own_settings(self, var: Path) -> Settings:
        own = {"var": var, "port": 0, "redis_url": None, "web_threads": 2 * max(self._sizes.at_once)}
        return Settings.load().model_copy(update=own)

    def _pile(self, settings: Settings, kind: Kind, images: int) -> Path:
        path = self._folder / f"{kind.name.lower()}-{images}.zip"
        if not path.exists():
            self._say(f"Drawing {images:,} images, {kind}…")
            pile(settings, path, images, kind)
        return path
