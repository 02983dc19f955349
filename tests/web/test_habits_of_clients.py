"""What real clients send, over real HTTP: names, boundaries, types and encodings that are not those of the book."""

from __future__ import annotations

import asyncio
import base64
import gzip
import http.client
import json
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from digitmill.errors import BadOptions
from digitmill.uploads.spool import Spool
from tests.archives import zip_of
from tests.web.conftest import Server, assert_problem, serving
from tests.web.fakes import one, seven
from web.bodies.multipart import boundary_of, read_multipart

ORIGIN = "https://forms.example.org"
JAPANESE = "4_用紙表.png"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    origins = f"{ORIGIN}, http://localhost:3000"
    with serving(tmp_path_factory.mktemp("habits"), max_upload_bytes=8 << 20, cors_origins=origins) as started:
        started.turn()
        yield started


def post(server: Server, body: bytes, headers: dict[str, str], query: str = "") -> httpx.Response:
    """Post just these headers, and those that HTTP itself asks for."""
    with closing(http.client.HTTPConnection(*server.address, timeout=30)) as connection:
        connection.putrequest("POST", f"/v1/jobs{query}", skip_accept_encoding=True)
        for name, value in {"Content-Length": str(len(body)), "Prefer": "wait=30", **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        with connection.getresponse() as answer:
            return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


def part(disposition: bytes, content: bytes | None = None) -> bytes:
    return b"--x\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + (content or one()) + b"\r\n"


def post_parts(server: Server, *dispositions: bytes, **headers: str) -> httpx.Response:
    body = b"".join(map(part, dispositions)) + b"--x--\r\n"
    return post(server, body, {"Content-Type": "multipart/form-data; boundary=x", **headers})


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    rows = answer.json()["results"]
    assert all(row["status"] != "failed" for row in rows), rows
    return [row["name"] for row in rows]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (JAPANESE.encode("cp932"), JAPANESE),
        (JAPANESE.encode(), JAPANESE),
        ("анкета.png".encode("cp1251"), "анкета.png"),
        ("анкета.png".encode("cp866"), "анкета.png"),
        ("用纸表格.png".encode("gbk"), "用纸表格.png"),
        (b"C:\\fakepath\\x.png", "x.png"),
        (b"C:\\Users\\me\\new\\two x.png", "two x.png"),
        (b"\\\\nas\\scans\\x.png", "x.png"),
        ("C:\\スキャン\\表.png".encode("cp932"), "表.png"),
        (b"a\\b.png", "a\\b.png"),
        (b"a%22b.png", 'a"b.png'),
        (b'a\\"b.png', 'a"b.png'),
        (b"100%25.png", "100%25.png"),
        (b"scans/page 1/7.png", "scans/page 1/7.png"),
        (b"a%0Ab%0D.png", "a\nb\r.png"),
    ],
)
def test_the_file_name_of_a_part_is_read_as_it_was_meant(server: Server, sent: bytes, name: str) -> None:
    assert names(post_parts(server, b'name="files"; filename="' + sent + b'"')) == [name]


def test_the_job_tells_the_code_page_of_its_parts_and_keeps_the_bytes_of_their_names(server: Server) -> None:
    sent = JAPANESE.encode("cp932")
    job = post_parts(server, b'name="files"; filename="' + sent + b'"').json()
    assert job["upload"]["code_pages"] == ["cp932"]
    assert httpx.get(f"{server.url}{job['links']['results']}/0/name").content == sent


def test_the_code_page_of_parts_may_be_said(server: Server) -> None:
    options = b'--x\r\nContent-Disposition: form-data; name="options"\r\n\r\n{"names": "cp866"}\r\n'
    body = options + part(b'name="files"; filename="' + "я.png".encode("cp866") + b'"') + b"--x--\r\n"
    assert names(post(server, body, {"Content-Type": "multipart/form-data; boundary=x"})) == ["я.png"]


@pytest.mark.parametrize("name", [b"files[]", b"files[0]", b"files[12]"])
def test_parts_of_axios_and_php_are_files(server: Server, name: bytes) -> None:
    sent = b'name="' + name + b'"; filename="a.png"'
    assert names(post_parts(server, sent, sent)) == ["a.png", "a.png"]


