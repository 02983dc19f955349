"""Publish a model from the bytes of a stranger's ``.keras`` file."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from pydantic import ValidationError

from digitmill.domain.rows import DIGITS
from digitmill.errors import (
    EngineUnavailable,
    ModelBroken,
    ModelError,
    ModelTooLarge,
    ModelUnfit,
    ModelUnsafe,
)
from digitmill.models.manifest import (
    MODEL_FILE,
    OPENVINO_FILES,
    Architecture,
    Artifacts,
    Manifest,
    Metrics,
    Provenance,
    openvino_artifact,
)
from digitmill.models.reference import LAYOUTS
from digitmill.models.registry import Registry
from digitmill.publishing.card import STEPS, Card, Examined, Figures, Report
from digitmill.publishing.exchange import FOUND, REQUEST, STEP, UPLOADED, Found, Known, Request
from digitmill.settings import EngineName, Settings
from digitmill.system.walls import KEPT_VARIABLES

EXAMINATION = "digitmill.publishing.examination"
REFUSALS: dict[str, type[ModelError]] = {
    kind.code: kind for kind in (ModelBroken, ModelUnsafe, ModelTooLarge, ModelUnfit, EngineUnavailable)
}
FILE_BYTES = 256 << 20
"""The most that the process may write into one file."""
MOST_FOUND_BYTES = 1 << 20
WAITED = 10
"""Times the seconds that the process may compute: machines are busy, and others sleep."""
LOOK_SECONDS = 0.2
SMALLER = "Take a smaller network."
REFERENCE = "reference {}"
"""Under such names the figures of the reference pictures stand in a manifest, beside those of a training."""

_log = structlog.get_logger(__name__)


def publish(
    content: bytes,
    card: Card,
    provenance: Provenance,
    registry: Registry,
    settings: Settings,
    *,
    metrics: Metrics | None = None,
    on_step: Callable[[int], None] = lambda _: None,
) -> Report:
    """Make a model known to jobs from the bytes of a ``.keras`` file, and tell what was found of it.

    No byte of the file is looked at in this process: another, walled in by ``walls`` and bounded in memory and time,
    lets Keras load it in safe mode, measures it on the reference pictures, writes it anew and converts it.

    Args:
        metrics: of a training, which those of the reference pictures are added to.
        on_step: called again and again with how many of STEPS are done; what it raises ends the work.

    Raises:
        ModelBroken, ModelUnsafe, ModelTooLarge, ModelUnfit: the file is refused.
        Conflict: the version is taken.
        EngineUnavailable: this machine lacks what is needed.
        StorageUnavailable: the storage of models does not answer.
    """
    if len(content) > settings.max_model_bytes:
        raise ModelTooLarge(f"The file has {len(content):,} bytes, and {settings.max_model_bytes:,} is the limit.")
    registry.refuse_taken(card.name, card.version)
    sha256 = hashlib.sha256(content).hexdigest()
    with TemporaryDirectory(prefix="publish-") as name:
        folder = Path(name)
        (folder / UPLOADED).write_bytes(content)
        default = _default(registry)
        examined = _examine(folder, card, None if default is None else default[1], settings, on_step)
        stated = provenance.model_copy(update={"uploaded_sha256": sha256})
        manifest = _manifest(folder, card, examined, stated, metrics, settings)
        registry.publish(manifest, folder)
    on_step(len(STEPS))
    report = reported(manifest, examined)
    if default is None:
        return report
    return report.model_copy(update={"default": default[0], "default_figures": examined.default_figures})


def _default(registry: Registry) -> tuple[str, Known] | None:
    """The label and the files of the default model; None where it was published without files for OpenVINO."""
    try:
        manifest = registry.default()
        files = registry.converted(manifest.reference)
    except ModelError as error:
        _log.warning("default_not_measured", code=error.code, reason=error.detail)
        return None
    if files is None:
        return None
    known = Known(
        graph=str(files.graph.absolute()),
        weights=str(files.weights.absolute()),
        classes=len(manifest.classes),
        temperature=manifest.temperature,
        review_below=manifest.review_below,
    )
    return manifest.label, known


def _examine(
    folder: Path, card: Card, default: Known | None, settings: Settings, on_step: Callable[[int], None]
) -> Examined:
    request = Request(
        card=card,
        default=default,
        most_weights=settings.max_model_bytes,
        memory_bytes=settings.publish_memory_bytes,
        seconds=settings.publish_seconds,
        file_bytes=FILE_BYTES,
    )
    (folder / REQUEST).write_text(request.model_dump_json())
    kept = {name: value for name, value in os.environ.items() if name in KEPT_VARIABLES}
    process = subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-m", EXAMINATION, str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=kept | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2", "OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        _await(process, folder, WAITED * settings.publish_seconds, on_step)
    finally:
        process.kill()
        process.wait()
    return _examined(folder, process.returncode)


def _await(process: subprocess.Popen[bytes], folder: Path, seconds: float, on_step: Callable[[int], None]) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() >= deadline:
            raise ModelTooLarge(f"To load, run and convert this model took more than {seconds:g} s. {SMALLER}")
        on_step(_step(folder))
        time.sleep(LOOK_SECONDS)


def _step(folder: Path) -> int:
    try:
        text = (folder / STEP).read_text()[:2]
    except FileNotFoundError:
        return 0
    return min(int(text), len(STEPS) - 1) if text.isdigit() else 0


def _examined(folder: Path, status: int) -> Examined:
    """What the process found. Raises ModelError where it refused the model, or ended without a word."""
    path = folder / FOUND
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        raise ModelTooLarge(f"To load, run and convert this model takes more time than a model may. {SMALLER}")
    if status != 0 or not path.is_file():
        _log.warning("examination_ended", status=status)
        raise ModelTooLarge(
            f"The process that looked at this model ended, most likely for lack of memory. {SMALLER} If it is "
            "small, save it again."
        )
    if path.stat().st_size > MOST_FOUND_BYTES:
        raise ModelTooLarge(f"This model has too many layers. {SMALLER}")
    try:
        found = Found.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelBroken("Nothing sensible was found of this model. Save it again.") from error
    if found.refused is not None:
        raise REFUSALS.get(found.refused.code, ModelBroken)(found.refused.detail)
    if found.examined is None or found.examined.classes not in LAYOUTS:
        raise ModelBroken("Nothing was found of this model. Save it again.")
    return found.examined


def _manifest(
    folder: Path, card: Card, examined: Examined, provenance: Provenance, metrics: Metrics | None, settings: Settings
) -> Manifest:
    content = (folder / MODEL_FILE).read_bytes()
    if len(content) > settings.max_model_bytes:
        raise ModelTooLarge(f"The model has {len(content):,} bytes, and {settings.max_model_bytes:,} is the limit.")
    measured = metrics or Metrics(validation={})
    figures = {REFERENCE.format(name): scores for name, scores in examined.figures.reference.items()}
    others = {REFERENCE.format(name): scores for name, scores in examined.figures.non_digits.items()}
    return Manifest(
        name=card.name,
        version=card.version,
        architecture=Architecture(
            name=card.architecture,
            description=card.description,
            parameters=examined.parameters,
            multiply_adds=examined.multiply_adds,
        ),
        data_sets=card.data_sets,
        seed=card.seed,
        normaliser=card.normaliser,
        classes=(*DIGITS, *LAYOUTS[examined.classes]),
        temperature=examined.temperature,
        review_below=examined.review_below,
        doubtful_cut=card.doubtful_cut,
        metrics=measured.model_copy(
            update={"test": {**measured.test, **figures}, "non_digits": {**measured.non_digits, **others}}
        ),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        artifacts=_artifacts(folder),
        engines=examined.engines,
        provenance=provenance,
        created_at=datetime.now(UTC).replace(microsecond=0),
    )


def _artifacts(folder: Path) -> Artifacts:
    """The conversions that are in the folder."""
    found = {}
    for precision, files in OPENVINO_FILES.items():
        if all((folder / file).is_file() for file in files):
            graph, weights = (hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files)
            found[precision] = openvino_artifact(graph, weights, precision)
    return {EngineName.OPENVINO: found}


def reported(manifest: Manifest, examined: Examined | None = None) -> Report:
    """Of a model that is published; without what was ``examined`` its layers and its speed are not known."""
    stated = manifest.provenance or Provenance()
    begin = REFERENCE.format("")
    return Report(
        model=manifest.label,
        sha256=manifest.sha256,
        uploaded_sha256=stated.uploaded_sha256,
        size=manifest.size,
        classes=manifest.classes,
        layers=() if examined is None else examined.layers,
        parameters=manifest.architecture.parameters,
        multiply_adds=manifest.architecture.multiply_adds,
        temperature=manifest.temperature,
        review_below=manifest.review_below,
        figures=Figures(
            reference={
                name.removeprefix(begin): each for name, each in manifest.metrics.test.items() if name.startswith(begin)
            },
            non_digits={
                name.removeprefix(begin): each
                for name, each in manifest.metrics.non_digits.items()
                if name.startswith(begin)
            },
        ),
        engines=manifest.engines,
        images_a_second={} if examined is None else examined.images_a_second,
    )
