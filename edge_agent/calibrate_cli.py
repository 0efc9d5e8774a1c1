"""``shelfwatch calibrate`` and ``shelfwatch calibrate propose``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_agent.propose_cli import propose
from edge_agent.propose_marks import measure_lens, print_marks
from shelf import ConfigError, Problem

__all__ = ["app"]

app = typer.Typer(
    help="Say where a camera's bays lie in its picture: the browser tool, or one photograph.",
    invoke_without_command=True,
)
app.command()(propose)
app.command("print")(print_marks)
app.command("lens")(measure_lens)


@app.callback()
def calibrate(
    context: typer.Context,
    site: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The site file.", show_default=False)
    ] = None,
    camera: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this camera.", show_default=False)
    ] = None,
    host: Annotated[
        str, typer.Option(help="0.0.0.0 to reach it from a phone in the store's network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8090,
) -> None:
    """Calibrate a site's cameras in a browser: it proposes, you approve.

    Prints a link, and its QR code, that lets one phone or laptop in. A calibration that is saved
    is used by the running agent from its next look on.

    Example: shelfwatch calibrate --site configs/site.example.yaml --host 0.0.0.0
    """
    if context.invoked_subcommand is not None:
        return
    if site is None:
        raise ConfigError([Problem("calibrate", "--site FILE, or a subcommand", "neither")])
    from calibration.tool.serve import serve
    from edge_agent.calibrate_tool import opened
    from edge_agent.config import load_site

    with opened(load_site(site), site, camera) as parts:
        serve(parts, host, port, typer.echo, camera)
