from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.domain.rows import DIGITS
from digitmill.errors import TrainingError
from tests.training.drawn import Written, release, segment
from training.pictures.unipen import PenCharacter, drawn, parse_unipen, read_release

POINTS = st.tuples(st.integers(-999_999, 999_999), st.integers(-999_999, 999_999))
STROKES = st.lists(st.lists(POINTS, min_size=1, max_size=8), min_size=1, max_size=4)
HEAD = '.INCLUDE  dene.doc\n\n.LEXICON "0" "1"\n.HIERARCHY  DIGIT\n\n'


def one_of(*strokes: list[tuple[int, int]], label: str = "7") -> PenCharacter:
    return parse_unipen(segment(label, list(strokes)), "file")[0]


@given(st.lists(st.tuples(st.integers(0, 9), STROKES), min_size=1, max_size=4))
def test_what_was_written_is_read_with_y_downwards(written: list[tuple[int, Written]]) -> None:
    text = HEAD + "\n".join(segment(str(label), strokes) for label, strokes in written)
    digits = parse_unipen(text, "file")
    assert [digit.label for digit in digits] == [str(label) for label, _ in written]
    for digit, (_, strokes) in zip(digits, written, strict=True):
        assert [stroke.tolist() for stroke in digit.strokes] == [[[x, -y] for x, y in stroke] for stroke in strokes]


@given(st.text(alphabet='.SEGMNTDIPU_OWC 0123456789"?-x\n', max_size=200))
def test_any_text_gives_digits_or_a_reason(text: str) -> None:
    for content in (text, segment("3", [[(1, 2)]]) + text):
        with suppress(TrainingError):
            assert parse_unipen(content, "file")


@given(st.text(alphabet='.SEGMNTDIPUHARC_OWL 0123456789"?,-x\n', max_size=200), st.booleans())
def test_any_files_of_a_release_give_characters_or_a_reason(text: str, in_segments: bool) -> None:
    with TemporaryDirectory() as folder:
        segments = release(Path(folder), "one.dat", "a", [("3", [[(1, 2)]])])
        changed = segments if in_segments else Path(folder) / "include" / "one.dat"
        changed.write_text(changed.read_text() + text)
        with suppress(TrainingError):
            assert read_release(Path(folder), segments, DIGITS)


@given(st.lists(st.tuples(st.sampled_from("0123456789aB"), STROKES), min_size=1, max_size=4))
def test_segments_of_the_release_are_made_of_the_strokes_that_they_number(
    characters: list[tuple[str, Written]],
) -> None:
    with TemporaryDirectory() as folder:
        segments = release(Path(folder), "abc/data/one.dat", "A. Hand", characters)
        found = read_release(Path(folder), segments, DIGITS)
    wanted = [(label, strokes) for label, strokes in characters if label in DIGITS]
    assert [(each.label, each.writer) for each in found] == [(label, "A. Hand") for label, _ in wanted]
    for each, (_, strokes) in zip(found, wanted, strict=True):
        assert [stroke.tolist() for stroke in each.strokes] == [[[x, -y] for x, y in stroke] for stroke in strokes]


def test_a_segment_that_ends_within_a_stroke_is_left_out_and_lists_are_read(tmp_path: Path) -> None:
    segments = release(
        tmp_path, "one.dat", "", [("1", [[(0, 0), (0, 9)]]), ("7", [[(0, 9), (5, 9)], [(2, 4), (4, 4)]])]
    )
    text = segments.read_text()
    segments.write_text(text.replace(" 0 OK", " 0:1-2 OK").replace("2-4", "2,4"))
    (seven,) = read_release(tmp_path, segments, DIGITS)
    assert (seven.label, seven.writer, len(seven.strokes)) == ("7", "one", 2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (".INCLUDE one.dat", ".INCLUDE two.dat", "is not there, though a file of segments includes it"),
        (".INCLUDE one.dat", ".INCLUDE ../data/1a/one.dat", "is not there, though a file of segments includes it"),
        ("CHARACTER 0 ", "CHARACTER 0-2 ", "strokes 0-2, which are not there"),
        ("CHARACTER 0 ", "CHARACTER 1-0 ", "strokes 1-0, which are not there"),
        ("CHARACTER 0 ", "CHARACTER 0, ", "strokes 0,, which are not there"),
    ],
)
def test_a_release_that_is_not_whole_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    segments = release(tmp_path, "one.dat", "a", [("1", [[(0, 0), (0, 9)]])])
    segments.write_text(segments.read_text().replace(old, new))
    with pytest.raises(TrainingError, match=said):
        read_release(tmp_path, segments, DIGITS)


def test_a_stroke_of_the_release_with_no_point_in_a_line_is_refused(tmp_path: Path) -> None:
    segments = release(tmp_path, "one.dat", "a", [("1", [[(0, 0), (0, 9)]])])
    ink = tmp_path / "include" / "one.dat"
    ink.write_text(ink.read_text().replace("0 9 17", "0"))
    with pytest.raises(TrainingError, match="in the place of a point"):
        read_release(tmp_path, segments, DIGITS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"no line begins with \.SEGMENT DIGIT"),
        (segment("a", [[(1, 2)]]), "labelled 'a', which is no digit"),
        (segment("12", [[(1, 2)]]), "labelled '12', which is no digit"),
        (segment("", [[(1, 2)]]), "labelled '', which is no digit"),
        (segment("4", []), "a 4 without a stroke"),
        (segment("4", [[]]), "a 4 without a stroke"),
        (segment("4", [[(1, 2)]]).replace(" 1  2", " 1"), "' 1' in the place of a point"),
        (segment("4", [[(1, 2)]]).replace(" 1  2", " 1  2e9"), "in the place of a point"),
    ],
)
def test_what_is_no_file_of_pen_digits_is_refused(text: str, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        parse_unipen(text, "file")


@given(STROKES, st.integers(0, 9))
def test_a_drawing_is_centred_with_a_margin_around_it(strokes: Written, seed: int) -> None:
    picture = drawn(one_of(*strokes), np.random.default_rng(seed))
    rows, columns = np.nonzero(picture)
    assert picture.shape == (84, 84)
    sides = np.array([[rows.min(), rows.max()], [columns.min(), columns.max()]])
    np.testing.assert_allclose(sides.mean(axis=1), 42, atol=2)
    # the pen's own width reaches into the margin, and no further
    assert sides.min() >= 6
    assert sides.max() <= 77


def test_strokes_are_not_joined() -> None:
    bars = one_of([(0, 0), (0, 100)], [(100, 0), (100, 100)])
    picture = drawn(bars, np.random.default_rng(1))
    assert picture[42, 12] > 200
    assert picture[42, 72] > 200
    assert not picture[42, 25:60].any()


def test_up_on_the_tablet_is_up_in_the_picture() -> None:
    roof = one_of([(0, 100), (100, 100)], [(50, 100), (50, 0)])
    picture = drawn(roof, np.random.default_rng(1))
    assert (picture[10:16] > 0).sum() > (picture[68:74] > 0).sum()
