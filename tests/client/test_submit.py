import io
import json
import os
import tracemalloc
from email import message_from_bytes
from pathlib import Path

import pytest
import stamina

from digitmill.client import BadRequest, Busy, Client, ClientError, Conflict, Unauthorized, Unreachable
from tests.client.scripted import Answer, Asked, ScriptedService, job_document, problem, row_document

PATH = "/v1/jobs"
NOW = {"Retry-After": "0"}


def parts_of(asked: Asked) -> list[tuple[str, str | None, bytes]]:
    """Name, file name and content of each part of a multipart body."""
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    message = message_from_bytes(head + asked.body)
    found: list[tuple[str, str | None, bytes]] = []
    for part in message.walk():
        if not part.is_multipart():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            found.append((str(name), part.get_filename(), content))
    return found


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "7.png"
    path.write_bytes(b"one image")
    return path


def test_files_arrive_in_order_under_their_names_with_the_options_first(
    service: ScriptedService, client: Client, image: Path
) -> None:
    service.on("POST", PATH, Answer(job_document("queued", done=0), 202))
    with image.open("rb") as opened:
        job = client.submit(
            [image, opened, ("scans/3.png", io.BytesIO(b"another"))],
            model="digits@1",
            review_below=0.5,
            metadata={"batch": "March"},
        )
    assert (job.id, job.state, job.final) == ("job1", "queued", False)
    options, *files = parts_of(service.asked[0])
    assert json.loads(options[2]) == {"model": "digits@1", "review_below": 0.5, "metadata": {"batch": "March"}}
    assert files == [
        ("files", "7.png", b"one image"),
        ("files", "7.png", b"one image"),
        ("files", "scans/3.png", b"another"),
    ]


def test_options_that_were_not_chosen_are_left_to_the_service(
    service: ScriptedService, client: Client, image: Path
) -> None:
    service.on("POST", PATH, Answer(job_document(), 202))
    client.submit([image])
    assert [name for name, _, _ in parts_of(service.asked[0])] == ["files"]


@pytest.mark.parametrize("refusal", [problem(429, "rate_limited", "Slow down."), problem(503, "overloaded", "Full.")])
def test_a_busy_service_gets_the_same_submit_again_when_it_said(
    service: ScriptedService, client: Client, image: Path, refusal: Answer
) -> None:
    refusal.headers = {**refusal.headers, **NOW}
    service.on("POST", PATH, refusal, refusal, Answer(job_document(), 202))
    client.submit([image])
    first, second, third = service.calls("POST", PATH)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == third.headers["idempotency-key"]
    assert first.body == second.body == third.body
    assert first.headers["content-type"] == third.headers["content-type"]


def test_a_lost_answer_makes_the_client_repeat_the_submit_under_the_same_key(
    service: ScriptedService, client: Client, image: Path
) -> None:
    service.on("POST", PATH, Answer(cut=0), Answer(job_document(), 202))
    assert client.submit([image]).id == "job1"
    first, second = service.calls("POST", PATH)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body


def test_two_submits_of_the_same_file_are_two_jobs(service: ScriptedService, client: Client, image: Path) -> None:
    service.on("POST", PATH, Answer(job_document(), 202))
    client.submit([image])
    client.submit([image])
    first, second = service.calls("POST", PATH)
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]


def test_the_callers_own_idempotency_key_gives_the_same_body_every_time(
    service: ScriptedService, client: Client, image: Path
) -> None:
    service.on("POST", PATH, Answer(job_document(), 202))
    client.submit([image], idempotency_key="march-7")
    client.submit([image], idempotency_key="march-7")
    first, second = service.calls("POST", PATH)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == "march-7"
    assert first.body == second.body


def test_a_pause_longer_than_a_minute_is_left_to_the_caller(
    service: ScriptedService, client: Client, image: Path
) -> None:
    full = problem(503, "overloaded", "Five million images wait.")
    full.headers = {"Retry-After": "3600"}
    service.on("POST", PATH, full)
    with pytest.raises(Busy, match="Five million images wait") as caught:
        client.submit([image])
    assert (caught.value.status, caught.value.code, caught.value.retry_after) == (503, "overloaded", 3600.0)
    assert len(service.asked) == 1


def test_a_refused_upload_is_not_repeated_and_names_the_fields(
    service: ScriptedService, client: Client, image: Path
) -> None:
    fault = {"field": "review_below", "message": "lies between 0 and 1"}
    service.on("POST", PATH, problem(400, "bad_options", "An option cannot be used.", errors=[fault]))
    with pytest.raises(BadRequest, match="An option cannot be used") as caught:
        client.submit([image], review_below=7.0)
    assert (caught.value.status, caught.value.code, caught.value.errors) == (400, "bad_options", (fault,))
    assert len(service.asked) == 1


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (409, Conflict), (413, BadRequest)])
def test_every_kind_of_refusal_has_its_own_error(
    service: ScriptedService, client: Client, image: Path, status: int, kind: type[ClientError]
) -> None:
    service.on("POST", PATH, problem(status, "some_code", "A sentence."))
    with pytest.raises(kind, match="A sentence"):
        client.submit([image])


def test_waiting_asks_for_the_rows_in_the_same_answer(service: ScriptedService, client: Client, image: Path) -> None:
    service.on("POST", PATH, Answer(job_document(total=1, results=[row_document(0)])))
    job = client.submit([image], wait=20)
    assert service.asked[0].headers["prefer"] == "wait=20"
    assert job.results is not None
    assert job.results[0].prediction == "7"


