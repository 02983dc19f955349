"""Files that are sent by mistake: the sentence says what they are and what to do."""

from __future__ import annotations

import io
import zipfile

import pytest

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.files.foreign import READ_ARCHIVES, document_in_zip
from digitmill.imaging.files.formats import recognise

OFFICE_PART = "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>"


def zipped(*names: str, first: tuple[str, str] | None = None, filler: int = 0) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        if first is not None:
            archive.writestr(zipfile.ZipInfo(first[0]), first[1])
        for name in names:
            archive.writestr(name, OFFICE_PART)
        for number in range(filler):
            archive.writestr(f"word/media/image{number}.png", b"\x89PNG")
    return kept.getvalue()


def document(kind: str) -> bytes:
    return zipped("content.xml", first=("mimetype", f"application/{kind}"))


DOCUMENTS = {
    "a Word document": zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml", filler=300),
    "an Excel workbook": zipped("xl/workbook.xml", "_rels/.rels", "[Content_Types].xml"),
    "a PowerPoint presentation": zipped("[Content_Types].xml", "ppt/presentation.xml"),
    "a Word, Excel or PowerPoint document": zipped("[Content_Types].xml", "other/part.xml"),
    "an OpenDocument text": document("vnd.oasis.opendocument.text"),
    "an OpenDocument spreadsheet": document("vnd.oasis.opendocument.spreadsheet-template"),
    "an e-book": document("epub+zip"),
    "a Pages, Numbers or Keynote document": zipped("preview.jpg", "Index/Document.iwa"),
    "an RTF document": b"{\\rtf1\\ansi",
}
FILES: dict[str, tuple[FailureCode, bytes]] = {
    "an archive of cpio": (FailureCode.NESTED_ARCHIVE, b"07070100A1B2C3000081A4"),
    "an archive of 7-Zip": (FailureCode.NESTED_ARCHIVE, b"7z\xbc\xaf\x27\x1c\x00\x04"),
    "an archive of LHA": (FailureCode.NESTED_ARCHIVE, b"\x20\x11-lh5-\x00"),
    "a package of Debian": (FailureCode.NESTED_ARCHIVE, b"!<arch>\ndebian-binary "),
    "the image of a CD": (FailureCode.NESTED_ARCHIVE, bytes(32768) + b"\x01CD001\x01"),
    "a DPX picture": (FailureCode.UNSUPPORTED_FORMAT, b"SDPX\x00\x00\x20\x00V1.0\x00"),
    "a Cineon picture": (FailureCode.UNSUPPORTED_FORMAT, b"\x80\x2a\x5f\xd7\x00\x00\x04\x00"),
    "a Windows metafile": (FailureCode.UNSUPPORTED_FORMAT, b"\x01\x00\x00\x00" + bytes(36) + b" EMF"),
    "a page of Microsoft Document Imaging": (FailureCode.UNSUPPORTED_FORMAT, b"EP*\x00\x00"),
    "a film": (FailureCode.UNSUPPORTED_FORMAT, b"\x1a\x45\xdf\xa3\x01"),
    "a sound recording": (FailureCode.NOT_AN_IMAGE, b"ID3\x03\x00"),
    "a web page": (FailureCode.NOT_AN_IMAGE, b"<!DOCTYPE html>\n<html>"),
    "an e-mail": (FailureCode.NOT_AN_IMAGE, b"From: a@b.example\nTo: c@d.example\n"),
    "a message of Outlook": (
        FailureCode.NOT_AN_IMAGE,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000) + "__substg1.0_0037001F".encode("utf-16-le"),
    ),
    "a shortcut": (FailureCode.NOT_AN_IMAGE, b"L\x00\x00\x00\x01\x14\x02\x00"),
    "a program": (FailureCode.NOT_AN_IMAGE, b"\x7fELF\x02\x01"),
    "a database": (FailureCode.NOT_AN_IMAGE, b"SQLite format 3\x00"),
    "an image in letters (base64)": (FailureCode.NOT_AN_IMAGE, b"data:image/png;base64,iVBORw0KGgo"),
    "a text": (FailureCode.NOT_AN_IMAGE, "Straße;Größe\n1;2\n".encode()),
    "nothing but zeros": (FailureCode.NOT_AN_IMAGE, bytes(1000)),
}


def failure(data: bytes) -> ItemFailure:
    with pytest.raises(ItemFailure) as caught:
        recognise(data)
    return caught.value


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_document_is_named_and_to_be_saved_as_pdf(kind: str) -> None:
    found = failure(DOCUMENTS[kind])
    assert found.failure is FailureCode.UNSUPPORTED_FORMAT
    assert f"This file is {kind}," in found.detail
    assert "PDF" in found.detail


@pytest.mark.parametrize("kind", FILES)
def test_other_files_are_named_with_what_to_do(kind: str) -> None:
    code, data = FILES[kind]
    found = failure(data)
    assert found.failure is code
    assert f"This file is {kind}" in found.detail
    assert found.detail.count(". ") == 1
    assert found.detail.endswith(".")


def test_a_zip_of_scans_is_no_document_whatever_lies_in_it() -> None:
    inner = DOCUMENTS["a Word document"]
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("word/1.png", b"\x89PNG")
        archive.writestr("letter.docx", inner)
    data = kept.getvalue()
    assert READ_ARCHIVES.match(data)
    assert document_in_zip(data, data) is None
    assert failure(data).failure is FailureCode.NESTED_ARCHIVE


@pytest.mark.parametrize(
    "tail", [b"", b"PK\x05\x06", b"PK\x05\x06" + b"\xff" * 18, b"PK\x01\x02" * 9 + b"PK\x05\x06" + bytes(18)]
)
def test_a_directory_that_is_none_names_nothing(tail: bytes) -> None:
    assert document_in_zip(b"PK\x03\x04", tail) is None
