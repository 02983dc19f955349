"""Convert a model for OpenVINO, and measure whether it then answers as Keras does."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np

from digitmill.models.engines.base import Batch, Converted, Probabilities
from digitmill.models.engines.conversion import convert
from digitmill.models.engines.openvino import OpenVinoEngine, has_bf16
from digitmill.models.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    OPENVINO_GRAPH,
    EngineAgreement,
    Manifest,
    OpenVino,
    read_manifest,
)
from digitmill.models.runtime import Model, open_model
from digitmill.settings import EngineName, PrecisionName

_log = logging.getLogger(__name__)


def convert_and_compare(folder: Path, images: Batch, threads: int) -> Manifest:
    """Write the files for OpenVINO beside ``model.keras``, and into the manifest which precisions agree with Keras.

    ``images`` uint8 [n, 28, 28] are those that were held out for validation. bf16 is compared only on a CPU that
    computes in it, and is not chosen by itself for a model without that comparison.

    Raises:
        ModelRejected: the manifest or the model cannot be used.
    """
    manifest = read_manifest(folder)
    model = open_model(manifest, folder / MODEL_FILE, threads=threads)
    files = convert(folder / MODEL_FILE, (folder / OPENVINO_GRAPH).parent, len(manifest.classes))
    expected = model.predict(images)
    precisions = [PrecisionName.F32]
    if has_bf16():
        precisions.append(PrecisionName.BF16)
    else:
        _log.warning("This CPU has no bf16 arithmetic; publish on one that has to let workers use it.")
    manifest = manifest.model_copy(
        update={
            "openvino": OpenVino(graph_sha256=_sha256(files.graph), weights_sha256=_sha256(files.weights)),
            "engines": tuple(_compare(manifest, files, each, images, expected, threads) for each in precisions),
        }
    )
    (folder / MANIFEST_FILE).write_text(manifest.to_json())
    return manifest


def table(manifest: Manifest) -> str:
    """One line for each comparison."""
    return "\n".join(
        f"{manifest.label} {each.engine} {each.precision}: {each.same_labels:,} of {each.images:,} labels as in Keras, "
        f"confidences within {each.largest_difference:.6f}: {'agrees' if each.agrees else 'does not agree'}"
        for each in manifest.engines
    )


def _compare(
    manifest: Manifest, files: Converted, precision: PrecisionName, images: Batch, expected: Probabilities, threads: int
) -> EngineAgreement:
    engine = OpenVinoEngine(files, classes=len(manifest.classes), precision=precision, threads=threads)
    answers = Model(manifest, engine).predict(images)
    return EngineAgreement(
        engine=EngineName.OPENVINO,
        precision=precision,
        images=len(images),
        same_labels=int((answers.argmax(axis=1) == expected.argmax(axis=1)).sum()),
        largest_difference=round(float(np.abs(answers.max(axis=1) - expected.max(axis=1)).max()), 6),
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