@pytest.mark.parametrize("text", [b"scans.zip", b"/home/x/page 1.PNG\n", "用紙.pdf".encode()])
def test_the_name_of_a_file_in_its_place_is_told_as_such(server: Server, text: bytes) -> None:
    body = part(b'name="files"; filename="a.png"') + part(b'name="files"', text) + b"--x--\r\n"
    answer = post(server, body, {"Content-Type": "multipart/form-data; boundary=x"})
    assert "where @ stands before the name" in assert_problem(answer, 400, "bad_options")["detail"]


def test_an_image_without_a_name_is_an_image(server: Server) -> None:
    assert names(post_parts(server, b'name="files"', b'name="files"')) == ["file-1", "file-2"]


def test_a_part_in_base64_is_told_as_such_and_one_that_only_says_so_is_read(server: Server) -> None:
    kind = b'name="files"; filename="a.png"\r\nContent-Transfer-Encoding: base64'
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    for content in (base64.b64encode(one()), base64.encodebytes(bytes(5000))):
        answer = post(server, part(kind, content) + b"--x--\r\n", form)
        assert "is in base64" in assert_problem(answer, 400, "bad_options")["detail"]
    assert names(post(server, part(kind) + b"--x--\r\n", form)) == ["a.png"]


def test_several_files_in_one_part_are_told_as_such(server: Server) -> None:
    """So curl sends ``-F files=@a.png,b.png``."""
    inner = b"".join(
        b'--y\r\nContent-Disposition: attachment; filename="%s"\r\n\r\n%s\r\n' % (name, one())
        for name in (b"a.png", b"b.png")
    )
    kind = b'name="files"\r\nContent-Type: multipart/mixed; boundary=y'
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = post(server, part(kind, inner + b"--y--") + b"--x--\r\n", form)
    assert "several files at once" in assert_problem(answer, 400, "bad_options")["detail"]


def test_json_may_begin_with_a_byte_order_mark(server: Server) -> None:
    text = json.dumps({"files": [{"name": "7.png", "data": base64.b64encode(seven()).decode()}]})
    sent = {"Content-Type": "application/json"}
    assert names(post(server, b"\xef\xbb\xbf" + text.encode(), sent)) == ["7.png"]


@pytest.mark.parametrize(
    ("header", "query", "name"),
    [
        ('attachment; filename="seven 7.png"', "", "seven 7.png"),
        ("attachment; filename*=UTF-8''%E4%B8%83.png", "", "七.png"),
        ("inline; filename=a.png", "?name=b.png", "b.png"),
        ("attachment", "", "image.png"),
    ],
)
def test_a_raw_body_has_the_name_of_its_content_disposition(server: Server, header: str, query: str, name: str) -> None:
    sent = {"Content-Type": "image/png", "Content-Disposition": header}
    assert names(post(server, one(), sent, query)) == [name]


def test_an_input_in_which_no_file_was_chosen_is_no_file(server: Server) -> None:
    kind = b'name="files"; filename=""\r\nContent-Type: application/octet-stream'
    empty = b"--x\r\nContent-Disposition: form-data; " + kind + b"\r\n\r\n\r\n"
    chosen = part(b'name="files"; filename="a.png"') + part(kind)
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert names(post(server, empty + chosen + empty + b"--x--\r\n", form)) == ["a.png", "file-3"]
    assert_problem(post(server, empty + empty + b"--x--\r\n", form), 400, "empty_upload")


@pytest.mark.parametrize("name", [b"files[a]", b"filesx", b"files[0][1]", b"files[", b"\xff"])
def test_other_parts_are_still_refused(server: Server, name: bytes) -> None:
    assert_problem(post_parts(server, b'name="' + name + b'"; filename="a.png"'), 400, "bad_options")


def test_names_of_a_dotnet_client_are_taken_from_the_extended_parameter(server: Server) -> None:
    sent = b"name=files; filename=\"=?utf-8?B?5Y2B?=\"; filename*=utf-8''%E5%8D%81.png"
    assert names(post_parts(server, sent)) == ["十.png"]


