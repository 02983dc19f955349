"""The list of jobs, and the page of one job: its progress, then its rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Response, request

from digitmill.domain import Job
from digitmill.retrying import RETRY_OF
from web.context import owner, service
from web.pages import texts
from web.pages.layout import page, page_blueprint
from web.schemas import job_document

JOBS_ON_A_PAGE = 50
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
    return page(
        "job.html",
        job=shown_job(job, people),
        people=people,
        texts=texts.texts(texts.common, texts.job),
    )


def key_names() -> Mapping[str, str]:
    """The names of the keys that open the jobs shown, by id; none where no key is asked."""
    return service().keys.names_of(owner()) if service().keys.asked() else {}


def shown_job(job: Job, people: Mapping[str, str]) -> dict[str, Any]:
    """The job as the API tells it, with ``label``: what the page that sent it wrote down, or the id; ``retry_of``: the
    job whose failed images it holds; and ``sender``: the name of the key that sent it, where keys are asked."""
    document: dict[str, Any] = dict(job_document(job))
    label = job.options.metadata.get("label")
    retry_of = job.options.metadata.get(RETRY_OF)
    document["label"] = label if isinstance(label, str) and label.strip() else job.id
    document["retry_of"] = retry_of if isinstance(retry_of, str) and JOB_ID.fullmatch(retry_of) else None
    document["sender"] = people.get(job.sent_by or "")
    return document
