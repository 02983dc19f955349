"""Publishing a model: a ``.keras`` file into the registry, and the report of it as what the job made."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from pydantic import BaseModel

from digitmill.domain.jobs import PUBLISH, Counts, Problem
from digitmill.domain.roles import Role
from digitmill.domain.rows import WORKED
from digitmill.errors import Conflict, EngineUnavailable, ModelError, NotFound
from digitmill.models.manifest import Manifest, Provenance
from digitmill.publishing.card import STEPS, Card, Report
from digitmill.publishing.publishing import publish, reported
from digitmill.store.base import Claim, Done
from digitmill.store.blobs import upload_of
from digitmill.work.kinds.base import Elsewhere, Failed, Held, Kind, Outcome


class Order(BaseModel):
    """What the only chunk of such a job holds, beside the file, which is the job's upload."""

    card: Card
    provenance: Provenance


class PublishModel(Kind):
    name = PUBLISH
    role = Role.TRAINER

    def run(self, claims: Sequence[Claim], held: Held) -> Iterator[Outcome]:
        for claim in claims:
            held.begin()
            yield self._outcome(claim, held)

    def _outcome(self, claim: Claim, held: Held) -> Outcome:
        order = Order.model_validate_json(claim.entries)
        try:
            report = self._report(order, claim, held)
        except NotFound as error:
            return Failed(claim, Problem("upload_lost", error.detail))
        except EngineUnavailable as error:
            return Elsewhere(claim, Problem(error.code, error.detail))
        except (ModelError, Conflict) as error:
            return Failed(claim, Problem(error.code, error.detail))
        counts = Counts(len(STEPS), Counter({WORKED: len(STEPS)}))
        return Done(claim, report.model_dump_json().encode(), counts)

    def _report(self, order: Order, claim: Claim, held: Held) -> Report:
        provenance = order.provenance.model_copy(update={"job": claim.job.id})
        done = self._published_before(order.card, claim)
        if done is not None:
            # the worker that published it died before it could say so
            return reported(done)
        read = upload_of(claim.job, self.tools.store, self.tools.blobs)
        content = held.during(partial(read, 0, self.tools.settings.max_model_bytes + 1))
        return publish(
            content,
            order.card,
            provenance,
            self.tools.registry,
            self.tools.settings,
            on_step=_Progress(held, claim, self.tools.settings.lease_seconds),
        )

    def _published_before(self, card: Card, claim: Claim) -> Manifest | None:
        try:
            found = self.tools.registry.get(card.name, card.version)
        except ModelError:
            return None
        return found if found.provenance is not None and found.provenance.job == claim.job.id else None


class _Progress:
    """Notes each step once, and between them keeps the lease. Raises Interrupted where the work is to end."""

    def __init__(self, held: Held, claim: Claim, lease: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._held = held
        self._claim = claim
        self._every = lease / 3
        self._clock = clock
        self._noted = -1
        self._due = 0.0

    def __call__(self, done: int) -> None:
        if done == self._noted and self._clock() < self._due:
            return
        self._held.progress(self._claim, done)
        self._noted, self._due = done, self._clock() + self._every
