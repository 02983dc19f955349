"""Draw docs/pictures/samples.png: what a running service reads in the samples.

python samples/picture.py http://127.0.0.1:8000
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from digitmill.client import Client, Row

HERE = Path(__file__).parent
OUT = HERE.parent / "docs" / "pictures" / "samples.png"
COLUMNS, CELL_WIDTH, CELL_HEIGHT, CROP = 12, 84, 118, 64
INK = {"recognized": "#0b5d1e", "review": "#8a4b00", "blank": "#555555", "failed": "#a3121f"}


def main(url: str) -> None:
    with Client(url) as client:
        job = client.wait(client.submit([HERE / "digits.zip"]).id)
        cells = [(row, client.image(job.id, row.index)) for row in client.results(job.id)]
    lines = -(-len(cells) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * CELL_WIDTH, lines * CELL_HEIGHT), "white")
    for number, (row, data) in enumerate(cells):
        sheet.paste(cell(row, data), (number % COLUMNS * CELL_WIDTH, number // COLUMNS * CELL_HEIGHT))
    OUT.parent.mkdir(exist_ok=True)
    sheet.quantize(64).save(OUT, optimize=True)


def cell(row: Row, data: bytes) -> Image.Image:
    """One crop, and under it what the service says."""
    picture = Image.new("RGB", (CELL_WIDTH, CELL_HEIGHT), "white")
    crop = opened(data)
    crop.thumbnail((CROP, CROP))
    scale = CROP / max(crop.size)
    crop = crop.resize((max(1, round(crop.width * scale)), max(1, round(crop.height * scale))))
    picture.paste(crop, ((CELL_WIDTH - crop.width) // 2, 8 + (CROP - crop.height) // 2))
    draw = ImageDraw.Draw(picture)
    answer = row.status if row.prediction is None else f"{row.prediction}"
    sureness = "" if row.confidence is None else f"{row.confidence:.4f}"
    if row.status == "review":
        sureness += " ?"
    for text, top, size in ((answer, 76, 17), (sureness, 97, 13)):
        font = ImageFont.load_default(size)
        draw.text((CELL_WIDTH // 2, top), text, INK[row.status], font, anchor="mt")
    return picture


def opened(data: bytes) -> Image.Image:
    """The upload as it looks; a grey cross where it is no picture."""
    image: Image.Image
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except (UnidentifiedImageError, OSError):
        image = Image.new("L", (CROP, CROP), 255)
        ImageDraw.Draw(image).line((8, 8, CROP - 8, CROP - 8), 160, 3)
        ImageDraw.Draw(image).line((8, CROP - 8, CROP - 8, 8), 160, 3)
    if image.mode.startswith("I"):
        image = image.point(lambda value: value / 256).convert("L")
    return image.convert("RGB")


if __name__ == "__main__":
    main(sys.argv[1])
