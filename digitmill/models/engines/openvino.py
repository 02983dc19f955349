"""The OpenVINO engine: a model converted from its ``.keras`` file (``conversion.py``) runs on the CPU.

TensorFlow and Keras are not needed, nor loaded. Batches go through in pieces of at most ``PIECE`` rows, which stay
in the processor's cache; OpenVINO prepares every batch size once, so there are few of them.

``bf16`` halves the time and costs three digits of a confidence; ``int8`` takes a third and costs two. Rows that are
then not sure are answered again in f32; for the others the loss is small, since the slope of a softmax near 1 is
nearly 0.
"""

from __future__ import annotations

import sys
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS
from digitmill.errors import EngineUnavailable, ModelRejected
from digitmill.models.engines.base import Batch, Converted, Probabilities
from digitmill.programs import loading
from digitmill.settings import PrecisionName

PIECE = 32
"""Rows; from 16 to 512 the speed was the same."""
SURE = 0.99
"""Whoever knows where answers are parted into accepted and doubtful says how sure a row must be; this is the least."""
PIXELS = (28, 28)


class OpenVinoEngine:
    """A converted model that reads uint8 [n, 28, 28, 1] and ends in a softmax."""

    name = "openvino"
    device = "cpu"

    def __init__(
        self,
        files: Converted,
        *,
        classes: int,
        precision: PrecisionName,
        threads: int,
        int8: Converted | None = None,
        sure: float = SURE,
    ) -> None:
        """Load ``files``. ``precision`` is ``f32``, ``bf16``, or ``int8`` with the quantised files in ``int8``.

        Args:
            sure: rows whose best digit has a lower probability than this are answered in f32.

        Raises:
            EngineUnavailable: OpenVINO is not installed, or the CPU cannot compute in this precision.
            ModelRejected: the files are not a model of this shape.
        """
        core = import_openvino().Core()
        if precision is PrecisionName.BF16 and not _computes_bf16(core):
            raise EngineUnavailable(
                "This CPU has no bf16 arithmetic (AVX-512 BF16 or AMX). Set DIGITMILL_PRECISION to auto or f32."
            )
        self.precision = precision.value
        network = _read(core, files, classes)
        self._classes = classes
        self._sure = sure
        self._exact = request_of(core, network, PrecisionName.F32, threads)
        self._fast = None
        if precision is PrecisionName.BF16:
            self._fast = request_of(core, network, precision, threads)
        elif precision is PrecisionName.INT8:
            if int8 is None:
                raise EngineUnavailable("This model has no int8. Set DIGITMILL_PRECISION to auto.")
            # its layers of int8 are in the graph; what is between them is computed in f32
            self._fast = request_of(core, _read(core, int8, classes), PrecisionName.F32, threads)
        self._lock = Lock()

    def probabilities(self, batch: Batch, sure: NDArray[np.float64] | float = 0.0) -> Probabilities:
        with self._lock:
            if self._fast is None:
                return self._run(self._exact, batch)
            answer = self._run(self._fast, batch)
            doubtful = np.flatnonzero(answer[:, : len(DIGITS)].max(axis=1) < np.maximum(self._sure, sure))
            answer[doubtful] = self._run(self._exact, batch[doubtful])
            return answer

    def warm_up(self) -> None:
        with self._lock:
            for request in filter(None, (self._exact, self._fast)):
                for size in range(1, PIECE + 1):
                    self._run(request, np.zeros((size, *PIXELS), np.uint8))

    def _run(self, request: Any, batch: Batch) -> Probabilities:
        answer = np.empty((len(batch), self._classes), np.float32)
        pixels = np.ascontiguousarray(batch)[..., None]
        for start in range(0, len(batch), PIECE):
            piece = pixels[start : start + PIECE]
            answer[start : start + PIECE] = request.infer([piece], share_inputs=True, share_outputs=True)[0]
        return answer


def import_openvino() -> Any:
    """The module ``openvino``, without the reports that it would send to its maker whenever it is imported.

    Raises:
        EngineUnavailable: it is not installed.
    """
    # a module that is None counts as not installed, and OpenVINO goes without
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None is what Python asks for here
    try:
        with loading():
            import openvino
    except ModuleNotFoundError as error:
        raise EngineUnavailable(
            "OpenVINO is not installed here. Install digitmill[service], or set DIGITMILL_ENGINE to keras or auto."
        ) from error
    return openvino


def has_bf16() -> bool:
    """Whether this CPU computes in bf16 by itself. Raises EngineUnavailable where OpenVINO is not installed."""
    return _computes_bf16(import_openvino().Core())


def _computes_bf16(core: Any) -> bool:
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _read(core: Any, files: Converted, classes: int) -> Any:
    try:
        network = core.read_model(str(files.graph), str(files.weights))
    except RuntimeError as error:
        raise ModelRejected(f"OpenVINO cannot load {files.graph}: {error}. Publish the model again.") from error
    shapes = [[str(port.get_partial_shape()) for port in ports] for ports in (network.inputs, network.outputs)]
    if shapes != [["[?,28,28,1]"], [f"[?,{classes}]"]]:
        raise ModelRejected(
            f"{files.graph} maps {shapes[0]} to {shapes[1]}, not [?,28,28,1] to [?,{classes}]. Publish the model again."
        )
    return network


def request_of(core: Any, network: Any, precision: PrecisionName, threads: int) -> Any:
    """A compiled ``network``, ready to be asked."""
    settings = {
        "INFERENCE_PRECISION_HINT": precision.value,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        # processes that pin themselves all take the same core
        "ENABLE_CPU_PINNING": False,
    }
    return core.compile_model(network, "CPU", settings).create_infer_request()
