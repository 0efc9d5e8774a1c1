"""Quantizing a network of two convolutions; needs the training tools."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml

onnx = pytest.importorskip("onnx", reason="needs the train extra")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from detector import Detector  # noqa: E402
from detector.manifest import sha256_of  # noqa: E402
from detector.training.quantize import (  # noqa: E402
    FLOAT_DEPTHS,
    Candidate,
    QuantizedWorseError,
    float_network,
    near_output,
    quantize,
)


def two_convolutions() -> onnx.ModelProto:
    """``images`` -> first -> SiLU -> last -> ``output0`` [1, 6, n]; first's weights are float16."""
    rng = np.random.default_rng(0)

    def values(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / 8).astype(np.float32)

    weights = [
        numpy_helper.from_array(values(16, 3, 8, 8).astype(np.float16), "w1_half"),
        numpy_helper.from_array(values(6, 16, 1, 1), "w2"),
        numpy_helper.from_array(np.array([1, 6, -1], np.int64), "shape"),
    ]
    nodes = [
        helper.make_node("Cast", ["w1_half"], ["w1"], "widen", to=TensorProto.FLOAT),
        helper.make_node("Conv", ["images", "w1"], ["a"], "first", strides=[8, 8]),
        helper.make_node("Sigmoid", ["a"], ["s"], "sigmoid"),
        helper.make_node("Mul", ["a", "s"], ["b"], "silu"),
        helper.make_node("Conv", ["b", "w2"], ["c"], "last"),
        helper.make_node("Reshape", ["c", "shape"], ["output0"], "flat"),
    ]
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, "height", "width"])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 6, "places"])
    graph = helper.make_graph(nodes, "two", [image], [output], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def model(tmp_path: Path) -> Detector:
    folder = tmp_path / "float"
    folder.mkdir()
    onnx.save(two_convolutions(), str(folder / "model.onnx"))
    manifest = {
        "name": "two",
        "version": "1",
        "sha256": sha256_of(folder / "model.onnx"),
        "input": {"size_px": 64, "any_size_multiple_px": 32},
        "decoder": "ultralytics",
        "classes": [{"name": n, "threshold": 0.3, "sku": "1"} for n in ("product", "gap")],
        "licence": "CC0-1.0",
    }
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    return Detector.load(folder)


@pytest.fixture
def inputs(model: Detector) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [
        model.input_of(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8).astype(np.uint8))
        for _ in range(4)
    ]


def test_stored_halves_become_float_again(model: Detector) -> None:
    """The quantizer finds weights, not casts, and they have the stored values."""
    network = float_network(model.manifest_path.parent / "model.onnx")
    assert not [node for node in network.graph.node if node.op_type == "Cast"]
    first = next(node for node in network.graph.node if node.name == "first")
    weights = {one.name: numpy_helper.to_array(one) for one in network.graph.initializer}
    stored = numpy_helper.to_array(two_convolutions().graph.initializer[0])
    assert weights[first.input[1]].dtype == np.float32
    assert np.array_equal(weights[first.input[1]], stored.astype(np.float32))


@pytest.mark.parametrize(
    ("convolutions", "names"),
    [
        (0, {"flat"}),
        (1, {"flat", "last", "silu", "sigmoid"}),
        (2, {"flat", "last", "silu", "sigmoid", "first"}),
    ],
)
def test_what_stays_in_float_is_counted_from_the_output(
    model: Detector, convolutions: int, names: set[str]
) -> None:
    """A convolution counts itself, and what lies before the next one belongs to it."""
    network = float_network(model.manifest_path.parent / "model.onnx")
    assert set(near_output(network, convolutions)) == names


def test_the_quantized_model_answers_as_the_float_one(
    model: Detector, inputs: list[np.ndarray], tmp_path: Path
) -> None:
    """It loads with its own hash, runs at other sizes, and differs by rounding only."""
    out = tmp_path / "int8"
    done = quantize(model, inputs, out, ap50_of=lambda _: {"product": 0.5}, max_loss=0.0)
    assert done.kept.float_convolutions == FLOAT_DEPTHS[0]
    assert done.model.manifest.name == "two-int8"
    assert done.model.manifest.sku_of_class == model.manifest.sku_of_class
    assert done.model.identity != model.identity
    assert "0 convolutions before the output" in (out / "CARD.md").read_text().replace("\n", " ")
    kinds = {node.op_type for node in onnx.load(str(out / "model.onnx")).graph.node}
    assert "QuantizeLinear" in kinds
    for one in (*inputs, inputs[0][:, :, :32]):
        expected, found = (m._session.run(m._input_name, one) for m in (model, done.model))
        assert found.shape == expected.shape
        assert np.abs(found - expected).mean() < 0.02 * np.abs(expected).max()


def test_parts_are_left_in_float_until_the_loss_is_small(
    model: Detector, inputs: list[np.ndarray], tmp_path: Path
) -> None:
    """Candidates are measured in turn; the first that is good enough is kept."""
    ap50 = iter([0.80, 0.70, 0.78, 0.795, 0.8])
    told: list[str] = []
    done = quantize(
        model,
        inputs,
        tmp_path / "int8",
        ap50_of=lambda _: {"product": next(ap50), "gap": float("nan")},
        max_loss=0.01,
        report=told.append,
    )
    assert done.kept.float_convolutions == FLOAT_DEPTHS[2]
    assert [one.float_convolutions for one in done.tried] == list(FLOAT_DEPTHS[:3])
    assert "loss 0.0050" in told[-1]


def test_a_model_that_loses_too_much_is_not_kept(
    model: Detector, inputs: list[np.ndarray], tmp_path: Path
) -> None:
    """The message says how much was lost at best; no folder is left behind."""

    def ap50_of(one: Detector) -> Mapping[str, float]:
        return {"product": 0.8 if one is model else 0.75}

    with pytest.raises(QuantizedWorseError, match=r"at most 0.01, found 0.0500 at best"):
        quantize(model, inputs, tmp_path / "int8", ap50_of=ap50_of, max_loss=0.01)
    assert not (tmp_path / "int8").exists()


def test_the_loss_is_that_of_the_mean() -> None:
    """One class may gain what the other loses; a class without labels does not count."""
    before = {"product": 0.80, "gap": 0.40}
    assert Candidate(0, {"product": 0.79, "gap": 0.41}).loss(before) == pytest.approx(0.0)
    assert Candidate(0, {"product": 0.78, "gap": 0.40}).loss(before) == pytest.approx(0.01)
    unlabelled = {"product": 0.80, "gap": float("nan")}
    assert Candidate(0, {"product": 0.79, "gap": float("nan")}).loss(unlabelled) == pytest.approx(
        0.01
    )
