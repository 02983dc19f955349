"""Rows of final jobs as files on S3: their content, trying again, and what is to be seen of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
from arro3.io import read_parquet

from digitmill.domain.jobs import Options
from digitmill.errors import BadOptions
from digitmill.results.writing import LEASE_SECONDS, Writing
from digitmill.store.webhook_store import RESULTS_EVENT
from digitmill.webhooks.deliveries import MOST_ATTEMPTS, Delivery
from tests.core.conftest import Mill, blank_png, png
from tests.files_elsewhere import Bucket, reached
from tests.receiver import receiving
from tests.s3 import S3

BUCKET = "rows-written"
PLACE = f"s3://{BUCKET}/out"
LATE, NONE = f"{BUCKET}-late", f"{BUCKET}-none"
SETTINGS = {
    "result_prefixes": f"{PLACE}, s3://{LATE}, s3://{NONE}",
    "webhook_private_addresses": True,
    "chunk_images": 2,
}
FILES = {
    "=1+1.png": png(thick=True), "with, \N{SNOWMAN}.png": png(), "c.png": blank_png(), "d.txt": b"none", "e": png(),
}  # fmt: skip
pytestmark = pytest.mark.parametrize("mill", [SETTINGS], indirect=True)


@pytest.fixture
def bucket(s3: S3) -> Iterator[Bucket]:
    """Not made yet where the test is the first to want it."""
    with reached(s3, BUCKET) as found:
        yield found


def writing(mill: Mill, **settings: str) -> Writing:
    service = mill.service
    own = service.settings.model_copy(update=settings)
    return Writing(own, mill.store.webhooks, service.results, service.webhooks, service.measures)


def ended(mill: Mill, url: str, webhook_url: str | None = None) -> str:
    """The id of a job whose rows are to be written."""
    job = mill.submit(FILES, Options(results_url=url, alternatives=1, webhook_url=webhook_url))
    mill.turn()
    assert list(mill.queue.events) == [f"{job.id}{RESULTS_EVENT}"]
    mill.queue.events.clear()
    return job.id


def deliveries(mill: Mill, job_id: str) -> list[Delivery]:
    return mill.service.webhooks.deliveries(mill.service.jobs.get("ann", job_id))


def written(mill: Mill, bucket: Bucket, name: str) -> bytes:
    bucket.make()
    job_id = ended(mill, f"{PLACE}/{name}")
    (found,) = deliveries(mill, job_id)
    assert (found.state, found.event, found.url, found.attempts) == ("pending", "results", f"{PLACE}/{name}", [])
    assert writing(mill).deliver(f"{job_id}{RESULTS_EVENT}") is not None
    (found,) = deliveries(mill, job_id)
    assert (found.state, [attempt.error for attempt in found.attempts]) == ("delivered", [None])
    assert writing(mill).deliver(f"{job_id}{RESULTS_EVENT}") is None, "written twice"
    content = bucket.get(f"out/{name}")
    assert content is not None
    return content


def test_the_rows_of_a_job_become_a_csv(mill: Mill, bucket: Bucket) -> None:
    lines = written(mill, bucket, "a b/rows.csv").decode().splitlines()
    assert lines[0] == "index,name,status,prediction,confidence,error,reason,answered_by,answered_by_name"
    assert lines[1].startswith("0,'=1+1.png,recognized,7,")
    assert lines[3:5] == ["2,c.png,blank,,,,,model,", "3,d.txt,failed,,,not_an_image,,,"]
    assert len(lines) == 1 + len(FILES)


def test_the_rows_of_a_job_become_ndjson(mill: Mill, bucket: Bucket) -> None:
    found = [json.loads(line) for line in written(mill, bucket, "rows.ndjson").splitlines()]
    assert [row["index"] for row in found] == list(range(len(FILES)))
    assert [row["name"] for row in found] == list(FILES)
    assert len(found[0]["alternatives"]) == 1


def test_the_rows_of_a_job_become_parquet(mill: Mill, bucket: Bucket) -> None:
    table = read_parquet(io.BytesIO(written(mill, bucket, "rows.parquet"))).read_all()
    columns = {name: table[name].to_pylist() for name in table.column_names}
    assert columns["index"] == list(range(len(FILES)))
    assert columns["name"] == list(FILES)
    assert columns["prediction"][:4] == ["7", "1", None, None]
    assert columns["status"][2:4] == ["blank", "failed"]
    assert columns["error"][3] == "not_an_image"
    assert columns["confidence"][0] > columns["confidence"][1] > 0.5


def test_of_a_job_that_was_cancelled_the_rows_that_are_there_are_written(mill: Mill, bucket: Bucket) -> None:
    bucket.make()
    job = mill.submit(FILES, Options(results_url=f"{PLACE}/cancelled.csv"))
    mill.turn(times=1)
    mill.service.jobs.cancel("ann", job.id)
    writing(mill).deliver(mill.queue.events.pop())
    content = bucket.get("out/cancelled.csv")
    assert content is not None
    assert len(content.splitlines()) == 1 + 2


@pytest.mark.usefixtures("bucket")
def test_a_cancelled_job_that_goes_on_has_its_rows_written_when_it_ends_again(mill: Mill) -> None:
    job = mill.submit(FILES, Options(results_url=f"{PLACE}/resumed.csv"))
    mill.turn(times=1)
    mill.service.jobs.cancel("ann", job.id)
    writing(mill).deliver(f"{job.id}{RESULTS_EVENT}")
    mill.service.jobs.resume("ann", job.id)
    assert mill.store.webhooks.waiting(10) == []
    mill.turn()
    (found,) = deliveries(mill, job.id)
    assert (found.state, found.attempts) == ("pending", [])
    assert mill.store.webhooks.waiting(10) == [f"{job.id}{RESULTS_EVENT}"]


def test_writing_is_tried_again_until_it_works(mill: Mill, s3: S3) -> None:
    with reached(s3, LATE) as bucket:
        job_id = ended(mill, f"s3://{LATE}/rows.csv")
        event, late = f"{job_id}{RESULTS_EVENT}", writing(mill)
        for number in range(3):
            late.deliver(event)
            (found,) = deliveries(mill, job_id)
            assert (found.state, len(found.attempts)) == ("pending", number + 1)
            assert "no such bucket" in str(found.attempts[-1].error)
            assert late.deliver(event) is None, "tried before its time"
            mill.pass_time(1000)
        bucket.make()
        mill.service.recovery.sweep()
        assert list(mill.queue.events) == [event]
        late.deliver(event)
        assert deliveries(mill, job_id)[0].state == "delivered"
        assert bucket.get("rows.csv")
        bucket.delete("rows.csv")


@pytest.mark.usefixtures("bucket")
def test_writing_is_given_up_after_the_last_attempt_unless_somebody_says_so(mill: Mill) -> None:
    job_id = ended(mill, f"s3://{NONE}/rows.csv")
    event, stubborn = f"{job_id}{RESULTS_EVENT}", writing(mill)
    for _ in range(MOST_ATTEMPTS + 2):
        mill.redis.zadd("dm:webhooks:due", {event: 0}, xx=True)
        stubborn.deliver(event)
    (found,) = deliveries(mill, job_id)
    assert (found.state, len(found.attempts)) == ("failed", MOST_ATTEMPTS)
    mill.service.webhooks.send_again(mill.service.jobs.get("ann", job_id), found.id)
    assert stubborn.deliver(event) is not None


@pytest.mark.usefixtures("bucket")
def test_what_cannot_come_right_is_not_tried_again(mill: Mill) -> None:
    expired = ended(mill, f"{PLACE}/expired.csv")
    mill.pass_time(mill.service.settings.expires_in + 1)
    writing(mill).deliver(f"{expired}{RESULTS_EVENT}")
    log = mill.store.webhooks.log(f"{expired}{RESULTS_EVENT}")
    assert (log.next_attempt_at, "expired" in str(log.attempts[0].error)) == (None, True)
    elsewhere = ended(mill, f"{PLACE}/elsewhere.csv")
    writing(mill, result_prefixes="s3://other").deliver(f"{elsewhere}{RESULTS_EVENT}")
    assert deliveries(mill, elsewhere)[0].state == "failed"


def test_a_worker_that_died_leaves_the_writing_to_the_next(mill: Mill, bucket: Bucket) -> None:
    bucket.make()
    job_id = ended(mill, f"{PLACE}/next.csv")
    event = f"{job_id}{RESULTS_EVENT}"
    assert mill.store.webhooks.claim(event, LEASE_SECONDS) is not None
    assert writing(mill).deliver(event) is None
    mill.pass_time(LEASE_SECONDS + 1)
    mill.service.recovery.sweep()
    assert list(mill.queue.events) == [event]
    writing(mill).deliver(event)
    assert bucket.get("out/next.csv")


@pytest.mark.parametrize("made", [True, False], ids=["written", "not written"])
def test_the_webhook_comes_once_the_rows_were_written_or_that_failed(mill: Mill, s3: S3, *, made: bool) -> None:
    mill.service.webhooks.secrets.renew("ann", overlap=0)
    with reached(s3, BUCKET if made else NONE) as bucket, receiving() as receiver:
        if made:
            bucket.make()
        job_id = ended(mill, f"s3://{bucket.name}/{'out/' if made else ''}both.csv", receiver.url)
        event = f"{job_id}{RESULTS_EVENT}"
        assert [each.state for each in deliveries(mill, job_id)] == ["pending", "pending"]
        assert writing(mill).deliver(job_id) is None, "told before the rows were written"
        for _ in range(3):
            writing(mill).deliver(event)
            mill.pass_time(1000)
        states = [each.state for each in deliveries(mill, job_id)]
        assert states == ["delivered" if made else "pending", "delivered"]
        assert len(receiver.received) == 1


@pytest.mark.parametrize(
    "url",
    [
        "s3://other/out/rows.csv", f"s3://{BUCKET}/outer/rows.csv", f"{PLACE}/../rows.csv", f"{PLACE}/rows.xlsx",
        f"{PLACE}/.csv", f"{PLACE}/rows.CSV", f"{PLACE}/rows", "https://a.example/rows.csv", "file:///tmp/rows.csv",
    ],
)  # fmt: skip
def test_where_rows_may_not_be_written_is_refused_with_the_job(mill: Mill, url: str) -> None:
    with pytest.raises(BadOptions) as refused:
        mill.submit(FILES, Options(results_url=url))
    assert [fault.field for fault in refused.value.errors] == ["results_url"]
    assert mill.service.jobs.list("ann", state=None, before=None, limit=10) == []


def test_a_job_that_is_deleted_writes_nothing(mill: Mill) -> None:
    job_id = ended(mill, f"{PLACE}/deleted.csv")
    mill.service.jobs.delete("ann", job_id)
    assert mill.store.webhooks.waiting(10) == []
    assert writing(mill).deliver(f"{job_id}{RESULTS_EVENT}") is None
