"""Registration of a page: a first pose, then how its paper bends, then how well all of it fits.

The first pose comes from markers, a code, or the print, and is only proposed. The one that shows the reference's print
where it should be is taken. A page where none does is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.geometry import Floats, mapped
from digitmill.forms.registration.bending import REACH, Found, Level, fitted, found_in, straightened
from digitmill.forms.registration.codes import Read, codes_in, pose_of
from digitmill.forms.registration.features import KINDS, Features, is_likely, pose_by
from digitmill.forms.registration.ink import ink_of, resized
from digitmill.forms.registration.markers import aruco_pose, mark_poses
from digitmill.forms.registration.parts import likeness_of
from digitmill.forms.registration.reference import Reference

Grey = NDArray[np.uint8]

WORK_LENGTH = 1300
"""Pixels of a scan's longer side while the page's place in it is unknown: A4 at 110 dots per inch."""
MOST_LENGTH = 4400
"""Pixels of a page's longer side that are kept: A4 at 375 dots per inch. Boxes are cut out with no more, and a worker
that holds some pages at 600 would need four times the memory."""
SMALLEST_PAGE = 100
"""Pixels of a reduced scan's shorter side: nobody reads a smaller page."""
SURE = 0.7
"""Score from which on no other pose is tried. A drawn page half of which lay two boxes off had 0.60."""
FITTING = 0.4
"""Score of a page that is taken for the template's. Of drawn captures of other forms none had more than 0.10."""
AT_ITS_PLACE = 0.3
"""Likeness of a field's own print from which on the field is read."""
SCORED = 100
"""Patches that are asked for the score."""
HOPELESS = 0.12
"""Mean likeness after the first look at which a proposed pose is given up."""

FAR = Level(half=True, search=48, spreads=(), stiffness=(0, 0), patches=60)
CLEAR_AFAR, LEAST_CLEAR_AFAR = 0.4, 8
"""Likeness from which on a patch that was looked for far around counts as found, and how many of them make a pose."""
CLEAR, LEAST_CLEAR, NEAR, MOST_OF_THEM = 0.6, 40, 2.0, 0.9
"""Where so many patches were clearly found, and of these such a share lies within so many pixels at WORK_DPI of what
was fitted to them, as on paper that lies flat, the last look alone finds the rest."""
PLAIN = 0.8
"""Mean likeness at a glance from which on no other pose is looked at. On drawn captures the best one had 0.79 to 0.95,
and of the others one had more than 0.76: 0.81, and as good a score once the paper was followed."""
GLANCE = Level(half=True, search=24, spreads=(), stiffness=(0, 0), patches=50)
FARTHEST = 100.0
"""Pixels at WORK_DPI, 25 mm, that paper may lie away from where the pose alone has it."""
BY_FEATURES = Level(half=False, search=0, spreads=(40, 20, 10, 5), stiffness=(3.0, 0.03), patches=0)
LEVELS = (
    Level(half=True, search=24, spreads=(12, 6, 3), stiffness=(1.0, 0.01), patches=120),
    Level(half=False, search=8, spreads=(3, 1.5), stiffness=(0.05, 0.0005), patches=200),
    Level(half=False, search=4, spreads=(2, 1), stiffness=(0.0125, 0.0001), patches=200),
)
"""Paper 8 times as soft in the first round followed a wrong pose so far that its page was accepted."""


class Scan:
    """A page, uint8 [height, width], 0 black to 255 white. What more than one template asks for is kept.

    Attributes:
        picture: as it came, or smaller, where that has more pixels than boxes are cut out with.
        whole: homography float[3, 3] from ``picture`` to the page as it came.
        small: the page reduced to WORK_LENGTH.
        back: homography float[3, 3] from ``small`` to ``picture``.
        ink: the ink of ``small``.
    """

    def __init__(self, picture: Grey) -> None:
        if max(picture.shape) > MOST_LENGTH:
            self.picture, self.whole = resized(picture, MOST_LENGTH / max(picture.shape))
        else:
            self.picture, self.whole = picture, np.eye(3)
        picture = self.picture
        self.small, self.back = resized(picture, min(1.0, WORK_LENGTH / max(picture.shape)))
        self.ink = ink_of(self.small)
        self._features: dict[int, Features] = {}
        self._codes: list[Read] | None = None

    def features(self, kind: int) -> Features:
        """Its features of one of KINDS."""
        if kind not in self._features:
            self._features[kind] = KINDS[kind](self.ink)
        return self._features[kind]

    @property
    def codes(self) -> list[Read]:
        """Its codes, in the pixels of ``picture``."""
        if self._codes is None:
            self._codes = codes_in(self.picture)
        return self._codes


