"""``shelfwatch calibrate`` and ``shelfwatch calibrate propose``."""

from __future__ import annotations

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Say where a camera's bays lie in its picture: the browser tool, or one photograph.",
    invoke_without_command=True,
)
