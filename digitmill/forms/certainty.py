"""How likely the number of a field is right: by what the model says of its boxes, and by the strip that they make.

A field is as sure as the product of its boxes only where their errors are independent, and they are not: a hand, a
scan or a cut that misleads the model in one box does so in the next. Nor does the model know what it was not shown: a
digit before the first that left hardly any ink, or one whose bar ran along the frame. So the probability comes from
logistic regressions on drawn pages, filled in with digits that no model was trained on and that nothing is measured
with: 324 pages each of the seeds 701 and 801. ``python -m training certainty`` fits them, and proves each half of the
pages by the other. A field that its boxes alone do not make sure gets a second look by the model of numbers: at each
box, and at their row as one strip, in which it sees what spills over from box to box. The number of a strip in turn
is as sure as both models are of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

REVIEW_BELOW = 0.988
"""From here on a field is accepted, unless the job says otherwise."""
SURE_ALONE = 0.5
"""Boxes alone make a number sure where they leave no more than this share of the doubt that is allowed. Who may say yes
twice, by the first look or the second, errs more often than each of them."""
SUREST = 1e-5
"""Nearer to 0 and 1 probabilities are not told apart."""
LOST_FROM = -7.0
"""Log odds of a digit in a box taken for none up to which it is as good as none."""
SURELY_VOID = 3.0
"""Log odds of all boxes of a field holding none from which on they are as good: below, 15 of 234 fields that seemed
empty were not; above, none of 4,402 but for ink that was too faint to be seen."""
MOST_FAINT, MOST_IN_EMPTY, MOST_ABOVE, MOST_ALONG = 0.01, 0.003, 0.2, 4.0
"""Beyond these more of it is as bad."""
SHORT = 0.5
"""Digits that are higher than this share of their box are as good."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the model and the ink say of the boxes of a number.

    Attributes:
        digits: of each box with a digit, how likely its best guess is, 0 to 1.
        voids: how likely all the others hold none.
        lost: how likely that one of these that holds a digit most likely does, by the model.
        inky: whether the model takes ink in one of them for none.
        beside: ink that is too little for a stroke in the box before the first digit, see ``Trace.faint``; 1 where the
            model takes the ink there for none.
        faint: the most of it in any of the others.
        short: the least height of a digit by that of its box.
        even: the same by that of the highest.
        above: the most ink above a digit's box that is not its own, see ``Trace``.
        along: the most print taken out beside a digit, see ``Trace``.
        strange: how likely the digit that is no single digit most likely is none.
    """

    digits: Sequence[float]
    voids: float
    lost: float = 0.0
    inky: bool = False
    beside: float = 0.0
    faint: float = 0.0
    short: float = 1.0
    even: float = 1.0
    above: float = 0.0
    along: float = 0.0
    strange: float = 0.0

    @property
    def features(self) -> tuple[float, ...]:
        """Of a number, as ``FIRST`` weighs them."""
        many = len(self.digits)
        return (
            log_odds(math.prod(self.digits)),
            log_odds(min(self.digits)),
            log_odds(self.voids),
            many,
            many == 1,
            max(0.0, log_odds(self.lost) - LOST_FROM),
            self.inky,
            min(self.beside / MOST_FAINT, 1.0),
            max(0.0, SHORT - self.short),
            self.even,
            min(math.sqrt(self.above), MOST_ABOVE),
            min(self.along, MOST_ALONG),
            log_odds(self.strange),
        )

    @property
    def empty(self) -> tuple[float, float]:
        """Of a field without any digit, as ``EMPTY`` weighs them."""
        return min(log_odds(self.voids), SURELY_VOID), min(self.faint / MOST_IN_EMPTY, 1.0)


@dataclass(frozen=True, slots=True)
class Weights:
    """Of a logistic regression: ``offset``, then one of each feature."""

    offset: float
    features: tuple[float, ...]

    def probability(self, features: Sequence[float]) -> float:
        total = self.offset + sum(weight * each for weight, each in zip(self.features, features, strict=True))
        return 1 / (1 + math.exp(-total))


FIRST = Weights(
    -0.2522,
    (0.8905, -0.1022, -0.0222, 0.0927, -0.452, -0.3415, -0.534, -0.5267, -6.9206, 1.4462, -12.0205, -0.0742, 0.1271),
)
SECOND = Weights(
    0.408,
    (
        *(
            0.4396,
            0.0852,
            -0.0567,
            0.0989,
            -0.5402,
            -0.3465,
            -0.4652,
            -0.6228,
            -5.0101,
            1.0672,
            -12.0223,
            -0.1042,
            0.1403,
        ),
        *(0.0668, 0.0903, 0.7439, 0.2117, -0.0735),
    ),
)


@dataclass(frozen=True, slots=True)
class Looks:
    """How likely a number is right by what a model says of its boxes (``first``), and with what the model of numbers
    says of them as well (``second``)."""

    first: Weights
    second: Weights

    @property
    def fits(self) -> bool:
        """Whether there is a weight for each feature."""
        return [len(each.features) for each in (self.first, self.second)] == [len(FIRST.features), len(SECOND.features)]


USUAL = Looks(FIRST, SECOND)
"""Of a model whose manifest says nothing of it: fitted with ``digits@9``."""
EMPTY = Weights(3.2435, (0.8702, -2.7926))
"""Of boxes in which no digit was seen, by ``boxes@2``."""
NUMBER = Weights(-1.637, (0.6721, 0.3561, 0.65))
"""Of a strip: the log odds of its reading by ``numbers@1``, how many digits it has, and the log odds by which
``boxes@2`` has the same digits."""


def nothing(boxes: Evidence) -> float:
    """How likely nobody wrote a digit into any of the boxes."""
    return EMPTY.probability(boxes.empty)


def first_look(boxes: Evidence, looks: Looks = USUAL) -> float:
    """How likely the number is right, by its boxes alone."""
    return looks.first.probability(boxes.features)


@dataclass(frozen=True, slots=True)
class Again:
    """What the model of numbers says of the same boxes.

    Attributes:
        digits: how likely each digit is by the box's own picture, 0 to 1.
        strip: how sure it is of what it reads in the row of boxes, 0 to 1.
        same: whether that is the same number.
    """

    digits: Sequence[float]
    strip: float
    same: bool

    @property
    def features(self) -> tuple[float, ...]:
        """As ``SECOND`` weighs them behind those of Evidence."""
        odds = log_odds(self.strip)
        return (
            log_odds(math.prod(self.digits)),
            log_odds(min(self.digits)),
            self.same,
            odds if self.same else 0.0,
            0.0 if self.same else odds,
        )


def needs_second_look(confidence: float, sure_from: float) -> bool:
    """Whether a number so sure by its boxes alone is to be looked at again, where ``sure_from`` on it is accepted."""
    return 1 - confidence > SURE_ALONE * (1 - sure_from)


def second_look(boxes: Evidence, again: Again, looks: Looks = USUAL) -> float:
    """How likely the number is right where the model of numbers was asked too."""
    return looks.second.probability((*boxes.features, *again.features))


def of_number(confidence: float, digits: int, agreement: float) -> float:
    """How likely a number on a strip of a page is right, whose reader is so sure of it, 0 to 1.

    Args:
        digits: how many it has.
        agreement: how likely the model of boxes takes each of its digits for the same, 0 to 1.
    """
    return NUMBER.probability((log_odds(confidence), digits, log_odds(agreement)))


def log_odds(probability: float) -> float:
    kept = min(max(probability, SUREST), 1 - SUREST)
    return math.log(kept / (1 - kept))
