"""A model in 8 bits: calibrated on pictures, the parts that lose by it left in float.

This module imports onnx and ONNX Runtime's quantization tools, never its sessions.

Weights are int8 for each channel, activations uint8; the runtime sees pairs of QuantizeLinear and
DequantizeLinear nodes and fuses them where it can. What decodes boxes from the last convolutions
stays in float, and with it as many convolutions before the output as the loss asks for: the
candidates are measured in turn, from the smallest to the surest.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import (
    CalibrationDataReader,
    TensorsData,
    create_calibrator,
)
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.shape_inference import quant_pre_process

from detector.boxes import FloatArray
from detector.errors import TrainingError
from detector.golden import write_golden
from detector.manifest import MANIFEST_NAME, sha256_of, write_manifest
from detector.model import Detector

#: Operations that are worth 8 bits in a detector: the convolutions and what lies between them.
OPERATIONS = ("Conv", "Sigmoid", "Mul", "Add", "Concat", "MaxPool", "Resize", "Split")
#: Convolutions before the output that stay in float, from the smallest candidate to the surest.
FLOAT_DEPTHS = (0, 1, 2, 5)


class QuantizedWorseError(TrainingError):
    """No candidate in 8 bits is good enough; nothing was written."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to quantize: so many convolutions before the output in float.

    ``ap50``: by class, on the validation side.
    """

    float_convolutions: int
    ap50: Mapping[str, float]

    def loss(self, before: Mapping[str, float]) -> float:
        """By how much the mean AP50 of the classes is below ``before``; may be negative."""
        return mean_ap50(before) - mean_ap50(self.ap50)


@dataclass(frozen=True, slots=True)
class Quantized:
    """What :func:`quantize` kept. ``before`` is the float model's AP50 by class."""

    model: Detector
    kept: Candidate
    before: Mapping[str, float]
    tried: tuple[Candidate, ...]


def quantize(
    model: Detector,
    inputs: Iterable[FloatArray],
    out: Path,
    *,
    ap50_of: Callable[[Detector], Mapping[str, float]],
    max_loss: float,
    report: Callable[[str], None] = lambda _line: None,
) -> Quantized:
    """Write ``model`` in 8 bits to the folder ``out``, with manifest, card and golden picture.

    ``inputs``: what the network is given of pictures of real shelves, from the training side.
    ``ap50_of``: AP50 by class on the validation side. The first candidate that loses at most
    ``max_loss`` of the mean is kept. Raises :class:`QuantizedWorseError` when none does.
    """
    manifest = model.manifest
    network = float_network(model.manifest_path.parent / manifest.file)
    report("calibrating")
    ranges = calibrate(network, inputs)
    before = ap50_of(model)
    report(f"float: {_words(before)}")
    tried: list[Candidate] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = folder / "model.onnx"
        for depth in FLOAT_DEPTHS:
            onnx.save(quantized(network, ranges, near_output(network, depth)), str(weights))
            changes = {
                "name": f"{manifest.name}-int8",
                "file": weights.name,
                "sha256": sha256_of(weights),
                "golden": None,
            }
            write_manifest(manifest.model_copy(update=changes), folder / MANIFEST_NAME)
            candidate = Candidate(depth, ap50_of(Detector.load(folder)))
            tried.append(candidate)
            loss = candidate.loss(before)
            report(f"{depth} last convolutions in float: {_words(candidate.ap50)}, loss {loss:.4f}")
            if loss <= max_loss:
                break
        else:
            least = min(one.loss(before) for one in tried)
            raise QuantizedWorseError(
                f"{manifest.name}: expected a loss in AP50 of at most {max_loss:g}, found "
                f"{least:.4f} at best, with {FLOAT_DEPTHS[-1]} convolutions before the output in "
                "float; nothing was written. Calibrate on more pictures, or keep the float model"
            )
        out.mkdir(parents=True, exist_ok=True)
        shutil.copy(weights, out / weights.name)
        shutil.copy(folder / MANIFEST_NAME, out / MANIFEST_NAME)
    loaded = Detector.load(out)
    if manifest.golden is not None:
        write_golden(loaded, model.manifest_path.parent / manifest.golden.picture)
        loaded = Detector.load(out)
    (out / manifest.card).write_text(card_of(model, candidate, before), encoding="utf-8")
    return Quantized(loaded, candidate, before, tuple(tried))


