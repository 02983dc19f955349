"""The pages on which people answer the doubtful rows of a job, and check the others."""

from __future__ import annotations

from flask import Response

from web.context import owner, service
from web.pages import review_texts
from web.pages.jobs import key_names, shown_job
from web.pages.layout import page, page_blueprint
from web.pages.texts import common, texts

review_pages = page_blueprint("review")


@review_pages.get("/jobs/<job_id>/review")
def show_review(job_id: str) -> Response:
    return _page_of_job("review.html", job_id)


@review_pages.get("/jobs/<job_id>/review/groups")
def show_groups(job_id: str) -> Response:
    return _page_of_job("groups.html", job_id)


@review_pages.get("/jobs/<job_id>/check")
def show_check(job_id: str) -> Response:
    return _page_of_job("check.html", job_id)


def _page_of_job(template: str, job_id: str) -> Response:
    job = service().jobs.get(owner(), job_id)
    people = key_names()
    return page(template, job=shown_job(job, people), people=people, texts=texts(common, review_texts.review))
