"""The documents of trainings and of networks, and what a caller may ask for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from digitmill.desk.trainings import Training as DomainTraining
from digitmill.desk.trainings import Wish
from digitmill.domain.documents import JobProblem, State, job_document
from digitmill.domain.jobs import Options
from digitmill.domain.page_documents import Count, Probability, Time
from digitmill.errors import BadOptions, FieldError
from digitmill.models.manifest import Name
from digitmill.networks.layers import Layer, Outline, described
from digitmill.networks.presets import PRESETS, Optimizer
from digitmill.networks.task import Task
from web.documents.corrections import bad_body
from web.documents.improvements import Improvement
from web.documents.options import METADATA_BYTES, Metadata, Seconds, WebhookUrl, parse_json

MOST_JOBS = 100
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TrainingRequest(BaseModel):
    """A network, as the name of an `architecture` or as a list of `layers`, and how it is to be trained. What is left
    out is as `GET /v1/networks` says of the architecture."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[Name, Field(description="What the training and its model are called.")] | None = None
    architecture: Annotated[str, Field(max_length=64, description="A name in `GET /v1/networks`.")] | None = None
    layers: (
        Annotated[list[Any], Field(description="Objects with a `type` and the fields of it, without the answer.")]
        | None
    ) = None
    epochs: Annotated[int, Field(ge=1, description="How often the network sees all images.")] | None = None
    optimizer: Optimizer | None = None
    learning_rate: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] | None = None
    batch_size: Annotated[int, Field(ge=1, le=4096, description="Images between two steps of learning.")] | None = None
    augmentation: (
        Annotated[bool, Field(description="Draw the digits anew for each epoch, most of them as scans.")] | None
    ) = None
    mnist: (
        Annotated[bool, Field(description="Learn from MNIST; true unless labelled images are sent or jobs named.")]
        | None
    ) = None
    images: Annotated[int, Field(ge=1, description="Learn from so many of the images at most.")] | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1
    jobs: Annotated[
        list[Annotated[str, Field(pattern="^[0-9a-z]{26}$")]],
        Field(max_length=MOST_JOBS, description="Learn from what people answered in these jobs of yours."),
    ] = []
    improve: Annotated[
        bool,
        Field(
            description="Go on with the default model of digits by what people answered in `jobs`, or by labelled "
            "zips; neither a network nor how it is trained is named then."
        ),
    ] = False
    expires_in: Seconds | None = None
    webhook_url: WebhookUrl | None = None
    metadata: Annotated[
        Metadata, Field(description=f"An object of your own, at most {METADATA_BYTES} bytes, returned untouched.")
    ] = {}

    def wish(self) -> Wish:
        return Wish(**self.model_dump(exclude={"expires_in", "webhook_url", "metadata"}))

    def options(self) -> Options:
        return Options(expires_in=self.expires_in, webhook_url=self.webhook_url, metadata=self.metadata)


class OutlineRequest(BaseModel):
    """A list of layers that may be unfinished."""

    model_config = ConfigDict(extra="forbid", strict=True)

    layers: list[Any]


class PlacedLayer(TypedDict):
    """The shape that a layer makes and its weights; null where it, or one before it, cannot be built. `field` is the
    one at fault."""

    shape: list[int] | None
    weights: int | None
    error: str | None
    field: str | None


class NetworkOutline(TypedDict):
    """What a list of layers makes, in its order; `answer` is the dense softmax that is added at the end where the list
    lacks it. `error` says why the list cannot be built, and `layer` which one is at fault, from 0."""

    layers: list[PlacedLayer]
    answer: PlacedLayer | None
    weights: Count
    error: str | None
    layer: int | None


class Network(TypedDict):
    """A network to begin with. `layers` are empty where it is no list. The rest is how it is trained unless a training
    says otherwise."""

    name: str
    title: str
    layers: list[dict[str, Any]]
    weights: Count
    epochs: Count
    optimizer: Optimizer
    learning_rate: Positive
    batch_size: Count
    augmentation: bool


class NetworkList(TypedDict):
    """Networks to begin with, the smallest first."""

    networks: list[Network]


class Epoch(TypedDict):
    """A finished epoch, from 1. Losses are means over all images; accuracies are shares of them that are right."""

    epoch: Annotated[int, Field(ge=1)]
    training_loss: float
    training_accuracy: Probability
    validation_loss: float
    validation_accuracy: Probability
    learning_rate: float
    seconds: float


class Bin(TypedDict):
    """Test images of about the same confidence: their number, the mean of it, and the share that is right."""

    images: Count
    confidence: Probability
    right: Probability


class Mistake(TypedDict):
    """A test image that was misread: 28x28 pixels as a PNG in base64."""

    label: str
    answer: str
    confidence: Probability
    png: str


