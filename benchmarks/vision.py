"""How well the shipped models see, on pictures and products that they were not trained on.

    python benchmarks/vision.py --data ../shared/data --json vision.json

Facings are measured against the confident labels of a teacher, gaps against boxes drawn by hand,
both on scenes of the test side (`detector.training.splits`); the recogniser on products of its
test side. The bay's photograph was never trained on. Times are of one run, in turns. A quick run
takes every sixth picture. `--variant` measures another model folder beside the shipped one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from measuring import milliseconds, write_record
from rich.progress import track

from detector import (
    Catalog,
    ColourLayoutEmbedder,
    Detector,
    Embedder,
    Match,
    crops_of,
    load_embedder,
    read_picture,
)
from detector.boxes import FloatArray
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
from detector.model import PRODUCT
from detector.recogniser import SHIPPED_EMBEDDER
from detector.second_look import PrintReader, print_points
from detector.training.autolabel import AutolabelSettings, label_picture
from detector.training.dataset import LabelledPicture
from detector.training.evaluate import (
    collect,
    figures_of,
    measure_bay,
    read_recognition,
    whole_pictures,
)
from detector.training.hand_labels import open_folder
from detector.training.product_sides import side_of_product
from detector.training.splits import Side, group_pictures, hash_file, split_groups
from detector.training.tally import Tally
from detector.training.views import View
from edge_agent.catalog_search import search_photo

#: Folders of photographs and what the ids in their label files mean.
PHOTO_CLASSES = {"voids_a": ("gap",), "voids_b": ("gap",), "rows": ("ignore",)}
#: Catalogue pictures of one product in the shelf-crop test.
PICTURES_A_PRODUCT = 3
Figures = dict[str, float]


def load_reference(data: Path) -> Detector:
    """The facing detector that others trained, with a manifest that says how to read it."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        weights = folder / "model.onnx"
        shutil.copy(data / "models" / "reference_facing_detector.onnx", weights)
        manifest = Manifest(
            name="reference",
            version="1",
            sha256=sha256_of(weights),
            input=ModelInput(size_px=640),
            decoder=DecoderKind.ULTRALYTICS,
            box_unit=BoxUnit.INPUT_SHARE,
            classes=(ClassSpec(name=PRODUCT, threshold=0.25),),
            licence="AGPL-3.0",
        )
        write_manifest(manifest, folder / MANIFEST_NAME)
        return Detector.load(folder)


def test_photographs(data: Path, teacher: Detector, every: int) -> list[LabelledPicture]:
    """Photographs of the test side with the teacher's confident facings and the hand's gaps."""
    settings, tally = AutolabelSettings(), Tally()
    sure = teacher.with_thresholds({PRODUCT: settings.unsure_score})
    folders = [open_folder(data / "photos" / n, names) for n, names in PHOTO_CLASSES.items()]
    paths = {name: path for folder in folders for name, path in folder.pictures().items()}
    hashes = {n: h for n, p in paths.items() if (h := hash_file(p)) is not None}
    sides = split_groups(group_pictures(hashes))
    names = [name for name in sorted(sides) if sides[name] is Side.TEST][::every]

    def teach(image: np.ndarray) -> tuple[FloatArray, FloatArray]:
        found = sure.detect(image).of_class(PRODUCT)
        return found.boxes_xyxy_px, found.scores

    owner = {name: folder for folder in folders for name in folder.pictures()}
    pictures = []
    for name in tracked(names, "labelling with the teacher"):
        image = read_picture(paths[name])
        size_px = (image.shape[1], image.shape[0])
        drawn = owner[name].drawn(paths[name], size_px, tally)
        labels = label_picture(name, image, teach, settings, drawn)
        pictures.append(LabelledPicture(image, replace(labels, side=Side.TEST)))
    return pictures