def test_percent_codes_are_decoded_of_aiohttp_alone(server: Server) -> None:
    sent = b'name="files"; filename="%E5%8D%81%20100%25.png"'
    assert names(post_parts(server, sent)) == ["%E5%8D%81%20100%25.png"]
    assert names(post_parts(server, sent, **{"User-Agent": "Python/3.13 aiohttp/3.14.5"})) == ["十 100%.png"]


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/form-data; boundary=abc=def", "abc=def"),
        ("multipart/form-data; boundary=----=_Part_1_2.3", "----=_Part_1_2.3"),
        ('multipart/form-data; boundary="a=b c"; charset=utf-8', "a=b c"),
        ("multipart/form-data;BOUNDARY = a:/?b ; charset=utf-8", "a:/?b"),
        ("multipart/form-data; charset=utf-8", ""),
    ],
)
def test_a_boundary_need_not_be_quoted(server: Server, header: str, boundary: str) -> None:
    assert boundary_of(header) == boundary
    if boundary:
        content = b'\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + one()
        body = b"--%b%b\r\n--%b--\r\n" % (boundary.encode(), content, boundary.encode())
        assert names(post(server, body, {"Content-Type": header})) == ["a.png"]


@pytest.mark.parametrize("media_type", ["application/octet-stream", "binary/octet-stream", None])
@pytest.mark.parametrize("content", ["image", "zip"])
def test_a_raw_body_of_no_type_is_told_by_its_content(server: Server, media_type: str | None, content: str) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    body = one() if content == "image" else zip_of({"in/a.png": one(), "in/b.png": seven()})
    assert names(post(server, body, headers)) == (["image.png"] if content == "image" else ["in/a.png", "in/b.png"])


@pytest.mark.parametrize("media_type", ["application/x-zip-compressed", "application/x-zip"])
def test_the_zip_types_of_windows_are_zips(server: Server, media_type: str) -> None:
    assert names(post(server, zip_of({"a.png": one()}), {"Content-Type": media_type})) == ["a.png"]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, "curl sends it with --data-binary"),
        ({"Content-Type": "multipart/mixed; boundary=x"}, "multipart/form-data"),
        ({"Content-Type": "image/png", "Content-Encoding": "br"}, "or with that of gzip"),
        ({"Content-Type": "image/png", "Content-Encoding": "gzip, gzip"}, "or with that of gzip"),
    ],
)
def test_a_refusal_says_its_true_reason(server: Server, headers: dict[str, str], reason: str) -> None:
    assert reason in assert_problem(post(server, one(), headers), 415, "unsupported_media_type")["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_a_body_may_come_gzipped_in_one_or_more_members(server: Server, encoding: str) -> None:
    picture = one()
    body = gzip.compress(picture[:100]) + gzip.compress(b"") + gzip.compress(picture[100:])
    headers = {"Content-Type": "image/png", "Content-Encoding": encoding}
    assert names(post(server, body, headers, "?name=a.png")) == ["a.png"]


def test_limits_hold_on_what_gzip_unpacks_to(server: Server) -> None:
    headers = {"Content-Type": "image/png", "Content-Encoding": "gzip"}
    assert_problem(post(server, gzip.compress(bytes((8 << 20) + 1)), headers), 413, "upload_too_large")
    assert server.spooled() == []


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(one())[:-9], gzip.compress(one()) + b"tail", b""])
def test_a_damaged_gzip_is_refused(server: Server, body: bytes) -> None:
    headers = {"Content-Type": "image/png", "Content-Encoding": "gzip"}
    assert_problem(post(server, body, headers), 400, "upload_refused")
    assert server.spooled() == []


def post_json(server: Server, document: Any, **headers: str) -> httpx.Response:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return post(server, body, {"Content-Type": "application/json", **headers})


@pytest.mark.parametrize("kind", ["plain", "lines", "data url", "of urls", "not padded"])
def test_files_may_come_in_base64(server: Server, kind: str) -> None:
    data = base64.b64encode(seven()).decode()
    data = {
        "plain": data,
        "lines": "\r\n".join(textwrap.wrap(data, 76)),
        "data url": f"data:image/png;base64,{data}",
        "of urls": base64.urlsafe_b64encode(seven()).decode(),
        "not padded": data.rstrip("="),
    }[kind]
    answer = post_json(server, {"files": [{"name": "十.png", "data": data}], "options": {"alternatives": 0}})
    assert names(answer) == ["十.png"]
    assert answer.json()["options"]["alternatives"] == 0
    assert answer.json()["results"][0]["prediction"] == "7"


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (b"{", "body"),
        (b"\xff", "body"),
        ([], "body"),
        ({}, "files"),
        ({"files": []}, "files"),
        ({"files": [{"name": "a.png", "data": "no base64!"}]}, "files[0].data"),
        ({"files": [{"name": "a.png", "data": "AAAAA"}]}, "files[0].data"),
        ({"files": [{"name": "a.png", "data": 7}]}, "files[0].data"),
        ({"files": [{"data": ""}]}, "files[0].name"),
        ({"files": [{"name": "a.png", "data": ""}], "option": {}}, "option"),
        ({"files": [{"name": "a.png", "data": ""}], "options": {"alternatives": 10}}, "alternatives"),
    ],
)
def test_a_fault_of_the_json_is_named(server: Server, document: Any, field: str) -> None:
    assert assert_problem(post_json(server, document), 400, "bad_options")["errors"][0]["field"] == field
    assert server.spooled() == []


