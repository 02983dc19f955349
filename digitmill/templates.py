"""The templates of form pages that a service holds: published once, never changed, seen by all of its processes.

Their records and texts lie in the store, their reference pictures in the blob storage: as PNGs of our own, made by a
process that is walled in, for the pictures are a stranger's.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace

from digitmill.domain.jobs import Options
from digitmill.errors import BadOptions, BadTemplate, Conflict, FieldError, NotFound, TemplateNotFound
from digitmill.forms.proposed import proposed
from digitmill.forms.registration.reference import Reference
from digitmill.forms.template import Template
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.imaging.files.counting import count_pictures
from digitmill.imaging.files.decode import decode
from digitmill.imaging.files.formats import PDF, format_of
from digitmill.models.repository import version_order
from digitmill.readers import reader_of
from digitmill.store.base import JobStore
from digitmill.store.blobs import BlobStore
from digitmill.store.templates import TemplateRecord

MOST_PIXELS = 160_000_000
"""Of all reference pictures that a worker holds, and so of the templates of one job: 18 of A4 at 300 dots per inch."""
MOST_PICTURE_BYTES = MOST_PIXELS
NDJSON = ".ndjson"
PREFIX = "template-"
"""Of blobs; those of jobs have no dash."""


class Templates:
    """Methods raise StorageUnavailable besides what they say."""

    def __init__(self, store: JobStore, blobs: BlobStore, drawers: Drawers, asked: Callable[[], bool]) -> None:
        """Args: asked: whether callers must send a key."""
        self._store = store.templates
        self._asked = asked
        self._now = store.now
        self._blobs = blobs
        self._drawers = drawers

    def publish(self, text: bytes, picture: bytes, *, by: str) -> tuple[TemplateRecord, bool]:
        """Make a template known under its name and version, for good; False where the same was published before.

        Args:
            text: its JSON.
            picture: a file of its reference picture, in any format that is read.
            by: the id of the key that publishes it.

        Raises:
            BadTemplate: the JSON is no template, or the picture has other proportions than it says.
            ItemFailure: the picture cannot be read.
            Conflict: another template has this name and version.
            Overloaded: too many pictures are being opened.
        """
        template = proposed(text)
        png = self.reference(template, picture)
        parsed = template.as_json()
        blob = f"{PREFIX}{uuid.uuid4().hex}"
        record = TemplateRecord(
            name=template.name,
            version=template.version,
            title=template.title,
            width=template.page.width,
            height=template.page.height,
            number=template.page.number,
            of=template.page.of,
            fields=len(template.fields),
            published_at=self._now(),
            by=by,
            sha256=hashlib.sha256(parsed.encode() + png).hexdigest(),
            blob=blob,
        )
        known = self._store.find(record.label)
        if known is None:
            self._blobs.put(blob, png)
            known = self._store.add(record, parsed)
            if known.blob != blob:
                self._blobs.delete(blob)
        if known.sha256 != record.sha256:
            raise Conflict(f"{record.label} is already published. Publish under a new version.")
        return known, known.blob == blob

    def list(self) -> list[TemplateRecord]:
        """All templates, by name, oldest version first."""
        return sorted(self._store.list(), key=lambda record: (record.name, version_order(record.version)))

    def get(self, label: str) -> TemplateRecord:
        """The template of this ``name@version``, or the newest of this name.

        Raises:
            TemplateNotFound: there is none.
        """
        name, at, _ = label.partition("@")
        found = (
            self._store.find(label)
            if at
            else max(
                (record for record in self._store.list() if record.name == name),
                key=lambda record: version_order(record.version),
                default=None,
            )
        )
        if found is None:
            labels = ", ".join(record.label for record in self.list()) or "none"
            raise TemplateNotFound(f"There is no template {label!r}. The templates here: {labels}.")
        return found

    def resolved(self, options: Options) -> Options:
        """With the labels of the templates that are meant. Raises BadOptions."""
        if not reader_of(options.read).by_template:
            if options.template:
                raise _bad_option(f"belongs to what is read by a template, and read={options.read} is not")
            return options
        if not options.template:
            raise _bad_option(f"must name the template, or several to choose from, for read={options.read}")
        if options.results_url is not None and not options.results_url.endswith(NDJSON):
            message = f"must end in {NDJSON} for pages: their tables are read over HTTP"
            raise BadOptions(f"results_url {message}.", errors=(FieldError("results_url", message),))
        try:
            found = {(one := self.get(label)).label: one for label in options.template}
        except TemplateNotFound as error:
            raise BadOptions(error.detail, errors=(FieldError("template", error.detail),)) from error
        if sum(one.width * one.height for one in found.values()) > MOST_PIXELS:
            raise _bad_option(f"names pictures of more than {MOST_PIXELS:,} pixels together; name fewer templates")
        if not self._asked() and any(self._by_two(label) for label in found):
            raise _bad_option(
                "has critical fields, which two people enter, and this service asks nobody who they are: have it ask "
                "for keys (`digitmill keys create`), or use a template without critical fields"
            )
        return replace(options, template=tuple(found))

    def _by_two(self, label: str) -> bool:
        return any(field.by_two for field in Template.parsed(self.text(label)).fields)

    def text(self, label: str) -> str:
        """Its JSON. Raises TemplateNotFound."""
        text = self._store.text(label)
        if text is None:
            raise TemplateNotFound(f"There is no template {label!r}.")
        return text

    def picture(self, record: TemplateRecord) -> bytes:
        """Its reference picture, a PNG. Raises TemplateNotFound where it is no longer stored."""
        try:
            return self._blobs.read(record.blob, 0, MOST_PICTURE_BYTES)
        except NotFound as error:
            raise TemplateNotFound(
                f"The reference picture of {record.label} is not in the storage any more. Restore a backup, or publish "
                "it as a new version."
            ) from error

    def reference(self, template: Template, picture: bytes) -> bytes:
        """A file of the template's reference as a PNG in the size that it says. Raises as ``publish`` does."""
        page = template.page
        if page.width * page.height > MOST_PIXELS // 4:
            message = f"must have at most {MOST_PIXELS // 4:,} pixels; 300 dots per inch are enough"
            raise BadTemplate(f"The reference {message}.", errors=(FieldError("page", message),))
        is_pdf = format_of(picture) is PDF
        pages = self._drawers.count_pages(picture) if is_pdf else count_pictures(picture)
        number = page.number - 1 if page.number <= pages else 0
        png, (height, width) = self._drawers.reference(picture, number, pages, width=page.width, height=page.height)
        if not png:
            message = f"says {page.width} x {page.height} pixels, and the reference has {width} x {height}"
            raise BadTemplate(
                f"The template {message}. Write down its coordinates on this very picture.",
                errors=(FieldError("page", message),),
            )
        return png


def _bad_option(message: str) -> BadOptions:
    return BadOptions(f"template {message}.", errors=(FieldError("template", message),))


class References:
    """The references that this process holds, prepared when first asked for; those least used go."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._held: OrderedDict[str, Reference] = OrderedDict()

    def of(self, labels: Sequence[str]) -> list[Reference]:
        """
        Raises:
            TemplateNotFound: one of them is not there.
        """
        found = [self._get(label) for label in labels]
        while sum(one.picture.size for one in self._held.values()) > MOST_PIXELS and len(self._held) > len(labels):
            self._held.popitem(last=False)
        return found

    def _get(self, label: str) -> Reference:
        if label not in self._held:
            record = self._templates.get(label)
            template = Template.parsed(self._templates.text(label))
            self._held[label] = Reference(template, decode(self._templates.picture(record), max_pixels=MOST_PIXELS))
        self._held.move_to_end(label)
        return self._held[label]
