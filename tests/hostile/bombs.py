"""Files of a few kilobytes that ask their reader for far more, made by hand, with what each must end in.

None stands for a picture: the file is odd, but there is a sound picture in it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from PIL import Image

from digitmill.errors import FailureCode
from tests.pictures import PNG_SIGNATURE, animated, avif, chunk, drawn_digit, encoded, heic, jpeg, png, tiff_by_hand

Bomb = tuple[Callable[[], bytes], FailureCode | None]

DAMAGED, TOO_LARGE = FailureCode.TRUNCATED_IMAGE, FailureCode.IMAGE_TOO_LARGE
DIGIT = drawn_digit(side=40)
MUCH = 96 << 20
"""Bytes that a few hundred thousand unpack to."""


@cache
def zeros(size: int) -> bytes:
    """``size`` zeros, deflated: a thousandth of that."""
    deflater, block = zlib.compressobj(9), bytes(1 << 20)
    return b"".join([deflater.compress(block) for _ in range(size >> 20)]) + deflater.flush()


def png_with(*chunks: bytes) -> bytes:
    """A sound PNG with chunks put before its pixels."""
    sound = png(DIGIT)
    return sound[:33] + b"".join(chunks) + sound[33:]


def png_of(width: int, height: int, pixels: bytes, *, interlaced: bool = False) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def exif_of_overlapping_values(entries: int, each: int) -> bytes:
    """EXIF data whose every value is the same ``each`` bytes: read one by one they are ``entries`` times as many."""
    records = b"".join([struct.pack("<HHII", 1000 + n, 7, each, 8) for n in range(entries)])
    return b"II*\x00" + struct.pack("<IH", 8, entries) + records + bytes(4) + bytes(each)


def tiff_in_a_loop() -> bytes:
    data = bytearray(
        tiff_by_hand({256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: None, 277: 1, 278: 8, 279: 64}, bytes(64))
    )
    struct.pack_into("<I", data, 8 + 2 + 9 * 12, 8)
    return bytes(data)


def tiff_with(**lies: int) -> bytes:
    """A TIFF of 8x8 with other values for some of its tags."""
    names = {"width": 256, "height": 257, "bits": 258, "packing": 259, "samples": 277, "rows": 278, "bytes": 279}
    tags: dict[int, int | None] = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: None, 277: 1, 278: 8, 279: 64}
    tags |= {names[name]: value for name, value in lies.items()}
    return tiff_by_hand(tags, bytes(64))


def tiff_of_deflated(width: int, height: int, strip: bytes) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 273: None, 277: 1, 278: height, 279: len(strip)}
    return tiff_by_hand(tags, strip)


def jpeg_declaring(width: int, height: int) -> bytes:
    data = bytearray(jpeg(DIGIT))
    frame = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, frame + 5, height, width)
    return bytes(data)


def jpeg_of_many_scans(scans: int, side: int) -> bytes:
    """A progressive JPEG that repeats its last scan, which each time goes over the whole picture."""
    data = encoded(Image.fromarray(np.full((side, side), 235, np.uint8)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def jpeg_with_segments(marker: int, contents: Sequence[bytes]) -> bytes:
    data = jpeg(DIGIT)
    segments = [struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content for content in contents]
    return data[:2] + b"".join(segments) + data[2:]


def gif_declaring(width: int, height: int) -> bytes:
    data = bytearray(encoded(Image.fromarray(DIGIT), "GIF"))
    struct.pack_into("<HH", data, 6, width, height)
    return bytes(data)


def webp_declaring(width: int, height: int) -> bytes:
    """An extended WebP with a canvas of this size and a small frame."""
    small = encoded(Image.fromarray(DIGIT).convert("RGB"), "WEBP", lossless=True)
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size + small[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp_declaring(width: int, height: int, *, colours: int = 0) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 0, 0, 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 14 + len(header), 0, 0, 14 + len(header)) + header


def run_length_bmp(side: int) -> bytes:
    """A BMP whose runs end each line at once, so that no pixel is ever written."""
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, 0, 0, 0, 2, 0) + bytes(8)
    return b"BM" + struct.pack("<IHHI", 14 + len(header), 0, 0, 14 + len(header)) + header + b"\x00\x00" * side


def tiff_that_talks() -> bytes:
    """A page of fax code (group 3) in which libtiff finds a bad word in every one of 5,000,000 rows."""
    strip = bytes([(place * 37 + 11) % 256 for place in range(6000)])
    tags = {256: 10, 257: 5_000_000, 258: 1, 259: 3, 262: 0, 273: None, 277: 1, 278: 5_000_000, 279: len(strip)}
    return tiff_by_hand(tags, strip)


def tiff_of_overlapping_directories(count: int) -> bytes:
    """Directories of 65,535 entries each, which lie 6 bytes apart in the same bytes."""
    data = bytearray(b"II*\x00" + struct.pack("<I", 8) + bytes(12 * 65_535 + 6 * count + 100))
    for number in range(count):
        place = 8 + 6 * number
        struct.pack_into("<H", data, place, 65_535)
        struct.pack_into("<I", data, place + 2 + 12 * 65_535, place + 6 if number + 1 < count else 0)
    return bytes(data)


def jpeg2000_declaring(width: int, height: int, *, tile: int = 60_000, boxed: bool = False) -> bytes:
    """The codestream of a small picture that says another size; ``boxed``: in a file that says the true one."""
    data = bytearray(encoded(Image.fromarray(DIGIT), "JPEG2000", no_jp2=not boxed))
    struct.pack_into(">8I", data, data.index(b"\xff\x4f\xff\x51") + 8, width, height, 0, 0, tile, tile, 0, 0)
    return bytes(data)


def jpeg2000_of_parts(parts: int) -> bytes:
    """A codestream with empty parts of its first tile before the sound one."""
    data = jpeg2000_declaring(40, 40, tile=40)
    start = data.index(b"\xff\x90")
    return data[:start] + struct.pack(">HHHIBBH", 0xFF90, 10, 0, 14, 0, 0, 0xFF93) * parts + data[start:]


def boxes_declaring(data: bytes, width: int, height: int) -> bytes:
    """An AVIF or HEIC whose property of the size says another one."""
    changed = bytearray(data)
    struct.pack_into(">II", changed, data.index(b"ispe") + 8, width, height)
    return bytes(changed)


BOMBS: Mapping[str, Bomb] = {
    "png: 96 MB of pixels for a small picture": (lambda: png_of(40, 40, zeros(MUCH)), None),
    "png: 60,000 x 60,000": (lambda: png_of(60_000, 60_000, zeros(MUCH)), TOO_LARGE),
    "png: interlaced, 60,000 x 60,000": (lambda: png_of(60_000, 60_000, zeros(MUCH), interlaced=True), TOO_LARGE),
    "png: sides of 2^31 - 1": (lambda: png_of(2**31 - 1, 2**31 - 1, b""), TOO_LARGE),
    "png: a colour profile of 96 MB": (lambda: png_with(chunk(b"iCCP", b"x\x00\x00" + zeros(MUCH))), None),
    "png: a text of 96 MB": (lambda: png_with(chunk(b"zTXt", b"x\x00\x00" + zeros(MUCH))), None),
    "png: an international text of 96 MB": (
        lambda: png_with(chunk(b"iTXt", b"x\x00\x01\x00\x00\x00" + zeros(MUCH))),
        None,
    ),
    "png: 500 texts of 1 MB": (
        lambda: png_with(*[chunk(b"zTXt", b"%d\x00\x00" % n + zeros(1 << 20)) for n in range(500)]),
        None,
    ),
    "png: a chunk of 2^32 - 1 bytes": (lambda: png_with(b"\xff\xff\xff\xffzTXt"), DAMAGED),
    "png: 20,000 empty chunks": (lambda: png_with(*[chunk(b"teXt", b"")] * 20_000), None),
    "png: values of EXIF data that overlap": (
        lambda: png_with(chunk(b"eXIf", exif_of_overlapping_values(20_000, 200_000))),
        None,
    ),
    "jpeg: 65,500 x 65,500": (lambda: jpeg_declaring(65_500, 65_500), TOO_LARGE),
    "jpeg: 300 scans of one picture": (lambda: jpeg_of_many_scans(300, 500), DAMAGED),
    "jpeg: values of EXIF data that overlap": (
        lambda: jpeg_with_segments(0xE1, [b"Exif\x00\x00" + exif_of_overlapping_values(2500, 30_000)]),
        None,
    ),
    "jpeg: 500 segments of a colour profile": (
        lambda: jpeg_with_segments(0xE2, [b"ICC_PROFILE\x00\x01\xff" + bytes(1000)] * 500),
        None,
    ),
    "tiff: pages in a loop": (tiff_in_a_loop, DAMAGED),
    "tiff: a directory of 65,535 entries": (lambda: b"II*\x00" + struct.pack("<IH", 8, 65_535) + bytes(100), DAMAGED),
    "tiff: a directory of 2^63 entries": (
        lambda: b"II+\x00\x08\x00\x00\x00" + struct.pack("<QQ", 16, 2**63) + bytes(100),
        DAMAGED,
    ),
    "tiff: values that overlap": (lambda: exif_of_overlapping_values(20_000, 200_000), FailureCode.UNSUPPORTED_FORMAT),
    "tiff: 4,000,000,000 x 4,000,000,000": (lambda: tiff_with(width=4_000_000_000, height=4_000_000_000), TOO_LARGE),
    "tiff: 65,535 bits a sample": (lambda: tiff_with(bits=65_535), FailureCode.UNSUPPORTED_FORMAT),
    "tiff: 65,535 samples a pixel": (lambda: tiff_with(samples=65_535), FailureCode.UNSUPPORTED_FORMAT),
    "tiff: a strip of 2^32 - 1 bytes": (lambda: tiff_with(bytes=2**32 - 1, packing=5), DAMAGED),
    "tiff: 96 MB of pixels for a small picture": (lambda: tiff_of_deflated(40, 40, zeros(MUCH)), None),
    "tiff: 70,000 x 70,000 in one strip": (lambda: tiff_of_deflated(70_000, 70_000, zeros(MUCH)), TOO_LARGE),
    "gif: 65,535 x 65,535": (lambda: gif_declaring(65_535, 65_535), TOO_LARGE),
    "gif: 40 frames": (lambda: animated([DIGIT, 255 - DIGIT] * 20, "GIF"), None),
    "webp: a canvas of 16,384 x 16,384": (lambda: webp_declaring(16_384, 16_384), TOO_LARGE),
    "webp: a canvas of 2^24 x 255": (lambda: webp_declaring(1 << 24, 255), TOO_LARGE),
    "bmp: sides of 2^31 - 1": (lambda: bmp_declaring(2**31 - 1, 2**31 - 1), TOO_LARGE),
    "bmp: a negative width": (lambda: bmp_declaring(-100, 100), TOO_LARGE),
    "bmp: 2^32 - 1 colours": (lambda: bmp_declaring(40, 40, colours=2**32 - 1), DAMAGED),
    "bmp: lines without pixels": (lambda: run_length_bmp(2000), DAMAGED),
    "pgm: 99,999 x 99,999": (lambda: b"P5 99999 99999 255\n", TOO_LARGE),
    "pgm: numbers of a million digits": (lambda: b"P5 " + b"9" * 1_000_000 + b" 1 255\n", FailureCode.NOT_AN_IMAGE),
    "pgm: a comment of 2 MB": (lambda: b"P5 #" + b"x" * (2 << 20) + b"\n1 1 255\n\x00", FailureCode.NOT_AN_IMAGE),
    "pgm: a comment of 2 MB behind the sides": (
        lambda: b"P5 1 1 #" + b"x" * (2 << 20) + b"\n255\n\x00",
        FailureCode.NOT_AN_IMAGE,
    ),
    "pgm: comments that never end": (lambda: b"P5 " + b"# " * 5000, FailureCode.NOT_AN_IMAGE),
    "pgm: a million samples in letters": (lambda: b"P2 1000 1000 255\n" + b"0 " * 1_000_000, None),
    "icon in an icon": (
        lambda: struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, 2**31, 22),
        FailureCode.UNSUPPORTED_FORMAT,
    ),
    "apple icon of 2^32 - 1 bytes": (lambda: b"icns\xff\xff\xff\xff", FailureCode.UNSUPPORTED_FORMAT),
    "tiff: 5,000,000 rows with a complaint about each": (tiff_that_talks, DAMAGED),
    "tiff: 9,000 directories of many entries": (
        lambda: tiff_of_overlapping_directories(9000),
        FailureCode.UNSUPPORTED_FORMAT,
    ),
    "jpeg 2000: sides of 2^32 - 1": (lambda: jpeg2000_declaring(2**32 - 1, 2**32 - 1), TOO_LARGE),
    "jpeg 2000: 60,000 x 60,000": (lambda: jpeg2000_declaring(60_000, 60_000), TOO_LARGE),
    "jpeg 2000: 62,500 tiles of which one is there": (lambda: jpeg2000_declaring(7000, 7000, tile=28), DAMAGED),
    "jpeg 2000: a picture larger than its box says": (
        lambda: jpeg2000_declaring(7000, 7000, tile=7000, boxed=True),
        DAMAGED,
    ),
    "jpeg 2000: 500,000 parts of one tile": (lambda: jpeg2000_of_parts(500_000), DAMAGED),
    "avif: 60,000 x 60,000": (lambda: boxes_declaring(avif(DIGIT), 60_000, 60_000), DAMAGED),
    "heic: 60,000 x 60,000": (lambda: boxes_declaring(heic(DIGIT), 60_000, 60_000), DAMAGED),
    "heic: 7,000 x 7,000": (lambda: boxes_declaring(heic(DIGIT), 7000, 7000), DAMAGED),
}
