"""How a process that answers images takes up a model. Imported in children alone: the parent holds no framework."""

from __future__ import annotations

from pathlib import Path

from digitmill.domain import ModelReference
from digitmill.imaging.memory import bounded_afterwards
from digitmill.models.registry import Registry
from digitmill.models.runtime import Model, load_model
from digitmill.settings import Settings
from worker.turns import in_turn

LOCK = Path("cache", "loading.lock")
PATIENCE_SECONDS = 600.0


def loaded(settings: Settings, registry: Registry, reference: ModelReference) -> Model:
    """The model as the settings want it, warm; from then on this process's memory is bounded.

    One process of a machine loads at a time: many at once take as long together, and each of them longer.

    Raises:
        ModelError: it cannot be had, or not on this engine.
    """
    with in_turn(settings.var / LOCK, PATIENCE_SECONDS), bounded_afterwards(settings.image_memory_bytes):
        model = load_model(
            registry,
            reference,
            engine=settings.engine,
            device=settings.device,
            precision=settings.precision,
            threads=settings.worker_threads,
        )
        model.warm_up()
    return model
