"""A certificate authority in a folder: its key, what it has issued, and what it takes back.

    ca.key                    the key, which never leaves the folder
    ca.crt  ca.crl            its certificate, and the list of what is revoked
    issued/NAME-SERIAL.crt    every certificate, so that it can be listed and revoked

Files are written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shelf.errors import ShelfwatchError
from shelf.provision.certificates import (
    CLOCK_SKEW,
    HASH,
    Holder,
    Issued,
    describe,
    key_pem,
    new_key,
    own_certificate,
    pem,
    signed_certificate,
)
from shelf.whole_file import write_whole


class ProvisionError(ShelfwatchError):
    """An authority that cannot be used, or a certificate that cannot be issued or revoked."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A new certificate and its key, as PEM."""

    certificate: bytes
    key: bytes
    serial: int


class Authority:
    """Issues and revokes certificates. One process at a time may write to its folder."""

    def __init__(
        self, folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> None:
        self.folder = folder
        self._certificate = certificate
        self._key = key

    @classmethod
    def create(
        cls, folder: Path, name: str, days: int, now: datetime, password: bytes | None = None
    ) -> Authority:
        """Make an authority in ``folder``; raises `ProvisionError` where there is one."""
        if (folder / "ca.key").exists():
            raise ProvisionError(f"{folder}: expected no authority yet, found ca.key")
        key = new_key()
        made = cls(folder, own_certificate(name, key, now, days), key)
        write_whole(folder / "ca.crt", made.certificate)
        made._write_revoked([], now)
        write_whole(folder / "ca.key", key_pem(key, password), mode=0o600)
        return made

    @classmethod
    def open(cls, folder: Path, password: bytes | None = None) -> Authority:
        """Open the authority in ``folder``; raises `ProvisionError`."""
        try:
            certificate = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
            key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password)
        except OSError as error:
            raise ProvisionError(
                f"{error.filename}: expected an authority made by `shelfwatch provision ca`, "
                f"found: {error.strerror}"
            ) from error
        except TypeError as error:
            found = "none" if password is None else "one, and a key without any"
            where = f"{folder / 'ca.key'}: password"
            raise ProvisionError(f"{where}: expected the key's own, found {found}") from error
        except ValueError as error:
            expected = "a certificate and its key, which the password opens, as PEM"
            raise ProvisionError(f"{folder}: expected {expected}, found: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or (
            key.public_key() != certificate.public_key()
        ):
            raise ProvisionError(f"{folder}: expected ca.key of ca.crt, found another key")
        return cls(folder, certificate, key)

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate, PEM."""
        return pem(self._certificate)

    @property
    def revoked(self) -> bytes:
        """The list of what is revoked, PEM."""
        return (self.folder / "ca.crl").read_bytes()

    def issue(self, holder: Holder, days: int, now: datetime) -> KeyPair:
        """Issue a certificate with a new key; it ends with the authority's own at the latest.

        Raises `ProvisionError` when somebody else has the name, because access lists know
        clients by nothing else.
        """
        for other in self.valid(holder.name, now):
            if not other.holder.is_also(holder):
                raise ProvisionError(
                    f"{holder.name}: expected a name that nobody has, found the {other}"
                )
        key = new_key()
        certificate = signed_certificate(holder, key, self._certificate, self._key, now, days)
        serial = certificate.serial_number
        write_whole(self.folder / "issued" / f"{holder.name}-{serial:x}.crt", pem(certificate))
        return KeyPair(pem(certificate), key_pem(key), serial)

    def revoke(self, name: str, now: datetime, but: int | None = None) -> list[Issued]:
        """Take back all valid certificates of ``name``, except the one with the serial ``but``.

        Returns them, and writes ``ca.crl``, which brokers have to be given.
        """
        gone = [each for each in self.valid(name, now) if each.serial != but]
        if gone:
            self._write_revoked([each.serial for each in gone], now)
        return gone

    def valid(self, name: str, now: datetime) -> list[Issued]:
        """Return the certificates of ``name`` with which a broker lets it in."""
        return [each for each in self.issued() if each.holder.name == name and each.is_good(now)]

    def issued(self) -> list[Issued]:
        """Return all certificates, the oldest first; raises `ProvisionError` for a foreign file."""
        revoked = {entry.serial_number: entry.revocation_date_utc for entry in self._entries()}
        paths = (self.folder / "issued").glob("*.crt")
        found = [self._read(path) for path in sorted(paths, key=lambda p: p.stat().st_mtime_ns)]
        found.sort(key=lambda certificate: certificate.not_valid_before_utc)  # in whole seconds
        return [describe(each, revoked.get(each.serial_number)) for each in found]

    def _read(self, path: Path) -> x509.Certificate:
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            certificate.verify_directly_issued_by(self._certificate)
        except (OSError, ValueError, TypeError, InvalidSignature) as error:
            expected = "a certificate that this authority has issued"
            raise ProvisionError(f"{path}: expected {expected}, found: {error!r}") from error
        return certificate

    def _entries(self) -> Iterator[x509.RevokedCertificate]:
        path = self.folder / "ca.crl"
        expected = "this authority's list of what is revoked"
        try:
            entries = x509.load_pem_x509_crl(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ProvisionError(f"{path}: expected {expected}, found: {error}") from error
        if not entries.is_signature_valid(self._key.public_key()):
            raise ProvisionError(f"{path}: expected {expected}, found one that it has not signed")
        yield from entries

    def _write_revoked(self, serials: Sequence[int], now: datetime) -> None:
        """Add to the list, which is valid as long as the authority: brokers refuse an old one."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - CLOCK_SKEW)
            .next_update(self._certificate.not_valid_after_utc)
        )
        for entry in self._entries() if (self.folder / "ca.crl").exists() else ():
            builder = builder.add_revoked_certificate(entry)
        for serial in serials:
            gone = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
            builder = builder.add_revoked_certificate(gone.build())
        revoked = builder.sign(self._key, HASH)
        write_whole(self.folder / "ca.crl", revoked.public_bytes(serialization.Encoding.PEM))
