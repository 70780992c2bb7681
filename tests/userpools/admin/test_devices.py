"""Devices on a user's page."""

from typing import Any

import pytest
from django.test import Client

from tests.userpools.admin.conftest import last_act, page
from userpools.models import AppClient, Device, PoolUser


@pytest.fixture
def device(idp: Any, ana: PoolUser, client: AppClient, sign_in: Any) -> Device:
    """Ana's phone, confirmed and remembered."""
    idp.update_user_pool(
        UserPoolId=ana.pool_id, DeviceConfiguration={"ChallengeRequiredOnNewDevice": True}
    )
    result = sign_in(client)
    idp.confirm_device(
        AccessToken=result["AccessToken"],
        DeviceKey=result["NewDeviceMetadata"]["DeviceKey"],
        DeviceName="Ana's <phone>",
    )
    return Device.objects.get(user=ana)


def act(browser: Client, ana: PoolUser, name: str, device: Device) -> int:
    return browser.post(page("pooluser", ana, act=name), {"device": device.key}).status_code


def test_devices_are_shown_remembered_and_forgotten(
    browser: Client, ana: PoolUser, device: Device
) -> None:
    shown = browser.get(page("pooluser", ana)).content.decode()
    assert "Ana&#x27;s &lt;phone&gt;" in shown
    assert device.key in shown
    assert "Do not remember" in shown

    assert act(browser, ana, "not-remember-device", device) == 302
    assert last_act().action == "AdminUpdateDeviceStatus"
    assert not Device.objects.get().remembered
    # There is none to choose.
    assert act(browser, ana, "not-remember-device", device) == 302
    assert act(browser, ana, "remember-device", device) == 302
    assert Device.objects.get().remembered

    assert act(browser, ana, "forget-device", device) == 302
    assert last_act().action == "AdminForgetDevice"
    assert not Device.objects.exists()
    assert "No device was confirmed." in browser.get(page("pooluser", ana)).content.decode()


def test_another_user_s_device_is_not_forgotten(
    browser: Client,
    idp: Any,
    ana: PoolUser,
    device: Device,
    client: AppClient,
    make_user: Any,
    sign_in: Any,
) -> None:
    make_user(ana.pool, "bo")
    result = sign_in(client, "bo")
    idp.confirm_device(
        AccessToken=result["AccessToken"], DeviceKey=result["NewDeviceMetadata"]["DeviceKey"]
    )
    theirs = Device.objects.exclude(user=ana).get()
    for name in ("forget-device", "not-remember-device"):
        assert act(browser, ana, name, theirs) == 200
    assert Device.objects.get(pk=theirs.pk).remembered


def test_who_may_only_look_gets_no_acts(browser_of: Any, ana: PoolUser, device: Device) -> None:
    clerk = browser_of("view_pooluser")
    shown = clerk.get(page("pooluser", ana)).content.decode()
    assert device.key in shown
    assert "forget-device" not in shown
    assert act(clerk, ana, "forget-device", device) == 403
    assert Device.objects.exists()
