"""Client of the HTTP service; it needs httpx and stamina, and nothing else of Digitmill.

with Client("http://127.0.0.1:8000") as client:
    job = client.wait(client.submit(["scans.zip"]).id)
    for row in client.results(job.id):
        print(row.index, row.name, row.prediction, row.confidence)
"""

from digitmill.client.client import Client
from digitmill.client.deliveries import Attempt, Delivery, Webhook
from digitmill.client.documents import (
    Correction,
    Counts,
    Entry,
    Field,
    Guess,
    Job,
    Model,
    ModelReference,
    Page,
    Problem,
    Row,
    Template,
    Training,
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
    "Entry",
    "Expired",
    "Field",
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
    "Template",
    "Training",
    "Unauthorized",
    "UnexpectedAnswer",
    "Unreachable",
    "WaitTimeout",
    "Webhook",
]
