"""The pages on which people answer the doubtful rows of a job, and check the others."""

from __future__ import annotations

from math import inf

from flask import Response, request

from digitmill.readers import reader_of
from web.context import owner, service
from web.documents.certificates import certificate_of
from web.pages import review_texts
from web.pages.jobs import key_names, shown_job
from web.pages.layout import page, page_blueprint, to
from web.pages.texts import answers, common, sets, texts
from web.tables.page_tables import fits_a_spreadsheet

review_pages = page_blueprint("review")


OF_PAGES = ("field_review.html", "page_review.html", "box_groups.html")
MOST_JOBS = 100
"""That are shown of those with work."""


@review_pages.get("/review")
def show_work() -> Response:
    found = service().jobs.list(owner(), state=None, before=None, limit=MOST_JOBS + 1, unanswered=True)
    jobs = sorted(found[:MOST_JOBS], key=lambda job: (job.expires_at or inf, job.id))
    people = key_names()
    work = [
        {
            "job": shown_job(job, people),
            "holders": [(people.get(holder.reviewer.partition("/")[0]), holder.values) for holder in holders],
        }
        for job, holders in zip(jobs, service().review.holders(jobs), strict=True)
    ]
    return page("work.html", work=work, more=len(found) > MOST_JOBS, people=people, texts=texts(common))


@review_pages.get("/jobs/<job_id>/review")
def show_review(job_id: str) -> Response:
    """Of form pages field by field. ``?order=useful``: of plain images those first that teach a model most."""
    job = service().jobs.get(owner(), job_id)
    return _page_of_job("field_review.html" if reader_of(job.options.read).by_template else "review.html", job_id)


@review_pages.get("/jobs/<job_id>/review/pages")
def show_pages(job_id: str) -> Response:
    """Of form pages whole ones; plain images have none."""
    job = service().jobs.get(owner(), job_id)
    if not reader_of(job.options.read).by_template:
        return to(f"/jobs/{job.id}/review")
    return _page_of_job("page_review.html", job_id)


@review_pages.get("/jobs/<job_id>/review/groups")
def show_groups(job_id: str) -> Response:
    """Of form pages the boxes of their fields."""
    job = service().jobs.get(owner(), job_id)
    return _page_of_job("box_groups.html" if reader_of(job.options.read).by_template else "groups.html", job_id)


@review_pages.get("/jobs/<job_id>/check")
def show_check(job_id: str) -> Response:
    return _page_of_job("check.html", job_id)


@review_pages.get("/jobs/<job_id>/certificate")
def show_certificate(job_id: str) -> Response:
    job = service().jobs.get(owner(), job_id)
    people = key_names()
    return page(
        "certificate.html",
        job=shown_job(job, people),
        found=certificate_of(job),
        people=people,
        texts=texts(common),
    )


def _page_of_job(template: str, job_id: str) -> Response:
    job = service().jobs.get(owner(), job_id)
    if reader_of(job.options.read).by_template and template not in OF_PAGES:
        # the fields of pages are answered where the pages are seen
        return to(f"/jobs/{job.id}")
    people = key_names()
    return page(
        template,
        job=shown_job(job, people),
        people=people,
        spreadsheet=fits_a_spreadsheet(job),
        useful=request.args.get("order") == "useful",
        texts=texts(common, answers, review_texts.review, review_texts.boxes, sets),
    )
