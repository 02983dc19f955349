"""Reading images: the chunks of an upload through a model, into rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from digitmill.domain.jobs import READ, Computation, ModelReference, Problem
from digitmill.domain.planned import Entry
from digitmill.domain.rows import Failure
from digitmill.errors import FailureCode, ModelError, ModelNotFound, NotFound, StorageUnavailable, TemplateNotFound
from digitmill.imaging.files.decode import decode
from digitmill.imaging.files.formats import format_of
from digitmill.measures import BYTES, CONFIDENCE, FAILURES, STAGE
from digitmill.readers import reader_of
from digitmill.readers.base import Reader
from digitmill.store.base import Claim, Done
from digitmill.store.blobs import upload_of
from digitmill.store.rows import Answers
from digitmill.uploads.codec import unpack_plan
from digitmill.work import drift
from digitmill.work.comparing import compared, counted, sureness
from digitmill.work.kinds.base import Elsewhere, Failed, Held, Kind, Later, Outcome, Tools
from digitmill.work.loading import Loaded, Loading, NotYet
from digitmill.work.pipeline import OpenedChunk, Read, all_failed, answer_opened, open_chunk

STORAGE_SECONDS = 30.0
"""A storage of uploads that has said nothing for so long is taken to be away."""
POISON = Failure(
    FailureCode.POISON_IMAGE, "This image stopped the process that read it, more than once; scan it again."
)

_log = structlog.get_logger(__name__)


class ReadImages(Kind):
    name = READ

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._loading = Loading(tools.store, tools.models, tools.turn, tools.settings.lease_seconds)

    def together(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Those of one model; where its model is here already a chunk waits for no other."""
        ready = [claim for claim in claims if self.tools.models.holds(claim.job.model)] or claims
        return [claim for claim in ready if claim.job.model == ready[0].job.model]

    def run(self, claims: Sequence[Claim], held: Held) -> Iterator[Outcome]:
        try:
            model = self._loading.model(claims[0].job.model, held.claims)
            seconds = {claim.job.number_model for claim in claims if claim.job.number_model is not None}
            loaded = {reference: self._loading.model(reference, held.claims) for reference in seconds}
            outcomes = list(self._answered(claims, model, loaded, held))
        except NotYet:
            # meanwhile this process is free for what it has the model for; the sweep gives the chunks out again
            outcomes = [Later(claim) for claim in claims]
        except ModelError as error:
            refused = Elsewhere if isinstance(error, ModelNotFound) else Failed
            outcomes = [refused(claim, Problem(error.code, error.detail)) for claim in claims]
        yield from outcomes

    def _answered(
        self, claims: Sequence[Claim], model: Loaded, seconds: Mapping[ModelReference, Loaded], held: Held
    ) -> Iterator[Outcome]:
        opened = []
        held.begin()
        for claim in claims:
            try:
                second = seconds[claim.job.number_model] if claim.job.number_model is not None else None
                opened.append((claim, self._opened(claim, model, second, held)))
            except NotFound as error:
                yield Failed(claim, Problem("upload_lost", error.detail))
            except TemplateNotFound as error:
                yield Failed(claim, Problem(error.code, error.detail))
        began = perf_counter()
        answers = answer_opened([chunk for _, chunk in opened], model)
        measures = self.tools.measures
        measures.observe(STAGE, perf_counter() - began, "infer")
        for (claim, chunk), answer in zip(opened, answers, strict=True):
            if claim.job.tally is not None:
                self._tally(claim, chunk, answer, held)
            if chunk.looks:
                self._note_looks(claim, chunk, answer)
            for stage, spent in chunk.seconds.items():
                measures.observe(STAGE, spent, stage)
            yield self._done(claim, answer, model.computed_by)

    def _tally(self, claim: Claim, chunk: OpenedChunk, answers: Answers, held: Held) -> None:
        """Count what the rows tell of models that are compared. No row, and no job, fails for it."""
        job, shadow = claim.job, claim.job.shadow
        counts, examples = counted(answers), list[dict[str, Any]]()
        try:
            if shadow is not None:
                if answers.values.fields is not None:
                    return
                model = self._loading.model(shadow, held.claims)
                rule = replace(chunk.options, review_below=self.tools.registry.exact(shadow).review_below)
                other = answer_opened([replace(chunk, options=rule)], model)[0]
                counts, examples = compared(claim, answers, other)
            self.tools.store.tallies.add(str(job.tally), f"{job.id}:{claim.chunk}", counts, examples)
        except (NotYet, ModelError, StorageUnavailable) as error:
            _log.warning("not_compared", job=job.id, chunk=claim.chunk, reason=str(error))

    def _note_looks(self, claim: Claim, chunk: OpenedChunk, answers: Answers) -> None:
        try:
            drift.note_chunk(self.tools.store, claim.job, claim.chunk, chunk.looks, counted(answers))
        except StorageUnavailable as error:
            _log.warning("looks_not_noted", job=claim.job.id, chunk=claim.chunk, reason=str(error))

    def given_up(self, claim: Claim) -> Outcome:
        detail = f"Gave up after {claim.attempt - 1} attempts without an answer; submit this image by itself."
        return self._done(claim, all_failed(_entries(claim), detail))

    def _done(self, claim: Claim, answers: Answers, computed_by: Computation | None = None) -> Done:
        if claim.job.kind == READ:
            for code, times in Counter(failure.code for failure in answers.failures.values()).items():
                self.tools.measures.count(FAILURES, code, times=times)
            self.tools.measures.observe_all(CONFIDENCE, sureness(answers), claim.job.model.label)
        return Done(claim, answers.packed(), answers.counts, computed_by)

    def _opened(self, claim: Claim, model: Loaded, second: Loaded | None, held: Held) -> OpenedChunk:
        reader, entries = self.reader(claim, held), _entries(claim)
        if claim.job.kind == READ:
            self.tools.measures.count(BYTES, times=sum(entry.span for entry in entries))
        return open_chunk(
            entries,
            self.upload(claim, held),
            claim.job.options,
            model,
            max_member_bytes=self.tools.settings.max_member_bytes,
            max_pixels=self.tools.settings.max_image_pixels,
            decode=partial(self._decode, held),
            on_image=partial(held.at, claim),
            reader=reader if second is None else reader.asking(second),
            look=drift.look if claim.job.kind == READ and claim.job.counts.total >= drift.FEWEST else None,
        )

    def reader(self, claim: Claim, held: Held) -> Reader[Any]:
        """That of the job's options, prepared for its images."""
        reader = reader_of(claim.job.options.read)
        if not reader.by_template:
            return reader
        held.at(claim, None)
        # twenty references take as many seconds to prepare
        prepared = partial(reader.prepared, claim.job.options, self.tools.references.of, held.alive)
        return held.during(prepared, seconds=STORAGE_SECONDS)

    def upload(self, claim: Claim, held: Held) -> Read:
        """The bytes that the job came with."""
        if (upload := claim.upload) is not None:
            return lambda start, end: upload[start:end]
        read = upload_of(claim.job, self.tools.store, self.tools.blobs)
        if claim.job.blob is None:
            # Redis is asked with a time limit of its own
            return read

        def awaited(start: int, end: int) -> bytes:
            # that the storage is slow, or hangs, is not held against the images
            held.at(claim, None)
            return held.during(partial(read, start, end), seconds=STORAGE_SECONDS)

        return awaited

    def _decode(self, held: Held, data: bytes, *, page: int, pages: int, max_pixels: int) -> NDArray[np.uint8]:
        """Files of a slow format are opened in a process of their own, and the leases kept meanwhile."""
        known = format_of(data)
        if known is None or not known.slow:
            return decode(data, page=page, pages=pages, max_pixels=max_pixels)
        return held.during(partial(self.tools.drawers.grey, data, page, pages))


def _entries(claim: Claim) -> tuple[Entry, ...]:
    entries = unpack_plan(claim.entries)
    if not claim.poison:
        return entries
    return tuple(
        entry._replace(refused=POISON) if place in claim.poison else entry for place, entry in enumerate(entries)
    )
