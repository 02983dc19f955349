"""Whether a job looks otherwise than those of its owner before it, and what is said of that."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from digitmill.domain.documents import job_document
from digitmill.work.drift import DRIFTING, FEWEST, drift_of, look
from tests.core.conftest import Mill


def sums(images: int = 200, review: int = 18, ink: int = 200, height: int = 28, looked: int = 20) -> dict[str, int]:
    return {"images": images, "review": review, "looked": looked, "ink": ink * looked, "height": height * looked}


def said(own: dict[str, int], before: dict[str, int], expected: float | None = None) -> str:
    found = drift_of(own, before, expected)
    assert found is not None
    return found.sentence


def test_what_is_as_usual_is_passed_over_in_silence() -> None:
    assert said(sums(), sums(1000, 95)) == ""


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        (sums(ink=120, review=62), "Fainter ink than usual; 31 % to review instead of 9 %."),
        (sums(ink=300), "Darker ink than usual."),
        (sums(height=12), "Smaller pictures than usual."),
        (sums(height=60), "Larger pictures than usual."),
        (sums(review=0), "0 % to review instead of 9 %."),
    ],
)
def test_what_is_unusual_is_said_in_one_sentence(own: dict[str, int], sentence: str) -> None:
    assert said(own, sums(1000, 90)) == sentence


def test_without_a_past_only_what_the_model_was_tested_on_is_usual() -> None:
    assert said(sums(ink=10), sums(50, 5), 0.1) == ""
    assert said(sums(review=80), {}, 0.1) == "40 % to review instead of 10 %."
    assert said(sums(review=80), {}, None) == ""


def test_of_few_images_chance_is_not_taken_for_drift() -> None:
    assert said(sums(20, 4), sums(1000, 90)) == ""


@given(
    st.integers(1, 10_000), st.floats(0, 1), st.integers(0, 255), st.integers(1, 5000), st.integers(0, 100_000),
    st.floats(0, 1),
)  # fmt: skip
def test_whatever_was_counted_the_shares_are_shares(
    images: int, share: float, ink: int, height: int, before: int, expected: float
) -> None:
    own = sums(images, int(share * images), ink, height, min(images, 20))
    found = drift_of(own, sums(before, before // 10) if before else {}, expected)
    assert found is not None
    assert 0 <= found.review <= 1
    assert found.past == (before >= 100)
    assert found.sentence == "" or found.sentence.endswith(".")


def test_a_look_tells_contrast_and_height_whatever_the_polarity() -> None:
    picture = np.full((40, 30), 240, np.uint8)
    picture[10:30, 10:20] = 40
    assert look(picture) == (200.0, 40) == look(255 - picture)
    assert look(np.repeat(np.repeat(picture, 40, 0), 40, 1)) == (200.0, 1600)
    assert look(np.zeros((1, 1), np.uint8)) == (0.0, 1)


def test_a_look_passes_over_specks() -> None:
    picture = np.full((40, 30), 200, np.uint8)
    picture[10:30, 10:20] = 100
    picture.ravel()[:12] = 0
    picture.ravel()[-12:] = 255
    assert look(picture) == (100.0, 40)
    picture.ravel()[12] = 0
    assert look(picture) == (200.0, 40)


def stroke(ink: int, side: int = 28) -> bytes:
    picture = np.full((side, side), 255, np.uint8)
    picture[side // 5 : -side // 5, side // 4 : -side // 4] = ink
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def pile(images: int, ink: int) -> dict[str, bytes]:
    return {f"{number}.png": stroke(ink) for number in range(images)}


def test_a_job_with_fainter_ink_than_those_before_says_so(mill: Mill) -> None:
    first = mill.submit(pile(120, 0))
    mill.turn()
    second, few = mill.submit(pile(40, 150)), mill.submit(pile(FEWEST - 1, 150))
    mill.turn()
    documents = [job_document(mill.store.get(job.id)) for job in (first, second, few)]
    assert documents[0]["drift"]["sentence"] == ""
    assert not documents[0]["drift"]["past"]
    told = documents[1]["drift"]
    assert told["sentence"].startswith("Fainter ink than usual")
    assert told["past"]
    assert told["ink"] is not None
    assert told["usual_ink"] == 255
    assert "drift" not in documents[2]
    assert mill.store.tallies.counts(DRIFTING) == {"jobs": 2, "drifting": 1}


def test_another_owners_past_is_not_ones_own(mill: Mill) -> None:
    mill.submit(pile(120, 0))
    mill.turn()
    other, _ = mill.submission(pile(40, 150), owner="bob")
    mill.turn()
    assert job_document(mill.store.get(other.id))["drift"]["sentence"] == ""


@pytest.mark.parametrize("mill", [{"chunk_images": 16}], indirect=True)
def test_all_chunks_count_each_once(mill: Mill) -> None:
    job = mill.submit(pile(64, 0))
    mill.turn()
    counted = mill.store.tallies.counts(f"past:digit:{job.owner}")
    assert (counted["images"], counted["looked"]) == (64, 4)
    assert mill.store.tallies.looks(job.id) == {}


def test_a_job_whose_model_is_gone_is_completed_all_the_same(mill: Mill) -> None:
    job = mill.submit(pile(40, 0))
    folder = mill.service.settings.var / "models"
    for manifest in folder.rglob("manifest.json"):
        manifest.unlink()
    mill.turn()
    assert mill.store.get(job.id).state == "completed"
