"""The network that reads strips as one sequence, in OpenVINO on the CPU, whatever engine the other network has.

It is small and is asked once a strip. Strips differ in width, which OpenVINO prepares itself for once each.
"""

from __future__ import annotations

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from digitmill.errors import ModelRejected
from digitmill.models.engines.base import Converted
from digitmill.models.engines.openvino import import_openvino, request_of
from digitmill.settings import PrecisionName
from digitmill.strips.sequence import HEIGHT, OUTPUTS

SHAPES = [[f"[?,{HEIGHT},?,1]"], [f"[?,?,{OUTPUTS}]"]]
"""Of its one input and its one output."""


class OpenVinoSequence:
    """A converted network that reads uint8 [1, 40, width, 1] and ends in log probabilities [1, columns, 12]."""

    def __init__(self, files: Converted, weight: float, threads: int) -> None:
        """Load ``files``. ``weight``: see ``SequenceNetwork``.

        Raises:
            EngineUnavailable: OpenVINO is not installed.
            ModelRejected: the files are not a network of this shape.
        """
        self.weight = weight
        core = import_openvino().Core()
        try:
            network = core.read_model(str(files.graph), str(files.weights))
        except RuntimeError as error:
            raise ModelRejected(f"OpenVINO cannot load {files.graph}: {error}. Publish the model again.") from error
        shapes = [[str(port.get_partial_shape()) for port in ports] for ports in (network.inputs, network.outputs)]
        if shapes != SHAPES:
            raise ModelRejected(f"{files.graph} maps {shapes[0]} to {shapes[1]}. Publish the model again.")
        self._request = request_of(core, network, PrecisionName.F32, threads)
        self._lock = Lock()

    def columns(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Log probabilities float32 [columns, 12] of a strip's picture, uint8 [40, width]."""
        with self._lock:
            return np.array(self._request.infer([np.ascontiguousarray(picture)[None, :, :, None]])[0][0], np.float32)
