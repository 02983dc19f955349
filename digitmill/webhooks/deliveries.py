"""From a job's end to a delivered webhook: what is sent, when again, and what became of it and of written rows.

The log of attempts is the only state. An event waits in the store, due at some time, until it is delivered or given
up; a worker that dies on the way lets its lease end, and the event is due again. So a receiver may see an event
twice, always under the same id.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from digitmill.domain.documents import job_document
from digitmill.domain.jobs import Job, Options
from digitmill.domain.page_documents import time_text
from digitmill.errors import BadOptions, FieldError, NotFound
from digitmill.measures import DELIVERIES, Measures
from digitmill.outside.addresses import read_url
from digitmill.outside.destinations import Destinations
from digitmill.settings import Settings
from digitmill.store.endpoint_store import Endpoint
from digitmill.store.webhook_store import (
    DRIFTED_EVENT,
    ENDPOINT,
    RESULTS_EVENT,
    Attempt,
    DeliveryLog,
    WebhookStore,
    drifted_event,
    job_of,
)
from digitmill.system import tracing
from digitmill.system.tracing import Span, SpanKind
from digitmill.webhooks.endpoints import Endpoints, bad_address, check_address, tried_id
from digitmill.webhooks.names import DRIFTED, PROGRESS, TEST, Told, for_endpoints, is_for_endpoints
from digitmill.webhooks.sending import TOO_LATE, Poster
from digitmill.webhooks.signing import Secrets, signed_headers

MOST_ATTEMPTS = 14
FIRST_PAUSE_SECONDS = 10.0
"""Doubles with each attempt: 13 pauses make 23 hours."""

JITTER = 0.2
LEASE_SECONDS = 120.0
"""Longer than any attempt takes, a slow look-up of the name included."""

REST_SECONDS = 30.0
"""How long a receiver that did not answer in time is let be."""

NOT_SENT = "Not sent: the receiver had just left another event without an answer."
WRITTEN = "results"
"""What the delivery is called by which rows were written."""
NOT_WANTED = "Not sent: the webhook was removed, or is switched off."
OVER = "Not sent: the job has ended since."
GONE = 410
"""A receiver's word that it wants no more."""

_log = structlog.get_logger(__name__)


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    GONE = "gone"
    """the receiver answered 410"""
    FAILED = "failed"
    """given up after the last attempt"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The way of one event to its receiver. ``id`` is the ``webhook-id`` of every attempt; ``due`` is its name in the
    store. ``job_id`` None: a test. ``endpoint`` is the id of a registered one; ``url`` is empty where that is gone."""

    id: str
    due: str
    event: str
    url: str
    state: DeliveryState
    attempts: Sequence[Attempt]
    next_attempt_at: float | None
    job_id: str | None = None
    endpoint: str | None = None


