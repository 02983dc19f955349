"""Workers, queues, jobs and webhooks: what goes on, and what does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from digitmill.doctor.findings import Code, Finding
from digitmill.domain.jobs import READ, TRIAL, Job
from digitmill.domain.roles import Role
from digitmill.errors import DigitmillError, ModelError
from digitmill.models.registry import Registry
from digitmill.settings import Settings
from digitmill.store.base import JobStore
from digitmill.store.redis_inspection import OpenChunk, RedisInspection
from digitmill.store.upkeep import WorkerInfo
from digitmill.store.webhook_store import RESULTS_EVENT, job_of
from digitmill.webhooks.deliveries import succeeded
from digitmill.webhooks.names import Told

SILENT_SECONDS = 30.0
"""Six beats of a worker."""

LEAST_STUCK_SECONDS = 60.0
OFTEN = 3
MOST_JOBS = 200
CHUNKS_NAMED = 5
START_A_WORKER = (
    "Start a worker: `python -m worker`, or `docker compose up --detach worker`; its log says why it ended."
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What was seen at one time."""

    settings: Settings
    store: JobStore
    registry: Registry
    inspection: RedisInspection
    heard: Sequence[tuple[WorkerInfo, float]]
    waiting: Mapping[str, int]

    @property
    def any_worker(self) -> bool:
        return any(seconds < SILENT_SECONDS for _, seconds in self.heard)

    @property
    def stuck_seconds(self) -> float:
        return max(LEAST_STUCK_SECONDS, 6 * self.settings.lease_seconds, 2 * self.settings.image_seconds)


def worker_findings(seen: Situation) -> Iterator[Finding]:
    if not seen.any_worker:
        yield Finding(
            code=Code.NO_WORKER,
            what=f"No worker was heard of in the last {SILENT_SECONDS:.0f} s.",
            why="None runs, none reaches this Redis, or none has its model loaded yet.",
            mend=START_A_WORKER,
        )
    for worker, seconds in seen.heard:
        if seconds >= SILENT_SECONDS:
            yield Finding(
                code=Code.WORKER_SILENT,
                wrong=False,
                subject=worker.name,
                what=f"Worker process {worker.name} was last heard of {_ago(seconds)}.",
                why="It was stopped, was replaced, died, or has lost its Redis.",
                mend="Nothing, if it was stopped. Otherwise look into its log.",
            )
    overdue = seen.inspection.overdue_leases(seen.stuck_seconds)
    if overdue:
        yield Finding(
            code=Code.NOBODY_SWEEPS,
            what=f"{overdue} chunks of workers that went silent were not given out again.",
            why="No worker has swept for a while, or its sweeps fail.",
            mend="Look for `housekeeping_failed` in the workers' logs; if no worker runs, start one.",
        )


def audit_findings(seen: Situation) -> Iterator[Finding]:
    """What is noted beside the jobs and differs from them."""
    differs = seen.store.upkeep.audit(mend=False)
    if differs:
        yield Finding(
            code=Code.COUNTERS_DIFFER,
            what="What is noted beside the jobs differs from them: "
            + ", ".join(f"{what} {times} times" for what, times in differs.items())
            + ".",
            why="Redis was full, lost some of its data, or was changed by hand.",
            mend="Nothing: a worker mends it within ten minutes. To mend it now: `digitmill doctor --repair`.",
        )


def job_findings(seen: Situation) -> Iterator[Finding]:
    for job, idle in seen.store.upkeep.stalled(0, MOST_JOBS):
        chunks = seen.inspection.chunks(job.id)
        yield from _often_tried(job, chunks)
        without_model = _without_model(seen, job)
        if without_model is not None:
            yield without_model
        elif job.role is Role.TRAINER and not seen.store.upkeep.workers(SILENT_SECONDS, Role.TRAINER):
            yield _without_trainer(job)
        elif idle >= seen.stuck_seconds:
            yield _idle(seen, job, idle, chunks)


def _without_trainer(job: Job) -> Finding:
    return Finding(
        code=Code.NO_TRAINER,
        subject=job.id,
        what=f"Job {job.id} waits for a trainer, and none was heard of in the last {SILENT_SECONDS:.0f} s.",
        why="Its kind is done by workers that have TensorFlow alone.",
        mend="Start one: `docker compose up --detach --scale trainer=1`, or a worker with "
        "DIGITMILL_WORKER_ROLE=trainer.",
    )


