"""Every setting: one row of name, type, default and help. docs/settings.md is held to this table by a test.

Settings come from environment variables ``DIGITMILL_<NAME>`` and from a ``.env`` file; the environment wins.
Values are parsed strictly ("false" is false, "maybe" is an error) and an unknown DIGITMILL_ name is an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from digitmill.addresses import SentinelAddress, networks_of
from digitmill.domain.roles import Role
from digitmill.errors import SettingsError
from digitmill.faults import faults_of, in_words

PREFIX = "DIGITMILL_"
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")


class EngineName(StrEnum):
    AUTO = "auto"
    KERAS = "keras"
    OPENVINO = "openvino"


class PrecisionName(StrEnum):
    AUTO = "auto"
    F32 = "f32"
    BF16 = "bf16"
    INT8 = "int8"


class DeviceName(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


class Settings(BaseModel):
    """The settings of one process, frozen. Build with ``Settings.load()``."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # where things are
    host: str = Field("127.0.0.1", description="Address that the web server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the web server; 0 takes any free one.")
    var: Path = Field(Path("var"), description="Folder for the embedded Redis, blobs, models and spool.")
    redis_url: str | None = Field(
        None,
        description="Redis to use, redis://, rediss://, unix:// or sentinel://. Unset: `digitmill up` starts a private "
        "one.",
    )
    broker_url: str | None = Field(
        None,
        description="Broker that wakes the workers, redis://, rediss://, unix://, sentinel:// or amqp:// (RabbitMQ). "
        "Unset: the same Redis as `REDIS_URL`.",
    )
    blobs_url: str | None = Field(
        None, description="Any fsspec URL for uploads, such as s3://bucket/path. Unset: `VAR/blobs`."
    )
    models_url: str | None = Field(
        None, description="Folder of published models, beside the built-in ones. Unset: `VAR/models`."
    )
    data: Path | None = Field(
        None, description="Folder with mnist.npz, used by `python -m training` before it downloads MNIST."
    )

    # who may come in
    admin_key: SecretStr | None = Field(
        None,
        description="The first key, with all scopes, that callers send as `Authorization: Bearer`. Unset, and no other "
        "key was made with `digitmill keys create`: none is asked, and the web server listens on loopback addresses "
        "only.",
    )

    # the web server
    web_threads: int = Field(144, ge=4, le=512, description="Threads of a web process.")
    web_streams: int = Field(
        2000, ge=1, le=20_000, description="Event streams of a web process; past that one is answered 503."
    )
    web_processes: int = Field(2, ge=1, le=64, description="Web processes; each is bound to one core.")
    web_drawers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes beside each web process that draw pictures for browsers and count pages of PDFs. Each "
        "may take `DIGITMILL_IMAGE_MEMORY_BYTES` and, for a picture, `DIGITMILL_IMAGE_SECONDS`.",
    )
    connections_per_address: int = Field(
        256,
        ge=0,
        description="Connections that one address may have to a web process, and requests at a time where they come "
        "through one of `TRUSTED_PROXIES`; 0 sets no limit, as behind a proxy that is not named there.",
    )
    trusted_proxies: str | None = Field(
        None,
        description="Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses such as "
        "`10.1.2.3`, or networks such as `10.1.0.0/16`, with commas between them. Unset: none, and who connects is "
        "taken for who asks.",
    )
    rate_limit: int = Field(
        0, ge=0, description="Requests to /v1 that one caller may make in a minute; 0 sets no limit."
    )

    cors_origins: str | None = Field(
        None,
        description="Other sites whose pages may call /v1 from a browser, with a key of theirs: origins such as "
        "`https://forms.example.org`, with commas between them. Unset: none.",
    )

    # the workers
    worker_role: Role = Field(
        Role.READER,
        description="What a worker does: `reader` reads images; `trainer`, which needs TensorFlow, trains networks and "
        "publishes models, and does nothing else.",
    )
    trainings_at_once: int = Field(
        1, ge=1, le=64, description="Processes of one trainer, each of which does one training at a time."
    )
    training_threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=256,
        description="Threads of one training. Unset: one for each core.",
    )
    training_niceness: int = Field(
        19,
        ge=0,
        le=19,
        description="How far trainings give way to all else on their machine, as `nice` counts it: of a core that a "
        "process beside them fills, they get 1 % with 19, and a tenth with 10. Containers share by `cpu_shares`.",
    )
    training_seconds: int = Field(
        4 * 3600, ge=1, description="How long a training may take: then it ends with the best epoch so far."
    )
    training_epochs: int = Field(200, ge=1, description="Epochs of one training.")
    training_weights: int = Field(5_000_000, ge=1, description="Weights of a network that is trained.")
    worker_concurrency: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        le=256,
        description="Processes of one reader, each with the model in memory. Unset: one for each core.",
    )
    worker_threads: int = Field(1, ge=1, le=256, description="Threads that the model may use in each process.")
    engine: EngineName = Field(
        EngineName.AUTO,
        description="What runs the model: `keras`, `openvino` (on the CPU) or `auto` (Keras on a GPU; else OpenVINO "
        "where the model's manifest says that both agree).",
    )
    device: DeviceName = Field(
        DeviceName.AUTO,
        description="`cpu`, `gpu` (an error where there is none) or `auto` (the GPU if present).",
    )
    precision: PrecisionName = Field(
        PrecisionName.AUTO,
        description="Arithmetic of the model: `f32`, `bf16` (OpenVINO alone, an error where the CPU lacks it), `int8` "
        "(OpenVINO alone, an error where the model was published without it) or `auto` (the fastest of them that is "
        "there and that the model's manifest says agrees with f32).",
    )
    chunk_images: int = Field(1024, ge=1, le=65535, description="The most images that a worker takes at a time.")
    chunk_bytes: int = Field(16 << 20, ge=1 << 16, description="Bytes of upload that a worker takes at a time.")
    interactive_images: int = Field(
        16, ge=0, description="Jobs of up to so many images are done before all larger ones."
    )
    lease_seconds: float = Field(
        10.0, gt=0, description="A chunk whose worker has not been heard of for so long is given to another."
    )
    image_seconds: float = Field(
        30.0, gt=0, description="A process that is stuck in one image for so long is replaced."
    )
    image_memory_bytes: int = Field(
        1 << 30,
        ge=1 << 27,
        description="Memory that a process which reads images may take beyond what it starts with (a worker's with its "
        "model loaded, and as much for one beside it that opens PDFs); an image that needs more fails as "
        "`image_too_large`. Held on Linux alone.",
    )
    max_attempts: int = Field(
        10,
        ge=1,
        description="Times that a chunk is tried before all its images fail as `processing_failed`. An image at which "
        "three tries ended fails sooner, alone, as `poison_image`; the others are for workers that something else "
        "ends.",
    )
    sweep_seconds: float = Field(5.0, gt=0, description="How often a worker looks for stuck jobs.")
    webhook_private_addresses: bool = Field(
        False,
        description="Whether webhooks may be sent to private and loopback addresses too, and images be fetched from "
        "them.",
    )

    # models that are published through the service
    max_model_bytes: int = Field(
        32 << 20, ge=1 << 16, description="Bytes of a `.keras` file that is published, and of its weights unpacked."
    )
    publish_seconds: int = Field(
        300,
        ge=1,
        description="Seconds that a process which looks at a `.keras` file may compute; past them it is refused.",
    )
    publish_memory_bytes: int = Field(
        2 << 30,
        ge=1 << 28,
        description="Memory that such a process may take beyond what its libraries do; past it the model is refused.",
    )

    # files elsewhere
    source_prefixes: str | None = Field(
        None,
        description="Where jobs may fetch images from: `s3://bucket/folder` or `https://host/folder` and all below it, "
        "with commas between them. Whoever may submit can read all of it. Unset: nowhere.",
    )

    result_prefixes: str | None = Field(
        None,
        description="Where jobs may have their rows written: `s3://bucket/folder` and all below it, with commas "
        "between several. Whoever may submit can overwrite what is there. Unset: nowhere.",
    )

    # limits
    max_upload_bytes: int = Field(4 << 30, ge=1, description="Bytes of one upload.")
    max_images: int = Field(1_000_000, ge=1, description="Images of one job.")
    max_files: int = Field(10_000, ge=1, description="Files of one multipart upload (a zip counts as one).")
    max_member_bytes: int = Field(128 << 20, ge=1, description="Unpacked bytes of one image file.")
    max_image_pixels: int = Field(50_000_000, ge=784, description="Pixels of one image.")
    max_pages: int = Field(
        1000, ge=1, description="Pages of one TIFF or PDF, or pictures of one PGM, PPM, PBM or HEIC."
    )
    max_queued_images: int = Field(
        5_000_000, ge=1, description="Images waiting in all jobs; past that a submission is answered 503."
    )
    max_open_jobs: int = Field(
        10_000, ge=1, description="Jobs of one owner that are not final; past that a submission is answered 429."
    )
    max_redis_memory_share: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Share of Redis' `maxmemory` that may be in use; past that a submission is answered 503. Without a "
        "`maxmemory` nothing is refused for this.",
    )

    # how long things are kept
    expires_in: int = Field(
        7 * 86400,
        ge=1,
        description="Seconds that a finished job keeps its rows, unless the job says otherwise.",
    )
    max_expires_in: int = Field(90 * 86400, ge=1, description="The most seconds that a job may ask for.")
    idempotency_seconds: int = Field(86400, ge=1, description="How long an Idempotency-Key is remembered.")

    # telemetry
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level logged.")
    log_format: str = Field("text", pattern="^(text|json)$", description="Log lines as `text` or `json`.")

    traces_url: str | None = Field(
        None,
        pattern="^https?://",
        description="Where traces are sent, by OTLP over HTTP, such as http://127.0.0.1:4318. Unset: nowhere.",
    )

    # the command line and the client
    url: str | None = Field(None, description="Address of the service, for the command line.")
    key: SecretStr | None = Field(None, description="Key to send, for the command line.")

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: Any) -> Any:
        if value == "":
            raise ValueError("is empty; remove the line to take the default")
        return value

    @field_validator("redis_url", "broker_url")
    @classmethod
    def _is_understood(cls, value: str | None) -> str | None:
        SentinelAddress.parse(value or "")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str | None) -> str | None:
        for origin in (value or "").split(","):
            if value is not None and not _ORIGIN.fullmatch(origin.strip()):
                raise ValueError(
                    f"names {origin.strip()!r}, which is no origin: write https://HOST or http://HOST:PORT"
                )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str | None) -> str | None:
        networks_of(value)
        return value

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Self:
        """Read the ``.env`` file and the environment.

        Raises:
            SettingsError: a value does not parse, is out of range, or a DIGITMILL_ name is unknown.
        """
        environment = os.environ if environ is None else environ
        from_file = dotenv_values(env_file) if env_file is not None and env_file.is_file() else {}
        merged = {
            name.removeprefix(PREFIX).lower(): value
            for source in (from_file, environment)
            for name, value in source.items()
            if name.startswith(PREFIX) and value is not None
        }
        try:
            return cls.model_validate(merged)
        except ValidationError as error:
            raise SettingsError(_explain(error)) from error

    @property
    def on_loopback(self) -> bool:
        """Whether the web server can be reached from this machine only."""
        return is_loopback(self.host)

    @property
    def redis(self) -> str:
        """Raises SettingsError when it is unset: only `digitmill up` starts a Redis by itself."""
        if self.redis_url is None:
            raise SettingsError(
                "DIGITMILL_REDIS_URL is not set; set it, or use `digitmill up`, which brings its own Redis."
            )
        return self.redis_url

    @property
    def broker(self) -> str:
        """Raises SettingsError when neither this nor a Redis is named."""
        return self.broker_url or self.redis

    @property
    def blobs(self) -> str:
        return self.blobs_url or f"file://{(self.var / 'blobs').absolute()}"

    @property
    def cors_allowed(self) -> frozenset[str]:
        return frozenset(origin.strip() for origin in (self.cors_origins or "").split(",")) - {""}

    @property
    def trusted_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return networks_of(self.trusted_proxies)

    @property
    def published_models(self) -> str:
        return self.models_url or f"file://{(self.var / 'models').absolute()}"

    @property
    def disk(self) -> Path:
        """A folder on the disk that fills: that of the uploads, or where these lie elsewhere, that of all else."""
        scheme, _, path = self.blobs.partition("://")
        return Path(path) if scheme == "file" else self.var.absolute()

    @property
    def spool(self) -> Path:
        return self.var / "spool"


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether this name or address stands for the machine that asks, whoever answers for names."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _explain(error: ValidationError) -> str:
    lines = []
    for fault in faults_of(error):
        name = PREFIX + str(fault["loc"][0]).upper()
        if fault["type"] == "extra_forbidden":
            lines.append(f"{name} is not a setting of Digitmill; see docs/settings.md for the names.")
        else:
            lines.append(f"{name} {in_words(fault)}.")
    return "\n".join(lines)
