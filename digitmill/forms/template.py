"""The template of a form page: where its fields are on a reference picture, and what may stand in them.

A template is JSON from a stranger. It is parsed strictly, within limits, and cannot be changed afterwards. Coordinates
are pixels of the reference picture; a quad is four corners, TL TR BR BL.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from digitmill.errors import BadTemplate, FieldError
from digitmill.faults import faults_of, in_words
from digitmill.forms.doubles import doubles, names_in
from digitmill.forms.geometry import Quad, cells_of, is_convex, sides_of
from digitmill.forms.rule_parts import Kind
from digitmill.forms.rules import Rule, compiled

MOST_BYTES = 1 << 20
MOST_FIELDS = 500
MOST_BOXES = 2_000
"""Boxes and options of a whole page."""
MOST_DIGITS = 32
MOST_LABEL = 200
"""Letters of what people call a field."""
MOST_ERRORS = 20
"""Faults that one answer names."""
LONGEST_SIDE = 20_000
"""Pixels of a page."""
SMALLEST_SIDE = 4.0
"""Pixels: no digit and no mark can be told in a smaller box."""
COLUMNS = frozenset({"index", "name", "status", "template", "error", "review"})
"""Columns of every table of pages; a field's own column could not be told from them."""


def _in_one_line(text: str) -> str:
    """Composed (NFC), so that one text is told in one way. Refuses what would break a line or a column."""
    if not text.isprintable() or text != text.strip():
        raise PydanticCustomError("label", "Give one line of text, without blanks around it")
    return unicodedata.normalize("NFC", text)


Coordinate = Annotated[float, Field(ge=0, le=LONGEST_SIDE)]
Name = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9][a-z0-9-]*\z", max_length=64)]
Version = Annotated[str, StringConstraints(pattern=r"\A[0-9A-Za-z][0-9A-Za-z.-]*\z", max_length=64)]
FieldName = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z][A-Za-z0-9_]*\z", max_length=64)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=MOST_LABEL), AfterValidator(_in_one_line)]
OptionName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Side = Annotated[int, Field(ge=100, le=LONGEST_SIDE)]
Corner = tuple[Coordinate, Coordinate]


def _quad_with_room(quad: Quad) -> Quad:
    if not is_convex(quad):
        raise PydanticCustomError(
            "quad", "Give the four corners in the order top left, top right, bottom right, bottom left"
        )
    if sides_of(quad).min() < SMALLEST_SIDE:
        raise PydanticCustomError("quad", f"Every side must be {SMALLEST_SIDE:g} pixels or longer")
    return quad


def _in_order(length: tuple[int, int]) -> tuple[int, int]:
    if length[0] > length[1]:
        raise PydanticCustomError("length", "The smallest length must not exceed the largest")
    return length


def _free(name: str) -> str:
    if name in COLUMNS:
        raise PydanticCustomError("name", f"Choose another name: every table has a column {name} of its own")
    return name


Corners = Annotated[tuple[Corner, Corner, Corner, Corner], AfterValidator(_quad_with_room)]
Digits = Annotated[int, Field(ge=0, le=MOST_DIGITS)]
Length = Annotated[tuple[Digits, Digits], AfterValidator(_in_order)]
Options = Annotated[
    Mapping[OptionName, Corners],
    Field(min_length=1, max_length=64),
    AfterValidator(MappingProxyType),
    PlainSerializer(dict),
]
Lists = Annotated[
    Mapping[FieldName, Annotated[tuple[Annotated[str, StringConstraints(max_length=64)], ...], Field(min_length=1)]],
    Field(max_length=20),
    AfterValidator(MappingProxyType),
    PlainSerializer(dict),
]

Critical = Annotated[Literal[True] | None, BeforeValidator(lambda said: None if said is False else said)]
"""Left out where it is false: the JSON of templates from before there was such a word stays as it was."""
Meaning = Literal["empty", "review", "refuse"]
"""What a box without a plain digit means.

``empty``: a box before the first digit, or behind the last where ``align`` is left, is no digit, and one between digits
is a review. ``review``: a person looks. ``refuse``: the field has no value.
"""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Page(_Frozen):
    """The reference picture, in pixels, and which page of the form it is: ``number`` of so many of the ``form``.

    Where it is ``blank``, nobody has written on it, and all its ink is print.
    """

    width: Side
    height: Side
    dpi: float = Field(ge=50, le=1200)
    blank: bool = False
    number: int = Field(1, ge=1, le=1000)
    of: int = Field(1, ge=1, le=1000)
    form: Name | None = None

    @model_validator(mode="after")
    def _number_within(self) -> Self:
        if self.number > self.of:
            raise PydanticCustomError("page", "The number of the page must not exceed the number of pages")
        return self