@dataclass(frozen=True)
class Proposal:
    """A first pose float[3, 3] from a reference at WORK_DPI to a reduced scan.

    Attributes:
        method: how it was found.
        pairs: float[n, 2, 2], points that look alike on both, where features are known.
    """

    method: str
    pose: Floats
    pairs: Floats | None = None


@dataclass(frozen=True)
class Registration:
    """Where a scan shows a reference.

    Attributes:
        reference: the template and its picture.
        method: ``markers``, ``code`` or ``print``: what the page was found by.
        score: share of the reference's print that is where it should be, 0 to 1.
        likeness: float[parts], how much the print at each part of a field looks like the reference's, -1 to 1.
    """

    reference: Reference
    method: str
    score: float
    likeness: Floats
    scan: Scan
    pose: Floats
    bend: Floats

    def map(self, points: Floats) -> Floats:
        """Points float[n, 2] of the reference as points of the scan as it came, with the paper's bend."""
        return mapped(self.scan.whole, self.seen(points))

    def seen(self, points: Floats) -> Floats:
        """The same as points of the picture that the scan keeps."""
        flat = mapped(self.reference.forth, points)
        bent = flat + self.reference.sheet.weights(flat) @ self.bend
        return mapped(self.scan.back, mapped(self.pose, bent))

    @property
    def corners(self) -> Floats:
        """The reference's TL TR BR BL in the scan's pixels, float[4, 2]."""
        page = self.reference.template.page
        return self.map(np.array([[0, 0], [page.width, 0], [page.width, page.height], [0, page.height]], float))

    def is_at_its_place(self, field: int, least: float = AT_ITS_PLACE) -> bool:
        """Whether the field of this number was found itself: else it is not read, though its page is.

        One without print around it is where the page's other print says, if that fits surely.
        """
        parts = self.reference.parts
        own = self.likeness[(parts.fields == field) & parts.print.any(axis=1)]
        return bool(own.min() >= least) if own.size else self.score >= SURE


def registered(scan: Scan, reference: Reference, kinds: int = len(KINDS)) -> Registration | None:
    """The reference on the scan by the first proposal that fits well, or the best that fits; None where none does.

    Args:
        kinds: how many of KINDS of features are tried, from the cheapest on.
    """
    best: Registration | None = None
    if min(scan.small.shape) < SMALLEST_PAGE:
        return None
    for proposal in _proposals(scan, reference, kinds):
        one = _followed(scan, reference, proposal)
        if one is not None and (best is None or one.score > best.score):
            best = one
        if best is not None and best.score >= SURE:
            break
    return best if best is not None and best.score >= FITTING else None


def _proposals(scan: Scan, reference: Reference, kinds: int) -> Iterator[Proposal]:
    """First poses by the methods that the template allows, the cheapest and surest first."""
    options = reference.template.registration
    if options.markers and options.method in ("auto", "markers"):
        pose = aruco_pose(scan.small, options.markers, reference.forth, reference.size)
        poses = mark_poses(scan.ink, options.markers, reference.forth, reference.size)
        if pose is not None:
            yield Proposal("markers", pose)
        else:
            yield from _best_first(scan, reference, poses)
    if options.code and options.method in ("auto", "code"):
        yield from _by_code(scan, reference)
    if options.method in ("auto", "print"):
        for kind in range(kinds):
            found = pose_by(reference.features[kind], scan.features(kind), reference.size)
            if found is None:
                continue
            yield Proposal("print", found.pose, found.pairs)
            # where the reference is another printing, or has writing of its own, features agree on a part of the page
            better = refined(scan, reference, found.pose)
            if better is not None:
                yield Proposal("print", better, found.pairs)


def _best_first(scan: Scan, reference: Reference, poses: Iterator[Floats]) -> Iterator[Proposal]:
    """Poses by marks, which look alike upside down: after a glance, the one that shows most of the print first."""
    seen: list[tuple[float, Floats]] = []
    for pose in poses:
        likeness = float(_look(reference, _flat(scan, reference, pose), GLANCE).likeness.mean())
        seen.append((likeness, pose))
        if likeness >= PLAIN:
            break
    for _, pose in sorted(seen, key=lambda one: -one[0]):
        yield Proposal("markers", pose)
    for pose in poses:
        yield Proposal("markers", pose)


