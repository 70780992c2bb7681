"""Devices in a sign-in: the one that is named, the key of a new one, and confirming it.

A new key is written nowhere but into the sign-in session that it is issued with; whoever has that
session's access token may confirm it. Source: developer guide, "Working with user devices in your
user pool"; API reference, ConfirmDevice.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from userpools import ids, sealing
from userpools.auth import second_factor, srp
from userpools.auth.attempt import Attempt, Parameters, Responses, device_key_in
from userpools.auth.checks import fail
from userpools.errors import (
    DeviceKeyExistsException,
    InvalidParameterException,
    InvalidUserPoolConfigurationException,
    NotAuthorizedException,
    ResourceNotFoundException,
)
from userpools.models import Device, SignInSession
from userpools.models.device import use_device, use_remembered_device
from userpools.models.lockout import forgive_passwords
from userpools.models.retry import in_transaction
from userpools.sealing import Purpose
from userpools.services import devices
from userpools.services.lookup import locked
from userpools.tokens.verify import REVOKED, AccessContext

# The challenges that a device answers.
STEPS: Final = frozenset({"DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"})
# This step names its device itself, whatever came before: amazon-cognito-identity-js drops a key
# that is refused by answering again without it.
NAMES_ANEW: Final = "PASSWORD_VERIFIER"
LONGEST_SALT: Final = 64
NOT_TRACKED = "Device tracking is not enabled for this user pool."
BAD_SECRET = "Invalid device secret verifier config."  # noqa: S105


def present(attempt: Attempt, step: str, responses: Responses) -> None:
    """Take the device that an answer names; a sign-in has one at most, and keeps what it asked."""
    given = device_key_in(responses)
    if step == NAMES_ANEW and STEPS.isdisjoint(attempt.passed):
        attempt.device_key = given
    elif given and attempt.device_key not in {"", given}:
        raise ResourceNotFoundException(devices.UNKNOWN)
    elif given:
        attempt.device_key = given


def is_asked_for(attempt: Attempt) -> bool:
    """Say whether a custom sign-in wants the device now: at its end, or named by a function."""
    custom = attempt.custom
    return custom is not None and (custom.is_over or custom.named in STEPS)


def is_proved(attempt: Attempt) -> bool:
    """Say whether it is proved who signs in, or the device is to prove it, with steps to come."""
    if attempt.user is None:
        return False
    if second_factor.password_was_proved(attempt) or is_asked_for(attempt):
        return True
    return attempt.pending in STEPS


def recognize(attempt: Attempt) -> None:
    """Read the device that the sign-in names, once; ResourceNotFoundException if it is not theirs.

    For a sign-in whose user is proved, so that the error says nothing to anybody else.
    """
    if attempt.device is not None or not attempt.device_key:
        return
    if not attempt.pool.tracks_devices:
        attempt.device_key = ""
        return
    attempt.device = devices.find_or_none(attempt.known_user, attempt.device_key)
    if attempt.device is None and attempt.named:
        # A function asks for it before anything is proved: as nobody's, it cannot be asked.
        return
    if attempt.device is None:
        if second_factor.password_was_proved(attempt):
            # Applications try again without the key.
            forgive_passwords(attempt.known_user)
        raise fail(attempt, ResourceNotFoundException(devices.UNKNOWN))


def is_challenged(attempt: Attempt) -> bool:
    """Say whether the sign-in names a device that can prove itself, in a pool that asks for it."""
    device = attempt.device
    return (
        device is not None
        and device.remembered
        and device.sealed is not None
        and attempt.pool.challenges_new_devices
    )


def verifier_of(device: Device) -> int:
    """Return the SRP verifier of a device that has a secret."""
    sealed = bytes(device.sealed or b"")
    return srp.verifier_from_bytes(
        sealing.unseal(Purpose.DEVICE_VERIFIER, sealed, context=device.sealing_context)
    )


def key_of_session(attempt: Attempt) -> str:
    """Return the device key that the sign-in session is bound to: the device's, or a new one."""
    if not attempt.pool.tracks_devices:
        return ""
    return attempt.device.key if attempt.device else ids.new_device_key(attempt.pool.region)


def new_metadata(attempt: Attempt, session: SignInSession) -> Parameters | None:
    """Return NewDeviceMetadata; None for a device that is known, or where none are tracked."""
    if attempt.device is not None or not session.device_key:
        return None
    group = ids.device_group_key(attempt.pool.pk, attempt.known_user.sub)
    return {"DeviceKey": session.device_key, "DeviceGroupKey": group}


def note_use(attempt: Attempt, device: Device) -> None:
    """Note that the device signs in, in the transaction that writes the session.

    ResourceNotFoundException if it was forgotten meanwhile, or is remembered no longer and yet
    stood in for a second factor.
    """
    proved = second_factor.DEVICE_PROVED in attempt.passed
    statement = use_remembered_device if proved else use_device
    passed = device.passed_factor or second_factor.was_passed(attempt)
    if not statement.run(timezone.now(), attempt.call.client_address[:64], passed, device.pk):
        raise ResourceNotFoundException(devices.UNKNOWN)


@dataclass(frozen=True, slots=True)
class DeviceSecret:
    """What is kept of a device's secret; salt: hexadecimal digits, as sent."""

    salt: str
    verifier: bytes

    @classmethod
    def of(cls, salt: str, verifier: str) -> "DeviceSecret":
        """Read DeviceSecretVerifierConfig: Base64 of big-endian bytes, padded as SRP hashes them.

        Raises InvalidParameterException.
        """
        try:
            raw = base64.b64decode(salt, validate=True)
            number = srp.verifier_from_bytes(base64.b64decode(verifier, validate=True))
        except (binascii.Error, ValueError) as exc:
            raise InvalidParameterException(BAD_SECRET) from exc
        if not 0 < len(raw) <= LONGEST_SALT:
            raise InvalidParameterException(BAD_SECRET)
        return cls(raw.hex(), srp.verifier_to_bytes(number))


@in_transaction
def confirm(
    context: AccessContext, key: str, secret: DeviceSecret | None, *, name: str, address: str
) -> Device:
    """Keep the device whose key was issued with the token's own sign-in.

    Raises ResourceNotFoundException for any other key, DeviceKeyExistsException for a device that
    is confirmed already, InvalidUserPoolConfigurationException where devices are not tracked.
    """
    pool, session = context.pool, context.session
    if not pool.tracks_devices:
        raise InvalidUserPoolConfigurationException(NOT_TRACKED)
    row = locked(context.user)
    if row.epoch != session.user_epoch or not row.enabled:
        raise NotAuthorizedException(REVOKED)
    now = timezone.now()
    # A device that was forgotten ended its sessions and does not come back by them.
    if session.device_key != key or session.expires_at <= now:
        if devices.find_or_none(row, key):
            raise DeviceKeyExistsException
        raise ResourceNotFoundException(devices.UNKNOWN)
    device = Device(
        user=row,
        key=key,
        group_key=ids.device_group_key(pool.pk, row.sub),
        name=name,
        salt=secret.salt if secret else "",
        remembered=not pool.remembers_on_prompt,
        passed_factor=session.passed_factor,
        created_at=now,
        modified_at=now,
        last_authenticated_at=session.auth_time,
        last_address=address[:64],
    )
    if secret:
        device.sealed = sealing.seal(
            Purpose.DEVICE_VERIFIER, secret.verifier, context=device.sealing_context
        )
    try:
        with transaction.atomic():
            device.save(force_insert=True)
    except IntegrityError as exc:
        raise DeviceKeyExistsException from exc
    return device