def measure_detector(detector: Detector, pictures: Sequence[LabelledPicture]) -> Figures:
    """AP50 of facings and gaps, looked at whole and at facing size."""
    figures: Figures = {}
    for view in (View.WHOLE, View.BEST_SCALE):
        found = figures_of(collect(detector, whole_pictures(pictures), view=view, progress=tracked))
        for key in ("product_ap50", "product_ap50_95", "gap_ap50", "gap_ap30", "product_labels"):
            figures[f"{view.value}_{key}"] = found[key]
        figures["gap_labels"] = found["gap_labels"]
    return figures


def measure_look(detector: Detector, reference: Detector, bay: Path, runs: int) -> Figures:
    """Median times of one look by both detectors, in turns, at two shapes of frame."""
    photo = read_picture(bay / "shelf.jpg")
    frames = {
        "bay_portrait": photo,
        "camera_1080p": cv2.resize(photo, (1920, 1080), interpolation=cv2.INTER_AREA),
    }
    figures: Figures = {}
    for name, frame in frames.items():
        works: dict[str, Callable[[], object]] = {
            "ours": partial(detector.detect, frame),
            "reference": partial(reference.detect, frame),
        }
        times = milliseconds(works, runs)
        figures[f"look_ms_{name}"] = times["ours"]
        figures[f"look_over_reference_{name}"] = times["ours"] / times["reference"]
    return figures


def measure_facings_named(embedder: Embedder, data: Path, every: int) -> Figures:
    """Crops of shelf cameras against three pictures of each of all products, unseen ones asked."""
    rng = np.random.default_rng(0)
    keys: list[str] = []
    known: list[np.ndarray] = []
    asked: list[tuple[str, Path]] = []
    for folder in sorted((data / "products" / "shelf_crops").iterdir()):
        files = sorted(folder.iterdir())
        paths = [files[index] for index in rng.permutation(len(files))]
        known += [read_picture(path) for path in paths[:PICTURES_A_PRODUCT]]
        keys += [folder.name] * len(paths[:PICTURES_A_PRODUCT])
        if side_of_product(folder.name) is Side.TEST:
            asked += [(folder.name, path) for path in paths[PICTURES_A_PRODUCT::every]]
    catalog = Catalog(embedder.embed(known), keys, embedder.identity, embedder.known)
    crops = [read_picture(path) for _, path in tracked(asked, "shelf crops")]
    found = catalog.search(embedder.embed(crops), 5)
    ranks = [rank_of(key, matches) for (key, _), matches in zip(asked, found, strict=True)]
    return {"shelf_crops_queries": len(asked)} | top_shares("shelf_crops", ranks)


def measure_photo_search(embedder: Embedder, detector: Detector, data: Path, every: int) -> Figures:
    """Photographs of unseen products in a hand or a fridge against all clean packshots."""
    products = data / "products"
    catalog = Catalog.from_folder(products / "store_packshots", embedder)
    ranks = []
    folders = [
        folder
        for folder in sorted((products / "store_photos").iterdir())
        if side_of_product(folder.name) is Side.TEST and folder.name in catalog.keys
    ]
    paths = [path for folder in folders for path in sorted(folder.iterdir())[::every]]
    for path in tracked(paths, "photographs"):
        result = search_photo(read_picture(path), detector, catalog, embedder)
        ranks.append(rank_of(path.parent.name, result.candidates))
    counts: Figures = {"photo_search_queries": len(ranks), "photo_search_products": len(catalog)}
    return counts | top_shares("photo_search", ranks)


def measure_bay_named(embedder: Embedder, bay: Path) -> Figures:
    """The bay's facings, where another system saw them, named by the bay's catalogue.

    By their vectors alone, and with the print of the nearest products compared where it tells.
    """
    image = read_picture(bay / "shelf.jpg")
    catalog = Catalog.from_folder(bay / "catalog", embedder)
    reader = PrintReader(catalog.files)
    content = json.loads((bay / "recognition.json").read_text(encoding="utf-8"))
    names = [item["tags"][0]["name"].lower() for item in content["products"]]
    crops = crops_of(image, read_recognition(bay / "recognition.json"))
    found = [[match.key for match in m] for m in catalog.search(embedder.embed(crops), 5)]
    seen = [print_points(crop) for crop in crops]
    proven = [
        reader.proven(points, keys) or keys[0] for points, keys in zip(seen, found, strict=True)
    ]
    return {
        "bay_facings": len(names),
        "bay_named_by_vectors": share(k[0].lower() == n for k, n in zip(found, names, strict=True)),
        "bay_named": share(key.lower() == name for key, name in zip(proven, names, strict=True)),
    }


