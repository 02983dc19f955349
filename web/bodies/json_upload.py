"""An upload as one JSON document: images in base64, for programs that cannot send files, or where they lie."""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from digitmill.errors import BadOptions, FieldError, TooManyImages
from digitmill.faults import faults_of, in_words
from digitmill.uploads.spool import Spool
from web.documents.options import Options

JSON_BYTES = 32 << 20
"""The most that such a body may have, for it is read as a whole."""

_DATA_URL = re.compile(r"data:[^,]{0,200};base64,")
_NOT_BASE64 = "must be base64, as text or as a data URL"


def _one_of_two(schema: dict[str, Any]) -> None:
    for name in ("files", "source"):
        described = schema["properties"][name]
        # what may be left out is not what may be null
        described["anyOf"] = [choice for choice in described["anyOf"] if choice != {"type": "null"}]
        del described["default"]
    # in place of a oneOf, of which generators of clients make no type
    schema["if"] = {"required": ["files"]}
    schema["then"] = {"not": {"required": ["source"]}}
    schema["else"] = {"required": ["source"]}


class JsonFile(BaseModel):
    """One image or zip: its bytes in base64 (also that of URLs, and data URLs)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=1024, description="The file's name.")]
    data: Annotated[str, Field(description="The file's bytes in base64.")]


class JsonUpload(BaseModel):
    """A submission as one JSON document, with either `files` or a `source`."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_one_of_two)

    files: Annotated[list[JsonFile], Field(min_length=1, description="Images and zips, in order.")] | None = None
    source: (
        Annotated[
            str | Annotated[list[str], Field(min_length=1)],
            Field(
                description="Where they lie: `s3://bucket/object`, `s3://bucket/folder` for all objects below it, or "
                "`https://` and the rest of an address; one of these or a list of them. The administrator says "
                "which are allowed."
            ),
        ]
        | None
    ) = None
    options: Options = Options()

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.files is None) is (self.source is None):
            raise ValueError("must have either files or source")
        return self


@dataclass(frozen=True, slots=True)
class Received:
    """What came with a submission beside files: ``source`` names where they lie, if they do not come with it."""

    options: Options
    source: str | Sequence[str] | None = None


def read_json_upload(text: bytes, spool: Spool, *, max_files: int) -> Received:
    """Put the files into the spool; return the rest.

    Raises:
        BadOptions: it is no such document, or a file is not in base64.
        TooManyImages: there are more than ``max_files`` files.
        UploadTooLarge, StorageUnavailable: as the spool does.
    """
    try:
        # programs of Windows begin a text with a byte order mark, which RFC 8259 lets a reader pass over
        upload = JsonUpload.model_validate_json(text.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        faults = tuple(map(_fault, faults_of(error)))
        raise BadOptions(" ".join(f"{fault.field} {fault.message}." for fault in faults[:5]), errors=faults) from error
    if len(upload.files or ()) > max_files:
        raise TooManyImages(f"The upload has more than {max_files:,} files; put them into a zip, or split the upload.")
    for position, file in enumerate(upload.files or ()):
        spool.begin(file.name)
        spool.write(_bytes_of(file.data, f"files[{position}].data"))
        spool.end()
    return Received(upload.options, upload.source)


def _bytes_of(data: str, field: str) -> bytes:
    text = data[found.end() :] if (found := _DATA_URL.match(data)) else data
    # some programs break lines after 76 letters, some write the base64 of URLs, some leave the end out
    text = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError as error:
        raise BadOptions(f"{field} {_NOT_BASE64}.", errors=(FieldError(field, _NOT_BASE64),)) from error


def _fault(fault: dict[str, Any]) -> FieldError:
    place, kind = fault["loc"], fault["type"]
    names = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place if part != "options"]
    # of the two that may hold the images the usual one is named
    field = "".join(names).lstrip(".") or ("files" if kind == "value_error" else "body")
    if kind == "json_invalid":
        return FieldError(field, 'must be JSON: {"files": [{"name": …, "data": …}]} or {"source": …}')
    return FieldError(field, in_words(fault, field))