class Webhooks:
    def __init__(
        self, settings: Settings, store: WebhookStore, measures: Measures, poster: Poster | None = None
    ) -> None:
        """Raises SettingsError where the setting of destinations cannot be used."""
        self._store = store
        self._measures = measures
        self._destinations = Destinations(settings.result_prefixes)
        self._private_addresses = settings.webhook_private_addresses
        self._poster = poster or Poster(private_addresses=self._private_addresses)
        self.secrets = Secrets(store)
        self.endpoints = Endpoints(store, private_addresses=self._private_addresses)

    def check(self, owner: str, options: Options) -> None:
        """Refuse addresses to which no webhook of this owner can be sent, or no rows be written. Raises BadOptions."""
        if options.results_url is not None:
            self._destinations.check(options.results_url)
        url = options.webhook_url
        if url is None and options.webhook_drift:
            raise BadOptions(
                "webhook_drift needs a webhook_url to be told.",
                errors=(FieldError("webhook_drift", "must come with a webhook_url"),),
            )
        if url is None:
            return
        check_address(url, "webhook_url", private_addresses=self._private_addresses)
        if not self.secrets.live(owner):
            raise bad_address(
                "webhook_url",
                "cannot be used before the administrator has made a secret to sign with, by "
                "`digitmill keys webhook-secret`; webhooks that you register yourself have secrets of their own",
            )

    def deliveries(self, job: Job) -> list[Delivery]:
        """What became of the job's events: of what its owner's endpoints are told; and once it is final of its rows,
        where they are to be written somewhere, and of its own webhooks, where it names an address."""
        return self.deliveries_of([job])[0]

    def deliveries_of(self, jobs: Sequence[Job]) -> list[list[Delivery]]:
        """The same for each of these jobs, of one owner, in three round trips."""
        to_endpoints = self._store.to_endpoints([job.id for job in jobs])
        urls = {each.id: each.url for each in self.endpoints.of(jobs[0].owner)} if any(to_endpoints) else {}
        planned = [
            [*_own_events(job), *(_to_endpoint(due, urls) for due in events)]
            for job, events in zip(jobs, to_endpoints, strict=True)
        ]
        logs = iter(self._store.logs([delivery.due for those in planned for delivery in those]))
        return [[_with_log(delivery, next(logs)) for delivery in those] for those in planned]

    def last_test(self, endpoint: Endpoint) -> Delivery | None:
        """What became of the last test event of an endpoint, if there was one in the last days."""
        due = self._store.endpoints.last_test(endpoint.id)
        return None if due is None else self.test_delivery(endpoint, due)

    def test_delivery(self, endpoint: Endpoint, due: str) -> Delivery:
        planned = _planned(tried_id(due), due, TEST, endpoint.url, endpoint=endpoint.id)
        return _with_log(planned, self._store.log(due))

    def send_again(self, job: Job, delivery_id: str) -> Delivery:
        """Let the event be sent once more, whatever became of it. Raises NotFound."""
        for delivery in self.deliveries(job):
            if delivery.id == delivery_id:
                self._store.send_again(delivery.due)
                return _with_log(delivery, self._store.log(delivery.due))
        raise NotFound("This job has no such delivery.")

    def deliver(self, due: str) -> Attempt | None:
        """Make one attempt if the event of this name is due, and nobody else is at it: that of a job's end or that it
        is unlike those before, one for an endpoint, or a test of one. What is for all endpoints is spread among them,
        and an attempt made at each. Raises StorageUnavailable."""
        if due.startswith(ENDPOINT):
            return self._deliver_test(due)
        claimed = self._store.claim(due, LEASE_SECONDS)
        if claimed is None:
            return None
        job, before = claimed
        if is_for_endpoints(due):
            self._spread(job, due)
            return None
        told = Told.parse(due)
        attempt = self._attempt(job, drifted=due.endswith(DRIFTED_EVENT)) if told is None else self._tell(job, told)
        over = succeeded(attempt) or attempt.status == GONE or attempt.error in (NOT_WANTED, OVER)
        pause = None if over else pause_after(before + 1, jitter())
        self._record(due, attempt, pause, job=job.id, number=before + 1)
        _trace(job, attempt)
        if told is not None and attempt.status == GONE:
            self._switch_off(job.owner, told.endpoint)
        return attempt

    def _deliver_test(self, due: str) -> Attempt | None:
        """Made once: whoever tries sees what came of it, and may try again."""
        owner = self._store.claim_test(due, LEASE_SECONDS)
        if owner is None:
            return None
        endpoint = self._endpoint(owner, job_of(due))
        if endpoint is None:
            attempt = self._not_sent(NOT_WANTED)
        else:
            now = self._store.now()
            document = {"type": TEST, "timestamp": time_text(now), "data": {"webhook": endpoint.id}}
            body = json.dumps(document, separators=(",", ":"))
            attempt = self._post(owner, endpoint.url, self.endpoints.live(endpoint), tried_id(due), body)
        self._record(due, attempt, None, endpoint=job_of(due))
        return attempt

    def _spread(self, job: Job, due: str) -> None:
        told = for_endpoints(job, due)
        found = [] if told is None else self._told(job, *told)
        self._store.spread(due, [each.due for each in found])
        for each in found:
            self.deliver(each.due)

    def _told(self, job: Job, word: str, number: int) -> list[Told]:
        """What those of the owner's endpoints are told that want to hear it."""
        wanted = [each for each in self.endpoints.of(job.owner) if each.enabled and f"job.{word}" in each.events]
        return [Told(job.id, each.id, word, number) for each in wanted]

    def _tell(self, job: Job, told: Told) -> Attempt:
        endpoint = self._endpoint(job.owner, told.endpoint)
        if endpoint is None or not endpoint.enabled:
            return self._not_sent(NOT_WANTED)
        if told.event == PROGRESS and job.state.final:
            return self._not_sent(OVER)
        body = payload(job, told.event)
        return self._post(job.owner, endpoint.url, self.endpoints.live(endpoint), told.id, body)

    def _attempt(self, job: Job, *, drifted: bool) -> Attempt:
        assert job.options.webhook_url is not None, "only jobs with an address have events"
        body = payload(job, DRIFTED if drifted else event(job))
        sent = drifted_id(job) if drifted else message_id(job)
        return self._post(job.owner, job.options.webhook_url, self.secrets.live(job.owner), sent, body)

    def _post(self, owner: str, url: str, live: Sequence[str], sent: str, body: str) -> Attempt:
        target = read_url(url)
        receiver = f"{owner}:{target.host}:{target.port}"
        if self._store.resting(receiver):
            # many events to one that hangs would keep the senders from all others
            return self._not_sent(NOT_SENT)
        now = self._store.now()
        headers = signed_headers(live, sent, now, body)
        attempt = replace(self._poster.post(target, headers, body.encode()), at=now)
        if attempt.error == TOO_LATE:
            self._store.rest(receiver, REST_SECONDS)
        return attempt

    def _not_sent(self, error: str) -> Attempt:
        return Attempt(at=self._store.now(), seconds=0.0, status=None, error=error)

    def _record(self, due: str, attempt: Attempt, pause: float | None, **of: str | int) -> None:
        self._store.record(due, attempt, pause)
        self._measures.count(DELIVERIES, "webhook", outcome_of(attempt, pause))
        said = _log.info if succeeded(attempt) else _log.warning
        said("webhook_attempt", **of, status=attempt.status, reason=attempt.error)

    def _endpoint(self, owner: str, endpoint_id: str) -> Endpoint | None:
        return next((each for each in self.endpoints.of(owner) if each.id == endpoint_id), None)

    def _switch_off(self, owner: str, endpoint_id: str) -> None:
        """Its receiver wants no more."""
        with suppress(NotFound):
            self.endpoints.change(owner, endpoint_id, enabled=False)
        _log.warning("webhook_switched_off", endpoint=endpoint_id, owner=owner)


