"""``Client``: every call of the HTTP contract that a program needs to have its scans read."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from digitmill.client import streams
from digitmill.client.documents import Job, JobPage, Page, Parsed, Row, parse
from digitmill.client.following import follow
from digitmill.client.models import ModelCalls
from digitmill.client.outputs import Output, opened
from digitmill.client.reviews import ReviewCalls
from digitmill.client.templates import TemplateCalls
from digitmill.client.trainings import TrainingCalls
from digitmill.client.transport import Transport, job_path
from digitmill.client.uploads import Source, UploadFile, content_type, multipart, report_progress, upload_files
from digitmill.client.webhooks import WebhookCalls


class Filters(TypedDict, total=False):
    """Which rows to take: those of one status, of a confidence from ``min_confidence`` to ``max_confidence``, those
    that a person has ``corrected`` or confirmed, or the others."""

    status: str
    min_confidence: float
    max_confidence: float
    corrected: bool


FETCH_SECONDS = 960.0
"""The service takes 900 at most to fetch a source."""

PAGE_SECONDS = 120.0
"""A page of a PDF waits for its turn among pictures that others look at."""


class Client(ReviewCalls, TemplateCalls, ModelCalls, TrainingCalls, WebhookCalls):
    """A connection to one service. Threads may share it; close it, or use it in a ``with`` statement.

    Calls are tried again while the service is busy or cannot be reached, for some seconds, so that a restart
    of the service goes unnoticed. Every method raises ``ClientError`` or one of its kinds.
    """

    def __init__(self, url: str, key: str | None = None, timeout: float = 30.0) -> None:
        """
        Args:
            url: such as "http://127.0.0.1:8000".
            key: sent as ``Authorization: Bearer``.
            timeout: seconds of silence after which a connection counts as lost.
        """
        self._transport = Transport(url, key, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def submit(
        self,
        files: Iterable[Source],
        *,
        read: str | None = None,
        model: str | None = None,
        polarity: str | None = None,
        review_below: float | None = None,
        alternatives: int | None = None,
        expires_in: int | None = None,
        webhook_url: str | None = None,
        webhook_drift: bool | None = None,
        names: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        calibration: str | None = None,
        template: str | Sequence[str] | None = None,
        priority: str | None = None,
        wait: int | None = None,
        idempotency_key: str | None = None,
        on_upload: Callable[[int, int], None] | None = None,
    ) -> Job:
        """Upload images and zips as one job. Files are read from disk as they are sent.

        Args:
            files: paths or binary file objects, or pairs (name, path or file object).
            read, model, …, priority: the job's options; None leaves the choice to the service. ``read`` is what an
                image shows: "digit", "number", or "form", a page of the ``template`` "name@version" or of one of
                several; ``names`` the code page of names in zips, such as "cp932"; ``priority`` "high" or "low".
            wait: 1 to 60: let the service answer only when the job is final, or after so many seconds. A job that was
                final in time carries its first rows in ``results``.
            idempotency_key: the same key with the same files and options gives the same job, however often it is sent.
                Unset: a new one for this call, which covers this call's own repetitions.
            on_upload: called with (bytes sent, bytes in all) as the files go out.

        Raises:
            OSError: a file cannot be read, or a file object cannot seek.
        """
        options = {
            "read": read,
            "model": model,
            "polarity": polarity,
            "review_below": review_below,
            "alternatives": alternatives,
            "expires_in": expires_in,
            "webhook_url": webhook_url,
            "webhook_drift": webhook_drift,
            "names": names,
            "metadata": metadata,
            "calibration": calibration,
            "template": template if template is None or isinstance(template, str) else list(template),
            "priority": priority,
        }
        uploads = upload_files(files)
        if on_upload is not None:
            report_progress(uploads, on_upload)
        return self._submit(uploads, options, idempotency_key or uuid.uuid4().hex, wait)

    def _submit(self, uploads: Sequence[UploadFile], options: Mapping[str, Any], key: str, wait: int | None) -> Job:
        headers = {"Idempotency-Key": key, "Content-Type": content_type(key)}
        if wait is not None:
            headers["Prefer"] = f"wait={wait}"
        return self._transport.read(
            Job.read,
            "POST",
            "/v1/jobs",
            files=multipart(uploads, {name: value for name, value in options.items() if value is not None}),
            headers=headers,
            timeout=self._transport.timeout + (wait or 0),
        )

    def submit_source(
        self,
        source: str | Sequence[str],
        *,
        options: Mapping[str, Any] | None = None,
        wait: int | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Let the service fetch images from where they lie, as one job. It answers when it has them.

        Args:
            source: ``s3://bucket/path``, or an address that begins with ``https://``; one of these, or several.
            options: those of the HTTP interface by their names, such as ``results_url``.
            wait, idempotency_key: as for ``submit``.
        """
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        if wait is not None:
            headers["Prefer"] = f"wait={wait}"
        given = source if isinstance(source, str) else list(source)
        return self._transport.read(
            Job.read,
            "POST",
            "/v1/jobs",
            json={"source": given, "options": dict(options or {})},
            headers=headers,
            timeout=FETCH_SECONDS + (wait or 0),
        )

    def job(self, job_id: str) -> Job:
        return self._get(Job.read, job_path(job_id))

    def jobs(
        self,
        state: str | None = None,
        *,
        created_after: str | None = None,
        created_before: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Iterator[Job]:
        """The caller's jobs, newest first, fetched page by page as they are asked for.

        Args:
            state: one, or several with commas.
            created_after, created_before: a day (UTC) such as "2026-01-31", or a time with its zone.
            metadata: pairs that the jobs' metadata hold.
        """
        cursor = None
        sought = _sought(state, created_after, created_before, metadata)
        while True:
            page = self._get(JobPage.read, "/v1/jobs", {**sought, "cursor": cursor})
            yield from page.jobs
            cursor = page.next_cursor
            if cursor is None:
                return

    def wait(
        self,
        job_id: str,
        *,
        on_progress: Callable[[Job], None] | None = None,
        timeout: float | None = None,
    ) -> Job:
        """Follow a job until it is completed, cancelled or failed, and return it so.

        Args:
            on_progress: called with the job at first, and whenever it got on.
            timeout: seconds; unset waits for ever.

        Raises:
            WaitTimeout: the job was not final in time; it goes on.
        """
        for job in follow(self._transport, job_path(job_id), timeout):
            if on_progress is not None:
                on_progress(job)
        return job

    def page(
        self,
        job_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        **filters: Unpack[Filters],
    ) -> Page:
        """One page of rows, also while the job runs."""
        parameters = {"limit": limit, "cursor": cursor, **filters}
        return self._get(Page.read, f"{job_path(job_id)}/results", parameters)

    def results(self, job_id: str, **filters: Unpack[Filters]) -> Iterator[Row]:
        """All rows in one stream, in upload order; of a running job as they come, until it is final.

        Raises:
            BrokenStream: the stream broke off, and could not be resumed.
        """
        for document in self._rows(job_id, filters):
            yield parse(Row.read, document)

    def row(self, job_id: str, index: int) -> Row:
        return self._get(Row.read, f"{job_path(job_id)}/results/{index}")

    def results_csv(self, job_id: str, out: Output, *, final: bool = False, **filters: Unpack[Filters]) -> None:
        """Write the rows as CSV: index,name,status,prediction,confidence,error,reason,answered_by,answered_by_name;
        of form pages index,name,status,template, a column for each field, error,review,answered_by,answered_by_name,
        copy_of,form_set.

        Args:
            out: a path, which gets the file only when it is whole, or a file opened for writing bytes.
            final: write a person's answer, which has no confidence, in the place of the model's.

        Raises:
            BrokenStream: the stream broke off, and could not be resumed.
            OSError: the file cannot be written.
        """
        with opened(out) as file:
            streams.write_csv(self._rows(job_id, filters), file, final=final, fields=self._fields(job_id))

    def results_ndjson(self, job_id: str, out: Output, **filters: Unpack[Filters]) -> None:
        """Write the rows as JSON, one a line. ``out`` and errors as in ``results_csv``."""
        with opened(out) as file:
            streams.write_ndjson(self._rows(job_id, filters), file)

    def image(self, job_id: str, index: int, view: str | None = None) -> bytes:
        """The bytes of the image as uploaded, or with ``view="normalised"`` a PNG of what the model saw; of a form page
        with ``view="marked"`` one of the page with what was read drawn over it."""
        parameters = _given({"view": view})
        path = f"{job_path(job_id)}/results/{index}/image"
        return self._transport.request("GET", path, params=parameters, headers={"Accept": "*/*"}).content

    def marked_pdf(self, job_id: str, out: Output, *, first: int = 0, limit: int | None = None) -> None:
        """Write a PDF of the pages of a final job of forms, with what was read drawn over them.

        Args:
            out: a path, which gets the file only when it is whole, or a file opened for writing bytes.
            first: the row of its first page.
            limit: the most pages; the service takes 500 at most.

        Raises:
            Unreachable: the connection broke off; ask again.
            OSError: the file cannot be written.
        """
        path, asked = f"{job_path(job_id)}/marked.pdf", _given({"first": first, "limit": limit})
        stream = self._transport.stream(path, params=asked, accept="application/pdf", read_timeout=PAGE_SECONDS)
        with opened(out) as file, stream as response:
            streams.require_framing(response)
            for piece in response.iter_bytes():
                file.write(piece)

    def name_as_sent(self, job_id: str, index: int) -> bytes:
        """The bytes of the image's name as they came, before they were read in a code page."""
        path = f"{job_path(job_id)}/results/{index}/name"
        return self._transport.request("GET", path, headers={"Accept": "*/*"}).content

    def cancel(self, job_id: str) -> Job:
        return self._transport.read(Job.read, "POST", f"{job_path(job_id)}/cancel")

    def resume(self, job_id: str) -> Job:
        """Let a cancelled job go on with what is unread; any other stays as it is."""
        return self._transport.read(Job.read, "POST", f"{job_path(job_id)}/resume")

    def keep(self, job_id: str, *, expires_in: int) -> Job:
        """Keep a job for so many seconds from now, or after its end while it is open."""
        return self._transport.read(Job.read, "PATCH", job_path(job_id), json={"expires_in": expires_in})

    def retry(self, job_id: str, *, idempotency_key: str | None = None) -> Job:
        """Have the failed images of a final job tried again, without sending them: a new job of those images alone.

        Args:
            idempotency_key: the same key gives the same job, however often it is asked for. Unset: a new one for this
                call, which covers this call's own repetitions.

        Raises:
            Conflict: the job is not final (``code`` job_not_final), or none of its images failed (nothing_failed).
        """
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return self._transport.read(Job.read, "POST", f"{job_path(job_id)}/retry", headers=headers)

    def delete(self, job_id: str) -> None:
        """Remove the rows, the record and the upload."""
        self._transport.remove(job_path(job_id))

    def delete_jobs(
        self,
        state: str | None = None,
        *,
        created_after: str | None = None,
        created_before: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Remove what ``jobs`` finds by the same filters, of which one must be given. Open ones are left, unless
        ``state`` names theirs: those are cancelled first.

        Returns:
            the ids of what is gone; where the answer to a call was lost on its way, without those of that call.

        Raises:
            BadRequest: no filter is given, or one cannot be read.
        """
        deleted: list[str] = []
        cursor: str | None = None
        sought = _sought(state, created_after, created_before, metadata)
        while True:
            parameters = _given({**sought, "cursor": cursor})
            page = self._transport.read(dict, "DELETE", "/v1/jobs", params=parameters)
            deleted += page["deleted"]
            cursor = page["next_cursor"]
            if cursor is None:
                return deleted

    def _fields(self, job_id: str) -> list[str] | None:
        """The fields of all templates of a job of form pages, each once; None of another job."""
        labels = self.job(job_id).options.get("template")
        if not labels:
            return None
        found = [self.template(*label.split("@", 1)).document["fields"] for label in labels]
        return list(dict.fromkeys(field["name"] for fields in found for field in fields))

    def _get(self, reader: Callable[[Any], Parsed], path: str, parameters: Mapping[str, Any] | None = None) -> Parsed:
        return self._transport.read(reader, "GET", path, params=_given(parameters or {}))

    def _rows(self, job_id: str, filters: Filters) -> Iterator[streams.RowDocument]:
        path = f"{job_path(job_id)}/results"
        return streams.rows(self._transport, path, dict(filters), lambda: self.job(job_id))


def _sought(
    state: str | None, created_after: str | None, created_before: str | None, metadata: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "state": state,
        "created_after": created_after,
        "created_before": created_before,
        "metadata": None if metadata is None else json.dumps(metadata),
    }


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}
