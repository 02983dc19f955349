"""A page read by a template that nobody has published: it comes with the page, behind it in the upload."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import partial
from typing import Any

from digitmill.domain.jobs import TRIAL
from digitmill.domain.planned import Entry
from digitmill.forms.registration.reference import Reference
from digitmill.forms.template import Template
from digitmill.imaging.files.decode import decode
from digitmill.readers import reader_of
from digitmill.readers.base import Reader
from digitmill.store.base import Claim
from digitmill.templates import MOST_PIXELS
from digitmill.uploads.codec import unpack_plan
from digitmill.work.kinds.base import Held
from digitmill.work.kinds.read import ReadImages
from digitmill.work.pipeline import Read

LENGTHS = struct.Struct(">II")


def packed(template: str, reference: bytes) -> bytes:
    """What is to stand in an upload behind its only page: the JSON of a template, and its picture as a PNG of ours."""
    text = template.encode()
    return LENGTHS.pack(len(text), len(reference)) + text + reference


class ReadTrial(ReadImages):
    name = TRIAL

    def together(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        return claims[:1]

    def reader(self, claim: Claim, held: Held) -> Reader[Any]:
        held.at(claim, None)
        (page,) = unpack_plan(claim.entries)
        text, picture = _unpacked(self.upload(claim, held), page)
        # on a busy machine it takes longer to prepare than a storage may
        reference = held.during(partial(_reference, text, picture))
        return reader_of(claim.job.options.read).prepared(claim.job.options, lambda _: [reference], held.alive)


def _unpacked(read: Read, page: Entry) -> tuple[bytes, bytes]:
    """What ``packed`` has put behind the page: the JSON, and the picture."""
    start = page.offset + page.span
    body = start + LENGTHS.size
    text, picture = LENGTHS.unpack(read(start, body))
    return read(body, body + text), read(body + text, body + text + picture)


def _reference(text: bytes, picture: bytes) -> Reference:
    return Reference(Template.parsed(text), decode(picture, max_pixels=MOST_PIXELS))
