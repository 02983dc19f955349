"""The start page: drop images, folders and zips, and choose how they are read."""

from __future__ import annotations

from flask import Response, request, send_from_directory
from flask_babel import gettext

from digitmill import programs
from digitmill.domain.access import NO_QUOTAS
from digitmill.domain.rows import DIGIT, FORM, NUMBER
from digitmill.errors import NotFound
from digitmill.forms.certainty import REVIEW_BELOW as FORM_REVIEW_BELOW
from digitmill.imaging.files.foreign import OTHER_ARCHIVES, READ_ARCHIVES
from digitmill.imaging.files.formats import FORMATS, READ_ARCHIVE_SUFFIXES
from digitmill.models.manifest import Manifest
from digitmill.models.registry import BUILT_IN_BOXES
from digitmill.uploads.names import LITTER
from web.context import service
from web.documents.published import limits_document
from web.pages.layout import page, page_blueprint
from web.pages.texts import common, texts, upload

SUFFIXES = [*READ_ARCHIVE_SUFFIXES, *(suffix for known in FORMATS for suffix in known.suffixes)]
SIGNATURES = {
    "formats": [known.signature.pattern.decode() for known in FORMATS],
    "archives": READ_ARCHIVES.pattern.decode(),
    "others": OTHER_ARCHIVES.pattern.decode(),
}
"""How files begin, for the RegExp of a browser over text of a character a byte."""

SAMPLES = {DIGIT: "digits.zip", NUMBER: "numbers.zip"}
"""Piles to try, by what is on their images."""

drop = page_blueprint("drop")
samples = page_blueprint("samples", for_everybody=True)


@drop.get("/")
def show_drop() -> Response:
    registry = service().registry
    # the digits first, which most forms ask for; a reader of another's pictures is chosen by programs alone
    defaults = {reads: registry.default(reads) for reads in (DIGIT, NUMBER)}
    usual = [default.reference for default in defaults.values()]
    # of a page what goes to review depends on the form
    choices = [
        *((reads, default.review_below, expected(default)) for reads, default in defaults.items()),
        (FORM, FORM_REVIEW_BELOW, {}),
    ]
    wanted = request.args.get("template")
    manifests = [each for each in registry.list() if each.reads in defaults and each.name != BUILT_IN_BOXES]
    return page(
        "drop.html",
        root=request.root_url.rstrip("/"),
        limits=limits_document(service().settings, NO_QUOTAS),
        litter=LITTER,
        formats=FORMATS,
        suffixes=SUFFIXES,
        signatures=SIGNATURES,
        samples=SAMPLES,
        models=sorted(manifests, key=lambda manifest: (manifest.reference not in usual, manifest.label)),
        usual=usual,
        choices=choices,
        read=FORM if wanted else DIGIT,
        templates=templates(wanted),
        wanted=wanted,
        texts=texts(common, upload),
    )


@samples.get("/samples/<name>")
def get_sample(name: str) -> Response:
    """A pile to try, for whoever has none at hand: the examples of the documentation fetch it, too."""
    if name not in SAMPLES.values():
        raise NotFound(f"There is no such sample: {', '.join(SAMPLES.values())}.")
    return send_from_directory(programs.folder() / "samples", name, mimetype="application/zip")


def templates(wanted: str | None) -> list[tuple[str, str]]:
    """What pages may be read by, as the option ``template`` has it, each with a text: the newest version of each name,
    the one that is ``wanted``, and all of the former."""
    found = {record.name: record for record in service().templates.list()}
    labels = {record.label: f"{record.label}  {record.title}".strip() for record in found.values()}
    choices = list(labels.items())
    if wanted in {record.label for record in service().templates.list()} - set(labels):
        choices.insert(0, (str(wanted), str(wanted)))
    if len(labels) > 1:
        choices.append((",".join(labels), gettext("Whichever of these the page is of")))
    return choices


def expected(manifest: Manifest) -> dict[str, float] | None:
    """The shares that go to review and that are accepted wrongly, on pictures that the model did not learn from.

    Both are taken at the model's own threshold, over all sets of pictures together; None where it names none.
    """
    sets = manifest.metrics.test or manifest.metrics.validation
    scores = [each for name, each in sets.items() if name != "all"]
    images = sum(each.images for each in scores)
    if not images:
        return None

    accepted = sum(each.coverage * each.images for each in scores) / images
    wrong = sum(each.accepted_error * each.coverage * each.images for each in scores) / images
    return {"review": 1 - accepted, "wrong": wrong / accepted if accepted else 0.0}
