"""Poses by printed marks: filled squares, crosses, and ArUco markers, which also say which of them they are.

Squares and crosses all look alike, and a page has bullets and filled boxes besides. So every two marks of the scan are
taken for the two of the template that lie farthest apart. The poses that put the others where marks are, too, are
proposed, also those upside down. The print says which is right. One mark of four may be lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.geometry import Floats, mapped
from digitmill.forms.registration.features import is_likely
from digitmill.forms.template import Marker

Grey = NDArray[np.uint8]

DICTIONARY = cv2.aruco.DICT_4X4_50
SIDE = 16
"""Pixels of the square that a mark is straightened to."""
MARGIN = 0.15
"""Room around a straightened mark, by its side."""
SMALLEST, LARGEST = 7, 90
"""Pixels of a mark's side in the reduced scan."""
ALIKE = 0.6
"""Correlation with the ideal mark."""
MOST_MARKS = 30
MOST_POSES = 8
NEAR = 0.08
"""How far a mark may lie from where two others put it, by the distance of those two: seen in perspective it does."""


def aruco_pose(grey: Grey, markers: Sequence[Marker], forth: Floats, size: tuple[int, int]) -> Floats | None:
    """The homography float[3, 3] from the reference at WORK_DPI to ``grey``; None where fewer than two are there."""
    wanted = {marker.id: mapped(forth, np.array(marker.quad)) for marker in markers if marker.kind == "aruco"}
    if len(wanted) < 2:
        return None
    corners, ids, _ = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(DICTIONARY)).detectMarkers(grey)
    names = [int(name) for name in np.ravel(ids)] if ids is not None else []
    seen = {name: np.reshape(four, (4, 2)) for name, four in zip(names, corners, strict=True) if name in wanted}
    if len(seen) < 2:
        return None
    source, target = (np.concatenate([corners[name] for name in seen]) for corners in (wanted, seen))
    pose: Floats = np.asarray(cv2.findHomography(source, target, cv2.RANSAC, 4.0)[0], np.float64)
    return pose if pose.shape == (3, 3) and is_likely(pose, size) else None


def mark_poses(ink: Grey, markers: Sequence[Marker], forth: Floats, size: tuple[int, int]) -> Iterator[Floats]:
    """Homographies float[3, 3] from the reference at WORK_DPI to the reduced scan, those with most marks first."""
    quads = [mapped(forth, np.array(marker.quad)) for marker in markers if marker.kind != "aruco"]
    if len(quads) < 3:
        return
    wanted = np.array([quad.mean(axis=0) for quad in quads])
    marks = marks_in(ink)
    if len(marks) < 3:
        return
    distinct: list[Floats] = []
    for chosen in _pairs(_similarities(wanted, marks), marks):
        if len(chosen) < 3 or len(distinct) == MOST_POSES:
            return
        pose = _pose(wanted[chosen[:, 0]], marks[chosen[:, 1]])
        if pose is None or not is_likely(pose, size):
            continue
        seen = mapped(pose, wanted)
        if all(np.abs(other - seen).max() > SMALLEST for other in distinct):
            distinct.append(seen)
            yield pose


def marks_in(ink: Grey) -> Floats:
    """Middles float[n, 2] of what looks like a filled square or a cross, the most alike first."""
    contours, _ = cv2.findContours((ink >= 128).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    middles, straight = [], []
    for contour in contours:
        (x, y), (across, down), angle = cv2.minAreaRect(contour)
        shorter, longer = sorted((across, down))
        if shorter < SMALLEST or longer > min(LARGEST, 1.8 * shorter):
            continue
        move: Floats = np.asarray(cv2.getRotationMatrix2D((x, y), angle, 1.0), np.float64)
        move[:, 2] += np.array([(0.5 + MARGIN) * across - x, (0.5 + MARGIN) * down - y])
        move = np.diag([SIDE / across, SIDE / down]) @ move / (1 + 2 * MARGIN)
        middles.append((x, y))
        straight.append(np.asarray(cv2.warpAffine(ink, move, (SIDE, SIDE)), np.uint8))
    if not middles:
        return np.empty((0, 2))
    likeness = (_shapes(straight) @ _shapes(_ideals()).T).max(axis=1)
    best = np.argsort(-likeness, kind="stable")[:MOST_MARKS]
    return np.asarray(np.array(middles)[best[likeness[best] >= ALIKE]])


def _ideals() -> tuple[Grey, Grey]:
    """A filled square and a cross with the margin that ``marks_in`` leaves around them."""
    first, last = (round(SIDE * part / (1 + 2 * MARGIN)) for part in (MARGIN, 1 + MARGIN))
    square, cross = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    square[first:last, first:last] = 255
    cross[SIDE // 2 - 1 : SIDE // 2 + 1, first:last] = 255
    cross[first:last, SIDE // 2 - 1 : SIDE // 2 + 1] = 255
    return square, cross


def _shapes(pictures: Sequence[Grey]) -> Floats:
    """Of each of n pictures its pixels, of mean 0 and length 1, so that products are correlations; float[n, pixels]."""
    levels = np.stack(pictures).reshape(len(pictures), -1).astype(float)
    levels -= levels.mean(axis=1, keepdims=True)
    return np.asarray(levels / np.maximum(np.linalg.norm(levels, axis=1, keepdims=True), 1e-9))


def _similarities(wanted: Floats, marks: Floats) -> Floats:
    """Where pairs of marks would put all that are wanted, float[pairs, n, 2], if three of them lie near marks there;
    complex numbers make it short."""
    points, places = wanted @ [1, 1j], marks @ [1, 1j]
    first, last = np.unravel_index(int(np.abs(points[:, None] - points).argmax()), (len(points), len(points)))
    one, other = (places[order] for order in np.nonzero(~np.eye(len(places), dtype=bool)))
    moved = one[:, None] + (points - points[first]) * ((other - one) / (points[last] - points[first]))[:, None]
    spread = np.hypot(np.ptp(moved.real, axis=1), np.ptp(moved.imag, axis=1))
    near = np.abs(moved[:, :, None] - places).min(axis=2) <= NEAR * spread[:, None]
    likely = moved[near.sum(axis=1) >= 3]
    return np.stack((likely.real, likely.imag), axis=2)


def _pairs(starts: Floats, marks: Floats) -> Iterator[NDArray[np.int64]]:
    """Of each of ``starts``, float[m, n, 2], the pairs int64[k, 2] of wanted and seen marks that lie close, each once;
    those with most pairs come first, of these those that lie closest in the mean."""
    distance = np.linalg.norm(starts[:, :, None] - marks, axis=3)
    reach = NEAR * np.linalg.norm(np.ptp(starts, axis=1), axis=1)
    best = distance.argmin(axis=2)
    nearest = np.take_along_axis(distance, best[:, :, None], axis=2)[:, :, 0]
    back = np.take_along_axis(distance.argmin(axis=1), best, axis=1)
    close = (nearest <= reach[:, None]) & (back == np.arange(starts.shape[1]))
    many = close.sum(axis=1)
    means = np.where(close, nearest, 0.0).sum(axis=1) / np.maximum(many, 1)
    for place in np.lexsort((means, -many)).tolist():
        wanted = np.flatnonzero(close[place])
        yield np.column_stack((wanted, best[place, wanted]))


def _pose(source: Floats, target: Floats) -> Floats | None:
    if len(source) == 3:
        affine = cv2.getAffineTransform(source.astype(np.float32), target.astype(np.float32))
        return np.vstack((affine, [0, 0, 1]))
    pose, _ = cv2.findHomography(source, target, 0)
    return None if pose is None else np.asarray(pose)
