"""Damaged uploads and senseless requests by the thousand: none fails or hangs the service, or touches another job.

``make test`` tries a hundred examples of each property, ``make fuzz`` ten thousand.
"""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from digitmill.domain.jobs import Polarity
from digitmill.errors import ItemFailure
from digitmill.imaging.files.decode import decode
from digitmill.imaging.files.formats import format_of
from digitmill.imaging.normaliser.normalise import SIDE, normalise
from tests.archives import Crafted, craft
from tests.hostile.conftest import Besieged, no_hang
from tests.hostile.mutations import corpus, damaged, damaged_files
from tests.web.conftest import Answer

BOUNDARY = "a-line-between"
REFUSALS = {400, 413, 415, 422}
STATUSES = {"recognized", "review", "blank", "failed"}
MEDIA_TYPES = ("application/zip", "image/png", "image/tiff", "image/x-portable-anymap", "image/")
NAMES = (
    "a.png",
    "a.tif",
    "a.zip",
    "a",
    "",
    '"',
    "a\r\nb.png",
    "../../a.png",
    "=1+1.png",
    "\N{SNOWMAN}.jpg",
    "x" * 3000,
)


def form_of(files: list[tuple[str, bytes]], options: bytes) -> bytes:
    """A multipart body, its names written as they are."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in files
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="options"\r\n\r\n'.encode()
    return b"".join(parts) + head + options + f"\r\n--{BOUNDARY}--\r\n".encode()


@st.composite
def damaged_forms(draw: st.DrawFn) -> bytes:
    """A form of damaged files, often damaged itself."""
    named = st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(corpus())).map(corpus().__getitem__))
    files = draw(st.lists(damaged_files() | named, max_size=4))
    options = draw(
        st.sampled_from(
            (b"{}", b'{"alternatives": 3}', b'{"polarity": "auto"', b'{"metadata": {"a": [1e999]}}', b"\xff")
        )
    )
    form = form_of(files, options)
    return draw(damaged(form)) if draw(st.booleans()) else form


@st.composite
def damaged_zips(draw: st.DrawFn) -> bytes:
    """An honest zip of damaged files, or a damaged one."""
    if draw(st.booleans()):
        return draw(damaged(corpus()[draw(st.sampled_from(("deflated.zip", "odd.zip")))]))
    members = draw(st.lists(st.tuples(st.sampled_from(NAMES), damaged_files()), max_size=9))
    return craft([Crafted(name=name, data=data, deflated=bool(n % 2)) for n, (name, (_, data)) in enumerate(members)])


def settle(besieged: Besieged, answer: Answer) -> None:
    """The upload is refused with a reason; or accepted, and then each image gets one row. The neighbour keeps his."""
    if answer.status_code != 202:
        assert answer.status_code in REFUSALS, answer.text
        assert answer.json["detail"]
    else:
        address = answer.headers["Location"]
        besieged.mill.turn()
        job = besieged.client.get(address).json
        assert (job["state"], job["error"]) == ("completed", None)
        rows = besieged.client.get(f"{address}/results?limit=1000").json["results"]
        assert [row["index"] for row in rows] == list(range(job["counts"]["total"]))
        assert {row["status"] for row in rows} <= STATUSES
        assert "poison_image" not in {row["error"]["code"] for row in rows if row["error"]}
        with besieged.client.get(f"{address}/results?format=csv") as table:
            assert table.status_code == 200
        assert besieged.client.delete(address).status_code == 204
    assert besieged.client.get(f"{besieged.neighbour}/results").json == besieged.rows


@given(damaged_forms())
def test_a_damaged_form_is_refused_or_answered(besieged: Besieged, body: bytes) -> None:
    with no_hang():
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        settle(besieged, besieged.client.post("/v1/jobs", data=body, headers={"Content-Type": kind}))


@given(damaged_zips() | damaged_files().map(lambda file: file[1]), st.sampled_from(MEDIA_TYPES), st.text(max_size=20))
def test_a_damaged_file_sent_raw_is_refused_or_answered(besieged: Besieged, body: bytes, kind: str, name: str) -> None:
    with no_hang():
        address = f"/v1/jobs?name={quote(name, errors='replace')}"
        settle(besieged, besieged.client.post(address, data=body, headers={"Content-Type": kind}))


@given(damaged_files(), st.integers(0, 2), st.sampled_from(Polarity))
def test_a_damaged_file_is_a_picture_of_28_by_28_or_blank_or_fails(
    besieged: Besieged, file: tuple[str, bytes], page: int, polarity: Polarity
) -> None:
    known = format_of(file[1])
    with no_hang():
        try:
            if known is not None and known.slow:
                grey = besieged.mill.service.drawers.grey(file[1], page, 3 if page else 1)
            else:
                grey = decode(file[1], page=page, pages=3 if page else 1, max_pixels=500_000)
        except ItemFailure:
            return
        picture = normalise(grey, polarity)
        assert picture is None or picture.shape == (SIDE, SIDE)


@given(st.sampled_from(("codes.pdf", "form.pdf", "packed.pdf")).flatmap(lambda name: damaged(corpus()[name])))
def test_a_damaged_pdf_is_answered_page_by_page_by_processes_that_live(besieged: Besieged, body: bytes) -> None:
    with no_hang():
        settle(besieged, besieged.client.post("/v1/jobs?name=a.pdf", data=body, headers={"Content-Type": "image/x"}))


@given(damaged(corpus()["photo.heic"]))
def test_a_damaged_heic_is_answered(besieged: Besieged, body: bytes) -> None:
    with no_hang():
        settle(besieged, besieged.client.post("/v1/jobs?name=a.heic", data=body, headers={"Content-Type": "image/x"}))


@given(st.sampled_from(("pax.tar", "gnu.tgz")).flatmap(lambda name: damaged(corpus()[name])))
def test_a_damaged_tar_is_refused_or_answered(besieged: Besieged, body: bytes) -> None:
    with no_hang():
        settle(besieged, besieged.client.post("/v1/jobs?name=a.tar", data=body, headers={"Content-Type": "image/x"}))


texts = st.text(max_size=12) | st.sampled_from(
    ("0", "-1", "1e9", "NaN", "inf", "9" * 30, "true", "review", "csv", "\x00")
)
names = st.sampled_from(
    ("limit", "cursor", "status", "min_confidence", "max_confidence", "corrected", "final", "format", "state", "x")
)
places = st.sampled_from(("", "/results", "/results/0", "/results/0/image", "/events", "/deliveries", "/labelled.zip"))


@given(places, st.lists(st.tuples(names, texts), max_size=4), texts)
def test_no_query_and_no_address_fails_the_server(
    besieged: Besieged, place: str, query: list[tuple[str, str]], job: str
) -> None:
    written = "&".join(f"{quote(name)}={quote(value, errors='replace')}" for name, value in query)
    with no_hang():
        for address in (f"{besieged.neighbour}{place}", f"/v1/jobs/{quote(job, safe='')}{place}", "/v1/jobs"):
            with besieged.client.get(f"{address}?{written}") as answer:
                assert answer.status_code < 500, address
    assert besieged.client.get(f"{besieged.neighbour}/results").json == besieged.rows
