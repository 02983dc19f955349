"""What the doctor finds in a real Redis, with the service's own stores and queues."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import redis

from digitmill.doctor.examination import examine, repair
from digitmill.doctor.findings import Code, Examination, Finding
from digitmill.doctor.machine import redis_findings, settings_findings
from digitmill.domain.jobs import Job, JobState, ModelReference, Options
from digitmill.domain.roles import Role
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.base import PackedChunk
from digitmill.store.connection import this_process
from digitmill.store.redis_inspection import ServerFacts
from digitmill.store.upkeep import WorkerInfo
from digitmill.store.webhook_store import Attempt
from digitmill.uploads.spool import Spool
from tests.core.conftest import png, publish
from tests.store.conftest import take_chunk

SOUND = ServerFacts(
    version="7.2.4", used_memory=10, most_memory=100, policy="noeviction", append_only=True, snapshots=False,
    write_failure=None, clock_ahead=0.001,
)  # fmt: skip
WORKER = WorkerInfo(this_process(), "openvino", "cpu", "f32", "digits@1")


@dataclass
class Ward:
    """A service to examine."""

    settings: Settings
    service: Service
    redis: Any

    def examine(self) -> Examination:
        return examine(self.settings)

    def submit(self, images: int = 1, *, url: str | None = None) -> Job:
        settings = self.settings
        with Spool(settings.spool, settings.max_upload_bytes) as spool:
            for number in range(images):
                spool.add(f"{number}.png", io.BytesIO(png()))
            return self.service.jobs.submit("ann", spool, Options(webhook_url=url)).job

    def age(self, job: Job, seconds: float) -> None:
        """Let the job's last progress have been so long ago."""
        self.redis.zadd("dm:active", {job.id: time.time() - seconds})

    def lose_work(self) -> None:
        self.redis.delete("work", "dm:waiting")


@pytest.fixture
def ward(tmp_path: Path, empty_redis_url: str) -> Ward:
    settings = Settings(var=tmp_path / "var", redis_url=empty_redis_url, chunk_images=2)
    publish(settings.var / "models")
    service = Service.open(settings)
    service.store.upkeep.beat([WORKER])
    return Ward(settings, service, redis.Redis.from_url(empty_redis_url))


def wrong(found: Examination) -> list[Finding]:
    return [finding for finding in found.findings if finding.wrong and finding.code is not Code.DISK_NEARLY_FULL]


def only(found: Examination, code: Code) -> Finding:
    (finding,) = [finding for finding in found.findings if finding.code is code]
    for sentence in (finding.what, finding.why, finding.mend):
        assert sentence.endswith(".")
    return finding


def test_a_service_that_works_is_healthy_and_nothing_is_left_behind(ward: Ward) -> None:
    ward.submit()
    found = ward.examine()
    assert wrong(found) == []
    assert found.facts["workers"][0]["model"] == "digits@1"
    assert found.facts["queued_images"] == 1
    assert sum(found.facts["waiting"].values()) >= 1
    assert [path.name for path in (ward.settings.var / "blobs").iterdir() if path.name.startswith("doctor")] == []