def _by_code(scan: Scan, reference: Reference) -> Iterator[Proposal]:
    """The pose of the template's code, after patches of print all over the page have been looked for far around."""
    code = reference.template.registration.code
    for read in scan.codes:
        if code is None or not code.fits(read.text):
            continue
        pose = pose_of(read, np.array(code.quad))
        if pose is None:
            continue
        pose = np.linalg.inv(scan.back) @ pose @ reference.back
        if not is_likely(pose, reference.size):
            continue
        better = refined(scan, reference, pose)
        if better is not None:
            yield Proposal("code", better)


def refined(scan: Scan, reference: Reference, pose: Floats) -> Floats | None:
    """A better pose, by patches of print all over the page that are looked for far around.

    Args:
        pose: float[3, 3] from the reference at WORK_DPI to the reduced scan, wrong by 48 pixels there at most.

    Returns: the same kind of pose; None where too few patches are found.
    """
    found = _look(reference, _flat(scan, reference, pose), FAR)
    centres = reference.patches.centres[: len(found.shifts)].astype(float)
    clear = found.likeness > CLEAR_AFAR
    if clear.sum() < LEAST_CLEAR_AFAR:
        return None
    move = np.asarray(cv2.findHomography(centres[clear], (centres + found.shifts)[clear], cv2.USAC_MAGSAC, 4.0)[0])
    return pose @ move if move.shape == (3, 3) and is_likely(pose @ move, reference.size) else None


def _followed(scan: Scan, reference: Reference, proposal: Proposal) -> Registration | None:
    """Follows the paper from a proposed pose; None where the first look finds hardly anything."""
    sheet, pose = reference.sheet, proposal.pose
    bend = sheet.flat() if proposal.pairs is None else _bend_by(pose, proposal.pairs, reference)
    close = False
    for level in LEVELS:
        if close and level is LEVELS[1]:
            continue
        scale = 0.5 if level.half else 1.0
        found = _look(reference, straightened(scan.ink, pose, sheet, bend, reference.size, scale), level)
        if level is LEVELS[0] and found.likeness.mean() < HOPELESS:
            return None
        many = len(found.likeness)
        weights, tensors = reference.weights[:many], reference.patches.tensors[:many]
        places = reference.patches.centres[:many].astype(float)
        trust = np.clip(found.likeness - 0.3, 0, None) ** 2 * 4
        targets = weights @ bend + found.shifts
        bend = fitted(sheet, places, tensors, targets, trust, level, bend)
        off = np.abs(weights @ bend - targets)[found.likeness >= CLEAR].max(axis=1)
        close = len(off) >= LEAST_CLEAR and float(np.mean(off < NEAR)) >= MOST_OF_THEM
    seen = straightened(scan.ink, pose, sheet, bend, reference.size)
    score = float(found_in(reference.ink, seen, reference.patches.centres[:SCORED], 2, REACH).likeness.mean())
    likeness = likeness_of(reference.parts, seen)
    return Registration(reference, proposal.method, max(score, 0.0), likeness, scan, pose, bend)


def _bend_by(pose: Floats, pairs: Floats, reference: Reference) -> Floats:
    """A first bend by features that the pose alone does not bring together."""
    sheet = reference.sheet
    targets = mapped(np.linalg.inv(pose), pairs[:, 1]) - pairs[:, 0]
    near = np.abs(targets).max(axis=1) < FARTHEST
    places, targets = pairs[near, 0], targets[near]
    tensors = np.broadcast_to(np.eye(2), (len(targets), 2, 2))
    return fitted(sheet, places, tensors, targets, np.ones(len(targets)), BY_FEATURES, sheet.flat())


def _flat(scan: Scan, reference: Reference, pose: Floats) -> Grey:
    """The scan at half size, as a pose alone shows it."""
    return straightened(scan.ink, pose, reference.sheet, reference.sheet.flat(), reference.size, 0.5)


def _look(reference: Reference, seen: Grey, level: Level) -> Found:
    """Args: seen: the straightened scan, of the size that the level looks at."""
    centres = reference.patches.centres[: level.patches]
    if not level.half:
        return found_in(reference.ink, seen, centres, level.search, REACH)
    found = found_in(reference.half, seen, centres // 2, level.search // 2, REACH // 2)
    return Found(2 * found.shifts, found.likeness)
