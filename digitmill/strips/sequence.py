"""A strip read as one sequence: a network says of each column what is written there, and cuts nothing apart.

It is trained by connectionist temporal classification (Graves et al., "Connectionist temporal classification: labelling
unsegmented sequence data with recurrent neural networks", 2006). So the probability of any text is the sum over all
ways to spread it over the columns. The lattice (``lattice.py``) offers texts, and both say together which it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS
from digitmill.strips.ink import StripInk
from digitmill.strips.lattice import Numbers

Grey = NDArray[np.uint8]

HEIGHT, INK_HEIGHT = 40, 26
"""Pixels of a picture's height, and of that of the ink in it."""
SIDES = 0.45
"""Paper before and behind the ink, by its height."""
WIDEST = 720
"""Pixels of a picture's width at most; in longer strips the ink is lower."""
COLUMN = 4
"""Pixels of a picture's width for one column of the answer."""
WIDTHS = 32
"""Pictures are made wider to the next multiple: a network prepares itself for each width once."""
PAPER, LIGHTEST = 15, 220
"""Grey levels: of paper, and from there to ink."""
PAPER_SHARE, INK_SHARE = 20.0, 99.5
"""Percentiles of the grey levels that are taken for paper and for ink."""
LEAST_RANGE = 12.0
"""Grey levels between the two at least, so that noise is not made ink."""

NOTHING, MARK = 0, 1 + len(DIGITS)
"""Places among the outputs: nothing new in this column, and a mark that is no digit, as a sign, a slash or a digit that
is struck out. The digits lie between them."""
OUTPUTS = len(DIGITS) + 2
IMPOSSIBLE = -1e9


class SequenceNetwork(Protocol):
    """A network that reads strips as one sequence. ``weight``: what its log probability of a text counts for beside
    that of the lattice."""

    @property
    def weight(self) -> float: ...

    def columns(self, picture: Grey) -> NDArray[np.float32]:
        """Log probabilities float32 [columns, OUTPUTS] of a ``sequence_picture``."""


def sequence_picture(grey: Grey, ink: StripInk) -> Grey:
    """The ink's box with paper around it: uint8 [HEIGHT, width], light ink on dark, ``width`` a multiple of WIDTHS.

    Args:
        grey: uint8 [height, width] as decoded.
        ink: of ``strip_ink`` of it.
    """
    tall, long = (side / ink.scale for side in ink.picture.shape)
    scale = min(INK_HEIGHT / tall, WIDEST / (long + 2 * SIDES * tall))
    width = math.ceil((long + 2 * SIDES * tall) * scale)
    light = grey if ink.light else np.invert(grey)
    if scale < 0.7:
        window = max(1, round(0.5 / scale))
        light = np.asarray(cv2.blur(light, (window, window)), np.uint8)
    left, middle = ink.left - SIDES * tall, ink.top + tall / 2
    moved = np.array([[scale, 0, -left * scale], [0, scale, HEIGHT / 2 - middle * scale]], np.float32)
    found = cv2.warpAffine(light, moved, (width, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    low, high = np.percentile(found, (PAPER_SHARE, INK_SHARE)).tolist()
    stretched = (found.astype(np.float32) - low) / max(LEAST_RANGE, high - low) * LIGHTEST + PAPER
    wide = np.full((HEIGHT, -(-(width + COLUMN) // WIDTHS) * WIDTHS), PAPER, np.uint8)
    wide[:, :width] = np.clip(stretched, 0, 255).astype(np.uint8)
    return wide


def best_text(columns: NDArray[np.float32]) -> str:
    """The digits of the likeliest output of each column. Args: columns: float32 [columns, OUTPUTS]."""
    best = columns.argmax(axis=1)
    begun = best[np.flatnonzero(np.diff(best, prepend=NOTHING))]
    return "".join(DIGITS[place - 1] for place in begun.tolist() if NOTHING < place < MARK)


def begins_with_mark(columns: NDArray[np.float32]) -> bool:
    """Whether the likeliest outputs have a mark before the first digit. Args: columns: float32 [columns, OUTPUTS]."""
    best = columns.argmax(axis=1)
    something = best[best != NOTHING]
    return bool(len(something)) and int(something[0]) == MARK


def log_likelihoods(columns: NDArray[np.float32], texts: Sequence[str]) -> Numbers:
    """The logarithm of the probability of each text, float64 [texts]; marks may stand anywhere between the digits.

    Args:
        columns: log probabilities, float32 [columns, OUTPUTS].
        texts: of digits.
    """
    longest = max(map(len, texts), default=0)
    # the states of a text: nothing, first digit, nothing, second digit, ..., nothing
    symbols = np.full((len(texts), 2 * longest + 1), NOTHING)
    for row, text in enumerate(texts):
        symbols[row, 1 : 2 * len(text) : 2] = [1 + DIGITS.index(digit) for digit in text]
    skips = np.zeros_like(symbols, bool)
    skips[:, 3::2] = symbols[:, 3::2] != symbols[:, 1:-2:2]
    own = columns.astype(np.float64)
    own[:, NOTHING] = np.logaddexp(own[:, NOTHING], own[:, MARK])
    states = np.full(symbols.shape, IMPOSSIBLE)
    states[:, 0] = 0.0
    for column in own:
        stepped = states.copy()
        stepped[:, 1:] = np.logaddexp(stepped[:, 1:], states[:, :-1])
        stepped[:, 2:] = np.where(skips[:, 2:], np.logaddexp(stepped[:, 2:], states[:, :-2]), stepped[:, 2:])
        states = stepped + column[symbols]
    rows, ends = np.arange(len(texts)), np.array([2 * len(text) for text in texts], np.intp)
    return np.asarray(np.logaddexp(states[rows, ends], states[rows, np.maximum(ends - 1, 0)]), np.float64)
