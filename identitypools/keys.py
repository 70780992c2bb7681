"""The keys of the issuer that identity pools are: made, published, and kept in memory."""

import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from jwt.utils import to_base64url_uint

from identitypools.models import IssuerKey
from userpools import sealing
from userpools.audit import Actor, record_act
from userpools.conf import settings
from userpools.models.cache import VersionedCache
from userpools.sealing import Purpose

if TYPE_CHECKING:
    from django.db.models import QuerySet

ALGORITHM: Final = "RS512"
KEY_SIZE: Final = 2048
PUBLIC_EXPONENT: Final = 65537
# The longest life of a token, and as long again for those who keep the published keys.
OVERLAP: Final = timedelta(days=2)
CERTIFICATE_LIFE: Final = timedelta(days=3650)
ISSUER_PATH: Final = "/identity"
_ALL: Final = "all"


def issuer() -> str:
    """Return the `iss` of identity pools' tokens; no trailing slash."""
    return f"{settings.PUBLIC_URL}{ISSUER_PATH}"


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """Private keys by region, with their ids; every published key by id; the documents."""

    active: dict[str, tuple[str, rsa.RSAPrivateKey]]
    public: dict[str, rsa.RSAPublicKey]
    jwks: bytes
    jwks_with_certificates: bytes


def ensure(region: str) -> None:
    """See that the region has a key to sign with."""
    if IssuerKey.objects.filter(region=region, is_active=True).exists():
        return
    row = _make(region)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return  # another process made one meanwhile
    _kept.forget(_ALL)


def rotate(region: str, *, actor: Actor) -> IssuerKey:
    """Replace the region's key; the old one stays published for OVERLAP. Return the new one."""
    row = _make(region)
    with transaction.atomic():
        IssuerKey.objects.filter(region=region, is_active=True).update(
            is_active=False, retire_at=timezone.now() + OVERLAP
        )
        row.save(force_insert=True)
        record_act(actor, "RotateIssuerKey", resource=row.kid)
    _kept.forget(_ALL)
    return row


def _make(region: str) -> IssuerKey:
    """Make a key, unsaved. Its id is the region and a number, as the service's are."""
    numbers = [
        int(kid.removeprefix(region) or 0)
        for kid in IssuerKey.objects.filter(region=region).values_list("kid", flat=True)
    ]
    kid = f"{region}{max(numbers, default=0) + 1}"
    private = rsa.generate_private_key(PUBLIC_EXPONENT, KEY_SIZE)
    numbers_of_key = private.public_key().public_numbers()
    row = IssuerKey(
        kid=kid,
        region=region,
        certificate=_certificate(private),
        public_jwk={
            "alg": ALGORITHM,
            "e": to_base64url_uint(numbers_of_key.e).decode(),
            "kid": kid,
            "kty": "RSA",
            "n": to_base64url_uint(numbers_of_key.n).decode(),
            "use": "sig",
        },
    )
    der = private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    row.private_sealed = sealing.seal(Purpose.SIGNING_KEY, der, context=row.sealing_context)
    return row


def _certificate(private: rsa.RSAPrivateKey) -> str:
    """Return a self-signed certificate of the key, DER in base64."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Poolhouse identity pools")])
    now = timezone.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + CERTIFICATE_LIFE)
        .sign(private, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


def issuer_keys() -> IssuerKeys:
    """Return the keys, read again when a key came or went."""
    found = _kept.get(_ALL)
    assert found is not None  # noqa: S101 - an empty set of keys is one too
    return found


def signing_pair(region: str) -> tuple[str, rsa.RSAPrivateKey]:
    """Return the region's key id and private key; made elsewhere a moment ago, it is read now."""
    found = issuer_keys().active.get(region)
    if found is None:
        ensure(region)
        _kept.clear()
        found = issuer_keys().active[region]
    return found


def _published() -> "QuerySet[IssuerKey]":
    return IssuerKey.objects.filter(Q(is_active=True) | Q(retire_at__gt=timezone.now()))


def _load(_key: str) -> tuple[IssuerKeys, object]:
    rows = list(_published().order_by("-created_at"))
    private = {row.kid: _private(row) for row in rows}
    plain = [row.public_jwk for row in rows]
    certified = [{**row.public_jwk, "x5c": [row.certificate]} for row in rows]
    loaded = IssuerKeys(
        active={row.region: (row.kid, private[row.kid]) for row in rows if row.is_active},
        public={kid: key.public_key() for kid, key in private.items()},
        jwks=orjson.dumps({"keys": plain}, option=orjson.OPT_SORT_KEYS),
        jwks_with_certificates=orjson.dumps({"keys": certified}, option=orjson.OPT_SORT_KEYS),
    )
    return loaded, _version(_key)


def _version(_key: str) -> object:
    return list(_published().order_by("kid").values_list("kid", "is_active"))


def _private(row: IssuerKey) -> rsa.RSAPrivateKey:
    der = sealing.unseal(
        Purpose.SIGNING_KEY, bytes(row.private_sealed), context=row.sealing_context
    )
    # Our own key, authenticated by the seal: OpenSSL's check of it would cost 50 ms.
    key = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - sealed by _make
    return key


_kept: VersionedCache[IssuerKeys] = VersionedCache(_load, _version)
