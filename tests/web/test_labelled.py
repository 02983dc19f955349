"""The answered images of a job as a zip to train with."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest
from PIL import Image

from tests.archives import zip_of
from tests.web.conftest import Client, Mill, assert_problem, submitted
from tests.web.fakes import blank, heavy, one, seven
from training.pictures.folders import listed_items

MAX_PIXELS = 1_000_000
SMALL_CHUNKS = pytest.mark.parametrize("mill", [{"chunk_images": 2}], indirect=True)


def answer(client: Client, location: str, answers: dict[int, dict[str, Any]]) -> None:
    corrections = [{"index": index, "revision": 0, **said} for index, said in answers.items()]
    response = client.open(f"{location}/results", method="PATCH", json={"corrections": corrections})
    assert [row["error"] for row in response.json["results"]] == [None] * len(answers)


def labelled(client: Client, location: str) -> tuple[zipfile.ZipFile, list[tuple[str, str]]]:
    """The zip, and the lines of its labels.csv."""
    response = client.get(f"{location}/labelled.zip")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"].endswith('-labelled.zip"')
    archive = zipfile.ZipFile(io.BytesIO(response.data))
    assert archive.testzip() is None
    head, *lines = rows_of(archive)
    assert head == ["name", "label", "uploaded"]
    return archive, [(name, label) for name, label, _ in lines]


def rows_of(archive: zipfile.ZipFile) -> list[list[str]]:
    return list(csv.reader(io.StringIO(archive.read("labels.csv").decode(), newline="")))


@SMALL_CHUNKS
def test_it_holds_the_answered_images_as_uploaded_with_their_labels(client: Client, mill: Mill) -> None:
    images = [one(), blank(), seven(), b"no image", one(2), seven(2)]
    location = submitted(client, [(f"{n}.png", image) for n, image in enumerate(images)])
    mill.turn()
    answer(
        client,
        location,
        {
            0: {"prediction": "4"},
            1: {"status": "blank"},
            2: {"prediction": "7"},
            3: {"status": "not_a_digit"},
            5: {"prediction": "2"},
        },
    )
    undone = {"corrections": [{"index": 5, "revision": 1, "correction": None}]}
    client.open(f"{location}/results", method="PATCH", json=undone)
    archive, labels = labelled(client, location)
    assert labels == [
        ("images/000000-0.png", "4"), ("images/000001-1.png", "blank"), ("images/000002-2.png", "7"),
        ("images/000003-3.png", "none"),
    ]  # fmt: skip
    assert [archive.read(name) for name, _ in labels] == images[:4]
    assert sorted(archive.namelist()) == sorted([name for name, _ in labels] + ["labels.csv"])


def test_training_reads_it_as_it_is(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.zip", zip_of([("x/1.png", one()), ("y/1.png", seven())])), ("b.png", one())])
    mill.turn()
    answer(client, location, {0: {"prediction": "1"}, 1: {"prediction": "7"}, 2: {"status": "not_a_digit"}})
    archive, labels = labelled(client, location)
    items = list(listed_items(zipfile.Path(archive), MAX_PIXELS))
    assert [(item.name, item.label) for item in items] == labels
    assert not any(isinstance(item.picture, str) for item in items)
    assert [item.label for item in items] == ["1", "7", "none"]


def test_no_name_leads_out_of_the_folder_or_hides_another(client: Client, mill: Mill) -> None:
    names = [
        "../../etc/passwd", "..\\..\\evil.png", "/absolute.png", "same.png", "sub/same.png", "a,b\"c\n.png",
        "=1+1.png", "x" * 300 + ".png", "sieben-ü-七.png", "a#1.png", "a#2.png",
    ]  # fmt: skip
    location = submitted(client, [("a.zip", zip_of([(name, one()) for name in names]))])
    mill.turn()
    answer(client, location, {index: {"prediction": "1"} for index in range(len(names))})
    archive, labels = labelled(client, location)
    stored = [name for name, _ in labels]
    assert len(set(stored)) == len(names)
    for name in stored:
        folder, _, base = name.partition("/")
        assert folder == "images"
        assert len(base.encode()) < 255
        assert all(letter.isalnum() or letter in "._-" for letter in base)
        assert not base.endswith(".")
    assert stored[8] == "images/000008-sieben-ü-七.png"
    named = [row["name"] for row in client.get(f"{location}/results").json["results"]]
    assert [uploaded for _, _, uploaded in rows_of(archive)[1:]] == named
    items = listed_items(zipfile.Path(archive), MAX_PIXELS)
    assert [item.uploaded for item in items] == named
    assert {item.label for item in listed_items(zipfile.Path(archive), MAX_PIXELS)} == {"1"}


@SMALL_CHUNKS
def test_a_tiff_is_in_it_once_and_labelled_by_page(client: Client, mill: Mill) -> None:
    pages = [Image.open(io.BytesIO(picture)) for picture in (one(), seven(), one(), seven(), one())]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    location = submitted(client, [("first.png", one()), ("form.tif", out.getvalue())])
    mill.turn()
    answer(client, location, {n: {"prediction": str(n)} for n in (2, 3, 5)})
    archive, labels = labelled(client, location)
    path = "images/000002-form.tif"
    assert archive.namelist() == [path, "labels.csv"]
    assert archive.read(path) == out.getvalue()
    assert labels == [(f"{path}#2", "2"), (f"{path}#3", "3"), (f"{path}#5", "5")]
    items = list(listed_items(zipfile.Path(archive), MAX_PIXELS))
    assert [(item.name, item.label, isinstance(item.picture, str)) for item in items] == [
        (name, label, False) for name, label in labels
    ]


def test_an_image_that_cannot_be_taken_out_of_the_upload_has_a_label_alone(client: Client, mill: Mill) -> None:
    damaged = bytearray(zip_of([("a.png", one()), ("b.png", seven())]))
    place = damaged.index(b"a.png") + 20
    damaged[place : place + 4] = b"\0\0\0\0"
    location = submitted(client, [("a.zip", bytes(damaged))])
    mill.turn()
    assert client.get(f"{location}/results/0").json["error"]["code"] == "corrupt_member"
    answer(client, location, {0: {"prediction": "1"}, 1: {"prediction": "7"}})
    archive, labels = labelled(client, location)
    assert labels == [("images/000000-a.png", "1"), ("images/000001-b.png", "7")]
    assert archive.namelist() == ["images/000001-b.png", "labels.csv"]


def test_a_job_without_answers_gives_an_empty_list(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", one())])
    assert labelled(client, location)[1] == []
    mill.turn()
    assert labelled(client, location)[1] == []


def test_it_takes_what_the_blob_holds_also_when_parts_are_small(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digitmill.review.labelled.READ_BYTES", 100)
    images = [one(n % 3 + 1) for n in range(20)]
    location = submitted(client, [(f"{n}.png", image) for n, image in enumerate(images)])
    mill.turn()
    answer(client, location, {n: {"prediction": "1"} for n in range(20)})
    archive, labels = labelled(client, location)
    assert [archive.read(name) for name, _ in labels] == images


def test_an_upload_that_is_gone_is_told_before_the_zip_begins(client: Client, mill: Mill) -> None:
    location = submitted(client, [("a.png", heavy())])
    mill.turn()
    answer(client, location, {0: {"prediction": "1"}})
    mill.service.blobs.delete(location.rpartition("/")[2])
    assert_problem(client.get(f"{location}/labelled.zip"), 404, "not_found")