def mean_ap50(by_class: Mapping[str, float]) -> float:
    """The mean over classes that have labels."""
    known = [value for value in by_class.values() if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def card_of(model: Detector, kept: Candidate, before: Mapping[str, float]) -> str:
    """The card of the quantized model; for everything else it points to the float model's."""
    manifest = model.manifest
    lines = [
        "| class | AP50 in float | AP50 in 8 bits |",
        "| --- | --- | --- |",
        *(f"| {name} | {before[name]:.3f} | {kept.ap50[name]:.3f} |" for name in before),
    ]
    return f"""# {manifest.name}-int8 {manifest.version}

{manifest.name} {manifest.version} (weights sha256 {manifest.sha256[:16]}) in 8 bits, written by
`shelfwatch model quantize`: int8 weights of 7 bits for each channel, uint8 activations. In float:
what follows the last convolutions, and {kept.float_convolutions} convolutions before the output.

## Data

Ranges of the activations: pictures of the training side. The rest: the card of {manifest.name}.

## Licence

{manifest.licence}, as {manifest.name}.

## Figures

Validation side, whole pictures; how much stays in float was chosen on them.

{chr(10).join(lines)}

## Known failures

Those of {manifest.name}.
"""


def _words(ap50: Mapping[str, float]) -> str:
    return "AP50 " + ", ".join(f"{name} {value:.3f}" for name, value in ap50.items())


def float_network(path: Path) -> onnx.ModelProto:
    """The network with all weights in float32, simplified for calibration."""
    network = onnx.load(str(path))
    widen_weights(network)
    with tempfile.TemporaryDirectory() as name:
        plain, ready = Path(name) / "plain.onnx", Path(name) / "ready.onnx"
        onnx.save(network, str(plain))
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
        return onnx.load(str(ready))


def widen_weights(network: onnx.ModelProto) -> None:
    """Replace each float16 weight that a Cast widens by its float32 values, in place."""
    graph = network.graph
    stored = {weight.name: weight for weight in graph.initializer}
    kept = []
    for node in graph.node:
        weight = stored.get(node.input[0]) if node.op_type == "Cast" else None
        if weight is None or weight.data_type != TensorProto.FLOAT16:
            kept.append(node)
            continue
        values = numpy_helper.to_array(weight).astype(np.float32)
        weight.CopyFrom(numpy_helper.from_array(values, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)


def calibrate(network: onnx.ModelProto, inputs: Iterable[FloatArray]) -> TensorsData:
    """The range of every activation over ``inputs``, each (1, 3, height, width)."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "network.onnx"
        onnx.save(network, str(path))
        calibrator = create_calibrator(
            str(path),
            list(OPERATIONS),
            augmented_model_path=str(Path(name) / "augmented.onnx"),
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"moving_average": True, "averaging_constant": 0.02},
        )
        for one in inputs:
            calibrator.collect_data(_Once({network.graph.input[0].name: one}))
        return calibrator.compute_data()


class _Once(CalibrationDataReader):  # type: ignore[misc]
    """One input, so that the calibrator need not hold the activations of all pictures."""

    def __init__(self, feed: Mapping[str, FloatArray]) -> None:
        self._feeds: Iterator[Mapping[str, FloatArray]] = iter([feed])

    def get_next(self) -> Any:
        return next(self._feeds, None)


def near_output(network: onnx.ModelProto, convolutions: int) -> list[str]:
    """Names of the nodes with at most ``convolutions`` convolutions on any way to the output.

    A convolution counts itself; with 0 these are the nodes after the last ones. The longest way
    counts, so that a head is reached before the trunk whose shortcuts lead to it.
    """
    depths: dict[str, int] = {}
    near = []
    for node in reversed(network.graph.node):
        below = max((depths.get(output, 0) for output in node.output), default=0)
        depth = below + (node.op_type == "Conv")
        for value in node.input:
            depths[value] = max(depths.get(value, 0), depth)
        if depth <= convolutions:
            near.append(node.name)
    return sorted(near)


def quantized(
    network: onnx.ModelProto, ranges: TensorsData, float_nodes: list[str]
) -> onnx.ModelProto:
    """The network in 8 bits, but for ``float_nodes``.

    Weights keep 7 bits (``reduce_range``): processors without VNNI add products of 8 x 8 bits in
    16 bits, which would overflow.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    quantizer = QDQQuantizer(
        copy,
        per_channel=True,
        reduce_range=True,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=ranges,
        nodes_to_quantize=[],
        nodes_to_exclude=float_nodes,
        op_types_to_quantize=list(OPERATIONS),
        extra_options={},
    )
    quantizer.quantize_model()
    return quantizer.model.model
