"""Devices: confirming, showing, remembering and forgetting them, as their user and as an admin.

Their user sees those that are remembered; administrators see all. Source: API reference, GetDevice,
AdminGetDevice; the integration tests of the mobile SDKs.
"""

from django.db.models import QuerySet

from userpools import paging, shapes
from userpools.audit import Actor
from userpools.auth.devices import DeviceSecret, confirm
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.errors import (
    InvalidParameterException,
    ResourceNotFoundException,
    UserNotFoundException,
)
from userpools.models import Device, PoolUser, UserPool
from userpools.operations.subjects import named, signed_in
from userpools.services import devices
from userpools.shapes import Shape


@operation("ConfirmDevice", category=Category.USER_RESOURCE_UPDATE)
def confirm_device(
    call: Call,
    *,
    access_token: str,
    device_key: str,
    device_secret_verifier_config: Shape | None = None,
    device_name: str = "",
) -> Shape:
    """Keep the device that the caller's sign-in was given a key for."""
    context = signed_in(call, access_token)
    confirm(
        context,
        device_key,
        _secret(device_secret_verifier_config or {}),
        name=device_name,
        address=call.client_address,
    )
    return {"UserConfirmationNecessary": context.pool.remembers_on_prompt}


def _secret(config: Shape) -> DeviceSecret | None:
    salt, verifier = config.get("Salt"), config.get("PasswordVerifier")
    if salt is None and verifier is None:
        return None
    return DeviceSecret.of(salt or "", verifier or "")


@operation("GetDevice", category=Category.USER_RESOURCE_READ)
def get_device(call: Call, *, device_key: str, access_token: str = "") -> Shape:
    """Return one of the caller's remembered devices."""
    device = devices.find(signed_in(call, access_token).user, device_key)
    if not device.remembered:
        raise ResourceNotFoundException(devices.UNKNOWN)
    return {"Device": shapes.device_type(device)}


@operation("ListDevices", category=Category.USER_RESOURCE_READ)
def list_devices(
    call: Call, *, access_token: str, limit: int = 60, pagination_token: str = ""
) -> Shape:
    """List the caller's remembered devices by key."""
    user = signed_in(call, access_token).user
    return _page(call, user, user.devices.filter(remembered=True), limit, pagination_token)


@operation("UpdateDeviceStatus", category=Category.USER_RESOURCE_UPDATE)
def update_device_status(
    call: Call, *, access_token: str, device_key: str, device_remembered_status: str = ""
) -> Shape:
    """Remember one of the caller's devices, or no longer."""
    user = signed_in(call, access_token).user
    devices.set_remembered(user, device_key, remembered=_remembered(device_remembered_status))
    return {}


@operation("ForgetDevice", category=Category.USER_RESOURCE_UPDATE)
def forget_device(call: Call, *, device_key: str, access_token: str = "") -> Shape:
    """Delete one of the caller's devices."""
    devices.forget(signed_in(call, access_token).user, device_key)
    return {}


@operation("AdminGetDevice", category=Category.USER_RESOURCE_READ)
def admin_get_device(call: Call, *, device_key: str, user_pool_id: str, username: str) -> Shape:
    """Return one of a user's devices."""
    user = _owner(call, user_pool_id, username)
    return {"Device": shapes.device_type(devices.find(user, device_key))}


@operation("AdminListDevices", category=Category.USER_RESOURCE_READ)
def admin_list_devices(
    call: Call,
    *,
    user_pool_id: str,
    username: str,
    limit: int = 60,
    pagination_token: str = "",
) -> Shape:
    """List a user's devices by key."""
    user = _owner(call, user_pool_id, username)
    return _page(call, user, user.devices.all(), limit, pagination_token)


@operation("AdminUpdateDeviceStatus", category=Category.USER_RESOURCE_UPDATE)
def admin_update_device_status(
    call: Call,
    *,
    user_pool_id: str,
    username: str,
    device_key: str,
    device_remembered_status: str = "",
) -> Shape:
    """Remember one of a user's devices, or no longer."""
    user = named(call, UserPool.objects.for_call(call, user_pool_id), username)
    devices.set_remembered(
        user,
        device_key,
        remembered=_remembered(device_remembered_status),
        actor=Actor.of(call),
    )
    return {}


@operation("AdminForgetDevice", category=Category.USER_RESOURCE_UPDATE)
def admin_forget_device(call: Call, *, user_pool_id: str, username: str, device_key: str) -> Shape:
    """Delete one of a user's devices."""
    user = named(call, UserPool.objects.for_call(call, user_pool_id), username)
    devices.forget(user, device_key, actor=Actor.of(call))
    return {}


def _owner(call: Call, user_pool_id: str, username: str) -> PoolUser:
    """Return the user, for operations whose model has no UserNotFoundException."""
    try:
        return named(call, UserPool.objects.for_call(call, user_pool_id), username)
    except UserNotFoundException as exc:
        raise ResourceNotFoundException(exc.message) from exc


def _remembered(status: str) -> bool:
    if not status:
        raise InvalidParameterException("Missing required parameter DeviceRememberedStatus")
    return status == devices.STATUS[True]


def _page(call: Call, user: PoolUser, found: QuerySet[Device], limit: int, token: str) -> Shape:
    page = paging.paginate(
        found.defer("sealed", "asked_session").order_by("key"),
        limit=limit,
        token=token,
        scope=f"{call.operation}:{user.pool_id}:{user.sub}",
    )
    for device in page:
        device.user = user
    return {
        "Devices": [shapes.device_type(device) for device in page],
        **page.next_token("PaginationToken"),
    }
