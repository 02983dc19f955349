"""What a caller may choose: the options of a job, as a JSON part or in the query, held to strict models."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from digitmill import domain
from digitmill.errors import BadOptions, FieldError
from digitmill.webhooks.addresses import MOST_CHARACTERS
from web.inputs import Query, digits

METADATA_BYTES = 4096
METADATA_DEPTH = 32
NOT_YET = {"read": "must be 'digit': 'number' is not available yet"}


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    if _depth(value) > METADATA_DEPTH:
        raise ValueError(f"must not be nested deeper than {METADATA_DEPTH} levels")
    # a number such as 1e999 reads as infinity, which is no JSON to return
    if len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")) > METADATA_BYTES:
        raise ValueError(f"must be at most {METADATA_BYTES} bytes as JSON")
    return value


def _depth(value: Any) -> int:
    """Levels of lists and objects, without recursion: the value is a stranger's."""
    depth, level = 0, [value]
    while level:
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
    return depth


def _object(text: Any) -> Any:
    """The JSON object in a query parameter."""
    return parse_json(text) if isinstance(text, str) else text


def parse_json(text: str | bytes) -> Any:
    """Strict JSON: what Python alone takes for JSON (NaN) is refused.

    Raises:
        ValueError: it is not JSON, or nested beyond what can be read.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError("must be JSON") from error


Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
ModelName = Annotated[str, Field(min_length=1, max_length=129, description="`name` or `name@version` of a model.")]
CalibrationName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description="A calibration of the model, for scans of one kind: its temperature, and its threshold unless "
        "`review_below` is given.",
    ),
]
Read = Annotated[Literal["digit"], Field(description="What an image shows.")]
Polarity = Annotated[
    Literal["auto", "dark_on_light", "light_on_dark"], Field(description="Whether ink is darker than paper.")
]
Threshold = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Rows below this confidence are set aside for review; the model's own threshold unless given.",
    ),
]
Alternatives = Annotated[int, Field(ge=0, le=9, description="Less likely answers to give with each row.")]
WebhookUrl = Annotated[
    str,
    Field(
        max_length=MOST_CHARACTERS,
        pattern=r"^https?://[!-~]+$",
        description="Where to tell of the job's end, signed by the Standard Webhooks specification.",
    ),
]
Seconds = Annotated[int, Field(ge=1, description="How long the finished job keeps its rows, in seconds.")]


Names = Annotated[
    Literal["auto", "utf-8", "cp437", "cp850", "cp1252", "cp866", "cp1251", "cp932", "gbk", "cp949"],
    Field(
        description="The code page of file names in zips that do not say it. Unless given it is told by the names "
        "themselves, all of a zip together."
    ),
]


class Options(BaseModel):
    """The options of a job. What is left out, the service chooses."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: ModelName | None = None
    read: Read = "digit"
    polarity: Polarity = "auto"
    review_below: Threshold | None = None
    alternatives: Alternatives = 2
    expires_in: Seconds | None = None
    webhook_url: WebhookUrl | None = None
    names: Names = "auto"
    metadata: Annotated[
        Metadata, Field(description=f"An object of your own, at most {METADATA_BYTES} bytes, returned untouched.")
    ] = {}
    calibration: CalibrationName | None = None

    def resolve(self) -> domain.Options:
        return domain.Options(
            model=self.model,
            polarity=domain.Polarity(self.polarity),
            review_below=self.review_below,
            alternatives=self.alternatives,
            expires_in=self.expires_in,
            webhook_url=self.webhook_url,
            metadata=self.metadata,
            names=None if self.names == "auto" else self.names,
            calibration=self.calibration,
        )


class OptionsQuery(Query):
    """The same in the query, for an upload that is one raw body."""

    model: ModelName | None = None
    read: Read = "digit"
    polarity: Polarity = "auto"
    review_below: Threshold | None = None
    alternatives: Annotated[Alternatives, BeforeValidator(digits)] = 2
    expires_in: Annotated[Seconds, BeforeValidator(digits)] | None = None
    webhook_url: WebhookUrl | None = None
    names: Names = "auto"
    metadata: Annotated[
        Metadata,
        BeforeValidator(_object),
        WithJsonSchema({"type": "string", "contentMediaType": "application/json"}),
        Field(description=f"A JSON object of your own, at most {METADATA_BYTES} bytes, returned untouched."),
    ] = {}
    calibration: CalibrationName | None = None
    name: Annotated[str, Field(min_length=1, max_length=1024, description="The file's name.")] | None = None

    def options(self) -> Options:
        return Options.model_validate(self.model_dump(exclude={"name"}, exclude_unset=True))


def read_options(text: bytes) -> Options:
    """The options of a multipart upload's ``options`` part.

    Raises:
        BadOptions: it is not a JSON object, or an option is unknown or out of range.
    """
    try:
        value = parse_json(text)
    except ValueError as error:
        raise BadOptions("The options part is not JSON.", errors=(FieldError("options", "must be JSON"),)) from error
    try:
        return Options.model_validate(value)
    except ValidationError as error:
        raise bad_input(error) from error


def bad_input(error: ValidationError) -> BadOptions:
    """The core's error for input that does not fit its model, naming each faulty field."""
    faults = tuple(_fault(dict(fault), error.title) for fault in error.errors(include_url=False))
    return BadOptions(" ".join(f"{fault.field} {fault.message}." for fault in faults), errors=faults)


def _fault(fault: dict[str, Any], model: str) -> FieldError:
    name = str(fault["loc"][0]) if fault["loc"] else "options"
    if model.endswith("Headers"):
        name = name.replace("_", "-").title()
    if fault["type"] == "extra_forbidden":
        return FieldError(name, "is not known here")
    if name == "read" and fault["input"] == "number":
        return FieldError(name, NOT_YET[name])
    message = str(fault["msg"]).removeprefix("Value error, ")
    for subject in ("Input should ", "String should ", "Value should "):
        message = message.replace(subject, "must ")
    return FieldError(name, message)
