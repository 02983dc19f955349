"""A converted model in int8: post-training quantisation by NNCF, when a model is published.

``python -m digitmill.models.engines.quantisation model.xml int8.xml pictures.npy`` does it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from digitmill.errors import EngineUnavailable
from digitmill.models.engines.base import Batch, Converted
from digitmill.models.engines.openvino import import_openvino
from digitmill.programs import loading

ROWS = 20
"""Pictures that are looked at together."""
SECONDS = 300


def load_nncf() -> bool:
    """Import NNCF now, and say whether it is installed."""
    # first, for it keeps both from sending reports to their maker
    import_openvino()
    try:
        with loading():
            import nncf  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def quantise_apart(files: Converted, target: Converted, pictures: Batch) -> Converted:
    """Write ``files``, a model in f32, to ``target`` with its layers in int8.

    NNCF changes the log of the process that imports it, hence another one.

    Args:
        pictures: uint8 [n, 28, 28], at least ``ROWS``, from which the range of each layer's values is taken.

    Raises:
        EngineUnavailable: OpenVINO or NNCF is not installed, or NNCF cannot quantise this model.
    """
    with TemporaryDirectory() as folder:
        saved = Path(folder) / "pictures.npy"
        np.save(saved, pictures)
        command = [sys.executable, "-m", __name__, str(files.graph), str(target.graph), str(saved)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603 (ours)
    if done.returncode != 0:
        raise EngineUnavailable(
            f"The model could not be quantised to int8: {done.stderr.strip()[-500:]} Install requirements.txt, and use "
            "layers that NNCF knows."
        )
    return target


def quantise(graph: Path, target: Path, pictures: Batch) -> None:
    """Post-training quantisation (Jacob et al., "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", 2018), weights and values alike.

    Weights take half of int8's range: CPUs without VNNI add up pairs of products in 16 bits, which the whole range
    overflows. So every CPU gives the same answers.
    """
    # first, for it keeps both from sending reports to their maker
    openvino = import_openvino()
    with loading():
        import nncf
        from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

    batches = [pictures[start : start + ROWS, ..., None] for start in range(0, len(pictures) - ROWS + 1, ROWS)]
    quantised = nncf.quantize(
        openvino.Core().read_model(str(graph)),
        nncf.Dataset(batches),
        subset_size=len(batches),
        preset=nncf.QuantizationPreset.PERFORMANCE,
        advanced_parameters=AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE),
    )
    openvino.save_model(quantised, str(target), compress_to_fp16=False)


if __name__ == "__main__":
    quantise(Path(sys.argv[1]), Path(sys.argv[2]), np.load(sys.argv[3]))