def _trace(job: Job, attempt: Attempt) -> None:
    if tracing.on() and job.trace is not None:
        span = Span.begin("send a webhook", SpanKind.CLIENT, job.trace, attempt.at)
        span.attributes = {"digitmill.job": job.id}
        span.failed = not succeeded(attempt)
        tracing.end(span, attempt.at + attempt.seconds)


def _own_events(job: Job) -> list[Delivery]:
    """Of a final job, without what became of them."""
    if not job.state.final:
        return []
    options = job.options
    return [
        _planned(id_, due, name, url, job_id=job.id)
        for id_, due, name, url in (
            (f"res_{job.id}", f"{job.id}{RESULTS_EVENT}", WRITTEN, options.results_url),
            (message_id(job), job.id, event(job), options.webhook_url),
            (drifted_id(job), drifted_event(job), DRIFTED, options.webhook_url if tells_drift(job) else None),
        )
        if url is not None
    ]


def _to_endpoint(due: str, urls: Mapping[str, str]) -> Delivery:
    told = Told.parse(due)
    assert told is not None, "the store keeps no other among these"
    return _planned(told.id, due, told.event, urls.get(told.endpoint, ""), job_id=told.job, endpoint=told.endpoint)


def _planned(
    id_: str, due: str, name: str, url: str, *, job_id: str | None = None, endpoint: str | None = None
) -> Delivery:
    return Delivery(id_, due, name, url, DeliveryState.PENDING, (), None, job_id, endpoint)


def _with_log(delivery: Delivery, log: DeliveryLog) -> Delivery:
    return replace(delivery, state=_state(log), attempts=log.attempts, next_attempt_at=log.next_attempt_at)


def message_id(job: Job) -> str:
    """A job ends once, and once more each time that it went on after a cancel."""
    return f"msg_{job.id}_{job.resumed}" if job.resumed else f"msg_{job.id}"


def drifted_id(job: Job) -> str:
    """Of the event that it is unlike those before, which is found once."""
    return f"msg_{job.id}_drifted"


def tells_drift(job: Job) -> bool:
    """Whether it has that event."""
    return bool(drifted_event(job) and job.drift is not None and job.drift["sentence"])


def event(job: Job) -> str:
    """``job.completed``, ``job.failed`` or ``job.cancelled``."""
    return f"job.{job.state}"


def payload(job: Job, name: str) -> str:
    """The body of a webhook, the event of this ``name``: JSON, in ASCII."""
    document = {
        "type": name,
        "timestamp": time_text(job.finished_at or job.created_at),
        "data": job_document(job),
    }
    return json.dumps(document, separators=(",", ":"))


def jitter() -> float:
    """By what a pause is lengthened, by chance."""
    return random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (no secret)


def pause_after(attempts: int, jitter: float) -> float | None:
    """Seconds until the next attempt; None: that was the last."""
    return None if attempts >= MOST_ATTEMPTS else FIRST_PAUSE_SECONDS * 2 ** (attempts - 1) * jitter


def outcome_of(attempt: Attempt, pause: float | None) -> str:
    """``delivered``, ``failed`` where it is made again, else ``given_up``."""
    if succeeded(attempt):
        return "delivered"
    return "given_up" if pause is None else "failed"


def succeeded(attempt: Attempt) -> bool:
    return attempt.error is None and (attempt.status is None or 200 <= attempt.status < 300)


def _state(log: DeliveryLog) -> DeliveryState:
    if log.next_attempt_at is not None:
        return DeliveryState.PENDING
    if not log.attempts:
        # a webhook that waits for rows to be written
        return DeliveryState.PENDING
    last = log.attempts[-1]
    if succeeded(last):
        return DeliveryState.DELIVERED
    return DeliveryState.GONE if last.status == GONE else DeliveryState.FAILED
