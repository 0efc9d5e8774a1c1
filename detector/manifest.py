"""``manifest.yaml`` beside a model: what it is, what it expects and what its output means."""

from __future__ import annotations

import hashlib
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from detector.errors import ModelError

MANIFEST_NAME = "manifest.yaml"

#: Folder of the models that ship with this package.
SHIPPED_MODELS = Path(__file__).parent / "models"
#: The one that is taken when none is named.
DEFAULT_MODEL = "shelf-nano"


class DecoderKind(StrEnum):
    """How the output tensor is laid out; n places, nc classes."""

    #: ``[1, 4 + nc, n]``, centre and size, class scores; YOLOv8, v9, 11, 12. Needs suppression.
    ULTRALYTICS = "ultralytics"
    #: ``[1, n, 6]``, corners, score, class; YOLOv10, YOLO26. No suppression needed.
    END_TO_END = "end_to_end"
    #: ``[1, n, 5 + nc]``, centre and size, objectness, class scores; YOLOv5, v7.
    YOLOV5 = "yolov5"


class BoxUnit(StrEnum):
    """What the box numbers in the output count."""

    INPUT_PX = "input_px"
    INPUT_SHARE = "input_share"


class Colour(StrEnum):
    """Channel order that the network was trained with."""

    RGB = "rgb"
    BGR = "bgr"


class ModelInput(BaseModel):
    """The picture that the network takes: float32 ``[1, 3, height, width]``, letterboxed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size_px: int = Field(gt=0, le=4096, description="Side of the square input the model runs at.")
    any_size_multiple_px: int | None = Field(
        None, gt=0, description="Set when height and width are free: they must be multiples of it."
    )
    colour: Colour = Field(Colour.RGB, description="Channel order.")
    scale: float = Field(1 / 255, gt=0, description="Factor on 0..255 values.")


class ClassSpec(BaseModel):
    """One class, in the order of the network's output."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="product, gap, or a class per SKU.")
    threshold: float = Field(gt=0, lt=1, description="Detections below this score are dropped.")
    nms_iou: float | None = Field(
        None, gt=0, le=1, description="Overlap from which two boxes are one; default: nms_iou."
    )
    sku: str | None = Field(None, description="The SKU that this class stands for, if any.")


GoldenRow = tuple[str, float, float, float, float, float]
"""Class, score, and left, top, right, bottom in the picture's pixels."""


class Golden(BaseModel):
    """A picture that the model must still read as it did when it was made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    picture: str = Field(min_length=1, description="The picture, beside this manifest.")
    min_iou: float = Field(0.8, gt=0, le=1, description="Least overlap with an expected box.")
    max_score_difference: float = Field(
        0.05, ge=0, lt=1, description="Largest difference from an expected score."
    )
    thresholds: dict[str, float] = Field(
        description="By class, the score from which detections were written down."
    )
    detections: tuple[GoldenRow, ...] = Field(
        min_length=1, description="Rows of class, score, left, top, right, bottom (px)."
    )


class Manifest(BaseModel):
    """A model's manifest. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="Name of the model, as its folder is called.")
    version: str = Field(min_length=1, description="Changes whenever the weights change.")
    file: str = Field("model.onnx", description="The weights, beside this manifest.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Hash of the weights' file.")
    input: ModelInput
    decoder: DecoderKind
    box_unit: BoxUnit = Field(BoxUnit.INPUT_PX, description="Unit of the boxes in the output.")
    nms_iou: float = Field(0.5, gt=0, le=1, description="Two boxes overlapping more are one.")
    max_detections: int = Field(1000, gt=0, description="Best detections kept of one picture.")
    facing_px: tuple[float, float] = Field(
        (16.0, 160.0), description="Facing widths in the input that the model was trained on."
    )
    classes: tuple[ClassSpec, ...] = Field(min_length=1)
    licence: str = Field(min_length=1, description="SPDX name of the weights' licence.")
    card: str = Field("CARD.md", description="The model card, beside this manifest.")
    golden: Golden | None = Field(
        None, description="What the model finds in a picture beside it; checked at load."
    )

    @model_validator(mode="after")
    def _check(self) -> Manifest:
        names = [spec.name for spec in self.classes]
        if len(set(names)) != len(names):
            raise ValueError(f"classes: expected each name once, found {names}")
        if not 0 < self.facing_px[0] < self.facing_px[1]:
            raise ValueError(f"facing_px: expected smallest < largest, found {self.facing_px}")
        strangers = {row[0] for row in self.golden.detections} - set(names) if self.golden else ()
        if strangers:
            raise ValueError(
                f"golden.detections: expected classes of {names}, found {sorted(strangers)}"
            )
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in the order of the network's output."""
        return tuple(spec.name for spec in self.classes)

    @property
    def thresholds(self) -> dict[str, float]:
        """Score from which detections count, by class name."""
        return {spec.name: spec.threshold for spec in self.classes}

    @property
    def sku_of_class(self) -> dict[str, str]:
        """Class name to SKU, for a detector that has a class per SKU; else empty."""
        return {spec.name: spec.sku for spec in self.classes if spec.sku is not None}