def test_json_is_limited_and_may_come_gzipped(server: Server) -> None:
    body = json.dumps({"files": [{"name": "a.png", "data": base64.b64encode(one()).decode()}]}).encode()
    headers = {"Content-Encoding": "gzip"}
    assert names(post_json(server, gzip.compress(body), **headers)) == ["a.png"]
    too_long = gzip.compress(body + b" " * (8 << 20))
    assert_problem(post_json(server, too_long, **headers), 413, "upload_too_large")
    assert_problem(post_json(server, body + b" " * (8 << 20)), 413, "upload_too_large")


def test_the_clients_of_python_send_their_names(server: Server, tmp_path: Path) -> None:
    name = "用紙 100%.png"
    path = tmp_path / name
    path.write_bytes(one())
    url, headers = f"{server.url}/v1/jobs", {"Prefer": "wait=30"}
    with path.open("rb") as file:
        assert (
            requests.post(url, files={"files": file}, headers=headers, timeout=30).json()["results"][0]["name"] == name
        )
    sent = httpx.post(url, files={"files": (name, one())}, headers=headers)
    assert sent.json()["results"][0]["name"] == name
    raw = requests.post(url, data=one(), headers=headers, timeout=30)
    assert raw.json()["results"][0]["name"] == "image.png"

    async def by_aiohttp() -> str:
        form = aiohttp.FormData()
        form.add_field("files", path.read_bytes(), filename=name)
        async with aiohttp.ClientSession() as session, session.post(url, data=form, headers=headers) as answer:
            return str((await answer.json())["results"][0]["name"])

    # in a thread of its own: the browser of other tests keeps a loop running in this one
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(asyncio.run, by_aiohttp()).result() == name


def test_a_named_origin_may_call_after_a_preflight(server: Server) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    preflight = httpx.options(f"{server.url}/v1/jobs", headers=asked)
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert {"POST", "PUT"} <= set(preflight.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = preflight.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in asked["Access-Control-Request-Headers"].split(","))
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    sent = post(server, one(), {"Content-Type": "image/png", "Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"})
    assert (sent.status_code, sent.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    assert {"Location", "Digitmill-Rows"} <= set(sent.headers["Access-Control-Expose-Headers"].split(", "))
    assert "Origin" in sent.headers["Vary"]
    # a page can read why it was refused
    refused = post(server, b"", {"Content-Type": "text/plain", "Origin": ORIGIN})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (415, ORIGIN)


@pytest.mark.parametrize(
    "origin", ["https://evil.example.org", "null", "https://forms.example.org.evil.net", ORIGIN.upper()]
)
def test_no_other_origin_is_named(server: Server, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = httpx.options(f"{server.url}/v1/jobs", headers=headers)
    assert "Access-Control-Allow-Origin" not in preflight.headers
    assert preflight.headers["Vary"] == "Origin"
    sent = post(server, one(), {"Content-Type": "image/png", "Origin": origin, "Sec-Fetch-Site": "cross-site"})
    assert_problem(sent, 403, "forbidden")


def test_pages_are_for_no_other_origin(server: Server) -> None:
    assert "Access-Control-Allow-Origin" not in httpx.get(f"{server.url}/", headers={"Origin": ORIGIN}).headers


@given(header=st.binary(max_size=60), block=st.integers(1, 40))
def test_any_bytes_in_the_head_of_a_part_are_taken_or_refused(header: bytes, block: int) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="' + header + b'"\r\n\r\n1\r\n--x--\r\n'
    blocks = [body[start : start + block] for start in range(0, len(body), block)]
    with Spool(Path("unused"), 1 << 20) as spool:
        try:
            read_multipart(blocks, "x", spool, max_files=5, block_bytes=40)
        except BadOptions:
            return
        assert len(spool.pieces) <= 2
