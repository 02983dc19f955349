"""A page read by a template as workers read those of jobs, so that who makes a template sees what comes of it. Nothing
of it stays: its job is nobody's, is never told of, and goes with the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from digitmill.domain.jobs import TRIAL, Findings, Job, JobState, Options
from digitmill.domain.planned import Chunk, Entry
from digitmill.domain.rows import FORM, Row
from digitmill.errors import NoWorker, ServiceUnavailable
from digitmill.forms.template import Template
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.imaging.files.counting import count_pictures
from digitmill.imaging.files.formats import PDF, format_of
from digitmill.jobs.jobs import Jobs
from digitmill.results.rows import Results
from digitmill.settings import Settings
from digitmill.store.news import CompletionWaiter
from digitmill.uploads.spool import Spool
from digitmill.work.kinds.trial import packed

OWNER = "~trials"
"""Of the jobs of trials. No key has such an id."""
KEPT_SECONDS = 600
"""So long a trial stays whose web process has died."""
NAME = "page"
"""Of the row."""

Wait = Callable[[Job, CompletionWaiter], None]
"""Returns when this job has ended, or nobody waits for it any more."""


class Trying:
    """Raises StorageUnavailable besides what its method says."""

    def __init__(self, settings: Settings, jobs: Jobs, results: Results, drawers: Drawers) -> None:
        self._settings = settings
        self._jobs = jobs
        self._results = results
        self._drawers = drawers

    def row(
        self, template: Template, reference: bytes, page: bytes, number: int, *, wait: Wait, sent_by: str | None
    ) -> Row:
        """What the row of this page would be. One that cannot be read, or does not fit the template, has failed.

        Args:
            reference: the picture of the template, as ``Templates.reference`` makes it.
            page: a file, of which page ``number`` is read, from 1.
            sent_by: the id of the caller's key.

        Raises:
            ItemFailure: a PDF cannot be opened.
            NoWorker: nobody has read it when ``wait`` returns.
            Overloaded, TooManyJobs: there is too much to do already.
            ServiceUnavailable: no worker can read it.
        """
        self._jobs.admit(OWNER)
        is_pdf = format_of(page) is PDF
        pages = self._drawers.count_pages(page) if is_pdf else max(number, count_pictures(page))
        behind = packed(template.as_json(), reference)
        with Spool(self._settings.spool, len(page) + len(behind)) as spool:
            for name, content in ((NAME, page), ("template", behind)):
                spool.begin(name)
                spool.write(content)
                spool.end()
            options = Options(
                read=FORM, template=(template.label,), expires_in=min(KEPT_SECONDS, self._jobs.retention.most(sent_by))
            )
            only = _OnlyPage(Entry(NAME, 0, len(page), len(page), page=number - 1, pages=pages))
            submitted = self._jobs.accept(
                OWNER, only, spool, options, idempotency=None, follow=True, sent_by=sent_by, kind=TRIAL
            )
        try:
            if submitted.completion is not None:
                with closing(submitted.completion):
                    wait(submitted.job, submitted.completion)
            return self._answer(submitted.job.id)
        finally:
            self._jobs.delete(OWNER, submitted.job.id)

    def _answer(self, job_id: str) -> Row:
        job = self._jobs.get(OWNER, job_id)
        if job.state is JobState.COMPLETED:
            return self._results.row(OWNER, job_id, 0)
        if job.error is not None:
            raise ServiceUnavailable(job.error.detail)
        raise NoWorker("No worker has read the page so far. Try again; if none is there, start `digitmill worker`.")


class _OnlyPage:
    """The plan of an upload of which one page is to be read."""

    total = 1
    skipped = 0
    findings = Findings()

    def __init__(self, page: Entry) -> None:
        self._page = page

    def chunks(self) -> Iterator[Chunk]:
        yield Chunk(0, 0, (self._page,))
