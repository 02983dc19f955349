"""Chunks whose model is not at hand yet: kept while it is loaded, and left to others while another process loads."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from digitmill.domain.jobs import JobState, ModelReference
from digitmill.work.loading import Models, Turn
from digitmill.work.taking import Work
from tests.core.conftest import DarkMeansSeven, Mill, png


class Taken(Turn):
    def __init__(self) -> None:
        self.busy, self.held = True, False

    def take(self, patience: float) -> bool:
        self.held = not self.busy
        return self.held

    def give(self) -> None:
        self.held = False


def worker_with(mill: Mill, load: Callable[[ModelReference], DarkMeansSeven], turn: Turn) -> Work:
    return mill.service.work(Models(load), turn=turn)


@pytest.mark.parametrize("mill", [{"max_attempts": 1}], indirect=True)
def test_while_another_process_loads_a_chunk_is_left_to_others_and_was_not_tried(mill: Mill) -> None:
    turn = Taken()
    job = mill.submit({"a.png": png()})
    mill.worker = worker_with(mill, lambda _: mill.model, turn)
    for _ in range(3):
        mill.turn()
        assert mill.service.jobs.get("ann", job.id).counts.done == 0
        mill.pass_time(0.1)
        assert mill.service.recovery.sweep() == 1
        mill.pass_time(10)
    turn.busy = False
    mill.turn()
    assert mill.service.jobs.get("ann", job.id).counts.statuses["recognized"] == 1
    assert not turn.held


@pytest.mark.parametrize("mill", [{"lease_seconds": 0.06}], indirect=True)
def test_a_chunk_is_kept_while_its_model_is_loaded(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, renewed = threading.Event(), []

    def renew(job_id: str, chunk: int, _: float) -> None:
        renewed.append((job_id, chunk))
        if len(renewed) == 3:
            loaded.set()

    def load(_: ModelReference) -> DarkMeansSeven:
        assert loaded.wait(30)
        return mill.model

    monkeypatch.setattr(mill.store.chunks, "renew", renew)
    job = mill.submit({"a.png": png()})
    mill.worker = worker_with(mill, load, Turn())
    mill.turn()
    assert set(renewed) == {(job.id, 0)}
    assert mill.service.jobs.get("ann", job.id).state is JobState.COMPLETED
