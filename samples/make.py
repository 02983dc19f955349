"""Makes the samples again: ``python samples/make.py DATA``, with mnist.npz and forms/hsf below DATA.

The name of every sample begins with its label; the number is the image's in its source.
"""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
A_ZIP_DATE = (2026, 1, 1, 0, 0, 0)  # one date for all, so that the same data gives the same bytes

Sample = tuple[str, str, bytes]  # label, name, content


def encoded(image: Image.Image, kind: str) -> bytes:
    if kind == "16bit.png":
        image = Image.fromarray(np.asarray(image, np.uint16) * 257)
    ending = kind.rpartition(".")[2]
    formats = {"jpg": "JPEG", "tif": "TIFF", "png": "PNG", "bmp": "BMP"}
    file = io.BytesIO()
    image.save(file, formats[ending])
    return file.getvalue()


def from_mnist(data: Path, per_digit: int) -> Iterator[Sample]:
    """The first images of each digit in the test part, light on dark."""
    with np.load(data / "mnist.npz") as arrays:
        images, labels = arrays["x_test"], arrays["y_test"]
    for digit in range(10):
        for index in np.flatnonzero(labels == digit)[:per_digit]:
            yield str(digit), f"{digit}_mnist_{index:05}.png", encoded(Image.fromarray(images[index]), "png")


def from_form(data: Path, page: str, per_digit: int, kinds: tuple[str, ...]) -> Iterator[Sample]:
    """The first boxes of each digit on a form, dark on light."""
    folder = data / "forms" / "hsf"
    scan = Image.open(folder / page).convert("L")
    form = Path(page).stem.replace("_", "-")
    with (folder / "boxes.csv").open(newline="") as file:
        boxes = [(number, box) for number, box in enumerate(csv.DictReader(file)) if box["page"] == page]
    kind = cycle(kinds)
    for digit in "0123456789":
        for number, box in [(number, box) for number, box in boxes if box["label"] == digit][:per_digit]:
            left, top, right, bottom = (round(float(box[edge])) for edge in ("x0", "y0", "x2", "y2"))
            crop = scan.crop((left, top, right, bottom))
            ending = next(kind)
            yield digit, f"{digit}_{form}_{number:03}.{ending}", encoded(crop, ending)


def from_fields(data: Path, one_in: int) -> Iterator[Sample]:
    """One in so many fields of several digits of both forms, as cut with their boxes."""
    folder = data / "forms" / "hsf"
    with (folder / "fields.csv").open(newline="") as file:
        fields = list(csv.DictReader(file))
    for number, field in list(enumerate(fields))[::one_in]:
        left, top, width, height = (int(field[name]) for name in ("x", "y", "w", "h"))
        crop = Image.open(folder / field["page"]).convert("L").crop((left, top, left + width, top + height))
        form = Path(field["page"]).stem.replace("_", "-")
        yield field["label"], f"{field['label']}_{form}_{number:02}.png", encoded(crop, "png")


def odd_ones(data: Path) -> Iterator[Sample]:
    paper = Image.open(data / "forms" / "hsf" / "hsf_1989.jpg").convert("L").crop((380, 740, 420, 780))
    yield "blank", "blank_hsf-1989_paper.png", encoded(paper, "png")
    whole = encoded(paper, "jpg")
    yield "broken", "broken_hsf-1989_truncated.jpg", whole[: len(whole) // 2]


def main() -> None:
    data = Path(sys.argv[1])
    large = list(from_form(data, "hsf_w4164.png", 3, ("png", "jpg", "tif", "16bit.png")))
    loose = large[2::9]
    zipped = [*from_mnist(data, 1), *(sample for sample in large if sample not in loose)]
    zipped += [*from_form(data, "hsf_1989.jpg", 1, ("png", "bmp")), *odd_ones(data)]
    for packed, some in (("digits.zip", zipped), ("numbers.zip", list(from_fields(data, 4)))):
        with zipfile.ZipFile(HERE / packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for _, name, content in some:
                archive.writestr(zipfile.ZipInfo(name, A_ZIP_DATE), content, zipfile.ZIP_DEFLATED)
    for _, name, content in loose:
        (HERE / name).write_bytes(content)
    with (HERE / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("name", "label"))
        writer.writerows((name, label) for label, name, _ in zipped + loose)


if __name__ == "__main__":
    main()
