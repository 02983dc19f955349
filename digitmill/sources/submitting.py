"""Jobs of images that lie elsewhere: these are copied first, so a job that was accepted needs nobody but this service.

What happens at the source later, to its files, its server or its keys, costs no row; and all that is done with an
upload can be done with these: pictures for people, trying again, training.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence

from digitmill.domain.jobs import Findings, Options
from digitmill.domain.planned import Chunk
from digitmill.errors import BadOptions, FieldError
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.jobs.jobs import Jobs, Submission
from digitmill.outside.calling import Caller
from digitmill.outside.places import Allowed, Place, read_place
from digitmill.settings import PREFIX, Settings
from digitmill.sources.copying import Copier, File, naming
from digitmill.sources.https import HttpsFile
from digitmill.sources.s3 import objects_of
from digitmill.store.requests import idempotency_of
from digitmill.uploads.limits import Limits
from digitmill.uploads.plan import Plan
from digitmill.uploads.spool import Spool

SETTING = f"{PREFIX}SOURCE_PREFIXES"
KINDS = ("s3", "https")


class Sources:
    def __init__(self, settings: Settings, jobs: Jobs, drawers: Drawers, caller: Caller | None = None) -> None:
        """Raises SettingsError where the setting names what is no such address."""
        self._settings = settings
        self._jobs = jobs
        self._drawers = drawers
        self._allowed = Allowed(SETTING, settings.source_prefixes, KINDS)
        self._caller = caller or Caller(private_addresses=settings.webhook_private_addresses)
        self._copier = Copier(settings.spool, max_bytes=settings.max_upload_bytes, max_files=settings.max_files)

    def submit(
        self,
        source: str | Sequence[str],
        owner: str,
        spool: Spool,
        options: Options,
        *,
        idempotency_key: str | None = None,
        follow: bool = False,
        sent_by: str | None = None,
    ) -> Submission:
        """As ``Jobs.submit``, of what lies at an address or at each of several. It is copied into ``spool`` first, but
        where an earlier request with this key has made the job: what is compared are the addresses, not the bytes.

        Raises also:
            BadOptions: an address is none, or is not allowed.
            SourceFailed, SourceUnavailable: what lies there cannot be had.
        """
        places = self._places(source)
        said = hashlib.sha256(json.dumps(source if isinstance(source, str) else list(source)).encode()).hexdigest()
        idempotency = None if idempotency_key is None else idempotency_of(idempotency_key, f"source {said}", options)
        images = _Images(
            lambda: self._copier.copy(self._files(places), spool),
            lambda: Plan(
                spool, Limits.from_settings(self._settings), self._drawers.count_pages, code_page=options.names
            ),
        )
        return self._jobs.accept(owner, images, spool, options, idempotency=idempotency, follow=follow, sent_by=sent_by)

    def _places(self, source: str | Sequence[str]) -> list[tuple[str, Place]]:
        """Each with the name that it has in the request."""
        named = (
            [("source", source)]
            if isinstance(source, str)
            else [(f"source[{position}]", each) for position, each in enumerate(source)]
        )
        found, faults = [], []
        for field, url in named:
            try:
                place = read_place(url)
                self._allowed.check(place)
                found.append((field, place))
            except ValueError as error:
                faults.append(FieldError(field, str(error)))
        if faults:
            raise BadOptions(" ".join(f"{fault.field} {fault.message}." for fault in faults[:5]), errors=tuple(faults))
        return found

    def _files(self, places: Sequence[tuple[str, Place]]) -> Iterator[File]:
        for field, place in places:
            if place.target is not None:
                yield HttpsFile(place, place.target, field, self._caller)
                continue
            with naming(field):
                yield from objects_of(place, field, SETTING)


class _Images:
    """The plan of what is to be copied first; as ``Plan`` otherwise."""

    def __init__(self, copy: Callable[[], None], plan: Callable[[], Plan]) -> None:
        self._copy = copy
        self._plan = plan
        self.total = 0
        self.skipped = 0
        self.findings = Findings()

    def chunks(self) -> Iterator[Chunk]:
        self._copy()
        plan = self._plan()
        try:
            yield from plan.chunks()
        finally:
            self.total, self.skipped, self.findings = plan.total, plan.skipped, plan.findings
