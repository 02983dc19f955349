"""The list of jobs, and the page of one job: its progress, then its rows."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from digitmill.domain import Job
from web.context import owner, service
from web.pages import texts
from web.pages.layout import page, page_blueprint
from web.schemas import job_document

JOBS_ON_A_PAGE = 50

jobs_pages = page_blueprint("jobs")


@jobs_pages.get("/jobs")
def show_jobs() -> Response:
    before = request.args.get("before")
    found = service().jobs.list(owner(), state=None, before=before, limit=JOBS_ON_A_PAGE + 1)
    shown = found[:JOBS_ON_A_PAGE]
    return page(
        "jobs.html",
        jobs=[shown_job(job) for job in shown],
        older=shown[-1].id if len(found) > JOBS_ON_A_PAGE else None,
        texts=texts.texts(texts.common, texts.jobs),
    )


@jobs_pages.get("/jobs/<job_id>")
def show_job(job_id: str) -> Response:
    job = service().jobs.get(owner(), job_id)
    return page(
        "job.html",
        job=shown_job(job),
        texts=texts.texts(texts.common, texts.job),
    )


def shown_job(job: Job) -> dict[str, Any]:
    """The job as the API tells it, with ``label``: what the page that sent it wrote down, or the id."""
    document: dict[str, Any] = dict(job_document(job))
    label = job.options.metadata.get("label")
    document["label"] = label if isinstance(label, str) and label.strip() else job.id
    return document
