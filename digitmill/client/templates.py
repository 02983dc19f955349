"""The calls of the client about templates of form pages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from digitmill.client.documents import Row, Template
from digitmill.client.transport import Transport

PathLike = str | os.PathLike[str]


TRY_SECONDS = 90.0
"""The service waits 60 for a worker to read the page."""


class TemplateCalls:
    _transport: Transport

    def templates(self) -> list[Template]:
        """By name, oldest version first; without their fields."""
        return self._transport.read(
            lambda answer: [Template.read(each) for each in answer["templates"]], "GET", "/v1/templates"
        )

    def template(self, name: str, version: str) -> Template:
        return self._transport.read(Template.read, "GET", _path(name, version))

    def publish_template(self, template: PathLike, reference: PathLike) -> Template:
        """Publish the template in a JSON file with the file of its reference picture, for good.

        Raises:
            Conflict: another template has this name and version.
            OSError: a file cannot be read.
        """
        files = {
            "template": (None, Path(template).read_bytes(), "application/json"),
            "reference": (Path(reference).name, Path(reference).read_bytes(), "application/octet-stream"),
        }
        return self._transport.read(Template.read, "POST", "/v1/templates", files=files)

    def try_template(self, name: str, version: str, page: PathLike, *, number: int = 1) -> Row:
        """The row that page ``number`` of this file would have by a published template. Nothing is stored.

        Raises:
            OSError: the file cannot be read.
        """
        content = {"content": Path(page).read_bytes(), "headers": {"Content-Type": "application/octet-stream"}}
        return self._try(f"{_path(name, version)}/try", number, **content)

    def try_draft(self, template: PathLike, reference: PathLike, page: PathLike, *, number: int = 1) -> Row:
        """The same by a template that is not published: a JSON file and the file of its reference picture.

        Raises:
            ServiceError: the template is not sound.
            OSError: a file cannot be read.
        """
        files = {
            "template": (None, Path(template).read_bytes(), "application/json"),
            "reference": (Path(reference).name, Path(reference).read_bytes(), "application/octet-stream"),
            "page": (Path(page).name, Path(page).read_bytes(), "application/octet-stream"),
        }
        return self._try("/v1/templates/try", number, files=files)

    def _try(self, path: str, number: int, **parts: Any) -> Row:
        timeout = httpx.Timeout(self._transport.timeout, read=TRY_SECONDS)
        return self._transport.read(Row.read, "POST", path, params={"page": number}, timeout=timeout, **parts)

    def reference(self, name: str, version: str) -> bytes:
        """The reference picture of a template, a PNG."""
        return self._transport.request("GET", f"{_path(name, version)}/reference", headers={"Accept": "*/*"}).content

    def place_page(
        self,
        job_id: str,
        index: int,
        corners: Sequence[tuple[float, float]],
        *,
        of: tuple[float, float] | None = None,
        template: str | None = None,
    ) -> Row:
        """Say where a form page that was not found lies on its scan, and have it read again there.

        Args:
            corners: of its template's reference, top left, top right, bottom right, bottom left, in pixels of the scan.
            of: width and height of the picture that they are pixels of; None: of the scan as it is decoded.
            template: the label of its template, where the job has several.
        """
        path = f"/v1/jobs/{quote(job_id, safe='')}/results/{index}/corners"
        json = {"corners": [list(corner) for corner in corners], "of": of and list(of), "template": template}
        timeout = httpx.Timeout(self._transport.timeout, read=TRY_SECONDS)
        return self._transport.read(Row.read, "PUT", path, json=json, timeout=timeout)

    def field_image(self, job_id: str, index: int, field: str) -> bytes:
        """The cut-out of a field of a form page, a PNG."""
        path = f"/v1/jobs/{quote(job_id, safe='')}/results/{index}/fields/{quote(field, safe='')}/image"
        return self._transport.request("GET", path, headers={"Accept": "*/*"}).content


def _path(name: str, version: str) -> str:
    return f"/v1/templates/{quote(name, safe='')}/{quote(version, safe='')}"