def manifest_path_of(path: Path | None) -> Path:
    """The manifest that belongs to ``path``: a model folder, an ``.onnx`` file or a manifest.

    None is the model that ships; where there is no ``path``, its last part may be the name of
    another one that does (`shelf-nano-int8`). An ``.onnx`` file's manifest is
    ``<stem>.manifest.yaml`` or ``manifest.yaml`` beside it.
    Raises :class:`ModelError` when there is none.
    """
    path = SHIPPED_MODELS / DEFAULT_MODEL if path is None else path
    if not path.exists() and path.name and (SHIPPED_MODELS / path.name / MANIFEST_NAME).is_file():
        path = SHIPPED_MODELS / path.name
    if path.is_dir():
        candidates = [path / MANIFEST_NAME]
    elif path.suffix.lower() in (".yaml", ".yml"):
        candidates = [path]
    else:
        candidates = [path.with_suffix(".manifest.yaml"), path.parent / MANIFEST_NAME]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    tried = " or ".join(str(candidate) for candidate in candidates)
    raise ModelError(
        f"{path}: expected a model folder or an .onnx file with its manifest, found no {tried}; "
        "`shelfwatch model export` writes both"
    )


def read_manifest(path: Path) -> Manifest:
    """The manifest in ``path``; every problem in it is named at once in a :class:`ModelError`."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: expected YAML, found {error}") from error
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise ModelError("\n".join(_problems(path, error))) from error


class NamesWeights(Protocol):
    """A manifest of any kind of model: the weights' file beside it, and their hash."""

    @property
    def file(self) -> str:
        """Name of the weights' file."""
        ...

    @property
    def sha256(self) -> str:
        """Its hash, lower-case hexadecimal."""
        ...


def read_weights(manifest: NamesWeights, manifest_path: Path) -> bytes:
    """The weights' bytes, once their hash agrees with the manifest; else :class:`ModelError`.

    What was hashed is what is returned: a file that is being replaced cannot slip in between.
    """
    weights = manifest_path.parent / manifest.file
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{manifest_path}: file: expected {weights}, found: {error.strerror}"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != manifest.sha256:
        raise ModelError(
            f"{manifest_path}: sha256: expected {manifest.sha256}, found {found} in {weights} "
            f"({len(content)} bytes); the weights and the manifest are not of the same export, "
            "copy both again"
        )
    return content


def sha256_of(path: Path) -> str:
    """Lower-case hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(manifest: BaseModel, path: Path) -> None:
    """Write ``manifest``, of any kind of model, as YAML that its reader reads back equal."""
    content = manifest.model_dump(mode="json", exclude_none=True)
    # Innermost lists and mappings on one line each: a golden picture has a hundred rows.
    text = yaml.safe_dump(content, sort_keys=False, width=96, default_flow_style=None)
    # Replaced in one step: an agent that watches the folder reads the old one or the new one.
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _problems(path: Path, error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        prefix = f"{path}: {where}: " if where else f"{path}: "
        if problem["type"] == "extra_forbidden":
            known = _known_keys(problem["loc"])
            near = get_close_matches(str(problem["loc"][-1]), known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
            lines.append(f"{prefix}unknown key{hint}")
        elif problem["type"] == "missing":
            lines.append(f"{prefix}expected a value, found none")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{prefix}{message}, found {_short(problem['input'])}")
    return lines


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    owner: type[BaseModel] = Manifest
    if location[0] == "input" and len(location) > 1:
        owner = ModelInput
    elif location[0] == "classes" and len(location) > 1:
        owner = ClassSpec
    elif location[0] == "golden" and len(location) > 1:
        owner = Golden
    return list(owner.model_fields)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
