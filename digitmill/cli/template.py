"""``digitmill template``: make templates of forms out of pages, look whether they are sound, and publish them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digitmill.cli.connection import Key, Url, connect
from digitmill.cli.exits import Exit
from digitmill.cli.terminal import printable, say
from digitmill.errors import BadTemplate
from digitmill.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from digitmill.client import Row
    from digitmill.imaging.drawn.drawers import Drawers

    Grey = NDArray[np.uint8]

PDF = b"%PDF-"
BLANK = (
    "The page is taken for blank: what is printed in its boxes is no ink. If somebody has written on it, say --filled."
)
FILLED = "The page is taken for filled in. If nobody has written on it, say --blank: its print is then no ink."

Page = Annotated[Path, typer.Argument(help="A page of the form as a picture or PDF, best a blank one.", exists=True)]
Out = Annotated[Path, typer.Option(help="File of the draft; the page's picture is written beside it as .png.")]
PageNumber = Annotated[int, typer.Option("--page", min=1, help="Page of a PDF or TIFF.")]
Name = Annotated[str | None, typer.Option(help="Name of the template; else that of the file.")]

TemplateFile = Annotated[Path, typer.Argument(help="The template, a JSON file.", exists=True)]
ReferenceFile = Annotated[Path, typer.Argument(help="A picture of its reference page.", exists=True)]


def register(app: typer.Typer) -> None:
    template = typer.Typer(
        help="Make templates, which say where the fields of a form are, look whether they are sound, and publish them.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    template.command()(draft)
    template.command("from-pdf")(from_pdf)
    template.command("from-omrchecker")(from_omrchecker)
    template.command()(check)
    template.command("try")(try_page)
    template.command()(publish)
    template.command("list")(list_templates)
    template.command()(show)
    app.add_typer(template, name="template")


def draft(
    page: Page,
    out: Out = Path("draft.json"),
    number: PageNumber = 1,
    name: Name = None,
    dpi: Annotated[
        float | None, typer.Option(min=50, max=1200, help="Pixels an inch; else it is taken for A4.")
    ] = None,
    blank: Annotated[
        bool | None,
        typer.Option("--blank/--filled", help="Whether nobody has written on the page; else its boxes tell."),
    ] = None,
) -> None:
    """Find the boxes, combs and bubbles of a page and propose them as fields, field1, field2, and so on.

    Give them their names in the draft, remove what is none, and see with `digitmill template check` that all is well.
    """
    # OpenCV and more, which client and other commands do without
    from digitmill.forms.draft import drafted  # noqa: PLC0415

    picture = _grey(page.read_bytes(), number - 1)
    found = drafted(picture, _name(name, page), dpi, blank=blank)
    _write(out, found, picture)
    if blank is None:
        say(BLANK if found["page"]["blank"] else FILLED)


def from_pdf(
    pdf: Annotated[Path, typer.Argument(help="A PDF with fields to fill in.", exists=True)],
    out: Out = Path("draft.json"),
    number: PageNumber = 1,
    name: Name = None,
) -> None:
    """Make a draft of the fields that a fillable PDF has itself, with their names and the lengths of its combs."""
    from digitmill.forms.imported import from_widgets  # noqa: PLC0415

    data = pdf.read_bytes()
    if PDF not in data[:1024]:
        raise BadTemplate(f"{pdf} is no PDF. For a picture there is `digitmill template draft`.")
    widgets = _drawers().form_fields(data, number - 1)
    if not widgets:
        raise BadTemplate(
            f"Page {number} of {pdf} has no fields to fill in. `digitmill template draft {pdf}` finds its boxes."
        )
    picture = _grey(data, number - 1)
    height, width = picture.shape
    _write(out, from_widgets(widgets, _name(name, pdf), (width, height)), picture)


def from_omrchecker(
    template: Annotated[Path, typer.Argument(help="The template.json of OMRChecker.", exists=True)],
    page: Annotated[Path, typer.Argument(help="The page, cut out as OMRChecker does.", exists=True)],
    out: Out = Path("draft.json"),
    name: Name = None,
) -> None:
    """Make a draft of a template.json of OMRChecker: each of its labels becomes a field of marks."""
    from digitmill.forms.imported import from_omrchecker as imported  # noqa: PLC0415

    picture = _grey(page.read_bytes(), 0)
    height, width = picture.shape
    _write(out, imported(template.read_bytes(), _name(name, template), (width, height)), picture)


def check(
    template: Annotated[Path, typer.Argument(help="The template as JSON.", exists=True)],
    reference: Annotated[Path | None, typer.Option(help="Its picture, whose size is compared.", exists=True)] = None,
) -> None:
    """Say every fault of a template with its place, such as fields[3].boxes[2]."""
    from digitmill.forms.proposed import proposed  # noqa: PLC0415

    try:
        sound = proposed(template.read_bytes())
    except BadTemplate as error:
        say("\n".join(f"{one.field or 'template'}: {one.message}." for one in error.errors) or error.detail)
        raise typer.Exit(Exit.PROBLEM) from None
    if reference is not None:
        height, width = _grey(reference.read_bytes(), 0).shape
        if (width, height) != (sound.page.width, sound.page.height):
            say(f"page: The picture has {width} x {height} pixels, and the template says {sound.page.width} x "
                f"{sound.page.height}.")  # fmt: skip
            raise typer.Exit(Exit.PROBLEM)
    boxes = sum(len(field.quads) for field in sound.fields)
    say(f"{sound.label} is sound: {len(sound.fields)} fields, {boxes} boxes, {len(sound.checks)} checks.")


def try_page(
    template: Annotated[str, typer.Argument(help="NAME@VERSION of a published template, or a JSON file.")],
    pages: Annotated[list[Path], typer.Argument(help="Pages that are filled in.", exists=True)],
    reference: Annotated[
        Path | None, typer.Option(help="The picture of a JSON file; else the .png beside it.", exists=True)
    ] = None,
    number: PageNumber = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print each row as the service tells it.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Read pages by a template without storing anything, and print what stands in each field.

    Doubtful values are marked with a ?, and failed pages tell why. Needs a service that runs.
    """
    file = Path(template)
    picture = reference or file.with_suffix(".png")
    if "@" not in template and not picture.exists():
        raise BadTemplate(f"There is no {picture}. Name the picture of {file} by --reference.")
    failed = False
    with connect(url, key) as client:
        for page in pages:
            if "@" in template:
                name, _, version = template.partition("@")
                row = client.try_template(name, version, page, number=number)
            else:
                row = client.try_draft(file, picture, page, number=number)
            failed = failed or row.error is not None
            _print_tried(page, row, as_json=as_json)
    if failed:
        raise typer.Exit(Exit.PROBLEM)


