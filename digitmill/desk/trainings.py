"""Trainings over the service: what is asked for becomes a job for a trainer, and is told of while it goes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from digitmill.domain.jobs import Job, ModelReference, Options
from digitmill.domain.roles import Role
from digitmill.domain.rows import NUMBER
from digitmill.errors import BadOptions, Expired, FieldError, NotFound, NoTrainer
from digitmill.jobs.beginning import Beginning
from digitmill.jobs.jobs import Jobs
from digitmill.models.registry import Registry
from digitmill.networks.layers import LayerFault, Outline, layers_of, outline
from digitmill.networks.presets import PRESETS, Optimizer, Preset
from digitmill.networks.task import IMPROVING_BATCH, IMPROVING_EPOCHS, IMPROVING_RATE, Base, Task, Zip
from digitmill.review.labelled import Labelled
from digitmill.settings import Settings
from digitmill.store.base import JobStore, PackedChunk
from digitmill.store.blobs import BlobStore, model_blob
from digitmill.store.requests import Idempotency
from digitmill.uploads.spool import Spool
from digitmill.work.kinds.train import TRAIN, epochs_of

CLASSES = 10
TRAINER_SECONDS = 30.0
"""A trainer that was not heard of for so long counts as gone."""
NO_TRAINER = (
    "No trainer is running, which is a worker with TensorFlow. Start one by `docker compose up --detach --scale "
    "trainer=1`; where `digitmill up` runs, stop it, run `pip install 'digitmill[train]'` and start it again."
)
UNPUBLISHED = "unpublished"
GONE = (
    "The pictures of job {} are gone, as it has expired or was purged. Leave it out of `jobs`; for those that are to "
    "be learnt from, ask for a longer `expires_in`."
)
NOT_OF_IMPROVEMENTS = (
    "architecture", "layers", "epochs", "optimizer", "learning_rate", "batch_size", "augmentation", "mnist", "images",
)  # fmt: skip
PAGE = 200
FILE_BYTES = 4 << 20
"""A .keras file has no more beside its weights."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks for; None is as the preset says. ``layers``: a list as JSON, instead of an ``architecture``.
    ``jobs`` are ids of jobs whose answered images are learnt from. ``improve``: go on with the default model of digits,
    by those and by labelled zips; then nothing else of the network or of its training is asked for."""

    name: str | None = None
    architecture: str | None = None
    layers: Any = None
    epochs: int | None = None
    optimizer: Optimizer | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    augmentation: bool | None = None
    mnist: bool | None = None
    images: int | None = None
    seed: int = 1
    jobs: Sequence[str] = ()
    improve: bool = False


@dataclass(frozen=True, slots=True)
class Training:
    """``epochs`` that are finished, as they were told; ``report`` once it is completed."""

    job: Job
    task: Task
    epochs: Sequence[Mapping[str, float]]
    report: Mapping[str, Any] | None

    @property
    def best_epoch(self) -> int | None:
        """The one whose weights are the model's: of least validation loss; of an improvement the last."""
        if self.task.improves is not None:
            return len(self.epochs) or None
        best = min(self.epochs, key=lambda epoch: epoch["validation_loss"], default=None)
        return None if best is None else int(best["epoch"])


