"""Training recipes: the YAML files of ``configs/training``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from detector.errors import TrainingError

Recipe = TypeVar("Recipe", bound=BaseModel)

BUDGETS = ("minutes", "crops", "epochs")


class Bucket(BaseModel):
    """One input size and how often it is drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size_px: int = Field(gt=0, multiple_of=32, description="Side of the square input.")
    batch: int = Field(gt=0, description="Crops in a step of this size.")
    weight: float = Field(gt=0, description="Relative frequency of such steps.")


class Stage(BaseModel):
    """One run of the learning rate from its height to its end; exactly one kind of budget.

    A budget in minutes follows the clock, so a shared machine never leaves a run half annealed;
    one in crops or epochs gives the same weights again from the same pictures and one thread.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="What the progress bar calls it.")
    minutes: float | None = Field(None, gt=0, description="Budget of wall-clock time.")
    crops: int | None = Field(None, gt=0, description="Budget of training crops.")
    epochs: float | None = Field(None, gt=0, description="Budget; one epoch: a crop a picture.")
    buckets: tuple[Bucket, ...] = Field(min_length=1)
    learning_rate: float = Field(2e-3, gt=0)
    final_share: float = Field(0.02, gt=0, le=1, description="Last learning rate / first one.")
    warmup_steps: int = Field(100, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    average_steps: int = Field(400, gt=0, description="Horizon of the weight average.")
    freeze: int = Field(0, ge=0, description="First layers of the network that stay as they are.")
    folder_weights: dict[str, float] | None = Field(
        None, description="How often each folder is drawn; 0: not. Default: equally often."
    )

    @model_validator(mode="after")
    def _check(self) -> Stage:
        given = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"one budget out of {', '.join(BUDGETS)} is needed; given: {found}")
        return self


class TrainRecipe(BaseModel):
    """Everything but the pictures that shapes a training run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: str = Field("yolo11n.yaml", description="Ultralytics model file.")
    start_from: str | None = Field(
        None, description="Weights to begin with: `shipped`, a checkpoint, a model folder."
    )
    device: str = Field(
        "auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, cuda, cuda:1, mps."
    )
    threads: int = Field(2, gt=0)
    seed: int = 0
    checkpoints: int = Field(
        10, gt=0, description="Times a stage that progress is saved and measured."
    )
    validation_pictures: int = Field(
        64, ge=0, description="At most so many of the val side are measured at a checkpoint."
    )
    stages: tuple[Stage, ...] = Field(min_length=1)


def read_recipe(path: Path) -> TrainRecipe:
    """The recipe in ``path``; every problem is named at once in a TrainingError."""
    return read_yaml_recipe(path, TrainRecipe)


def read_yaml_recipe(path: Path, kind: type[Recipe]) -> Recipe:
    """:func:`read_recipe` for any kind of recipe."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TrainingError(f"{path}: expected a training recipe, found: {error}") from error
    if not isinstance(content, Mapping):
        needed = [name for name, field in kind.model_fields.items() if field.is_required()]
        raise TrainingError(
            f"{path}: expected a training recipe with {', '.join(needed)}, found no keys"
        )
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise TrainingError("\n".join(_problems(path, error, kind))) from error


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """``stages.0.minutes: 5 before, 10 now`` for each field of two dumped recipes that differs."""
    before, after = dict(_flat(old)), dict(_flat(new))
    return [
        f"{name}: {before.get(name, 'not set')} before, {after.get(name, 'not set')} now"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _flat(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        children = list(value.items())
    elif isinstance(value, list | tuple):
        children = list(enumerate(value))
    else:
        yield where, value
        return
    for key, child in children:
        yield from _flat(child, f"{where}.{key}" if where else str(key))


def _problems(path: Path, error: ValidationError, kind: type[BaseModel]) -> Iterator[str]:
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        prefix = f"{path}: {where}: " if where else f"{path}: "
        if problem["type"] == "extra_forbidden":
            known = list(_owner(kind, problem["loc"]).model_fields)
            near = get_close_matches(str(problem["loc"][-1]), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            yield f"{prefix}unknown key; {hint}"
        elif problem["type"] == "missing":
            yield f"{prefix}expected a value, found none"
        else:
            found = repr(problem["input"])
            shown = found if len(found) <= 60 else f"{found[:57]}..."
            yield f"{prefix}{problem['msg'].removeprefix('Value error, ')}, found {shown}"


def _owner(kind: type[BaseModel], place: Sequence[int | str]) -> type[BaseModel]:
    """The model that a key in ``place`` would belong to."""
    for key in place[:-1]:
        if isinstance(key, str):
            members = get_args(kind.model_fields[key].annotation)
            kind = next(one for one in members if isinstance(one, type))
    return kind
