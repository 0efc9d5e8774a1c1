"""Read a YAML file into a pydantic model and say everything that is wrong with it at once."""

from __future__ import annotations

import re
import types
import typing
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from shelf.errors import ConfigError, Problem

Model = TypeVar("Model", bound=BaseModel)

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")
_SECRET_NAMES = ("password", "secret", "token", "credential")


class Settings(BaseModel):
    """Base of all configuration models: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def redact(text: str) -> str:
    """Return ``text`` with user names and passwords in URLs replaced by ``***``."""
    return _CREDENTIALS.sub("***@", text)


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that is written twice, where YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} twice", key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else id(key_node))
        return super().construct_mapping(node, deep)


def load_settings(path: Path, model: type[Model]) -> Model:
    """Return ``path`` validated as ``model``; raises `ConfigError` with every problem."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError([Problem(str(path), "a YAML file", reason)]) from error
    try:
        raw = yaml.load(text, Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}: line {mark.line + 1} column {mark.column + 1}" if mark else str(path)
        raise ConfigError(
            [Problem(where, "valid YAML", str(getattr(error, "problem", None) or error))]
        ) from error
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise ConfigError([Problem(str(path), "keys and values", type(raw).__name__)])
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(problems_of(error, model, str(path))) from error


def with_paths_from(folder: Path, settings: Model) -> Model:
    """Return ``settings`` with every relative path in it taken from ``folder``."""
    changes = {
        name: _with_paths(folder, getattr(settings, name)) for name in type(settings).model_fields
    }
    return settings.model_copy(update=changes)


def _with_paths(folder: Path, value: Any) -> Any:
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, BaseModel):
        return with_paths_from(folder, value)
    if isinstance(value, tuple | list):
        return type(value)(_with_paths(folder, item) for item in value)
    return value


def problems_of(error: ValidationError, model: type[BaseModel], where: str) -> list[Problem]:
    """Return one `Problem` per error, each with the path of its field: ``cameras[2].source``."""
    return [
        _problem(dict(item), model, where)
        for item in error.errors(include_url=False, include_context=True)
    ]


def _problem(item: dict[str, Any], model: type[BaseModel], where: str) -> Problem:
    location = [part for part in item["loc"] if not _is_union_tag(part)]
    place = f"{where}: {_path_text(location)}" if location else where
    kind = item["type"]
    if kind == "missing":
        return Problem(place, "a value", "nothing")
    if kind == "extra_forbidden":
        known = _known_keys(model, item["loc"][:-1])
        near = get_close_matches(str(item["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"keys here are {', '.join(known)}"
        return Problem(place, "a known key", repr(item["loc"][-1]), hint)
    expected = item["msg"]
    for prefix in ("Input should be ", "Value error, ", "Assertion failed, "):
        expected = expected.removeprefix(prefix)
    return Problem(place, expected.removeprefix("expected "), _shown(item["input"], location))


def _is_union_tag(part: object) -> bool:
    return isinstance(part, str) and part.startswith(("function-", "tagged-union"))


def _path_text(location: list[Any]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _shown(value: Any, location: list[Any]) -> str:
    if any(secret in str(part).lower() for part in location for secret in _SECRET_NAMES):
        return "***"
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    text = redact(repr(value))
    return text if len(text) <= 80 else f"{text[:77]}..."


def _known_keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """Return the keys of the model that ``path`` leads to (several for a union)."""
    models: list[type[BaseModel]] = [model]
    for part in path:
        if isinstance(part, int):
            continue
        following: list[type[BaseModel]] = []
        for current in models:
            if part in current.model_fields:
                following += _models_in(current.model_fields[part].annotation)
        models = following or [m for m in models if _tag_of(m) == part] or models
    return sorted({name for current in models for name in current.model_fields})


def _tag_of(model: type[BaseModel]) -> object:
    field = model.model_fields.get("type")
    values = typing.get_args(field.annotation) if field else ()
    return values[0] if values else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if isinstance(annotation, type | types.NoneType):
        return []
    return [found for part in typing.get_args(annotation) for found in _models_in(part)]
