"""What is told of the pages of a job behind its rows: those that were sent twice, and forms that lack pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from digitmill.cli.terminal import say
from digitmill.client import Job
from digitmill.client.page_sets import FormSets, SetFault

COPIES_SHOWN = FAULTS_SHOWN = 10
"""Pages that were sent twice, of which the line about them names so many; faults of sets, a line each."""


def tell_pages(job: Job) -> None:
    for sentence in (*_of_copies(job), *_of_sets(job)):
        say(sentence)


def _of_copies(job: Job) -> Iterator[str]:
    if not job.copied_pages:
        return
    one = job.copied_pages == 1
    pairs = ", ".join(f"{copy.index} (as {copy.of})" for copy in job.copies[:COPIES_SHOWN])
    more = ", …" if job.copied_pages > min(len(job.copies), COPIES_SHOWN) else ""
    yield (
        f"{job.copied_pages:,} {'page was' if one else 'pages were'} sent before in this job: "
        f"{'row' if one else 'rows'} {pairs}{more}. Leave {'it' if one else 'them'} out by the column copy_of."
    )


def _of_sets(job: Job) -> Iterator[str]:
    if job.sets is None:
        return
    for form in job.sets.forms:
        yield from _of_form(form)
    shown = job.sets.faults[:FAULTS_SHOWN]
    yield from map(_of_fault, shown)
    left = sum(form.faulty for form in job.sets.forms) - sum(fault.sets for fault in shown)
    if left:
        yield f"{left:,} more {'set has' if left == 1 else 'sets have'} such faults: see `sets` of the job."


def _of_form(form: FormSets) -> Iterator[str]:
    if form.order == "loose":
        scans = ", ".join(f"page {page} is there {scans:,} times" for page, scans in form.pages.items())
        yield f"The pages of {form.name} do not come set by set, so nobody can tell which belong together: {scans}."
        return
    if form.order == "reversed":
        yield f"In each set of {form.name} the last page comes first."
    if not form.faulty:
        yield f"No page is missing in {form.sets:,} {'set' if form.sets == 1 else 'sets'} of {form.name}."


def _of_fault(fault: SetFault) -> str:
    last = fault.number + fault.sets - 1
    sets = f"Set {fault.number}" if fault.sets == 1 else f"Sets {fault.number} to {last}"
    scans = fault.first.name if fault.first == fault.last else f"{fault.first.name} to {fault.last.name}"
    return f"{sets} of {fault.form} ({scans}): {'; '.join(_parts(fault))}."


def _parts(fault: SetFault) -> Iterator[str]:
    if fault.missing:
        yield f"{_pages(fault.missing)} missing"
    if fault.unread:
        names = ", ".join(scan.name for scan in fault.unread)
        yield f"{names} {'was' if len(fault.unread) == 1 else 'were'} not read, and may be what is missing"
    if fault.doubled:
        yield f"{_pages(fault.doubled)} there more than once"
    if not fault.in_order:
        yield "the pages are not in order"


def _pages(numbers: Sequence[int]) -> str:
    one = len(numbers) == 1
    return f"{'page' if one else 'pages'} {', '.join(map(str, numbers))} {'is' if one else 'are'}"
