"""The command ``shelfwatch``. Each package brings its subcommands as entry points.

Only the one that is used is imported, so that ``shelfwatch planogram`` starts without a
detector, and no package imports another for the command line. An entry point names a
`typer.Typer`: with one command it becomes that command, with several a group.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points, version

import typer

GROUP = "shelfwatch.commands"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("shelfwatch"))
        raise typer.Exit


def _options(
    _version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_print_version, help="Print the version."
    ),
) -> None:
    pass


def build_app(arguments: list[str]) -> typer.Typer:
    """Return the command with the subcommand that ``arguments`` name, or else with all."""
    app = typer.Typer(
        name="shelfwatch",
        help="Watches store shelves with fixed cameras and says what is missing or misplaced.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_options)
    entries = {entry.name: entry for entry in entry_points(group=GROUP)}
    wanted = next((a for a in arguments if not a.startswith("-")), None)
    for name in [wanted] if wanted in entries else sorted(entries):
        _add(app, name, entries[name].load())
    return app


def _add(app: typer.Typer, name: str, part: typer.Typer) -> None:
    if len(part.registered_commands) == 1 and part.registered_callback is None:
        callback = part.registered_commands[0].callback
        assert callback is not None
        app.command(name)(callback)
    else:
        app.add_typer(part, name=name)


def main() -> None:
    """Run the command; a known error is printed as one message and gives its exit code."""
    try:
        build_app(sys.argv[1:])()
    except Exception as error:
        exit_code = getattr(error, "exit_code", None)
        if not isinstance(exit_code, int):
            raise
        typer.echo(str(error), err=True)
        sys.exit(exit_code)
