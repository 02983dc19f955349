"""The start page: drop images, folders and zips, and choose how they are read."""

from __future__ import annotations

from flask import Response, request

from digitmill.imaging.formats import FORMATS
from digitmill.models.manifest import Manifest
from digitmill.uploads.names import LITTER
from web.context import service
from web.pages.layout import page, page_blueprint
from web.pages.texts import common, texts, upload
from web.published import limits_document

drop = page_blueprint("drop")


@drop.get("/")
def show_drop() -> Response:
    manifests = service().registry.list()
    default = service().registry.default()
    return page(
        "drop.html",
        root=request.root_url.rstrip("/"),
        limits=limits_document(service().settings),
        litter=LITTER,
        suffixes=[suffix for known in FORMATS for suffix in known.suffixes],
        models=sorted(manifests, key=lambda manifest: (manifest.reference != default.reference, manifest.label)),
        default=default,
        expected=expected(default),
        texts=texts(common, upload),
    )


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
