"""The command ``shelfwatch``. Each package brings its subcommands as entry points.

Only the one that is used is imported, so that ``shelfwatch planogram`` starts without a
detector, and no package imports another for the command line. An entry point names a
`typer.Typer`: with one command it becomes that command, with several a group. One whose
libraries are not installed is listed all the same, and says what to install.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint, entry_points, requires, version

import typer
from rich.markup import escape

from shelf.errors import ShelfwatchError

GROUP = "shelfwatch.commands"

BROUGHT_BY = {"torch": "ultralytics"}
"""Modules that a requirement brings without being named after it."""


class MissingLibraryError(ShelfwatchError):
    """A command whose libraries are not installed."""


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
    entries = {entry.name: entry for entry in _all_entries()}
    wanted = next((a for a in arguments if not a.startswith("-")), None)
    for name in [wanted] if wanted in entries else sorted(entries):
        _add(app, name, _load(entries[name]))
    return app


def _load(entry: EntryPoint) -> typer.Typer:
    """The command's `typer.Typer`, or one that says what to install."""
    try:
        part = entry.load()
    except ModuleNotFoundError as error:
        need = _what_to_install(error)
        if need is None:
            raise
        return _stub(need)
    assert isinstance(part, typer.Typer)
    return part


def _what_to_install(error: ModuleNotFoundError) -> str | None:
    """What brings the missing module, in words; None when it is one of our own."""
    module = (error.name or "").partition(".")[0]
    if not module or module in {entry.module.partition(".")[0] for entry in _all_entries()}:
        return None
    wanted = BROUGHT_BY.get(module, module).lower().replace("_", "-")
    target = "shelfwatch"
    for requirement in requires("shelfwatch") or ():
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        if extra and name and name[0].lower().replace("_", "-") == wanted:
            target = f"shelfwatch[{extra[1]}]"
    return f"needs the module {module!r}: pip install '{target}'"


def _stub(need: str) -> typer.Typer:
    part = typer.Typer()

    @part.command(
        help=f"Not installed; {escape(need)}",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    def missing(context: typer.Context) -> None:
        raise MissingLibraryError(f"shelfwatch {context.info_name}: {need}")

    return part


def _all_entries() -> list[EntryPoint]:
    return list(entry_points(group=GROUP))


def _add(app: typer.Typer, name: str, part: typer.Typer) -> None:
    if len(part.registered_commands) == 1 and part.registered_callback is None:
        command = part.registered_commands[0]
        assert command.callback is not None
        app.command(name, help=command.help, context_settings=command.context_settings)(
            command.callback
        )
    else:
        app.add_typer(part, name=name)


def main() -> None:
    """Run the command; a known error is printed as one message and gives its exit code."""
    try:
        build_app(sys.argv[1:])()
    except ModuleNotFoundError as error:
        need = _what_to_install(error)
        if need is None:
            raise
        typer.echo(f"this command {need}", err=True)
        sys.exit(MissingLibraryError.exit_code)
    except Exception as error:
        exit_code = getattr(error, "exit_code", None)
        if not isinstance(exit_code, int):
            raise
        typer.echo(str(error), err=True)
        sys.exit(exit_code)