class Marker(_Frozen):
    """A printed mark that the page is found by. ``aruco`` has an ``id`` from the dictionary 4x4_50 of OpenCV."""

    kind: Literal["square", "cross", "aruco"]
    quad: Corners
    id: int | None = Field(None, ge=0, lt=50)

    @model_validator(mode="after")
    def _id_for_aruco(self) -> Self:
        if (self.id is None) == (self.kind == "aruco"):
            raise PydanticCustomError("marker", "An aruco marker has an id, and no other marker has")
        return self


class Code(_Frozen):
    """A printed code that is the same on every copy. A text that ends in ``*`` stands for all that begin so."""

    text: str = Field(min_length=1, max_length=500)
    quad: Corners

    def fits(self, text: str) -> bool:
        return text.startswith(self.text[:-1]) if self.text.endswith("*") else text == self.text


class RegistrationOptions(_Frozen):
    """How the page is found on a scan. ``auto`` takes the first that the page has: markers, code, print."""

    method: Literal["auto", "markers", "code", "print"] = "auto"
    markers: tuple[Marker, ...] = Field((), max_length=64)
    code: Code | None = None

    @model_validator(mode="after")
    def _has_what_it_names(self) -> Self:
        if self.method == "markers" and len(self.markers) < 3:
            raise PydanticCustomError("markers", "Name three markers or more to find the page by them")
        if self.method == "code" and self.code is None:
            raise PydanticCustomError("code", "Name the code to find the page by it")
        return self


class Grid(_Frozen):
    """Boxes of equal width side by side in a quad."""

    quad: Corners
    cells: int = Field(ge=1, le=MOST_DIGITS)


class _Named(_Frozen):
    """``name`` is what tables, checks and programs call a field, ``label`` what people do, in their own script."""

    name: Annotated[FieldName, AfterValidator(_free)]
    label: Label | None = None


class _Entered(_Named):
    """Of a ``critical`` field two people say, each without the other, what it holds."""

    critical: Critical = None

    @property
    def by_two(self) -> bool:
        return bool(self.critical)


class _Written(_Entered):
    """What both kinds of handwritten numbers have: what boxes or strips without plain digits mean."""

    empty: Meaning = "empty"
    crossed: Meaning = "empty"
    dash: Meaning = "empty"
    struck_out: Meaning = "review"


class DigitsField(_Written):
    """A number written one digit a box. Without ``length``, any number of its boxes may be filled."""

    kind: Literal["digits"]
    grid: Grid | None = None
    boxes: Annotated[tuple[Corners, ...], Field(min_length=1, max_length=MOST_DIGITS)] | None = None
    length: Length | None = None
    align: Literal["left", "right"] = "right"

    @model_validator(mode="after")
    def _boxes_for_its_length(self) -> Self:
        if (self.grid is None) == (self.boxes is None):
            raise PydanticCustomError("boxes", "Give either a grid or boxes")
        if self.length is not None and self.length[1] > len(self.quads):
            raise PydanticCustomError("length", f"The largest length must not exceed its {len(self.quads)} boxes")
        return self

    @property
    def quads(self) -> tuple[Quad, ...]:
        """Its boxes, in the order of reading."""
        return cells_of(self.grid.quad, self.grid.cells) if self.grid else self.boxes or ()


class NumberField(_Written):
    """A number written in one strip. ``separators`` are the characters that may stand between its digits."""

    kind: Literal["number"]
    quad: Corners
    length: Length = (0, MOST_DIGITS)
    separators: str = Field("", max_length=16, pattern=r"\A[^0-9A-Za-z]*\z")

    @property
    def quads(self) -> tuple[Quad, ...]:
        return (self.quad,)


class MarkField(_Entered):
    """Boxes or bubbles to tick. A ``blackened`` one is chosen, or was chosen and taken back."""

    kind: Literal["mark"]
    options: Options
    choose: Literal["one", "any"] = "one"
    blackened: Literal["chosen", "taken_back"] = "chosen"

    @property
    def quads(self) -> tuple[Quad, ...]:
        """The boxes of its options, in their order."""
        return tuple(self.options.values())


class PlainField(_Named):
    """A printed code to read, or a part of the page to show as a picture."""

    kind: Literal["code", "picture"]
    quad: Corners
    by_two: ClassVar[bool] = False

    @property
    def quads(self) -> tuple[Quad, ...]:
        return (self.quad,)


TemplateField = Annotated[DigitsField | NumberField | MarkField | PlainField, Field(discriminator="kind")]
KINDS = ("digits", "number", "mark", "code", "picture")
RULE_KINDS: Mapping[str, Kind | None] = MappingProxyType(
    {"digits": Kind.WRITTEN, "number": Kind.WRITTEN, "mark": Kind.TEXT, "code": Kind.TEXT, "picture": None}
)
"""What a field of each kind is in a rule."""


