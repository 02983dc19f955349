"""The names of events: in the store, where each that is due has one, and to receivers.

<job>                                the job has ended: to its own ``webhook_url``
<job>:drifted                        it is unlike those before: to the same
<job>:results                        its rows are to be written elsewhere
<job>:hooks:end, :drifted, :3        for its owner's endpoints: it has ended, is unlike others, three tenths are done
<job>:to:<endpoint>:<word>:<number>  one of them for one endpoint. ``word`` is that behind ``job.``; ``number`` how
                                     often the job went on before it ended, or the tenths
<endpoint>:test:<word>               an endpoint is tried
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from digitmill.domain.jobs import Job

DRIFTED, PROGRESS, TEST = "job.drifted", "job.progress", "webhook.test"
HOOKS, TO, END = "hooks", "to", "end"


@dataclass(frozen=True, slots=True)
class Told:
    """What one endpoint is told of a job."""

    job: str
    endpoint: str
    word: str
    number: int

    @property
    def event(self) -> str:
        return f"job.{self.word}"

    @property
    def due(self) -> str:
        return f"{self.job}:{TO}:{self.endpoint}:{self.word}:{self.number}"

    @property
    def id(self) -> str:
        """The ``webhook-id``."""
        return f"msg_{self.job}_{self.endpoint}_{self.word}_{self.number}"

    @classmethod
    def parse(cls, due: str) -> Self | None:
        """None of other events."""
        parts = due.split(":")
        return cls(parts[0], parts[2], parts[3], int(parts[4])) if parts[1:2] == [TO] else None


def is_for_endpoints(due: str) -> bool:
    """Whether it is to be spread among the endpoints of the job's owner."""
    return due.split(":")[1:2] == [HOOKS]


def for_endpoints(job: Job, due: str) -> tuple[str, int] | None:
    """The word and the number of what endpoints are told; None where the job, which went on, has not ended after all,
    or has ended, of which its progress says less."""
    what = due.split(":")[2]
    if what == END:
        return (job.state.value, job.resumed) if job.state.final else None
    if what == "drifted":
        return what, 0
    return None if job.state.final else ("progress", int(what))
