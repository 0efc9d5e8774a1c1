from pathlib import Path

import numpy as np
import pytest
import yaml

from detector.errors import ModelError
from detector.manifest import (
    Manifest,
    manifest_path_of,
    read_manifest,
    read_weights,
    write_manifest,
)


@pytest.fixture
def folder(make_model) -> Path:
    return make_model(np.zeros((1, 6, 10)))


def edit(folder: Path, **changes) -> Path:
    path = folder / "manifest.yaml"
    content = yaml.safe_load(path.read_text()) | changes
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"licens": "MIT"}, "licens: unknown key; did you mean licence?"),
        ({"input": {"size": 640}}, "input.size: unknown key; did you mean size_px?"),
        ({"licence": None}, "licence: expected a value, found none"),
        ({"decoder": "yolo"}, "decoder: Input should be 'ultralytics'"),
        ({"classes": []}, "classes: "),
        ({"sha256": "abc"}, "sha256: "),
        (
            {"golden": {"picture": "g.png", "thresholds": {}, "detections": []}},
            "golden.detections: ",
        ),
        ({"golden": {"pictur": "g.png"}}, "golden.pictur: unknown key; did you mean picture?"),
        (
            {
                "golden": {
                    "picture": "g.png",
                    "thresholds": {},
                    "detections": [["cat", 0.5, 0, 0, 9, 9]],
                }
            },
            "golden.detections: expected classes of ['product', 'gap'], found ['cat']",
        ),
        ({"facing_px": [90, 20]}, "facing_px: expected smallest < largest"),
        (
            {"classes": [{"name": "a", "threshold": 0.1}] * 2},
            "classes: expected each name once",
        ),
    ],
)
def test_a_wrong_manifest_names_the_field(folder, changes, message):
    """One clear line per mistake, with the path of the field."""
    with pytest.raises(ModelError) as caught:
        read_manifest(edit(folder, **changes))
    assert message in str(caught.value)
    assert "manifest.yaml" in str(caught.value)


def test_all_mistakes_are_told_at_once(folder):
    """Two mistakes give two lines."""
    with pytest.raises(ModelError) as caught:
        read_manifest(edit(folder, licence=None, decoder="yolo"))
    assert len(str(caught.value).splitlines()) == 2


def test_other_weights_are_refused(folder):
    """A hash that does not fit says that weights and manifest are of two exports."""
    (folder / "model.onnx").write_bytes(b"other")
    path = folder / "manifest.yaml"
    with pytest.raises(ModelError, match=r"sha256: expected .* found"):
        read_weights(read_manifest(path), path)


def test_missing_weights_are_named(folder):
    """The file that was looked for is in the message."""
    (folder / "model.onnx").unlink()
    path = folder / "manifest.yaml"
    with pytest.raises(ModelError, match=r"file: expected .*model.onnx, found: No such file"):
        read_weights(read_manifest(path), path)


def test_a_manifest_survives_writing_and_reading(folder, tmp_path):
    """What is written is read back equal."""
    manifest = read_manifest(folder / "manifest.yaml")
    write_manifest(manifest, tmp_path / "copy.yaml")
    assert read_manifest(tmp_path / "copy.yaml") == manifest


def test_folder_weights_and_manifest_name_the_same_model(folder):
    """A model may be named by any of its three paths."""
    expected = folder / "manifest.yaml"
    for path in (folder, folder / "model.onnx", expected):
        assert manifest_path_of(path) == expected


def test_a_missing_model_says_what_to_do(tmp_path):
    """The error names the path that was tried and the command that makes one."""
    with pytest.raises(ModelError, match="shelfwatch model export"):
        manifest_path_of(tmp_path / "nothing")


def test_classes_map_to_skus(folder):
    """A detector with a class per SKU says so in its manifest."""
    classes = [{"name": "cola", "threshold": 0.3, "sku": "123"}]
    manifest = read_manifest(edit(folder, classes=classes))
    assert manifest.sku_of_class == {"cola": "123"}


def test_every_field_is_described():
    """A reader of the schema learns what each field means."""
    undescribed = [
        name
        for name, field in Manifest.model_fields.items()
        if not field.description and name not in {"input", "decoder", "classes"}
    ]
    assert undescribed == []
