"""The pictures behind the rows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.archives import Crafted, craft
from tests.pictures import drawn_digit, tiff
from tests.web.conftest import Client, Mill, assert_problem, submitted
from tests.web.fakes import blank, one
from web.views.images import UNKNOWN, sniff


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("L", (8, 8), 255).save(out, kind)
    return out.getvalue()


def test_the_image_is_served_as_uploaded_and_can_do_no_harm(client: Client) -> None:
    location = submitted(client, [("a.png", one())])
    response = client.get(f"{location}/results/0/image")
    assert response.data == one()
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    job_id = location.rpartition("/")[2]
    assert response.headers["Content-Disposition"] == f'attachment; filename="{job_id}-0.png"'


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"), ("WEBP", "image/webp"), ("PPM", "image/x-portable-anymap"),
    ],
)  # fmt: skip
def test_the_media_type_is_that_of_the_bytes(client: Client, kind: str, media_type: str) -> None:
    location = submitted(client, [("looks-like.html", picture(kind))])
    assert client.get(f"{location}/results/0/image").headers["Content-Type"] == media_type


@pytest.mark.parametrize(
    "content", [b"<script>alert(1)</script>", b"<svg xmlns='x'/>", b"%!PS-Adobe", b"P9 ", b"RIFFxxxxWAVE"]
)
def test_what_is_no_image_is_only_bytes_to_download(client: Client, content: bytes) -> None:
    location = submitted(client, [("a.png", content)])
    response = client.get(f"{location}/results/0/image")
    assert response.data == content
    assert response.headers["Content-Type"] == UNKNOWN == sniff(content)
    assert response.headers["Content-Disposition"].startswith("attachment;")


def test_a_file_of_many_pages_is_fetched_once_for_pictures_of_all_of_them(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, reads = mill.service.blobs.read, list[int]()

    def counted(name: str, start: int, end: int) -> bytes:
        reads.append(end - start)
        return read(name, start, end)

    monkeypatch.setattr(mill.service.blobs, "read", counted)
    file = tiff([drawn_digit(value, 200) for value in range(5)])
    locations = [submitted(client, [(name, file)]) for name in ("a.tif", "b.tif")]
    for location in locations:
        drawn = [client.get(f"{location}/results/{page}/image?view=thumbnail").data for page in range(5)]
        assert len(set(drawn)) == 5
    assert reads == [len(file)] * 2


def test_the_normalised_view_is_what_the_model_saw(client: Client) -> None:
    location = submitted(client, [("a.png", one(scale=5))])
    response = client.get(f"{location}/results/0/image?view=normalised")
    seen = Image.open(io.BytesIO(response.data))
    assert response.headers["Content-Type"] == "image/png"
    assert (seen.size, seen.mode) == ((28, 28), "L")
    pixels = np.asarray(seen)
    assert pixels[0, 0] == 0
    assert pixels.max() > 200


def test_of_a_blank_image_the_model_saw_nothing(client: Client) -> None:
    location = submitted(client, [("a.png", blank())])
    assert_problem(client.get(f"{location}/results/0/image?view=normalised"), 404, "not_found")
    assert client.get(f"{location}/results/0/image").status_code == 200


def test_an_image_that_cannot_be_read_is_answered_with_its_failure(client: Client, mill: Mill) -> None:
    archive = craft([Crafted(name="checksum.png", data=one(), crc=1), Crafted(name="secret.png", data=one(), flags=1)])
    location = submitted(client, [("a.zip", archive), ("text.png", b"text"), ("cut.png", one()[:60])])
    mill.turn()
    for index, view, code in (
        (0, "original", "corrupt_member"),
        (1, "original", "encrypted_member"),
        (2, "normalised", "not_an_image"),
        (3, "normalised", "truncated_image"),
    ):
        problem = assert_problem(client.get(f"{location}/results/{index}/image?view={view}"), 422, code)
        if view == "original" or index > 1:
            row = client.get(f"{location}/results/{index}").json
            assert row["error"] == {"code": code, "detail": problem["detail"]}


def test_a_view_or_an_image_that_is_not_there_is_refused(client: Client) -> None:
    location = submitted(client, [("a.png", one())])
    assert_problem(client.get(f"{location}/results/0/image?view=x-ray"), 400, "bad_options")
    assert_problem(client.get(f"{location}/results/1/image"), 404, "not_found")


@pytest.mark.parametrize(("view", "side"), [("png", 1024), ("thumbnail", 96)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "PPM"])
def test_a_picture_for_browsers_is_drawn_anew_and_no_larger_than_needed(
    client: Client, kind: str, view: str, side: int
) -> None:
    out = io.BytesIO()
    Image.new("RGB", (1200, 100), (250, 250, 250)).save(out, kind)
    location = submitted(client, [("a.html", out.getvalue())])
    response = client.get(f"{location}/results/0/image?view={view}")
    drawn = Image.open(io.BytesIO(response.data))
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Content-Disposition"].startswith("inline;")
    assert (max(drawn.size), drawn.mode) == (side, "L")


def test_a_browser_asks_once_for_a_picture(client: Client) -> None:
    location = submitted(client, [("a.png", one())])
    path = f"{location}/results/0/image?view=thumbnail"
    etag = client.get(path).headers["ETag"]
    again = client.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    other = client.get(f"{location}/results/0/image?view=png", headers={"If-None-Match": etag})
    assert other.status_code == 200
    client.delete(location)
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 404