def _idle(seen: Situation, job: Job, idle: float, chunks: Sequence[OpenChunk]) -> Finding:
    held = [chunk for chunk in chunks if chunk.lease_left is not None]
    left = job.counts.total - job.counts.done
    what = f"Job {job.id} is {job.state} and has made no progress for {_span(idle)}; {left:,} images are left."
    waiting = sum(seen.waiting.values())
    if not seen.any_worker:
        why, mend = "No worker is alive.", START_A_WORKER
    elif held:
        why = f"Of its chunks {_told(held)}."
        mend = (
            "Look into the log of that worker. A process that hangs in an image is replaced after "
            f"{seen.settings.image_seconds:g} s, and the image fails alone after a few attempts."
        )
    elif waiting:
        why = f"It waits for its turn: {waiting:,} jobs and chunks wait for a worker."
        mend = "Wait, or add workers."
        return Finding(code=Code.JOB_WAITS, wrong=False, subject=job.id, what=what, why=why, mend=mend)
    else:
        why = "Nobody holds a chunk of it, and nothing waits for a worker" + (
            f"; tried were {_told(chunks)}." if chunks else "."
        )
        mend = "The next sweep should let it wait again; if not, look for `housekeeping_failed` in workers' logs."
    return Finding(code=Code.JOB_STUCK, subject=job.id, what=what, why=why, mend=mend)


def _often_tried(job: Job, chunks: Sequence[OpenChunk]) -> Iterator[Finding]:
    often = [chunk for chunk in chunks if chunk.tried >= OFTEN]
    if often:
        yield Finding(
            code=Code.CHUNK_TRIED_OFTEN,
            subject=job.id,
            what=f"Chunks of job {job.id} are tried again and again: {_told(often)}.",
            why="Workers die or hang while they read them, or the storage fails then.",
            mend="Nothing for a single image that does this: it is found and fails alone. Otherwise look into the "
            "workers' logs; they may have too little memory.",
        )


def _without_model(seen: Situation, job: Job) -> Finding | None:
    try:
        if job.kind in (READ, TRIAL):
            seen.registry.exact(job.model)
    except ModelError as error:
        return Finding(
            code=Code.JOB_WITHOUT_MODEL,
            subject=job.id,
            what=f"Job {job.id} asks for {job.model.name}@{job.model.version}, which cannot be used.",
            why=error.detail,
            mend="Publish this version again before a worker takes up the job, which would fail; or cancel the job.",
        )
    return None


def webhook_findings(seen: Situation) -> Iterator[Finding]:
    """One for each receiver, however many events wait for it."""
    failing: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    unsent = 0
    for event in seen.store.webhooks.waiting(MOST_JOBS):
        attempts = seen.store.webhooks.log(event).attempts
        if len(attempts) >= OFTEN and not succeeded(attempts[-1]):
            last = attempts[-1]
            reason = last.error or f"It answers {last.status}."
            failing[_host(seen, event)].append((len(attempts), reason))
        unsent += not attempts
    for host, events in failing.items():
        most, reason = max(events)
        yield Finding(
            code=Code.WEBHOOK_FAILING,
            subject=host,
            what=f"{len(events)} events do not reach the receiver {host}, tried up to {most} times.",
            why=reason,
            mend="Tell whoever runs the receiver; `GET /v1/jobs/{id}/deliveries` has each attempt.",
        )
    if unsent and not seen.any_worker:
        yield Finding(
            code=Code.WEBHOOK_NOT_SENT,
            what=f"{unsent} events of final jobs wait to be sent.",
            why="Workers send them, and none is alive.",
            mend=START_A_WORKER,
        )


def _host(seen: Situation, event: str) -> str:
    """Of a webhook the receiver's, of rows to be written the bucket."""
    try:
        job = seen.store.get(job_of(event))
        options = job.options
        if (told := Told.parse(event)) is not None:
            urls = {each.id: each.url for each in seen.store.webhooks.endpoints.of(job.owner)}
            return urlsplit(urls.get(told.endpoint, "")).hostname or "unknown"
        url = options.results_url if event.endswith(RESULTS_EVENT) else options.webhook_url
        return urlsplit(url or "").hostname or "unknown"
    except DigitmillError:
        return "of an expired job"


def _told(chunks: Sequence[OpenChunk]) -> str:
    told = [
        f"{chunk.number} is held by {chunk.by} at attempt {chunk.tried}"
        if chunk.lease_left is not None
        else f"{chunk.number} was tried {chunk.tried} times, last by {chunk.by}"
        for chunk in chunks[:CHUNKS_NAMED]
    ]
    more = len(chunks) - len(told)
    return ", ".join(told) + (f", and {more} more" if more else "")


def _ago(seconds: float) -> str:
    return f"{_span(seconds)} ago"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
