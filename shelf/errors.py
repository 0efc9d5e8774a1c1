"""Errors that a user can act on: each says where, what was expected and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ShelfwatchError(Exception):
    """Base of all errors that end a command with one clear message.

    ``exit_code`` is the exit status of the command line: 1 for a failure in the data,
    2 for wrong usage or configuration.
    """

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with its place.

    ``where`` names file, row or field; ``expected`` and ``found`` are short phrases.
    """

    where: str
    expected: str
    found: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: expected {self.expected}, found {self.found}"
        return f"{text}; {self.hint}" if self.hint else text


class ProblemsError(ShelfwatchError):
    """All problems of one file, told at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("ProblemsError needs at least one problem")
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ConfigError(ProblemsError):
    """A configuration file that cannot be used."""


class PlanogramError(ProblemsError):
    """A planogram file that cannot be used."""


class PictureError(ShelfwatchError):
    """A picture that is missing or cannot be read."""

    exit_code = 1
