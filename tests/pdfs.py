"""PDFs by hand: pages of one scan in every code that a scanner uses, and whatever else a page may hold."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.pictures import encoded

Grey = NDArray[np.uint8]


@dataclass
class Stored:
    """An image as it lies in a PDF: the entries of its dictionary beside the sides, and its data."""

    entries: str
    data: bytes
    size: tuple[int, int]


def flate(picture: Grey) -> Stored:
    """uint8 [h, w] or [h, w, 3]."""
    space = "/DeviceGray" if picture.ndim == 2 else "/DeviceRGB"
    entries = f"/ColorSpace {space} /BitsPerComponent 8 /Filter /FlateDecode"
    return Stored(entries, zlib.compress(picture.tobytes()), picture.shape[1::-1])


def bilevel(picture: Grey) -> Stored:
    """One bit a pixel, deflated."""
    packed = np.packbits(picture >= 128, axis=1).tobytes()
    entries = "/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /FlateDecode"
    return Stored(entries, zlib.compress(packed), picture.shape[::-1])


def dct(picture: Grey, quality: int = 95) -> Stored:
    space = "/DeviceGray" if picture.ndim == 2 else "/DeviceRGB"
    data = encoded(Image.fromarray(picture), "JPEG", quality=quality)
    return Stored(f"/ColorSpace {space} /BitsPerComponent 8 /Filter /DCTDecode", data, picture.shape[1::-1])


def jpx(picture: Grey) -> Stored:
    data = encoded(Image.fromarray(picture), "JPEG2000")
    return Stored("/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /JPXDecode", data, picture.shape[::-1])


def fax(picture: Grey, compression: str = "group4") -> Stored:
    """Group 4, or 3 (one line at a time), as libtiff codes it."""
    image = Image.fromarray(picture).convert("1")
    tiff = encoded(image, "TIFF", compression=compression, tiffinfo={278: image.height, 262: 0})
    tags = Image.open(io.BytesIO(tiff)).tag_v2  # type: ignore[attr-defined]
    (start,), (length,) = tags[273], tags[279]
    k = -1 if compression == "group4" else 0
    parms = f"/DecodeParms << /K {k} /Columns {image.width} /Rows {image.height} >>"
    entries = f"/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /CCITTFaxDecode {parms}"
    return Stored(entries, tiff[start : start + length], image.size)


def jbig2(picture: Grey) -> Stored:
    """One region of the whole page, coded as in group 4 (T.88, 7.4.6 and 6.2.6)."""
    width, height = picture.shape[::-1]
    page = struct.pack(">IBBBI", 0, 48, 0, 1, 19) + struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    region = struct.pack(">IIIIB", width, height, 0, 0, 0) + b"\x01"
    body = region + fax(picture).data
    generic = struct.pack(">IBBBI", 1, 38, 0, 1, len(body)) + body
    entries = "/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /JBIG2Decode"
    return Stored(entries, page + generic, (width, height))


CODES = {"flate": flate, "bilevel": bilevel, "jpeg": dct, "jpeg 2000": jpx, "group 4": fax, "jbig2": jbig2}


@dataclass
class Page:
    """``content`` draws; ``images`` and ``fonts`` are what it may name; sides are in points. ``more`` are further
    entries of the page's dictionary."""

    content: bytes
    width: float
    height: float
    images: Mapping[str, Stored] = field(default_factory=dict)
    more: str = ""


def scan(image: Stored, dpi: float = 300, *, matrix: str | None = None, more: str = "") -> Page:
    """A page that the image covers, as wide as it is at ``dpi``."""
    width, height = (side * 72 / dpi for side in image.size)
    placed = matrix or f"{width:.4f} 0 0 {height:.4f} 0 0"
    return Page(f"q {placed} cm /Im0 Do Q".encode(), width, height, {"Im0": image}, more)


def written(text: str, width: float = 595, height: float = 842, more: str = "") -> Page:
    """A page of text alone."""
    return Page(f"BT /F1 48 Tf 100 400 Td ({text}) Tj ET".encode(), width, height, more=more)


def pdf(pages: Sequence[Page], *, catalog: str = "", objects: Mapping[int, bytes] | None = None) -> bytes:
    """``objects`` are more of them, by numbers from 9000 on."""
    bodies: dict[int, bytes] = {
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        **(objects or {}),
    }
    kids, number = [], 4
    for page in pages:
        names = ""
        for name, image in page.images.items():
            head = f"<< /Type /XObject /Subtype /Image /Width {image.size[0]} /Height {image.size[1]} {image.entries}"
            bodies[number] = stream(head, image.data)
            names += f"/{name} {number} 0 R "
            number += 1
        bodies[number] = stream("<<", page.content)
        bodies[number + 1] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {page.width:.4f} {page.height:.4f}] /Contents {number} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> /XObject << {names}>> >> {page.more} >>"
        ).encode()
        kids.append(number + 1)
        number += 2
    bodies[1] = f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode()
    refs = " ".join(f"{kid} 0 R" for kid in kids)
    bodies[2] = f"<< /Type /Pages /Kids [{refs}] /Count {len(kids)} >>".encode()
    return put_together(bodies)


def stream(head: str, data: bytes) -> bytes:
    return f"{head} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def put_together(bodies: Mapping[int, bytes], trailer: str = "") -> bytes:
    """Objects by number as a file, the first the catalog."""
    out, places = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), {}
    for number in sorted(bodies):
        places[number] = len(out)
        out += f"{number} 0 obj\n".encode() + bodies[number] + b"\nendobj\n"
    start, size = len(out), max(bodies) + 1
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        out += f"{number} 1\n{place:010} 00000 n \n".encode()
    out += f"trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)
