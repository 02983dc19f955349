from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitmill.errors import TrainingError
from tests.training.drawn import digits_of
from training.pictures import mislabelled
from training.pictures.data import CLASSES, Digits, load_sources, split


@pytest.fixture(scope="module")
def arrays() -> dict[str, NDArray[np.uint8]]:
    """Arrays of MNIST's shapes: its training and its test images differ."""
    printed = digits_of(2)
    test = digits_of(1, seed=2)
    return {
        "x_train": np.tile(printed.images, (3000, 1, 1)),
        "y_train": np.tile(printed.labels, 3000),
        "x_test": np.tile(test.images, (1000, 1, 1)),
        "y_test": np.tile(test.labels, 1000),
    }


@pytest.fixture(scope="module")
def folder(arrays: dict[str, NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    np.savez(path / "mnist.npz", **arrays)  # type: ignore[arg-type]
    return path


def save_extra(folder: Path, file: str, **arrays: NDArray[np.generic]) -> None:
    (folder / "digits").mkdir(parents=True, exist_ok=True)
    np.savez(folder / "digits" / file, **arrays)  # type: ignore[arg-type]


@pytest.fixture
def _none_mislabelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of made-up data no row is known to be wrong, though the label there may be that of one that is."""
    monkeypatch.setattr(mislabelled, "ROWS", {})


@pytest.mark.usefixtures("_none_mislabelled")
def test_mnist_is_read_from_the_data_folder(
    folder: Path, arrays: dict[str, NDArray[np.uint8]], caplog: pytest.LogCaptureFixture
) -> None:
    (mnist,) = load_sources(folder, seed=1)
    assert mnist.name == "mnist"
    assert mnist.test is not None
    assert (len(mnist.training), len(mnist.validation), len(mnist.test)) == (55_000, 5_000, 10_000)
    np.testing.assert_array_equal(mnist.test.images, arrays["x_test"])
    assert "without it" in caplog.text


def test_the_other_sets_are_brought_to_mnists_form(folder: Path) -> None:
    random = np.random.default_rng(1)
    images = np.zeros((40, 16, 16), np.uint8)
    images[:, :, 6:10] = random.integers(180, 256, (40, 16, 4))
    labels = np.repeat(np.arange(10, dtype=np.uint8), 4)
    try:
        save_extra(folder, "usps_train.npz", images=images, labels=labels)
        _, usps = load_sources(folder, seed=1)
    finally:
        (folder / "digits" / "usps_train.npz").unlink()
    assert (usps.name, usps.test) == ("usps", None)
    assert len(usps.training) + len(usps.validation) == 40
    for image in usps.training.images:
        rows, columns = np.nonzero(image)
        assert rows.max() - rows.min() + 1 == 20
        assert columns.max() - columns.min() < 10


def test_mislabelled_rows_of_every_set_are_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 4)
    images = np.zeros((40, 16, 16), np.uint8)
    images[:, :, 6:10] = 200
    monkeypatch.setattr(mislabelled, "ROWS", {"mnist": {0: (0, 1), 3: (6,)}, "usps": {2: (8,), 9: (36, 37)}})
    try:
        save_extra(folder, "usps_train.npz", images=images, labels=labels)
        mnist, usps = load_sources(folder, seed=1)
    finally:
        (folder / "digits" / "usps_train.npz").unlink()
    assert len(mnist.training) + len(mnist.validation) == 60_000 - 3
    assert len(usps.training) + len(usps.validation) == 40 - 3


@pytest.mark.usefixtures("_none_mislabelled")
def test_without_a_folder_keras_downloads_mnist(
    arrays: dict[str, NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras.datasets import mnist

    halves = (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
    monkeypatch.setattr(mnist, "load_data", lambda: halves)
    (source,) = load_sources(None, seed=1)
    assert len(source.training) == 55_000


def test_an_empty_folder_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="DIGITMILL_DATA"):
        load_sources(tmp_path, seed=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"y_test": None}, "no array y_test"),
        ({"x_test": np.zeros((10_000, 28), np.uint8)}, "x_test is uint8"),
        ({"x_test": np.zeros((10_000, 28, 28), np.float32)}, "x_test is float32"),
        ({"y_test": np.zeros(9_999, np.uint8)}, "y_test is uint8"),
    ],
)
def test_arrays_that_are_not_mnist_are_refused(
    arrays: dict[str, NDArray[np.uint8]], tmp_path: Path, change: dict[str, NDArray[np.generic] | None], said: str
) -> None:
    content = {name: array for name, array in (arrays | change).items() if array is not None}
    np.savez(tmp_path / "mnist.npz", **content)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match=said):
        load_sources(tmp_path, seed=1)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mnist.npz").write_bytes(b"no archive")
    with pytest.raises(TrainingError, match=r"not an \.npz archive"):
        load_sources(tmp_path, seed=1)


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "mnist.npz", x_train=np.array([{}], dtype=object))
    with pytest.raises(TrainingError, match=r"not an \.npz archive"):
        load_sources(tmp_path, seed=1)


def numbered(labels: list[int]) -> Digits:
    """Digits whose first pixels hold their own number, so that rows can be told apart."""
    images = np.zeros((len(labels), 28, 28), np.uint8)
    numbers = np.arange(len(labels))
    images[:, 0, 0], images[:, 0, 1] = numbers % 256, numbers // 256
    return Digits(images, np.array(labels, np.uint8))


def numbers_in(digits: Digits) -> list[int]:
    return [int(image[0, 0]) + 256 * int(image[0, 1]) for image in digits.images]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=300), st.integers(2, 12), st.integers(0, 99))
def test_a_split_loses_nothing_and_holds_out_the_same_share_of_every_class(
    labels: list[int], one_in: int, seed: int
) -> None:
    training, validation = split(numbered(labels), one_in, seed)
    assert sorted(numbers_in(training) + numbers_in(validation)) == list(range(len(labels)))
    for part in (training, validation):
        assert [labels[number] for number in numbers_in(part)] == part.labels.tolist()
    for label in range(len(CLASSES)):
        held_out, all_of_it = (validation.labels == label).sum(), labels.count(label)
        assert all_of_it // one_in <= held_out <= -(-all_of_it // one_in)


def test_a_seed_decides_the_split() -> None:
    digits = numbered([label % 10 for label in range(200)])
    first, again, other = (numbers_in(split(digits, 10, seed)[1]) for seed in (1, 1, 2))
    assert first == again
    assert first != other
