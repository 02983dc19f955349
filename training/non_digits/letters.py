"""Letters that nobody takes for a digit, from the strokes of a hand and from printing types.

Left out, for in some hand each is a digit: a B b D d G g I i J j l O o Q q r S s T u Y y Z z.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from training.non_digits.strokes import CANVAS, Picture, Points, bent, curve, drawn, line

HANDWRITTEN = {
    "A": "0,10 4,0 8,10 / 1.5,6.5 6.8,6.5",
    "C": "~ 7,1.5 5.5,.3 3,.5 .8,3 .3,6 1.2,8.8 3.5,10 6,9.5 7.5,8.3",
    "E": "6.5,0 0,0 0,10 6.8,10 / 0,5 5.5,5",
    "F": "7,0 0,0 0,10 / 0,5 5.5,5",
    "H": "0,0 0,10 / 7,0 7,10 / 0,5 7,5",
    "K": "0,0 0,10 / 6.5,0 0,5.6 / 1.2,4.8 7,10",
    "L": "0,0 0,10 6.5,10",
    "M": "0,10 1,0 5,7 9,0 10,10",
    "N": "0,10 0,0 7,10 7,0",
    "P": "0,10 0,0 / ~ 0,.2 3.5,0 6,1.2 6.2,3.4 4.5,5.2 .2,5.6",
    "R": "0,10 0,0 / ~ 0,.2 3.5,0 6,1.2 6.2,3.4 4.5,5 .2,5.4 / 2.5,5.2 7,10",
    "U": "~ 0,0 .1,4 .4,7.5 2,9.8 4.6,10 6.8,8.5 7.4,5 7.6,0",
    "V": "0,0 4,10 8,0",
    "W": "0,0 2.5,10 5,2.5 7.5,10 10,0",
    "X": "0,0 7.5,10 / 7.5,0 0,10",
    "e": "~ .4,5.2 3.5,5 6.4,4.6 6.2,1.8 3.8,.1 1.2,1.6 .1,5 1,8.4 3.6,10 6.8,8.8",
    "c": "~ 7,2 4.5,.2 1.8,1.2 .2,4.5 .6,8 3,10 5.5,9.8 7.6,8.4",
    "f": "~ 6.5,1.2 5,0 3.4,.8 2.9,3 2.8,7 2.6,10 / 0,4.4 5.8,4.2",
    "h": "0,0 0,10 / ~ 0,6.4 1.6,4.6 3.8,4.4 5,5.8 5.1,8 5.2,10",
    "k": "0,0 0,10 / 4.6,4 .2,7.2 / 1.2,6.4 5,10",
    "m": "0,1 0,10 / ~ 0,4 1.5,1.2 3.6,.6 4.6,2.4 4.7,10 / ~ 4.7,4 6.2,1.2 8.4,.6 9.6,2.4 9.8,10",
    "n": "0,.5 0,10 / ~ 0,4 2.2,1.2 5,.6 6.6,2.4 7,6 7,10",
    "p": "0,3 0,13 / ~ 0,4.4 2,3 4.4,3.2 5.6,5 5.2,7.2 3.2,8.6 0,8.2",
    "t": "~ 3,0 3,4 3,8 3.8,9.8 6,9.4 / 0,3.4 6,3.2",
    "w": "~ 0,0 .6,6 2,9.8 4,8.4 5,3.6 6,8.4 7.6,9.8 9.4,6 10,0",
}
"""Strokes parted by ``/``, of points x,y of a letter 10 high; ``~`` marks one to be drawn as a curve."""

PRINTED = "ACEFHKLMNPRUVWXcefhkmnptvwx"
SIGNS = "#%@*+=~<^¥ΞΨ«♥★"
TYPES = (
    "DejaVuSans.ttf",
    "DejaVuSans-Oblique.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSerif-Italic.ttf",
    "STIXGeneral.ttf",
    "STIXGeneralItalic.ttf",
    "STIXGeneralBol.ttf",
    "cmr10.ttf",
    "cmmi10.ttf",
    "cmss10.ttf",
    "cmtt10.ttf",
)
_TYPE_HEIGHT = 38
"""Pixels on the canvas that a glyph is high, or wide where it is wider."""


def handwritten(random: Generator) -> Picture:
    """A letter from a hand's strokes."""
    return drawn(_strokes(str(random.choice(tuple(HANDWRITTEN)))), random)


def printed(random: Generator) -> Picture:
    """A letter of a printing type, bent."""
    return bent(_glyph(str(random.choice(TYPES)), str(random.choice(tuple(PRINTED)))), random)


def sign(random: Generator) -> Picture:
    """A printed sign, bent. Left out are those like a digit: $ & £ € § ¶ ? ! / ( ) [ ] { } >."""
    return bent(_glyph("DejaVuSans.ttf", str(random.choice(tuple(SIGNS)))), random)


@cache
def _strokes(letter: str) -> tuple[Points, ...]:
    return tuple(_stroke(text.split()) for text in HANDWRITTEN[letter].split("/"))


def _stroke(words: list[str]) -> Points:
    points = [(float(x) / 10, float(y) / 10) for x, y in (word.split(",") for word in words if word != "~")]
    return curve(np.array(points)) if words[0] == "~" else line(*points)


@cache
def _glyph(type_file: str, character: str) -> Picture:
    """``character`` in the middle of a canvas, its longer side ``_TYPE_HEIGHT`` pixels."""
    path = Path(mpl.get_data_path(), "fonts", "ttf", type_file)
    left, top, right, bottom = ImageFont.truetype(path, 100).getbbox(character)
    font = ImageFont.truetype(path, 100 * _TYPE_HEIGHT / max(right - left, bottom - top))
    canvas = Image.new("L", (CANVAS, CANVAS))
    left, top, right, bottom = font.getbbox(character)
    middle = ((CANVAS - left - right) / 2, (CANVAS - top - bottom) / 2)
    ImageDraw.Draw(canvas).text(middle, character, fill=255, font=font)
    return np.asarray(canvas)
