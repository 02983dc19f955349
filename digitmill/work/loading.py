"""How a worker comes by the model of a job while it holds chunks of it, however long that takes."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from digitmill.domain.jobs import Computation, ModelReference
from digitmill.errors import StorageUnavailable
from digitmill.store.base import Claim, JobStore
from digitmill.system.timed_calls import TimedCalls
from digitmill.work.pipeline import Predictor

MODELS_IN_MEMORY = 3
"""Those of digits, and of the boxes and the numbers of form pages."""
TURN_SECONDS = 2.0
"""So long a turn is waited for: most loads take less."""


class Loaded(Predictor, Protocol):
    @property
    def computed_by(self) -> Computation: ...


LoadedType = TypeVar("LoadedType", bound=Loaded)


class Models(Generic[LoadedType]):
    """The models that this process holds, loaded when first asked for; the least used one goes."""

    def __init__(self, load: Callable[[ModelReference], LoadedType]) -> None:
        self._load = load
        self._loaded: OrderedDict[ModelReference, LoadedType] = OrderedDict()

    def holds(self, reference: ModelReference) -> bool:
        return reference in self._loaded

    def get(self, reference: ModelReference) -> LoadedType:
        """Raises ModelError when it cannot be had."""
        if reference not in self._loaded:
            while len(self._loaded) >= MODELS_IN_MEMORY:
                self._loaded.popitem(last=False)
            self._loaded[reference] = self._load(reference)
        self._loaded.move_to_end(reference)
        return self._loaded[reference]


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

    def __init__(self, store: JobStore, models: Models[Any], turn: Turn, lease: float) -> None:
        self._store = store
        self._models = models
        self._turn = turn
        self._lease = lease
        self._timed_calls = TimedCalls()

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
            self._store.chunks.count_attempt(claim, counts=False)
        try:
            return self._timed_calls.result(
                partial(self._models.get, reference),
                seconds=math.inf,
                meanwhile=partial(self._keep, held),
                every=self._lease / 3,
            )
        finally:
            for claim in held:
                self._store.chunks.count_attempt(claim, counts=True)

    def _keep(self, held: Sequence[Claim]) -> None:
        # who loses a claim all the same comes too late with its rows, which changes nothing
        with suppress(StorageUnavailable):
            for claim in held:
                self._store.chunks.renew(claim.job.id, claim.chunk, self._lease)
