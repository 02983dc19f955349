"""What queries and headers may hold, as models that APIFlask validates and describes."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from werkzeug.datastructures import ImmutableMultiDict


class Parameters(ImmutableMultiDict[str, str]):
    """A repeated parameter reads as a list with commas.

    APIFlask takes a flat dict, which would silently drop all but the first.
    """

    def to_dict(self, flat: bool = True) -> dict[str, Any]:
        if not flat:
            return super().to_dict(flat=False)
        return {name: ",".join(self.getlist(name)) for name in self}


class DigitmillRequest(Request):
    parameter_storage_class = Parameters


class ParameterSchema(GenerateJsonSchema):
    """A parameter that may be left out is not one that may be null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        if described.get("default", ...) in (None, "", {}, []):
            described.pop("default")
        return described


class _Parameters(BaseModel):
    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().model_json_schema(*args, **{**kwargs, "schema_generator": ParameterSchema})


class Query(_Parameters):
    """The query of one call; a parameter that it does not name is an error."""

    model_config = ConfigDict(extra="forbid")


class Headers(_Parameters):
    """The headers that one call looks at."""

    model_config = ConfigDict(extra="ignore")


def split(value: Any) -> Any:
    """A list with commas."""
    return value.split(",") if isinstance(value, str) else value


def digits(value: Any) -> Any:
    """A validator before ``int``: refuse what Python alone reads as a whole number, such as 1_000, " 7" and 3.0."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("must be a whole number")
    return value


class ConditionalHeaders(Headers):
    if_none_match: Annotated[str, Field(description="The ETag of a former answer.")] | None = None