class Check(_Frozen):
    """A sentence about the fields that holds on a page that is filled in right, in the language of ``rules.py``."""

    rule: str = Field(min_length=1, max_length=500)


class Template(_Frozen):
    """See the module. ``parsed`` makes one; two that are equal read every page alike."""

    name: Name
    version: Version
    title: str = Field("", max_length=200)
    page: Page
    registration: RegistrationOptions = RegistrationOptions()
    fields: Annotated[tuple[TemplateField, ...], Field(min_length=1, max_length=MOST_FIELDS)]
    checks: tuple[Check, ...] = Field((), max_length=200)
    lists: Lists = Field(default_factory=lambda: MappingProxyType({}))
    """Texts that rules look values up in, by the name of their list."""

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Its checks, compiled. Raises ValueError where ``parsed`` would have refused them."""
        return tuple(compiled(check.rule, self._kinds, self.lists) for check in self.checks)

    @property
    def _kinds(self) -> dict[str, Kind | None]:
        return {field.name: RULE_KINDS[field.kind] for field in self.fields}

    @classmethod
    def parsed(cls, text: str | bytes) -> Self:
        """A template from its JSON.

        Raises:
            BadTemplate: it is no template; its ``errors`` name the places, such as ``fields[3].boxes[2]``.
        """
        if len(text) > MOST_BYTES:
            raise BadTemplate(f"The template is larger than {MOST_BYTES:,} bytes. Send a smaller one.")
        try:
            template = cls.model_validate_json(text)
        except ValidationError as error:
            faults = [FieldError(_place(one["loc"]), in_words(one)) for one in faults_of(error)]
            told = {fault.field for fault in faults}
            more = [double for double in doubles(names_in(text)) if double.field not in told]
            raise refused(faults + more) from None
        names = [field.name for field in template.fields]
        if errors := [*doubles(names), *_outside(template), *_too_many(template), *template._faulty_rules()]:
            raise refused(errors)
        return template

    def _faulty_rules(self) -> Iterator[FieldError]:
        for number, check in enumerate(self.checks):
            try:
                compiled(check.rule, self._kinds, self.lists)
            except ValueError as error:
                yield FieldError(f"checks[{number}].rule", str(error))

    def as_json(self) -> str:
        """Its JSON in full, which ``parsed`` takes."""
        return self.model_dump_json(exclude_none=True)


def refused(errors: list[FieldError]) -> BadTemplate:
    named = errors[:MOST_ERRORS]
    what = "; ".join(f"{error.field}: {error.message}" if error.field else error.message for error in named[:3])
    return BadTemplate(f"Correct the template: {what}.", errors=tuple(named))


def _place(location: tuple[int | str, ...]) -> str:
    """``fields[3].boxes[2]`` of pydantic's path, without the kind that it puts behind a field's number, and without its
    word for a name that is none."""
    if location[:1] == ("fields",) and len(location) > 2 and location[2] in KINDS:
        location = (*location[:2], *location[3:])
    place = ""
    for part in location:
        if part == "[key]":
            continue
        if isinstance(part, int):
            place += f"[{part}]"
        else:
            place += f".{part}" if place else part
    return place


def _outside(template: Template) -> Iterator[FieldError]:
    width, height = template.page.width, template.page.height
    for place, quad in _all_quads(template):
        if not all(0 <= x <= width and 0 <= y <= height for x, y in quad):
            yield FieldError(place, f"Every corner must lie on the page of {width} x {height} pixels")


def _too_many(template: Template) -> Iterator[FieldError]:
    boxes = sum(len(field.quads) for field in template.fields)
    if boxes > MOST_BOXES:
        yield FieldError("fields", f"A page has at most {MOST_BOXES:,} boxes, and this one has {boxes:,}")


def _all_quads(template: Template) -> Iterator[tuple[str, Quad]]:
    """Every quad of the template as it was written, with its place."""
    for number, marker in enumerate(template.registration.markers):
        yield f"registration.markers[{number}].quad", marker.quad
    if template.registration.code:
        yield "registration.code.quad", template.registration.code.quad
    for number, field in enumerate(template.fields):
        place = f"fields[{number}]"
        if isinstance(field, MarkField):
            yield from ((f"{place}.options.{name}", quad) for name, quad in field.options.items())
        elif isinstance(field, DigitsField) and field.grid:
            yield f"{place}.grid.quad", field.grid.quad
        elif isinstance(field, DigitsField):
            yield from ((f"{place}.boxes[{index}]", quad) for index, quad in enumerate(field.quads))
        else:
            yield f"{place}.quad", field.quad
