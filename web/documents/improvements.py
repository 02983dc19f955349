"""The documents of models that were improved by what people answered: figures before and after."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from digitmill.domain.page_documents import Count, Probability


class ErrorShare(TypedDict):
    """How many of the accepted rows are wrong, and between which shares that lies (Clopper-Pearson, 95 %); `most` is
    what was asked for."""

    most: Probability
    accepted: Count
    wrong: Count
    low: Probability
    high: Probability


class OwnFigures(TypedDict):
    """How held-out rows of your own are read. `acceptable` is the share of them, the surest first, of which at most
    0.2 % are wrong, with its interval of 95 %; `accepted` the share that is at the threshold or surer, and `error` how
    many of those are wrong."""

    images: Count
    right: Probability
    acceptable: Probability
    acceptable_low: Probability
    acceptable_high: Probability
    accepted: Probability
    error: ErrorShare


class KnownFigures(TypedDict):
    """How pictures are read that the model before could read: the share `right`, the share `accepted`, and how many of
    the accepted are `wrong`."""

    images: Count
    right: Probability
    accepted: Probability
    wrong: Count


class ReferenceFigures(KnownFigures):
    """Of the reference pictures, among them some of no digit."""

    non_digits_accepted: Probability


class OwnCompared(TypedDict):
    """`calibrated` is the model before with the `calibration`; `after` is there where it was trained on."""

    before: OwnFigures
    calibrated: OwnFigures
    after: NotRequired[OwnFigures]


class ReferenceCompared(TypedDict):
    """The reference pictures, before and after."""

    before: ReferenceFigures
    after: NotRequired[ReferenceFigures]


class KnownCompared(TypedDict):
    """MNIST's test part, before and after."""

    before: KnownFigures
    after: NotRequired[KnownFigures]


class FoundRule(TypedDict):
    """A temperature and a threshold for rows such as these."""

    temperature: float
    review_below: Probability


class Improvement(TypedDict):
    """What came of a model that was improved: rows and scans that were sent, how many were learnt from and held out, by
    scans; the share of the `way` to the new weights that was gone; figures before and after. `own_holds` and
    `reference_holds` say whether more of your own rows can be accepted, and whether nothing was lost of the others.
    `mnist` is null where nothing was learnt.
    `suggestion` is `publish`, `calibrate` or `keep`. `temperature`, `review_below` and `doubtful_cut` are what the
    network was measured with: a card to publish it by should name them. The temperature is that of the model before,
    `review_below` as high as `review_below_before` or higher: so high that at most 0.2 % of the accepted rows of your
    own are expected to be wrong. What it accepts of `own` was counted in parts, each by a threshold that the others
    gave."""

    method: Literal["fine_tuned", "calibrated"]
    in_time: bool
    model: str
    rows: Count
    scans: Count
    learnt: Count
    held_out: Count
    left_out: dict[str, int]
    way: Probability
    temperature: float
    review_below: Probability
    review_below_before: NotRequired[Probability]
    doubtful_cut: Probability
    own: OwnCompared
    reference: ReferenceCompared
    mnist: KnownCompared | None
    calibration: FoundRule
    own_holds: bool
    reference_holds: bool
    suggestion: Literal["publish", "calibrate", "keep"]
