"""Authenticator apps: enrolling one, and checking the codes that it shows (TOTP, RFC 6238)."""

import base64
import re
import secrets
from typing import Final

from django.db import transaction
from django.utils import timezone
from django_otp.oath import TOTP

from userpools import sealing
from userpools.audit import Actor, record_act
from userpools.auth.attempt import Attempt
from userpools.auth.mfa_decision import Factor
from userpools.errors import ExpiredCodeException, SoftwareTokenMFANotFoundException
from userpools.models import PoolUser, SoftwareToken, UserPool
from userpools.sealing import Purpose
from userpools.services.lookup import locked

SEED_BYTES: Final = 32
# A code is good for its own step of 30 seconds and one on either side.
TOLERANCE: Final = 1
CODE: Final = re.compile(r"[0-9]{6}", re.ASCII)
USED = "Your software token has already been used once."
NOT_ENABLED = "Software Token MFA has not been enabled by the userPool"


def require_enabled(pool: UserPool) -> None:
    """Raise SoftwareTokenMFANotFoundException unless the pool has the factor on."""
    factor = pool.mfa_details.get("SoftwareTokenMfaConfiguration") or {}
    if not factor.get("Enabled"):
        raise SoftwareTokenMFANotFoundException(NOT_ENABLED)


def associate(user: PoolUser) -> str:
    """Make a new seed, to be proved by its first code; return it in Base32 without padding.

    An app in use goes on until then.
    """
    require_enabled(user.pool)
    seed = secrets.token_bytes(SEED_BYTES)
    sealed = sealing.seal(Purpose.TOTP_SEED, seed, context=user.sealing_context)
    SoftwareToken.objects.update_or_create(user=user, defaults={"pending_sealed": sealed})
    return base64.b32encode(seed).decode().rstrip("=")


def prove(user: PoolUser, code: str, *, name: str, only_first: bool = False) -> bool:
    """Take the pending seed into use if the code is its; False otherwise.

    The step is used up: the same code does not sign in as well. With `only_first`, an app that is
    in use meanwhile stays.
    """
    require_enabled(user.pool)
    with transaction.atomic():
        row = locked(user)
        token = SoftwareToken.objects.filter(user=row).first()
        if token is None or token.pending_sealed is None:
            return False
        if only_first and row.software_token_name is not None:
            return False
        step = step_of(_seed(row, token.pending_sealed), code)
        if step is None:
            return False
        token.sealed, token.pending_sealed = token.pending_sealed, None
        token.name, token.confirmed = name, True
        token.save(update_fields=["sealed", "pending_sealed", "name", "confirmed"])
        PoolUser.objects.filter(pk=row.pk).update(
            software_token_name=name, software_token_step=step, modified_at=timezone.now()
        )
    user.software_token_name, user.software_token_step = name, step
    return True


def delete(user: PoolUser, *, actor: Actor) -> None:
    """Take the app away; the user may enrol another."""
    with transaction.atomic():
        row = locked(user)
        SoftwareToken.objects.filter(user=row).delete()
        methods = [name for name in row.mfa_methods.split() if name != Factor.SOFTWARE_TOKEN]
        PoolUser.objects.filter(pk=row.pk).update(
            software_token_name=None,
            software_token_step=-1,
            mfa_methods=" ".join(methods),
            mfa_preferred="" if row.mfa_preferred == Factor.SOFTWARE_TOKEN else row.mfa_preferred,
            # Passkeys are never the only factor.
            passkey_mfa=row.passkey_mfa and bool(methods),
            modified_at=timezone.now(),
        )
        record_act(actor, "AdminDeleteSoftwareToken", pool_id=row.pool_id, resource=row.username)


def sign_in_step(user: PoolUser, code: str) -> int | None:
    """Return the time step of a right code of the app in use; None for a wrong one.

    Reads the app's row unless it came with the user's.
    """
    try:
        token = user.software_token
    except SoftwareToken.DoesNotExist:
        return None
    if not token.confirmed or token.sealed is None:
        return None
    return step_of(_seed(user, token.sealed), code)


def step_of(seed: bytes, code: str) -> int | None:
    """Return the time step that a code belongs to, this one or a neighbour; None for any other."""
    if not CODE.fullmatch(code):
        return None
    totp = TOTP(seed)
    return int(totp.t()) if totp.verify(int(code), TOLERANCE) else None


def use_up_step(attempt: Attempt) -> None:
    """Use a code up that was right, where the sign-in does not end with it, if there was one.

    ExpiredCodeException where a code of its step, or of a later one, was accepted before.
    """
    step = attempt.software_token_step
    if step is None:
        return
    unused = PoolUser.objects.filter(pk=attempt.known_user.pk, software_token_step__lt=step)
    if not unused.update(software_token_step=step):
        raise ExpiredCodeException(USED)
    attempt.software_token_step = None


def require_unused_step(attempt: Attempt) -> None:
    """Raise ExpiredCodeException where a code of the attempt's step was accepted before."""
    step = attempt.software_token_step
    if step is None:
        return
    used = PoolUser.objects.filter(pk=attempt.known_user.pk, software_token_step__gte=step)
    if used.exists():
        raise ExpiredCodeException(USED)


def _seed(user: PoolUser, sealed: bytes | memoryview) -> bytes:
    return sealing.unseal(Purpose.TOTP_SEED, bytes(sealed), context=user.sealing_context)
