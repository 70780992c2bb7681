"""Signing keys of a pool: made, rotated, published, and kept in memory as objects."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from jwt.utils import to_base64url_uint

from userpools import sealing
from userpools.models import KeyUse, SigningKey, UserPool
from userpools.sealing import Purpose

KEY_SIZE = 2048
PUBLIC_EXPONENT = 65537
# The longest life of a token: a key stays published that long after it signed its last one.
LONGEST_TOKEN_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SigningPair:
    """A private key ready to sign, and its id."""

    kid: str
    private: rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class PoolKeys:
    """The keys of one pool: `public` has each published one by kid, `jwks` is the document."""

    id: SigningPair
    access: SigningPair
    public: dict[str, tuple[str, rsa.RSAPublicKey]]
    jwks: bytes


def make_key(pool: UserPool, use: KeyUse) -> SigningKey:
    """Make a key pair, unsaved. The kid is the base64 of a SHA-256 of the public key."""
    private = rsa.generate_private_key(PUBLIC_EXPONENT, KEY_SIZE)
    der = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    kid = base64.b64encode(hashlib.sha256(der).digest()).decode()
    row = SigningKey(kid=kid, pool=pool, use=use, public_jwk=_jwk(private.public_key(), kid))
    row.private_sealed = sealing.seal(
        Purpose.SIGNING_KEY,
        private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        context=row.sealing_context,
    )
    return row


def _jwk(public: rsa.RSAPublicKey, kid: str) -> dict[str, str]:
    numbers = public.public_numbers()
    return {
        "alg": "RS256",
        "e": to_base64url_uint(numbers.e).decode(),
        "kid": kid,
        "kty": "RSA",
        "n": to_base64url_uint(numbers.n).decode(),
        "use": "sig",
    }


def rotate(pool: UserPool, *, overlap: timedelta = LONGEST_TOKEN_LIFE) -> list[SigningKey]:
    """Replace both active keys; the old ones stay published for `overlap`. Return the new ones.

    Keys are made before the transaction: that is the slow part.
    """
    fresh = [make_key(pool, KeyUse.ID), make_key(pool, KeyUse.ACCESS)]
    with transaction.atomic():
        UserPool.objects.locked(pool.pk)
        pool.signing_keys.filter(is_active=True).update(
            is_active=False, retire_at=timezone.now() + overlap
        )
        SigningKey.objects.bulk_create(fresh)
        pool.touch()
    return fresh


def keys_of(pool: UserPool) -> PoolKeys:
    """Return the pool's keys; read once for each version of the pool that is kept in memory."""
    keys = pool.__dict__.get("loaded_keys")
    if keys is None:
        keys = pool.__dict__["loaded_keys"] = _load(pool)
    return keys


def _load(pool: UserPool) -> PoolKeys:
    published = list(
        pool.signing_keys.filter(Q(is_active=True) | Q(retire_at__gt=timezone.now())).order_by(
            "-created_at", "use"
        )
    )
    active = {row.use: _pair(row) for row in published if row.is_active}
    public: dict[str, tuple[str, rsa.RSAPublicKey]] = {}
    for row in published:
        public[row.kid] = (row.use, _private(row).public_key())
    document: dict[str, Any] = {"keys": [row.public_jwk for row in published]}
    return PoolKeys(
        active[KeyUse.ID],
        active[KeyUse.ACCESS],
        public,
        orjson.dumps(document, option=orjson.OPT_SORT_KEYS),
    )


def _pair(row: SigningKey) -> SigningPair:
    return SigningPair(row.kid, _private(row))


def _private(row: SigningKey) -> rsa.RSAPrivateKey:
    der = sealing.unseal(
        Purpose.SIGNING_KEY, bytes(row.private_sealed), context=row.sealing_context
    )
    # Our own key, authenticated by the seal: OpenSSL's check of it would cost 50 ms.
    key = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - sealed by make_key
    return key
