"""``shelfwatch provision``: what is made, who may have it, and what is said when not."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from shelf.errors import ShelfwatchError
from shelf.provision.authority import Authority, ProvisionError
from shelf.provision.certificates import Holder, Role
from shelf.provision.cli import app

NOW = datetime(2026, 11, 22, tzinfo=UTC)
NODE = Holder(Role.NODE, "s0421-e1", "acme", "s0421")


@pytest.fixture
def provision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run the command in an empty folder; returns what it says, or raises what ends it."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        if isinstance(result.exception, ShelfwatchError):
            raise result.exception
        assert result.exit_code in (0, 2), result.output
        return result.output

    return run


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "pki", "Test CA", 30, NOW)


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_everybody_gets_a_folder_to_copy(provision: Callable[..., str], tmp_path: Path) -> None:
    """With a key that only its owner reads, and the authority's certificate; never its key."""
    provision("ca")
    provision("broker", "mqtt.example.com", "192.0.2.10")
    provision("node", "acme/s0421/s0421-e1")
    provision("client")
    pki = tmp_path / "pki"
    for folder, stem in (
        ("brokers/mqtt.example.com", "server"),
        ("nodes/s0421-e1", "node"),
        ("clients/shelfwatch-central", "client"),
    ):
        key = pki / folder / f"{stem}.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        load(pki / folder / f"{stem}.crt").verify_directly_issued_by(load(pki / "ca.crt"))
        assert (pki / folder / "ca.crt").read_bytes() == (pki / "ca.crt").read_bytes()
        assert not (pki / folder / "ca.key").exists()
    assert stat.S_IMODE((pki / "ca.key").stat().st_mode) == 0o600
    server = load(pki / "brokers/mqtt.example.com/server.crt")
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mqtt.example.com"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.10"]


def test_a_second_one_has_to_be_asked_for(provision: Callable[..., str]) -> None:
    """With --renew both are valid, until the older one is revoked."""
    provision("ca")
    provision("node", "acme/s0421/s0421-e1")
    with pytest.raises(ProvisionError, match=r"found the node of acme/s0421, .*--renew makes"):
        provision("node", "acme/s0421/s0421-e1")
    provision("node", "acme/s0421/s0421-e1", "--renew")
    assert provision("list").count("valid, ") == 2
    assert provision("revoke", "s0421-e1", "--but-newest").count("revoked s0421-e1") == 1
    listed = provision("list").splitlines()
    assert ["revoked" in line for line in listed] == [True, False]
    with pytest.raises(ProvisionError, match="expected an older valid certificate, found none"):
        provision("revoke", "s0421-e1", "--but-newest")


def test_a_name_is_given_once(authority: Authority) -> None:
    """Access lists know names only: another store's node of the same name could speak for it."""
    authority.issue(NODE, 10, NOW)
    other = Holder(Role.NODE, "s0421-e1", "evil", "s9")
    with pytest.raises(ProvisionError, match="expected a name that nobody has, found the node"):
        authority.issue(other, 10, NOW)
    with pytest.raises(ProvisionError, match="found the node of acme/s0421"):
        authority.issue(Holder(Role.CLIENT, "s0421-e1"), 10, NOW)
    authority.revoke("s0421-e1", NOW)
    authority.issue(other, 10, NOW)


def test_nothing_outlives_the_authority(authority: Authority) -> None:
    """Nor does anything count as valid after its end."""
    authority.issue(NODE, 3650, NOW)
    (issued,) = authority.issued()
    assert issued.not_after_utc == NOW + timedelta(days=30)
    assert authority.valid("s0421-e1", NOW + timedelta(days=29))
    assert not authority.valid("s0421-e1", NOW + timedelta(days=30))


def test_what_is_revoked_stays_so(authority: Authority) -> None:
    """Also when others are revoked later; the list is valid as long as the authority."""
    authority.issue(NODE, 10, NOW)
    authority.revoke("s0421-e1", NOW)
    authority.issue(Holder(Role.CLIENT, "staff"), 10, NOW)
    authority.revoke("staff", NOW)
    again = Authority.open(authority.folder)
    assert all(each.revoked_utc == NOW for each in again.issued())
    revoked = x509.load_pem_x509_crl(again.revoked)
    assert len(list(revoked)) == 2
    assert revoked.next_update_utc == NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("ca.key", None, "ca.key: expected an authority made by `shelfwatch provision ca`"),
        ("ca.crt", b"nonsense", "expected a certificate and its key"),
        ("ca.crl", b"nonsense", "ca.crl: expected this authority's list of what is revoked"),
        ("issued/x.crt", b"nonsense", "issued/x.crt: expected a certificate that this authority"),
    ],
)
def test_a_damaged_authority_is_said(
    authority: Authority, file: str, content: bytes | None, said: str
) -> None:
    """With the file that is wrong."""
    path = authority.folder / file
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProvisionError, match=said):
        Authority.open(authority.folder).issued()


def test_a_foreign_key_or_certificate_is_refused(authority: Authority, tmp_path: Path) -> None:
    """Two authorities must not be mixed up."""
    other = Authority.create(tmp_path / "other", "Other CA", 30, NOW)
    pair = other.issue(NODE, 10, NOW)
    issued = authority.folder / "issued"
    issued.mkdir()
    (issued / "s0421-e1-1.crt").write_bytes(pair.certificate)
    with pytest.raises(ProvisionError, match="expected a certificate that this authority has"):
        authority.issued()
    (authority.folder / "ca.key").write_bytes((other.folder / "ca.key").read_bytes())
    with pytest.raises(ProvisionError, match=r"expected ca.key of ca.crt, found another key"):
        Authority.open(authority.folder)


def test_a_locked_key_needs_its_password(provision: Callable[..., str], tmp_path: Path) -> None:
    """From a file, so that it is in no list of processes."""
    (tmp_path / "right").write_text("correct horse\n")
    (tmp_path / "wrong").write_text("hunter2\n")
    (tmp_path / "empty").write_text("\n")
    provision("ca", "--password-file", "right")
    assert b"ENCRYPTED" in (tmp_path / "pki" / "ca.key").read_bytes()
    assert "nothing issued yet" in provision("list", "--password-file", "right")
    for arguments, said in (
        ((), "password: expected the key's own, found none"),
        (("--password-file", "wrong"), "which the password opens"),
        (("--password-file", "empty"), "expected a password, found an empty file"),
        (("--password-file", "absent"), "absent: expected a password file"),
    ):
        with pytest.raises(ProvisionError, match=said) as caught:
            provision("list", *arguments)
        assert "hunter2" not in str(caught.value)


def test_an_authority_is_not_overwritten(provision: Callable[..., str]) -> None:
    """All that it has issued would be lost."""
    provision("ca")
    with pytest.raises(ProvisionError, match=r"pki: expected no authority yet, found ca.key"):
        provision("ca")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("s0421-e1", "expected TENANT/SITE/NODE"),
        ("acme/s0421/e 1", "node: expected 1-64 letters"),
        ("acme//e1", "site: expected 1-64 letters"),
    ],
)
def test_a_name_that_is_no_topic_is_refused(
    provision: Callable[..., str], name: str, said: str
) -> None:
    """It is what the broker compares topics with."""
    provision("ca")
    assert said in " ".join(provision("node", name).replace("│", " ").split())
