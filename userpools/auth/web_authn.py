"""What an authenticator's answers are worth: py_webauthn's checks, and what it leaves to callers.

Source: Web Authentication Level 3, "WebAuthn Relying Party Operations".
"""

import hashlib
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    encode_cbor,
    parse_authentication_credential_json,
    parse_authenticator_data,
    parse_cbor,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSECRV, COSEKTY, COSEAlgorithmIdentifier, COSEKey
from webauthn.helpers.exceptions import WebAuthnException

from userpools.errors import (
    InvalidParameterException,
    WebAuthnCredentialNotSupportedException,
    WebAuthnRelyingPartyMismatchException,
)
from userpools.models.passkey import LONGEST_ID_BYTES

ES256: Final = COSEAlgorithmIdentifier.ECDSA_SHA_256
RS256: Final = COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256
ALGORITHMS: Final = [ES256, RS256]
RSA_BITS: Final = range(2048, 4097)
LARGEST_EXPONENT: Final = 2**32
MALFORMED_CREDENTIAL: Final = "Invalid credential."
# Of any part of a credential. Real ones have a few hundred, with an attestation some thousands.
LONGEST_PART: Final = 65_536
# What py_webauthn raises about data that an authenticator would not send: its own exceptions, and
# those of what it was about to do with the data.
_UNREADABLE: Final = (WebAuthnException, LookupError, TypeError, ValueError, OverflowError)

Credential = Mapping[str, Any]


class Refused(Exception):
    """An assertion proves nothing; what it lacks is for the record, not for the client."""


@dataclass(frozen=True, slots=True)
class ClientData:
    """What the browser says of a ceremony, and the authenticator signs the hash of."""

    challenge: bytes
    origin: str
    is_cross_origin: bool


@dataclass(frozen=True, slots=True)
class Asserted:
    """What a signature holds for: the counter, and whom the authenticator keeps the passkey for."""

    sign_count: int
    user_handle: bytes | None


@dataclass(frozen=True, slots=True)
class Attested:
    """A new credential, as its authenticator described it."""

    credential_id: str
    public_key: bytes
    sign_count: int
    aaguid: uuid.UUID
    attachment: str
    transports: tuple[str, ...]


def client_data(credential: Credential) -> ClientData:
    """Read clientDataJSON; InvalidParameterException unless it has the form."""
    try:
        parts = _parts_of(credential)
        said = orjson.loads(base64url_to_bytes(parts["clientDataJSON"]))
        origin = said["origin"]
        if not isinstance(origin, str):
            raise TypeError("The origin is a string.")
        return ClientData(
            challenge=base64url_to_bytes(said["challenge"]),
            origin=origin,
            is_cross_origin=bool(said.get("crossOrigin")),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as exc:
        raise InvalidParameterException(MALFORMED_CREDENTIAL) from exc


def attested(
    credential: Credential,
    *,
    challenge: bytes,
    origin: str,
    relying_party_id: str,
    demands_verification: bool,
) -> Attested:
    """Return the credential that a RegistrationResponseJSON makes known.

    The attestation statement is dropped, as a browser does when no attestation is asked for: none
    is demanded, so that a false one says no more than none.

    Raises WebAuthnRelyingPartyMismatchException, WebAuthnCredentialNotSupportedException, or
    InvalidParameterException for what has not the form of an answer.
    """
    try:
        plain = _without_attestation(credential)
        parsed = parse_registration_credential_json(plain)
        raw = parsed.response.attestation_object
        data = parse_authenticator_data(parse_cbor(raw)["authData"])
    except _UNREADABLE as exc:
        raise InvalidParameterException(MALFORMED_CREDENTIAL) from exc
    if not hmac.compare_digest(data.rp_id_hash, hash_of(relying_party_id)):
        raise WebAuthnRelyingPartyMismatchException
    try:
        verified = verify_registration_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=relying_party_id,
            expected_origin=origin,
            require_user_verification=demands_verification,
            supported_pub_key_algs=ALGORITHMS,
        )
        usable = _is_usable(verified.credential_public_key)
        aaguid = uuid.UUID(verified.aaguid)
    except _UNREADABLE as exc:
        raise WebAuthnCredentialNotSupportedException from exc
    if not usable or len(verified.credential_id) > LONGEST_ID_BYTES:
        raise WebAuthnCredentialNotSupportedException
    if verified.credential_id != parsed.raw_id:
        raise InvalidParameterException(MALFORMED_CREDENTIAL)
    attachment = parsed.authenticator_attachment
    return Attested(
        credential_id=bytes_to_base64url(verified.credential_id),
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        aaguid=aaguid,
        attachment=attachment.value if attachment else "",
        transports=tuple(dict.fromkeys(each.value for each in parsed.response.transports or ())),
    )