def measure_embedder_speed(embedder: Embedder, bay: Path, runs: int) -> Figures:
    """Milliseconds a crop in batches of 16."""
    image = read_picture(bay / "shelf.jpg")
    boxes = read_recognition(bay / "recognition.json")[:16]
    crops = crops_of(image, boxes)
    taken = milliseconds({"batch": lambda: embedder.embed(crops)}, runs)["batch"]
    size = sum(path.stat().st_size for path in SHIPPED_EMBEDDER.glob("*.onnx"))
    return {"embed_ms_a_crop": taken / len(crops), "embedder_mb": size / 1e6}


def rank_of(key: str, matches: Sequence[Match]) -> int:
    """Place of a product among the candidates, from 0; beyond all places where it is none."""
    return next((i for i, match in enumerate(matches) if match.key == key), sys.maxsize)


def top_shares(name: str, ranks: Sequence[int]) -> Figures:
    """Share of the queries whose product is first, and among the five best."""
    return {f"{name}_top{n}": share(rank < n for rank in ranks) for n in (1, 5)}


def share(hits: Iterable[bool]) -> float:
    """Share of the hits that are true."""
    return float(np.mean([bool(hit) for hit in hits]))


def tracked(items: Iterable[object], what: str = "measuring") -> Iterator[object]:
    """The items, with a progress bar on standard error."""
    from rich.console import Console

    yield from track(list(items), what, console=Console(stderr=True), transient=True)


def main() -> None:
    """Measure and print; the flat JSON object has names, numbers and where they were taken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="every sixth picture")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the pictures")
    parser.add_argument("--model", type=Path, help="a detector's folder; default: the one shipped")
    parser.add_argument("--variant", type=Path, help="another detector's folder, for its loss")
    parser.add_argument("--embedder", type=Path, help="a recogniser's folder")
    arguments = parser.parse_args()
    every, runs = (6, 9) if arguments.quick else (1, 40)
    data = arguments.data
    bay = data / "crackers_bay"
    if not bay.is_dir():
        parser.error(f"--data: expected the folder of pictures, found no {bay}")
    detector = Detector.load(arguments.model)
    reference = load_reference(data)
    embedder = load_embedder(arguments.embedder)
    pictures = test_photographs(data, reference, every)
    figures: Figures = {"photographs": len(pictures)}
    figures |= measure_detector(detector, pictures)
    if arguments.variant is not None:
        other = measure_detector(Detector.load(arguments.variant), pictures)
        figures |= {f"variant_{key}": value for key, value in other.items() if "ap" in key}
    for kind, best in (("bay", False), ("bay_best_scale", True)):
        found = measure_bay(detector, bay / "shelf.jpg", bay / "recognition.json", best_scale=best)
        figures |= {f"{kind}_{key}": value for key, value in found.items()}
    figures |= measure_look(detector, reference, bay, runs)
    figures |= measure_facings_named(embedder, data, every)
    plain = measure_facings_named(ColourLayoutEmbedder(), data, every)
    figures["shelf_crops_top1_by_colour_layout"] = plain["shelf_crops_top1"]
    figures |= measure_photo_search(embedder, detector, data, every)
    figures |= measure_bay_named(embedder, bay)
    figures |= measure_embedder_speed(embedder, bay, runs)
    for key, value in figures.items():
        print(f"{key:40} {value:9.3f}")
    if arguments.json:
        write_record(
            arguments.json,
            figures,
            model=detector.identity,
            embedder=embedder.identity,
            command=f"python benchmarks/vision.py{' --quick' if arguments.quick else ''}",
        )


if __name__ == "__main__":
    main()
