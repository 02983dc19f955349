"""How long jobs of a key with a policy are kept."""

from __future__ import annotations

import pytest

from digitmill.domain.access import Quotas, Scope
from digitmill.domain.page_documents import time_text
from tests.web.conftest import Client, Mill, assert_problem, submit
from tests.web.fakes import one

DAY = 86400


def of_key(mill: Mill, keep: int | None) -> dict[str, str]:
    quotas = Quotas(keep_seconds=keep)
    _, key = mill.service.keys.create("a", [Scope.ADMIN], lifetime=None, owner="office", quotas=quotas)
    return {"Authorization": f"Bearer {key}"}


def sent(client: Client, mill: Mill, header: dict[str, str], **options: object) -> str:
    """The address of a finished job, one of whose images failed."""
    files = [("a.png", one()), ("b.png", b"no image")]
    address: str = submit(client, files, options, **header).headers["Location"]
    mill.turn()
    return address


def kept(mill: Mill, address: str) -> float:
    """Seconds after its end."""
    job = mill.store.get(address.rpartition("/")[2])
    assert job.finished_at is not None
    assert job.expires_at is not None
    return round(job.expires_at - job.finished_at, 1)


@pytest.mark.parametrize("keep", [2 * DAY, 30 * DAY])
def test_a_job_is_kept_as_the_policy_of_its_key_says(client: Client, mill: Mill, keep: int) -> None:
    header = of_key(mill, keep)
    address = sent(client, mill, header)
    assert kept(mill, address) == keep
    job = mill.store.get(address.rpartition("/")[2])
    document = client.get(address, headers=header).json
    assert document["options"]["expires_in"] == keep
    assert document["expires_at"] == time_text(job.expires_at or 0)
    limits = client.get("/v1/limits", headers=header).json
    assert (limits["expires_in"], limits["max_expires_in"], limits["quotas"]["keep_seconds"]) == (keep, keep, keep)
    assert kept(mill, sent(client, mill, header, expires_in=60)) == 60


def test_a_job_cannot_be_kept_longer_by_any_call(client: Client, mill: Mill) -> None:
    header = of_key(mill, 2 * DAY)
    refused = submit(client, [("a.png", one())], {"expires_in": 2 * DAY + 1}, **header)
    assert [fault["field"] for fault in assert_problem(refused, 400, "bad_options")["errors"]] == ["expires_in"]
    address = sent(client, mill, header)
    mill.pass_time(2 * DAY - 600)
    # counted from the job's end, however often it is asked for
    assert_problem(client.open(address, method="PATCH", json={"expires_in": 3600}, headers=header), 400, "bad_options")
    assert client.open(address, method="PATCH", json={"expires_in": 500}, headers=header).status_code == 200
    client.post(f"{address}/review", json={"reviewer": "desk"}, headers=header)
    assert kept(mill, address) <= 2 * DAY


def test_the_failed_images_of_a_job_that_was_kept_longer_are_tried_again(client: Client, mill: Mill) -> None:
    header = of_key(mill, None)
    address = sent(client, mill, header, expires_in=20 * DAY)
    (key,) = mill.service.keys.list()
    mill.service.keys.limit(key.id, Quotas(keep_seconds=2 * DAY))
    mill.pass_time(60)
    again = client.post(f"{address}/retry", headers=header)
    assert again.status_code == 202, again.text
    mill.turn()
    assert kept(mill, again.headers["Location"]) == 2 * DAY


def test_a_key_without_a_policy_keeps_jobs_as_the_service_does(client: Client, mill: Mill) -> None:
    header = of_key(mill, None)
    settings = mill.service.settings
    assert kept(mill, sent(client, mill, header)) == settings.expires_in
    limits = client.get("/v1/limits", headers=header).json
    assert (limits["expires_in"], limits["max_expires_in"]) == (settings.expires_in, settings.max_expires_in)
