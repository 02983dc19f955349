"""Pictures in PDFs as few programs store them, pages of which nothing can be drawn, and blank ones."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitmill.errors import FailureCode
from digitmill.imaging.files.decode import decode
from tests.imaging.pdf_pages import BLACK_AND_WHITE, MAX_PIXELS, PAPER, failure_of, read
from tests.pdfs import Grey, Page, Stored, dct, flate, pdf, put_together, scan, stream, written
from tests.pictures import encoded


def few_bits(picture: Grey, bits: int, space: str = "/DeviceGray") -> Stored:
    """The picture in so many bits a sample, 1 to 16, packed row by row (PDF 1.7, 8.9.5.2)."""
    values = picture.astype(np.uint32) * 257 >> (16 - bits)
    places = np.arange(bits - 1, -1, -1)
    rows = (values[..., None] >> places & 1).reshape(len(picture), -1).astype(np.uint8)
    entries = f"/ColorSpace {space} /BitsPerComponent {bits} /Filter /FlateDecode"
    return Stored(entries, zlib.compress(np.packbits(rows, axis=1).tobytes()), picture.shape[1::-1])


def palette(bits: int) -> str:
    levels = np.round(np.linspace(0, 255, 1 << bits)).astype(int)
    return f"[/Indexed /DeviceGray {len(levels) - 1} <{''.join(f'{level:02x}' for level in levels)}>]"


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_scans_of_few_and_of_many_bits_show_what_they_show(bits: int, indexed: bool) -> None:
    if indexed and bits > 8:
        pytest.skip("there is no such palette")
    found = read(pdf([scan(few_bits(PAPER, bits, palette(bits) if indexed else "/DeviceGray"))]))
    steps = (1 << min(bits, 8)) - 1
    assert np.abs(found.astype(int) - (PAPER.astype(int) >> max(8 - bits, 0)) * 255 / steps).max() <= 2


@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize("channels", [3, 4])
def test_coloured_scans_of_few_and_of_many_bits_are_read(bits: int, channels: int) -> None:
    ink = np.stack([PAPER if channels == 3 else 255 - PAPER] * channels, axis=-1)
    space = "/DeviceRGB" if channels == 3 else "/DeviceCMYK"
    found = read(pdf([scan(few_bits(ink, bits, space))]))
    assert np.corrcoef(found.ravel(), PAPER.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_scan_with_a_colour_that_is_transparent_is_read(bits: int) -> None:
    stored = few_bits(BLACK_AND_WHITE, bits)
    white = (1 << bits) - 1
    stored.entries += f" /Mask [{white} {white}]"
    assert np.array_equal(read(pdf([scan(stored)])), BLACK_AND_WHITE)


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
@pytest.mark.parametrize("lost", [0.05, 0.3, 0.7])
def test_a_scan_of_few_or_many_bits_that_breaks_off_is_damaged(bits: int, lost: float) -> None:
    stored = few_bits(PAPER, bits)
    whole = zlib.decompress(stored.data)
    short = whole[: round(len(whole) * (1 - lost))]
    for data in (stored.data[: round(len(stored.data) * (1 - lost))], zlib.compress(short)):
        failure = failure_of(pdf([scan(Stored(stored.entries, data, stored.size))]))
        assert failure.failure is FailureCode.TRUNCATED_IMAGE


def test_a_logo_of_few_bits_does_not_cost_its_page() -> None:
    page = written("7 42")
    page.images = {"Im0": few_bits(PAPER, 4)}
    page.content += b" q 4 0 0 4 0 0 cm /Im0 Do Q"
    assert (read(pdf([page])) < 128).sum() > 10_000


def test_a_wrong_checksum_alone_does_not_cost_the_page() -> None:
    stored = flate(PAPER)
    stored.data = stored.data[:-4] + b"\0\1\2\3"
    assert np.array_equal(read(pdf([scan(stored)])), PAPER)


def test_a_last_row_that_a_program_left_out_does_not_cost_the_page() -> None:
    stored = Stored(flate(PAPER).entries, zlib.compress(PAPER[:-1].tobytes()), PAPER.shape[::-1])
    assert np.array_equal(read(pdf([scan(stored)]))[:-1], PAPER[:-1])


def jpeg_of_other_kind(marker: int, bits: int = 8) -> Stored:
    stored = dct(PAPER)
    frame = stored.data.index(b"\xff\xc0")
    head = stored.data[:frame] + bytes((0xFF, marker)) + stored.data[frame + 2 : frame + 4] + bytes((bits,))
    return Stored(stored.entries, head + stored.data[frame + 5 :], stored.size)


ARITHMETIC = (Path(__file__).parent / "files" / "4_jpg_arithmetic.jpg").read_bytes()
CHANNELS = {"/DeviceGray": "L", "/DeviceRGB": "RGB", "/DeviceCMYK": "CMYK"}


def stored_as(space: str, data: bytes, size: tuple[int, int] = PAPER.shape[::-1]) -> Stored:
    return Stored(f"/ColorSpace {space} /BitsPerComponent 8 /Filter /DCTDecode", data, size)


@pytest.mark.parametrize("space", CHANNELS)
@pytest.mark.parametrize("mode", CHANNELS.values())
def test_a_jpeg_of_other_channels_than_the_pdf_says_shows_what_it_shows(space: str, mode: str) -> None:
    exif = Image.Exif()
    exif[0x112] = 6  # of which a PDF takes no notice
    data = encoded(Image.fromarray(PAPER).convert(mode), "JPEG", quality=95, exif=exif)
    # Pillow writes CMYK as Adobe does, inverted
    told = space if space != "/DeviceCMYK" or mode != "CMYK" else f"{space} /Decode [1 0 1 0 1 0 1 0]"
    found = read(pdf([scan(stored_as(told, data))]))
    assert np.abs(found.astype(int) - PAPER).mean() < 3


def test_a_jpeg_in_arithmetic_code_is_read() -> None:
    found = read(pdf([scan(stored_as("/DeviceGray", ARITHMETIC, (150, 212)))]))
    assert np.array_equal(found, decode(ARITHMETIC, max_pixels=MAX_PIXELS))
    assert found.min() < 60


def test_a_jpeg_in_arithmetic_code_that_breaks_off_is_damaged() -> None:
    failure = failure_of(pdf([scan(stored_as("/DeviceGray", ARITHMETIC[: len(ARITHMETIC) // 2], (150, 212)))]))
    assert failure.failure is FailureCode.TRUNCATED_IMAGE


NOT_DRAWN = {
    "12 bits": jpeg_of_other_kind(0xC1, 12),
    "lossless": jpeg_of_other_kind(0xC3),
    "stored in a way": Stored(
        flate(PAPER).entries.replace("/DeviceGray", "[/ICCBased 3 0 R]"), flate(PAPER).data, (300, 400)
    ),
    "a way that is not read": Stored("/Filter /FooDecode", b"x" * 500, PAPER.shape[::-1]),
}


@pytest.mark.parametrize("reason", NOT_DRAWN)
@pytest.mark.parametrize("beside", [b"", b" 0 g 10 10 5 5 re f"])
def test_a_picture_of_a_kind_that_is_not_drawn_says_so_and_is_not_blank(reason: str, beside: bytes) -> None:
    page = scan(NOT_DRAWN[reason])
    page.content += beside
    failure = failure_of(pdf([page]))
    assert failure.failure is FailureCode.UNSUPPORTED_FORMAT
    assert reason in failure.detail


def packed_page(content: bytes) -> bytes:
    """A page whose content, as it is given, says that it is deflated."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R /Resources << >> >>"
    return put_together(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: page,
            4: stream("<< /Filter /FlateDecode", content),
        }
    )


