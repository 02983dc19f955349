"""Look at a stranger's model in a walled-in process of its own: ``python -m digitmill.publishing.examination``.

It is given a folder with ``uploaded.keras`` and ``request.json``, and leaves there ``model.keras``, written anew from
what Keras made of the upload, its conversions, and ``found.json``: what was found, or why it is refused.
``step`` holds the number of the step that is done.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Rule
from digitmill.errors import ModelBroken, ModelError, ModelTooLarge, ModelUnfit
from digitmill.imaging.drawn.memory import bounded_afterwards
from digitmill.models.engines.base import Batch, Converted, Engine, Probabilities
from digitmill.models.engines.conversion import convert
from digitmill.models.engines.keras import KerasEngine, configure, load_network, multiply_adds
from digitmill.models.engines.openvino import OpenVinoEngine, has_bf16, import_openvino
from digitmill.models.engines.quantisation import load_nncf, quantise
from digitmill.models.manifest import (
    INT8_GRAPH,
    INT8_WEIGHTS,
    LARGEST_DIFFERENCE,
    MODEL_FILE,
    OPENVINO_GRAPH,
    EngineAgreement,
)
from digitmill.models.reference import FIT, LAYOUTS, Part, load_reference, targets
from digitmill.models.runtime import calibrate, of_digits, sure_of
from digitmill.models.scores import fit_review_below, fit_temperature
from digitmill.publishing.card import Card, Examined
from digitmill.publishing.exchange import FOUND, REQUEST, STEP, UPLOADED, Found, Refused, Request
from digitmill.publishing.files import check_file
from digitmill.publishing.measuring import figures_of, measured
from digitmill.settings import DeviceName, EngineName, PrecisionName
from digitmill.system.walls import shut_in

LEAST_RIGHT = 0.5
"""Of MNIST's reference digits: a network that reads fewer was trained on other pictures than it is given here."""
PLAINEST = "mnist"
MOST_OFF = 1e-3
"""So far may the sum of probabilities be from 1."""
RANGES = 600
"""Pictures from which the ranges of int8 are taken."""
TIMED = 512
MOST_DETAIL = 600
TOO_MUCH_MEMORY = "The model takes too much memory. Take a smaller one."
OUT_OF_MEMORY = "ResourceExhaustedError"
"""TensorFlow's name for it."""


def main(folder: Path) -> int:
    request = Request.model_validate_json((folder / REQUEST).read_bytes())
    _load_libraries()
    with bounded_afterwards(request.memory_bytes):
        reference = load_reference()
    shut_in(seconds=request.seconds, file_bytes=request.file_bytes)
    found = _found(folder, request, reference)
    (folder / f"new-{FOUND}").write_text(found.model_dump_json())
    (folder / f"new-{FOUND}").replace(folder / FOUND)
    return 0


def _load_libraries() -> None:
    """Before the walls are up: libraries look around on their machine, and take memory that is not the model's."""
    configure(DeviceName.CPU, 1)
    import_openvino()
    load_nncf()


def _found(folder: Path, request: Request, reference: dict[str, Part]) -> Found:
    try:
        return Found(examined=_examined(folder, request, reference))
    except ModelError as error:
        return _refused(error.code, error.detail)
    except MemoryError:
        return _refused(ModelTooLarge.code, TOO_MUCH_MEMORY)
    except Exception as error:  # noqa: BLE001 (of what a stranger's network makes libraries raise nobody has a list)
        if type(error).__name__ == OUT_OF_MEMORY:
            return _refused(ModelTooLarge.code, TOO_MUCH_MEMORY)
        said = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
        return _refused(ModelBroken.code, f"Keras cannot run this model ({said[:200]}). Use built-in layers only.")


def _refused(code: str, detail: str) -> Found:
    """What libraries say may be pages."""
    short = detail if len(detail) <= MOST_DETAIL else f"{detail[:MOST_DETAIL].rstrip()}…."
    return Found(refused=Refused(code=code, detail=short))


