"""The client's side of SRP-6a, written out from the formulas for tests alone."""
# ruff: noqa: N802, N803, N806 - the letters are those of the specification

import hashlib
import hmac
from dataclasses import dataclass

from userpools.auth.srp import N


def padded(number):
    """Apply the clients' padHex rule as they state it, on the hex text."""
    text = f"{number:x}"
    if len(text) % 2:
        text = "0" + text
    elif text[0] in "89abcdef":
        text = "00" + text
    return bytes.fromhex(text)


def sha256_int(data):
    return int.from_bytes(hashlib.sha256(data).digest(), "big")


@dataclass
class SrpClient:
    """One sign-in of a user; a device puts its group key, key and secret in their places."""

    pool_name: str
    user_id: str
    password: str
    a: int

    @property
    def A(self):
        return pow(2, self.a, N)

    def session(self, B, salt):
        """Return (x, u, S, PRK, K) for the server's public value and the salt's hex."""
        inner = hashlib.sha256(f"{self.pool_name}{self.user_id}:{self.password}".encode())
        x = sha256_int(padded(int(salt, 16)) + inner.digest())
        k = sha256_int(padded(N) + padded(2))
        u = sha256_int(padded(self.A) + padded(B))
        S = pow(B - k * pow(2, x, N), self.a + u * x, N)
        prk = hmac.digest(padded(u), padded(S), "sha256")
        return x, u, S, prk, hmac.digest(prk, b"Caldera Derived Key\x01", "sha256")[:16]

    def signature(self, B, salt, secret_block, timestamp):
        message = (self.pool_name + self.user_id).encode() + secret_block + timestamp.encode()
        return hmac.digest(self.session(B, salt)[-1], message, "sha256")
