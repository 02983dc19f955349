"""The simulation keeps the service's rules. All seconds here are simulated ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.scaling.costs import Costs, Engine, Memory, Operation, Operations, Whole
from benchmarks.scaling.outcomes import capacity, outcome
from benchmarks.scaling.simulation import BLOB_SECONDS, Scenario, Simulation, Tally
from digitmill.settings import Settings

SETTINGS = Settings()
ENGINE = Engine(kind="a kind", upload_bytes=400, worker_seconds=0.001, web_seconds=0.00001)
OPERATION = Operation(microseconds=50, bytes_in=100, bytes_out=100)
COSTS = Costs(
    machine="none",
    processor="none",
    cores=1,
    load=(0, 0, 0),
    server="none",
    operations=Operations(**dict.fromkeys(Operations.model_fields, OPERATION)),
    memory=Memory(record=1000, plan_of_chunk=5000, rows_of_chunk=6000, single=2000, message=1000),
    engines=[ENGINE],
    whole=Whole(
        redis_microseconds_a_chunk=500,
        redis_microseconds_a_single=500,
        worker_seconds_a_single=0.002,
        web_seconds_a_single=0.002,
    ),
)
EASY = Scenario(workers=10, offered=1000, seconds=300, engine=ENGINE, sizes=(1, 10_000), frequencies=(100, 1))


def run(scenario: Scenario, settings: Settings = SETTINGS) -> Tally:
    return Simulation(scenario, COSTS, settings).run()


def test_the_same_arguments_give_the_same_outcome() -> None:
    assert run(EASY) == run(EASY)
    assert run(EASY) != run(replace(EASY, seed=2))


def test_every_image_of_a_finished_job_was_answered_once() -> None:
    tally = run(EASY)
    finished = sum(size * len(waits) for size, waits in tally.waits.items())
    unfinished = tally.images - finished
    assert tally.waits[10_000]
    assert 0 <= unfinished < 10 * 10_000


def test_workers_with_time_to_spare_answer_what_is_offered() -> None:
    tally = run(EASY)
    assert tally.images == pytest.approx(EASY.offered * EASY.seconds, rel=0.2)
    assert tally.refused == 0


def test_overloaded_workers_answer_what_they_can_and_the_rest_is_refused() -> None:
    piles = replace(EASY, workers=2, offered=100_000, sizes=(10_000,), frequencies=(1,))
    tally = run(piles)
    most = 2 * capacity(COSTS, ENGINE, piles.sizes, piles.frequencies, SETTINGS)
    assert 0.8 * most < tally.images / piles.seconds <= 1.01 * most
    assert tally.refused > 0


def test_a_chunk_whose_worker_fails_is_answered_after_its_lease() -> None:
    tally = run(replace(EASY, hours_to_failure=0.01, frequencies=(0, 1)))
    assert tally.failures >= 5
    assert max(tally.waits[10_000]) > SETTINGS.lease_seconds
    finished = 10_000 * len(tally.waits[10_000])
    assert finished <= tally.images < finished + 10 * 10_000


def test_a_single_image_passes_the_chunks_that_wait() -> None:
    busy = replace(EASY, workers=2, offered=5000, frequencies=(1, 1))
    tally = run(busy)
    longest_chunk = 1.1 * (BLOB_SECONDS + SETTINGS.chunk_images * ENGINE.worker_seconds) + 1
    assert sorted(tally.waits[1])[len(tally.waits[1]) // 2] < longest_chunk
    assert min(tally.waits[10_000]) > longest_chunk


def test_jobs_take_turns() -> None:
    piles = replace(EASY, workers=1, offered=1e6, seconds=400, sizes=(20_000,), frequencies=(1,))
    waits = run(piles, Settings(max_queued_images=60_000)).waits[20_000]
    alone = 20 * (BLOB_SECONDS + SETTINGS.chunk_images * ENGINE.worker_seconds)
    assert min(waits) > 1.5 * alone, "none had the worker to itself"


def test_redis_is_busy_for_as_long_as_its_operations_take() -> None:
    idle = run(replace(EASY, workers=100, offered=1e-6, seconds=60))
    polls, beats, sweeps, checks = 100 * 59, 100 * 12, 100 * 12 + 12, 100 * 4
    assert idle.busy == pytest.approx(50e-6 * (polls + beats + sweeps + checks), rel=0.03)


def test_an_outcome_says_what_redis_keeps() -> None:
    found = outcome("piles", replace(EASY, sizes=(10_240,), frequencies=(1,)), COSTS, SETTINGS)
    bytes_an_image = (5000 + 6000) / SETTINGS.chunk_images
    assert found.gigabytes_kept == pytest.approx(found.images_a_second * bytes_an_image * 7 * 86400 / 1e9, rel=0.01)


def test_a_chunk_and_a_single_image_cost_the_sum_of_what_is_asked_for_them() -> None:
    assert COSTS.operations.microseconds_a_chunk == pytest.approx(2 * 50)
    assert COSTS.operations.microseconds_a_single == pytest.approx(4 * 50 + 50 / 32)


def test_in_a_service_redis_takes_what_was_measured_there() -> None:
    slower = COSTS.as_in_a_service()
    assert slower.operations.microseconds_a_chunk == pytest.approx(COSTS.whole.redis_microseconds_a_chunk)
    assert slower.operations.beat.microseconds == pytest.approx(50 * 500 / 100)
    assert slower.operations.look.microseconds == pytest.approx(50 * 500 / COSTS.operations.microseconds_a_single)
