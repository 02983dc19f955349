"""Processor seconds of an image outside Redis, and what a running service costs as a whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.load import bulk, singles
from benchmarks.pictures import Kind, pile
from benchmarks.processes import Costs as Processes
from benchmarks.processes import per_image
from benchmarks.scaling.costs import Costs, Engine, Whole
from benchmarks.scaling.measuring import CHUNK, ROUNDS, Measuring, load, processor
from benchmarks.scaling.server import Meter, redis_server
from digitmill.domain.jobs import Options
from digitmill.domain.planned import Chunk
from digitmill.embedded.redis_server import running_url
from digitmill.embedded.stack import running_stack
from digitmill.imaging.pdf.pages import count_pages
from digitmill.models.registry import Registry
from digitmill.models.runtime import load_model
from digitmill.settings import Settings
from digitmill.uploads.codec import pack_plan
from digitmill.uploads.limits import Limits
from digitmill.uploads.plan import Plan
from digitmill.uploads.spool import Spool
from digitmill.work.pipeline import answer_chunk

IMAGES = {Kind.SMALL: 20 * CHUNK, Kind.SCAN: 4 * CHUNK}
SINGLES = 200
IDLE_SECONDS = 5.0

Say = Callable[[str], None]


def measure(folder: Path, say: Say) -> Costs:
    """A few minutes; needs MNIST, as the other benchmarks do."""
    settings = Settings.load().model_copy(update={"var": folder / "var", "port": 0, "redis_url": None})
    say("Reading piles…")
    scan, _ = _engine(settings, folder, Kind.SCAN)
    small, chunks = _engine(settings, folder, Kind.SMALL)
    full = [(plan, rows) for images, plan, rows in chunks if images == CHUNK]
    _, [(_, plan_of_one, rows_of_one)] = _engine(settings, folder, Kind.SMALL, images=1)
    say("Asking Redis what each operation costs it…")
    with redis_server(folder / "redis") as url:
        operations, memory = Measuring(url, folder, full, (plan_of_one, rows_of_one)).operations()
        name = Meter(url).name()
    say("Running the service…")
    whole = _whole(settings, folder / f"{Kind.SMALL.name}.zip", len(chunks), say)
    return Costs(
        machine=os.uname().release,
        processor=processor(),
        cores=os.cpu_count() or 1,
        load=load(),
        server=name,
        operations=operations,
        memory=memory,
        engines=[small, scan],
        whole=whole,
    )


def _engine(
    settings: Settings, folder: Path, kind: Kind, images: int | None = None
) -> tuple[Engine, list[tuple[int, bytes, bytes]]]:
    """What an image of this kind costs, and of each chunk the number of images, its packed entries and its rows."""
    images = images or IMAGES[kind]
    path = folder / f"{kind.name}{'' if images > 1 else '-one'}.zip"
    pile(settings, path, images, kind)
    chunks: list[Chunk] = []
    plans: list[bytes] = []

    def plan(spool: Spool) -> None:
        for chunk in Plan(spool, Limits.from_settings(settings), count_pages).chunks():
            chunks.append(chunk)
            plans.append(pack_plan(chunk.entries))

    with Spool(settings.spool, settings.max_upload_bytes) as spool, path.open("rb") as stream:
        spool.add(path.name, stream)
        web = _processor_seconds(partial(plan, spool))
    rows: list[bytes] = []
    worker = _processor_seconds(_answering(settings, path, chunks, rows))
    engine = Engine(
        kind=kind.value,
        upload_bytes=path.stat().st_size / images,
        worker_seconds=worker / images,
        web_seconds=web / images,
    )
    return engine, list(zip((len(chunk.entries) for chunk in chunks), plans, rows, strict=True))


def _answering(settings: Settings, path: Path, chunks: list[Chunk], rows: list[bytes]) -> Callable[[], None]:
    """Answers the chunks with the default model, which is loaded and warm before this returns."""
    registry = Registry(settings.published_models, settings.var / "cache" / "models")
    manifest = registry.default()
    model = load_model(
        registry, manifest.reference, engine=settings.engine, device=settings.device, precision=settings.precision,
        threads=1,
    )  # fmt: skip
    model.warm_up()
    options = Options(model=manifest.label, review_below=manifest.review_below)
    content = path.read_bytes()

    def answer() -> None:
        for chunk in chunks:
            answers = answer_chunk(
                chunk.entries, lambda start, end: content[start:end], model, options,
                max_member_bytes=settings.max_member_bytes, max_pixels=settings.max_image_pixels,
            )  # fmt: skip
            rows.append(answers.packed())

    return answer


def _whole(settings: Settings, source: Path, chunks: int, say: Say) -> Whole:
    with running_stack(settings.model_copy(update={"worker_concurrency": 1}), say) as stack:
        url = running_url(settings.var / "redis")
        if url is None:
            raise RuntimeError("the service has no Redis of its own")
        singles(stack.url, source, images=20, at_once=1)
        meter, processes = Meter(url), Processes(settings)
        idle = meter.microseconds(lambda: time.sleep(IDLE_SECONDS)) / IDLE_SECONDS

        def least(do: Callable[[], object]) -> float:
            """Microseconds of Redis for what is done, without what it takes to stand by; of some rounds."""
            found = []
            for _ in range(ROUNDS):
                started = time.monotonic()
                spent = meter.microseconds(do)
                found.append(spent - idle * (time.monotonic() - started))
            return min(found)

        before = processes.seconds()
        single = least(lambda: singles(stack.url, source, images=SINGLES, at_once=1))
        alone = per_image(before, processes.seconds(), ROUNDS * SINGLES)
        chunk = least(lambda: bulk(stack.url, source))
    return Whole(
        redis_microseconds_a_chunk=chunk / chunks,
        redis_microseconds_a_single=single / SINGLES,
        worker_seconds_a_single=alone["worker"],
        web_seconds_a_single=alone["web"],
    )


def _processor_seconds(do: Callable[[], object]) -> float:
    started = time.process_time()
    do()
    return time.process_time() - started
