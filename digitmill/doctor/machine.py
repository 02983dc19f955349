"""Settings, Redis, storage and models: what the service stands on."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from digitmill.doctor.findings import Code, Finding
from digitmill.errors import DigitmillError, ModelError
from digitmill.models.registry import Registry
from digitmill.settings import DeviceName, EngineName, PrecisionName, Settings
from digitmill.store.blobs import BlobStore
from digitmill.store.redis_inspection import ServerFacts
from digitmill.system.files import nearest

OLDEST_REDIS = (6, 2)
CLOCK_SECONDS = 2.0
LEAST_FREE_SHARE = 0.05
LEAST_FREE_BYTES = 1 << 30


def settings_findings(settings: Settings, *, keys_asked: bool) -> Iterator[Finding]:
    """Settings that are valid each, and do not go together."""
    if not settings.on_loopback and not keys_asked:
        yield _contradiction(
            f"DIGITMILL_HOST is {settings.host}, which other machines can reach, and there is no key: the web server "
            "does not start.",
            "Set DIGITMILL_ADMIN_KEY, or make a key with `digitmill keys create`.",
        )
    if settings.engine is EngineName.OPENVINO and settings.device is DeviceName.GPU:
        yield _contradiction(
            "DIGITMILL_ENGINE is openvino, which runs on the CPU, and DIGITMILL_DEVICE is gpu: workers do not start.",
            "Set DIGITMILL_ENGINE to keras, or leave DIGITMILL_DEVICE out.",
        )
    if settings.engine is EngineName.KERAS and settings.precision in (PrecisionName.BF16, PrecisionName.INT8):
        yield _contradiction(
            f"DIGITMILL_PRECISION is {settings.precision}, which is for OpenVINO alone, and DIGITMILL_ENGINE is keras: "
            "workers do not start.",
            "Leave DIGITMILL_PRECISION out, or set DIGITMILL_ENGINE to openvino.",
        )
    if settings.expires_in > settings.max_expires_in:
        yield _contradiction(
            "DIGITMILL_EXPIRES_IN is more than DIGITMILL_MAX_EXPIRES_IN: jobs that do not say how long they are kept "
            "are refused.",
            "Raise DIGITMILL_MAX_EXPIRES_IN, or lower DIGITMILL_EXPIRES_IN.",
        )


def redis_findings(facts: ServerFacts, settings: Settings) -> Iterator[Finding]:
    if tuple(int(part) for part in facts.version.split(".")[:2]) < OLDEST_REDIS:
        yield Finding(
            code=Code.REDIS_TOO_OLD,
            what=f"Redis is of version {facts.version}.",
            why="Digitmill uses commands of Redis 6.2.",
            mend="Put Redis 6.2 or later, or Valkey, in its place.",
        )
    if facts.write_failure is not None:
        yield Finding(
            code=Code.REDIS_CANNOT_WRITE,
            what=f"Redis could not do {facts.write_failure}.",
            why="Its disk is full or may not be written; what changes now is lost when it stops.",
            mend="Make room on the disk of Redis, and look into its log.",
        )
    if not facts.append_only:
        yield Finding(
            code=Code.REDIS_NOT_PERSISTENT,
            wrong=not facts.snapshots,
            what="Redis keeps no append-only file.",
            why="When it stops, jobs since its last snapshot are lost, and all of them if it takes none.",
            mend="Start Redis with `--appendonly yes`.",
        )
    yield from _memory_findings(facts, settings)
    if abs(facts.clock_ahead) > CLOCK_SECONDS:
        yield Finding(
            code=Code.CLOCK_DIFFERS,
            what=f"The clock of Redis is {facts.clock_ahead:+.1f} s from the clock of this machine.",
            why="Jobs go by the clock of Redis, webhooks and keys by that of the machine they are on: receivers refuse "
            "signatures of another time, and keys end early or late.",
            mend="Have both machines set their clocks by NTP.",
        )


def _memory_findings(facts: ServerFacts, settings: Settings) -> Iterator[Finding]:
    if facts.policy != "noeviction":
        yield Finding(
            code=Code.REDIS_EVICTS,
            wrong=facts.most_memory > 0,
            what=f"Redis drops keys when it is full: its maxmemory-policy is {facts.policy}.",
            why="Rows and plans of accepted jobs would be among them.",
            mend="Set `maxmemory-policy noeviction`.",
        )
    if facts.most_memory == 0:
        yield Finding(
            code=Code.REDIS_MEMORY_UNLIMITED,
            wrong=False,
            what="Redis has no maxmemory.",
            why="It grows until the machine has no memory left, and submissions are never refused for this.",
            mend="Set `maxmemory` to what the machine can spare.",
        )
    elif facts.used_memory > settings.max_redis_memory_share * facts.most_memory:
        yield Finding(
            code=Code.REDIS_MEMORY_LOW,
            what=f"Redis uses {facts.used_memory / facts.most_memory:.0%} of its maxmemory.",
            why=f"Past {settings.max_redis_memory_share:.0%} submissions are answered 503 overloaded.",
            mend="Raise `maxmemory`, delete jobs, or lower DIGITMILL_EXPIRES_IN.",
        )


def store_replaced(settings: Settings) -> Finding:
    return Finding(
        code=Code.STORE_REPLACED,
        what=f"Redis is not the store that the uploads in {settings.blobs} belong to.",
        why="It came up empty, or is another service's. Every call is answered 503 store_replaced, and no upload is "
        "removed.",
        mend="Stop Redis and give it back its data, or restore a backup with `digitmill restore FILE`, or let "
        "DIGITMILL_REDIS_URL and DIGITMILL_BLOBS_URL name what belongs together. Only where nothing is to be had any "
        "more: `digitmill accept-empty-store` begins again. Jobs, rows and keys are then gone, and uploads that no job "
        "names are removed within hours.",
    )


def storage_findings(settings: Settings) -> Iterator[Finding]:
    try:
        _write_and_read(BlobStore(settings.blobs))
    except (DigitmillError, OSError) as error:
        yield Finding(
            code=Code.BLOBS_NOT_WRITABLE,
            what=f"A blob cannot be stored in {settings.blobs} and read again.",
            why=str(error),
            mend="See that the storage is there and that this user may write to it; DIGITMILL_BLOBS_URL names it.",
        )
    folders = {settings.var.absolute(), settings.disk}
    existing = {folder: nearest(folder) for folder in sorted(folders, reverse=True)}
    # one finding for each disk, however many of the folders lie on it
    for folder in {place.stat().st_dev: folder for folder, place in existing.items()}.values():
        yield from _disk_findings(folder, existing[folder])


def _write_and_read(blobs: BlobStore) -> None:
    name, content = f"doctor-{secrets.token_hex(8)}", secrets.token_bytes(16)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / name
        source.write_bytes(content)
        try:
            blobs.put(name, source)
            if blobs.read(name, 0, len(content)) != content:
                raise OSError("other bytes came back than were written")
        finally:
            blobs.delete(name)


def _disk_findings(folder: Path, existing: Path) -> Iterator[Finding]:
    disk = shutil.disk_usage(existing)
    if disk.free < max(LEAST_FREE_BYTES, LEAST_FREE_SHARE * disk.total):
        yield Finding(
            code=Code.DISK_NEARLY_FULL,
            subject=str(folder),
            what=f"The disk of {folder} has {disk.free / 1e9:.1f} GB left of {disk.total / 1e9:.1f} GB.",
            why="Uploads are written there; when it is full they are answered 503 storage_unavailable.",
            mend="Make room on it, delete jobs, or lower DIGITMILL_EXPIRES_IN.",
        )


def model_findings(registry: Registry) -> Iterator[Finding]:
    try:
        registry.default()
    except ModelError as error:
        yield Finding(
            code=Code.NO_DEFAULT_MODEL,
            what="The default model cannot be used.",
            why=error.detail,
            mend="Publish that model, or name another in the file `default` beside the published models.",
        )


def _contradiction(what: str, mend: str) -> Finding:
    return Finding(code=Code.CONTRADICTORY_SETTINGS, what=what, why="Two settings exclude each other.", mend=mend)
