"""What registration knows of a template's reference picture. It is made once and kept for as long as pages come."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.geometry import Floats, mapped
from digitmill.forms.registration.bending import Patches, Sheet, patches_of
from digitmill.forms.registration.features import KINDS, Features
from digitmill.forms.registration.ink import WORK_DPI, ink_of, resized
from digitmill.forms.registration.parts import Parts, parts_of
from digitmill.forms.template import Template

Grey = NDArray[np.uint8]

MOST_PRINT = 4 << 20
"""Bytes of the print of boxes that are kept: of 400 boxes, as they are cut out of fine scans."""


class Prints:
    """The print of boxes, and their shade, at the sizes that they were cut out in last; the oldest go."""

    def __init__(self) -> None:
        self._held: OrderedDict[Hashable, Grey] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Grey | None:
        return self._held.get(key)

    def keep(self, key: Hashable, printed: Grey) -> None:
        before = self._held.pop(key, None)
        self._held[key] = printed
        self._bytes += printed.nbytes - (0 if before is None else before.nbytes)
        while self._bytes > MOST_PRINT:
            self._bytes -= self._held.popitem(last=False)[1].nbytes


class Reference:
    """A template with its picture.

    Attributes:
        template: the template.
        picture: its reference picture, uint8 [height, width].
        back: homography float[3, 3] from pixels at WORK_DPI to pixels of the reference.
        forth: the other way round.
        ink: the picture's ink at WORK_DPI, uint8 [height, width].
        boxes: middles of the boxes of all fields at WORK_DPI, float[m, 2].
        prints: the ink of the picture at its boxes, as ``cutting.py`` cuts them out.
    """

    def __init__(self, template: Template, picture: Grey) -> None:
        """Args: picture: uint8 [height, width], the size that the template says.

        Raises:
            ValueError: the picture has another size.
        """
        if picture.shape != (template.page.height, template.page.width):
            raise ValueError(f"the picture of {template.label} is not {template.page.width} x {template.page.height}")
        self.template, self.picture, self.prints = template, picture, Prints()
        small, self.back = resized(picture, WORK_DPI / template.page.dpi)
        self.forth: Floats = np.linalg.inv(self.back)
        self.ink = ink_of(small)
        quads = [quad for field in template.fields for quad in field.quads]
        self.boxes = mapped(self.forth, np.array(quads).mean(axis=1))
        height, width = self.ink.shape
        self.size = (width, height)
        self.sheet = Sheet(width, height)
        self.patches: Patches = patches_of(self.ink, self.boxes)
        self.parts: Parts = parts_of(template, self.ink, self.forth)
        even = self.ink[: height // 2 * 2, : width // 2 * 2]
        self.half: Grey = np.asarray(cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
        self.weights = self.sheet.weights(self.patches.centres.astype(float))

    @cached_property
    def features(self) -> tuple[Features, ...]:
        """Its features of each of KINDS."""
        return tuple(kind(self.ink) for kind in KINDS)
