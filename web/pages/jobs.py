"""The list of jobs, and the page of one job: its progress, then its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Response, request

from digitmill.domain.access import Scope
from digitmill.domain.jobs import PUBLISH, RETRY_OF, Job
from digitmill.pages.marked import MOST_PAGES
from digitmill.readers import reader_of
from web.context import caller, owner, service
from web.documents.schemas import job_document
from web.pages import texts
from web.pages.layout import page, page_blueprint, person_of
from web.tables.page_tables import fits_a_spreadsheet, labels_of

JOBS_ON_A_PAGE = 50
KEEP_SECONDS = 30 * 86400
"""From now on, where somebody asks to keep a job longer."""
JOB_ID = re.compile("[0-9a-z]{26}")

jobs_pages = page_blueprint("jobs")


@jobs_pages.get("/jobs")
def show_jobs() -> Response:
    before = request.args.get("before")
    found = service().jobs.list(owner(), state=None, before=before, limit=JOBS_ON_A_PAGE + 1)
    shown = found[:JOBS_ON_A_PAGE]
    people = key_names()
    return page(
        "jobs.html",
        jobs=[shown_job(job, people) for job in shown],
        people=people,
        older=shown[-1].id if len(found) > JOBS_ON_A_PAGE else None,
        texts=texts.texts(texts.common, texts.jobs),
    )


@jobs_pages.get("/jobs/<job_id>")
def show_job(job_id: str) -> Response:
    job = service().jobs.get(owner(), job_id)
    people = key_names()
    if job.kind == PUBLISH:
        report = service().desk.report(job)
        return page("publication.html", job=job_document(job), report=report, texts=texts.texts(texts.common))
    if reader_of(job.options.read).by_template:
        return page(
            "form_job.html",
            job=shown_job(job, people),
            people=people,
            fields=labels_of(job),
            spreadsheet=fits_a_spreadsheet(job),
            pages_a_pdf=MOST_PAGES,
            may_review=caller().may(Scope.REVIEW),
            texts=texts.texts(texts.common, texts.form_job),
        )
    return page(
        "job.html",
        job=shown_job(job, people),
        people=people,
        may_review=caller().may(Scope.REVIEW),
        may_submit=caller().may(Scope.SUBMIT),
        keep_seconds=min(KEEP_SECONDS, service().jobs.retention.left(job)),
        texts=texts.texts(texts.common, texts.answers, texts.job),
    )


def key_names() -> Mapping[str, str]:
    """The names of the keys that open the jobs shown, by id; none where no key is asked."""
    if not service().keys.asked():
        return {}
    names = service().keys.names_of(owner())
    return {key: person_of(key, name) for key, name in names.items()}


def shown_job(job: Job, people: Mapping[str, str]) -> dict[str, Any]:
    """The job as the API tells it, with ``label``: what the page that sent it wrote down, or the id; ``retry_of``: the
    job whose failed images it holds; ``sender``: the name of the key that sent it, where keys are asked; and of its
    reader the ``keys`` that make an answer, whether it is ``typed`` because one key does not make a whole one, the
    ``pattern`` of answers, and the ``groups`` of a review."""
    reader = reader_of(job.options.read)
    document: dict[str, Any] = dict(job_document(job))
    label = job.options.metadata.get("label")
    retry_of = job.options.metadata.get(RETRY_OF)
    document["label"] = label if isinstance(label, str) and label.strip() else job.id
    document["retry_of"] = retry_of if isinstance(retry_of, str) and JOB_ID.fullmatch(retry_of) else None
    typed = not all(reader.accepts(key) and not reader.accepts(2 * key) for key in reader.keys)
    document |= {"by_template": reader.by_template}
    document |= {"keys": reader.keys, "typed": typed, "pattern": reader.pattern, "groups": list(reader.groups)}
    document["sender"] = people.get(job.sent_by or "")
    return document
