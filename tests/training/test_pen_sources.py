from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from digitmill.errors import TrainingError
from tests.training.drawn import Written, release, segment
from training.pictures import mislabelled
from training.pictures.data import DATA_SETS, Source
from training.pictures.pen_sources import PENDIGITS_FILES, UNIPEN_FOLDER, pen_sources

SEVEN: Written = [[(0, 90), (50, 90), (20, 0)], [(10, 45), (40, 45)]]
STEM: Written = [[(0, 90), (0, 0)]]
H: Written = [*STEM, [(60, 90), (60, 0)], [(0, 45), (60, 45)]]


def unipen(folder: Path) -> Source:
    (source,) = pen_sources(folder, 1, ("unipen",))
    return source


def test_pendigits_keep_their_own_test_part(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    training, test = (tmp_path / "digits" / name for name in PENDIGITS_FILES)
    training.write_text("".join(segment(str(label), [[(0, 0), (9, 90)]]) for label in range(10)) * 4)
    test.write_text(segment("5", [[(0, 0), (9, 90)]]))
    (pens,) = pen_sources(tmp_path, 1, DATA_SETS)
    (again,) = pen_sources(tmp_path, 1, DATA_SETS)
    assert pens.test is not None
    assert (pens.name, len(pens.training), len(pens.validation), len(pens.test)) == ("pendigits", 36, 4, 1)
    assert pens.test.labels.tolist() == [5]
    assert all(image.any() for image in pens.training.images)
    np.testing.assert_array_equal(pens.training.images, again.training.images)


def test_of_unipen_some_writers_are_kept_for_testing_with_all_that_they_wrote(tmp_path: Path) -> None:
    kept = []
    for number in range(40):
        data = tmp_path / str(number)
        release(data / UNIPEN_FOLDER, "abc/1.dat", f"writer {number}", [("7", SEVEN)] * 6)
        release(data / UNIPEN_FOLDER, "abc/2.dat", f"writer {number}", [("m", H)] * 6)
        source = unipen(data)
        assert source.test is not None
        kept.append(len(source.test))
        assert len(source.training) + len(source.validation) + len(source.test) == 12
    assert set(kept) == {0, 12}
    assert 1 <= kept.count(12) <= 12


def test_mislabelled_rows_are_left_out_of_training_and_validation_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mislabelled, "ROWS", {"pendigits": {5: (0, 2)}, "unipen": {7: (1, 3, 4)}})
    (tmp_path / "digits").mkdir()
    for name in PENDIGITS_FILES:
        (tmp_path / "digits" / name).write_text(segment("5", [[(0, 0), (9, 90)]]) * 12)
    release(tmp_path / UNIPEN_FOLDER, "abc/1.dat", "a", [("7", SEVEN)] * 12)
    pendigits, pens = pen_sources(tmp_path, 1, DATA_SETS)
    assert [len(source.training) + len(source.validation) for source in (pendigits, pens)] == [10, 9]
    assert pendigits.test is not None
    assert len(pendigits.test) == 12


def test_letters_are_pictures_of_no_digit_unless_a_stem_alone_is_left(tmp_path: Path) -> None:
    folder = tmp_path / UNIPEN_FOLDER
    release(folder, "abc/1.dat", "a", [("7", SEVEN)] * 12)
    release(folder, "abc/2.dat", "a", [("m", H), ("m", STEM), ("h", H)] * 12)
    source = unipen(tmp_path)
    labels = np.concatenate([source.training.labels, source.validation.labels])
    assert (np.bincount(labels, minlength=11)[[7, 10]] == 12).all()
    assert len(labels) == 24


def test_a_contributor_whose_segments_are_unsound_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / UNIPEN_FOLDER
    release(folder, "abc/1.dat", "a", [("7", SEVEN)] * 12)
    release(folder, "ibm/1.dat", "a", [("8", SEVEN)] * 12)
    assert set(unipen(tmp_path).training.labels) == {7}


def test_a_release_without_digits_is_refused(tmp_path: Path) -> None:
    (tmp_path / UNIPEN_FOLDER).mkdir()
    with pytest.raises(TrainingError, match="holds no digits"):
        unipen(tmp_path)


def test_what_is_not_there_is_told_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert pen_sources(tmp_path, 1, DATA_SETS) == []
    assert pen_sources(None, 1, DATA_SETS) == []
    assert caplog.text.count("pendigits is not in the data folder") == 2
    assert caplog.text.count("unipen is not in the data folder") == 2
    assert pen_sources(tmp_path, 1, ("mnist",)) == []
