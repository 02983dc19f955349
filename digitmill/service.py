"""The composition root: builds stores, models and queue from Settings, once in each process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from digitmill.desk.publishing import Desk
from digitmill.desk.releasing import Releasing
from digitmill.desk.trainings import Trainings
from digitmill.domain.roles import Role
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.jobs.beginning import Beginning
from digitmill.jobs.endings import Endings
from digitmill.jobs.jobs import Jobs
from digitmill.jobs.retrying import Retrying
from digitmill.keys import Keys
from digitmill.measures import Measures
from digitmill.models.registry import Registry
from digitmill.pages.marked import Marked
from digitmill.pages.placing import Placing
from digitmill.pages.trying import Trying
from digitmill.queue import Queue, celery_app
from digitmill.results.rows import Results
from digitmill.review.corrections import Review
from digitmill.review.labelled import Labelled
from digitmill.review.labelled.boxes import Boxes
from digitmill.review.labelling import Labelling
from digitmill.review.sampling import Sampling
from digitmill.settings import Settings
from digitmill.sources.submitting import Sources
from digitmill.store.base import JobStore
from digitmill.store.blobs import BlobStore
from digitmill.store.connection import connect
from digitmill.store.key_store import KeyStore
from digitmill.store.redis import RedisJobStore
from digitmill.store.redis_mark import StoreMark
from digitmill.templates import References, Templates
from digitmill.upkeep.recovery import Recovery
from digitmill.webhooks.deliveries import Webhooks
from digitmill.work.kinds.base import Tools
from digitmill.work.loading import Models, Turn
from digitmill.work.taking import Watchdog, Work


@dataclass(frozen=True)
class Service:
    """Everything a process needs. Building it sends nothing: connections open at first use."""

    settings: Settings
    store: JobStore
    blobs: BlobStore
    registry: Registry
    queue: Queue
    keys: Keys
    jobs: Jobs
    beginning: Beginning
    desk: Desk
    releasing: Releasing
    results: Results
    retrying: Retrying
    sources: Sources
    review: Review
    labelled: Labelled
    marked: Marked
    sampling: Sampling
    labelling: Labelling
    webhooks: Webhooks
    trainings: Trainings
    drawers: Drawers
    templates: Templates
    trying: Trying
    placing: Placing
    recovery: Recovery
    measures: Measures
    mark: StoreMark | None

    @classmethod
    def open(cls, settings: Settings, *, connections: int = 100, patient: bool = True) -> Self:
        """``connections`` to Redis at a time, for which it is ``patient`` (``store/connection.py``).

        Raises:
            SettingsError: no Redis is named.
        """
        client = connect(settings.redis, connections=connections, patient=patient)
        queue = Queue(celery_app(settings.broker))
        mark = StoreMark(client, BlobStore(settings.blobs))
        return cls.assemble(settings, RedisJobStore(client, mark.store_id), queue, KeyStore(client), mark)

    @classmethod
    def assemble(
        cls,
        settings: Settings,
        store: JobStore,
        queue: Queue,
        key_store: KeyStore,
        mark: StoreMark | None = None,
    ) -> Self:
        """Put the parts together over a store and a queue of one's own.

        Args:
            mark: makes sure of the store, where that may be replaced under a running service.
        """
        blobs = BlobStore(settings.blobs)
        registry = Registry(settings.published_models, settings.var / "cache" / "models")
        measures = Measures(store.tallies)
        webhooks = Webhooks(settings, store.webhooks, measures)
        drawers = Drawers(settings)
        endings = Endings(store, queue, measures)
        keys = Keys(settings, key_store, store.now, verify=partial(mark.check, now=True) if mark else _sure)
        templates = Templates(store, blobs, drawers, keys.asked)
        jobs = Jobs(settings, store, blobs, registry, queue, webhooks, drawers, templates, endings, keys.quotas_of)
        results = Results(settings, store, blobs, registry, jobs, keys.names_of)
        beginning = Beginning(store, blobs, jobs, webhooks)
        labelled = Labelled(settings, store, blobs, jobs, Boxes(results, templates, drawers))
        trying = Trying(settings, jobs, results, drawers)
        return cls(
            settings=settings,
            store=store,
            blobs=blobs,
            registry=registry,
            queue=queue,
            keys=keys,
            jobs=jobs,
            beginning=beginning,
            desk=Desk(store, registry, jobs, beginning),
            releasing=Releasing(store, registry),
            results=results,
            retrying=Retrying(settings, store, blobs, registry, jobs),
            sources=Sources(settings, jobs, drawers),
            review=Review(store, jobs, results, templates),
            labelled=labelled,
            marked=Marked(jobs, results, drawers),
            trainings=Trainings(settings, store, blobs, jobs, beginning, labelled, registry),
            sampling=Sampling(jobs, results),
            labelling=Labelling(jobs, results),
            webhooks=webhooks,
            drawers=drawers,
            templates=templates,
            trying=trying,
            placing=Placing(store, jobs, results, templates, drawers, trying),
            recovery=Recovery(settings, store, queue, measures),
            measures=measures,
            mark=mark,
        )

    def work(
        self,
        models: Models[Any],
        watchdog: Watchdog | None = None,
        turn: Turn | None = None,
        stopping: Callable[[], bool] = lambda: False,
        role: Role = Role.READER,
    ) -> Work:
        """The worker's side, with the models of this process."""
        tools = Tools(
            self.settings,
            self.store,
            self.blobs,
            models,
            self.drawers,
            References(self.templates),
            turn or Turn(),
            self.registry,
            self.measures,
        )
        return Work(tools, self.queue, watchdog or Watchdog(), stopping, role)


def _sure() -> None:
    """The store of a test is not replaced."""
