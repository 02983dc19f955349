"""POST /v1/jobs: what is accepted, and what is refused with which code."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import pytest

from tests.archives import Crafted, craft, zip_of
from tests.built_in import MANIFEST
from tests.pdfs import flate, pdf, scan
from tests.pictures import drawn_digit, tiff
from tests.uploads.test_archives import tar_of
from tests.web.conftest import Client, Mill, assert_problem, form, submit, submitted
from tests.web.fakes import blank, heavy, one, seven

LONG = {"text": "x" * 4090}


def test_a_submission_is_answered_with_the_job_and_where_it_is(client: Client) -> None:
    response = submit(client, [("a.png", one()), ("b.png", blank())], {"metadata": {"batch": 7}})
    job = response.json
    assert response.status_code == 202
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert int(response.headers["Retry-After"]) >= 1
    assert set(job) == {
        "id", "kind", "state", "created_at", "started_at", "finished_at", "expires_at", "counts", "progress", "model",
        "computed_by", "options", "metadata", "error", "links",
    }  # fmt: skip
    assert job["state"] == "queued"
    assert job["counts"] == {
        "total": 2, "done": 0, "recognized": 0, "review": 0, "blank": 0, "failed": 0, "skipped": 0, "corrected": 0,
        "unanswered": 0,
    }  # fmt: skip
    assert job["progress"] == 0
    assert job["metadata"] == {"batch": 7}
    assert job["created_at"].endswith("Z")
    assert (job["started_at"], job["finished_at"], job["expires_at"], job["error"]) == (None, None, None, None)
    assert set(job["model"]) == {"name", "version", "sha256"}
    assert job["computed_by"] == []


def test_options_are_resolved_and_returned(client: Client) -> None:
    chosen = {"model": "digits", "polarity": "dark_on_light", "review_below": 1, "alternatives": 0, "expires_in": 60}
    job = submit(client, [("a.png", one())], {**chosen, "read": "digit"}).json
    # the newest of the name, which is the built-in one; the next job names none and gets the default of the tests
    assert job["options"] == {**chosen, "model": MANIFEST.label, "read": "digit", "webhook_url": None}
    job = submit(client, [("a.png", one())]).json
    assert job["options"] == {
        "model": "digits@1", "read": "digit", "polarity": "auto", "review_below": 0.6, "alternatives": 2,
        "expires_in": 7 * 86400, "webhook_url": None,
    }  # fmt: skip


def test_zips_and_images_of_one_request_are_rows_in_upload_order(client: Client, mill: Mill) -> None:
    archive = zip_of({"in/1.png": one(), "__MACOSX/x": b"", "in/2.png": seven()})
    location = submitted(client, [("first.png", one()), ("scans.zip", archive), ("last.png", blank())])
    mill.turn()
    rows = client.get(f"{location}/results").json["results"]
    assert [row["name"] for row in rows] == ["first.png", "in/1.png", "in/2.png", "last.png"]
    assert [row["prediction"] for row in rows] == ["1", "1", "7", None]
    job = client.get(location).json
    assert job["counts"]["skipped"] == 1
    assert job["computed_by"] == [{"engine": "none", "precision": "f32", "device": "cpu"}]


@pytest.mark.parametrize(
    ("media_type", "query", "name"),
    [
        ("image/png", {}, "image.png"),
        ("image/x-portable-graymap", {}, "image"),
        ("image/svg+xml", {}, "image.svg"),
        ("image/png; charset=binary", {"name": "Müller 7.png"}, "Müller 7.png"),
    ],
)
def test_a_raw_image_is_a_job_of_one_row(
    client: Client, mill: Mill, media_type: str, query: Mapping[str, str], name: str
) -> None:
    response = client.post("/v1/jobs", query_string=query, data=one(), content_type=media_type)
    mill.turn()
    rows = client.get(f"{response.headers['Location']}/results").json["results"]
    assert [(row["name"], row["prediction"]) for row in rows] == [(name, "1")]


@pytest.mark.parametrize("media_type", ["application/zip", "application/x-zip-compressed"])
def test_a_raw_zip_takes_its_options_from_the_query(client: Client, media_type: str) -> None:
    query = {"alternatives": "3", "review_below": "0.25", "metadata": '{"box": [1, null]}', "polarity": "auto"}
    response = client.post("/v1/jobs", query_string=query, data=zip_of({"a.png": one()}), content_type=media_type)
    assert response.status_code == 202
    assert response.json["options"]["alternatives"] == 3
    assert response.json["options"]["review_below"] == 0.25
    assert response.json["metadata"] == {"box": [1, None]}


@pytest.mark.parametrize(
    ("media_type", "body", "rows"),
    [
        ("application/pdf", pdf([scan(flate(drawn_digit(side=40)))] * 2), ["image.pdf#1", "image.pdf#2"]),
        ("application/x-tar", tar_of({"a.png": one()}), ["a.png"]),
        ("application/gzip", tar_of({"a.png": one()}, "w:gz"), ["a.png"]),
    ],
)
def test_a_raw_pdf_or_tar_is_told_by_its_content(
    client: Client, mill: Mill, media_type: str, body: bytes, rows: list[str]
) -> None:
    response = client.post("/v1/jobs", data=body, content_type=media_type)
    mill.turn()
    found = client.get(f"{response.headers['Location']}/results").json["results"]
    assert [row["name"] for row in found] == rows
    assert {row["status"] for row in found} <= {"recognized", "review"}


def test_options_may_come_as_a_file_part_before_the_files(client: Client) -> None:
    data = {"options": (io.BytesIO(b'{"alternatives": 4}'), "o.json"), "files": (io.BytesIO(one()), "a.png")}
    assert client.post("/v1/jobs", data=data).json["options"]["alternatives"] == 4


def test_a_file_part_without_a_name_is_named_by_its_place(client: Client, mill: Mill) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\n' + one() + b"\r\n--x--\r\n"
    response = client.post("/v1/jobs", data=body, content_type="multipart/form-data; boundary=x")
    mill.turn()
    assert client.get(f"{response.headers['Location']}/results/0").json["name"] == "file-1"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"model": "no-such-model"}, "model"),
        ({"model": 7}, "model"),
        ({"model": ""}, "model"),
        ({"read": "form"}, "template"),
        ({"read": "word"}, "read"),
        ({"polarity": "inverted"}, "polarity"),
        ({"review_below": 1.01}, "review_below"),
        ({"review_below": "0.5"}, "review_below"),
        ({"review_below": True}, "review_below"),
        ({"alternatives": 10}, "alternatives"),
        ({"alternatives": 1.5}, "alternatives"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": 10**12}, "expires_in"),
        ({"metadata": "text"}, "metadata"),
        ({"metadata": LONG}, "metadata"),
        ({"metadata": {"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}, "metadata"),
        ({"webhook_url": "https://example.com/hook"}, "webhook_url"),
        ({"webhook_url": "ftp://example.com"}, "webhook_url"),
    ],
)
def test_a_bad_option_is_refused_by_its_name(client: Client, options: dict[str, Any], field: str) -> None:
    problem = assert_problem(submit(client, [("a.png", one())], options), 400, "bad_options")
    assert [fault["field"] for fault in problem["errors"]] == [field]
    assert field in problem["detail"] or "model" in problem["detail"]


def test_several_bad_options_are_all_named(client: Client) -> None:
    problem = submit(client, [("a.png", one())], {"alternatives": -1, "colour": 1}).json
    assert {fault["field"] for fault in problem["errors"]} == {"alternatives", "colour"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        '{"metadata": {"x": NaN}}',
        '{"metadata": {"x": 1e999}}',
        "[" * 100_000,
        "9" * 5000,
    ],
)
def test_an_options_part_that_is_no_json_object_is_refused(client: Client, text: str) -> None:
    data = {"files": (io.BytesIO(one()), "a.png"), "options": text}
    response = client.post("/v1/jobs", data=data)
    if text == "":
        assert response.status_code == 202, "an empty part names no options"
    else:
        assert_problem(response, 400, "bad_options")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("colour=red", "colour"),
        ("alternatives=1.0", "alternatives"),
        ("alternatives=1&alternatives=2", "alternatives"),
        ("review_below=nan", "review_below"),
        ("metadata=text", "metadata"),
        ("metadata=[]", "metadata"),
        ("name=", "name"),
    ],
)
def test_a_bad_option_in_the_query_is_refused_by_its_name(client: Client, query: str, field: str) -> None:
    response = client.post(f"/v1/jobs?{query}", data=one(), content_type="image/png")
    problem = assert_problem(response, 400, "bad_options")
    assert [fault["field"] for fault in problem["errors"]] == [field]


def test_options_in_the_query_of_a_multipart_upload_are_refused(client: Client) -> None:
    response = client.post("/v1/jobs?alternatives=3", data=form([("a.png", one())]))
    assert assert_problem(response, 400, "bad_options")["errors"][0]["field"] == "alternatives"


def test_another_part_than_files_and_options_is_refused(client: Client) -> None:
    data = {"files": (io.BytesIO(one()), "a.png"), "file": (io.BytesIO(one()), "b.png")}
    assert assert_problem(client.post("/v1/jobs", data=data), 400, "bad_options")["errors"][0]["field"] == "file"


def test_an_option_in_a_part_of_its_own_is_told_where_it_belongs(client: Client) -> None:
    data = {"files": (io.BytesIO(one()), "a.png"), "read": "number"}
    fault = assert_problem(client.post("/v1/jobs", data=data), 400, "bad_options")["errors"][0]
    assert fault["field"] == "read"
    assert 'options={"read": "number"}' in fault["message"]


def test_options_that_come_twice_or_are_too_long_are_refused(client: Client) -> None:
    twice = {"files": (io.BytesIO(one()), "a.png"), "options": ["{}", "{}"]}
    assert_problem(client.post("/v1/jobs", data=twice), 400, "bad_options")
    long = {"files": (io.BytesIO(one()), "a.png"), "options": " " * 70_000 + "{}"}
    assert_problem(client.post("/v1/jobs", data=long), 400, "bad_options")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no multipart at all",
        b"--x\r\n",
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nPNG',
        b"--x\r\nContent-Type: image/png\r\n\r\nPNG\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="\xff\xfe"\r\n\r\nPNG\r\n--x--\r\n',
        b"--x\r\nX-Long: " + b"y" * 400_000 + b"\r\n\r\n--x--",
        b"p" * 400_000,
    ],
    ids=["empty", "text", "begun", "cut off", "without disposition", "no text", "long header", "long preamble"],
)
def test_a_body_that_is_no_complete_multipart_is_refused(client: Client, mill: Mill, body: bytes) -> None:
    response = client.post(
        "/v1/jobs", input_stream=io.BytesIO(body), content_type="multipart/form-data; boundary=x",
        headers={"Content-Length": str(len(body))},
    )  # fmt: skip
    assert assert_problem(response, 400, "bad_options")["errors"][0]["field"] == "body"
    assert_nothing_is_left(mill)


def test_multipart_without_a_boundary_is_refused(client: Client) -> None:
    response = client.post("/v1/jobs", data=b"x", content_type="multipart/form-data")
    assert_problem(response, 400, "bad_options")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/mixed"])
def test_another_media_type_is_refused(client: Client, media_type: str) -> None:
    assert_problem(client.post("/v1/jobs", data=one(), content_type=media_type), 415, "unsupported_media_type")


def test_another_content_encoding_than_gzip_is_refused(client: Client) -> None:
    headers = {"Content-Encoding": "deflate"}
    response = client.post("/v1/jobs", data=one(), content_type="image/png", headers=headers)
    assert_problem(response, 415, "unsupported_media_type")


def test_an_upload_without_a_byte_is_empty(client: Client, mill: Mill) -> None:
    assert_problem(client.post("/v1/jobs", data=b"", content_type="image/png"), 400, "empty_upload")
    assert_problem(client.post("/v1/jobs"), 400, "empty_upload")
    assert_problem(submit(client, [("a.png", b"")]), 400, "empty_upload")
    without_files = client.post("/v1/jobs", data={"options": "{}"}, content_type="multipart/form-data")
    assert_problem(without_files, 400, "empty_upload")
    assert_nothing_is_left(mill)


def test_a_damaged_zip_and_one_without_images_are_refused(client: Client, mill: Mill) -> None:
    whole = zip_of({"a.png": one()})
    assert_problem(submit(client, [("a.zip", whole[:-10])]), 422, "corrupt_archive")
    assert_problem(client.post("/v1/jobs", data=b"text", content_type="application/zip"), 422, "corrupt_archive")
    assert_problem(submit(client, [("a.zip", zip_of({"folder/": b"", ".DS_Store": b"x"}))]), 422, "no_images")
    problem = assert_problem(submit(client, [("a.png", one()), ("b.zip", whole[:-10])]), 422, "corrupt_archive")
    assert problem["errors"][0]["field"] == "files[1]"
    assert_nothing_is_left(mill)


@pytest.mark.parametrize("mill", [{"max_upload_bytes": 2000}], indirect=True)
def test_an_upload_with_too_many_bytes_is_refused_by_its_length_and_by_counting(client: Client, mill: Mill) -> None:
    problem = assert_problem(
        client.post("/v1/jobs", data=b"x" * 2001, content_type="image/png"), 413, "upload_too_large"
    )
    assert "2,000" in problem["detail"]
    assert_problem(submit(client, [("a.png", b"x" * 1000), ("b.png", b"x" * 1000)]), 413, "upload_too_large")
    assert_problem(post_stream(client, io.BytesIO(b"x" * 2001), None), 413, "upload_too_large")
    assert_nothing_is_left(mill)


@pytest.mark.parametrize("mill", [{"max_files": 3, "max_images": 4}], indirect=True)
def test_too_many_files_and_too_many_images_are_refused(client: Client, mill: Mill) -> None:
    problem = assert_problem(submit(client, [("a.png", one())] * 4), 413, "too_many_images")
    assert "3 files" in problem["detail"]
    archive = zip_of({f"{number}.png": one() for number in range(5)})
    assert_problem(submit(client, [("a.zip", archive)]), 413, "too_many_images")
    assert_nothing_is_left(mill)


def post_stream(client: Client, stream: Any, length: int | None) -> Any:
    """Post a body that says its length, or comes in chunks where that is None."""
    environ = {"wsgi.input": stream, "wsgi.input_terminated": length is None}
    environ |= {} if length is None else {"CONTENT_LENGTH": str(length)}
    return client.post("/v1/jobs", content_type="image/png", environ_overrides=environ)


class Untouchable(io.RawIOBase):
    def read(self, size: int = -1) -> NoReturn:
        raise AssertionError("the body was read")


@pytest.mark.parametrize("mill", [{"max_queued_images": 1}], indirect=True)
def test_an_overloaded_service_refuses_before_it_reads_the_body(client: Client) -> None:
    submitted(client, [("a.png", one())])
    response = post_stream(client, Untouchable(), 1000)
    assert_problem(response, 503, "overloaded")
    assert int(response.headers["Retry-After"]) > 0


def test_a_body_that_ends_early_is_refused_and_leaves_nothing(client: Client, mill: Mill) -> None:
    response = post_stream(client, io.BytesIO(one()), 100_000)
    assert_problem(response, 400, "upload_refused")
    assert_nothing_is_left(mill)


def test_an_accepted_upload_leaves_no_spool_file(client: Client, mill: Mill) -> None:
    submitted(client, [("a.png", heavy())])
    assert list(mill.service.settings.spool.iterdir()) == []


def assert_nothing_is_left(mill: Mill) -> None:
    settings = mill.service.settings
    assert not settings.spool.exists() or list(settings.spool.iterdir()) == []
    assert not (settings.var / "blobs").exists()
    assert mill.store.jobs_of("local", before=None, limit=10) == []


def test_lone_surrogates_and_other_odd_text_in_metadata_come_back_untouched(client: Client) -> None:
    odd = {"a\ud800": ["\u2028", "\x00", 10**30, 0.1, None, {"": ""}]}
    body = json.dumps({"metadata": odd})
    data = {"files": (io.BytesIO(one()), "a.png"), "options": body}
    assert client.post("/v1/jobs", data=data).json["metadata"] == odd


def test_the_job_tells_the_code_page_of_names_in_zips_and_what_was_skipped(client: Client, mill: Mill) -> None:
    names = ["4_用紙表.png", "2_アンケート.png"]
    archive = craft([Crafted(name=name.encode("cp932"), data=one()) for name in [*names, "@eaDir/4.jpg"]])
    location = submitted(client, [("scans.zip", archive)])
    job = client.get(location).json
    assert job["upload"] == {"code_pages": ["cp932"], "skipped": ["@eaDir/4.jpg"]}
    assert job["counts"]["skipped"] == 1
    assert "names" not in job["options"]
    mill.turn()
    assert [row["name"] for row in client.get(f"{location}/results").json["results"]] == names
    sent = client.get(f"{location}/results/0/name")
    assert (sent.data, sent.headers["Content-Type"]) == (names[0].encode("cp932"), "application/octet-stream")
    assert sent.headers["Content-Disposition"].startswith("attachment;")
    assert_problem(client.get(f"{location}/results/2/name"), 404, "not_found")


def test_the_page_of_a_job_names_what_was_skipped_and_the_code_page(client: Client) -> None:
    members = [Crafted(name=name.encode("cp932"), data=one()) for name in ("用紙.png", "@eaDir/<b>.jpg")]
    shown = client.get(submitted(client, [("a.zip", craft(members))]).removeprefix("/v1")).data.decode()
    assert "<li>@eaDir/&lt;b&gt;.jpg</li>" in shown
    assert "code page cp932" in shown
    plain = client.get(submitted(client, [("a.png", one())]).removeprefix("/v1")).data.decode()
    assert "code page" not in plain


def test_the_code_page_of_names_may_be_chosen(client: Client) -> None:
    archive = craft([Crafted(name="й.png".encode("cp1251"), data=one())])
    job = client.get(submitted(client, [("a.zip", archive)], {"names": "cp1251"})).json
    assert (job["options"]["names"], job["upload"]["code_pages"]) == ("cp1251", ["cp1251"])
    raw = client.post("/v1/jobs?names=cp1251", data=archive, content_type="application/zip")
    assert client.get(f"{raw.headers['Location']}/results/0/name").data == "й.png".encode("cp1251")
    assert_problem(submit(client, [("a.zip", archive)], {"names": "klingon"}), 400, "bad_options")
    aliased = client.get(submitted(client, [("a.zip", archive)], {"names": "Windows-1251"})).json
    assert (aliased["options"]["names"], aliased["upload"]["code_pages"]) == ("cp1251", ["cp1251"])


def test_the_name_of_a_page_as_sent_is_that_of_its_file(client: Client) -> None:
    pages = tiff([np.full((8, 8), 255, np.uint8)] * 2)
    location = submitted(client, [("u\u0308.tif", pages), ("b.tif", pages)])
    assert [client.get(f"{location}/results/{row}/name").data for row in (1, 3)] == ["u\u0308.tif".encode(), b"b.tif"]
