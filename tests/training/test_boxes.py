from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from digitmill.errors import TrainingError
from tests.pictures import PAPER, drawn_digit
from training.pictures.boxes import form_boxes

HEAD = "file,label,page,field,pos,x0,y0,x1,y1,x2,y2,x3,y3"
SIDE = 64


def line_of(label: str, place: int, page: str = "page.png") -> str:
    left, right = place * SIDE, (place + 1) * SIDE
    return (
        f"boxes/{place}.png,{label},{page},f00,{place},{left}.0,0.0,{right}.0,0.0,{right}.0,{SIDE}.0,{left}.0,{SIDE}.0"
    )


@pytest.fixture
def form(tmp_path: Path) -> Path:
    """The folder of a form with the boxes 3, 8, a cross and an empty one that is labelled 5."""
    folder = tmp_path / "forms" / "tally"
    folder.mkdir(parents=True)
    cross = np.full((SIDE, SIDE), PAPER, np.uint8)
    cv2.line(cross, (12, 12), (52, 52), 0, 4)
    cv2.line(cross, (52, 12), (12, 52), 0, 4)
    page = np.hstack([drawn_digit(3), drawn_digit(8), cross, np.full((SIDE, SIDE), PAPER, np.uint8)])
    cv2.imwrite(str(folder / "page.png"), page)
    lines = [line_of(label, place) for place, label in enumerate(("3", "8", "cross", "5"))]
    (folder / "boxes.csv").write_text("\n".join([HEAD, *lines]) + "\n")
    return folder


def test_the_digits_of_each_page_are_a_source_for_testing_alone(form: Path) -> None:
    (source,) = form_boxes(form.parents[1])
    assert (source.name, source.licence) == ("page", "Apache-2.0 (c.digital)")
    assert (len(source.training), len(source.validation)) == (0, 0)
    assert source.test is not None
    assert source.test.labels.tolist() == [3, 8, 5]
    assert source.test.images[:2].any(axis=(1, 2)).all()


def test_a_digit_that_is_not_found_is_counted_and_not_left_out(form: Path) -> None:
    (source,) = form_boxes(form.parents[1])
    assert source.test is not None
    assert not source.test.images[2].any()


def test_a_data_folder_without_forms_has_no_boxes(tmp_path: Path) -> None:
    assert form_boxes(tmp_path) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("x1,", "wide,", "x1"),
        ("page.png,f00,1", "lost.png,f00,1", "lost.png is missing"),
        ("64.0,0.0", "far,0.0", "far"),
    ],
)
def test_a_list_of_boxes_that_cannot_be_used_says_why(form: Path, before: str, after: str, said: str) -> None:
    path = form / "boxes.csv"
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(TrainingError, match=said):
        form_boxes(form.parents[1])
