"""What a submission leaves open: its models, its templates, the threshold of its rows."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import NamedTuple

import structlog

from digitmill.domain.jobs import READ, ModelReference, Options
from digitmill.domain.rows import NUMBER
from digitmill.errors import BadOptions, FieldError, ModelNotFound
from digitmill.models.manifest import Manifest
from digitmill.models.registry import BOX, Registry
from digitmill.models.releases import Trial
from digitmill.readers import reader_of
from digitmill.templates import Templates

_log = structlog.get_logger(__name__)


class Resolved(NamedTuple):
    """``options`` are those that workers go by, but for ``expires_in``. ``shadow`` answers too, and does not count;
    ``tally`` names the counts that the job's rows are added to, where models are compared."""

    model: ModelReference
    number_model: ModelReference | None
    options: Options
    shadow: ModelReference | None = None
    tally: str | None = None


class _Chosen(NamedTuple):
    manifest: Manifest
    shadow: ModelReference | None = None
    tally: str | None = None


class Resolving:
    def __init__(self, registry: Registry, templates: Templates) -> None:
        self._registry = registry
        self._templates = templates
        self._random = random.Random()  # noqa: S311 (which jobs try a model need not be hidden)

    def resolved(self, options: Options, kind: str) -> Resolved:
        """Args: kind: of work; another than READ brings its templates itself. Raises BadOptions."""
        reader = reader_of(options.read)
        usual = BOX if reader.by_template and options.model is None else reader.pictures
        chosen = _Chosen(self._manifest(options.model, options.read, reader.pictures, usual))
        # what is on trial is compared with the default, and not with what reads boxes of pages alone
        alone = usual == BOX and chosen.manifest != self._registry.resolve(None, reader.pictures)
        if options.model is None and options.calibration is None and kind == READ and not alone:
            chosen = self._tried(chosen.manifest, pages=reader.by_template)
        manifest = chosen.manifest
        if kind == READ:
            options = self._templates.resolved(options)
        if options.review_below is None and reader.review_below is not None:
            options = replace(options, review_below=reader.review_below)
        options = self._calibrated(manifest, options)
        review_below = manifest.review_below if options.review_below is None else options.review_below
        numbers = self._registry.resolve(None, NUMBER).reference if reader.by_template else None
        options = replace(options, model=manifest.label, review_below=review_below)
        return Resolved(manifest.reference, numbers, options, chosen.shadow, chosen.tally)

    def _tried(self, default: Manifest, *, pages: bool) -> _Chosen:
        """The canary, or the default with its shadow, where there is one and it is this job's turn."""
        releases = self._registry.releases.read()
        canary, shadow, tally = releases.canaries.get(default.reads), releases.shadows.get(default.reads), None
        if canary is not None:
            manifest = self._on_trial(canary)
            if manifest is not None:
                return _Chosen(manifest, tally=canary.tally("canary"))
            tally = canary.tally("default")
        # of pages it would have to know the template too
        if shadow is not None and not pages and (manifest := self._on_trial(shadow)) is not None:
            return _Chosen(default, manifest.reference, shadow.tally("shadow"))
        return _Chosen(default, tally=tally)

    def _on_trial(self, trial: Trial) -> Manifest | None:
        if self._random.random() >= trial.share:
            return None
        try:
            return self._registry.resolve(trial.model)
        except ModelNotFound as error:
            # somebody has removed it by hand: no job fails for that
            _log.warning("model_on_trial_is_gone", model=trial.model, reason=error.detail)
            return None

    def _manifest(self, model: str | None, read: str, reads: str, usual: str) -> Manifest:
        """Args: reads: what it must read; usual: what the default is asked for where ``model`` is None."""
        try:
            manifest = self._registry.resolve(model, usual)
        except ModelNotFound as error:
            raise BadOptions(error.detail, errors=(FieldError("model", error.detail),)) from error
        if manifest.reads != reads:
            message = f"{manifest.label} reads {manifest.reads}, and read={read} needs a model of {reads}s."
            raise BadOptions(message, errors=(FieldError("model", message),))
        return manifest

    def _calibrated(self, manifest: Manifest, options: Options) -> Options:
        """With the numbers of the calibration that is named, unless they are there already, as in a job tried again."""
        if options.calibration is None or options.temperature is not None:
            return options
        try:
            found = self._registry.calibrations.get(manifest, options.calibration)
        except ModelNotFound as error:
            raise BadOptions(error.detail, errors=(FieldError("calibration", error.detail),)) from error
        review_below = found.review_below if options.review_below is None else options.review_below
        return replace(options, temperature=found.temperature, review_below=review_below)
