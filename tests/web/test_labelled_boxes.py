"""The boxes of form pages as a zip to train with."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitmill.domain.jobs import Polarity
from digitmill.forms.template import MarkField
from digitmill.imaging.normaliser.normalise import normalise
from tests.forms.made import first_of, png, with_strip
from tests.web.conftest import Client, Mill
from tests.web.test_form_jobs import LOW, form, options, page, submitted
from tests.web.test_labelled import labelled
from training.forms.layout import Form
from training.pictures.same_scan import scans_of
from training.pictures.sources import items_of

__all__ = ["form"]


def said(client: Client, location: str, index: int, name: str, **answer: Any) -> None:
    change = {"field": name, **answer}
    response = client.open(f"{location}/results/{index}", method="PATCH", json=change, headers={"If-Match": '"0"'})
    assert response.status_code == 200, response.text


def wide(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether a box shows a level stroke, as the tests write a 7, and not an upright one, as they write a 1."""
    picture = np.asarray(Image.open(io.BytesIO(archive.read(name))))
    seen = normalise(picture, Polarity.DARK_ON_LIGHT)
    assert seen is not None, "there is ink"
    rows, columns = np.nonzero(seen > 100)
    return bool(np.ptp(columns) > np.ptp(rows))


def test_answered_fields_give_a_picture_of_each_box_with_its_digit(
    client: Client, mill: Mill, form: Form, tmp_path: Path
) -> None:
    name = form.template.fields[first_of(form, "digits")].name
    turned: NDArray[np.uint8] = np.ascontiguousarray(np.rot90(page(form, "171"), 2))
    files = [("in/a 1.png", png(turned)), ("b.png", png(page(form, "77", "phone"))), ("c.png", b"-")]
    location = submitted(client, files, options())
    mill.turn()
    assert labelled(client, location)[1] == [], "nobody has answered"
    said(client, location, 0, name, prediction="171")
    said(client, location, 1, name, prediction="79")
    archive, labels = labelled(client, location)
    boxes = len(form.template.fields[first_of(form, "digits")].quads)
    expected = [
        *((f"images/000000-a_1.png-{name}-{boxes - 2 + place}.png", digit) for place, digit in enumerate("171")),
        *((f"images/000001-b.png-{name}-{boxes - 1 + place}.png", digit) for place, digit in enumerate("79")),
    ]
    assert labels == expected
    assert [wide(archive, name) for name, _ in labels] == [False, True, False, True, True]

    zipped = tmp_path / "labelled.zip"
    zipped.write_bytes(client.get(f"{location}/labelled.zip").data)
    items = list(items_of(zipped, 1_000_000))
    assert [item.label for item in items] == list("17179")
    scans = scans_of([item.uploaded or item.name for item in items]).tolist()
    assert len(set(scans)) == 2, "boxes of a page are not told apart from one another"


def test_accepted_fields_come_too_where_they_are_asked_for(client: Client, mill: Mill, form: Form) -> None:
    name = form.template.fields[first_of(form, "digits")].name
    location = submitted(client, [("a.png", png(page(form, "171")))], options(review_below=LOW))
    mill.turn()
    assert client.get(f"{location}/results/0").json["fields"][name]["status"] == "recognized"
    response = client.get(f"{location}/labelled.zip?accepted=true")
    archive = zipfile.ZipFile(io.BytesIO(response.data))
    lines = archive.read("labels.csv").decode().splitlines()[1:]
    assert [line.split(",")[1] for line in lines if f"-{name}-" in line] == list("171")
    # what a person says counts before what the model was sure of
    said(client, location, 0, name, status="blank")
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"{location}/labelled.zip?accepted=true").data))
    assert f"-{name}-" not in archive.read("labels.csv").decode()


def test_a_field_whose_boxes_cannot_be_told_apart_is_left_out(client: Client, mill: Mill, form: Form) -> None:
    """A person saw three digits where two boxes have ink: which box lacks one nobody knows."""
    number = first_of(form, "digits")
    name = form.template.fields[number].name
    location = submitted(client, [("a.png", png(page(form, "17")))], options())
    mill.turn()
    said(client, location, 0, name, prediction="171")
    assert labelled(client, location)[1] == []


def test_strips_and_marks_come_with_what_people_say_of_them(client: Client, mill: Mill, form: Form) -> None:
    strip, mark = (form.template.fields[first_of(form, kind)] for kind in ("number", "mark"))
    assert isinstance(mark, MarkField)
    options_of = list(mark.options)
    scan = with_strip(form.blank, strip.quads[0], "17")
    location = submitted(client, [("a.png", png(scan))], options())
    mill.turn()
    said(client, location, 0, strip.name, prediction="17")
    said(client, location, 0, mark.name, prediction=options_of[-1])
    archive, labels = labelled(client, location)
    assert set(labels) == {
        (f"images/000000-a.png-{strip.name}-1.png", "17"),
        *(
            (f"images/000000-a.png-{mark.name}-{place}.png", "marked" if option == options_of[-1] else "unmarked")
            for place, option in enumerate(options_of, 1)
        ),
    }
    for name, label in labels:
        picture = np.asarray(Image.open(io.BytesIO(archive.read(name))))
        assert picture.size > 100
        assert label != "17" or (picture < 128).any(), "its ink"
