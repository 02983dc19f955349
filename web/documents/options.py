"""What a caller may choose: the options of a job, as a JSON part or in the query, held to strict models."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from digitmill.domain import jobs, precedence
from digitmill.errors import BadOptions, FieldError
from digitmill.faults import faults_of, in_words
from digitmill.outside.addresses import MOST_CHARACTERS
from digitmill.readers import READERS
from digitmill.uploads.code_pages import NAMED, code_page_named
from web.documents.inputs import Query, digits

METADATA_BYTES = 4096
METADATA_DEPTH = 32
MOST_TEMPLATES = 50
TOLD_BY_NAMES = "auto"


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    if _depth(value) > METADATA_DEPTH:
        raise ValueError(f"must not be nested deeper than {METADATA_DEPTH} levels")
    # a number such as 1e999 reads as infinity, which is no JSON to return
    if len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")) > METADATA_BYTES:
        raise ValueError(f"must be at most {METADATA_BYTES} bytes as JSON")
    return value


def _read(value: str) -> str:
    if value not in READERS:
        known = " or ".join(f"'{name}'" for name in sorted(READERS))
        raise ValueError(f"must be {known}: anything else is not available yet")
    return value


def _listed(value: Any) -> Any:
    """One label, or several with commas, as a list."""
    return value.split(",") if isinstance(value, str) else value


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
Read = Annotated[
    str,
    AfterValidator(_read),
    WithJsonSchema({"type": "string", "enum": sorted(READERS)}),
    Field(description="What an image shows."),
]
TEMPLATE_NAME: dict[str, Any] = {
    "type": "string",
    "pattern": "^[a-z0-9][a-z0-9-]{0,63}(@[0-9A-Za-z][0-9A-Za-z.-]{0,63})?$",
}
Template = Annotated[
    Annotated[
        list[Annotated[str, Field(pattern=TEMPLATE_NAME["pattern"])]], Field(min_length=1, max_length=MOST_TEMPLATES)
    ],
    BeforeValidator(_listed),
    WithJsonSchema(
        {
            "anyOf": [
                TEMPLATE_NAME,
                {"type": "array", "items": TEMPLATE_NAME, "minItems": 1, "maxItems": MOST_TEMPLATES},
            ]
        }
    ),
    Field(
        description="With `read` form: `name@version` of the template, or of several that each page is of one of. "
        "`name` means its newest version.",
    ),
]
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
ResultsUrl = Annotated[
    str,
    Field(
        max_length=MOST_CHARACTERS,
        pattern=r"^s3://.+\.(csv|ndjson|parquet)$",
        description="Where to write the rows when the job is final: an object on S3 that ends in .csv, .ndjson or "
        ".parquet, where the administrator allows it.",
    ),
]
WebhookDrift = Annotated[
    bool,
    Field(
        description="Send `job.drifted` to `webhook_url` too, where the completed job is unlike those before: see "
        "`drift` of the job."
    ),
]
Priority = Annotated[
    Literal["low", "normal", "high"],
    Field(
        description="Which of your jobs are read first. It takes nothing from other owners; whoever waits for a job of "
        "few images gives it no low one."
    ),
]
Seconds = Annotated[int, Field(ge=1, description="How long the finished job keeps its rows, in seconds.")]


def _yes(value: Any) -> Any:
    """Of the query."""
    return {"true": True, "false": False}.get(value, value)


class JobChange(BaseModel):
    """What may be changed of a job: how long it is kept, from now on where it is final, else from its end on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    expires_in: Seconds


def _code_page(value: str) -> str:
    page = value if value == TOLD_BY_NAMES else code_page_named(value)
    if page is None:
        raise ValueError(f"must be {TOLD_BY_NAMES} or a code page: one of {', '.join(NAMED)}, or another name of these")
    return page


Names = Annotated[
    str,
    Field(
        max_length=64,
        description="The code page of file names in zips that do not say it, or another name for one of these, such as "
        "Shift_JIS or windows-1250. Unless given it is told by the names themselves, all of a zip together.",
    ),
    AfterValidator(_code_page),
    WithJsonSchema({"type": "string", "enum": [TOLD_BY_NAMES, *NAMED]}),
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
    names: Names = TOLD_BY_NAMES
    metadata: Annotated[
        Metadata, Field(description=f"An object of your own, at most {METADATA_BYTES} bytes, returned untouched.")
    ] = {}
    calibration: CalibrationName | None = None
    results_url: ResultsUrl | None = None
    template: Template | None = None
    priority: Priority = "normal"
    webhook_drift: WebhookDrift = False

    def resolve(self) -> jobs.Options:
        return jobs.Options(
            model=self.model,
            read=self.read,
            polarity=jobs.Polarity(self.polarity),
            review_below=self.review_below,
            alternatives=self.alternatives,
            expires_in=self.expires_in,
            webhook_url=self.webhook_url,
            metadata=self.metadata,
            names=None if self.names == TOLD_BY_NAMES else self.names,
            calibration=self.calibration,
            results_url=self.results_url,
            template=tuple(self.template or ()),
            priority=precedence.Priority(self.priority),
            webhook_drift=self.webhook_drift,
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
    names: Names = TOLD_BY_NAMES
    metadata: Annotated[
        Metadata,
        BeforeValidator(_object),
        WithJsonSchema({"type": "string", "contentMediaType": "application/json"}),
        Field(description=f"A JSON object of your own, at most {METADATA_BYTES} bytes, returned untouched."),
    ] = {}
    calibration: CalibrationName | None = None
    results_url: ResultsUrl | None = None
    template: Template | None = None
    priority: Priority = "normal"
    webhook_drift: Annotated[WebhookDrift, BeforeValidator(_yes)] = False
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
    faults = tuple(_fault(fault, error.title) for fault in faults_of(error))
    return BadOptions(" ".join(f"{fault.field} {fault.message}." for fault in faults), errors=faults)


def _fault(fault: dict[str, Any], model: str) -> FieldError:
    name = str(fault["loc"][0]) if fault["loc"] else "options"
    if model.endswith("Headers"):
        name = name.replace("_", "-").title()
    return FieldError(name, in_words(fault, name))
