"""Certificates as X.509: whom they name, what they allow, from when until when. Pure.

Keys are elliptic (P-256), signatures ECDSA with SHA-256.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLOCK_SKEW = timedelta(days=1)
"""Certificates are valid from so long ago: the clocks of new devices are behind."""

HASH = hashes.SHA256()


class Role(StrEnum):
    """Whom a certificate is for."""

    BROKER = "broker"
    NODE = "node"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a certificate names.

    ``name`` is its common name, by which a broker's access list knows the client. ``tenant`` and
    ``site`` are a node's. ``hosts`` are the names and addresses under which a broker is reached.
    """

    role: Role
    name: str
    tenant: str = ""
    site: str = ""
    hosts: tuple[str, ...] = ()

    def is_also(self, other: Holder) -> bool:
        """True when ``other`` is the same, whatever its hosts."""
        return (self.role, self.name, self.tenant, self.site) == (
            (other.role, other.name, other.tenant, other.site)
        )


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was issued."""

    holder: Holder
    serial: int
    not_after_utc: datetime
    revoked_utc: datetime | None

    def is_good(self, now: datetime) -> bool:
        """True while a broker lets its holder in."""
        return self.revoked_utc is None and now < self.not_after_utc

    def __str__(self) -> str:
        """Return ``node of acme/s0421, until 2029-02-24``."""
        place = f" of {self.holder.tenant}/{self.holder.site}" if self.holder.site else ""
        return f"{self.holder.role}{place}, until {self.not_after_utc:%Y-%m-%d}"


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key."""
    return ec.generate_private_key(ec.SECP256R1())


def own_certificate(
    name: str, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.Certificate:
    """Return the certificate of an authority, signed by itself."""
    subject = _subject(Holder(Role.CLIENT, name))
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _builder(subject, key, now, days)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, HASH)
    )


def signed_certificate(
    holder: Holder,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    days: int,
) -> x509.Certificate:
    """Return a certificate for ``holder`` and ``key``, valid no longer than the authority's."""
    days = min(days, (authority.not_valid_after_utc - now).days)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = (
        _builder(_subject(holder), key, now, days)
        .issuer_name(authority.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([_usage(holder.role)]), critical=False)
        .add_extension(identifier, critical=False)
    )
    if holder.hosts:
        names = x509.SubjectAlternativeName([_host(host) for host in holder.hosts])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(authority_key, HASH)


def describe(certificate: x509.Certificate, revoked_utc: datetime | None) -> Issued:
    """Return what an issued certificate says."""

    def part(oid: x509.ObjectIdentifier) -> str:
        return "".join(str(each.value) for each in certificate.subject.get_attributes_for_oid(oid))

    site = part(NameOID.ORGANIZATIONAL_UNIT_NAME)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    is_broker = _usage(Role.BROKER) in usage
    role = Role.BROKER if is_broker else Role.NODE if site else Role.CLIENT
    holder = Holder(role, part(NameOID.COMMON_NAME), part(NameOID.ORGANIZATION_NAME), site)
    return Issued(holder, certificate.serial_number, certificate.not_valid_after_utc, revoked_utc)


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    """Return a key as PEM, locked where there is a ``password``."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    now = now.astimezone(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=days))
    )


def _subject(holder: Holder) -> x509.Name:
    parts = [
        (NameOID.ORGANIZATION_NAME, holder.tenant),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, holder.site),
        (NameOID.COMMON_NAME, holder.name),
    ]
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts if text])


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _usage(role: Role) -> x509.ObjectIdentifier:
    is_server = role is Role.BROKER
    return ExtendedKeyUsageOID.SERVER_AUTH if is_server else ExtendedKeyUsageOID.CLIENT_AUTH


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
