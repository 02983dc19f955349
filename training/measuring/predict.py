"""Read image files with a model, the way the service's workers do."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from digitmill.domain.jobs import Options
from digitmill.domain.rows import Row, RowStatus
from digitmill.errors import NotFound
from digitmill.imaging.pdf.pages import count_pages
from digitmill.models.manifest import MODEL_FILE, read_manifest
from digitmill.models.registry import Registry
from digitmill.models.runtime import Model, load_model, open_model
from digitmill.settings import Settings
from digitmill.uploads.limits import Limits
from digitmill.uploads.plan import Plan
from digitmill.uploads.spool import Spool
from digitmill.work.pipeline import answer_chunk

COLOURS = {
    RowStatus.RECOGNIZED: "green",
    RowStatus.REVIEW: "yellow",
    RowStatus.BLANK: "dim",
    RowStatus.FAILED: "red",
}


def predict(files: Sequence[Path], model: Model, settings: Settings) -> list[Row]:
    """One row for each image in ``files``: images, zips, and folders of them, in the order of their names.

    Raises:
        NotFound: a file does not exist.
        UploadRefused: there is no image, or a zip is damaged.
    """
    options = Options(review_below=model.manifest.review_below)
    limits = Limits.from_settings(settings)
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder), settings.max_upload_bytes) as spool:
        for name, path in _found(files):
            with path.open("rb") as stream:
                spool.add(name, stream)
        plan = Plan(spool, limits, count_pages)

        def read(start: int, end: int) -> bytes:
            return spool.read(start, end - start)

        return [
            row
            for chunk in plan.chunks()
            for row in answer_chunk(
                chunk.entries,
                read,
                model,
                options,
                max_member_bytes=limits.max_member_bytes,
                max_pixels=settings.max_image_pixels,
            ).rows(chunk.first, [entry.name for entry in chunk.entries])
        ]


def chosen(name: str | None, registry: Registry, settings: Settings, threads: int) -> Model:
    """The model ``name@version``, ``name``, or the default for None; or of a run that is not published, its folder.

    Raises:
        ModelError: there is none, or it cannot be used here.
    """
    if name is not None and Path(name).is_dir():
        folder = Path(name)
        return open_model(read_manifest(folder), folder / MODEL_FILE, threads=threads)
    reference = registry.resolve(name).reference
    return load_model(
        registry,
        reference,
        engine=settings.engine,
        device=settings.device,
        precision=settings.precision,
        threads=threads,
    )


def table(rows: Sequence[Row], title: str) -> Table:
    """A line for each row, coloured by status."""
    lines = Table("image", "digit", "confidence", "status", "else", title=title, title_justify="left")
    lines.columns[2].justify = "right"
    for row in rows:
        confidence = "" if row.confidence is None else f"{row.confidence:.6f}"
        others = ", ".join(f"{guess.prediction} {guess.confidence:.4f}" for guess in row.alternatives)
        note = others if row.failure is None else f"{row.failure.code}: {row.failure.detail}"
        status = row.status if row.reason is None else f"{row.status}: {row.reason}"
        lines.add_row(escape(row.name), row.prediction, confidence, f"[{COLOURS[row.status]}]{status}", escape(note))
    return lines


def _found(files: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """(name for the row, path) of every file, folders searched to the bottom."""
    for file in files:
        if file.is_dir():
            yield from ((str(path), path) for path in sorted(file.rglob("*")) if path.is_file())
        elif file.is_file():
            yield str(file), file
        else:
            raise NotFound(f"{file} does not exist. Name image files, zips or folders.")
