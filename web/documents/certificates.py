"""What is said of a job's table when it is handed over: by which model and rule it was read, who answered how much of
it, how many errors are left by a sample, and what was not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typing_extensions import TypedDict

from digitmill.domain.documents import ModelReference, RaisedThreshold, job_document
from digitmill.domain.jobs import Check, Job
from digitmill.domain.page_documents import Count, Probability, Time, time_text
from digitmill.review.sampling import interval
from web.context import service


class CheckDocument(TypedDict):
    """That somebody has looked at `seen` of the `population` accepted rows, drawn by chance, of which `wrong` were
    misread. Between `low` and `high` of all are, 95 times in 100 (Clopper and Pearson)."""

    seen: Count
    wrong: Count
    population: Count
    low: Count
    high: Count
    by: str
    at: Time


class Answers(TypedDict):
    """On how many rows the person with this key has the last word."""

    by: str
    rows: Count


class Certificate(TypedDict):
    """What can be said of the rows of a job. `unanswered` rows to review nobody has looked at, and `unread` images have
    no row."""

    job_id: str
    made_at: Time
    model: ModelReference
    review_below: Probability
    raised: RaisedThreshold | None
    images: Count
    recognized: Count
    review: Count
    blank: Count
    failed: Count
    unread: Count
    unanswered: Count
    answered: list[Answers]
    check: CheckDocument | None


def certificate_of(job: Job) -> Certificate:
    return certificate_document(job, service().review.answered_by(job), service().store.now())


def certificate_document(job: Job, answered_by: Mapping[str, int], now: float) -> Certificate:
    document = job_document(job)
    counts = document["counts"]
    return {
        "job_id": job.id,
        "made_at": time_text(now),
        "model": document["model"],
        "review_below": document["options"]["review_below"],
        "raised": document.get("raised"),
        "images": counts["total"],
        "recognized": counts["recognized"],
        "review": counts["review"],
        "blank": counts["blank"],
        "failed": counts["failed"],
        "unread": counts["total"] - counts["done"],
        "unanswered": counts["unanswered"],
        "answered": [{"by": by, "rows": rows} for by, rows in sorted(answered_by.items(), key=lambda pair: -pair[1])],
        "check": None if job.check is None else _check(job.check),
    }


def _check(check: Check) -> CheckDocument:
    low, high = interval(check.wrong, check.seen, check.population)
    return {
        "seen": check.seen,
        "wrong": check.wrong,
        "population": check.population,
        "low": low,
        "high": high,
        "by": check.by,
        "at": time_text(check.at),
    }


def certificate_lines(found: Certificate, people: Mapping[str, str]) -> Sequence[tuple[str, str | int | float]]:
    """The same as lines of a table. ``people`` are the names of keys by their ids."""
    model, raised, check = found["model"], found["raised"], found["check"]
    lines: list[tuple[str, str | int | float]] = [
        ("job", found["job_id"]),
        ("made at", found["made_at"]),
        ("model", f"{model['name']}@{model['version']}"),
        ("sha256 of the model", model["sha256"]),
        ("accepted from a confidence of", found["review_below"]),
    ]
    if raised is not None:
        name = people.get(raised["by"], raised["by"])
        lines.append(("to review since below", f"{raised['below']}, by {name}, {raised['at']}"))
    lines += [(name, found[name]) for name in ("images", "recognized", "review", "blank", "failed")]
    lines += [("images without a row", found["unread"]), ("rows to review without an answer", found["unanswered"])]
    lines += [(f"rows answered by {people.get(each['by'], each['by'])}", each["rows"]) for each in found["answered"]]
    if check is not None:
        lines += [
            ("accepted rows", check["population"]),
            ("of these looked at, by chance", check["seen"]),
            ("of these misread", check["wrong"]),
            ("misread among all accepted, at least", check["low"]),
            ("misread among all accepted, at most (95 %)", check["high"]),
        ]
    return lines
