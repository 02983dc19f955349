"""Uploads that lie in the store with their job's plan, not in the blob storage: nobody can tell the difference."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from digitmill.domain.jobs import JobState, Options
from digitmill.domain.rows import RowStatus
from digitmill.domain.verdicts import Verdict, VerdictStatus
from digitmill.errors import Expired, NotFound
from digitmill.imaging.drawn.drawing import View, draw
from digitmill.jobs.jobs import TINY_BYTES
from digitmill.results.rows import EVERY_ROW
from digitmill.review.corrections import Correction
from digitmill.upkeep.purge import Purge
from tests.core.conftest import Mill
from tests.pictures import png

STROKE = np.full((28, 28), 255, np.uint8)
STROKE[6:22, 13:15] = 0
FILES = {"a.png": png(STROKE), "no.txt": b"hello"}


def uploads(mill: Mill) -> list[str]:
    """Names of all that lies in the blob storage."""
    return list(mill.service.blobs.older_than(-60))


def padded(content: bytes, size: int) -> dict[str, bytes]:
    return {"a.png": content, "b.bin": bytes(size - len(content))}


def test_a_tiny_upload_is_read_and_shown_without_a_file(mill: Mill) -> None:
    job = mill.submit(FILES)
    mill.turn()
    page = mill.service.results.page("ann", job.id, rows=EVERY_ROW, limit=9, cursor=None)
    assert [row.status for row in page.rows] == [RowStatus.RECOGNIZED, RowStatus.FAILED]
    assert mill.service.results.image("ann", job.id, 0) == ("a.png", FILES["a.png"])
    assert mill.service.results.image("ann", job.id, 1) == ("no.txt", b"hello")
    picture = mill.service.results.picture("ann", job.id, 0, View.NORMALISED)
    assert draw(picture, View.NORMALISED, max_pixels=10_000) is not None
    assert (uploads(mill), list(mill.service.settings.spool.glob("*"))) == ([], [])


@pytest.mark.parametrize(("size", "lies_with_the_plan"), [(TINY_BYTES, True), (TINY_BYTES + 1, False)])
def test_only_what_is_tiny_lies_with_the_plan(mill: Mill, size: int, *, lies_with_the_plan: bool) -> None:
    job = mill.submit(padded(FILES["a.png"], size))
    assert (job.blob is None) is lies_with_the_plan
    assert uploads(mill) == ([] if lies_with_the_plan else [job.id])
    mill.turn()
    assert mill.service.jobs.get("ann", job.id).counts.statuses["recognized"] == 1


@pytest.mark.parametrize("mill", [{"chunk_images": 1}], indirect=True)
def test_the_upload_of_a_job_of_several_chunks_lies_in_the_blob_storage(mill: Mill) -> None:
    job = mill.submit(FILES)
    assert uploads(mill) == [job.id]


def test_a_deleted_or_expired_job_takes_its_upload_along(mill: Mill) -> None:
    deleted, expired = mill.submit(FILES), mill.submit(FILES, Options(expires_in=60))
    mill.turn()
    mill.service.jobs.delete("ann", deleted.id)
    mill.pass_time(61)
    Purge(mill.service.settings, mill.store, mill.service.blobs).run()
    with pytest.raises(NotFound):
        mill.service.results.image("ann", deleted.id, 0)
    with pytest.raises(Expired):
        mill.service.results.image("ann", expired.id, 0)
    for job in (deleted, expired):
        with pytest.raises(NotFound):
            mill.store.chunks.upload(job.id)


def test_failed_images_of_a_tiny_upload_can_be_tried_again(mill: Mill) -> None:
    job = mill.submit(FILES)
    mill.turn()
    again = mill.service.retrying.retry("ann", job.id).job
    assert again.blob is None
    mill.turn()
    assert mill.service.jobs.get("ann", again.id).state is JobState.COMPLETED
    assert mill.service.results.image("ann", again.id, 0) == ("no.txt", b"hello")


def test_answered_images_of_a_tiny_upload_can_be_trained_with(mill: Mill) -> None:
    job = mill.submit(FILES)
    mill.turn()
    mill.service.review.correct("ann", job.id, Correction(0, 0, Verdict(VerdictStatus.RECOGNIZED, "4")), by="ann")
    packed = b"".join(mill.service.labelled.pack("ann", job.id))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.read("images/000000-a.png") == FILES["a.png"]
