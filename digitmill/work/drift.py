"""Whether a job's images look otherwise than its owner's did before, and are doubted otherwise than the model's were.

Sums over the images of a job are kept until it is compared: how dark the ink is, how high the pictures are, what is to
review.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from digitmill.domain.jobs import READ, Job
from digitmill.domain.rows import RowStatus
from digitmill.errors import ModelError, StorageUnavailable
from digitmill.models.manifest import Manifest
from digitmill.models.registry import Registry
from digitmill.store.base import JobStore
from digitmill.store.webhook_store import drifted_event

FEWEST = 20
"""Images of a job; of fewer nothing can be told."""
PAST = 100
"""So many images of the owner's earlier jobs tell what is usual; with fewer the model's figures do."""
MOST_PIXELS = 4096
INK = 1
"""Percent of the pixels, the darkest and the lightest, beyond which specks lie; polarity does not matter."""
ONCE_SECONDS = 600
"""A job is compared once: its looks are gone then. A call that is repeated for a lost answer comes sooner."""
DRIFTING = "drift"
"""The tally of all jobs that were compared, and of those that drift."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Drift:
    """What a job is like, and what is usual. ``review`` is the share of its images that are to review, ``ink`` how far
    the ink's grey is from the paper's, of 255, ``height`` that of the pictures in pixels; the latter two are None where
    nothing is known of either side. ``past``: usual is what the owner's earlier jobs were like, else only what the
    model's test images were. ``sentence`` is empty where nothing is unusual."""

    sentence: str
    past: bool
    review: float
    usual_review: float | None
    ink: float | None = None
    usual_ink: float | None = None
    height: float | None = None
    usual_height: float | None = None


def look(grey: NDArray[np.uint8]) -> tuple[float, int]:
    """How far ink and paper of a picture are apart, 0 to 255, and its height in pixels."""
    step = max(1, math.isqrt(max(1, grey.size // MOST_PIXELS)))
    seen = grey[::step, ::step].ravel()
    # numpy's percentile takes longer than to read a small image
    specks = seen.size * INK // 100
    ordered = np.partition(seen, (specks, seen.size - 1 - specks))
    return float(ordered[-1 - specks]) - float(ordered[specks]), grey.shape[0]


def note_chunk(
    store: JobStore, job: Job, chunk: int, looks: Sequence[tuple[float, int]], counts: Mapping[str, int]
) -> None:
    """Add what was seen of a chunk's images to what is known of its job."""
    sums = {"looked": len(looks), "ink": sum(round(ink) for ink, _ in looks), "height": sum(high for _, high in looks)}
    store.tallies.note_looks(job.id, chunk, {**sums, **counts})


def note_job(store: JobStore, registry: Registry, job: Job) -> str:
    """Compare a job that has just been completed with those before, and leave word in its record. None fails for it.

    Returns the event that is due then; empty where nothing is.
    """
    if job.kind != READ or job.counts.total < FEWEST:
        return ""
    try:
        own = store.tallies.looks(job.id)
        before = store.tallies.counts(_of_owner(job))
        found = drift_of(own, before, _expected(registry, job))
        if found is None:
            return ""
        event = drifted_event(job) if found.sentence else ""
        for_endpoints = f"{job.id}:hooks:drifted" if found.sentence else ""
        store.tallies.note_drift(job.id, json.dumps(asdict(found), separators=(",", ":")), event, for_endpoints)
        store.tallies.add(_of_owner(job), job.id, own, once_seconds=ONCE_SECONDS)
        drifting = {"jobs": 1, "drifting": int(bool(found.sentence))}
        store.tallies.add(DRIFTING, job.id, drifting, once_seconds=ONCE_SECONDS)
    except (StorageUnavailable, ModelError) as error:
        _log.warning("drift_not_noted", job=job.id, reason=str(error))
        return ""
    return event


def drift_of(own: Mapping[str, int], before: Mapping[str, int], expected: float | None) -> Drift | None:
    """
    Args:
        own, before: sums of this job, and of all before: ``images``, those of each status, and ``looked``, ``ink`` and
            ``height``.
        expected: the share of the model's test images that are to review; None where it names none.
    """
    images = own.get("images", 0)
    if not images:
        return None
    past = before.get("images", 0) >= PAST
    review = own.get(RowStatus.REVIEW, 0) / images
    usual = before.get(RowStatus.REVIEW, 0) / before["images"] if past else expected
    ink, height = _mean(own, "ink"), _mean(own, "height")
    usual_ink, usual_height = (_mean(before, "ink"), _mean(before, "height")) if past else (None, None)
    words = [*_of_ink(ink, usual_ink), *_of_height(height, usual_height), *_of_review(review, usual, images)]
    sentence = f"{'; '.join(words)}." if words else ""
    return Drift(
        sentence[:1].upper() + sentence[1:], past, round(review, 6), None if usual is None else round(usual, 6),
        ink, usual_ink, height, usual_height,
    )  # fmt: skip


def _of_ink(ink: float | None, usual: float | None) -> list[str]:
    if ink is None or not usual:
        return []
    if ink < 0.7 * usual:
        return ["fainter ink than usual"]
    return ["darker ink than usual"] if ink > 1.4 * usual else []


def _of_height(height: float | None, usual: float | None) -> list[str]:
    if height is None or not usual:
        return []
    if height < usual / 1.5:
        return ["smaller pictures than usual"]
    return ["larger pictures than usual"] if height > 1.5 * usual else []


def _of_review(review: float, usual: float | None, images: int) -> list[str]:
    if usual is None:
        return []
    chance = 3 * math.sqrt(max(usual * (1 - usual), 1 / images) / images)
    if abs(review - usual) <= max(0.05, chance):
        return []
    return [f"{review:.0%} to review instead of {usual:.0%}".replace("%", " %")]


def _mean(sums: Mapping[str, int], what: str) -> float | None:
    return round(sums.get(what, 0) / sums["looked"], 1) if sums.get("looked") else None


def _expected(registry: Registry, job: Job) -> float | None:
    manifest = registry.exact(job.model)
    return _share_to_review(manifest) if job.options.calibration is None else None


def _share_to_review(manifest: Manifest) -> float | None:
    scores = (manifest.metrics.test or manifest.metrics.validation).values()
    images = sum(each.images for each in scores)
    return 1 - sum(each.coverage * each.images for each in scores) / images if images else None


def _of_owner(job: Job) -> str:
    return f"past:{job.options.read}:{job.owner}"
