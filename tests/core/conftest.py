"""A whole service in this process, with a model that needs no framework."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from digitmill.domain.jobs import Computation, Job, Options, Rule
from digitmill.domain.rows import DIGITS
from digitmill.forms.certainty import Looks
from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from digitmill.imaging.normaliser.normalisers import normalise_with_quality
from digitmill.jobs.jobs import TINY_BYTES
from digitmill.models.calibrations import CalibratedModel, Calibration, ErrorInterval
from digitmill.models.registry import Registry
from digitmill.models.runtime import calibrate
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.redis import RedisJobStore
from digitmill.strips.certainty import Certainty
from digitmill.strips.lattice import Weighing
from digitmill.strips.sequence import SequenceNetwork
from digitmill.uploads.spool import Spool
from digitmill.work.loading import Models
from digitmill.work.taking import Work
from tests.in_process import HeldQueue, in_process, passing_time, take_once, waits


class DarkMeansSeven:
    """Says 7 for pictures with much ink and 1 for others, surer the more ink there is."""

    computed_by = Computation("none", "f32", "cpu")
    normaliser = staticmethod(normalise_with_quality)
    classes = tuple(DIGITS)
    doubtful_cut = 1.0
    lattice: Weighing | None = None
    certainty: Certainty | None = None
    looks: Looks | None = None
    sequence: SequenceNetwork | None = None

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.batches.append(len(batch))
        answers = np.full((len(batch), 10), 0.001, np.float32)
        ink = batch.reshape(len(batch), -1).mean(axis=1) / 255
        digits = np.where(ink > 0.2, 7, 1)
        answers[np.arange(len(batch)), digits] = 0.5 + ink
        answers /= answers.sum(axis=1, keepdims=True)
        return answers

    def predict_by(self, batch: NDArray[np.uint8], rules: Sequence[Rule | None]) -> NDArray[np.float32]:
        return calibrate(self.predict(batch), np.array([1.0 if rule is None else rule.temperature for rule in rules]))


def publish(
    folder: Path,
    name: str = "digits",
    version: str = "1",
    review_below: float = 0.6,
    normaliser: int = NORMALISER_VERSION,
) -> None:
    """A manifest with a file that no engine will ever open."""
    weights = f"{name} {version}".encode()
    place = folder / name / version
    place.mkdir(parents=True)
    (place / "model.keras").write_bytes(weights)
    manifest = {
        "name": name,
        "version": version,
        "architecture": {"name": "none", "description": "none", "parameters": 1, "multiply_adds": 1},
        "data_sets": [],
        "seed": 1,
        "normaliser": normaliser,
        "classes": list("0123456789"),
        "temperature": 1.0,
        "review_below": review_below,
        "metrics": {"validation": {}},
        "sha256": hashlib.sha256(weights).hexdigest(),
        "size": len(weights),
        "created_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
    }
    (place / "manifest.json").write_text(json.dumps(manifest))
    (folder / "default").write_text(f"{name}@{version}")


def add_calibration(registry: Registry, *, temperature: float = 2.0, review_below: float = 0.7) -> Calibration:
    """A calibration of the default model called ``mine``."""
    manifest = registry.default()
    made = Calibration(
        name="mine",
        model=CalibratedModel(name=manifest.name, version=manifest.version, sha256=manifest.sha256),
        temperature=temperature,
        review_below=review_below,
        rows=200,
        error=ErrorInterval(most=0.001, accepted=180, wrong=0, low=0.0, high=0.020285),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    registry.calibrations.publish(manifest, made)
    return made


@dataclass
class Mill:
    """The service and a hand that turns it."""

    service: Service
    redis: Any
    store: RedisJobStore
    queue: HeldQueue
    model: DarkMeansSeven
    worker: Work
    pass_time: Callable[[float], None]
    opened: list[Spool] = field(default_factory=list)

    def submit(self, files: dict[str, bytes], options: Options | None = None, *, key: str | None = None) -> Job:
        return self.submission(files, options, key=key)[0]

    def submission(
        self, files: dict[str, bytes], options: Options | None = None, *, key: str | None = None, owner: str = "ann"
    ) -> tuple[Job, bool]:
        settings = self.service.settings
        with Spool(settings.spool, settings.max_upload_bytes, with_digest=True) as spool:
            for name, data in files.items():
                spool.add(name, io.BytesIO(data))
            submission = self.service.jobs.submit(owner, spool, options or Options(), idempotency_key=key)
        return submission.job, submission.created

    def turn(self, times: int = 1_000_000) -> int:
        """Let the worker take work so many times, as long as some waits; how often it did."""
        for number in range(times):
            if not waits(self.store):
                return number
            take_once(self.worker)
        return times


@pytest.fixture
def mill(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mill]:
    """Mark a test with ``@pytest.mark.parametrize("mill", [{"chunk_images": 2}], indirect=True)`` for settings."""
    settings = Settings(var=tmp_path / "var", **getattr(request, "param", {}))
    publish(tmp_path / "var" / "models")
    here, model = in_process(settings), DarkMeansSeven()
    work = here.service.work(Models(lambda _: model))
    yield Mill(here.service, here.client, here.store, here.queue, model, work, passing_time(monkeypatch))
    here.store.close()


def png(*, thick: bool = False, size: int = 28) -> bytes:
    """A stroke, dark on light: thin (a 1 for the model) or thick (a 7). Too large a file to lie with its job's plan."""
    picture = np.full((size, size), 255, np.uint8)
    half = size // 4 if thick else max(1, size // 28)
    picture[size // 5 : -size // 5, size // 2 - half : size // 2 + half] = 0
    text = PngInfo()
    text.add_text("Comment", "-" * TINY_BYTES)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", pnginfo=text)
    return out.getvalue()


def blank_png() -> bytes:
    out = io.BytesIO()
    Image.new("L", (28, 28), 255).save(out, "PNG")
    return out.getvalue()