def _without_attestation(credential: Credential) -> dict[str, Any]:
    """Return the credential with the statement "none", as options without attestation give."""
    parts = _parts_of(credential)
    sent = parse_cbor(base64url_to_bytes(parts["attestationObject"]))
    data = sent["authData"]
    if not isinstance(data, bytes):
        raise TypeError("Authenticator data is a byte string.")
    plain = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
    response = {**parts, "attestationObject": bytes_to_base64url(plain)}
    return {**credential, "response": response}


def _parts_of(credential: Credential) -> dict[str, Any]:
    """Return a credential's `response`; TypeError or ValueError where its form is another."""
    parts = credential.get("response")
    if not isinstance(parts, dict):
        raise TypeError("A credential has a response.")
    texts = [part for part in (*parts.values(), *credential.values()) if isinstance(part, str)]
    if any(len(text) > LONGEST_PART for text in texts):
        raise ValueError("A part of the credential is too long.")
    return parts


def _is_usable(public_key: bytes) -> bool:
    """Say whether a COSE key is of its algorithm's kind, and of a size that a check can bear."""
    decoded = decode_credential_public_key(public_key)
    key = decoded_public_key_to_cryptography(decoded)
    if isinstance(key, EllipticCurvePublicKey):
        return bool(decoded.alg == ES256 and isinstance(key.curve, SECP256R1))
    return (
        isinstance(key, RSAPublicKey)
        and decoded.alg == RS256
        and key.key_size in RSA_BITS
        and key.public_numbers().e < LARGEST_EXPONENT
    )


def hash_of(relying_party_id: str) -> bytes:
    """Return what authenticators put in place of a relying party id."""
    return hashlib.sha256(relying_party_id.encode()).digest()


def asserted(
    credential: Credential,
    *,
    public_key: bytes,
    challenge: bytes,
    origin: str,
    relying_party_id: str,
    demands_verification: bool,
) -> Asserted:
    """Return what an AuthenticationResponseJSON says whose signature holds; else Refused.

    Whether the counter has grown is for the caller's conditional update.
    """
    try:
        parsed = parse_authentication_credential_json(dict(credential))
        verified = verify_authentication_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=relying_party_id,
            expected_origin=origin,
            credential_public_key=public_key,
            # Any: the signature first, so that a counter is believed before it is compared.
            credential_current_sign_count=0,
            require_user_verification=demands_verification,
        )
    except _UNREADABLE as exc:
        raise Refused(str(exc)) from exc
    return Asserted(verified.new_sign_count, parsed.response.user_handle)


@lru_cache(maxsize=1)
def nobodys_key() -> bytes:
    """Return a COSE key that nobody can sign with, its private half being forgotten."""
    numbers = generate_private_key(SECP256R1()).public_key().public_numbers()
    size = SECP256R1().key_size // 8
    return encode_cbor(
        {
            COSEKey.KTY: COSEKTY.EC2,
            COSEKey.ALG: ES256,
            COSEKey.CRV: COSECRV.P256,
            COSEKey.X: numbers.x.to_bytes(size, "big"),
            COSEKey.Y: numbers.y.to_bytes(size, "big"),
        }
    )
