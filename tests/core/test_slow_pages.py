"""Pages of a PDF take long: their chunk is kept meanwhile, small, and the file is opened once for all of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.domain.jobs import Options
from digitmill.imaging.drawn import drawers as drawing_processes
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.imaging.drawn.drawing import send
from digitmill.results.rows import EVERY_ROW
from digitmill.work.loading import Models
from digitmill.work.taking import Watchdog
from tests.core.conftest import Mill, png
from tests.pdfs import flate, pdf, scan
from tests.pictures import drawn_digit
from tests.uploads.planning import LIMITS, plan_of

LONG = 30.0


def pages(count: int) -> bytes:
    return pdf([scan(flate(np.roll(drawn_digit(side=60), number))) for number in range(count)])


class CountedWatchdog(Watchdog):
    def __init__(self) -> None:
        self.times = 0

    def kick(self) -> None:
        self.times += 1


@pytest.mark.parametrize("mill", [{"lease_seconds": 0.06}], indirect=True)
def test_a_chunk_is_kept_and_its_process_alive_while_a_page_is_drawn(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, renewed, watchdog = threading.Event(), [], CountedWatchdog()
    grey = Drawers.grey

    def slow(drawers: Drawers, data: bytes, page: int, of: int) -> NDArray[np.uint8]:
        assert goes_on.wait(LONG)
        return grey(drawers, data, page, of)

    def renew(job_id: str, chunk: int, _: float) -> None:
        renewed.append((job_id, chunk))
        if len(renewed) == 3:
            goes_on.set()

    monkeypatch.setattr(Drawers, "grey", slow)
    monkeypatch.setattr(mill.store.chunks, "renew", renew)
    mill.worker = mill.service.work(Models(lambda _: mill.model), watchdog)
    job_id = mill.submit({"a.pdf": pages(1)}, Options(expires_in=60)).id
    mill.turn()
    assert set(renewed) == {(job_id, 0)}
    assert watchdog.times > len(renewed)
    assert mill.service.jobs.get("ann", job_id).counts.statuses == Counter(recognized=1)


def test_the_pages_of_a_chunk_are_read_from_one_sending_of_their_file(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    def counted(stream: IO[bytes], head: Mapping[str, Any], body: bytes = b"") -> None:
        sent.append(len(body))
        send(stream, head, body)

    monkeypatch.setattr(drawing_processes, "send", counted)
    data = pages(5)
    job_id = mill.submit({"a.pdf": data, "b.png": png()}, Options(expires_in=60)).id
    mill.turn()
    assert mill.service.jobs.get("ann", job_id).counts.done == 6
    # once to have its pages counted; the worker's process has it again
    assert sent.count(len(data)) <= 2
    assert sum(sent) <= 2 * len(data)


def test_pages_of_a_pdf_come_in_small_chunks(tmp_path: Path) -> None:
    files = [(f"{number}.png", b"x") for number in range(200)]
    planned = plan_of(tmp_path, ("a.pdf", pages(40)), *files, limits=replace(LIMITS, chunk_images=256))
    assert [len(chunk.entries) for chunk in planned.chunks] == [4, 16, 16, 16, 188]


def test_a_page_that_failed_is_tried_again_by_itself(mill: Mill) -> None:
    data = pages(3).replace(b"/FlateDecode", b"/JBIG2Decode", 1)
    job_id = mill.submit({"a.pdf": data}, Options(expires_in=60)).id
    mill.turn()
    assert mill.service.jobs.get("ann", job_id).counts.statuses["failed"] == 1
    again = mill.service.retrying.retry("ann", job_id).job.id
    mill.turn()
    (row,) = mill.service.results.page("ann", again, rows=EVERY_ROW, limit=10, cursor=None).rows
    assert (row.name, row.failure is not None) == ("a.pdf#1", True)
