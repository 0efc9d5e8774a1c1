"""How long one look takes: the bare network, the whole of `detect`, and K workers at once.

    python benchmarks/vision_quick.py --quick --json vision.json
    python benchmarks/vision_quick.py --quick --reference other.onnx    # 640 x 640 px, in turns

All figures come from one run on one generated 1080p frame with the shipped model.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from measuring import milliseconds, write_record

from detector import ColourLayoutEmbedder, Detector, crops_of
from detector.letterbox import Letterbox
from detector.session import OnnxSession


def frame_1080p() -> np.ndarray:
    """A frame of coloured packages in rows, BGR uint8 (1080, 1920, 3)."""
    rng = np.random.default_rng(0)
    patches = rng.integers(0, 255, (9, 32, 3), dtype=np.uint8)
    frame = cv2.resize(patches, (1920, 1080), interpolation=cv2.INTER_NEAREST)
    frame[::120] = 230
    noise = rng.integers(0, 12, frame.shape, dtype=np.uint8)
    return cv2.add(frame, noise)


def main() -> None:
    """Measure and print; the flat JSON object has names, numbers and where they were taken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--model", type=Path, help="a model folder; default: the one shipped")
    parser.add_argument("--reference", type=Path, help="an ONNX file to compare the network with")
    arguments = parser.parse_args()
    runs = 15 if arguments.quick else 100
    detector = Detector.load(arguments.model)
    frame = frame_1080p()
    tensor = detector.input_of(frame)
    session, name = detector._session, detector._input_name
    boxes = np.tile(np.array([[100, 100, 160, 220]], np.float32), (100, 1))
    crops, embedder = crops_of(frame, boxes), ColourLayoutEmbedder()
    works: dict[str, Callable[[], object]] = {
        "session_run_ms": lambda: session.run(name, tensor),
        "detect_1080p_ms": lambda: detector.detect(frame),
        "embed_100_crops_ms": lambda: embedder.embed(crops),
    }
    if arguments.reference:
        reference = OnnxSession(arguments.reference)
        square = Letterbox.fit((1920, 1080), (640, 640)).apply(frame)
        boxed = cv2.dnn.blobFromImage(square, 1 / 255, swapRB=True)
        works["reference_run_ms"] = lambda: reference.run(reference.inputs[0].name, boxed)
    figures = milliseconds(works, runs)
    if arguments.reference:
        figures["session_over_reference"] = figures["session_run_ms"] / figures["reference_run_ms"]
    figures["detect_over_session"] = figures["detect_1080p_ms"] / figures["session_run_ms"]
    for workers in (1, 2, 4):
        with ThreadPoolExecutor(workers) as pool:
            count = max(2 * workers, runs)
            began = time.perf_counter()
            list(pool.map(lambda _: detector.detect(frame), range(count)))
            figures[f"frames_per_sec_{workers}_workers"] = count / (time.perf_counter() - began)
    for key, value in figures.items():
        print(f"{key:28} {value:8.2f}")
    if arguments.json:
        write_record(
            arguments.json,
            figures,
            model=detector.identity,
            command=f"python benchmarks/vision_quick.py{' --quick' if arguments.quick else ''}",
        )


if __name__ == "__main__":
    main()