def _examined(folder: Path, request: Request, reference: dict[str, Part]) -> Examined:
    default = None if request.default is None else measured(request.default, reference)
    layers = check_file((folder / UPLOADED).read_bytes(), request.most_weights)
    network = load_network(folder / UPLOADED, None)
    classes = _classes(network)
    network.save(folder / MODEL_FILE)
    _step(folder, 1)
    keras = KerasEngine(folder / MODEL_FILE, classes=classes, device=DeviceName.CPU, threads=1)
    answers = {name: _probabilities(keras, part.images) for name, part in reference.items()}
    fit = reference[FIT]
    temperature, review_below = _rule(request.card, answers.pop(FIT), fit, classes)
    calibrated = {name: calibrate(raw, temperature) for name, raw in answers.items()}
    figures = figures_of(calibrated, reference, review_below)
    if figures.reference[PLAINEST].accuracy < LEAST_RIGHT:
        raise ModelUnfit(
            f"It reads {figures.reference[PLAINEST].accuracy:.1%} of MNIST's digits right. It must take float32 "
            "pictures of 28x28 from 0 to 1, light ink on black, and answer with the digits in order."
        )
    _step(folder, 2)
    pictures = np.concatenate([reference[name].images for name in answers])
    expected = np.concatenate(list(answers.values()))
    sure = sure_of(Rule(temperature, review_below), request.card.doubtful_cut, classes)
    engines = _converted(folder, classes, fit, sure)
    agreements = tuple(
        _agreement(engine.probabilities(pictures), expected, temperature, PrecisionName(engine.precision))
        for engine in engines
    )
    if agreements[0].largest_difference > LARGEST_DIFFERENCE:
        raise ModelUnfit(
            "OpenVINO gives other answers than Keras: confidences differ by up to "
            f"{agreements[0].largest_difference:.3f}. "
            "Use built-in layers only, in float32."
        )
    _step(folder, 3)
    timed: list[Engine] = [keras, *engines]
    return Examined(
        classes=classes,
        parameters=int(network.count_params()),
        multiply_adds=max(1, multiply_adds(network)),
        layers=layers,
        temperature=temperature,
        review_below=review_below,
        figures=figures,
        default_figures=default,
        engines=agreements,
        images_a_second={f"{each.name}/{each.precision}": _speed(each, pictures) for each in timed},
    )


def _classes(network: Any) -> int:
    """How many the network tells apart. Raises ModelUnfit."""
    shapes = getattr(network, "input_shape", None), getattr(network, "output_shape", None)
    match shapes:
        case ((None, 28, 28, 1), (None, int(classes))) if classes in LAYOUTS:
            return classes
    known = ", ".join(map(str, LAYOUTS))
    raise ModelUnfit(
        f"It maps {str(shapes[0])[:80]} to {str(shapes[1])[:80]}. It must map (None, 28, 28, 1) to (None, N), N one of "
        f"{known}: the digits, and behind them nothing, one class for what is none, or the kinds of digits@9."
    )


def _probabilities(engine: Engine, images: Batch) -> Probabilities:
    """Its answers. Raises ModelUnfit where they are no probabilities."""
    found = engine.probabilities(images)
    if not np.isfinite(found).all() or found.min() < 0 or np.abs(found.sum(axis=1) - 1).max() > MOST_OFF:
        raise ModelUnfit(
            "Its outputs are no probabilities: they must not be negative and sum to 1. End it in a Dense layer with "
            "activation='softmax'."
        )
    return found


def _rule(card: Card, raw: Probabilities, fit: Part, classes: int) -> tuple[float, float]:
    """Temperature and threshold: the card's, or those that fit scans which no training here has seen."""
    own = fit.of(classes)
    known = own < classes
    temperature = card.temperature or fit_temperature(raw[known], targets(own[known], classes))
    if card.review_below is not None:
        return temperature, card.review_below
    calibrated = calibrate(raw, temperature)
    # as answers are accepted: only digits, and nothing else is right of a picture without one
    return temperature, fit_review_below(of_digits(calibrated), np.minimum(own, 10))


def _converted(folder: Path, classes: int, fit: Part, sure: float) -> list[OpenVinoEngine]:
    """The model in OpenVINO: in f32, then in int8 where NNCF is here and knows its layers, then in bf16 where the CPU
    computes in it. Rows less ``sure`` are answered in f32, as at work."""
    files = convert(folder / MODEL_FILE, (folder / OPENVINO_GRAPH).parent, classes)
    int8 = _quantised(folder, files, fit.images)
    precisions = [PrecisionName.F32]
    precisions += [PrecisionName.INT8] if int8 is not None else []
    precisions += [PrecisionName.BF16] if has_bf16() else []
    return [
        OpenVinoEngine(files, classes=classes, precision=each, threads=1, int8=int8, sure=sure) for each in precisions
    ]


def _quantised(folder: Path, files: Converted, images: Batch) -> Converted | None:
    if not load_nncf():
        return None
    target = Converted(folder / INT8_GRAPH, folder / INT8_WEIGHTS)
    rows = np.linspace(0, len(images) - 1, RANGES).astype(np.intp)
    try:
        quantise(files.graph, target.graph, images[rows])
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (NNCF raises whatever its parts do; without int8 the model answers in f32)
        for path in target:
            path.unlink(missing_ok=True)
        return None
    return target


def _agreement(
    raw: Probabilities, expected: Probabilities, temperature: float, precision: PrecisionName
) -> EngineAgreement:
    answers, wanted = calibrate(raw, temperature), calibrate(expected, temperature)
    return EngineAgreement(
        engine=EngineName.OPENVINO,
        precision=precision,
        images=len(answers),
        same_labels=int((answers.argmax(axis=1) == wanted.argmax(axis=1)).sum()),
        largest_difference=round(float(np.abs(answers.max(axis=1) - wanted.max(axis=1)).max()), 6),
    )


def _speed(engine: Engine, pictures: NDArray[np.uint8]) -> float:
    """Pictures a second, of one thread."""
    began = time.perf_counter()
    engine.probabilities(pictures[:TIMED])
    return round(TIMED / (time.perf_counter() - began), 1)


def _step(folder: Path, number: int) -> None:
    (folder / STEP).write_text(str(number))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
