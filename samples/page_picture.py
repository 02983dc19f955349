"""Draw docs/pictures/pages.png: a page as it came, as it was read, and the table of all pages of the sample.

python samples/page_picture.py http://127.0.0.1:8000
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from digitmill.client import Client, Row

HERE = Path(__file__).parent
OUT = HERE.parent / "docs" / "pictures" / "pages.png"
SHOWN = 1
"""The row of the page that is drawn: a photograph."""
WIDTH, HEIGHT, GAP, LINE = 1000, 400, 20, 26
UPPER = 0.47
"""Of the page that was read, so much has fields."""
INK = {"recognized": "#0b5d1e", "review": "#8a4b00"}


def main(url: str) -> None:
    with Client(url) as client:
        label = client.publish_template(HERE / "tally.json", HERE / "tally.png").label
        job = client.wait(client.submit([HERE / "tally-pages.zip"], read="form", template=label).id)
        rows = list(client.results(job.id))
        came = Image.open(io.BytesIO(client.image(job.id, SHOWN))).convert("RGB")
        read = Image.open(io.BytesIO(client.image(job.id, SHOWN, "marked"))).convert("RGB")
    came.thumbnail((WIDTH * 2 // 5, HEIGHT))
    read = read.crop((0, 0, read.width, round(UPPER * read.height)))
    read.thumbnail((WIDTH - came.width - 3 * GAP, HEIGHT))
    picture = Image.new("RGB", (WIDTH, HEIGHT + (len(rows) + 2) * LINE), "white")
    picture.paste(came, (0, (HEIGHT - came.height) // 2))
    pen = ImageDraw.Draw(picture)
    x, y = came.width + GAP, HEIGHT // 2
    pen.polygon([(x, y - 10), (x + GAP, y), (x, y + 10)], fill="#1d5a8e")
    left = x + 2 * GAP
    picture.paste(read, (left, (HEIGHT - read.height) // 2))
    pen.rectangle(
        (left, (HEIGHT - read.height) // 2, left + read.width, (HEIGHT + read.height) // 2), outline="#999999"
    )
    table(pen, rows)
    OUT.parent.mkdir(exist_ok=True)
    picture.quantize(160, dither=Image.Dither.NONE).save(OUT, optimize=True)


def table(pen: ImageDraw.ImageDraw, rows: list[Row]) -> None:
    """A line a page; what is to review has a question mark."""
    names = list(rows[0].fields or {})
    font = ImageFont.load_default(16)
    across = [8, 170, 270, *(270 + 110 * place for place in range(1, len(names) + 1))]
    for number, row in enumerate([None, *rows]):
        cells, colours = ["page", "status", *names], ["black"] * (2 + len(names))
        if row is not None:
            fields = [(row.fields or {})[name] for name in names]
            cells = [
                row.name,
                row.status,
                *((field.value or "") + "?" * (field.status == "review") for field in fields),
            ]
            colours = ["black", INK[row.status], *(INK.get(field.status, "black") for field in fields)]
        y = HEIGHT + LINE + number * LINE
        for x, cell, colour in zip(across, cells, colours, strict=False):
            pen.text((x, y), cell, fill=colour, font=font, anchor="lm")
        pen.line([(0, y + LINE // 2), (WIDTH, y + LINE // 2)], fill="black" if row is None else "#cccccc")


if __name__ == "__main__":
    main(sys.argv[1])
