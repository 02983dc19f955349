"""Tables and pictures on their way out, over real HTTP: packed, in ranges, with a byte order mark, by HEAD."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.web.conftest import Client, Mill, Server, assert_problem, serving, submitted, wait_until
from tests.web.fakes import one, seven

GZIP = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}
JAPANESE = "用紙.png"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("downloads"), chunk_images=5, web_threads=8) as started:
        started.turn()
        yield started


@pytest.fixture(scope="module")
def rows(server: Server) -> str:
    """The results of a final job of 30 images, of which one is none."""
    files = [("files", (JAPANESE, one())), ("files", ("no.png", b"no image"))]
    files += [("files", (f"{number}.png", seven())) for number in range(28)]
    job = httpx.post(f"{server.url}/v1/jobs", files=files).json()
    wait_until(lambda: httpx.get(f"{server.url}{job['links']['self']}").json()["state"] == "completed")
    return f"{server.url}{job['links']['results']}"


def raw(url: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """An answer and its bytes as they came over the wire."""
    with httpx.stream("GET", url, headers=headers) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("query", ["?limit=1000", "?format=csv", "?format=ndjson", "?format=csv&final=true"])
def test_rows_come_packed_where_the_client_takes_gzip(rows: str, query: str) -> None:
    plain, content = raw(rows + query, **PLAIN)
    packed, packed_content = raw(rows + query, **GZIP)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed_content) == content
    assert len(packed_content) < len(content) / 2
    assert "Content-Encoding" not in plain.headers
    for answer in (plain, packed):
        assert set(answer.headers["Vary"].split(", ")) >= {"Accept", "Accept-Encoding"}


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "identity", "gzip;q=0, *"])
def test_what_the_client_does_not_take_is_not_sent(rows: str, accepted: str) -> None:
    answer, content = raw(f"{rows}?format=csv", **{"Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.headers
    assert content.startswith(b"index,")


def test_lists_of_jobs_and_rows_that_were_waited_for_come_packed(server: Server, rows: str) -> None:
    for _ in range(3):
        httpx.post(f"{server.url}/v1/jobs", files={"files": ("a.png", one())})
    answer, content = raw(f"{server.url}/v1/jobs", **GZIP)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(content))["jobs"]) == 4
    many = [("files", ("a.png", one()))] * 20
    waited = httpx.post(f"{server.url}/v1/jobs", files=many, headers={"Prefer": "wait=60", **GZIP})
    assert (waited.headers["Content-Encoding"], len(waited.json()["results"])) == ("gzip", 20)


@pytest.mark.parametrize("mill", [{"chunk_images": 2}], indirect=True)
def test_a_packed_stream_of_a_running_job_comes_piece_by_piece(client: Client, mill: Mill) -> None:
    location = submitted(client, [(f"{number}.png", one()) for number in range(6)])
    mill.turn(1)
    response = client.get(f"{location}/results?format=ndjson", headers=GZIP)
    assert response.headers["Content-Encoding"] == "gzip"
    unpacker, text, pieces = zlib.decompressobj(zlib.MAX_WBITS | 16), b"", iter(response.response)
    while text.count(b"\n") < 2:
        text += unpacker.decompress(next(pieces))  # type: ignore[arg-type]
    assert not unpacker.eof
    mill.turn()
    text += b"".join(unpacker.decompress(piece) for piece in pieces)  # type: ignore[arg-type]
    assert [json.loads(line)["index"] for line in text.splitlines()] == list(range(6))
    assert unpacker.eof


def test_a_csv_that_broke_off_goes_on_where_it_ended(rows: str) -> None:
    url = f"{rows}?format=csv"
    whole, content = raw(url, **PLAIN)
    etag = whole.headers["ETag"]
    assert (whole.status_code, whole.headers["Accept-Ranges"]) == (200, "bytes")
    assert not etag.startswith("W/")
    rest, rest_content = raw(url, **PLAIN, Range="bytes=100-", **{"If-Range": etag})
    assert (rest.status_code, rest.headers["ETag"]) == (206, etag)
    assert rest.headers["Content-Range"] == f"bytes 100-{len(content) - 1}/{len(content)}"
    assert content[:100] + rest_content == content
    assert raw(url, Range="bytes=-7")[1] == content[-7:]
    middle, middle_content = raw(url, **GZIP, Range="bytes=10-19")
    assert (middle_content, "Content-Encoding" in middle.headers) == (content[10:20], False)


def test_a_range_of_another_content_is_answered_with_the_whole(rows: str) -> None:
    _, content = raw(f"{rows}?format=csv", **PLAIN)
    for etag in ('"another"', raw(f"{rows}?format=csv&quote=all")[0].headers["ETag"], "Sat, 01 Jan 2000 00:00:00 GMT"):
        answer, whole = raw(f"{rows}?format=csv", **PLAIN, Range="bytes=100-", **{"If-Range": etag})
        assert (answer.status_code, whole) == (200, content)


def test_a_range_behind_the_end_is_refused(server: Server, rows: str) -> None:
    answer = httpx.get(f"{rows}?format=csv", headers={"Range": "bytes=1000000-"})
    assert_problem(answer, 416, "requested_range_not_satisfiable")
    assert answer.headers["Content-Range"].startswith("bytes */")
    assert server.spooled() == []


def test_what_people_change_has_no_ranges(rows: str) -> None:
    for query in ("final=true", "corrected=false"):
        answer, content = raw(f"{rows}?format=csv&{query}", Range="bytes=100-")
        assert (answer.status_code, "ETag" in answer.headers) == (200, False)
        assert content.startswith(b"index,") or "Content-Encoding" in answer.headers


def test_the_etag_of_a_packed_csv_is_weak_and_still_saves_the_way(rows: str) -> None:
    url = f"{rows}?format=csv"
    packed, _ = raw(url, **GZIP)
    etag = packed.headers["ETag"]
    assert etag.startswith("W/")
    assert "Accept-Ranges" not in packed.headers
    assert raw(url, **GZIP, **{"If-None-Match": etag})[0].status_code == 304
    # no range of other bytes is put behind these
    assert raw(url, **PLAIN, Range="bytes=5-", **{"If-Range": etag})[0].status_code == 200


def test_a_picture_comes_in_ranges(rows: str) -> None:
    whole = httpx.get(f"{rows}/0/image")
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = httpx.get(f"{rows}/0/image", headers={"Range": "bytes=8-15", "If-Range": whole.headers["ETag"]})
    assert (part.status_code, part.content) == (206, whole.content[8:16])
    assert part.headers["Content-Range"] == f"bytes 8-15/{len(whole.content)}"
    for odd in ("lines=0-9", "bytes=0-3, 8-15", "lines=0-9, 4-5"):
        every = httpx.get(f"{rows}/0/image", headers={"Range": odd})
        assert (every.status_code, every.content) == (200, whole.content)
        table = httpx.get(f"{rows}?format=csv", headers={"Range": odd, "Accept-Encoding": "identity"})
        assert (table.status_code, table.headers["Accept-Ranges"]) == (200, "bytes")
    stale = httpx.get(f"{rows}/0/image", headers={"Range": "bytes=8-15", "If-Range": '"other"'})
    assert (stale.status_code, stale.content) == (200, whole.content)
    behind = httpx.get(f"{rows}/0/image", headers={"Range": "bytes=99999999-"})
    assert_problem(behind, 416, "requested_range_not_satisfiable")


@pytest.mark.parametrize("path", ["", "?format=csv", "?format=ndjson", "?format=xlsx", "/0", "/0/image", "/0/name"])
def test_head_answers_as_get_without_a_body_and_holds_no_slot(server: Server, rows: str, path: str) -> None:
    kind = httpx.get(rows + path).headers["Content-Type"]
    for _ in range(10):
        answer = httpx.head(rows + path)
        assert (answer.status_code, answer.headers["Content-Type"], answer.content) == (200, kind, b"")
    assert httpx.get(f"{rows}?format=csv").status_code == 200
    assert server.spooled() == []


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_a_byte_order_mark_tells_excel_that_names_are_utf_8(rows: str) -> None:
    content = httpx.get(f"{rows}?format=csv&bom=true").content
    assert content.startswith(b"\xef\xbb\xbfindex,")
    assert content[3:] == httpx.get(f"{rows}?format=csv").content
    assert read(content.decode("utf-8-sig"))[1][1] == JAPANESE


def test_every_cell_is_quoted_where_that_is_asked(rows: str) -> None:
    text = httpx.get(f"{rows}?format=csv&quoting=all").text
    assert httpx.get(f"{rows}?format=csv&quote=all").text == text
    first = text.splitlines()[1]
    assert first.startswith(f'"0","{JAPANESE}","recognized","1","0.')
    assert read(text) == read(httpx.get(f"{rows}?format=csv").text)


def test_csv_has_an_address_of_its_own(rows: str) -> None:
    table = httpx.get(f"{rows}.csv?quoting=all&status=recognized")
    assert table.text == httpx.get(f"{rows}?format=csv&quoting=all&status=recognized").text
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert_problem(httpx.get(f"{rows}.csv?limit=5"), 400, "bad_options")
    assert_problem(httpx.get(f"{rows}.csv?min_confidence=1&max_confidence=0"), 400, "bad_options")


@pytest.mark.parametrize("query", ["bom=true", "quoting=all"])
@pytest.mark.parametrize("kind", ["json", "ndjson", "xlsx"])
def test_what_belongs_to_csv_is_refused_elsewhere(rows: str, query: str, kind: str) -> None:
    problem = assert_problem(httpx.get(f"{rows}?format={kind}&{query}"), 400, "bad_options")
    assert problem["errors"][0]["field"] == query.partition("=")[0]


def test_the_last_column_says_who_answered(server: Server, rows: str) -> None:
    def answered(query: str) -> list[Any]:
        return [row["answered_by"] for row in csv.DictReader(httpx.get(f"{rows}?format=csv{query}").text.splitlines())]

    httpx.patch(f"{rows}/2", json={"prediction": "1"}).raise_for_status()
    assert answered("&final=true")[:4] == ["model", "", "person", "model"]
    assert answered("")[:4] == ["model", "", "model", "model"]


def test_the_buttons_of_the_page_ask_for_the_byte_order_mark(server: Server, rows: str) -> None:
    page = httpx.get(rows.replace("/v1", "").removesuffix("/results")).text
    assert page.count("format=csv") == page.count("bom=true") > 0