def test_a_redis_that_is_not_there_is_the_one_thing_told_of_it(ward: Ward) -> None:
    found = examine(ward.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
    assert [finding.code for finding in wrong(found)] == [Code.REDIS_UNREACHABLE]


def test_a_job_that_no_worker_takes_up_says_that_there_is_none(ward: Ward) -> None:
    ward.redis.delete("dm:workers")
    job = ward.submit()
    ward.age(job, 600)
    found = ward.examine()
    assert only(found, Code.NO_WORKER).wrong
    stuck = only(found, Code.JOB_STUCK)
    assert (stuck.subject, stuck.why) == (job.id, "No worker is alive.")
    assert "10 minutes" in stuck.what


def test_a_job_for_trainers_says_that_there_is_none_until_one_is_there(ward: Ward) -> None:
    job = ward.service.beginning.begin(
        "ann", "train", [PackedChunk(0, b"")], Options(), total=1, model=ModelReference("t", "1", ""), role=Role.TRAINER
    )
    assert only(ward.examine(), Code.NO_TRAINER).subject == job.id
    ward.service.store.upkeep.beat([WorkerInfo("a:1/2", "keras", "cpu", "f32", "")], Role.TRAINER)
    assert wrong(ward.examine()) == []


def test_a_worker_that_went_silent_is_worth_a_note(ward: Ward) -> None:
    (member,) = ward.redis.zrange("dm:workers", 0, -1)
    ward.redis.zadd("dm:workers", {member: time.time() - 90})
    silent = only(ward.examine(), Code.WORKER_SILENT)
    assert (silent.wrong, silent.subject) == (False, WORKER.name)


def test_a_chunk_that_is_held_for_long_names_who_holds_it(ward: Ward) -> None:
    job = ward.submit()
    assert take_chunk(ward.service.store, job.id, 0, 60) is not None
    ward.age(job, 600)
    stuck = only(ward.examine(), Code.JOB_STUCK)
    assert f"0 is held by {this_process()} at attempt 1" in stuck.why


def test_a_job_that_waits_for_a_worker_is_not_stuck(ward: Ward) -> None:
    job = ward.submit(images=20)
    ward.age(job, 600)
    found = ward.examine()
    assert wrong(found) == []
    assert "1 jobs and chunks wait for a worker" in only(found, Code.JOB_WAITS).why


def test_a_job_that_nobody_holds_and_that_does_not_wait_is_stuck(ward: Ward) -> None:
    job = ward.submit()
    ward.lose_work()
    ward.age(job, 600)
    assert "nothing waits for a worker" in only(ward.examine(), Code.JOB_STUCK).why


def test_a_chunk_that_is_tried_again_and_again_is_told_with_its_attempts(ward: Ward) -> None:
    job = ward.submit()
    for _ in range(3):
        assert take_chunk(ward.service.store, job.id, 0, 0) is not None
    tried = only(ward.examine(), Code.CHUNK_TRIED_OFTEN)
    assert f"0 was tried 3 times, last by {this_process()}" in tried.what


def test_claims_that_nobody_swept_away_say_that_nobody_sweeps(ward: Ward) -> None:
    job = ward.submit()
    assert take_chunk(ward.service.store, job.id, 0, 1) is not None
    ward.redis.zadd("dm:leases", {f"{job.id} 0": time.time() - 600})
    assert "1 chunks" in only(ward.examine(), Code.NOBODY_SWEEPS).what


def test_counters_that_differ_from_the_jobs_are_told(ward: Ward) -> None:
    ward.submit()
    ward.redis.incrby("dm:queued", 20_000)
    assert "queued 1 times" in only(ward.examine(), Code.COUNTERS_DIFFER).what
    assert repair(ward.settings) == {"queued": 1}
    assert wrong(ward.examine()) == []
    assert ward.service.store.upkeep.queued_images() == 1


def test_a_model_that_has_gone_is_missed_by_its_jobs_and_as_the_default(ward: Ward) -> None:
    job = ward.submit()
    shutil.rmtree(ward.settings.var / "models" / "digits" / "1")
    (ward.settings.var / "models" / "default").write_text("digits@none")
    found = ward.examine()
    assert only(found, Code.NO_DEFAULT_MODEL).wrong
    assert only(found, Code.JOB_WITHOUT_MODEL).subject == job.id


def test_events_that_keep_failing_are_told_once_for_each_receiver(ward: Ward) -> None:
    ward.service.webhooks.secrets.renew("ann", overlap=0)
    failed = Attempt(at=time.time(), seconds=0.1, status=503, error=None)
    for _ in range(2):
        job = ward.service.jobs.cancel("ann", ward.submit(url="https://hooks.example/secret-path").id)
        for _ in range(3):
            ward.service.store.webhooks.record(job.id, failed, retry_in=60)
    failing = only(ward.examine(), Code.WEBHOOK_FAILING)
    assert (failing.subject, failing.why) == ("hooks.example", "It answers 503.")
    assert failing.what.startswith("2 events")
    assert "secret-path" not in str(failing)


def test_events_that_nobody_sends_are_missed(ward: Ward) -> None:
    ward.service.webhooks.secrets.renew("ann", overlap=0)
    job = ward.submit(url="https://hooks.example/")
    ward.service.store.finish(job.id, JobState.CANCELLED)
    assert [finding for finding in ward.examine().findings if finding.code is Code.WEBHOOK_NOT_SENT] == []
    ward.redis.delete("dm:workers")
    assert only(ward.examine(), Code.WEBHOOK_NOT_SENT).wrong


def test_a_storage_that_cannot_be_written_is_told(ward: Ward) -> None:
    found = examine(ward.settings.model_copy(update={"blobs_url": "file:///proc/no-such-folder"}))
    assert "file:///proc/no-such-folder" in only(found, Code.BLOBS_NOT_WRITABLE).what


def test_a_full_disk_is_told(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(total=10**12, free=10**9))
    # the uploads lie on the same disk as the folder of the service
    assert "1.0 GB left" in only(ward.examine(), Code.DISK_NEARLY_FULL).what


@pytest.mark.parametrize(
    ("change", "code", "is_wrong"),
    [
        (lambda facts: replace(facts, version="6.0.16"), Code.REDIS_TOO_OLD, True),
        (lambda facts: replace(facts, append_only=False), Code.REDIS_NOT_PERSISTENT, True),
        (lambda facts: replace(facts, append_only=False, snapshots=True), Code.REDIS_NOT_PERSISTENT, False),
        (lambda facts: replace(facts, write_failure="the last snapshot"), Code.REDIS_CANNOT_WRITE, True),
        (lambda facts: replace(facts, policy="allkeys-lru"), Code.REDIS_EVICTS, True),
        (lambda facts: replace(facts, most_memory=0), Code.REDIS_MEMORY_UNLIMITED, False),
        (lambda facts: replace(facts, used_memory=95), Code.REDIS_MEMORY_LOW, True),
        (lambda facts: replace(facts, clock_ahead=-7.5), Code.CLOCK_DIFFERS, True),
    ],
)
def test_what_a_redis_tells_of_itself_is_judged(
    change: Callable[[ServerFacts], ServerFacts], code: Code, is_wrong: bool
) -> None:
    assert list(redis_findings(SOUND, Settings())) == []
    (finding,) = redis_findings(change(SOUND), Settings())
    assert (finding.code, finding.wrong) == (code, is_wrong)


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "0.0.0.0"},
        {"engine": "openvino", "device": "gpu"},
        {"engine": "keras", "precision": "bf16"},
        {"expires_in": 100, "max_expires_in": 10},
    ],
)
def test_settings_that_exclude_each_other_are_told(settings: dict[str, object]) -> None:
    assert list(settings_findings(Settings(), keys_asked=False)) == []
    (finding,) = settings_findings(Settings.model_validate(settings), keys_asked=False)
    assert finding.code is Code.CONTRADICTORY_SETTINGS
    assert all(f"DIGITMILL_{name.upper()}" in finding.what for name in settings)