def publish(template: TemplateFile, reference: ReferenceFile, url: Url = None, key: Key = None) -> None:
    """Publish a template for good, under the name and version in it."""
    with connect(url, key) as client:
        published = client.publish_template(template, reference)
    say(f"{published.label} is published. Submit pages with --template {published.label}.")


def list_templates(url: Url = None, key: Key = None) -> None:
    """List the templates, by name, oldest version first."""
    with connect(url, key) as client:
        for each in client.templates():
            page, fields = each.document["page"], each.document["field_count"]
            place = f"page {page['number']} of {page['of']}" if page["of"] > 1 else ""
            typer.echo(f"{each.label:<32}  {fields:>3} fields  {place:<14}  {printable(each.title)}".rstrip())


def show(
    label: Annotated[str, typer.Argument(help="NAME@VERSION.")],
    reference: Annotated[Path | None, typer.Option(help="File for its reference picture, a PNG.")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Print a template as JSON."""

    name, _, version = label.partition("@")
    with connect(url, key) as client:
        typer.echo(json.dumps(client.template(name, version).document, indent=1, ensure_ascii=False))
        if reference is not None:
            reference.write_bytes(client.reference(name, version))


def _print_tried(page: Path, row: Row, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**asdict(row), "name": str(page)}, ensure_ascii=False))
        return
    typer.echo(f"{printable(str(page))}: " + (row.error.detail if row.error else row.status))
    for name, field in (row.fields or {}).items():
        doubt = f"? {field.reason or ''}".rstrip() if field.status == "review" else ""
        sure = "" if field.confidence is None else f"{field.confidence:.1%}"
        typer.echo(f"  {name:<24} {printable(field.value or ''):<16} {sure:>7}  {doubt}".rstrip())
    for rule, holds in row.checks:
        if holds is False:
            typer.echo(f"  does not hold: {rule}")


def _name(name: str | None, file: Path) -> str:
    """A name that a template may have."""
    return name or re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")[:64] or "form"


def _grey(data: bytes, page: int) -> Grey:
    """The page as a grey picture, by a process of its own, as files of strangers are opened.

    Raises ItemFailure.
    """
    from digitmill.imaging.files.counting import count_pictures  # noqa: PLC0415

    drawers = _drawers()
    pages = drawers.count_pages(data) if PDF in data[:1024] else max(page + 1, count_pictures(data))
    return drawers.grey(data, page, pages)


def _drawers() -> Drawers:
    from digitmill.imaging.drawn.drawers import Drawers  # noqa: PLC0415

    return Drawers(Settings.load())


def _write(out: Path, document: dict[str, Any], picture: Grey) -> None:
    from digitmill.forms.printed import as_png  # noqa: PLC0415

    reference = out.with_suffix(".png")
    out.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    reference.write_bytes(as_png(picture))
    fields = len(document["fields"])
    if fields:
        say(f"{fields} {'field' if fields == 1 else 'fields'} in {out}, and the page in {reference}.")
    else:
        say(f"Nothing to fill in was found on the page. {out} has no fields yet; write them there by hand.")
