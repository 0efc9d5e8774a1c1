"""Write trained weights as ONNX, with a manifest, after checking that both networks agree."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from ultralytics.nn.tasks import DetectionModel

from detector.errors import ModelError, TrainingError
from detector.golden import write_golden
from detector.letterbox import Letterbox
from detector.manifest import (
    MANIFEST_NAME,
    BoxUnit,
    ClassSpec,
    DecoderKind,
    Manifest,
    ModelInput,
    sha256_of,
    write_manifest,
)
from detector.model import DEFAULT_MODEL, SHIPPED_MODELS, Detector
from detector.pictures import read_picture
from detector.session import OnnxSession
from detector.training.card import draft_card
from detector.training.dataset import ShelfClass
from detector.training.network import (
    CHECKPOINT,
    build_model,
    find_weights,
    load_weights,
    read_checkpoint,
    write_checkpoint,
)
from detector.training.validation import NMS_IOU

OPSET = 17
SHIPPED_PICTURE = SHIPPED_MODELS / DEFAULT_MODEL / "golden.png"
STRIDE_PX = 32
AXES = f"batch of 1; height and width free, multiples of {STRIDE_PX} px"
#: Largest difference allowed between the two networks, in px of the input and in score.
MAX_BOX_DIFFERENCE_PX = 1.0
MAX_SCORE_DIFFERENCE = 0.02


@dataclass(frozen=True, slots=True)
class Exported:
    """What :func:`export` wrote, and how well both networks agreed.

    ``no_golden``: why the manifest has no golden picture; empty when it has one.
    """

    manifest: Manifest
    parity: tuple[Parity, ...]
    no_golden: str


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest differences between the trained and the exported network at one input size."""

    size_px: tuple[int, int]
    score: float
    box_px: float


