"""Pages of PDFs: scans taken out as they are stored, all else drawn, and what cannot be read told by a code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from digitmill.errors import FailureCode
from digitmill.imaging.files.decode import decode
from digitmill.imaging.files.formats import PDF, format_of
from digitmill.imaging.pdf.pages import count_pages
from tests.imaging.pdf_pages import BLACK_AND_WHITE, MAX_PIXELS, PAPER, failure_of, read
from tests.pdfs import CODES, Grey, Page, Stored, bilevel, dct, fax, flate, pdf, put_together, scan, stream, written
from tests.pictures import encoded

BILEVEL = ("bilevel", "group 4", "jbig2")


@pytest.mark.parametrize("dpi", [72, 97, 150.3, 300, 601])
@pytest.mark.parametrize("code", CODES)
def test_a_scan_comes_out_pixel_for_pixel_in_its_own_resolution(code: str, dpi: float) -> None:
    stored = BLACK_AND_WHITE if code in BILEVEL else PAPER
    found = read(pdf([scan(CODES[code](stored), dpi)]))
    assert found.shape == stored.shape
    assert np.abs(found.astype(int) - stored).max() <= (12 if code == "jpeg" else 0)


def test_a_fax_of_group_3_comes_out_as_it_was() -> None:
    assert np.array_equal(read(pdf([scan(fax(BLACK_AND_WHITE, "group3"))])), BLACK_AND_WHITE)


@pytest.mark.parametrize("code", ["group 4", "jbig2", "flate"])
@pytest.mark.parametrize("behind", [b"\n", b"\r\n", b"\0\0\0"])
def test_line_breaks_behind_a_scan_are_passed_over(code: str, behind: bytes) -> None:
    stored = CODES[code](BLACK_AND_WHITE)
    stored.data += behind
    assert np.array_equal(read(pdf([scan(stored)])), BLACK_AND_WHITE)


def test_what_a_program_leaves_behind_a_fax_is_passed_over() -> None:
    stored = fax(BLACK_AND_WHITE)
    stored.data += bytes(range(256)) * 3
    assert np.array_equal(read(pdf([scan(stored)])), BLACK_AND_WHITE)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "CMYK", "P"])
def test_pdfs_of_another_program_are_read(mode: str) -> None:
    """Pillow writes pages of 1 bit as group 4 with the tags of a TIFF behind them, others as JPEG or packed."""
    image = Image.fromarray(BLACK_AND_WHITE)
    found = read(
        encoded(image.convert("RGB").convert(mode) if mode == "P" else image.convert(mode), "PDF", resolution=200)
    )
    assert np.abs(found.astype(int) - BLACK_AND_WHITE).mean() < 2


def test_colours_become_grey_as_those_of_an_image_do() -> None:
    coloured = np.stack([PAPER, 255 - PAPER, PAPER // 2], axis=-1)
    assert np.array_equal(read(pdf([scan(flate(coloured))])), np.asarray(Image.fromarray(coloured).convert("L")))


@pytest.mark.parametrize("turn", [0, 90, 180, 270, -90, 450])
@pytest.mark.parametrize("dpi", [97, 300])
def test_the_rotation_of_the_page_is_applied(turn: int, dpi: float) -> None:
    found = read(pdf([scan(flate(PAPER), dpi, more=f"/Rotate {turn}")]))
    assert np.array_equal(found, np.rot90(PAPER, -turn // 90))


WIDE, HIGH = 300 * 0.24, 400 * 0.24


@pytest.mark.parametrize(
    ("matrix", "seen"),
    [
        (f"{WIDE} 0 0 -{HIGH} 0 {HIGH}", PAPER[::-1]),
        (f"-{WIDE} 0 0 {HIGH} {WIDE} 0", PAPER[:, ::-1]),
        (f"-{WIDE} 0 0 -{HIGH} {WIDE} {HIGH}", PAPER[::-1, ::-1]),
    ],
)
def test_an_image_that_lies_mirrored_is_seen_so(matrix: str, seen: Grey) -> None:
    assert np.array_equal(read(pdf([scan(flate(PAPER), matrix=matrix)])), seen)


def test_an_image_that_lies_on_its_side_is_seen_so() -> None:
    page = scan(flate(PAPER), matrix=f"0 {WIDE} -{HIGH} 0 {HIGH} 0")
    page.width, page.height = HIGH, WIDE
    assert np.array_equal(read(pdf([page])), np.rot90(PAPER))


def test_of_a_cropped_page_what_is_seen_comes_out() -> None:
    found = read(pdf([scan(flate(PAPER), 72, more="/CropBox [20 50 260 380]")]))
    assert np.array_equal(found, PAPER[20:350, 20:260])


def test_a_fax_of_coarse_lines_is_brought_into_shape() -> None:
    squashed = np.ascontiguousarray(PAPER[::2])
    page = scan(flate(squashed), matrix=f"{WIDE} 0 0 {HIGH} 0 0")
    page.width, page.height = WIDE, HIGH
    found = read(pdf([page]))
    assert found.shape == PAPER.shape
    assert np.abs(found.astype(int) - PAPER).mean() < 4


def test_recognised_text_under_a_scan_changes_nothing() -> None:
    page = scan(flate(PAPER))
    page.content += b" BT 3 Tr /F1 12 Tf 10 10 Td (seven) Tj ET"
    assert np.array_equal(read(pdf([page])), PAPER)


def test_text_beneath_a_scan_is_hidden_by_it() -> None:
    page = scan(flate(PAPER))
    page.content = b"BT /F1 12 Tf 10 10 Td (seven) Tj ET " + page.content
    assert np.array_equal(read(pdf([page])), PAPER)


def test_a_scan_in_a_form_of_its_own_comes_out_in_its_own_resolution() -> None:
    page = scan(flate(PAPER), 97)
    wrapped = stream(
        f"<< /Type /XObject /Subtype /Form /BBox [0 0 {page.width:.4f} {page.height:.4f}] "
        "/Resources << /XObject << /Im0 9001 0 R >> >>",
        page.content,
    )
    image = page.images["Im0"]
    inner = stream(f"<< /Type /XObject /Subtype /Image /Width 300 /Height 400 {image.entries}", image.data)
    outer = Page(b"/Fm0 Do", page.width, page.height, more="/Resources << /XObject << /Fm0 9000 0 R >> >>")
    found = read(pdf([outer], objects={9000: wrapped, 9001: inner}))
    assert np.array_equal(found, PAPER)


def test_ink_over_a_scan_is_seen() -> None:
    page = scan(flate(PAPER))
    page.content += b" 0 g 10 10 20 20 re f"
    found = read(pdf([page]))
    assert found[-90:-50, 50:110].max() < 10


@pytest.mark.parametrize("appearance", [True, False])
def test_what_was_filled_into_a_form_is_drawn(appearance: bool) -> None:
    drawn = stream(
        "<< /Type /XObject /Subtype /Form /BBox [0 0 200 60] /Resources << /Font << /F1 3 0 R >> >>",
        b"/Tx BMC BT /F1 40 Tf 5 15 Td (4711) Tj ET EMC",
    )
    field = (
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (sum) /V (4711) /Rect [100 100 300 160] /F 4 /DA (/F1 40 Tf 0 g)"
        + (" /AP << /N 9001 0 R >>" if appearance else "")
        + " >>"
    )
    form = (
        "/AcroForm << /Fields [9000 0 R] /NeedAppearances true /DA (/F1 40 Tf 0 g) /DR << /Font << /F1 3 0 R >> >> >>"
    )
    page = Page(b"", 400, 300, more="/Annots [9000 0 R]")
    found = read(pdf([page], catalog=form, objects={9000: field.encode(), 9001: drawn}))
    left, right, top, bottom = (round(side * 300 / 72) for side in (100, 300, 140, 200))
    inside = found[top:bottom, left:right]
    assert (inside < 100).sum() > 2000
    assert (found < 100).sum() == (inside < 100).sum()


def test_a_note_on_a_scan_is_seen() -> None:
    look = stream("<< /Type /XObject /Subtype /Form /BBox [0 0 20 20]", b"0 g 0 0 20 20 re f")
    note = b"<< /Type /Annot /Subtype /Stamp /Rect [10 10 30 30] /F 4 /AP << /N 9001 0 R >> >>"
    page = scan(flate(PAPER), more="/Annots [9000 0 R]")
    found = read(pdf([page], objects={9000: note, 9001: look}))
    assert found.shape == PAPER.shape
    assert found[-110:-60, 60:110].max() < 60


def test_a_page_of_text_is_drawn_at_300_dots_per_inch() -> None:
    found = read(pdf([written("7 42", 595, 842)]))
    assert found.shape == (3508, 2479)
    assert 10_000 < (found < 128).sum() < 50_000


def test_a_scan_that_leaves_much_of_its_page_free_is_drawn_where_it_lies() -> None:
    page = scan(flate(PAPER), 300)
    page.width, page.height = 2 * page.width, 2 * page.height
    found = read(pdf([page]))
    assert found.shape == (800, 600)
    assert np.abs(found[400:, :300].astype(int) - PAPER).mean() < 2
    assert found[:390].min() == 255


def test_a_mask_over_a_background_is_drawn_by_the_finer_of_the_two() -> None:
    """As copiers pack pages small: paper in few dots, ink in many."""
    mask = bilevel(BLACK_AND_WHITE)
    mask.entries = "/ImageMask true /BitsPerComponent 1 /Filter /FlateDecode"
    page = scan(flate(np.full((40, 30), 200, np.uint8)), 30)
    page.images = {**page.images, "Im1": mask}
    page.content += f" 0 g q {page.width:.4f} 0 0 {page.height:.4f} 0 0 cm /Im1 Do Q".encode()
    found = read(pdf([page]))
    assert np.array_equal(found, np.where(BLACK_AND_WHITE == 0, 0, 200))


@given(st.lists(st.tuples(st.sampled_from(list(CODES)), st.integers(40, 700)), min_size=1, max_size=6))
def test_pages_come_in_their_order_whatever_lies_beside_them(pages: list[tuple[str, int]]) -> None:
    greys = [
        np.where(np.roll(BLACK_AND_WHITE, 7 * place, 0) > 0, 255, 0).astype(np.uint8) for place in range(len(pages))
    ]
    data = pdf([scan(CODES[code](grey), dpi) for (code, dpi), grey in zip(pages, greys, strict=True)])
    assert count_pages(data) == len(pages)
    for place, grey in enumerate(greys):
        assert np.abs(read(data, place).astype(int) - grey).max() <= 12


def test_a_pdf_of_another_number_of_pages_than_was_planned_is_told() -> None:
    assert failure_of(pdf([written("1"), written("2")])).failure is FailureCode.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("said", [1, 2])
@pytest.mark.parametrize("nested", [False, True])
def test_a_pdf_that_says_fewer_pages_than_it_has_loses_none_in_silence(said: int, nested: bool) -> None:
    data = pdf([written("1"), written("2"), written("3")])
    if nested:
        data = data.replace(b"/Kids [5 0 R 7 0 R 9 0 R]", b"/Kids [5 0 R 11 0 R     ]")
        data = data.replace(b"xref\n", b"11 0 obj\n<< /Type /Pages /Kids [7 0 R 9 0 R] /Count 1 >>\nendobj\nxref\n", 1)
        # without its table it is put together again from what lies in it
        data = data.replace(b"startxref", b"nowhere")
    assert count_pages(data) == 3
    wrong = data.replace(b"/Count 3", b"/Count %d" % said)
    for failure in (failure_of(wrong, 0, said), failure_of(wrong, 0, 1)):
        assert failure.failure is FailureCode.TRUNCATED_IMAGE
        assert f"more pages than the {said} that it says" in failure.detail


def test_pages_that_no_tree_names_are_no_pages() -> None:
    data = pdf([written("1"), written("2"), written("3")]).replace(b"[5 0 R 7 0 R 9 0 R]", b"[5 0 R 7 0 R      ]")
    assert count_pages(data.replace(b"/Count 3", b"/Count 2")) == 2


def test_printers_commands_before_a_pdf_are_passed_over() -> None:
    data = b"\x1b%-12345X@PJL JOB\r\n" * 10 + pdf([scan(flate(PAPER))])
    assert format_of(data) is PDF
    assert np.array_equal(read(data), PAPER)


ENCRYPTED = put_together(
    {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>",
        4: f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{'41' * 32}> /U <{'42' * 32}> >>".encode(),
    },
    "/Encrypt 4 0 R /ID [<41> <41>]",
)
XFA = pdf([written("Please wait")], catalog="/AcroForm << /XFA 9000 0 R /Fields [] >> /NeedsRendering true",
          objects={9000: stream("<<", b"<xdp/>")})  # fmt: skip
WHOLE = pdf([scan(flate(PAPER))])
UNREADABLE: dict[str, tuple[bytes, FailureCode]] = {
    "a password": (ENCRYPTED, FailureCode.ENCRYPTED_MEMBER),
    "no pages": (pdf([]), FailureCode.NOT_AN_IMAGE),
    "an XFA form": (XFA, FailureCode.UNSUPPORTED_FORMAT),
    "cut off": (WHOLE[: len(WHOLE) // 2], FailureCode.TRUNCATED_IMAGE),
    "a head alone": (b"%PDF-1.4\n", FailureCode.TRUNCATED_IMAGE),
    "a page of a kilometre": (pdf([written("1", 2_834_645, 2_834_645)]), FailureCode.IMAGE_TOO_LARGE),
    "a scan that says more pixels": (
        pdf([scan(Stored(flate(PAPER).entries, flate(PAPER).data, (60_000, 60_000)))]),
        FailureCode.IMAGE_TOO_LARGE,
    ),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_ends_in_a_code_and_a_sentence(what: str) -> None:
    data, code = UNREADABLE[what]
    failure = failure_of(data)
    assert failure.failure is code
    assert failure.detail.endswith(".")


def cut(stored: Stored) -> Stored:
    return Stored(stored.entries, stored.data[: len(stored.data) * 2 // 3], stored.size)


def hit(stored: Stored) -> Stored:
    middle = len(stored.data) // 2
    return Stored(stored.entries, stored.data[:middle] + bytes(40) + stored.data[middle + 40 :], stored.size)


@pytest.mark.parametrize("code", CODES)
def test_a_scan_that_breaks_off_is_damaged_and_not_blank(code: str) -> None:
    failure = failure_of(pdf([scan(cut(CODES[code](BLACK_AND_WHITE)))]))
    assert failure.failure is FailureCode.TRUNCATED_IMAGE


@pytest.mark.parametrize("code", CODES)
def test_a_scan_without_data_is_damaged_and_not_blank(code: str) -> None:
    stored = CODES[code](BLACK_AND_WHITE)
    failure = failure_of(pdf([scan(Stored(stored.entries, b"", stored.size))]))
    assert failure.failure is FailureCode.TRUNCATED_IMAGE


@pytest.mark.parametrize("code", ["flate", "group 4"])
def test_a_scan_with_damaged_bytes_is_damaged_and_not_blank(code: str) -> None:
    assert failure_of(pdf([scan(hit(CODES[code](BLACK_AND_WHITE)))])).failure is FailureCode.TRUNCATED_IMAGE


def test_a_damaged_page_costs_itself_alone() -> None:
    pages = [scan(dct(PAPER)), scan(cut(dct(PAPER))), scan(dct(PAPER))]
    data = pdf(pages)
    assert np.abs(read(data, 0).astype(int) - read(data, 2)).max() == 0
    assert failure_of(data, 1, 3).failure is FailureCode.TRUNCATED_IMAGE


def test_a_page_that_is_missing_costs_itself_alone() -> None:
    data = pdf([scan(flate(PAPER)), scan(flate(PAPER))]).replace(b"/Count 2", b"/Count 3")
    assert np.array_equal(decode(data, page=1, pages=3, max_pixels=MAX_PIXELS), PAPER)
    assert failure_of(data, 2, 3).failure is FailureCode.TRUNCATED_IMAGE


def test_more_pixels_than_are_allowed_are_refused_before_they_are_drawn() -> None:
    data = pdf([scan(flate(PAPER))])
    assert read(data, max_pixels=PAPER.size).size == PAPER.size
    assert failure_of(data, max_pixels=PAPER.size - 1).failure is FailureCode.IMAGE_TOO_LARGE
