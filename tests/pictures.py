"""Pictures for tests: a drawn digit, its encodings in every format and mode, and files that are no pictures.

Everything is the same in every run. ``ENCODINGS`` keep every grey level of a picture, ``COARSE_ENCODINGS`` come
near it, and ``BAD_FILES`` name the failure that each must end in.
"""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from digitmill.errors import FailureCode
from tests.archives import zip_of

Grey = NDArray[np.uint8]

PAPER, INK = 235, 30
WHITE_IS_ZERO, ORIENTATION = 262, 274
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def drawn_digit(value: int = 7, side: int = 64, *, ink: int = INK, paper: int = PAPER) -> Grey:
    """One digit [side, side], a tenth of the side as stroke and a sixth or more as margin."""
    picture = np.full((side, side), paper, np.uint8)
    thickness = max(1, side // 12)
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize(str(value), font, side / 36, thickness)
    origin = ((side - width) // 2, (side + height) // 2)
    cv2.putText(picture, str(value), origin, font, side / 36, ink, thickness, cv2.LINE_AA)
    return picture


def bilevel(grey: Grey) -> Grey:
    """0 and 255 alone."""
    return np.where(grey > (INK + PAPER) // 2, 255, 0).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png(grey: Grey) -> bytes:
    return encoded(Image.fromarray(grey), "PNG")


def jpeg(grey: Grey, *, quality: int = 95) -> bytes:
    return encoded(Image.fromarray(grey), "JPEG", quality=quality)


def heic(grey: Grey, *, mode: str = "L", orientation: int = 1) -> bytes:
    """A phone's photo; ``orientation`` as EXIF data have it, from which the writer makes the file's own too."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(grey).convert(mode)).save(out, quality=95, exif=exif.tobytes())
    return out.getvalue()


def heic_of(pictures: Sequence[Grey], **options: Any) -> bytes:
    """Several pictures beside each other in one file."""
    first, *others = [Image.fromarray(grey) for grey in pictures]
    file = pillow_heif.from_pillow(first)
    for other in others:
        file.add_from_pillow(other)
    out = io.BytesIO()
    file.save(out, quality=95, **options)
    return out.getvalue()


def avif(grey: Grey, *, mode: str = "L") -> bytes:
    return encoded(Image.fromarray(grey).convert(mode), "AVIF", quality=95)


def to_be_turned(grey: Grey, orientation: int, kind: str = "JPEG", **options: Any) -> bytes:
    """A camera's file: the pixels as given, and EXIF data that say how to turn them."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(Image.fromarray(grey).convert("RGB"), kind, exif=exif, **options)


def tiff(pages: Sequence[Grey], **options: Any) -> bytes:
    first, *rest = [Image.fromarray(page) for page in pages]
    return encoded(first, "TIFF", save_all=True, append_images=rest, **options)


def deep_png(grey: Grey) -> bytes:
    return encoded(Image.fromarray(grey.astype(np.uint16) * 257), "PNG")


def deep_tiff(grey: Grey, order: str = "<", *, photometric: int = 1, bits: int = 16) -> bytes:
    """A TIFF of 16 bits a sample, or of 12 (packed), in either byte order."""
    height, width = grey.shape
    values = np.rint(grey.astype(np.float64) * ((2**bits - 1) / 255)).astype(np.uint16)
    if photometric == 0:
        values = 2**bits - 1 - values
    strip = values.astype(f"{order}u2").tobytes()
    if bits == 12:
        high, low = values[:, 0::2], values[:, 1::2]
        triples = np.stack((high >> 4, (high & 15) << 4 | low >> 8, low & 255), axis=2)
        strip = triples.astype(np.uint8).tobytes()
    tags = {
        256: width,
        257: height,
        258: bits,
        259: 1,
        262: photometric,
        273: None,
        277: 1,
        278: height,
        279: len(strip),
    }
    return tiff_by_hand(tags, strip, order)


def tiled_tiff(grey: Grey, tile: int) -> bytes:
    """A TIFF with one square tile of ``tile`` pixels a side, of which only the picture's rows are stored."""
    height, width = grey.shape
    rows = np.pad(grey, ((0, 0), (0, tile - width))).tobytes()
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 277: 1, 322: tile, 323: tile, 324: None, 325: len(rows)}
    return tiff_by_hand(tags, rows)


def tiff_by_hand(tags: Mapping[int, int | None], data: bytes, order: str = "<") -> bytes:
    """A TIFF of one page with ``tags`` as given, in rising order; None stands for the place of ``data``."""
    place = 8 + 2 + len(tags) * 12 + 4
    entries = b"".join(
        struct.pack(order + "HHII", tag, 4, 1, place if value is None else value) for tag, value in tags.items()
    )
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    return mark + struct.pack(order + "IH", 8, len(tags)) + entries + bytes(4) + data


def animated(frames: Sequence[Grey], kind: str, **options: Any) -> bytes:
    first, *rest = [Image.fromarray(frame).convert("RGB") for frame in frames]
    return encoded(first, kind, save_all=True, append_images=rest, **options)


def big_tiff(pages: Sequence[Grey]) -> bytes:
    return tiff(pages, big_tiff=True)


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_declaring(width: int, height: int) -> bytes:
    """A sound PNG but for its pixels: there are none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def _palette(grey: Grey) -> Image.Image:
    image = Image.fromarray(255 - grey).convert("P")
    image.putpalette([255 - level for level in range(256) for _ in range(3)])
    return image


def _with_alpha(grey: Grey, mode: str) -> Image.Image:
    """Black, and as transparent as the picture is light."""
    image = Image.new(mode, grey.shape[::-1])
    image.putalpha(Image.fromarray(255 - grey))
    return image


def _transparent_palette(grey: Grey, kind: str) -> bytes:
    """Two colours, red ink and paper that is black but transparent."""
    image = Image.fromarray((bilevel(grey) == 0).astype(np.uint8)).convert("P")
    image.putpalette([0, 0, 0, 255, 0, 0])
    return encoded(image, kind, transparency=0)


def _bits(grey: Grey) -> Image.Image:
    return Image.fromarray(grey).convert("1", dither=Image.Dither.NONE)


ENCODINGS: Mapping[str, Callable[[Grey], bytes]] = {
    "png": png,
    "png of 16 bits": deep_png,
    "png with a palette": lambda grey: encoded(_palette(grey), "PNG"),
    "png in colour": lambda grey: encoded(Image.fromarray(grey).convert("RGB"), "PNG"),
    "png in colour with alpha": lambda grey: encoded(_with_alpha(grey, "RGBA"), "PNG"),
    "png in grey with alpha": lambda grey: encoded(_with_alpha(grey, "LA"), "PNG"),
    "tiff": lambda grey: tiff([grey]),
    "tiff, deflated": lambda grey: tiff([grey], compression="tiff_adobe_deflate"),
    "tiff, LZW, in colour": lambda grey: encoded(Image.fromarray(grey).convert("RGB"), "TIFF", compression="tiff_lzw"),
    "tiff in CMYK": lambda grey: encoded(Image.fromarray(grey).convert("RGB").convert("CMYK"), "TIFF"),
    "tiff of 16 bits, little-endian": deep_tiff,
    "tiff of 16 bits, big-endian": lambda grey: deep_tiff(grey, ">"),
    "tiff of 16 bits, white is zero": lambda grey: deep_tiff(grey, photometric=0),
    "tiff of 16 bits, deflated": lambda grey: encoded(
        Image.fromarray(grey.astype(np.uint16) * 257), "TIFF", compression="tiff_adobe_deflate"
    ),
    "tiff of 12 bits": lambda grey: deep_tiff(grey, bits=12),
    "tiff of floats up to 1": lambda grey: encoded(Image.fromarray(grey.astype(np.float32) / 255), "TIFF"),
    "tiff of floats up to 255": lambda grey: encoded(Image.fromarray(grey.astype(np.float32)), "TIFF"),
    "tiff of 32 bits": lambda grey: encoded(Image.fromarray(grey.astype(np.int32) * 257), "TIFF"),
    "BigTIFF": lambda grey: big_tiff([grey]),
    "bmp": lambda grey: encoded(Image.fromarray(grey), "BMP"),
    "bmp in colour": lambda grey: encoded(Image.fromarray(grey).convert("RGB"), "BMP"),
    "gif": lambda grey: encoded(Image.fromarray(grey), "GIF"),
    "webp": lambda grey: encoded(Image.fromarray(grey).convert("RGB"), "WEBP", lossless=True),
    "pgm": lambda grey: encoded(Image.fromarray(grey), "PPM"),
    "pgm of 16 bits": lambda grey: encoded(Image.fromarray(grey.astype(np.uint16) * 257), "PPM"),
    "pgm in letters": lambda grey: (
        f"P2\n# a comment\n{grey.shape[1]} {grey.shape[0]}\n255\n{' '.join(map(str, grey.ravel()))}\n".encode()
    ),
    "ppm": lambda grey: encoded(Image.fromarray(grey).convert("RGB"), "PPM"),
    "jpeg 2000": lambda grey: encoded(Image.fromarray(grey), "JPEG2000"),
    "jpeg 2000 without boxes": lambda grey: encoded(Image.fromarray(grey), "JPEG2000", no_jp2=True),
    "jpeg 2000 in colour, with alpha": lambda grey: encoded(Image.fromarray(grey).convert("RGBA"), "JPEG2000"),
    "jpeg 2000 in tiles": lambda grey: encoded(Image.fromarray(grey), "JPEG2000", tile_size=(32, 32)),
    "jpeg 2000 of 16 bits": lambda grey: encoded(Image.fromarray(grey.astype(np.uint16) * 257), "JPEG2000"),
}
COARSE_ENCODINGS: Mapping[str, Callable[[Grey], bytes]] = {
    "jpeg": jpeg,
    "jpeg in colour": lambda grey: encoded(Image.fromarray(grey).convert("RGB"), "JPEG", quality=95),
    "progressive jpeg": lambda grey: encoded(Image.fromarray(grey), "JPEG", quality=95, progressive=True),
    "jpeg in CMYK": lambda grey: encoded(Image.fromarray(grey).convert("CMYK"), "JPEG", quality=95),
    "tiff with jpeg in it": lambda grey: tiff([grey], compression="jpeg", quality=95),
    "webp, lossy": lambda grey: encoded(Image.fromarray(grey).convert("RGB"), "WEBP", quality=95),
    "heic": heic,
    "heic in colour": lambda grey: heic(grey, mode="RGB"),
    "avif": avif,
    "avif in colour, with alpha": lambda grey: avif(grey, mode="RGBA"),
    "tiff in Lab": lambda grey: encoded(Image.merge("LAB", [Image.fromarray(grey), *[_zeros(grey)] * 2]), "TIFF"),
}
BILEVEL_ENCODINGS: Mapping[str, Callable[[Grey], bytes]] = {
    "png of 1 bit": lambda grey: encoded(_bits(grey), "PNG"),
    "tiff of 1 bit": lambda grey: encoded(_bits(grey), "TIFF"),
    "tiff of 1 bit, white is zero": lambda grey: encoded(_bits(grey), "TIFF", tiffinfo={WHITE_IS_ZERO: 0}),
    "tiff, fax group 3": lambda grey: encoded(_bits(grey), "TIFF", compression="group3"),
    "tiff, fax group 4": lambda grey: encoded(_bits(grey), "TIFF", compression="group4"),
    "bmp of 1 bit": lambda grey: encoded(_bits(grey), "BMP"),
    "gif of 1 bit": lambda grey: encoded(_bits(grey), "GIF"),
    "pbm": lambda grey: encoded(_bits(grey), "PPM"),
}
TRANSPARENT_ENCODINGS: Mapping[str, Callable[[Grey], bytes]] = {
    "png": lambda grey: _transparent_palette(grey, "PNG"),
    "gif": lambda grey: _transparent_palette(grey, "GIF"),
}


def _zeros(grey: Grey) -> Image.Image:
    return Image.fromarray(np.zeros_like(grey))


def _box(brand: bytes) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(12)


_SOUND = png(drawn_digit())
BAD_FILES: Mapping[str, tuple[bytes, FailureCode]] = {
    "nothing": (b"", FailureCode.NOT_AN_IMAGE),
    "a letter": (b"B", FailureCode.NOT_AN_IMAGE),
    "text": (b"Dear Sir or Madam,\n" * 40, FailureCode.NOT_AN_IMAGE),
    "text that begins like a BMP": (b"BMW, Mercedes and other cars\n" * 40, FailureCode.NOT_AN_IMAGE),
    "text that begins like a PBM": (b"P1 is the first item\n" * 40, FailureCode.NOT_AN_IMAGE),
    "sound": (b"RIFF\x24\x08\x00\x00WAVEfmt " + bytes(2000), FailureCode.NOT_AN_IMAGE),
    "zeros": (bytes(1000), FailureCode.NOT_AN_IMAGE),
    "a web page": (b"<!DOCTYPE html><html><body>404</body></html>", FailureCode.NOT_AN_IMAGE),
    "png, cut": (_SOUND[: len(_SOUND) // 2], FailureCode.TRUNCATED_IMAGE),
    "png, its signature alone": (PNG_SIGNATURE, FailureCode.TRUNCATED_IMAGE),
    "png with other bytes after its header": (_SOUND[:40] + b"\x00" * 200, FailureCode.TRUNCATED_IMAGE),
    "png without pixels": (png_declaring(28, 28), FailureCode.TRUNCATED_IMAGE),
    "png of 60000x60000": (png_declaring(60_000, 60_000), FailureCode.IMAGE_TOO_LARGE),
    "pgm of 60000x60000": (b"P5 60000 60000 255\n", FailureCode.IMAGE_TOO_LARGE),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", FailureCode.TRUNCATED_IMAGE),
    "heic without a picture": (_box(b"heic"), FailureCode.TRUNCATED_IMAGE),
    "avif without a picture": (_box(b"avif"), FailureCode.TRUNCATED_IMAGE),
    "heic film": (_box(b"hevc"), FailureCode.UNSUPPORTED_FORMAT),
    "film": (_box(b"isom"), FailureCode.UNSUPPORTED_FORMAT),
    "svg": (b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="">', FailureCode.UNSUPPORTED_FORMAT),
    "jpeg 2000 without a picture": (b"\x00\x00\x00\x0cjP  \r\n\x87\n", FailureCode.TRUNCATED_IMAGE),
    "jpeg xl": (b"\x00\x00\x00\x0cJXL \r\n\x87\n", FailureCode.UNSUPPORTED_FORMAT),
    "jpeg-ls": (b"\xff\xd8\xff\xf7\x00\x0b\x08", FailureCode.UNSUPPORTED_FORMAT),
    "jbig2": (b"\x97JB2\r\n\x1a\n\x01", FailureCode.UNSUPPORTED_FORMAT),
    "icon": (b"\x00\x00\x01\x00\x01\x00 \x00", FailureCode.UNSUPPORTED_FORMAT),
    "photoshop": (b"8BPS\x00\x01", FailureCode.UNSUPPORTED_FORMAT),
    "zip": (zip_of({"1.png": _SOUND}), FailureCode.NESTED_ARCHIVE),
    "empty zip": (zip_of({}), FailureCode.NESTED_ARCHIVE),
    "gzip": (gzip.compress(_SOUND), FailureCode.NESTED_ARCHIVE),
    "xz": (lzma.compress(_SOUND), FailureCode.NESTED_ARCHIVE),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", FailureCode.NESTED_ARCHIVE),
    "rar": (b"Rar!\x1a\x07\x01\x00", FailureCode.NESTED_ARCHIVE),
    "bzip2": (b"BZh91AY&SY\x00", FailureCode.NESTED_ARCHIVE),
    "tar": (b"1.png".ljust(257, b"\x00") + b"ustar\x0000" + bytes(500), FailureCode.NESTED_ARCHIVE),
}
