"""Confirming, showing, remembering and forgetting devices, by users and by administrators."""

from datetime import UTC, datetime

import pytest
import time_machine

from tests.calls import in_parallel, refused
from tests.userpools.auth.phone import Phone
from userpools.models import AuditEntry, Device

pytestmark = pytest.mark.django_db

UNKNOWN = "Device does not exist."
ALWAYS = {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": False}
ON_PROMPT = {**ALWAYS, "DeviceOnlyRememberedOnUserPrompt": True}
NOBODYS = "us-east-1_11111111-2222-3333-4444-555555555555"
TOKEN_ENDED = "Access Token has been revoked"


class Person:
    """A user who signs in from one device after the other."""

    def __init__(self, idp, client, sign_in, name):
        self.idp, self.client, self.sign_in, self.name = idp, client, sign_in, name

    @property
    def admin(self):
        return {"UserPoolId": self.client.pool_id, "Username": self.name}

    def issued(self):
        """Sign in; return the device, not confirmed, and the access token."""
        result = self.sign_in(self.client, self.name)
        return Phone(self.idp, result["NewDeviceMetadata"]), result["AccessToken"]

    def device(self, **members):
        """Sign in and confirm the device."""
        phone, token = self.issued()
        phone.confirm(token, **members)
        return phone, token


@pytest.fixture
def people(idp, make_pool, make_client, make_user, sign_in):
    """Make users of one pool with this DeviceConfiguration."""

    def make(configuration=ALWAYS, *names):
        client = make_client(make_pool(DeviceConfiguration=configuration))
        for name in names or ("ana",):
            make_user(client.pool, name)
        made = [Person(idp, client, sign_in, name) for name in names or ("ana",)]
        return made if names else made[0]

    return make


@pytest.fixture
def ana(people):
    return people()


def attributes_of(device):
    return {each["Name"]: each["Value"] for each in device["DeviceAttributes"]}


def keys(answer):
    return [device["DeviceKey"] for device in answer["Devices"]]


# ConfirmDevice


@pytest.mark.parametrize("key", [NOBODYS, "x_1"])
def test_a_key_that_was_not_issued_is_unknown(idp, ana, key):
    _, token = ana.issued()
    said = refused(
        idp, "ResourceNotFoundException", idp.confirm_device, AccessToken=token, DeviceKey=key
    )
    assert said == UNKNOWN


def test_a_key_is_confirmed_by_its_own_sign_in_alone(idp, people):
    ana, eva = people(ALWAYS, "ana", "eva")
    phone, token = ana.issued()
    for _, other in (eva.issued(), ana.issued()):
        said = refused(idp, "ResourceNotFoundException", lambda other=other: phone.confirm(other))
        assert said == UNKNOWN
    assert phone.confirm(token)
    assert keys(idp.admin_list_devices(**ana.admin)) == [phone.key]
    assert keys(idp.admin_list_devices(**eva.admin)) == []


def test_a_device_is_confirmed_once(idp, ana):
    phone, token = ana.device()
    for each in (token, ana.issued()[1]):
        refused(idp, "DeviceKeyExistsException", lambda each=each: phone.confirm(each))
    assert Device.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_device_confirmed_in_parallel_is_one(idp, ana):
    phone, token = ana.issued()
    outcomes = in_parallel(4, lambda: phone.confirm(token))
    assert sorted(outcomes) == ["DeviceKeyExistsException"] * 3 + ["done"]


def test_a_pool_that_does_not_track_devices_confirms_none(idp, ana):
    phone, token = ana.issued()
    idp.update_user_pool(UserPoolId=ana.client.pool_id)
    refused(idp, "InvalidUserPoolConfigurationException", lambda: phone.confirm(token))
    assert not Device.objects.exists()


def test_a_token_that_has_ended_confirms_nothing(idp, ana):
    phone, token = ana.issued()
    idp.admin_user_global_sign_out(**ana.admin)
    assert refused(idp, "NotAuthorizedException", lambda: phone.confirm(token)) == TOKEN_ENDED
    assert not Device.objects.exists()


@pytest.mark.parametrize(
    "config",
    [{"Salt": "c2FsdA=="}, {"PasswordVerifier": "Ag=="}, {"Salt": "", "PasswordVerifier": ""}],
)
def test_half_a_secret_is_refused(idp, ana, config):
    phone, token = ana.issued()
    refused(
        idp,
        "InvalidParameterException",
        lambda: phone.confirm(token, DeviceSecretVerifierConfig=config),
    )
    assert not Device.objects.exists()


@pytest.mark.parametrize(("configuration", "asked"), [(ALWAYS, False), (ON_PROMPT, True)])
def test_who_remembers_a_device_is_the_pools_to_say(idp, people, configuration, asked):
    ana = people(configuration)
    phone, token = ana.issued()
    assert phone.confirm(token)["UserConfirmationNecessary"] is asked
    seen = idp.admin_get_device(**ana.admin, DeviceKey=phone.key)["Device"]
    status = attributes_of(seen)["dev:device_remembered_status"]
    assert status == ("not_remembered" if asked else "remembered")


# Showing


def test_a_device_is_shown_with_what_is_known_of_it(idp, ana):
    confirmed = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    with time_machine.travel(confirmed, tick=False):
        phone, token = ana.device(DeviceName="Ana's phone")
        mine = idp.get_device(AccessToken=token, DeviceKey=phone.key)["Device"]
    theirs = idp.admin_get_device(**ana.admin, DeviceKey=phone.key)["Device"]
    assert mine == theirs
    owner = f"ana.{ana.client.pool_id}"
    assert attributes_of(mine) == {
        "device_status": "valid",
        "device_name": "Ana's phone",
        "dev:device_arn": f"arn:aws:cognito-idp:us-east-1:000000000000:owner/{owner}"
        f"/device/{phone.key}",
        "dev:device_owner": owner,
        "last_ip_used": "127.0.0.1",
        "dev:device_remembered_status": "remembered",
    }
    assert mine["DeviceKey"] == phone.key
    dates = {mine[name] for name in mine if name.endswith("Date")}
    assert dates == {confirmed}
    assert len([name for name in mine if name.endswith("Date")]) == 3


def test_users_see_the_devices_that_are_remembered_and_administrators_all(idp, ana):
    (phone, token), (tablet, _) = ana.device(), ana.device()
    assert keys(idp.list_devices(AccessToken=token)) == sorted([phone.key, tablet.key])
    idp.update_device_status(
        AccessToken=token, DeviceKey=tablet.key, DeviceRememberedStatus="not_remembered"
    )
    assert keys(idp.list_devices(AccessToken=token)) == [phone.key]
    said = refused(
        idp,
        "ResourceNotFoundException",
        idp.get_device,
        AccessToken=token,
        DeviceKey=tablet.key,
    )
    assert said == UNKNOWN
    assert keys(idp.admin_list_devices(**ana.admin)) == sorted([phone.key, tablet.key])
    assert idp.admin_get_device(**ana.admin, DeviceKey=tablet.key)


def test_lists_come_in_pages(idp, ana):
    made = [ana.device() for _ in range(3)]
    token, expected = made[0][1], sorted(phone.key for phone, _ in made)
    for call, members in (
        (idp.list_devices, {"AccessToken": token}),
        (idp.admin_list_devices, ana.admin),
    ):
        first = call(**members, Limit=2)
        second = call(**members, Limit=2, PaginationToken=first["PaginationToken"])
        assert keys(first) + keys(second) == expected
        assert "PaginationToken" not in second
    refused(
        idp,
        "InvalidParameterException",
        idp.list_devices,
        AccessToken=token,
        PaginationToken=idp.admin_list_devices(**ana.admin, Limit=1)["PaginationToken"],
    )


def test_a_list_costs_two_queries(idp, ana, django_assert_num_queries):
    (_, token), *_ = [ana.device() for _ in range(3)]
    idp.list_devices(AccessToken=token)
    with django_assert_num_queries(2):
        idp.list_devices(AccessToken=token)


# Remembering and forgetting


def test_a_status_is_set_by_either_side(idp, ana):
    phone, token = ana.device()
    before = Device.objects.get()
    idp.update_device_status(
        AccessToken=token, DeviceKey=phone.key, DeviceRememberedStatus="not_remembered"
    )
    assert Device.objects.get().remembered is False
    idp.admin_update_device_status(
        **ana.admin, DeviceKey=phone.key, DeviceRememberedStatus="remembered"
    )
    after = Device.objects.get()
    assert after.remembered is True
    assert after.modified_at > before.modified_at
    assert after.last_authenticated_at == before.last_authenticated_at
    entry = AuditEntry.objects.get(action="AdminUpdateDeviceStatus")
    assert entry.after == {"DeviceKey": phone.key, "DeviceRememberedStatus": "remembered"}
    assert entry.resource == "ana"


def test_a_status_has_to_be_said(idp, ana):
    phone, token = ana.device()
    for call, members in (
        (idp.update_device_status, {"AccessToken": token}),
        (idp.admin_update_device_status, ana.admin),
    ):
        said = refused(idp, "InvalidParameterException", call, **members, DeviceKey=phone.key)
        assert said == "Missing required parameter DeviceRememberedStatus"


@pytest.mark.parametrize("side", ["user", "administrator"])
def test_a_forgotten_device_is_gone_for_good(idp, ana, side):
    phone, token = ana.device()
    if side == "user":
        idp.forget_device(AccessToken=token, DeviceKey=phone.key)
    else:
        idp.admin_forget_device(**ana.admin, DeviceKey=phone.key)
        assert AuditEntry.objects.get(action="AdminForgetDevice").before == {"DeviceKey": phone.key}
    assert keys(idp.list_devices(AccessToken=token)) == []
    one = {"AccessToken": token, "DeviceKey": phone.key}
    theirs = {**ana.admin, "DeviceKey": phone.key}
    status = {"DeviceRememberedStatus": "remembered"}
    for call, members in (
        (idp.update_device_status, {**one, **status}),
        (idp.get_device, one),
        (idp.forget_device, one),
        (phone.confirm, {"token": token}),
        (idp.admin_update_device_status, {**theirs, **status}),
        (idp.admin_get_device, theirs),
        (idp.admin_forget_device, theirs),
    ):
        assert refused(idp, "ResourceNotFoundException", call, **members) == UNKNOWN


def test_nobody_reaches_anothers_devices(idp, people):
    ana, eva = people(ALWAYS, "ana", "eva")
    phone, _ = ana.device()
    _, token = eva.issued()
    one = {"AccessToken": token, "DeviceKey": phone.key}
    theirs = {**eva.admin, "DeviceKey": phone.key}
    status = {"DeviceRememberedStatus": "not_remembered"}
    for call, members in (
        (idp.get_device, one),
        (idp.update_device_status, {**one, **status}),
        (idp.forget_device, one),
        (idp.admin_get_device, theirs),
        (idp.admin_update_device_status, {**theirs, **status}),
        (idp.admin_forget_device, theirs),
    ):
        assert refused(idp, "ResourceNotFoundException", call, **members) == UNKNOWN
    assert idp.list_devices(AccessToken=token)["Devices"] == []
    assert Device.objects.get().remembered is True


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("admin_get_device", "ResourceNotFoundException"),
        ("admin_list_devices", "ResourceNotFoundException"),
        ("admin_update_device_status", "UserNotFoundException"),
        ("admin_forget_device", "UserNotFoundException"),
    ],
)
def test_an_unknown_user_has_no_devices(idp, ana, operation, error):
    members = {**ana.admin, "Username": "nobody"}
    if operation != "admin_list_devices":
        members["DeviceKey"] = NOBODYS
    if operation == "admin_update_device_status":
        members["DeviceRememberedStatus"] = "remembered"
    said = refused(idp, error, getattr(idp, operation), **members)
    assert said == "User does not exist."


@pytest.mark.parametrize("operation", ["get_device", "forget_device"])
def test_a_device_is_its_users_alone(idp, ana, operation):
    phone, _ = ana.device()
    said = refused(idp, "NotAuthorizedException", getattr(idp, operation), DeviceKey=phone.key)
    assert said == "Invalid Access Token"


@pytest.mark.django_db(transaction=True)
def test_a_device_forgotten_in_parallel_is_forgotten_once(idp, ana):
    phone, _ = ana.device()
    outcomes = in_parallel(3, lambda: idp.admin_forget_device(**ana.admin, DeviceKey=phone.key))
    assert sorted(outcomes) == ["ResourceNotFoundException"] * 2 + ["done"]
