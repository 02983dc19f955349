"""Convert a model for OpenVINO, quantise it, and measure whether it then answers as Keras does."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np

from digitmill.models.engines.base import Batch, Converted, Probabilities
from digitmill.models.engines.conversion import convert
from digitmill.models.engines.openvino import has_bf16
from digitmill.models.engines.quantisation import quantise_apart
from digitmill.models.manifest import (
    INT8_GRAPH,
    INT8_WEIGHTS,
    MANIFEST_FILE,
    MODEL_FILE,
    OPENVINO_GRAPH,
    EngineAgreement,
    Manifest,
    openvino_artifact,
    read_manifest,
)
from digitmill.models.runtime import open_converted, open_model
from digitmill.settings import EngineName, PrecisionName
from training.drawn.augment import augment
from training.non_digits import non_digits
from training.pictures.data import Digits

SCANS, OTHERS = 1000, 200
"""Pictures from which the ranges of int8 are taken: of digits, and of none."""
SCAN_SHARE = 0.6

_log = logging.getLogger(__name__)


def convert_and_compare(folder: Path, held_out: Digits, threads: int) -> Manifest:
    """Write the files for OpenVINO beside ``model.keras``, and into the manifest which precisions agree with Keras.

    ``held_out`` are the digits for validation: the answers to them are compared, and the ranges of int8 are taken from
    scans drawn of them. bf16 is compared only on a CPU that computes in it, and is not chosen by itself for a model
    without that comparison.

    Raises:
        ModelRejected: the manifest or the model cannot be used.
    """
    manifest = read_manifest(folder)
    model = open_model(manifest, folder / MODEL_FILE, threads=threads)
    files = convert(folder / MODEL_FILE, (folder / OPENVINO_GRAPH).parent, len(manifest.classes))
    int8 = quantise_apart(files, Converted(folder / INT8_GRAPH, folder / INT8_WEIGHTS), pictures_for_ranges(held_out))
    expected = model.predict(held_out.images)
    precisions = [PrecisionName.F32, PrecisionName.INT8]
    if has_bf16():
        precisions.append(PrecisionName.BF16)
    else:
        _log.warning("This CPU has no bf16 arithmetic; publish on one that has to let workers use it.")
    manifest = manifest.model_copy(
        update={
            "artifacts": {
                EngineName.OPENVINO: {
                    PrecisionName.F32: checksums(files, PrecisionName.F32),
                    PrecisionName.INT8: checksums(int8, PrecisionName.INT8),
                }
            },
            "engines": tuple(
                agreement(
                    open_converted(manifest, files, int8, precision=each, threads=threads).predict(held_out.images),
                    expected,
                    each,
                )
                for each in precisions
            ),
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


def pictures_for_ranges(digits: Digits) -> Batch:
    """What a model meets at work, uint8 [n, 28, 28]: digits as they come and as scans, and pictures of no digit."""
    rows = np.linspace(0, len(digits) - 1, SCANS).astype(np.intp)
    drawn = augment(digits[rows], (SCANS, OTHERS), SCAN_SHARE).images
    return np.concatenate([drawn, non_digits(digits, OTHERS, (OTHERS, SCANS)).images])


def agreement(answers: Probabilities, expected: Probabilities, precision: PrecisionName) -> EngineAgreement:
    """How the ``answers`` of OpenVINO [n, classes] compare with those of Keras."""
    return EngineAgreement(
        engine=EngineName.OPENVINO,
        precision=precision,
        images=len(answers),
        same_labels=int((answers.argmax(axis=1) == expected.argmax(axis=1)).sum()),
        largest_difference=round(float(np.abs(answers.max(axis=1) - expected.max(axis=1)).max()), 6),
    )


def checksums(files: Converted, precision: PrecisionName) -> dict[str, str]:
    """What a manifest says of the ``files``."""
    return openvino_artifact(_sha256(files.graph), _sha256(files.weights), precision)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
