from __future__ import annotations

import csv
import gzip
import zipfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import training.pictures.sources
from digitmill.domain.jobs import Polarity
from digitmill.errors import TrainingError
from digitmill.settings import Settings
from tests.training.drawn import digits_of, source_of
from tests.training.test_idx import idx_of
from training.config import Config
from training.pictures.data import Digits, Source
from training.pictures.labelled import Item, Labelled, collect
from training.pictures.prepare import prepare, tables
from training.pictures.sources import name_of, read_labelled, sources_of

PRINTED = digits_of(3)
PIXELS = 50_000_000


def read(path: Path, polarity: Polarity = Polarity.AUTO) -> Labelled:
    return read_labelled(path, polarity, PIXELS)


def different(each: int, seed: int) -> Digits:
    """``each`` pictures of every digit, no two alike."""
    printed = digits_of(each, seed=seed)
    grey = (printed.images > 20) & (printed.images < 250)
    lighter = np.random.default_rng(seed).integers(0, 9, printed.images.shape, np.uint8)
    return Digits(printed.images - grey * lighter, printed.labels)


def scan(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A larger picture of ``image``, dark on light."""
    return np.invert(cv2.resize(np.pad(image, 6), None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR))


def save(path: Path, image: NDArray[np.uint8]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path.name


def class_folders(folder: Path, digits: Digits = PRINTED) -> Path:
    for number, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        save(folder / str(label) / f"{number:03}.png", scan(image))
    return folder


def listing(folder: Path, rows: Sequence[tuple[str, str]], head: tuple[str, str] = ("name", "label")) -> None:
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def zipped(folder: Path, inside: str = "") -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, inside + str(file.relative_to(folder)))
    return path


def save_idx(folder: Path, part: str, digits: Digits, ending: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    for kind, array in (("images-idx3", digits.images), ("labels-idx1", digits.labels)):
        data = idx_of(array)
        (folder / f"{part}-{kind}-ubyte{ending}").write_bytes(gzip.compress(data) if ending else data)
    return folder / f"{part}-images-idx3-ubyte{ending}"


def test_a_folder_for_each_digit_is_read_in_a_zip_as_well(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "mine")
    (folder / "5" / "broken.png").write_bytes(b"no image")
    save(folder / "5" / "blank.png", np.full((40, 40), 255, np.uint8))
    save(folder / "letters" / "a.png", scan(PRINTED.images[0]))
    (folder / "5" / ".DS_Store").write_bytes(b"litter")
    labelled = read(folder)
    assert labelled.digits.labels.tolist() == PRINTED.labels.tolist()
    assert labelled.left_out == {
        "no ink": ["5/blank.png"],
        "not_an_image": ["5/broken.png"],
        "the label 'letters' is no digit": ["letters/a.png"],
    }
    for path in (zipped(folder), zipped(folder, "mine/")):
        np.testing.assert_array_equal(read(path).digits.images, labelled.digits.images)


def test_pictures_of_a_source_become_what_a_worker_would_make_of_them(tmp_path: Path) -> None:
    labelled = read(class_folders(tmp_path))
    difference = np.abs(labelled.digits.images.astype(int) - PRINTED.images).mean()
    assert difference < 12
    assert labelled.digits.images.dtype == np.uint8


def test_folders_train_and_test_part_a_set(tmp_path: Path) -> None:
    class_folders(tmp_path / "training", PRINTED[slice(0, 20)])
    class_folders(tmp_path / "testing", PRINTED[slice(20, 30)])
    labelled = read(tmp_path)
    assert sorted(labelled.digits.labels[labelled.test]) == PRINTED.labels[20:].tolist()
    assert (~labelled.test).sum() == 20


def test_a_listing_names_images_and_labels(tmp_path: Path) -> None:
    names = [save(tmp_path / f"{row}.png", scan(image)) for row, image in enumerate(PRINTED.images[:4])]
    save(tmp_path / "other" / "deep.png", scan(PRINTED.images[4]))
    save(tmp_path / "unlisted.png", scan(PRINTED.images[5]))
    rows = [(names[0], "0"), (names[1], " 0 "), (names[2], "blank"), (names[3], ""), ("gone.png", "3")]
    listing(tmp_path, [*rows, ("other\\deep.png", "1")])
    for path in (tmp_path, tmp_path / "labels.csv"):
        labelled = read(path)
        assert labelled.digits.labels.tolist() == [0, 0, 1]
        assert labelled.left_out == {
            "the label 'blank' is no digit": ["2.png"],
            "the label '' is no digit": ["3.png"],
            "in labels.csv, but there is no such file": ["gone.png"],
            "not in labels.csv": ["unlisted.png"],
        }


def test_a_listing_may_name_a_page_of_a_tiff(tmp_path: Path) -> None:
    pages = [Image.fromarray(scan(image)) for image in PRINTED.images[[0, 3, 6]]]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    listing(tmp_path, [("scan.tif#2", "1"), ("scan.tif#3", "2")])
    labelled = read(tmp_path)
    assert labelled.digits.labels.tolist() == [1, 2]
    whole = read(class_folders(tmp_path / "classes", PRINTED[np.array([3, 6])]))
    np.testing.assert_array_equal(labelled.digits.images, whole.digits.images)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"file,label\n1.png,3\n", "no column name"), (b"", "no column name"), (b"name,label\n\xff,1\n", "UTF-8")],
)
def test_a_listing_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(TrainingError, match=said):
        read(tmp_path)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files_are_read_alone_or_as_a_folder_with_a_test_part(tmp_path: Path, ending: str) -> None:
    images = save_idx(tmp_path, "train", PRINTED[slice(0, 20)], ending)
    save_idx(tmp_path, "t10k", PRINTED[slice(20, 30)], ending)
    assert read(images).digits.labels.tolist() == PRINTED.labels[:20].tolist()
    labelled = read(tmp_path)
    assert labelled.digits.labels[labelled.test].tolist() == PRINTED.labels[20:].tolist()
    np.testing.assert_array_equal(labelled.digits.images[~labelled.test], PRINTED.images[:20])


def test_idx_images_without_labels_or_with_too_few_are_refused(tmp_path: Path) -> None:
    images = save_idx(tmp_path, "train", PRINTED)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(idx_of(PRINTED.labels[1:]))
    with pytest.raises(TrainingError, match="belong together"):
        read(images)
    labels.unlink()
    with pytest.raises(TrainingError, match="train-labels-idx1-ubyte into the same folder"):
        read(images)


def test_archives_of_arrays_are_read_by_their_names(tmp_path: Path) -> None:
    first, last = PRINTED[slice(0, 20)], PRINTED[slice(20, 30)]
    np.savez(tmp_path / "plain.npz", images=PRINTED.images, labels=PRINTED.labels.astype(np.int64))
    np.savez(
        tmp_path / "halves.npz", x_train=first.images, y_train=first.labels, x_test=last.images, y_test=last.labels
    )
    assert read(tmp_path / "plain.npz").digits.labels.tolist() == PRINTED.labels.tolist()
    halves = read(tmp_path / "halves.npz")
    assert halves.digits.labels[halves.test].tolist() == last.labels.tolist()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": PRINTED.images}, "It needs images and labels"),
        ({"images": PRINTED.images / 255, "labels": PRINTED.labels}, "float64.*must be uint8"),
        ({"images": PRINTED.images, "labels": PRINTED.labels[1:]}, "belong together"),
        ({"images": PRINTED.images, "labels": PRINTED.labels / 2}, "belong together"),
        ({"images": PRINTED.images[:0], "labels": PRINTED.labels[:0]}, "no digit to learn from"),
        ({"images": PRINTED.images, "labels": PRINTED.labels, "normaliser": np.uint16(9999)}, "Prepare it again"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused(
    tmp_path: Path, arrays: dict[str, NDArray[np.generic]], said: str
) -> None:
    np.savez(tmp_path / "data.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match=said):
        read(tmp_path / "data.npz")


@pytest.mark.parametrize("name", ["nothing", "text.txt", "empty", "broken.zip", "broken.npz"])
def test_what_is_no_source_is_answered_with_what_is_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    for file in ("text.txt", "broken.zip", "broken.npz"):
        (tmp_path / file).write_text("text")
    with pytest.raises(TrainingError, match="Name"):
        read(tmp_path / name)


def test_what_was_prepared_is_read_back_as_it_was_and_is_the_same_file_each_time(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "mine")
    save(folder / "4" / "blank.png", np.full((40, 40), 255, np.uint8))
    labelled = prepare(folder, tmp_path / "one.npz", Polarity.AUTO, PIXELS)
    prepare(folder, tmp_path / "two.npz", Polarity.AUTO, PIXELS)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    again = read(tmp_path / "one.npz", Polarity.DARK_ON_LIGHT)
    np.testing.assert_array_equal(again.digits.images, labelled.digits.images)
    np.testing.assert_array_equal(again.digits.labels, labelled.digits.labels)
    assert [table.row_count for table in tables(labelled, folder)] == [11, 1]


def test_a_prepared_file_is_named_npz(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"must end in \.npz"):
        prepare(class_folders(tmp_path / "mine"), tmp_path / "mine.zip", Polarity.AUTO, PIXELS)


def test_of_equal_pictures_one_is_kept() -> None:
    image = PRINTED.images[0]
    items = [Item("a", "0", image), Item("b", "0", image.copy()), Item("c", "6", image.copy())]
    labelled = collect(items, Polarity.AUTO, "source")
    assert len(labelled.digits) == 1
    assert labelled.left_out == {
        "the same picture as another": ["b"],
        "the same picture as another, with another label": ["c"],
    }


@given(st.lists(st.tuples(st.sampled_from(["0", "7", "x", ""]), st.integers(-2, 29)), max_size=40))
def test_every_picture_is_kept_or_left_out_for_a_reason(rows: list[tuple[str, int]]) -> None:
    pictures = {-1: "broken", -2: np.zeros((28, 28), np.uint8)}
    items = [
        Item(str(number), label, pictures.get(row, PRINTED.images[row])) for number, (label, row) in enumerate(rows)
    ]
    # one that is kept in any case, as a source without any is refused
    items.append(Item("last", "5", PRINTED.images[15]))
    labelled = collect(items, Polarity.LIGHT_ON_DARK, "source")
    left_out = [name for names in labelled.left_out.values() for name in names]
    assert len(labelled.digits) + len(left_out) == len(items)
    assert len(set(left_out)) == len(left_out)
    assert len({image.tobytes() for image in labelled.digits.images}) == len(labelled.digits)


@pytest.fixture
def mnist(monkeypatch: pytest.MonkeyPatch) -> Source:
    """Stands for the built-in data sets."""
    source = source_of("mnist", 3, test=digits_of(1, seed=9))
    monkeypatch.setattr(training.pictures.sources, "load_sources", lambda *_: (source,))
    return source


def test_further_sources_are_split_in_three_without_a_picture_in_two_parts(tmp_path: Path, mnist: Source) -> None:
    class_folders(tmp_path / "mine", different(20, seed=3))
    config = Config(version="1", data=(str(tmp_path / "mine"),))
    first, mine = sources_of(config, Settings())
    assert first is mnist
    assert mine.test is not None
    assert mine.name == "mine"
    assert (len(mine.training), len(mine.validation), len(mine.test)) == (162, 18, 20)
    parts = [{image.tobytes() for image in part.images} for part in (mine.training, mine.validation, mine.test)]
    assert not parts[0] & parts[1]
    assert not parts[2] & (parts[0] | parts[1])
    again = sources_of(config, Settings())[1]
    np.testing.assert_array_equal(mine.training.images, again.training.images)


def test_a_network_without_a_class_for_them_gets_no_pictures_of_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    digits = digits_of(3)
    mixed = Digits(digits.images, np.where(digits.labels == 7, 10, digits.labels).astype(np.uint8))
    source = Source("mixed", "CC0", mixed, mixed, mixed)
    monkeypatch.setattr(training.pictures.sources, "load_sources", lambda *_: (source,))
    for non_digits, classes in ((0.15, 10), (0.0, 9)):
        (found,) = sources_of(Config(version="1", non_digits=non_digits), Settings())
        for part in (found.training, found.validation, found.test):
            assert part is not None
            assert len(set(part.labels)) == classes


def test_a_test_part_of_a_source_stays_its_test_part(tmp_path: Path, mnist: Source) -> None:
    printed = different(4, seed=5)
    save_idx(tmp_path / "mine", "train", printed[slice(0, 30)])
    save_idx(tmp_path / "mine", "t10k", printed[slice(30, 40)])
    mine = sources_of(Config(version="1", data=(str(tmp_path / "mine"),)), Settings())[1]
    assert mine.test is not None
    np.testing.assert_array_equal(mine.test.images, printed.images[30:])


def test_pictures_that_another_source_has_are_left_out(
    tmp_path: Path, mnist: Source, caplog: pytest.LogCaptureFixture
) -> None:
    assert mnist.test is not None
    new = different(2, seed=7)
    images = np.concatenate([mnist.test.images, new.images])
    labels = np.concatenate([mnist.test.labels, new.labels])
    np.savez(tmp_path / "mine.npz", images=images, labels=labels)
    mine = sources_of(Config(version="1", data=(str(tmp_path / "mine.npz"),)), Settings())[1]
    assert mine.test is not None
    assert len(mine.training) + len(mine.validation) + len(mine.test) == 20
    assert "mine: 10 left out: in another data set already" in caplog.text
    np.savez(tmp_path / "same.npz", images=mnist.test.images, labels=mnist.test.labels)
    with pytest.raises(TrainingError, match="Leave it out"):
        sources_of(Config(version="1", data=(str(tmp_path / "same.npz"),)), Settings())


def test_two_sources_of_one_name_are_refused(tmp_path: Path, mnist: Source) -> None:
    np.savez(tmp_path / "mnist.npz", images=PRINTED.images, labels=PRINTED.labels)
    with pytest.raises(TrainingError, match="Two sources are called mnist"):
        sources_of(Config(version="1", data=(str(tmp_path / "mnist.npz"),)), Settings())


def test_a_source_is_called_by_its_file_or_folder() -> None:
    assert name_of(Path("data/mine.zip")) == "mine"
    assert name_of(Path("data/mine/labels.csv")) == "mine"
    assert name_of(Path("data/train-images-idx3-ubyte.gz")) == "train-images-idx3-ubyte"


def test_pictures_of_no_digit_are_learnt_as_such_by_a_network_with_a_class_for_them(tmp_path: Path) -> None:
    pictures = different(4, seed=8)
    crosses = [np.full((40, 40), 255, np.uint8) for _ in range(8)]
    for number, cross in enumerate(crosses):
        cv2.line(cross, (8, 8 + number), (32, 32), 0, 3)
        cv2.line(cross, (32, 8 + number), (8, 32), 0, 3)
    lines = [
        (save(tmp_path / "own" / f"{row:02}.png", scan(image)), str(label))
        for row, (image, label) in enumerate(zip(pictures.images, pictures.labels, strict=True))
    ]
    lines += [(save(tmp_path / "own" / f"cross{row}.png", cross), "none") for row, cross in enumerate(crosses)]
    (tmp_path / "own" / "labels.csv").write_text("\n".join(["name,label", *(",".join(line) for line in lines)]))
    labelled = prepare(tmp_path / "own", tmp_path / "own.npz", Polarity.AUTO, PIXELS)
    assert len(labelled.digits.others) == 8
    assert len(labelled.digits.digits) == 40
    again = read(tmp_path / "own.npz")
    np.testing.assert_array_equal(again.digits.labels, labelled.digits.labels)
    assert tables(labelled, tmp_path)[0].row_count == 12