class Report(TypedDict):
    """What the best epoch reaches on the test images, which it has never seen and was not chosen by. `confusion` counts
    them by label, then by answer; `mistakes` are the surest. `in_time`: it had the time for all epochs."""

    measured_on: Literal["test", "validation"]
    in_time: bool
    images: Count
    accuracy: Probability
    calibration_error: Probability
    temperature: float
    review_below: Probability
    accepted: Probability
    weights: Count
    training_images: Count
    validation_images: Count
    confusion: list[list[int]]
    reliability: list[Bin]
    mistakes: list[Mistake]


class TrainedNetwork(TypedDict):
    """`layers` are empty where the `architecture` names it."""

    architecture: str
    description: str
    layers: list[Layer]
    weights: Count


class TrainingSettings(TypedDict):
    """How it is trained, with what was left open filled in. `files` is the number of labelled zips."""

    epochs: Count
    batch_size: Count
    optimizer: Optimizer
    learning_rate: Positive
    augmentation: bool
    mnist: bool
    images: int | None
    seed: int
    jobs: list[str]
    files: Count


class TrainingLinks(TypedDict):
    """Where more of the training is. `events` is the stream of its job, which tells when an epoch is finished."""

    self: str
    events: str
    cancel: str
    model: str


class Training(TypedDict):
    """One training. `epochs` are those that are finished; `best_epoch` has the least validation loss, and its network
    is what `links.model` leads to. `report` is there when it is completed. Of an improvement `improves` names the model
    that was gone on with, and `improvement` is there in the place of `report`."""

    id: str
    name: str
    state: State
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    expires_at: Time | None
    progress: Probability
    network: TrainedNetwork
    settings: TrainingSettings
    epochs: list[Epoch]
    best_epoch: int | None
    report: Report | None
    improves: str | None
    improvement: Improvement | None
    metadata: dict[str, Any]
    error: JobProblem | None
    links: TrainingLinks


class TrainingList(TypedDict):
    """A page of trainings, newest first, and how many trainers are there to do them."""

    trainings: list[Training]
    next_cursor: str | None
    trainers: Count


def read_training(text: bytes) -> TrainingRequest:
    """The ``training`` part of a form. Raises BadOptions."""
    try:
        return TrainingRequest.model_validate(parse_json(text))
    except ValidationError as error:
        raise bad_body(error) from error
    except ValueError as error:
        raise BadOptions("The part training is not JSON.", errors=(FieldError("training", "must be JSON"),)) from error


def training_document(training: DomainTraining) -> dict[str, Any]:
    job, task, here = job_document(training.job), training.task, f"/v1/trainings/{training.job.id}"
    kept = ("id", "state", "created_at", "started_at", "finished_at", "expires_at", "progress", "metadata", "error")
    settings = ("epochs", "batch_size", "optimizer", "learning_rate", "augmentation", "mnist", "images", "seed")
    return {
        **{name: job[name] for name in kept},  # type: ignore[literal-required]
        "name": task.name,
        "network": {
            "architecture": task.architecture,
            "description": _described(task),
            "layers": [layer.model_dump() for layer in task.layers],
            "weights": task.weights,
        },
        "settings": {
            **{name: getattr(task, name) for name in settings},
            "jobs": list(task.jobs),
            "files": len(task.zips) - len(task.jobs),
        },
        "epochs": list(training.epochs),
        "best_epoch": training.best_epoch,
        "report": training.report if task.improves is None else None,
        "improves": None if task.improves is None else task.improves.label,
        "improvement": None if task.improves is None else training.report,
        "links": {
            "self": here,
            "events": f"/v1/jobs/{training.job.id}/events",
            "cancel": f"{here}/cancel",
            "model": f"{here}/model.keras",
        },
    }


def _described(task: Task) -> str:
    if task.improves is not None:
        return f"{task.improves.label}, trained on by what people answered"
    return described(task.layers) if task.layers else PRESETS[task.architecture].title


def outline_document(drawn: Outline) -> dict[str, Any]:
    def placed(each: Any) -> dict[str, Any]:
        fault = each.fault
        return {
            "shape": None if each.shape is None else list(each.shape),
            "weights": each.weights,
            "error": fault.detail if fault is not None else None,
            "field": (fault.field or None) if fault is not None else None,
        }

    fault = drawn.fault
    return {
        "layers": [placed(each) for each in drawn.layers],
        "answer": placed(drawn.answer) if drawn.answer is not None else None,
        "weights": drawn.weights,
        "error": fault.detail if fault is not None else None,
        "layer": None if fault is None or fault.number is None else fault.number - 1,
    }
