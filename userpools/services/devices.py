"""Devices that users have confirmed: finding, remembering and forgetting them."""

import re
from typing import Final

from django.db import transaction
from django.utils import timezone

from userpools.audit import Actor, record_act
from userpools.errors import ResourceNotFoundException
from userpools.models import Device, PoolUser, SignInSession
from userpools.models.device import device_of_user
from userpools.models.retry import in_transaction
from userpools.services.lookup import locked

UNKNOWN: Final = "Device does not exist."
LONGEST_KEY: Final = 55
# Nothing else reaches the database.
KEY: Final = re.compile(r"[\w-]+_[0-9a-f-]+", re.ASCII)
STATUS: Final = {True: "remembered", False: "not_remembered"}


def find_or_none(user: PoolUser | None, key: str) -> Device | None:
    """Return the device of a user that a key names; nobody's is looked for at the same cost."""
    if len(key) > LONGEST_KEY or not KEY.fullmatch(key):
        return None
    device = device_of_user.first(user.pk if user else 0, key)
    if device is not None and user is not None:
        device.user = user
    return device


def find(user: PoolUser, key: str) -> Device:
    """Return the device of a user that a key names; ResourceNotFoundException if there is none."""
    device = find_or_none(user, key)
    if device is None:
        raise ResourceNotFoundException(UNKNOWN)
    return device


@in_transaction
def forget(user: PoolUser, key: str, *, actor: Actor | None = None) -> None:
    """Delete a device. Refresh tokens that are bound to it end; access tokens live on, as the
    application may go on with its own. ResourceNotFoundException. Audited for an actor.
    """
    # Locked before what hangs on it, as everybody does who changes a user.
    row = locked(user)
    deleted, _ = Device.objects.filter(user=row, key=key).delete()
    if not deleted:
        raise ResourceNotFoundException(UNKNOWN)
    now = timezone.now()
    bound = SignInSession.objects.filter(user=row, device_key=key, expires_at__gt=now)
    bound.update(expires_at=now)
    if actor is not None:
        record_act(
            actor,
            "AdminForgetDevice",
            pool_id=row.pool_id,
            resource=row.username,
            before={"DeviceKey": key},
        )


def set_remembered(
    user: PoolUser, key: str, *, remembered: bool, actor: Actor | None = None
) -> None:
    """Say whether a device may stand in for a second factor. Audited for an actor.

    Raises ResourceNotFoundException.
    """
    with transaction.atomic():
        changed = Device.objects.filter(user=user, key=key).update(
            remembered=remembered, modified_at=timezone.now()
        )
        if not changed:
            raise ResourceNotFoundException(UNKNOWN)
        if actor is not None:
            record_act(
                actor,
                "AdminUpdateDeviceStatus",
                pool_id=user.pool_id,
                resource=user.username,
                after={"DeviceKey": key, "DeviceRememberedStatus": STATUS[remembered]},
            )
