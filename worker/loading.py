"""How a process that answers images takes up a model. Imported in children alone: the parent holds no framework."""

from __future__ import annotations

from digitmill.domain.jobs import ModelReference
from digitmill.imaging.drawn.memory import bounded_afterwards
from digitmill.models.registry import Registry
from digitmill.models.runtime import Model, load_model
from digitmill.settings import Settings


def loaded(settings: Settings, registry: Registry, reference: ModelReference) -> Model:
    """The model as the settings want it, warm; from then on this process's memory is bounded.

    Raises:
        ModelError: it cannot be had, or not on this engine.
    """
    with bounded_afterwards(settings.image_memory_bytes):
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
