"""Put a trained and measured model where the service finds it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from digitmill.errors import ModelRejected
from digitmill.models.manifest import Manifest, read_manifest
from digitmill.models.registry import Registry
from training.convert import convert_and_compare
from training.measuring.evaluate import METRICS_FILE, Report
from training.pictures.data import Digits
from training.reports.report import PICTURE_FILES

LARGEST_BYTES = 5_000_000
"""Models travel with the package and stay in the memory of every worker."""


def publish(folder: Path, registry: Registry, held_out: Digits, threads: int) -> Manifest:
    """Publish the run in ``folder``: its model, converted for OpenVINO too, its figures and the pictures of its report.

    ``held_out``, the digits for validation, decide which engines and precisions are fit to answer.

    Raises:
        Conflict: the version is already published.
        ModelRejected: the run was not evaluated since it was trained, or its file is too large.
    """
    draft = read_manifest(folder)
    report = _report(folder)
    if report is None or report.sha256 != draft.sha256:
        raise ModelRejected(
            f"{folder} has no figures for these weights. Run `python -m training evaluate {folder}` first."
        )
    if draft.size > LARGEST_BYTES:
        raise ModelRejected(f"{draft.label} has {draft.size:,} bytes, and {LARGEST_BYTES:,} is the limit.")
    own = {"metrics": report.metrics, "pictures": _pictures(folder)}
    manifest = convert_and_compare(folder, held_out, threads).model_copy(update=own)
    registry.publish(manifest, folder)
    return manifest


def _pictures(folder: Path) -> dict[str, str]:
    """The sha256 of each picture that ``report`` has drawn there, by its name."""
    drawn = ((name, folder / name) for name in PICTURE_FILES)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in drawn if path.is_file()}


def _report(folder: Path) -> Report | None:
    path = folder / METRICS_FILE
    return Report.model_validate_json(path.read_bytes()) if path.is_file() else None
