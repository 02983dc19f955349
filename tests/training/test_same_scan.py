"""Pictures of one scan are told by their names, and stay together."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from digitmill.imaging.normaliser.normalisers import normaliser_of
from tests.training.drawn import digits_of
from training.pictures.own import read_own
from training.pictures.same_scan import scans_of


@pytest.mark.parametrize(
    ("names", "scans"),
    [
        (["017_male.png", "018_male.png", "017_female.png"], [0, 1, 0]),
        (["a/box-1.png", "a/box-2.png", "b/box-1.png", "c/box-1.png"], [0, 0, 1, 2]),
        (["box-1.png", "box-2.png"], [0, 1]),
        (["form.tif#1", "form.tif#2", "other.tif#1"], [0, 0, 1]),
        (["2026-11_ward3_1.png", "2026-11_ward3_2.png", "2026-11_ward4_1.png"], [0, 0, 0]),
        ([f"pile/{number:03d}.png" for number in range(30)], list(range(30))),
        ([f"all/f{number // 2:02d}_{number % 2}.png" for number in range(60)], [number // 2 for number in range(60)]),
        (["same.png", "same.png"], [0, 0]),
        ([], []),
    ],
)
def test_crops_of_one_form_and_pages_of_one_file_are_of_one_scan(names: list[str], scans: list[int]) -> None:
    found = scans_of(names).tolist()
    together = [[found[one] == found[other] for one in range(len(names))] for other in range(len(names))]
    assert together == [[scans[one] == scans[other] for one in range(len(names))] for other in range(len(names))]


def test_rows_of_a_labelled_zip_are_parted_by_the_names_under_which_they_came(tmp_path: Path) -> None:
    digits, lines = digits_of(6), ["name,label,uploaded"]
    path = tmp_path / "labelled.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for row, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
            page = np.pad(255 - image, 10, constant_values=255)
            archive.writestr(f"images/{row:06d}-box.png", cv2.imencode(".png", page)[1].tobytes())
            lines.append(f"images/{row:06d}-box.png,{label},form-{row // 3:03d}/box.png")
        archive.writestr("labels.csv", "\r\n".join(lines))
    own = read_own([path], normaliser_of(4), 1_000_000)
    (twice,) = own.left_out.values()
    kept = [row for row in range(len(digits)) if f"images/{row:06d}-box.png" not in twice]
    assert own.scans.tolist() == [row // 3 for row in kept]
