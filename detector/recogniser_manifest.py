"""``manifest.yaml`` beside an embedding network: what it expects and what its cosines mean."""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from detector.embedding import KnownRule
from detector.errors import ModelError
from detector.manifest import MANIFEST_NAME, Colour


class Fit(StrEnum):
    """How a crop is brought to the network's square."""

    #: The aspect is kept and the rest is grey 114, as a detector's input.
    LETTERBOX = "letterbox"
    #: Width and height are scaled each for itself.
    STRETCH = "stretch"


class CropInput(BaseModel):
    """``crops``: float32 ``[n, 3, size, size]``, ``(value * scale - mean) / std``.

    A letterboxed crop is resized as a detector's input is; a stretched one by area averaging
    where both sides shrink and bilinearly otherwise. ``mean`` and ``std`` are in the order of
    ``colour``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size_px: int = Field(gt=0, le=1024, description="Side of the square that a crop is fitted in.")
    fit: Fit = Field(Fit.LETTERBOX, description="How a crop is brought to the square.")
    colour: Colour = Field(Colour.RGB, description="Channel order.")
    scale: float = Field(1 / 255, gt=0, description="Factor on 0..255 values.")
    mean: tuple[float, float, float] = Field((0.0, 0.0, 0.0), description="Subtracted.")
    std: tuple[float, float, float] = Field((1.0, 1.0, 1.0), description="Divided by.")

    @model_validator(mode="after")
    def _check(self) -> CropInput:
        if min(self.std) <= 0:
            raise ValueError(f"std: expected numbers above 0, found {self.std}")
        return self


class Rule(BaseModel):
    """When a cosine counts, see `detector.KnownRule`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_similarity: float = Field(ge=-1, le=1, description="Less alike is not an answer.")
    min_margin: float = Field(ge=0, le=2, description="Lead over the product compared with.")

    @property
    def known_rule(self) -> KnownRule:
        """The same rule as the catalogue takes it."""
        return KnownRule(self.min_similarity, self.min_margin)


class GoldenCrop(BaseModel):
    """A picture whose vector is known: a network that gives another is not the one measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(min_length=1, description="The picture, beside this manifest.")
    vector_head: tuple[float, ...] = Field(min_length=4, description="Its vector's first numbers.")
    tolerance: float = Field(0.01, gt=0, le=0.2, description="Largest difference of a number.")


class EmbedderManifest(BaseModel):
    """An embedding network's manifest. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["embedder"]
    name: str = Field(min_length=1, description="Name of the model, as its folder is called.")
    version: str = Field(min_length=1, description="Version of the weights.")
    file: str = Field("model.onnx", description="The weights, beside this manifest.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Hash of the weights' file.")
    input: CropInput
    dimension: int = Field(gt=0, le=4096, description="Numbers in a vector.")
    batch: int = Field(16, gt=0, le=1024, description="Most crops in one run.")
    reference_widths_px: tuple[int, ...] = Field(
        (), description="Widths that catalogue pictures are shrunk to; empty: as they are."
    )
    known: Rule = Field(description="When the best product of a catalogue is the answer.")
    stranger: Rule | None = Field(
        None, description="When a facing is another product than planned; default: as known."
    )
    golden: GoldenCrop
    licence: str = Field(min_length=1, description="SPDX name of the weights' licence.")
    card: str = Field("CARD.md", description="The model card, beside this manifest.")

    @model_validator(mode="after")
    def _check(self) -> EmbedderManifest:
        if any(width < 8 for width in self.reference_widths_px):
            raise ValueError(
                f"reference_widths_px: expected 8 px or more, found {self.reference_widths_px}"
            )
        if len(self.golden.vector_head) > self.dimension:
            raise ValueError(
                f"golden.vector_head: expected at most {self.dimension} numbers, "
                f"found {len(self.golden.vector_head)}"
            )
        return self


def read_embedder_manifest(folder: Path) -> EmbedderManifest:
    """The manifest of a model folder; :class:`ModelError` names every problem in it at once."""
    path = folder / MANIFEST_NAME
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{path}: expected the manifest of an embedding network, found {error.strerror}"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: expected YAML, found {error}") from error
    try:
        return EmbedderManifest.model_validate(content)
    except ValidationError as error:
        raise ModelError("\n".join(_problem(path, dict(item)) for item in error.errors())) from None


_PARTS: dict[str, type[BaseModel]] = {
    "input": CropInput,
    "known": Rule,
    "stranger": Rule,
    "golden": GoldenCrop,
}


def _problem(path: Path, item: dict[str, Any]) -> str:
    location = [str(part) for part in item["loc"]]
    where = ": ".join([str(path), ".".join(location)]) if location else str(path)
    if item["type"] == "missing":
        return f"{where}: expected a value, found none"
    if item["type"] == "extra_forbidden":
        owner = _PARTS.get(location[0], EmbedderManifest) if len(location) > 1 else EmbedderManifest
        near = get_close_matches(location[-1], owner.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(owner.model_fields)}"
        return f"{where}: unknown key; {hint}"
    if location == ["kind"]:
        return f"{where}: expected 'embedder', found {item['input']!r}; this is another model"
    found = repr(item["input"])
    short = found if len(found) <= 60 else f"{found[:57]}..."
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if ", found " in message else f"{where}: {message}, found {short}"
