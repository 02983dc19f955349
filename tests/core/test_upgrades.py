"""What a caller sent before an upgrade means the same after it, whatever the newer release has for a default."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from digitmill.domain.jobs import JobState, Options, Problem
from digitmill.errors import IdempotencyConflict
from digitmill.models.registry import FRESH_SECONDS
from digitmill.results.rows import EVERY_ROW
from digitmill.store.requests import EARLIER_OPTIONS, idempotency_of
from tests.core.conftest import Mill, png, publish

FILES = {"a.png": png(), "b.png": png(thick=True)}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is published, or gone, is so at once."""
    assert FRESH_SECONDS > 0
    monkeypatch.setattr("digitmill.models.registry.FRESH_SECONDS", 0.0)


def upgrade(mill: Mill) -> None:
    """Another default, with another threshold, and the old model gone."""
    models = mill.service.settings.var / "models"
    publish(models, "digits", "new", review_below=0.8)
    shutil.rmtree(models / "digits" / "1")


@pytest.mark.parametrize("options", [Options(), Options(model="digits"), Options(model="digits@1", review_below=0.7)])
def test_the_same_request_gives_the_same_job_whatever_the_default_has_become(mill: Mill, options: Options) -> None:
    job = mill.submit(FILES, options, key="k")
    upgrade(mill)
    assert mill.submission(FILES, options, key="k") == (job, False)
    with pytest.raises(IdempotencyConflict):
        mill.submit(FILES, replace(options, alternatives=5), key="k")


@pytest.mark.parametrize(
    "options",
    [Options(), Options(model="digits", metadata={"b": 1, "a": "x"}), Options(review_below=0.7, expires_in=60)],
)
def test_a_request_that_an_earlier_release_took_gives_its_job(mill: Mill, options: Options) -> None:
    job = mill.submit(FILES, options, key="k")
    (place,) = mill.redis.keys("dm:idempotency:*")
    content = mill.redis.hget(place, "digest").decode().partition(" ")[0]
    # Options of that release printed themselves: these fields, in this order
    resolved = ", ".join(f"{name}={getattr(job.options, name)!r}" for name in EARLIER_OPTIONS)
    mill.redis.hset(place, "digest", f"{content} Options({resolved})")
    upgrade(mill)
    assert mill.submission(FILES, options, key="k") == (job, False)
    for other in (replace(options, alternatives=5), replace(options, model="digits@other"), Options(model="other")):
        with pytest.raises(IdempotencyConflict):
            mill.submit(FILES, other, key="k")


def test_an_option_of_a_later_release_leaves_requests_without_it_what_they_were() -> None:
    assert idempotency_of("k", "content", Options()).digest == "content {}"
    sent = Options(alternatives=3, metadata={"b": 2, "a": 1})
    assert idempotency_of("k", "content", sent).digest == 'content {"alternatives": 3, "metadata": {"a": 1, "b": 2}}'


def test_a_retry_of_a_job_whose_model_is_gone_is_read_by_the_present_default(mill: Mill) -> None:
    job = mill.submit({"x.txt": b"hello"})
    mill.turn()
    upgrade(mill)
    again = mill.service.retrying.retry("ann", job.id, idempotency_key="k").job
    assert (again.options.model, again.options.review_below) == ("digits@new", 0.8)
    mill.turn()
    assert mill.service.jobs.get("ann", again.id).state is JobState.COMPLETED
    assert mill.service.retrying.retry("ann", job.id, idempotency_key="k").job.id == again.id


@pytest.mark.parametrize("mill", [{"chunk_images": 1}], indirect=True)
def test_a_retry_of_a_job_that_failed_has_its_unread_images_too(mill: Mill) -> None:
    job = mill.submit({"x.txt": b"hello", **FILES, "y.txt": b"hello"})
    mill.turn(2)
    mill.store.finish(job.id, JobState.FAILED, Problem("model_not_found", "Gone."))
    upgrade(mill)
    again = mill.service.retrying.retry("ann", job.id).job
    mill.turn()
    rows = mill.service.results.stream("ann", again.id, rows=EVERY_ROW)
    assert [row.name for each in rows for row in each] == ["x.txt", "b.png", "y.txt"]
