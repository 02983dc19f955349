"""The pose of a page by its print: features that look alike on reference and scan, and a homography that most agree on.

First ORB with patches of 16 mm (Rublee et al., "ORB: an efficient alternative to SIFT or SURF", 2011): forms repeat
themselves, and in a smaller patch the corner of one box looks like that of any other. What it misses, SIFT (Lowe, 2004)
finds in ten times the time. Matches are the best of each other; the homography is MAGSAC++'s (Barath et al., 2020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.geometry import Floats, is_convex, mapped, quad_of

Grey = NDArray[np.uint8]

NEAR = 6.0
"""Pixels at WORK_DPI between two views of a feature: paper that bends is fitted later."""
LEAST_AGREEING = 8
SMALLEST, LARGEST = 0.2, 3.0
"""Scale of a page's sides in the reduced scan, by WORK_DPI."""


@dataclass(frozen=True)
class Features:
    """``points`` float32[n, 2] of a picture of ink, and what tells each from others, uint8 or float32[n, k]."""

    points: NDArray[np.float32]
    descriptors: NDArray[Any]


@dataclass(frozen=True)
class Agreement:
    """``pose`` float[3, 3] from a reference to a scan; ``pairs`` float[n, 2, 2] of points that look alike on both."""

    pose: Floats
    pairs: Floats


def orb(ink: Grey) -> Features:
    return _features(cv2.ORB.create(1200, patchSize=63, edgeThreshold=32, fastThreshold=12), ink)


def small_sift(ink: Grey) -> Features:
    """SIFT at half the size, in a quarter of the time."""
    small = cv2.resize(ink, (ink.shape[1] // 2, ink.shape[0] // 2), interpolation=cv2.INTER_AREA)
    found = _features(cv2.SIFT.create(600), small)
    return Features(2 * found.points + 0.5, found.descriptors)


def sift(ink: Grey) -> Features:
    return _features(cv2.SIFT.create(1000), ink)


KINDS: tuple[Callable[[Grey], Features], ...] = (orb, small_sift, sift)
"""In order of cost."""


def _features(detector: Any, ink: Any) -> Features:
    keypoints, descriptors = detector.detectAndCompute(ink, None)
    if descriptors is None:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 1), np.uint8))
    return Features(np.array([keypoint.pt for keypoint in keypoints], np.float32), np.asarray(descriptors))


def pose_by(reference: Features, scan: Features, size: tuple[int, int]) -> Agreement | None:
    """The pose that most features agree on; None where too few do, or no camera sees a page so.

    Args:
        size: width and height of the reference, in the pixels of its features.
    """
    if min(len(reference.points), len(scan.points)) < LEAST_AGREEING:
        return None
    norm = cv2.NORM_HAMMING if reference.descriptors.dtype == np.uint8 else cv2.NORM_L2
    pairs = cv2.BFMatcher(norm, crossCheck=True).match(reference.descriptors, scan.descriptors)
    if len(pairs) < LEAST_AGREEING:
        return None
    source = reference.points[[pair.queryIdx for pair in pairs]]
    target = scan.points[[pair.trainIdx for pair in pairs]]
    pose, agreeing = cv2.findHomography(source, target, cv2.USAC_MAGSAC, NEAR, maxIters=3000, confidence=0.999)
    if pose is None or int(np.sum(agreeing)) < LEAST_AGREEING or not is_likely(np.asarray(pose, np.float64), size):
        return None
    return Agreement(np.asarray(pose, np.float64), np.stack((source, target), axis=1).astype(np.float64))


def is_likely(pose: Floats, size: tuple[int, int]) -> bool:
    """Whether a pose shows the page from its front, whole, and neither tiny nor huge."""
    width, height = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    if np.any(np.column_stack((corners, np.ones(4))) @ pose[2] * pose[2, 2] <= 0):
        return False
    seen = mapped(pose, corners)
    sides = np.linalg.norm(np.roll(seen, -1, axis=0) - seen, axis=1) / (width, height, width, height)
    return is_convex(quad_of(seen)) and bool(sides.min() > SMALLEST and sides.max() < LARGEST)
