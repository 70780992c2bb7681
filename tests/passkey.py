"""A software authenticator and the browser around it, each part under the test's control.

CBOR and COSE are py_webauthn's and cbor2's, keys and signatures cryptography's. Source: Web
Authentication Level 3, "Authenticator Data", "RegistrationResponseJSON".
"""

import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor
from webauthn.helpers.cose import COSECRV, COSEKTY, COSEAlgorithmIdentifier, COSEKey

PRESENT, VERIFIED, ATTESTED = 1, 4, 64
PRESENT_AND_VERIFIED = PRESENT | VERIFIED
AAGUID = bytes.fromhex("00112233445566778899aabbccddeeff")


def cose_key(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> dict[int, Any]:
    """Return a public key in COSE's terms."""
    numbers: Any = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {
            COSEKey.KTY: COSEKTY.RSA,
            COSEKey.ALG: COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
            COSEKey.N: numbers.n.to_bytes(key.key_size // 8, "big"),
            COSEKey.E: numbers.e.to_bytes(3, "big"),
        }
    return {
        COSEKey.KTY: COSEKTY.EC2,
        COSEKey.ALG: COSEAlgorithmIdentifier.ECDSA_SHA_256,
        COSEKey.CRV: COSECRV.P256,
        COSEKey.X: numbers.x.to_bytes(32, "big"),
        COSEKey.Y: numbers.y.to_bytes(32, "big"),
    }


@dataclass
class Passkey:
    """One credential. `overrides` of the two ceremonies say what is to be otherwise than right."""

    origin: str = "https://example.com"
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    sign_count: int = 0
    rp_id: str = ""
    user_handle: bytes = b""

    @property
    def id(self) -> str:
        return bytes_to_base64url(self.credential_id)

    def register(
        self,
        options: dict[str, Any],
        *,
        flags: int = PRESENT_AND_VERIFIED,
        cose: dict[int, Any] | None = None,
        statement: dict[str, Any] | None = None,
        attested_id: bytes | None = None,
        **overrides: Any,
    ) -> dict[str, Any]:
        """Answer CredentialCreationOptions as navigator.credentials.create() does."""
        self.rp_id = overrides.get("rp_id", options["rp"]["id"])
        self.user_handle = base64url_to_bytes(options["user"]["id"])
        credential_id = self.credential_id if attested_id is None else attested_id
        key = encode_cbor(cose or cose_key(self.key))
        attested = AAGUID + struct.pack(">H", len(credential_id)) + credential_id + key
        data = self._data(flags | ATTESTED) + attested
        attestation = {**(statement or {"fmt": "none", "attStmt": {}}), "authData": data}
        said = self._client_data("webauthn.create", options["challenge"], overrides)
        return {
            "id": self.id,
            "rawId": self.id,
            "type": "public-key",
            "authenticatorAttachment": overrides.get("attachment", "platform"),
            "clientExtensionResults": {"credProps": {"rk": True}},
            "response": {
                "clientDataJSON": bytes_to_base64url(said),
                "attestationObject": bytes_to_base64url(encode_cbor(attestation)),
                "transports": overrides.get("transports", ["internal", "hybrid"]),
            },
        }

    def sign(
        self,
        options: dict[str, Any],
        *,
        flags: int = PRESENT_AND_VERIFIED,
        **overrides: Any,
    ) -> dict[str, Any]:
        """Answer CREDENTIAL_REQUEST_OPTIONS as navigator.credentials.get() does."""
        data = self._data(flags, overrides.get("rp_id", self.rp_id))
        said = self._client_data("webauthn.get", options["challenge"], overrides)
        signed = data + hashlib.sha256(said).digest()
        if isinstance(self.key, rsa.RSAPrivateKey):
            signature = self.key.sign(signed, PKCS1v15(), SHA256())
        else:
            signature = self.key.sign(signed, ec.ECDSA(SHA256()))
        handle = overrides.get("user_handle", self.user_handle)
        return {
            "id": self.id,
            "rawId": self.id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": bytes_to_base64url(said),
                "authenticatorData": bytes_to_base64url(data),
                "signature": bytes_to_base64url(signature),
                "userHandle": None if handle is None else bytes_to_base64url(handle),
            },
        }

    def _data(self, flags: int, rp_id: str = "") -> bytes:
        rp_hash = hashlib.sha256((rp_id or self.rp_id).encode()).digest()
        return rp_hash + struct.pack(">BI", flags, self.sign_count)

    def _client_data(self, kind: str, challenge: str, overrides: dict[str, Any]) -> bytes:
        said = {
            "type": overrides.get("type", kind),
            "challenge": overrides.get("challenge", challenge),
            "origin": overrides.get("origin", self.origin),
            "crossOrigin": overrides.get("cross_origin", False),
        }
        return json.dumps(said).encode()
