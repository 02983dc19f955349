"""How a worker comes by the model of a job while it holds chunks of it, however long that takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from digitmill.awaiting import Awaiting
from digitmill.domain import ModelReference
from digitmill.errors import StorageUnavailable
from digitmill.store.base import Claim, JobStore

TURN_SECONDS = 2.0
"""So long a turn is waited for: most loads take less."""


class Turn:
    """To load a model, which one process of a machine does at a time: many at once take as long together, and each of
    them longer. This one is always free; the worker brings one that is shared."""

    def take(self, patience: float) -> bool:  # noqa: ARG002
        """Whether it is this process's turn, or comes within ``patience`` seconds; then ``give`` it back."""
        return True

    def give(self) -> None:
        """Let others have their turn."""


class NotYet(Exception):
    """Another process is at loading a model."""


class Loading:
    """``lease`` is that of the claims, in seconds."""

    def __init__(self, store: JobStore, models: Any, turn: Turn, lease: float) -> None:
        self._store = store
        self._models = models
        self._turn = turn
        self._lease = lease
        self._awaiting = Awaiting()

    def model(self, reference: ModelReference, held: Sequence[Claim]) -> Any:
        """The model. While it is loaded, for however long, what is ``held`` is kept, and the attempt does not count.

        Raises:
            NotYet: it is not here, and another process of this machine is at loading one.
            ModelError: it cannot be had.
        """
        if self._models.holds(reference):
            return self._models.get(reference)
        if not self._turn.take(min(TURN_SECONDS, self._lease / 3)):
            raise NotYet
        try:
            return self._loaded(reference, held)
        finally:
            self._turn.give()

    def _loaded(self, reference: ModelReference, held: Sequence[Claim]) -> Any:
        for claim in held:
            self._store.count_attempt(claim, counts=False)
        try:
            return self._awaiting.result(
                partial(self._models.get, reference),
                seconds=math.inf,
                meanwhile=partial(self._keep, held),
                every=self._lease / 3,
            )
        finally:
            for claim in held:
                self._store.count_attempt(claim, counts=True)

    def _keep(self, held: Sequence[Claim]) -> None:
        # who loses a claim all the same comes too late with its rows, which changes nothing
        with suppress(StorageUnavailable):
            for claim in held:
                self._store.renew(claim.job.id, claim.chunk, self._lease)