def export(
    checkpoint: Path,
    folder: Path,
    *,
    name: str,
    version: str,
    licence: str,
    thresholds: Mapping[str, float],
    size_px: int = 640,
    facing_px: tuple[float, float] = (16.0, 160.0),
    picture: Path | None = None,
) -> Exported:
    """Write a model folder: network, manifest, card, checkpoint to train on from, golden picture.

    Height and width of the input are free (multiples of 32 px). Weights are stored in half
    precision, which halves the file; the runtime widens them at load and computes in float32.
    ``picture`` is the golden picture, and what both networks are compared on; default: that of the
    shipped model. A card that is there already is kept.
    Raises :class:`~detector.errors.TrainingError` when the exported network disagrees with the
    trained one; nothing but the network's file is then written.
    """
    path = find_weights(str(checkpoint))
    content = read_checkpoint(path)
    try:
        architecture = content["recipe"]["architecture"]
    except KeyError as error:
        raise TrainingError(
            f"{path}: expected a checkpoint that names its architecture, found no {error}"
        ) from error
    picture = SHIPPED_PICTURE if picture is None else picture
    compared_on = read_picture(picture)
    model = build_model(architecture)
    load_weights(model, content["model"], path)
    model.eval().fuse(verbose=False)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "model.onnx"
    _write_network(model, weights, size_px)
    halve_weights(weights)
    note(weights, {"opset": str(OPSET), "axes": AXES, "architecture": architecture})
    sizes = (size_px, size_px), (_multiple(size_px * 3 // 4), _multiple(size_px // 2))
    parity = check_parity(model, weights, compared_on, sizes)
    manifest = Manifest(
        name=name,
        version=version,
        sha256=sha256_of(weights),
        input=ModelInput(size_px=size_px, any_size_multiple_px=STRIDE_PX),
        decoder=DecoderKind.ULTRALYTICS,
        box_unit=BoxUnit.INPUT_PX,
        facing_px=facing_px,
        classes=tuple(
            ClassSpec(
                name=kind.name.lower(),
                threshold=thresholds[kind.name.lower()],
                nms_iou=NMS_IOU[kind] if kind is ShelfClass.GAP else None,
            )
            for kind in ShelfClass
        ),
        licence=licence,
    )
    write_manifest(manifest, folder / MANIFEST_NAME)
    card = folder / manifest.card
    if not card.exists():
        card.write_text(draft_card(manifest), encoding="utf-8")
    halved = {n: v.half() if v.is_floating_point() else v for n, v in content["model"].items()}
    write_checkpoint(
        folder / CHECKPOINT, {"model": halved, "recipe": {"architecture": architecture}}
    )
    no_golden = ""
    try:
        manifest = write_golden(Detector.load(folder), picture)
    except ModelError as error:
        no_golden = str(error)
    return Exported(manifest, parity, no_golden)


def _write_network(model: DetectionModel, weights: Path, size_px: int) -> None:
    head = model.model[-1]
    head.export, head.format, head.dynamic = True, "onnx", True
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # The exporter tells about itself, not about the model.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, size_px, size_px),),
            str(weights),
            opset_version=OPSET,
            input_names=["images"],
            output_names=["output0"],
            dynamic_axes={"images": {2: "height", 3: "width"}, "output0": {2: "places"}},
            dynamo=False,
        )


def note(path: Path, facts: Mapping[str, str]) -> None:
    """Write ``facts`` into an ONNX file's metadata, where `model info` reads them."""
    network = onnx.load(str(path))
    helper.set_model_props(network, dict(facts))
    onnx.save(network, str(path))


def halve_weights(path: Path, min_values: int = 64) -> None:
    """Store the large float32 weights of an ONNX file as float16, each widened by a Cast."""
    network = onnx.load(str(path))
    casts = []
    for weight in network.graph.initializer:
        if weight.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(weight)
        if values.size < min_values or np.abs(values).max() > 6e4:
            continue
        original = weight.name
        stored = numpy_helper.from_array(values.astype(np.float16), f"{original}_half")
        weight.CopyFrom(stored)
        casts.append(helper.make_node("Cast", [stored.name], [original], to=TensorProto.FLOAT))
    nodes = [*casts, *network.graph.node]
    del network.graph.node[:]
    network.graph.node.extend(nodes)
    onnx.checker.check_model(network)
    onnx.save(network, str(path))


def check_parity(
    model: torch.nn.Module,
    weights: Path,
    image_bgr: NDArray[np.uint8],
    sizes_px: Sequence[tuple[int, int]],
) -> tuple[Parity, ...]:
    """Compare both networks on a picture at each ``(width, height)`` of the input.

    Only places with a score above 0.05 count for boxes, since the others are never read. Raises
    :class:`~detector.errors.TrainingError` when they differ by more than the limits above.
    """
    session = OnnxSession(weights)
    result = []
    for size_px in sizes_px:
        height, width = image_bgr.shape[:2]
        boxed = Letterbox.fit((width, height), size_px).apply(image_bgr)
        blob = np.asarray(cv2.dnn.blobFromImage(boxed, 1 / 255, swapRB=True), dtype=np.float32)
        with torch.no_grad():
            output = model(torch.from_numpy(blob))
        expected = (output[0] if isinstance(output, tuple) else output).numpy()
        found = session.run("images", blob)
        if found.shape != expected.shape:
            raise TrainingError(f"{weights}: expected {expected.shape}, found {found.shape}")
        score = float(np.abs(found[:, 4:] - expected[:, 4:]).max())
        read = expected[0, 4:].max(axis=0) > 0.05
        shift = np.abs(found[0, :4, read] - expected[0, :4, read])
        box_px = float(shift.max()) if shift.size else 0.0
        if score > MAX_SCORE_DIFFERENCE or box_px > MAX_BOX_DIFFERENCE_PX:
            raise TrainingError(
                f"{weights}: expected the trained network's output, found scores off by "
                f"{score:.4f} and boxes off by {box_px:.2f} px at {size_px[0]}x{size_px[1]}"
            )
        result.append(Parity(size_px, score, box_px))
    return tuple(result)


def _multiple(side: int) -> int:
    return max(1, round(side / STRIDE_PX)) * STRIDE_PX
