"""``shelfwatch provision``: who may talk to the broker."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from shelf.provision.authority import Authority, ProvisionError
from shelf.provision.certificates import Holder, Role
from shelf.topics import Node, name_fault
from shelf.whole_file import write_whole

app = typer.Typer(
    help="Certificates for brokers, nodes and other clients, from an authority of your own.",
    no_args_is_help=True,
)

CENTRAL = "shelfwatch-central"
AUTHORITY_DAYS = 3650
DAYS = 825

Folder = Annotated[Path, typer.Option("--ca", metavar="DIR", help="The authority's folder.")]
Password = Annotated[
    Path | None,
    typer.Option("--password-file", metavar="FILE", help="Holds the password of the CA's key."),
]
Days = Annotated[int, typer.Option("--days", min=1, max=36500, help="How long it is valid.")]
Renew = Annotated[
    bool, typer.Option("--renew", help="Make another; what it has stays valid until revoked.")
]
HERE = Path("pki")


@app.command()
def ca(
    folder: Folder = HERE,
    name: Annotated[str, typer.Option(help="What it is called.")] = "Shelfwatch CA",
    days: Days = AUTHORITY_DAYS,
    password_file: Password = None,
) -> None:
    """Make the authority that vouches for all others. Keep its folder away from the broker.

    Example: shelfwatch provision ca --password-file ca.password
    """
    if not 1 <= len(name) <= 64:
        raise typer.BadParameter(f"--name: expected 1 to 64 characters, got {len(name)}")
    Authority.create(folder, name, days, _now(), _password(password_file))
    typer.echo(f"{folder}: made {name}, for {days} days; back up this folder, show it to nobody")


@app.command()
def broker(
    hosts: Annotated[
        list[str], typer.Argument(metavar="HOST...", help="Names and addresses that clients use.")
    ],
    folder: Folder = HERE,
    days: Days = DAYS,
    renew: Renew = False,
    password_file: Password = None,
) -> None:
    """Make certificate and key of a broker: server.crt, server.key, and what it trusts.

    Example: shelfwatch provision broker mqtt.example.com 192.0.2.10
    """
    holder = Holder(Role.BROKER, hosts[0][:64], hosts=tuple(hosts))
    _issue(holder, "server", Authority.open(folder, _password(password_file)), days, renew)


@app.command()
def node(
    name: Annotated[str, typer.Argument(metavar="TENANT/SITE/NODE", help="As in the site file.")],
    folder: Folder = HERE,
    days: Days = DAYS,
    renew: Renew = False,
    password_file: Password = None,
) -> None:
    """Make certificate and key of an edge node: node.crt, node.key, ca.crt.

    Example: shelfwatch provision node acme/s0421/s0421-e1
    """
    parts = name.split("/")
    if len(parts) != 3:
        raise typer.BadParameter(f"expected TENANT/SITE/NODE, found {name!r}")
    try:
        wanted = Node(*parts)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    holder = Holder(Role.NODE, wanted.node, wanted.tenant, wanted.site)
    _issue(holder, "node", Authority.open(folder, _password(password_file)), days, renew)


@app.command()
def client(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in the access list.")] = CENTRAL,
    folder: Folder = HERE,
    days: Days = DAYS,
    renew: Renew = False,
    password_file: Password = None,
) -> None:
    """Make certificate and key of the collector, or of another client of the broker.

    Example: shelfwatch provision client shelfwatch-central
    """
    if fault := name_fault(name):
        raise typer.BadParameter(f"{name}: expected {fault}")
    holder = Holder(Role.CLIENT, name)
    _issue(holder, "client", Authority.open(folder, _password(password_file)), days, renew)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Node, client or broker.")],
    folder: Folder = HERE,
    but_newest: Annotated[
        bool, typer.Option("--but-newest", help="Keep the one that was made last.")
    ] = False,
    password_file: Password = None,
) -> None:
    """Take back what a name has; afterwards give ca.crl to the broker and reload it.

    Example: shelfwatch provision revoke s0421-e1
    """
    authority = Authority.open(folder, _password(password_file))
    valid = authority.valid(name, _now())
    keep = valid[-1].serial if valid and but_newest else None
    gone = authority.revoke(name, _now(), keep)
    if not gone:
        expected = "an older valid certificate" if valid else "a name with a valid certificate"
        raise ProvisionError(f"{name}: expected {expected}, found none")
    for each in gone:
        typer.echo(f"revoked {name} ({each})")
    typer.echo(f"now copy {folder / 'ca.crl'} to the broker, and reload it (SIGHUP)")


@app.command("list")
def list_issued(folder: Folder = HERE, password_file: Password = None) -> None:
    """Say who has a certificate, and until when.

    Example: shelfwatch provision list
    """
    now = _now()
    issued = Authority.open(folder, _password(password_file)).issued()
    for each in issued:
        if each.revoked_utc is not None:
            state = f"revoked {each.revoked_utc:%Y-%m-%d}"
        elif each.is_good(now):
            state = f"valid, {(each.not_after_utc - now).days} days left"
        else:
            state = "expired"
        typer.echo(f"{each.holder.name:32} {each}: {state}")
    if not issued:
        typer.echo(f"{folder}: nothing issued yet")


def _issue(holder: Holder, stem: str, authority: Authority, days: int, renew: bool) -> None:
    """Write certificate, key and what the holder trusts into a folder of its own."""
    now = _now()
    mine = [each for each in authority.valid(holder.name, now) if each.holder.is_also(holder)]
    if mine and not renew:
        hint = "--renew makes another"
        raise ProvisionError(f"{holder.name}: found the {mine[-1]}; {hint}")
    pair = authority.issue(holder, days, now)
    folder = authority.folder / f"{holder.role}s" / holder.name
    write_whole(folder / "ca.crt", authority.certificate)
    if holder.role is Role.BROKER:
        write_whole(folder / "ca.crl", authority.revoked)
    write_whole(folder / f"{stem}.key", pair.key, mode=0o600)
    write_whole(folder / f"{stem}.crt", pair.certificate)
    typer.echo(f"{folder}: copy what is in it to the {holder.role}, and delete {stem}.key here")
    if holder.role is not Role.BROKER:
        files = f"ca_file: ca.crt, cert_file: {stem}.crt, key_file: {stem}.key"
        typer.echo(f"broker: {{url: mqtts://HOST:8883, {files}}}")


def _now() -> datetime:
    return datetime.now(UTC)


def _password(file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        password = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise ProvisionError(f"{file}: expected a password file, found: {error}") from error
    if not password:
        raise ProvisionError(f"{file}: expected a password, found an empty file")
    return password.encode()
