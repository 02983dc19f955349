from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from digitmill.errors import TrainingError
from training.measuring.out_of_distribution import CROSSES, EMPTY, LETTERS, LOOKALIKES, TALLIES, strangers

DATA = Path(os.environ.get("DIGITMILL_DATA", ""))
AT_LEAST = {LETTERS: 120, LOOKALIKES: 70, CROSSES: 17, TALLIES: 50}


def test_a_data_folder_without_forms_has_no_strangers(tmp_path: Path) -> None:
    assert strangers(tmp_path) == {}


def test_a_page_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    page = tmp_path / "forms" / "hsf" / "hsf_w4164.png"
    page.parent.mkdir(parents=True)
    page.write_bytes(b"no image")
    with pytest.raises(TrainingError, match="hsf_w4164"):
        strangers(tmp_path)


def test_a_blank_form_has_no_letters_and_no_boxes_with_ink(tmp_path: Path) -> None:
    for name, size in (("hsf/hsf_w4164.png", (3300, 2560)), ("hsf/hsf_1989.jpg", (845, 644))):
        page = tmp_path / "forms" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(page), np.full(size, 255, np.uint8))
    assert strangers(tmp_path) == {}


@pytest.mark.skipif(not (DATA / "forms" / "hsf").is_dir(), reason="DIGITMILL_DATA has no forms")
def test_the_forms_hold_letters_crosses_and_tallies_in_the_form_of_mnist() -> None:
    found = strangers(DATA)
    for kind, count in AT_LEAST.items():
        assert len(found[kind]) >= count
    for images in found.values():
        assert images.shape[1:] == (28, 28)
        assert images.dtype == np.uint8
        assert images.max(axis=(1, 2)).min() > 100
    assert len(found.get(EMPTY, ())) < 100
