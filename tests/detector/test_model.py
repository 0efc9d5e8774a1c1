from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from detector import Detector, ModelError, PictureError, SessionOptions

# One product in the middle of the 64 px input, one gap at its left edge.
OUTPUT = np.array(
    [[[32, 4], [32, 32], [16, 8], [16, 16], [0.9, 0.0], [0.0, 0.6]]], dtype=np.float32
)


def test_boxes_come_in_the_pictures_pixels(make_model):
    """A 128 x 64 picture fills the input's width: scale 2, shifted by the padding."""
    found = Detector.load(make_model(OUTPUT)).detect(np.zeros((64, 128, 3), np.uint8))
    assert found.names() == ["product", "gap"]
    assert found.boxes_xyxy_px.tolist() == pytest.approx(
        np.array([[48, 16, 80, 48], [0, 16, 16, 48]]), abs=1e-3
    )


@pytest.mark.parametrize(
    ("size_px", "box"),
    [
        # The network says "left half, upper quarter of my input", whatever that is.
        ((128, 64), (0, 0, 64, 16)),
        ((64, 128), (0, 0, 32, 32)),
        # 64 x 40 px, padded by 12 above and below to the next multiple.
        ((128, 80), (0, 0, 64, 8)),
    ],
)
def test_the_input_has_the_pictures_shape(make_model, size_px, box):
    """Where sides are free, nothing is padded beyond the next multiple."""
    corner = np.array([[[0.25], [0.125], [0.5], [0.25], [0.9], [0.0]]], dtype=np.float32)
    free = {"size_px": 64, "any_size_multiple_px": 32}
    folder = make_model(corner, input_shape=(1, 3, "h", "w"), input=free, box_unit="input_share")
    found = Detector.load(folder).detect(np.zeros((size_px[1], size_px[0], 3), np.uint8))
    assert found.boxes_xyxy_px.tolist() == [pytest.approx(box)]


def test_boxes_in_the_padding_are_dropped(make_model):
    """What a network claims to see outside the picture is not there."""
    output = np.array([[[32], [4], [16], [6], [0.9], [0.0]]], dtype=np.float32)
    found = Detector.load(make_model(output)).detect(np.zeros((64, 256, 3), np.uint8))
    assert len(found) == 0


def test_tiles_do_not_double(make_model):
    """A picture at its own scale is covered by tiles; each tile's finding is kept once."""
    detector = Detector.load(make_model(OUTPUT, facing_px=[4, 16]))
    one = detector.detect_tiled(np.zeros((64, 64, 3), np.uint8), scale=1.0)
    many = detector.detect_tiled(np.zeros((64, 150, 3), np.uint8), scale=1.0)
    assert len(one.of_class("product")) == 1
    centres = many.of_class("product").boxes_xyxy_px[:, [0, 2]].mean(axis=1)
    assert len(centres) >= 3
    assert (np.diff(np.sort(centres)) > 8).all()


def test_a_facings_width_sets_the_scale(make_model):
    """The scale that brings a facing to the middle of the trained range gives the same result."""
    detector = Detector.load(make_model(OUTPUT, facing_px=[8, 32]))
    picture = np.zeros((100, 100, 3), np.uint8)
    by_width = detector.detect_tiled(picture, facing_width_px=32)
    by_scale = detector.detect_tiled(picture, scale=0.5)
    assert by_width.boxes_xyxy_px.tolist() == by_scale.boxes_xyxy_px.tolist()


@pytest.mark.parametrize("arguments", [{}, {"scale": 1.0, "facing_width_px": 3.0}, {"scale": 0.0}])
def test_the_scale_is_named_once(make_model, arguments):
    """Neither, both or an impossible scale is a programming error."""
    with pytest.raises(ValueError, match="detect_tiled"):
        Detector.load(make_model(OUTPUT)).detect_tiled(np.zeros((9, 9, 3), np.uint8), **arguments)


def test_the_search_for_a_scale_ends(make_model):
    """A network that finds the same or nothing at any scale does not loop."""
    picture = np.zeros((90, 70, 3), np.uint8)
    for output in (OUTPUT, np.zeros_like(OUTPUT)):
        Detector.load(make_model(output)).detect_at_best_scale(picture)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
        [[1, 2], [3, 4]],
    ],
)
def test_what_is_no_picture_is_refused(make_model, picture):
    """The error names the shape and type that came."""
    with pytest.raises(PictureError, match="expected a uint8 array"):
        Detector.load(make_model(OUTPUT)).detect(picture)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": {"size_px": 128}}, r"input.size_px: expected 128 .* found \[1, 3, 64, 64\]"),
        ({"classes": [{"name": "product", "threshold": 0.3}]}, r"expected .*\[1, 5, n\]"),
        ({"decoder": "end_to_end"}, r"decoder end_to_end"),
        ({"input": {"size_px": 64, "any_size_multiple_px": 32}}, "any_size_multiple_px"),
        ({"sha256": "0" * 64}, "sha256: expected 0000"),
    ],
)
def test_a_manifest_that_does_not_fit_fails_at_load(make_model, changes, message):
    """Sizes, classes, decoder and hash are checked against the network itself."""
    with pytest.raises(ModelError, match=message):
        Detector.load(make_model(OUTPUT, **changes))


def test_a_file_that_is_no_network_is_named(make_model, tmp_path):
    """The runtime's own complaint is in the message."""
    from detector.manifest import sha256_of

    folder = make_model(OUTPUT)
    (folder / "model.onnx").write_bytes(b"nonsense")
    manifest = (folder / "manifest.yaml").read_text().splitlines()
    fixed = [
        f"sha256: {sha256_of(folder / 'model.onnx')}" if line.startswith("sha256") else line
        for line in manifest
    ]
    (folder / "manifest.yaml").write_text("\n".join(fixed))
    with pytest.raises(ModelError, match="expected an ONNX model"):
        Detector.load(folder)


def test_an_absent_provider_is_named(make_model):
    """The error lists what this installation has."""
    with pytest.raises(ModelError, match="CPUExecutionProvider"):
        Detector.load(make_model(OUTPUT), SessionOptions(providers=("NoSuchProvider",)))


def test_thresholds_can_be_changed(make_model):
    """A stricter copy of the detector sees less; the original is unchanged."""
    detector = Detector.load(make_model(OUTPUT))
    picture = np.zeros((64, 64, 3), np.uint8)
    strict = detector.with_thresholds({"gap": 0.7})
    assert strict.detect(picture).names() == ["product"]
    assert detector.detect(picture).names() == ["product", "gap"]
    with pytest.raises(ModelError, match="person"):
        detector.with_thresholds({"person": 0.5})


def test_threads_share_one_detector(make_model):
    """Many threads at once get the answers that one gets alone."""
    detector = Detector.load(make_model(OUTPUT))
    picture = np.zeros((64, 64, 3), np.uint8)
    alone = detector.detect(picture).boxes_xyxy_px.tolist()
    with ThreadPoolExecutor(4) as pool:
        results = pool.map(lambda _: detector.detect(picture).boxes_xyxy_px.tolist(), range(40))
    assert all(result == alone for result in results)
