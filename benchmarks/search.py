"""How long "which product is this?" takes on one core, in a catalogue of 5,000 SKUs.

    python benchmarks/search.py --quick --json search.json

Packages are rendered by the simulator and indexed as a store's catalogue is. The rest of the 5,000
are made up: vectors about as alike to a rendered product as two products of one shelf are, each
with another product's picture, so that the compared print has to be read from files as in a store.
Photographs show a rendered package before a mixed background, askew, in other light. Times are of
one process on one core: what the processor worked, and what passed on a clock (a busy machine
shows only in the second). Cold is a search whose products were never asked for; warm is the same
photograph again. Without --quick there are five times as many packages and photographs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from measuring import write_record
from rich.progress import track

from detector import Catalog, Detector, Embedder, load_embedder
from detector.catalog_index import CatalogIndex, index_folder
from detector.second_look import PrintReader
from edge_agent.catalog_search import search_photo
from edge_agent.frames import ImageBgr
from simulator.package import package_of, packshot

SKUS = 5000
ALIKE = 0.72
"""Cosine of a made-up product to the rendered one it is derived from."""

PHOTO_PX = (768, 1024)


def render(folder: Path, count: int) -> None:
    """Write the pictures of ``count`` products."""
    rng = np.random.default_rng(11)
    kinds = ("Rolled Oats", "Apple Juice", "Green Tea", "Tomato Soup", "Penne", "Mustard")
    for number in track(range(count), "packages", transient=True):
        width, height = rng.uniform(60, 190), rng.uniform(110, 280)
        sku = f"{300000 + number}"
        package = package_of(sku, f"{kinds[number % len(kinds)]} {number}", width, height)
        cv2.imwrite(str(folder / f"{sku}.png"), packshot(package))


def filled_up(index: CatalogIndex, folder: Path, embedder: Embedder) -> Catalog:
    """The indexed products, and made-up ones until there are `SKUS`."""
    rng = np.random.default_rng(12)
    keys, vectors = list(index.keys), [index.vectors]
    files = {picture.key: (folder / picture.file,) for picture in index.pictures}
    real = list(files)
    for number in range(SKUS - len(real)):
        base = real[number % len(real)]
        views = index.vectors[[key == base for key in index.keys]]
        away = rng.standard_normal(views.shape[1]).astype(np.float32)
        away /= np.linalg.norm(away)
        vectors.append(ALIKE * views + np.sqrt(1 - ALIKE**2) * away)
        keys += [f"made-up-{number}"] * len(views)
        files[f"made-up-{number}"] = files[real[(number + 1 + number // len(real)) % len(real)]]
    table = np.concatenate(vectors)
    return Catalog(table, keys, embedder.identity, embedder.known, files=files)


def photographs(folder: Path, count: int) -> Iterator[tuple[str, ImageBgr]]:
    """Yield the SKU and a photograph of its package."""
    rng = np.random.default_rng(13)
    paths = sorted(folder.glob("*.png"))
    for number in range(count):
        path = paths[number * 7 % len(paths)]
        package = cv2.imread(str(path))
        width, height = PHOTO_PX
        mixed = rng.integers(40, 200, (8, 6, 3), dtype=np.uint8)
        scene = cv2.resize(mixed, PHOTO_PX, interpolation=cv2.INTER_CUBIC)
        tall = rng.uniform(0.5, 0.8) * height
        wide = min(tall * package.shape[1] / package.shape[0], 0.85 * width)
        left, top = (width - wide) / 2, (height - tall) / 2
        corners = np.array(
            [(left, top), (left + wide, top), (left + wide, top + tall), (left, top + tall)]
        )
        target = (corners + rng.uniform(-0.05, 0.05, (4, 2)) * wide).astype(np.float32)
        h, w = package.shape[:2]
        source = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float32)
        warp = cv2.getPerspectiveTransform(source, target)
        seen = cv2.warpPerspective(package, warp, PHOTO_PX, flags=cv2.INTER_AREA)
        where = cv2.warpPerspective(np.full((h, w), 255, np.uint8), warp, PHOTO_PX)
        scene[where > 127] = seen[where > 127]
        lit = np.clip(scene.astype(np.float32) * rng.uniform(0.7, 1.15), 0, 255).astype(np.uint8)
        _, code = cv2.imencode(".jpg", cv2.GaussianBlur(lit, (3, 3), 0))
        yield path.stem, np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)


def main() -> None:
    """Measure and print; the flat JSON object has names, numbers and where they were taken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    packages, count = (60, 20) if arguments.quick else (300, 100)
    detector, embedder = Detector.load(), load_embedder()
    with TemporaryDirectory() as place:
        folder = Path(place)
        render(folder, packages)
        catalog = filled_up(index_folder(folder, embedder), folder, embedder)
        taken: dict[str, list[float]] = {"cold": [], "warm": [], "wall": []}
        first, answered = 0, 0
        for key, image in track(list(photographs(folder, count)), "photographs", transient=True):
            reader = PrintReader(catalog.files)
            for turn in ("cold", "warm"):
                began, worked = time.perf_counter(), time.process_time()
                result = search_photo(image, detector, catalog, embedder, reader)
                taken[turn].append((time.process_time() - worked) * 1000)
                if turn == "warm":
                    taken["wall"].append((time.perf_counter() - began) * 1000)
            first += result.candidates[0].key == key
            answered += [match.key for match in result.answer] == [key]
    figures = {
        "search_skus": float(len(catalog.keys)),
        "search_queries": float(count),
        "search_cpu_ms_median": float(np.median(taken["warm"])),
        "search_cpu_ms_p95": float(np.percentile(taken["warm"], 95)),
        "search_cold_cpu_ms_median": float(np.median(taken["cold"])),
        "search_cold_cpu_ms_p95": float(np.percentile(taken["cold"], 95)),
        "search_wall_ms_quartile": float(np.percentile(taken["wall"], 25)),
        "search_top1": first / count,
        "search_answered_right": answered / count,
    }
    figures = {name: round(value, 3) for name, value in figures.items()}
    for name, value in figures.items():
        print(f"{name:28} {value:10.3f}")
    if arguments.json:
        command = " ".join(["python", "benchmarks/search.py", *sys.argv[1:]])
        write_record(arguments.json, figures, opencv=cv2.__version__, command=command)


if __name__ == "__main__":
    main()
