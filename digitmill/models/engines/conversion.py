"""From a ``.keras`` file to the two files that OpenVINO runs; the one place that needs both frameworks.

``python -m digitmill.models.engines.conversion model.keras folder classes`` does it in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from digitmill.errors import DigitmillError, EngineUnavailable, ModelError, ModelRejected
from digitmill.models.engines.base import Converted
from digitmill.models.engines.keras import configure, load_network
from digitmill.models.engines.openvino import import_openvino
from digitmill.settings import DeviceName

SECONDS = 150
"""Importing TensorFlow takes most of the five that it needs on an idle machine."""
REFUSALS: dict[int, type[ModelError]] = {3: ModelRejected, 4: EngineUnavailable}
"""Exit statuses; the sentence is on standard output."""


def convert(model: Path, folder: Path, classes: int) -> Converted:
    """Write ``model`` to ``folder`` for OpenVINO: uint8 pixels [n, 28, 28, 1] in, weights in float32.

    Raises:
        EngineUnavailable: a framework is not installed.
        ModelRejected: the file is not a Keras model that is safe to load, or not one of this shape, or it
            contains what OpenVINO does not know.
    """
    openvino = import_openvino()
    network = load_network(model, classes)
    folder.mkdir(parents=True, exist_ok=True)
    files = converted_in(folder)
    with TemporaryDirectory() as saved:
        network.export(saved, verbose=False)
        try:
            graph = openvino.preprocess.PrePostProcessor(openvino.Core().read_model(saved))
            graph.input().tensor().set_element_type(openvino.Type.u8)
            graph.input().preprocess().convert_element_type(openvino.Type.f32).scale(255.0)
            openvino.save_model(graph.build(), str(files.graph), compress_to_fp16=False)
        except RuntimeError as error:
            raise ModelRejected(f"OpenVINO cannot run {model.name}: {error}. Use built-in layers only.") from error
    return files


def convert_apart(model: Path, folder: Path, classes: int) -> Converted:
    """The same in a process of its own, so that this one stays free of TensorFlow; only once for a ``folder``.

    Raises as ``convert``.
    """
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as temporary:
            complete = Path(temporary) / "complete"
            _run(model, complete, classes)
            try:
                complete.rename(folder)
            except OSError:
                # another process was faster
                if not folder.is_dir():
                    raise
    return converted_in(folder)


def converted_in(folder: Path) -> Converted:
    return Converted(folder / "model.xml", folder / "model.bin")


def _run(model: Path, folder: Path, classes: int) -> None:
    command = [sys.executable, "-m", __name__, str(model), str(folder), str(classes)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603 (ours)
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailable(
            f"The conversion of {model.name} for OpenVINO took more than {SECONDS} s. Publish the model again, "
            "which converts it, or set DIGITMILL_ENGINE to keras."
        ) from error
    if done.returncode in REFUSALS:
        raise REFUSALS[done.returncode](done.stdout.strip())
    if done.returncode != 0:
        raise EngineUnavailable(
            f"The conversion of {model.name} for OpenVINO ended with status {done.returncode}: "
            f"{done.stderr.strip()[-500:]} Publish the model again, which converts it, or set DIGITMILL_ENGINE to "
            "keras."
        )


def main(model: str, folder: str, classes: str) -> int:
    try:
        configure(DeviceName.CPU, 1)
        convert(Path(model), Path(folder), int(classes))
    except DigitmillError as error:
        sys.stdout.write(error.detail)
        return next(status for status, kind in REFUSALS.items() if isinstance(error, kind))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
