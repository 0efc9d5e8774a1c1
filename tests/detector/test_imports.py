import subprocess
import sys

import pytest

import detector


def loaded_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "unloaded"),
    [
        ("import detector", {"onnxruntime", "cv2", "numpy", "torch", "ultralytics"}),
        ("from detector import Detector", {"torch", "ultralytics", "onnx", "typer"}),
        ("import detector.cli", {"torch", "ultralytics", "onnx", "onnxruntime", "cv2"}),
        ("import detector.catalog", {"onnxruntime", "torch"}),
    ],
)
def test_heavy_modules_stay_unloaded(statement, unloaded):
    """Nothing is loaded before it is used, and torch never outside training."""
    assert loaded_after(statement) & unloaded == set()


@pytest.mark.parametrize("sibling", ["shelf", "calibration", "edge_agent", "central", "simulator"])
def test_no_sibling_is_imported(sibling):
    """The detector knows pictures, not stores."""
    modules = loaded_after("import detector.cli, detector.model, detector.catalog")
    assert sibling not in modules


def test_every_public_name_resolves():
    """The curated names are the ones the package offers."""
    assert all(getattr(detector, name) is not None for name in detector.__all__)
    assert set(detector.__all__) == set(detector._MODULE_OF)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = detector.nonsense
