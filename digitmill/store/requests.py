"""What makes two requests under one Idempotency-Key the same: what was sent, not what the service made of it.

A new default model, another setting or a new option of a later release so leave a repeated request what it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields

from digitmill.domain.jobs import Job, Options
from digitmill.errors import Expired, IdempotencyConflict, NotFound

EARLIER_OPTIONS = ("model", "polarity", "review_below", "alternatives", "expires_in", "webhook_url", "metadata")
FIRST_JOB_DELETED = "The job that was made with this Idempotency-Key was deleted. Send a new key to submit it again."
OTHER_REQUEST = "This Idempotency-Key was used with another request; send a new key for new content."


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A caller's Idempotency-Key and the digest of what was sent with it.

    ``earlier`` tells, of the job that was made under the key, the digest that an earlier release took of this request;
    None where it was another request.
    """

    key: str
    digest: str
    earlier: Callable[[Job], str | None] = lambda _: None

    def first_job(self, digest: str, find: Callable[[], Job]) -> Job:
        """The job that ``find`` finds, which was made under this key by a request with ``digest``.

        Raises:
            IdempotencyConflict: that was another request.
            Expired: the job is gone.
        """
        if digest == self.digest:
            try:
                return find()
            except NotFound as error:
                raise Expired(FIRST_JOB_DELETED) from error
        with suppress(NotFound, Expired):
            job = find()
            if digest == self.earlier(job):
                return job
        raise IdempotencyConflict(OTHER_REQUEST)


def idempotency_of(key: str, content: str, options: Options) -> Idempotency:
    """For an upload whose ``content`` has this digest, sent with ``options`` as they came, not yet resolved."""
    unset = Options()
    sent = {
        each.name: value
        for each in fields(options)
        if (value := getattr(options, each.name)) != getattr(unset, each.name)
    }
    return Idempotency(
        key, f"{content} {json.dumps(sent, sort_keys=True)}", lambda job: earlier_digest(content, options, job)
    )


def earlier_digest(content: str, options: Options, job: Job) -> str | None:
    """The digest that releases before 0.2 recorded for the same request, when they made ``job`` of it; None where the
    job is of another model than was sent, or names a calibration, which they did not know."""
    if options.calibration is not None or options.model not in (None, job.model.name, job.options.model):
        return None
    resolved = {
        "model": job.options.model,
        "review_below": job.options.review_below if options.review_below is None else options.review_below,
        "expires_in": options.expires_in or job.options.expires_in,
    }
    told = ", ".join(f"{field}={resolved.get(field, getattr(options, field))!r}" for field in EARLIER_OPTIONS)
    return f"{content} Options({told})"
