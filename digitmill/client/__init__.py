"""Client of the HTTP service; it needs httpx and stamina, and nothing else of Digitmill.

with Client("http://127.0.0.1:8000") as client:
    job = client.wait(client.submit(["scans.zip"]).id)
    for row in client.results(job.id):
        print(row.index, row.name, row.prediction, row.confidence)
"""

from digitmill.client.client import Client
from digitmill.client.documents import (
    Attempt,
    Correction,
    Counts,
    Delivery,
    Guess,
    Job,
    Model,
    ModelReference,
    Page,
    Problem,
    Row,
)
from digitmill.client.errors import (
    BadRequest,
    BrokenStream,
    Busy,
    ClientError,
    Conflict,
    Expired,
    NotFound,
    ServiceError,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    WaitTimeout,
)
from digitmill.client.reviews import Change, ChangedRow, HistoryEntry, Hold, Said

__all__ = [
    "Attempt",
    "BadRequest",
    "BrokenStream",
    "Busy",
    "Change",
    "ChangedRow",
    "Client",
    "ClientError",
    "Conflict",
    "Correction",
    "Counts",
    "Delivery",
    "Expired",
    "Guess",
    "HistoryEntry",
    "Hold",
    "Job",
    "Model",
    "ModelReference",
    "NotFound",
    "Page",
    "Problem",
    "Row",
    "Said",
    "ServiceError",
    "Unauthorized",
    "UnexpectedAnswer",
    "Unreachable",
    "WaitTimeout",
]