@dataclass(frozen=True)
class Trainings:
    settings: Settings
    store: JobStore
    blobs: BlobStore
    jobs: Jobs
    beginning: Beginning
    labelled: Labelled
    registry: Registry

    def require_trainer(self) -> None:
        """Raises NoTrainer unless one was heard of lately."""
        if not self.store.upkeep.workers(TRAINER_SECONDS, Role.TRAINER):
            raise NoTrainer(NO_TRAINER)

    def task_of(self, wish: Wish, zips: Sequence[Zip] = ()) -> Task:
        """What the wish comes to. Raises BadOptions, naming the field; of a layer as ``layers.2.units``, from 0."""
        if wish.improve:
            return self._improvement(wish, zips)
        preset, layers, weights = self._network(wish)
        epochs = wish.epochs or preset.epochs
        if epochs > self.settings.training_epochs:
            raise _bad("epochs", f"must be at most {self.settings.training_epochs}")
        mnist = wish.mnist if wish.mnist is not None else not (zips or wish.jobs)
        if not mnist and not zips and not wish.jobs:
            raise _bad("mnist", "must be true where no labelled zip is sent and no job is named")
        architecture = wish.architecture or "layers"
        return Task(
            name=wish.name or (architecture if wish.architecture else "network"),
            architecture=architecture,
            layers=layers,
            weights=weights,
            epochs=epochs,
            batch_size=wish.batch_size or preset.batch_size,
            optimizer=wish.optimizer or preset.optimizer,
            learning_rate=wish.learning_rate or _rate(wish, preset),
            augmentation=preset.augmentation if wish.augmentation is None else wish.augmentation,
            mnist=mnist,
            images=wish.images,
            seed=wish.seed,
            seconds=float(self.settings.training_seconds),
            jobs=tuple(wish.jobs),
            zips=tuple(zips),
        )

    def begin(
        self,
        owner: str,
        wish: Wish,
        spool: Spool,
        options: Options,
        *,
        idempotency_key: str | None = None,
        sent_by: str | None,
    ) -> Training:
        """Accept a training whose labelled zips are in ``spool``, to which those of the named jobs are added.

        With an ``idempotency_key`` the spool tells its digest.

        Raises:
            BadOptions: the wish cannot be met; nothing is stored.
            NoTrainer: nobody would do it.
            NotFound, Expired: a job that is named is not there, or its pictures are gone.
            UploadTooLarge: all the images together are too large.
            TooManyJobs, IdempotencyConflict, StorageUnavailable: as for any job.
        """
        idempotency = None if idempotency_key is None else Idempotency(idempotency_key, _digest(wish, spool, options))
        self.task_of(wish, [Zip(name="sent", start=0, length=0)] if spool.pieces else [])
        self.require_trainer()
        if wish.improve:
            self._require_answers(owner, wish.jobs)
        for job_id in wish.jobs:
            spool.begin(f"job-{job_id}")
            for block in self._pictures(owner, job_id):
                spool.write(block)
            spool.end()
        zips = [
            Zip(name=f"labelled-{number}", start=piece.start, length=piece.length)
            for number, piece in enumerate(spool.pieces, 1)
        ]
        task = self.task_of(wish, zips)
        job = self.beginning.begin(
            owner, TRAIN, [PackedChunk(0, task.model_dump_json().encode())], options,
            total=task.epochs, model=ModelReference(task.name, UNPUBLISHED, ""), sent_by=sent_by, role=Role.TRAINER,
            upload=spool.source if zips else None, idempotency=idempotency,
        )  # fmt: skip
        return self.told(job)

    def get(self, owner: str, job_id: str) -> Training:
        """Raises NotFound, also for a job of another kind, and Expired."""
        return self.told(_training(self.jobs.get(owner, job_id)))

    def told(self, job: Job) -> Training:
        """The training that this job is."""
        ((planned, rows),) = self.store.chunks.read(job.id, [0])
        task = Task.model_validate_json(planned)
        return Training(
            job, task, epochs_of(self.store.chunks.notes(job.id)), None if rows is None else json.loads(rows)
        )

    def list(self, owner: str, *, before: str | None, limit: int) -> list[Job]:
        """Up to ``limit`` jobs that are trainings, newest first, older than job ``before``."""
        found: list[Job] = []
        while len(found) < limit:
            jobs = self.store.jobs_of(owner, before=before, limit=PAGE)
            found += [job for job in jobs if job.kind == TRAIN]
            if len(jobs) < PAGE:
                break
            before = jobs[-1].id
        return found[:limit]

    def model(self, owner: str, job_id: str) -> bytes:
        """The best network so far, as a .keras file.

        Raises:
            NotFound: no epoch is finished.
        """
        training = self.get(owner, job_id)
        try:
            # in one go, since the next epoch may put another in its place
            return self.blobs.read(model_blob(job_id), 0, FILE_BYTES + 4 * training.task.weights)
        except NotFound as error:
            raise NotFound("No epoch of this training is finished, so there is no model yet.") from error

    def _pictures(self, owner: str, job_id: str) -> Iterator[bytes]:
        """A zip of what people answered in a job. Raises NotFound where there is no such job, and Expired where its
        pictures are gone."""
        try:
            self.jobs.get_read(owner, job_id)
        except Expired as error:
            raise Expired(GONE.format(job_id)) from error
        try:
            yield from self.labelled.pack(owner, job_id)
        except NotFound as error:
            raise Expired(GONE.format(job_id)) from error

    def _improvement(self, wish: Wish, zips: Sequence[Zip]) -> Task:
        unasked = {field: getattr(wish, field) for field in NOT_OF_IMPROVEMENTS}
        for field, value in unasked.items():
            if value is not None:
                raise _bad(field, "must be left out where a model is improved")
        if not wish.jobs and not zips:
            raise _bad("jobs", "must name jobs with rows that people answered, or a labelled zip must be sent")
        manifest = self.registry.default()
        return Task(
            name=wish.name or manifest.name,
            architecture=manifest.architecture.name,
            layers=(),
            weights=manifest.architecture.parameters,
            epochs=IMPROVING_EPOCHS,
            batch_size=IMPROVING_BATCH,
            optimizer="adam",
            learning_rate=IMPROVING_RATE,
            augmentation=True,
            mnist=True,
            images=None,
            seed=wish.seed,
            seconds=float(self.settings.training_seconds),
            jobs=tuple(wish.jobs),
            zips=tuple(zips),
            improves=Base(name=manifest.name, version=manifest.version, sha256=manifest.sha256),
        )

    def _require_answers(self, owner: str, job_ids: Sequence[str]) -> None:
        """Raises NotFound, Expired, and BadOptions where a job has nothing to improve a model of digits on."""
        for place, job_id in enumerate(job_ids):
            try:
                job = self.jobs.get_read(owner, job_id)
            except Expired as error:
                raise Expired(GONE.format(job_id)) from error
            if job.options.read == NUMBER:
                raise _bad(f"jobs.{place}", f"must be a job that reads digits or forms; {job_id} reads numbers")
            if not job.revised:
                raise _bad(f"jobs.{place}", f"must have rows that people answered; nobody has answered one of {job_id}")

    def _network(self, wish: Wish) -> tuple[Preset, tuple[Any, ...], int]:
        if (wish.architecture is None) == (wish.layers is None):
            raise _bad("architecture", "must be given, or `layers` in its place")
        if wish.architecture is not None:
            if wish.architecture not in PRESETS:
                raise _bad("architecture", f"must be one of {', '.join(PRESETS)}")
            preset = PRESETS[wish.architecture]
            listed = outline(list(preset.layers), CLASSES) if preset.layers else None
            weights = preset.weights if listed is None else listed.weights
            self._check_weights(weights, listed, "architecture")
            return preset, (), weights
        try:
            layers = layers_of(wish.layers, CLASSES)
        except LayerFault as fault:
            raise BadOptions(f"{str(fault)[0].upper()}{str(fault)[1:]}", errors=(_field(fault),)) from fault
        drawn = outline(wish.layers, CLASSES)
        self._check_weights(drawn.weights, drawn, "layers")
        return Preset("", ()), layers, drawn.weights

    def _check_weights(self, weights: int, drawn: Outline | None, name: str) -> None:
        if weights <= self.settings.training_weights:
            return
        message = f"must have at most {self.settings.training_weights:,} weights, and has {weights:,}"
        if drawn is not None:
            heaviest = max(range(len(drawn.layers)), key=lambda place: drawn.layers[place].weights or 0)
            message += f", {drawn.layers[heaviest].weights:,} of them in layer {heaviest + 1}"
            name = f"layers.{heaviest}" if name == "layers" else name
        raise _bad(name, message)


def _digest(wish: Wish, spool: Spool, options: Options) -> str:
    text = json.dumps([asdict(wish), spool.digest, asdict(options)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _rate(wish: Wish, preset: Preset) -> float:
    """A rate fits an optimizer: where another one is chosen than the preset's, one that does for most networks."""
    if wish.optimizer is None or wish.optimizer == preset.optimizer:
        return preset.learning_rate
    return {"sgd": 0.05, "adam": 4e-3, "adamw": 3e-3}[wish.optimizer]


def _training(job: Job) -> Job:
    if job.kind != TRAIN:
        raise NotFound(f"This job is no training: its kind is {job.kind}.")
    return job


def _field(fault: LayerFault) -> FieldError:
    place = "layers" if fault.number is None else f"layers.{fault.number - 1}"
    return FieldError(f"{place}.{fault.field}" if fault.field else place, fault.detail)


def _bad(name: str, message: str) -> BadOptions:
    return BadOptions(f"{name} {message}.", errors=(FieldError(name, message),))
