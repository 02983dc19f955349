"""The Keras engine: TensorFlow runs the ``.keras`` file itself.

Batches are padded to a few fixed sizes, each compiled once: ``model.predict`` in a loop grows memory and a
new batch size retraces the graph (keras#13118).
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitmill.errors import EngineUnavailable, ModelRejected
from digitmill.models.engines.base import Batch, Probabilities
from digitmill.programs import loading
from digitmill.settings import DeviceName

BATCH_SIZES = (1, 16, 128, 512)
PIXELS = (28, 28)


class KerasEngine:
    """A Keras model that reads float32 [n, 28, 28, 1] in 0..1 and ends in a softmax."""

    name = "keras"
    precision = "f32"

    def __init__(self, path: Path, *, classes: int, device: DeviceName, threads: int) -> None:
        """Load ``path``, a ``.keras`` file. TensorFlow is imported here and keeps its thread count for good.

        Raises:
            EngineUnavailable: TensorFlow is not installed, there is no GPU though ``device`` asks for one, or
                TensorFlow already runs in this process with another device or number of threads.
            ModelRejected: the file is not a Keras model that is safe to load, or not one of this shape.
        """
        self.device = configure(device, threads)
        self._functions = _compiled(load_network(path, classes))
        self._classes = classes

    def probabilities(self, batch: Batch, sure: NDArray[np.float64] | float = 0.0) -> Probabilities:  # noqa: ARG002
        answer = np.empty((len(batch), self._classes), np.float32)
        for start, stop, size in _pieces(len(batch)):
            piece = batch[start:stop]
            if stop - start < size:
                piece = np.zeros((size, *PIXELS), np.uint8)
                piece[: stop - start] = batch[start:stop]
            answer[start:stop] = self._functions[size](piece)[: stop - start]
        return answer

    def warm_up(self) -> None:
        for size in BATCH_SIZES:
            self.probabilities(np.zeros((size, *PIXELS), np.uint8))


def _pieces(count: int) -> Iterator[tuple[int, int, int]]:
    """Cut ``count`` rows into (start, stop, batch size), never padding to more than twice the rows."""
    start = 0
    while start < count:
        left = count - start
        size = next((size for size in BATCH_SIZES if left <= size), BATCH_SIZES[-1])
        if size > 2 * left:
            size = max(smaller for smaller in BATCH_SIZES if smaller <= left)
        stop = min(start + size, count)
        yield start, stop, size
        start = stop


def configure(device: DeviceName, threads: int) -> str:
    """Set devices and threads before TensorFlow starts its context; the device that was taken.

    Raises:
        EngineUnavailable: TensorFlow is not installed, there is no GPU, or TensorFlow already runs with another
            device or thread count.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with loading():
            import tensorflow as tf
    except ModuleNotFoundError as error:
        raise EngineUnavailable(
            "TensorFlow is not installed here, and without it a .keras file can neither be run nor converted. Install "
            "digitmill[train], in containers take the image digitmill-gpu for workers, or take a model that was "
            "published with its files for OpenVINO."
        ) from error

    present = tf.config.list_physical_devices("GPU")
    if device is DeviceName.GPU and not present:
        raise EngineUnavailable(
            "TensorFlow sees no GPU on this machine. Set DIGITMILL_DEVICE to cpu or auto, or install the "
            "GPU's driver and TensorFlow with CUDA."
        )
    taken = [] if device is DeviceName.CPU else present
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.set_visible_devices(taken, "GPU")
        for gpu in taken:
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError as error:
        raise EngineUnavailable(
            f"TensorFlow already runs in this process with other settings ({error}). Load every model of a "
            "process with the same device and number of threads."
        ) from error
    return "gpu" if taken else "cpu"


def load_network(path: Path, classes: int | None) -> Any:
    """The Keras model in ``path``; with None of any number of classes. Raises ModelRejected as the engine does."""
    with loading():
        import keras

    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ModelRejected(f"{path.name} is not a .keras file. Save the model with model.save('model.keras').")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, OSError) as error:
        raise ModelRejected(
            f"Keras cannot load {path.name} in safe mode: {error}. Use built-in layers only, no Lambda, "
            "and save it with the Keras of requirements.txt."
        ) from error
    shapes = (getattr(model, "input_shape", None), getattr(model, "output_shape", None))
    if classes is not None and shapes != ((None, *PIXELS, 1), (None, classes)):
        raise ModelRejected(f"{path.name} maps {shapes[0]} to {shapes[1]}, not (None, 28, 28, 1) to (None, {classes}).")
    return model


def multiply_adds(network: Any) -> int:
    """Multiplications with an addition that one image costs, in convolutions and dense layers of a Keras model."""
    from keras import layers

    total = 0
    for layer in network.layers:
        if isinstance(layer, layers.Conv2D):
            total += int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:3]))
        elif isinstance(layer, layers.Dense):
            total += int(np.prod(layer.kernel.shape))
        elif hasattr(layer, "layers"):
            total += multiply_adds(layer)
    return total


def _compiled(model: Any) -> dict[int, Callable[[Batch], Probabilities]]:
    """One concrete function for each batch size, uint8 pixels in and probabilities out."""
    import tensorflow as tf

    def forward(pixels: Any) -> Any:
        return model(tf.cast(pixels[..., None], tf.float32) / 255.0, training=False)

    traced = tf.function(forward, autograph=False)

    def compiled(size: int) -> Callable[[Batch], Probabilities]:
        function = traced.get_concrete_function(tf.TensorSpec((size, *PIXELS), tf.uint8))
        return lambda pixels: np.asarray(function(tf.constant(pixels)))

    return {size: compiled(size) for size in BATCH_SIZES}
