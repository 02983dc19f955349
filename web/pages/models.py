"""The models: which of them jobs get, the card of each, and two of them side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from flask import Response, request

from digitmill.domain.access import Scope
from digitmill.domain.rows import DIGIT
from digitmill.errors import ModelNotFound
from digitmill.models.manifest import Manifest
from digitmill.models.registry import BOX
from web.context import caller, service
from web.documents.releases import releases_document
from web.pages.drop import expected
from web.pages.jobs import key_names
from web.pages.layout import page, page_blueprint
from web.pages.texts import common, texts

Each = TypeVar("Each")

models_pages = page_blueprint("models")


@models_pages.get("/models")
def show_models() -> Response:
    registry, releasing = service().registry, service().releasing
    shown = [(manifest, expected(manifest), registry.is_default(manifest)) for manifest in registry.list()]
    present, people = releasing.present(), key_names()
    defaults = releasing.defaults()
    return page(
        "models.html",
        models=shown[::-1],
        defaults=[(reads, label, present.before(reads, label)) for reads, label in defaults.items()],
        boxes=registry.default(BOX).label if DIGIT in defaults else None,
        releases=releases_document(releasing),
        history=[{**dict(change), "person": people.get(change.by or "", "")} for change in reversed(present.history)],
        may_change=caller().may(Scope.ADMIN),
        texts=texts(common),
    )


@models_pages.get("/models/compare")
def compare_models() -> Response:
    a, b = (_named(request.args.get(name, "")) for name in ("a", "b"))
    return page(
        "compare.html",
        a=a,
        b=b,
        data_sets=_beside(*({each.name: each for each in model.data_sets} for model in (a, b))),
        sets=_common(*({**model.metrics.validation, **model.metrics.test} for model in (a, b))),
        non_digits=_common(a.metrics.non_digits, b.metrics.non_digits),
    )


@models_pages.get("/models/<name>/<version>")
def show_model(name: str, version: str) -> Response:
    manifest = service().registry.get(name, version)
    default = service().registry.is_default(manifest)
    return page("model.html", model=manifest, expected=expected(manifest), default=default)


def _named(label: str) -> Manifest:
    name, at, version = label.partition("@")
    if not at:
        raise ModelNotFound("Name two models to compare, such as /models/compare?a=mine@1&b=mine@2.")
    return service().registry.get(name, version)


def _beside(a: Mapping[str, Each], b: Mapping[str, Each]) -> list[tuple[str, tuple[Each | None, Each | None]]]:
    """What either has, by its name."""
    return [(name, (a.get(name), b.get(name))) for name in _names(a, b)]


def _common(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, tuple[Any, Any]]]:
    """What was measured on the same pictures: sets of one name and size."""
    return [(name, (a[name], b[name])) for name in _names(a, b) if name in a and name in b
            and a[name].images == b[name].images]  # fmt: skip


def _names(*mappings: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))
