"""`digitmill webhooks`, `digitmill deliveries` and `digitmill delete` by filter, over a real server."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from digitmill.cli import main
from digitmill.client import Client
from tests.cli.test_commands import run
from tests.client.scripted import Answer, JsonDocument, ScriptedService, job_document, problem
from tests.receiver import Receiver
from tests.telling import one_job
from tests.web.conftest import Server, wait_until

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def client(telling: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Of that server, which the commands ask too."""
    monkeypatch.setenv("DIGITMILL_URL", telling.url)
    monkeypatch.delenv("DIGITMILL_KEY", raising=False)
    with Client(telling.url) as opened:
        yield opened
        for hook in opened.webhooks():
            opened.remove_webhook(hook.id)


def test_a_webhook_goes_its_whole_way(client: Client, receiver: Receiver, capfd: Captured) -> None:
    assert main(["webhooks", "add", receiver.url, "--event", "job.completed", "--description", "ward"]) == 0
    out, err = capfd.readouterr()
    (hook,) = client.webhooks()
    assert out.startswith("whsec_")
    assert len(out.splitlines()) == 1
    assert hook.id in err
    assert "the only time" in err
    assert (hook.events, hook.description) == (("job.completed",), "ward")

    assert main(["webhooks", "change", hook.id, "--event", "job.failed", "--event", "job.progress", "--off"]) == 0
    assert main(["webhooks", "list"]) == 0
    line = f"{hook.id}  off  job.failed,job.progress  {receiver.url}  ward\n"
    assert capfd.readouterr().out == line * 2
    assert main(["webhooks", "list", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == dict(client.webhook(hook.id).document)

    assert main(["webhooks", "rotate", hook.id, "--overlap", "0s"]) == 0
    out, err = capfd.readouterr()
    assert out.startswith("whsec_")
    assert "signs no more" in err
    assert main(["webhooks", "remove", hook.id]) == 0
    assert main(["webhooks", "list"]) == 0
    assert capfd.readouterr().out == f"Webhook {hook.id} is removed.\n"


def test_a_test_says_what_the_receiver_answered(client: Client, receiver: Receiver, capfd: Captured) -> None:
    receiver.statuses = [500, 204]
    hook = client.add_webhook(receiver.url)
    assert main(["webhooks", "test", hook.id]) == 1
    assert capfd.readouterr().out == f"{receiver.url}: answered 500.\n"
    assert main(["webhooks", "list"]) == 0
    assert capfd.readouterr().out.endswith("last test: answered 500\n")
    assert main(["webhooks", "test", hook.id, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["state"] == "delivered"


def test_deliveries_are_listed_with_what_came_of_them(client: Client, receiver: Receiver, capfd: Captured) -> None:
    receiver.statuses = [500]
    hook = client.add_webhook(receiver.url)
    job = one_job(client)
    wait_until(lambda: len(receiver.received) == 1 and len(client.deliveries(job)[0].attempts) == 1)
    asked = ["deliveries", "--webhook", hook.id, "--state", "pending", "--state", "failed"]
    assert main(asked) == 0
    (line,) = capfd.readouterr().out.splitlines()
    assert line.startswith(f"{job}  job.completed  pending    {receiver.url}  answered 500 (")
    assert ", attempt 1, again " in line
    assert main([*asked, "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == dict(client.deliveries(job)[0].document)
    assert main(["deliveries", "--webhook", hook.id, "--state", "delivered"]) == 0
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["webhooks", "add", "ftp://hooks.example/"], "The address must be an https:// or http:// address"),
        (["webhooks", "add", "https://hooks.example/", "--event", "job.lost"], "job.lost"),
        (["webhooks", "change", "wh_0123456789abcdef"], "--address"),
        (["webhooks", "change", "wh_0123456789abcdef", "--on"], "no such webhook"),
        (["webhooks", "remove", "wh_0123456789abcdef"], "no such webhook"),
        (["webhooks", "rotate", "wh_0123456789abcdef", "--overlap", "a week"], "a week"),
        (["webhooks", "test", "wh_0123456789abcdef"], "no such webhook"),
        (["deliveries", "--webhook", "mine"], "--webhook must be the id"),
        (["delete"], "--state"),
        (["delete", ""], "--state"),
        (["jobs", "--since", "yesterday"], "--since must be a day"),
        (["delete", "job1", "--state", "failed"], "--state"),
        (["delete", "--metadata", "A7"], "KEY=VALUE"),
        (["delete", "--until", "yesterday"], "--until must be a day"),
    ],
)
def test_a_wrong_call_is_one_sentence(client: Client, arguments: list[str], said: str, capfd: Captured) -> None:
    assert main(arguments) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


def test_blanks_around_what_was_pasted_do_no_harm(
    client: Client, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITMILL_KEY", "a-key\n")
    assert main(["webhooks", "add", f" {receiver.url}\n"]) == 0
    (hook,) = client.webhooks()
    assert hook.url == receiver.url


def test_a_deletion_by_filter_says_how_many_and_takes_nothing_else(client: Client, capfd: Captured) -> None:
    jobs = [one_job(client, batch="A7"), one_job(client, batch="A7")]
    other = one_job(client, batch="A8")
    assert main(["delete", "--metadata", "batch=nobody's", "--yes"]) == 0
    assert capfd.readouterr().out == "No job of yours fits; nothing is deleted.\n"
    assert main(["delete", "--metadata", "batch=A7", "--state", "failed", "--yes"]) == 0
    assert main(["delete", "--metadata", "batch=A7", "--until", "2020-01-01", "--yes"]) == 0
    assert capfd.readouterr().out.count("nothing is deleted") == 2
    assert main(["delete", "--metadata", "batch=A7", "--since", "2020-01-01", "--yes"]) == 0
    out, err = capfd.readouterr()
    assert out == "2 jobs are deleted.\n"
    assert err.startswith("2 jobs are found, made from ")
    left = {job.id for job in client.jobs()}
    assert other in left
    assert not left & set(jobs)


def test_where_nobody_can_be_asked_nothing_is_deleted(client: Client) -> None:
    job = one_job(client, batch="B1")
    code, out, err = run("delete", "--metadata", "batch=B1")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "Nothing is deleted: say --yes where nobody is there to be asked."
    assert client.job(job).id == job


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_who_is_asked_decides(
    service: ScriptedService, answer: str, code: int, capfd: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyboard = io.StringIO(f"{answer}\n")
    keyboard.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", keyboard)
    jobs = [job_document("running", done=1, id="b"), job_document(id="a")]
    service.on("GET", "/v1/jobs", Answer({"jobs": jobs, "next_cursor": None}))
    service.on("DELETE", "/v1/jobs", Answer({"deleted": ["b", "a"], "next_cursor": None}))
    assert main(["delete", "--state", "running", "--state", "completed"]) == code
    out, err = capfd.readouterr()
    assert "1 of them open: these are cancelled" in err
    asked = service.calls("DELETE", "/v1/jobs")
    assert len(asked) == 1 - code
    assert out.endswith("2 jobs are deleted.\n" if answer == "y" else "")
    for call in asked:
        assert call.query["state"] == ["running,completed"]
        assert "created_before" in call.query, "jobs that came meanwhile are not meant"


def test_a_key_that_may_not_is_told_so(service: ScriptedService, capfd: Captured) -> None:
    refused = problem(403, "forbidden", "This asks for a key with the scope `submit`.")
    service.on("POST", "/v1/webhooks", refused)
    assert main(["webhooks", "add", "https://hooks.example/"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("This asks for a key with the scope `submit`.")


def test_a_reader_of_json_that_has_had_enough_is_no_traceback(service: ScriptedService) -> None:
    delivery = {"id": "msg_1", "event": "job.completed", "url": "https://hooks.example/", "state": "pending"}
    rest: JsonDocument = {"attempts": [], "next_attempt_at": None, "job_id": "job1", "webhook": None}
    page = {"deliveries": [{**delivery, **rest}] * 20_000, "next_cursor": None}
    service.on("GET", "/v1/deliveries", Answer(page))
    program = f"{sys.executable} -c 'import sys; from digitmill.cli import main; sys.exit(main())'"
    done = subprocess.run(
        f"{program} deliveries --limit 20000 --json | head -1", shell=True, capture_output=True, timeout=60
    )
    assert json.loads(done.stdout)["job_id"] == "job1"
    assert done.stderr == b""
