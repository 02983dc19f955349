"""Which loads are simulated, and what comes of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from pydantic import BaseModel

from benchmarks.load import Spread, spread
from benchmarks.scaling.costs import Costs, Engine
from benchmarks.scaling.simulation import (
    BLOB_SECONDS,
    FREQUENCIES,
    SIZES,
    Scenario,
    Simulation,
    Tally,
    chunk_images,
    chunk_seconds,
    gathered_seconds,
)
from digitmill.settings import Settings

WORKERS = (1, 10, 100, 300)
OFTEN = 0.8
"""Share of what the workers can do that is offered to them."""
BILLION_A_DAY = 1e9 / 86400
PEAK = 3
CHUNKS = 30_000
"""About so many are simulated, but for no less than five minutes and no more than two hours."""
LEAST_SECONDS, MOST_SECONDS = 300.0, 7200.0
PILES = "piles alone"
MIXED = "mixed"


class Outcome(BaseModel):
    """One load. ``images_a_second`` were answered of those ``offered``; ``redis`` is the share of its time in which
    Redis worked. Spreads are from the POST to the last row, by images of a job."""

    what: str
    kind: str
    workers: int
    offered: float
    images_a_second: float
    redis: float
    milliseconds: dict[int, Spread]
    refused: int
    failures: int
    gigabytes_kept: float
    """that Redis holds of this load once it has lasted for ``expires_in``, without tombstones"""


def outcomes(costs: Costs, say: Callable[[str], None]) -> list[Outcome]:
    settings, costs = Settings(), costs.as_in_a_service()
    small, scan = costs.engines
    found = []
    for what, sizes, frequencies in ((MIXED, SIZES, FREQUENCIES), (PILES, SIZES[1:], FREQUENCIES[1:])):
        for engine in (scan, small):
            for workers in WORKERS:
                offered = OFTEN * workers * capacity(costs, engine, sizes, frequencies, settings)
                scenario = Scenario(workers, offered, 0, engine, sizes=sizes, frequencies=frequencies)
                found.append(outcome(f"{what}, {OFTEN:.0%} of what the workers can do", scenario, costs, settings))
                say(f"{found[-1].what}, {engine.kind}, {workers} workers")
    for what, offered in (("a billion a day", BILLION_A_DAY), (f"{PEAK} times that", PEAK * BILLION_A_DAY)):
        found.append(outcome(what, Scenario(100, offered, 0, scan), costs, settings))
        say(what)
    return found


def outcome(what: str, scenario: Scenario, costs: Costs, settings: Settings) -> Outcome:
    """``scenario.seconds`` 0: as many as CHUNKS take."""
    if not scenario.seconds:
        seconds = CHUNKS * chunk_images(scenario.engine, settings) / scenario.offered
        scenario = replace(scenario, seconds=min(MOST_SECONDS, max(LEAST_SECONDS, seconds)))
    tally = Simulation(scenario, costs, settings).run()
    return Outcome(
        what=what,
        kind=scenario.engine.kind,
        workers=scenario.workers,
        offered=scenario.offered,
        images_a_second=tally.images / scenario.seconds,
        redis=min(1.0, tally.busy / scenario.seconds),
        milliseconds={size: spread(times) for size, times in tally.waits.items() if times},
        refused=tally.refused,
        failures=tally.failures,
        gigabytes_kept=kept(tally, scenario, costs, settings) / 1e9,
    )


def kept(tally: Tally, scenario: Scenario, costs: Costs, settings: Settings) -> float:
    """Bytes in Redis once this load has lasted as long as finished jobs are kept."""
    memory = costs.memory
    singles = len(tally.waits.get(1, ()))
    chunks = (tally.images - singles) / settings.chunk_images
    now = singles * memory.single + chunks * (memory.plan_of_chunk + memory.rows_of_chunk)
    return now / scenario.seconds * settings.expires_in


def capacity(
    costs: Costs, engine: Engine, sizes: Sequence[int], frequencies: Sequence[int], settings: Settings
) -> float:
    """Images a second that one worker can do of such a mixture, if it never waits for Redis."""
    of_chunk, of_image = BLOB_SECONDS, chunk_seconds(engine, 1) - BLOB_SECONDS
    most = chunk_images(engine, settings)
    seconds = {size: math.ceil(size / most) * of_chunk + size * of_image for size in sizes}
    if 1 in seconds:
        seconds[1] = gathered_seconds(costs, engine, 1)
    images = sum(size * times for size, times in zip(sizes, frequencies, strict=True))
    return images / sum(seconds[size] * times for size, times in zip(sizes, frequencies, strict=True))
