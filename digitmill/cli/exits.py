"""What the exit statuses say."""

from __future__ import annotations

from enum import IntEnum

from digitmill.client import Job

EXITS = (
    "Exit status: 0 every image has its row; 3 some images failed; 4 a job was cancelled, or failed as a whole; "
    "5 nothing of these, but files were left out, since they are no images or of a kind that is not read; "
    "1 the service or the call has a problem, told on standard error; 130 interrupted."
)


class Exit(IntEnum):
    DONE = 0
    PROBLEM = 1
    IMAGES_FAILED = 3
    JOB_ENDED = 4
    LEFT_OUT = 5
    INTERRUPTED = 130


def exit_for(job: Job) -> Exit:
    if job.state in ("cancelled", "failed"):
        return Exit.JOB_ENDED
    return Exit.IMAGES_FAILED if job.counts.failed else Exit.DONE
