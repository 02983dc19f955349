"""Which models jobs get: the default and its history, canaries, shadows, what is retired. One change at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from digitmill.domain.jobs import Job
from digitmill.domain.rows import DIGIT, NUMBER
from digitmill.errors import BadOptions, FieldError, ModelInUse, ModelNotFound, NothingBefore, Overloaded
from digitmill.models.manifest import Manifest
from digitmill.models.registry import Registry
from digitmill.models.releases import DefaultChange, Releases, Trial
from digitmill.store.base import JobStore

LOCK, LOCK_SECONDS = "releases", 1.0
PATIENCE_SECONDS = 5.0
MOST_OPEN = 100_000
"""So many open jobs are looked at for a model that is to be retired."""


class Releasing:
    """Methods raise StorageUnavailable, and ModelRejected where the file of releases is broken, besides what they say.
    ``by`` is the id of the caller's key."""

    def __init__(self, store: JobStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry

    def present(self) -> Releases:
        return self._registry.releases.read(now=True)

    def defaults(self) -> Mapping[str, str]:
        """The labels of the default models, by what they read; none where it cannot be had."""
        found = {}
        for reads in (DIGIT, NUMBER):
            with suppress(ModelNotFound):
                found[reads] = self._registry.default(reads).label
        return found

    def tally(self, name: str) -> Mapping[str, int]:
        """What was counted under the name of a trial's tally."""
        return self._store.tallies.counts(name)

    def differences(self, name: str) -> Sequence[Mapping[str, Any]]:
        """Rows that a shadow read differently, the latest first."""
        return self._store.tallies.examples(name)

    def set_default(self, label: str, *, by: str | None) -> Manifest:
        """Give this model, ``name@version``, to jobs that name none, of those that read what it reads. Jobs under way
        keep theirs. Its trials end; where it is retired it is no more.

        Raises ModelNotFound.
        """
        manifest = self._named(label)
        with_history = self._changed(manifest, "default", by)
        self._change(lambda releases: _without_trials(with_history(releases), manifest))
        self._registry.set_default(manifest.name, manifest.version)
        return manifest

    def roll_back(self, reads: str, *, by: str | None) -> Manifest:
        """Give jobs the model again that was the default before the present one.

        Raises:
            NothingBefore: none is known, or it is no longer there.
        """
        present = self._registry.default(reads)
        before = self._registry.releases.read(now=True).before(reads, present.label)
        if before is None:
            raise NothingBefore(f"No other model is known to have been the default before {present.label}. Name one.")
        try:
            manifest = self._named(before)
        except ModelNotFound as error:
            raise NothingBefore(f"{before}, the default before, is no longer there. Name another model.") from error
        self._change(self._changed(manifest, "roll_back", by))
        self._registry.set_default(manifest.name, manifest.version)
        return manifest

    def try_as_canary(self, label: str, share: float, *, by: str | None) -> Trial:
        """Give this model to a share of the jobs that name none. Raises as ``_trial``."""
        manifest, trial = self._trial(label, share, by)
        self._change(lambda each: each.model_copy(update={"canaries": {**each.canaries, manifest.reads: trial}}))
        return trial

    def try_as_shadow(self, label: str, share: float, *, by: str | None) -> Trial:
        """Let this model answer a share of the jobs that name none a second time; only the first answer counts. Raises
        as ``_trial``, and BadOptions where its pictures are others than those of the default."""
        manifest, trial = self._trial(label, share, by)
        if manifest.normaliser != self._registry.default(manifest.reads).normaliser:
            message = f"must have been trained by the normaliser of {trial.against}: both see the same pictures"
            raise BadOptions(f"The model {message}.", errors=(FieldError("model", message),))
        self._change(lambda each: each.model_copy(update={"shadows": {**each.shadows, manifest.reads: trial}}))
        return trial

    def end_canary(self, reads: str) -> None:
        """Where there is none, nothing happens; so with ``end_shadow``."""
        self._change(lambda each: each.model_copy(update={"canaries": _without(each.canaries, reads)}))

    def end_shadow(self, reads: str) -> None:
        self._change(lambda each: each.model_copy(update={"shadows": _without(each.shadows, reads)}))

    def retire(self, label: str) -> Manifest:
        """Let no job name this model any more. Its files stay, so that what it has read can be looked at.

        Raises:
            ModelNotFound: there is none.
            ModelInUse: it is the default, on trial, or that of an open job.
        """
        manifest = self._named(label)
        if self._registry.is_default(manifest):
            raise ModelInUse(f"{label} is the default. Make another model the default first.")
        releases = self._registry.releases.read(now=True)
        if any(trial.model == label for trial in (*releases.canaries.values(), *releases.shadows.values())):
            raise ModelInUse(f"{label} is on trial. End its trial first.")
        self._change(lambda each: each.model_copy(update={"retired": (*_others(each.retired, label), label)}))
        # none is begun with it from now on; what was begun before is seen here, or has begun with its own weights
        open_jobs = [job for job, _ in self._store.upkeep.stalled(0.0, MOST_OPEN) if _uses(job, manifest)]
        if open_jobs:
            self.bring_back(label)
            raise ModelInUse(
                f"{label} is the model of {len(open_jobs):,} open jobs, such as {open_jobs[0].id}. Wait until they are "
                "done, or cancel them."
            )
        return manifest

    def bring_back(self, label: str) -> Manifest:
        """Let jobs name this model again. Raises ModelNotFound."""
        manifest = self._named(label)
        self._change(lambda each: each.model_copy(update={"retired": _others(each.retired, label)}))
        return manifest

    def _named(self, label: str) -> Manifest:
        name, at, version = label.partition("@")
        if not at:
            message = f"must name a version, such as {name}@1"
            raise BadOptions(f"The model {message}.", errors=(FieldError("model", message),))
        return self._registry.get(name, version)

    def _trial(self, label: str, share: float, by: str | None) -> tuple[Manifest, Trial]:
        """
        Raises:
            ModelNotFound: there is no such model.
            BadOptions: it is the default already, or retired.
        """
        manifest = self._named(label)
        against = self._registry.default(manifest.reads)
        if against.reference == manifest.reference or self._registry.was_retired(label):
            message = "must be another model than the default, and not be retired"
            raise BadOptions(f"The model {message}.", errors=(FieldError("model", message),))
        return manifest, Trial(model=label, against=against.label, share=share, at=_now(), by=by)

    def _changed(self, manifest: Manifest, action: str, by: str | None) -> Callable[[Releases], Releases]:
        """Releases in which this model is the default, by an entry in the history."""
        try:
            before = self._registry.default(manifest.reads).label
        except ModelNotFound:
            before = None

        def changed(releases: Releases) -> Releases:
            if before == manifest.label:
                return releases
            entry = DefaultChange.model_validate(
                {"reads": manifest.reads, "model": manifest.label, "before": before, "action": action, "at": _now(),
                 "by": by}
            )  # fmt: skip
            return releases.model_copy(
                update={
                    "history": (*releases.history, entry),
                    "retired": _others(releases.retired, manifest.label),
                }
            )

        return changed

    def _change(self, change: Callable[[Releases], Releases]) -> Releases:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._store.upkeep.lock(LOCK, LOCK_SECONDS):
            if time.monotonic() >= deadline:
                raise Overloaded("Somebody else is changing the models; try again.", retry_after=1)
            time.sleep(LOCK_SECONDS / 10)
        return self._registry.releases.change(change)


def _without_trials(releases: Releases, manifest: Manifest) -> Releases:
    """A model that is the default now is on trial no more."""
    ended = {
        name: {reads: trial for reads, trial in trials.items() if trial.model != manifest.label}
        for name, trials in (("canaries", releases.canaries), ("shadows", releases.shadows))
    }
    return releases.model_copy(update=ended)


def _without(trials: dict[str, Trial], reads: str) -> dict[str, Trial]:
    return {name: trial for name, trial in trials.items() if name != reads}


def _others(labels: tuple[str, ...], label: str) -> tuple[str, ...]:
    return tuple(each for each in labels if each != label)


def _uses(job: Job, manifest: Manifest) -> bool:
    return job.model == manifest.reference or job.shadow == manifest.reference


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