def test_a_source_is_named_and_not_sent(service: ScriptedService, client: Client) -> None:
    service.on("POST", PATH, Answer(job_document(total=1, results=[row_document(0)])))
    place, options = ("s3://scans/a", "https://files.example/b.png"), {"results_url": "s3://rows/a.csv"}
    job = client.submit_source(place, options=options, wait=20, idempotency_key="a")
    (asked,) = service.asked
    assert json.loads(asked.body) == {"source": list(place), "options": options}
    assert (asked.headers["idempotency-key"], asked.headers["prefer"]) == ("a", "wait=20")
    assert job.results is not None


def test_the_key_is_sent_as_a_bearer_token(service: ScriptedService, image: Path) -> None:
    service.on("POST", PATH, Answer(job_document(), 202))
    with Client(service.url, key="secret") as client:
        client.submit([image])
    assert service.asked[0].headers["authorization"] == "Bearer secret"


def test_a_large_file_is_never_held_in_memory(service: ScriptedService, client: Client, tmp_path: Path) -> None:
    large = tmp_path / "large.zip"
    with large.open("wb") as file:
        file.truncate(64 << 20)
    service.on("POST", PATH, problem(413, "upload_too_large", "Too large."))
    seen = []
    peaks = []
    original = service.answer

    def answer(asked: Asked) -> Answer:
        peaks.append(len(asked.body))
        asked.body = b""
        return original(asked)

    service.answer = answer  # type: ignore[method-assign]
    tracemalloc.start()
    with pytest.raises(BadRequest):
        client.submit([large], on_upload=lambda sent, total: seen.append((sent, total)))
    client_peak = max(
        trace.size
        for trace in tracemalloc.take_snapshot()
        .filter_traces([tracemalloc.Filter(True, "*httpx*"), tracemalloc.Filter(True, "*uploads.py")])
        .statistics("filename")
    )
    tracemalloc.stop()
    assert client_peak < 8 << 20
    assert peaks[0] > 64 << 20
    assert seen[-1] == (64 << 20, 64 << 20)


def test_more_files_are_sent_than_a_process_may_hold_open(
    service: ScriptedService, client: Client, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    paths = [tmp_path / f"{number}.png" for number in range(300)]
    for path in paths:
        path.write_bytes(path.name.encode())
    service.on("POST", PATH, Answer(job_document(), 202))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        client.submit(paths)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [name for _, name, _ in parts_of(service.asked[0])] == [path.name for path in paths]


def test_progress_counts_a_repeated_upload_once(service: ScriptedService, client: Client, image: Path) -> None:
    busy = problem(503, "overloaded", "Full.")
    busy.headers = NOW
    service.on("POST", PATH, busy, Answer(job_document(), 202))
    seen: list[tuple[int, int]] = []
    client.submit([image], on_upload=lambda sent, total: seen.append((sent, total)))
    assert max(sent for sent, _ in seen) == seen[-1][0] == seen[-1][1] == len(b"one image")


@pytest.mark.parametrize("size", [0, 100, 300_000])
def test_a_file_that_changes_while_it_is_sent_is_named(
    service: ScriptedService, client: Client, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(bytes(200_000))
    service.on("POST", PATH, Answer(job_document(), 202))

    def change(sent: int, _: int) -> None:
        if sent:
            path.write_bytes(bytes(size))

    with pytest.raises(ClientError, match=r"scan\.png changed while it was sent"):
        client.submit([path], on_upload=change)


def test_a_pipe_is_refused_instead_of_waited_for(service: ScriptedService, client: Client, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ClientError, match="is no file"):
        client.submit([tmp_path / "pipe.png"])
    assert service.asked == []


def test_a_file_object_that_cannot_seek_is_refused_before_anything_is_sent(
    service: ScriptedService, client: Client
) -> None:
    class Pipe(io.BytesIO):
        def tell(self) -> int:
            raise io.UnsupportedOperation("not seekable")

    with pytest.raises(OSError, match="not seekable"):
        client.submit([("scan.png", Pipe(b"data"))])
    assert service.asked == []


def test_a_file_object_starts_where_the_caller_left_it(service: ScriptedService, client: Client) -> None:
    service.on("POST", PATH, Answer(job_document(), 202))
    file = io.BytesIO(b"skipped;sent")
    file.seek(8)
    client.submit([("scan.png", file)])
    assert parts_of(service.asked[0]) == [("files", "scan.png", b"sent")]


def test_nothing_to_submit_is_said_before_asking(service: ScriptedService, client: Client) -> None:
    with pytest.raises(ClientError, match="at least one image"):
        client.submit([])
    with pytest.raises(ClientError, match="a pair"):
        client.submit([io.BytesIO(b"nameless")])
    assert service.asked == []


def test_a_missing_file_is_an_os_error_that_names_it(client: Client, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        client.submit([tmp_path / "nowhere.png"])


def test_where_nothing_listens_the_error_names_the_address_and_what_to_try(unused_address: str) -> None:
    with (
        stamina.set_testing(True),
        Client(unused_address) as client,
        pytest.raises(Unreachable, match="digitmill up") as caught,
    ):
        client.models()
    assert unused_address in caught.value.detail
    assert caught.value.status is None
