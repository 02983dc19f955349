"""Files that are sound, though they are written as few programs write them: read, or refused for the true reason."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.files.decode import decode
from digitmill.imaging.files.formats import AVIF, FORMATS, HEIF, format_of
from digitmill.imaging.files.pages import count_tiff_pages
from digitmill.uploads.names import Kind, kind_of
from tests.imaging.tiffs import LONG, SHORT, grey_tags, written
from tests.pictures import Grey, avif, chunk, drawn_digit, encoded, heic, jpeg, tiff, to_be_turned

FILES = Path(__file__).parent / "files"
PLENTY = 1_000_000
PICTURES = {f"{value} of {side}": drawn_digit(value, side) for value, side in ((1, 40), (4, 64), (7, 90), (8, 200))}
pictures = pytest.mark.parametrize("grey", PICTURES.values(), ids=PICTURES.keys())
orders = pytest.mark.parametrize("order", "<>")


def decoded(data: bytes) -> Grey:
    return decode(data, pages=count_tiff_pages(data, 100), max_pixels=PLENTY)


def picture_or_failure(data: bytes) -> Grey | FailureCode:
    try:
        return decoded(data)
    except ItemFailure as failure:
        return failure.failure


def reason(data: bytes) -> tuple[FailureCode, str]:
    with pytest.raises(ItemFailure) as caught:
        decoded(data)
    return caught.value.failure, caught.value.detail


def apart(one: Grey, other: Grey) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize(
    "name",
    ["4.avif", "4.jp2", "4_iphone.heic", "4_jpg_no_eoi.jpg", "4_ojpeg_gray.tif", "4_pyramid.tif"],
)
def test_files_of_other_programs_show_what_they_show(name: str) -> None:
    shown = decoded((FILES / name).read_bytes())
    base = decoded((FILES / "base_4.png").read_bytes())
    assert shown.shape == base.shape
    assert np.corrcoef(shown.ravel(), base.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    ("name", "word"), [("4.jbg", "JBIG"), ("4_jpg_12bit.jpg", "12 bits"), ("4_rgb_webp.tif", "compressed")]
)
def test_whole_files_that_are_not_read_are_not_called_damaged(name: str, word: str) -> None:
    code, detail = reason((FILES / name).read_bytes())
    assert code is FailureCode.UNSUPPORTED_FORMAT
    assert word in detail
    assert "damaged" not in detail


@pytest.mark.parametrize("begins", [b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08", b"Rar!\x1a\x07\x01\x00", b"BZh91AY&SY"])
def test_an_archive_that_was_sent_alone_is_not_told_to_be(begins: bytes) -> None:
    code, detail = reason(begins + bytes(600))
    assert code is FailureCode.NESTED_ARCHIVE
    assert "alone" not in detail


def test_every_format_is_one_entry() -> None:
    for column in ("name", "reader", "media_type"):
        assert len({getattr(known, column) for known in FORMATS}) == len(FORMATS)
    suffixes = [suffix for known in FORMATS for suffix in known.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert all(kind_of(f"a{suffix}") in (Kind.IMAGE, Kind.OTHER) for suffix in suffixes)


@pytest.mark.parametrize("brand", [b"mif1", b"msf1"])
def test_of_two_formats_of_one_brand_the_others_tell(brand: bytes) -> None:
    grey = PICTURES["4 of 64"]
    for data, known in ((avif(grey), AVIF), (heic(grey), HEIF)):
        assert format_of(data) is known
        assert format_of(data[:8] + brand + data[12:]) is known


@pictures
@pytest.mark.parametrize("big", [False, True])
@orders
@pytest.mark.parametrize("strips", [1, 3])
def test_tiffs_of_either_byte_order_and_size_of_offsets_are_read(
    grey: Grey, *, big: bool, order: str, strips: int
) -> None:
    height = -(-grey.shape[0] // strips)
    parts = [grey[top : top + height].tobytes() for top in range(0, grey.shape[0], height)]
    tags = {**grey_tags(grey), 278: (LONG, [height])}
    assert apart(decoded(written([(tags, parts)], order, big=big)), grey) == 0
    colour = {**tags, 258: (SHORT, [8, 8, 8]), 262: (SHORT, [2]), 277: (SHORT, [3])}
    three = [np.repeat(np.frombuffer(part, np.uint8), 3).tobytes() for part in parts]
    assert apart(decoded(written([(colour, three)], order, big=big)), grey) == 0


def test_every_page_of_a_big_endian_big_tiff_is_read() -> None:
    data = written([(grey_tags(grey), [grey.tobytes()]) for grey in PICTURES.values()], ">", big=True)
    for page, grey in enumerate(PICTURES.values()):
        assert apart(decode(data, page=page, pages=len(PICTURES), max_pixels=PLENTY), grey) == 0


@pytest.mark.parametrize("length", [20, 60, 200, 1000])
def test_a_big_endian_big_tiff_cut_short_fails(length: int) -> None:
    grey = PICTURES["4 of 64"]
    data = written([(grey_tags(grey), [grey.tobytes()])], ">", big=True)
    assert reason(data[:-length])[0] in (FailureCode.TRUNCATED_IMAGE, FailureCode.UNSUPPORTED_FORMAT)


@pictures
@orders
@pytest.mark.parametrize("colour", [False, True])
def test_an_old_style_jpeg_within_a_tiff_is_read(grey: Grey, order: str, *, colour: bool) -> None:
    mode = "RGB" if colour else "L"
    inner = encoded(Image.fromarray(grey).convert(mode), "JPEG", quality=95)
    tags = {**grey_tags(grey), 259: (SHORT, [6]), 262: (SHORT, [6 if colour else 1])}
    # the first strip begins behind the head, at 8
    data = written([({**tags, 512: (SHORT, [1]), 513: (LONG, [8]), 514: (LONG, [len(inner)])}, [inner])], order)
    assert apart(decoded(data), grey) <= 12


@pictures
@pytest.mark.parametrize(
    ("compression", "name"),
    [
        (50001, "WebP"),
        (34661, "JBIG"),
        (34712, "JPEG 2000"),
        (33003, "JPEG 2000"),
        (50002, "JPEG XL"),
        (34887, "LERC"),
        (34933, "PNG"),
        (65000, "method 65000"),
    ],
)
def test_tiffs_compressed_in_ways_that_are_not_read_say_so(grey: Grey, compression: int, name: str) -> None:
    strip = encoded(Image.fromarray(grey).convert("RGB"), "WEBP", lossless=True)
    tags = {
        **grey_tags(grey),
        258: (SHORT, [8, 8, 8]),
        259: (SHORT, [compression]),
        262: (SHORT, [2]),
        277: (SHORT, [3]),
    }
    code, detail = reason(written([(tags, [strip])]))
    assert code is FailureCode.UNSUPPORTED_FORMAT
    assert f"compressed by {name}," in detail


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize(("tag", "value"), [(274, 0), (274, 99), (296, 0), (296, 9), (263, 9), (331, 1)])
def test_a_tag_with_a_value_that_is_none_does_not_cost_the_picture(compression: int, tag: int, value: int) -> None:
    grey = PICTURES["4 of 64"]
    strip = zlib.compress(grey.tobytes()) if compression == 8 else grey.tobytes()
    data = written([({**grey_tags(grey), 259: (SHORT, [compression]), tag: (SHORT, [value])}, [strip])])
    assert apart(decoded(data), grey) == 0


@pictures
@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 3}, {"subsampling": 2}, {"optimize": True}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_that_lacks_its_last_marker_is_read_and_one_that_lacks_pixels_is_not(
    grey: Grey, mode: str, options: dict[str, int]
) -> None:
    whole = encoded(Image.fromarray(grey).convert(mode), "JPEG", quality=95, **options)
    picture = decoded(whole)
    for length in (1, 2):
        assert apart(decoded(whole[:-length]), picture) == 0
    refused = 0
    for length in range(3, len(whole) - 20, max(1, len(whole) // 200)):
        shown = picture_or_failure(whole[:-length])
        # of the last bits some are of colours, of which none is needed
        assert shown is FailureCode.TRUNCATED_IMAGE or (isinstance(shown, np.ndarray) and apart(shown, picture) == 0)
        refused += shown is FailureCode.TRUNCATED_IMAGE
    assert refused > 100


@pictures
def test_of_a_progressive_jpeg_without_its_end_nobody_knows_what_is_missing(grey: Grey) -> None:
    whole = jpeg(grey)
    progressive = encoded(Image.fromarray(grey), "JPEG", quality=95, progressive=True)
    assert apart(decoded(progressive), decoded(whole)) == 0
    for length in (2, len(progressive) // 10, len(progressive) // 2):
        assert reason(progressive[:-length])[0] is FailureCode.TRUNCATED_IMAGE


@pictures
@pytest.mark.parametrize("bits", [2, 12, 16])
def test_a_jpeg_of_other_than_8_bits_says_so(grey: Grey, bits: int) -> None:
    data = bytearray(jpeg(grey))
    data[data.index(b"\xff\xc0") + 4] = bits
    code, detail = reason(bytes(data))
    assert code is FailureCode.UNSUPPORTED_FORMAT
    assert f"{bits} bits" in detail


@pytest.mark.parametrize("marker", [0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7])
def test_a_lossless_or_hierarchical_jpeg_says_so(marker: int) -> None:
    data = bytearray(jpeg(PICTURES["4 of 64"]))
    data[data.index(b"\xff\xc0") + 1] = marker
    assert reason(bytes(data))[0] is FailureCode.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("sides", [(28, 28), (232, 300), (1700, 2200)])
@pytest.mark.parametrize("layers", [(0, 0), (0, 3)])
def test_a_jbig_picture_is_one_and_no_icon(sides: tuple[int, int], layers: tuple[int, int]) -> None:
    width, height = sides
    head = bytes((*layers, 1, 0)) + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes(3) + b"\x80"
    code, detail = reason(head + b"\x08\x00\x03\x1c" + b"\xff\x02" * 30)
    assert code is FailureCode.UNSUPPORTED_FORMAT
    assert "JBIG" in detail


@pictures
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_photo_of_a_phone_is_upright(grey: Grey, orientation: int) -> None:
    """Both say how to turn it, the box of the picture and EXIF data: it is turned once."""
    stored = {1: grey, 3: grey[::-1, ::-1], 6: grey[:, ::-1].T, 8: grey[::-1].T}[orientation]
    turned = to_be_turned(np.ascontiguousarray(stored), orientation, "AVIF", quality=95)
    assert apart(decoded(turned), grey) <= 24
    assert apart(decoded(heic(np.ascontiguousarray(stored), orientation=orientation)), grey) <= 24


@pictures
def test_a_second_frame_of_a_heic_or_an_avif_is_no_row(grey: Grey) -> None:
    frames = [Image.fromarray(grey).convert("RGB"), Image.fromarray(255 - grey).convert("RGB")]
    data = encoded(frames[0], "AVIF", quality=95, save_all=True, append_images=frames[1:])
    assert apart(decoded(data), grey) <= 24
    assert apart(decoded(tiff([grey])), grey) == 0


def with_chunk(data: bytes, piece: bytes) -> bytes:
    """The PNG with the chunk behind its header."""
    return data[:33] + piece + data[33:]


WRONG = b"\0\1\2\3"
REMARKS = {
    "a text of a wrong checksum": chunk(b"tEXt", b"Title\0seven")[:-4] + WRONG,
    "a text that unpacks to more than is read": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3_000_000))),
    "a profile that cannot be unpacked": chunk(b"iCCP", b"sRGB\0\0nothing"),
    "a gamma of a wrong checksum": chunk(b"gAMA", bytes(4))[:-4] + WRONG,
}


@pytest.mark.parametrize("remark", REMARKS)
@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_what_a_png_says_about_itself_does_not_cost_the_picture(remark: str, mode: str) -> None:
    image = Image.fromarray(PICTURES["8 of 200"]).convert(mode)
    sound = encoded(image, "PNG")
    assert apart(decoded(with_chunk(sound, REMARKS[remark])), decoded(sound)) == 0


@pytest.mark.parametrize("remark", REMARKS)
def test_a_png_that_lacks_pixels_is_damaged_whatever_it_says(remark: str) -> None:
    sound = encoded(Image.fromarray(PICTURES["8 of 200"]), "PNG")
    cut = with_chunk(sound[: len(sound) * 2 // 3], REMARKS[remark])
    assert reason(cut)[0] is FailureCode.TRUNCATED_IMAGE


def test_a_png_with_a_damaged_remark_is_turned_as_it_says() -> None:
    turned = to_be_turned(PICTURES["8 of 200"], 6, "PNG")
    assert apart(decoded(with_chunk(turned, REMARKS["a text of a wrong checksum"])), decoded(turned)) == 0


def bmp_holding(data: bytes, compression: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, 200, 200, 1, 24, compression, len(data), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + head + data


@pytest.mark.parametrize("compression", [4, 5])
def test_a_bmp_that_holds_a_jpeg_or_png_says_so(compression: int) -> None:
    code, detail = reason(bmp_holding(jpeg(PICTURES["8 of 200"]), compression))
    assert code is FailureCode.UNSUPPORTED_FORMAT
    assert "holds a JPEG or PNG" in detail


@pytest.mark.parametrize(
    ("kind", "modes", "name"),
    [
        ("PCX", ["1", "L", "RGB", "P"], "PCX"),
        ("TGA", ["1", "L", "RGB", "P"], "TGA"),
        ("SGI", ["L", "RGB"], "SGI"),
        ("XBM", ["1"], "XBM"),
        ("ICO", ["L", "RGB", "P"], "icon"),
        ("DDS", ["L", "RGB"], "DirectDraw"),
    ],
)
def test_formats_that_are_not_read_are_named(kind: str, modes: list[str], name: str) -> None:
    image = Image.fromarray(PICTURES["4 of 64"]).convert("RGB")
    for mode in modes:
        code, detail = reason(encoded(image.convert(mode), kind))
        assert code is FailureCode.UNSUPPORTED_FORMAT
        assert name in detail


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "raw photo"),
        (b"FUJIFILMCCD-RAW 0201", "raw photo"),
        (b"\x59\xa6\x6a\x95" + bytes(28), "Sun raster"),
        (b"/* XPM */\nstatic char *x[] = {", "XPM"),
        (b"/* made by hand */\n#define seven_width 28\n#define seven_height 28\n", "XBM"),
        (bytes(522) + b"\0\x11\2\xff\x0c\0" + bytes(20), "PICT"),
        (b"id=ImageMagick  version=1.0\n", "MIFF"),
    ],
)
def test_pictures_of_other_programs_are_named_by_how_they_begin(head: bytes, name: str) -> None:
    code, detail = reason(head)
    assert code is FailureCode.UNSUPPORTED_FORMAT
    assert name in detail