EMPTY_FORM = "/Resources << /XObject << /Fm0 9000 0 R >> >>"
LOST = {
    "an image that is not there": pdf([Page(b"q 9 0 0 9 0 0 cm /Im0 Do Q", 99, 99)]),
    "one of two": pdf(
        [Page(b"/Fm0 Do /Im0 Do", 99, 99, more=EMPTY_FORM)],
        objects={9000: stream("<< /Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"q Q")},
    ),
    "content that breaks off": packed_page(zlib.compress(b"0 g 10 10 50 50 re f" * 20)[:12]),
    "content that is damaged": packed_page(b"x\x9c" + b"\xff" * 30),
    "a form that breaks off": pdf(
        [Page(b"/Fm0 Do", 99, 99, more=EMPTY_FORM)],
        objects={
            9000: stream(
                "<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Filter /FlateDecode",
                zlib.compress(b"0 g 1 1 5 5 re f" * 9)[:12],
            )
        },
    ),
}


@pytest.mark.parametrize("what", LOST)
def test_a_page_of_which_nothing_can_be_drawn_is_not_blank(what: str) -> None:
    failure = failure_of(LOST[what])
    assert failure.failure is FailureCode.TRUNCATED_IMAGE


@pytest.mark.parametrize(
    "blank",
    [
        pdf([Page(b"", 99, 99)]),
        pdf([Page(b"q 1 0 0 1 0 0 cm Q", 99, 99)]),
        pdf([Page(b"BT /F1 9 Tf 9 9 Td (I Do not /draw Do) Tj ET 1 g 0 0 99 99 re f", 99, 99)]).replace(
            b"9 Tf", b"0 Tf"
        ),
        pdf(
            [Page(b"/Fm0 Do", 99, 99, more=EMPTY_FORM)],
            objects={9000: stream("<< /Type /XObject /Subtype /Form /BBox [0 0 9 9]", b"")},
        ),
        packed_page(zlib.compress(b"q Q")),
        packed_page(zlib.compress(b"q Q")[:-4]),
        packed_page(b""),
        pdf([scan(flate(np.full((40, 30), 255, np.uint8)))]),
    ],
)
def test_a_page_of_which_there_is_nothing_to_draw_is_blank(blank: bytes) -> None:
    assert read(blank).min() == 255


@pytest.mark.parametrize(("collection", "covers"), [("/Collection << /View /D >>", True), ("", False)])
def test_a_portfolio_says_so_and_a_pdf_with_an_attachment_is_read(collection: str, covers: bool) -> None:
    inner = stream("<< /Type /EmbeddedFile", pdf([written("7")]))
    names = "/Names << /EmbeddedFiles << /Names [(a.pdf) 9000 0 R] >> >>"
    spec = b"<< /Type /Filespec /F (a.pdf) /EF << /F 9001 0 R >> /CI << /Type /CollectionItem >> >>"
    data = pdf([written("Please open")], catalog=f"{names} {collection}", objects={9000: spec, 9001: inner})
    if not covers:
        assert read(data).min() == 0
        return
    failure = failure_of(data)
    assert failure.failure is FailureCode.UNSUPPORTED_FORMAT
    assert "portfolio" in failure.detail
