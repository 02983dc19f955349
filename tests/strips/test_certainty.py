"""How sure a number on a strip is: what is seen of its groups and of the ink between them, and what weighs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitmill.domain.columns import STATUS_CODES
from digitmill.domain.jobs import Options
from digitmill.domain.rows import NUMBER, RowStatus
from digitmill.errors import ModelRejected
from digitmill.models.manifest import Manifest, SequencePart
from digitmill.models.runtime import Model
from digitmill.readers.number import NumberReader
from digitmill.strips.certainty import (
    DROPPED_FEATURES,
    GROUP_FEATURES,
    NUMBER_FEATURES,
    SPELLED_FEATURES,
    Certainty,
    Regression,
    evidence_of,
    runs_of,
)
from digitmill.strips.lattice import ALPHABET, Lattice, Reading
from tests import numbers

Pictures = NDArray[np.uint8]
Answers = NDArray[np.float32]

CLASSES = (*ALPHABET, "several", "other")
SPANS = [(start, end) for start in range(6) for end in range(start + 1, min(start + 3, 6) + 1)]
READINGS = st.lists(st.booleans(), min_size=6, max_size=6).filter(any)


def lattice(heights: tuple[int, ...] = (20,) * 6) -> Lattice:
    """Over six segments apart, each 8 pixels wide and so high, in a strip that is 20 high."""
    starts, ends = np.array(SPANS, np.intp).T
    tops = [20 - max(heights[start:end]) for start, end in SPANS]
    boxes = np.stack([10 * starts, np.array(tops), 10 * ends - 2, np.full_like(starts, 20)], axis=1)
    return Lattice(starts, ends, boxes.astype(np.int32), np.zeros((len(SPANS), 3)), 20)


def answers(**groups: str) -> Answers:
    """What a network says that takes each group for ``other``, but those of ``groups``, "start_end" of segments."""
    found = np.full((len(SPANS), len(CLASSES)), 0.01, np.float32)
    for group, span in enumerate(SPANS):
        found[group, CLASSES.index(groups.get(f"from{span[0]}to{span[1]}", "other"))] = 0.9
    return found


def judge_of(offset: float, **weights: tuple[int, float]) -> Certainty:
    """Of which nothing is weighed but one feature each."""
    sizes = {"single": GROUP_FEATURES, "digit": GROUP_FEATURES, "dropped": DROPPED_FEATURES, "number": NUMBER_FEATURES}
    found = {}
    for name, size in sizes.items():
        place, weight = weights.get(name, (0, 0.0))
        found[name] = Regression(offset, tuple(weight * (at == place) for at in range(size)))
    return Certainty(**found)


def reading(*groups: tuple[int, int], text: str) -> Reading:
    return Reading(text, 0.9, tuple(SPANS.index(group) for group in groups))


@given(READINGS)
def test_groups_and_the_runs_between_them_hold_each_segment_once(taken: list[bool]) -> None:
    groups = [(place, place + 1) for place, own in enumerate(taken) if own]
    runs = runs_of(lattice(), reading(*groups, text="1" * len(groups)))
    held = [place for start, end in (*groups, *runs) for place in range(start, end)]
    assert sorted(held) == list(range(6))


@given(READINGS)
def test_there_is_a_number_for_each_feature_of_each_group_and_run(taken: list[bool]) -> None:
    groups = [(place, place + 1) for place, own in enumerate(taken) if own]
    best = reading(*groups, text="1" * len(groups))
    found = evidence_of(lattice(), [best], answers(), CLASSES)
    assert found.groups.shape == (len(groups), GROUP_FEATURES)
    assert found.dropped.shape == (len(runs_of(lattice(), best)), DROPPED_FEATURES)
    assert np.isfinite(found.groups).all()
    assert np.isfinite(found.dropped).all()
    assert 0 < judge_of(0.3, number=(0, 0.5)).probability(found) < 1


def test_a_group_of_two_high_strokes_apart_is_seen_to_be_so() -> None:
    seen = answers(from0to2="0")
    one = evidence_of(lattice((20, 20, 20, 20, 20, 20)), [reading((0, 2), text="0")], seen, CLASSES)
    other = evidence_of(lattice((4, 20, 20, 20, 20, 20)), [reading((0, 2), text="0")], seen, CLASSES)
    more = np.flatnonzero(one.groups[0] > other.groups[0])
    assert len(more)
    judge = judge_of(0.0, single=(int(more[-1]), -9.0), number=(2, 1.0))
    assert judge.probability(one) < judge.probability(other)


def test_a_digit_between_the_groups_is_seen() -> None:
    best = reading((0, 1), (2, 3), (3, 4), (4, 5), (5, 6), text="12345")
    lost = evidence_of(lattice(), [best], answers(from1to2="1"), CLASSES)
    sign = evidence_of(lattice(), [best], answers(from1to2="$"), CLASSES)
    differs = np.flatnonzero(lost.dropped[0] != sign.dropped[0]).tolist()
    assert differs
    place = next(at for at in differs if lost.dropped[0][at] > sign.dropped[0][at])
    judge = judge_of(0.0, dropped=(place, -1.0), number=(3, 1.0))
    assert judge.probability(lost) < judge.probability(sign)


def with_certainty(found: Certainty | None) -> Model:
    built_in = numbers.model()
    return Model(built_in.manifest.model_copy(update={"certainty": found, "sequence": None}), built_in.engine)


def confidences_of(model: Model, pictures: Sequence[Pictures]) -> list[float]:
    options = Options(read=NUMBER, review_below=0.9, alternatives=2)
    reader = NumberReader()
    opened = [reader.open(picture, options, model) for picture in pictures]
    seen = model.predict(np.stack([picture for each in opened for picture in each.pictures]))
    values = reader.close(opened, seen, options, model)
    accepted = values.statuses == STATUS_CODES[RowStatus.RECOGNIZED]
    assert accepted.tolist() == [sure >= 0.9 for sure in values.confidences[:, 0].tolist()]
    return [float(sure) for sure in values.confidences[:, 0]]


FIELDS = list(numbers.fields().values())[:3]


@pytest.mark.parametrize("offset", [5.0, -5.0])
def test_a_strip_is_as_sure_as_its_certainty_says(offset: float) -> None:
    found = confidences_of(with_certainty(judge_of(offset)), FIELDS)
    assert found == pytest.approx([1 / (1 + np.exp(-offset))] * 3, abs=1e-4)


def test_a_manifest_with_too_few_weights_is_refused() -> None:
    found = judge_of(1.0)
    manifest = numbers.model().manifest.model_copy(update={"certainty": found, "sequence": None})
    assert Manifest.parse(manifest.to_json(), "it").certainty == found
    short = replace(found, number=Regression(0.0, (1.0,)))
    with pytest.raises(ModelRejected, match="a weight for each feature"):
        Manifest.parse(manifest.model_copy(update={"certainty": short}).to_json(), "it")


def test_a_certainty_weighs_the_sequence_network_where_there_is_one_and_only_there() -> None:
    found = judge_of(1.0)
    longer = replace(found, number=Regression(0.0, (0.0,) * (NUMBER_FEATURES + SPELLED_FEATURES)))
    part = SequencePart(parameters=1, weight=1.0, graph="0" * 64, weights="1" * 64)
    fitting: list[tuple[Certainty, SequencePart | None]] = [(found, None), (longer, part)]
    for certainty, sequence in fitting:
        other = part if sequence is None else None
        manifest = numbers.model().manifest.model_copy(update={"certainty": certainty, "sequence": sequence})
        assert Manifest.parse(manifest.to_json(), "it").sequence == sequence
        with pytest.raises(ModelRejected, match="weigh the sequence network"):
            Manifest.parse(manifest.model_copy(update={"sequence": other}).to_json(), "it")


def test_what_a_sequence_network_says_is_seen() -> None:
    texts = [
        (reading((0, 1), (1, 2), text=text)._replace(spelled=np.log(sure))) for text, sure in (("12", 0.8), ("13", 0.1))
    ]
    seen = evidence_of(lattice(), texts, answers(), CLASSES).spelled
    assert seen == pytest.approx((np.log(0.8 / 0.2), np.log(0.1 / 0.9)))
    assert evidence_of(lattice(), [texts[0]._replace(spelled=None)], answers(), CLASSES).spelled == ()
