"""Devices in a sign-in: new keys, the device's own SRP, refresh, and what is refused."""

import base64
import hashlib
import json
import uuid
from datetime import timedelta

import jwt
import pytest
import time_machine
from django.utils import timezone

from tests.authenticator import code_of
from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from tests.userpools.auth.phone import Phone
from tests.userpools.auth.test_srp import DEVICE, a, b
from userpools.auth import devices, engine, srp, srp_exchange
from userpools.auth.attempt import Attempt, CustomAuth, Issued, SrpState
from userpools.auth.challenges.device import DeviceSrpAuth
from userpools.auth.devices import DeviceSecret
from userpools.awsjson.service import Call
from userpools.errors import InvalidParameterException, ResourceNotFoundException
from userpools.models import AuthEvent, Device, PoolUser, SignInSession, UserPool
from userpools.models.lockout import FREE_ATTEMPTS
from userpools.tokens.keys import keys_of

pytestmark = pytest.mark.django_db

UNKNOWN = "Device does not exist."
INVALID = "Invalid session for the user."
WRONG = "Incorrect username or password."
ALWAYS = {"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": False}
ON_PROMPT = {**ALWAYS, "DeviceOnlyRememberedOnUserPrompt": True}
TRACKED = {**ALWAYS, "ChallengeRequiredOnNewDevice": False}
NOBODYS = "us-east-1_11111111-2222-3333-4444-555555555555"


def begin(idp, client, name="ana", password=PASSWORD, **parameters):
    return idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": password, **parameters},
    )


def by_code(idp, client, issued, seed, drift=0, **responses):
    return idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName="SOFTWARE_TOKEN_MFA",
        Session=issued["Session"],
        ChallengeResponses={
            "USERNAME": "ana",
            "SOFTWARE_TOKEN_MFA_CODE": code_of(seed, drift=drift),
            **responses,
        },
    )["AuthenticationResult"]


def refresh(idp, client, token, **parameters):
    return idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": token, **parameters},
    )["AuthenticationResult"]


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def enrol(idp, token):
    """Set ana's authenticator app up and prefer it; its first code is one of the step before."""
    seed = idp.associate_software_token(AccessToken=token)["SecretCode"]
    idp.verify_software_token(AccessToken=token, UserCode=code_of(seed, drift=-1))
    idp.set_user_mfa_preference(
        AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
    )
    return seed


@pytest.fixture
def tracking(idp, make_pool, make_client, make_user):
    """Make a client of a pool with this DeviceConfiguration and apps as factors; with user ana."""

    def make(configuration=ALWAYS, mode="OPTIONAL", **members):
        pool = make_pool(DeviceConfiguration=configuration)
        idp.set_user_pool_mfa_config(
            UserPoolId=pool.pk,
            MfaConfiguration=mode,
            SoftwareTokenMfaConfiguration={"Enabled": True},
        )
        make_user(pool, "ana", email="ana@example.com")
        return make_client(UserPool.objects.get(pk=pool.pk), **members)

    return make


@pytest.fixture
def tracked(tracking):
    return tracking()


@pytest.fixture
def seed(idp, tracked, sign_in):
    """The secret of ana's app."""
    return enrol(idp, sign_in(tracked)["AccessToken"])


@pytest.fixture
def phone(idp, tracked, seed):
    """Ana's remembered phone, confirmed after a sign-in with a code of the app."""
    result = by_code(idp, tracked, begin(idp, tracked), seed)
    phone = Phone(idp, result["NewDeviceMetadata"])
    assert phone.confirm(result["AccessToken"])["UserConfirmationNecessary"] is False
    return phone


def remembered(idp, client, sign_in, name="ana", **members):
    """Sign in by password and confirm the device; return it and AuthenticationResult."""
    result = sign_in(client, name)
    phone = Phone(idp, result["NewDeviceMetadata"])
    phone.confirm(result["AccessToken"], **members)
    return phone, result


def update(idp, client, phone, status):
    idp.admin_update_device_status(
        UserPoolId=client.pool_id,
        Username="ana",
        DeviceKey=phone.key,
        DeviceRememberedStatus=status,
    )


def forget(idp, client, phone):
    idp.admin_forget_device(UserPoolId=client.pool_id, Username="ana", DeviceKey=phone.key)


def wrongly(claim):
    return {**claim, "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(b"x" * 32).decode()}


# New devices


def test_a_pool_without_device_tracking_names_no_devices(idp, client, user, sign_in):
    result = sign_in(client)
    assert "NewDeviceMetadata" not in result
    assert "device_key" not in claims_of(result["AccessToken"])
    assert begin(idp, client, DEVICE_KEY=NOBODYS)["AuthenticationResult"]


@pytest.mark.parametrize("configuration", [ALWAYS, ON_PROMPT, TRACKED, {}])
def test_any_device_configuration_gives_a_key_to_a_new_device(tracking, sign_in, configuration):
    client = tracking(configuration)
    first, second = sign_in(client), sign_in(client)
    keys = [result["NewDeviceMetadata"]["DeviceKey"] for result in (first, second)]
    assert keys[0] != keys[1]
    assert keys[0].startswith("us-east-1_")
    assert claims_of(first["AccessToken"])["device_key"] == keys[0]
    assert "device_key" not in claims_of(first["IdToken"])
    groups = {result["NewDeviceMetadata"]["DeviceGroupKey"] for result in (first, second)}
    assert len(groups) == 1
    assert not Device.objects.exists()


@pytest.mark.parametrize("flow", ["admin", "srp", "after a code"])
def test_every_flow_gives_a_key(idp, tracked, seed, srp_sign_in, flow):
    if flow == "admin":
        issued = idp.admin_initiate_auth(
            UserPoolId=tracked.pool_id,
            ClientId=tracked.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ana", "PASSWORD": PASSWORD},
        )
    elif flow == "srp":
        attempt = srp_sign_in(tracked)
        attempt.start()
        issued = attempt.respond()
    else:
        issued = begin(idp, tracked)
    assert by_code(idp, tracked, issued, seed)["NewDeviceMetadata"]["DeviceKey"]


def test_a_new_device_costs_a_sign_in_no_statement(
    idp, tracked, client, user, sign_in, django_assert_max_num_queries
):
    for each in (tracked, client):
        sign_in(each)
        keys_of(UserPool.cached(each.pool_id))
    with django_assert_max_num_queries(50) as without:
        sign_in(client)
    with django_assert_max_num_queries(len(without)):
        sign_in(tracked)


def test_a_refresh_names_no_new_device(idp, tracked, sign_in):
    result = sign_in(tracked)
    key = result["NewDeviceMetadata"]["DeviceKey"]
    fresh = refresh(idp, tracked, result["RefreshToken"], DEVICE_KEY=key)
    assert "NewDeviceMetadata" not in fresh
    assert claims_of(fresh["AccessToken"])["device_key"] == key


# Which device a sign-in comes from


@pytest.mark.parametrize("key", [NOBODYS, "x", "é_1", "x" * 5000, "a_" + "1" * 54])
def test_an_unknown_key_is_said_to_the_right_password_alone(idp, tracked, key):
    said = refused(idp, "ResourceNotFoundException", lambda: begin(idp, tracked, DEVICE_KEY=key))
    assert said == UNKNOWN
    said = refused(
        idp,
        "NotAuthorizedException",
        lambda: begin(idp, tracked, password="wrong", DEVICE_KEY=key),
    )
    assert said == WRONG
    assert not SignInSession.objects.exists()


def test_a_hiding_client_tells_nobody_whose_a_key_is(idp, tracking, make_user, sign_in):
    client = tracking(PreventUserExistenceErrors="ENABLED")
    phone, _ = remembered(idp, client, sign_in)
    make_user(client.pool, "eva")
    for name in ("ana", "eva", "nobody"):
        said = refused(
            idp,
            "NotAuthorizedException",
            lambda name=name: begin(idp, client, name, "wrong", DEVICE_KEY=phone.key),
        )
        assert said == WRONG


def test_another_users_key_is_unknown(idp, tracked, sign_in, make_user):
    phone, _ = remembered(idp, tracked, sign_in)
    make_user(tracked.pool, "eva")
    said = refused(
        idp,
        "ResourceNotFoundException",
        lambda: begin(idp, tracked, "eva", DEVICE_KEY=phone.key),
    )
    assert said == UNKNOWN


def test_an_issued_key_is_unknown_until_it_is_confirmed(idp, tracked, sign_in):
    result = sign_in(tracked)
    phone = Phone(idp, result["NewDeviceMetadata"])
    refused(idp, "ResourceNotFoundException", lambda: begin(idp, tracked, DEVICE_KEY=phone.key))
    phone.confirm(result["AccessToken"])
    again = begin(idp, tracked, DEVICE_KEY=phone.key)["AuthenticationResult"]
    assert "NewDeviceMetadata" not in again
    assert claims_of(again["AccessToken"])["device_key"] == phone.key


def test_an_unknown_key_counts_as_no_wrong_password(idp, tracked):
    for _ in range(FREE_ATTEMPTS + 2):
        refused(idp, "ResourceNotFoundException", lambda: begin(idp, tracked, DEVICE_KEY=NOBODYS))
    assert begin(idp, tracked)["AuthenticationResult"]
    reasons = AuthEvent.objects.filter(outcome="Fail").values_list("reason", flat=True)
    assert set(reasons) == {"ResourceNotFoundException"}


def test_srp_answers_again_without_a_key_that_is_not_known(idp, tracked, srp_sign_in):
    attempt = srp_sign_in(tracked)
    # As amazon-cognito-identity-js does: the first call has the key too.
    attempt.start(DEVICE_KEY=NOBODYS)
    responses = attempt.responses(DEVICE_KEY=NOBODYS)
    said = refused(idp, "ResourceNotFoundException", lambda: attempt.respond(responses))
    assert said == UNKNOWN
    done = attempt.respond({**responses, "DEVICE_KEY": None})
    assert done["AuthenticationResult"]["NewDeviceMetadata"]
    again = {**responses, "DEVICE_KEY": None}
    refused(idp, "NotAuthorizedException", lambda: attempt.respond(again))


def test_srp_says_a_wrong_password_before_an_unknown_key(idp, tracked, srp_sign_in):
    attempt = srp_sign_in(tracked, password="wrong")
    attempt.start()
    responses = attempt.responses(DEVICE_KEY=NOBODYS)
    assert refused(idp, "NotAuthorizedException", lambda: attempt.respond(responses)) == WRONG


def test_a_device_may_be_named_with_the_code(idp, tracked, phone, seed):
    issued = begin(idp, tracked)
    # Before the code, which stays good.
    refused(
        idp,
        "ResourceNotFoundException",
        lambda: by_code(idp, tracked, issued, seed, drift=1, DEVICE_KEY=NOBODYS),
    )
    result = by_code(idp, tracked, issued, seed, drift=1, DEVICE_KEY=phone.key)
    assert "NewDeviceMetadata" not in result
    assert claims_of(result["AccessToken"])["device_key"] == phone.key


def test_a_sign_in_names_one_device(idp, tracked, phone, seed):
    update(idp, tracked, phone, "not_remembered")
    issued = begin(idp, tracked, DEVICE_KEY=phone.key)
    said = refused(
        idp,
        "ResourceNotFoundException",
        lambda: by_code(idp, tracked, issued, seed, drift=1, DEVICE_KEY=NOBODYS),
    )
    assert said == UNKNOWN
    result = by_code(idp, tracked, issued, seed, drift=1)
    assert claims_of(result["AccessToken"])["device_key"] == phone.key


def test_an_unknown_key_leaves_a_temporary_password_as_it_was(idp, tracked):
    idp.admin_set_user_password(
        UserPoolId=tracked.pool_id, Username="ana", Password="Temporary-1", Permanent=False
    )
    refused(
        idp,
        "ResourceNotFoundException",
        lambda: begin(idp, tracked, password="Temporary-1", DEVICE_KEY=NOBODYS),
    )
    issued = begin(idp, tracked, password="Temporary-1")
    answer = {"USERNAME": "ana", "NEW_PASSWORD": PASSWORD}

    def respond(**more):
        return idp.respond_to_auth_challenge(
            ClientId=tracked.client_id,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=issued["Session"],
            ChallengeResponses={**answer, **more},
        )

    refused(idp, "ResourceNotFoundException", lambda: respond(DEVICE_KEY=NOBODYS))
    assert respond()["AuthenticationResult"]["NewDeviceMetadata"]


def test_the_use_of_a_device_is_noted(idp, tracked, sign_in):
    phone, _ = remembered(idp, tracked, sign_in)
    later = timezone.now() + timedelta(hours=2)
    with time_machine.travel(later, tick=False):
        begin(idp, tracked, DEVICE_KEY=phone.key)
    device = Device.objects.get()
    assert device.last_authenticated_at == later
    assert device.modified_at < later


# The device in place of a second factor


def test_a_remembered_device_stands_in_for_the_second_factor(idp, tracked, phone):
    issued = begin(idp, tracked, DEVICE_KEY=phone.key)
    assert issued["ChallengeName"] == "DEVICE_SRP_AUTH"
    assert issued["ChallengeParameters"] == {
        "USERNAME": "ana",
        "USER_ID_FOR_SRP": "ana",
        "DEVICE_KEY": phone.key,
    }
    asked = phone.ask(tracked, issued)
    assert asked["ChallengeName"] == "DEVICE_PASSWORD_VERIFIER"
    assert asked["ChallengeParameters"].keys() == {
        "SALT",
        "SECRET_BLOCK",
        "SRP_B",
        "USERNAME",
        "DEVICE_KEY",
    }
    assert len(asked["Session"]) <= 4096
    result = phone.prove(tracked, phone.claim(asked))["AuthenticationResult"]
    assert "NewDeviceMetadata" not in result
    assert claims_of(result["AccessToken"])["device_key"] == phone.key
    assert refresh(idp, tracked, result["RefreshToken"], DEVICE_KEY=phone.key)["AccessToken"]


def test_a_remembered_device_stands_in_after_srp(idp, tracked, phone, srp_sign_in):
    attempt = srp_sign_in(tracked)
    attempt.start()
    issued = attempt.respond(attempt.responses(DEVICE_KEY=phone.key))
    assert issued["ChallengeName"] == "DEVICE_SRP_AUTH"
    assert phone.sign_in(tracked, issued)


def test_a_remembered_device_stands_in_where_the_pool_demands_a_factor(idp, tracking, sign_in):
    client = tracking(mode="ON")
    issued = begin(idp, client)
    assert issued["ChallengeName"] == "MFA_SETUP"
    enrolling = idp.associate_software_token(Session=issued["Session"])
    verified = idp.verify_software_token(
        Session=enrolling["Session"], UserCode=code_of(enrolling["SecretCode"])
    )
    result = idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName="MFA_SETUP",
        Session=verified["Session"],
        ChallengeResponses={"USERNAME": "ana"},
    )["AuthenticationResult"]
    phone = Phone(idp, result["NewDeviceMetadata"])
    phone.confirm(result["AccessToken"])
    assert begin(idp, client)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    issued = begin(idp, client, DEVICE_KEY=phone.key)
    assert issued["ChallengeName"] == "DEVICE_SRP_AUTH"
    assert phone.sign_in(client, issued)


def test_a_device_does_not_stand_in_for_setting_a_factor_up(idp, tracking, sign_in):
    client = tracking()
    phone, _ = remembered(idp, client, sign_in)
    Device.objects.update(passed_factor=True)
    idp.set_user_pool_mfa_config(
        UserPoolId=client.pool_id,
        MfaConfiguration="ON",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    assert begin(idp, client, DEVICE_KEY=phone.key)["ChallengeName"] == "MFA_SETUP"


def test_without_a_second_factor_the_device_is_not_challenged(idp, tracked, sign_in):
    phone, _ = remembered(idp, tracked, sign_in)
    assert begin(idp, tracked, DEVICE_KEY=phone.key)["AuthenticationResult"]


def test_a_device_from_before_the_second_factor_is_challenged_once_more(idp, tracked, sign_in):
    phone, result = remembered(idp, tracked, sign_in)
    seed = enrol(idp, result["AccessToken"])
    issued = begin(idp, tracked, DEVICE_KEY=phone.key)
    assert issued["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    by_code(idp, tracked, issued, seed)
    assert begin(idp, tracked, DEVICE_KEY=phone.key)["ChallengeName"] == "DEVICE_SRP_AUTH"


def test_a_pool_that_challenges_every_device_asks_for_the_code(idp, tracking, sign_in):
    client = tracking(TRACKED)
    seed = enrol(idp, sign_in(client)["AccessToken"])
    result = by_code(idp, client, begin(idp, client), seed)
    phone = Phone(idp, result["NewDeviceMetadata"])
    phone.confirm(result["AccessToken"])
    issued = begin(idp, client, DEVICE_KEY=phone.key)
    assert issued["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert "NewDeviceMetadata" not in by_code(idp, client, issued, seed, drift=1)


def test_a_device_stands_in_only_once_its_user_has_it_remembered(idp, tracking, sign_in):
    client = tracking(ON_PROMPT)
    seed = enrol(idp, sign_in(client)["AccessToken"])
    result = by_code(idp, client, begin(idp, client), seed)
    token, phone = result["AccessToken"], Phone(idp, result["NewDeviceMetadata"])
    assert phone.confirm(token)["UserConfirmationNecessary"] is True

    def asked():
        return begin(idp, client, DEVICE_KEY=phone.key)["ChallengeName"]

    def say(status):
        idp.update_device_status(
            AccessToken=token, DeviceKey=phone.key, DeviceRememberedStatus=status
        )

    assert asked() == "SOFTWARE_TOKEN_MFA"
    say("remembered")
    assert asked() == "DEVICE_SRP_AUTH"
    say("not_remembered")
    assert asked() == "SOFTWARE_TOKEN_MFA"


def test_a_device_without_a_secret_never_stands_in(idp, tracked, seed):
    result = by_code(idp, tracked, begin(idp, tracked), seed)
    key = result["NewDeviceMetadata"]["DeviceKey"]
    idp.confirm_device(AccessToken=result["AccessToken"], DeviceKey=key)
    assert begin(idp, tracked, DEVICE_KEY=key)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_tracking_that_is_turned_off_turns_devices_off(idp, tracked, phone, seed):
    idp.update_user_pool(UserPoolId=tracked.pool_id, MfaConfiguration="OPTIONAL")
    issued = begin(idp, tracked, DEVICE_KEY=phone.key)
    assert issued["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    result = by_code(idp, tracked, issued, seed, drift=1)
    assert "NewDeviceMetadata" not in result
    assert "device_key" not in claims_of(result["AccessToken"])


# Its claim


def test_a_wrong_claim_is_refused_and_counted(idp, tracked, phone):
    asked = phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key))
    claim = phone.claim(asked)
    said = refused(idp, "NotAuthorizedException", lambda: phone.prove(tracked, wrongly(claim)))
    assert said == WRONG
    assert PoolUser.objects.get().failed_codes == 1
    assert phone.prove(tracked, claim)["AuthenticationResult"]
    assert PoolUser.objects.get().failed_codes == 0


def test_a_claim_signs_in_once(idp, tracked, phone):
    asked = phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key))
    claim = phone.claim(asked)
    phone.prove(tracked, claim)
    sessions = SignInSession.objects.count()
    said = refused(idp, "NotAuthorizedException", lambda: phone.prove(tracked, claim))
    assert said == "Invalid session for the user, session can only be used once."
    assert SignInSession.objects.count() == sessions


def test_the_first_half_is_answered_once(idp, tracked, phone):
    issued = begin(idp, tracked, DEVICE_KEY=phone.key)
    phone.ask(tracked, issued)
    said = refused(idp, "NotAuthorizedException", lambda: phone.ask(tracked, issued))
    assert said == "Invalid session for the user, session can only be used once."


def test_the_claim_of_another_device_is_refused(idp, tracked, phone, seed):
    result = by_code(idp, tracked, begin(idp, tracked), seed, drift=1)
    tablet = Phone(idp, result["NewDeviceMetadata"])
    tablet.confirm(result["AccessToken"])
    asked = phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key))
    for more in ({"DEVICE_KEY": phone.key}, {}):
        claim = tablet.claim(asked, **more)
        error = "NotAuthorizedException" if more else "ResourceNotFoundException"
        refused(idp, error, lambda error=error, claim=claim: tablet.prove(tracked, claim))


def test_another_users_name_beside_the_claim_is_refused(idp, tracked, phone, make_user):
    make_user(tracked.pool, "eva")
    asked = phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key))
    claim = phone.claim(asked, USERNAME="eva")
    assert refused(idp, "NotAuthorizedException", lambda: phone.prove(tracked, claim)) == WRONG


@pytest.mark.parametrize("missing", ["DEVICE_KEY", "SRP_A"])
def test_the_first_half_names_the_device_and_its_public_value(idp, tracked, phone, missing):
    issued = begin(idp, tracked, DEVICE_KEY=phone.key)
    said = refused(
        idp,
        "InvalidParameterException",
        lambda: phone.ask(tracked, issued, **{missing: ""}),
    )
    assert said == f"Missing required parameter {missing}"


@pytest.mark.parametrize("value", ["0", "xyz", f"{srp.N:x}"])
def test_a_public_value_that_no_client_sends_is_refused(idp, tracked, phone, value):
    issued = begin(idp, tracked, DEVICE_KEY=phone.key)
    refused(idp, "InvalidParameterException", lambda: phone.ask(tracked, issued, SRP_A=value))
    assert phone.sign_in(tracked, issued)


@pytest.mark.parametrize(
    "missing", ["PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP"]
)
def test_the_claim_is_whole(idp, tracked, phone, missing):
    asked = phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key))
    claim = {**phone.claim(asked), missing: ""}
    said = refused(idp, "InvalidParameterException", lambda: phone.prove(tracked, claim))
    assert said == f"Missing required parameter {missing}"


@pytest.mark.parametrize("stamp", ["yesterday", "Tue Jun 3 09:05:07 UTC 2025"])
def test_a_stale_or_malformed_timestamp_is_refused(idp, tracked, phone, stamp):
    asked = phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key))
    claim = {**phone.claim(asked), "TIMESTAMP": stamp}
    assert refused(idp, "NotAuthorizedException", lambda: phone.prove(tracked, claim)) == WRONG


def test_an_old_claim_is_refused(idp, tracked, phone):
    asked = phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key))
    with time_machine.travel(timezone.now() + timedelta(minutes=3, seconds=5)):
        claim = phone.claim(asked)
        assert refused(idp, "NotAuthorizedException", lambda: phone.prove(tracked, claim)) == WRONG


def test_the_blocks_of_password_and_device_are_not_each_others(idp, tracked, phone, srp_sign_in):
    attempt = srp_sign_in(tracked)
    attempt.start()
    right = attempt.responses(DEVICE_KEY=phone.key)
    asked = phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key))
    claim = phone.claim(asked)
    block = "PASSWORD_CLAIM_SECRET_BLOCK"
    for call in (
        lambda: phone.prove(tracked, {**claim, block: right[block]}),
        lambda: attempt.respond({**right, block: claim[block]}),
    ):
        assert refused(idp, "NotAuthorizedException", call) == WRONG
    assert phone.prove(tracked, claim)["AuthenticationResult"]


def test_a_block_of_another_client_is_refused(idp, tracked, phone, make_client):
    claim = phone.claim(phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key)))
    other = make_client(tracked.pool)
    assert refused(idp, "NotAuthorizedException", lambda: phone.prove(other, claim)) == WRONG


@pytest.mark.parametrize("index", [0, 30, 100, 850, -1])
def test_a_tampered_block_is_refused(idp, tracked, phone, index):
    claim = phone.claim(phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key)))
    block = bytearray(base64.b64decode(claim["PASSWORD_CLAIM_SECRET_BLOCK"]))
    block[index] ^= 1
    claim["PASSWORD_CLAIM_SECRET_BLOCK"] = base64.b64encode(block).decode()
    assert refused(idp, "NotAuthorizedException", lambda: phone.prove(tracked, claim)) == WRONG


ENDS = {
    "signed out": lambda idp, who: idp.admin_user_global_sign_out(**who),
    "disabled": lambda idp, who: idp.admin_disable_user(**who),
    "another password": lambda idp, who: idp.admin_set_user_password(
        **who, Password="Battery-Staple-7", Permanent=True
    ),
    "deleted": lambda idp, who: idp.admin_delete_user(**who),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_ends_the_user_ends_the_attempt_between_the_halves(idp, tracked, phone, end):
    issued = begin(idp, tracked, DEVICE_KEY=phone.key)
    claim = phone.claim(phone.ask(tracked, issued))
    waiting = begin(idp, tracked, DEVICE_KEY=phone.key)
    end(idp, {"UserPoolId": tracked.pool_id, "Username": "ana"})
    for call in (
        lambda: phone.prove(tracked, claim),
        lambda: phone.ask(tracked, waiting),
        lambda: phone.ask(tracked, {"Session": "x" * 20}),
    ):
        assert refused(idp, "NotAuthorizedException", call) == INVALID


def test_devices_outlive_sign_out_and_a_new_password_and_go_with_their_user(idp, tracked, phone):
    who = {"UserPoolId": tracked.pool_id, "Username": "ana"}
    ENDS["signed out"](idp, who)
    ENDS["disabled"](idp, who)
    idp.admin_enable_user(**who)
    issued = begin(idp, tracked, DEVICE_KEY=phone.key)
    assert issued["ChallengeName"] == "DEVICE_SRP_AUTH"
    assert phone.sign_in(tracked, issued)
    ENDS["deleted"](idp, who)
    assert not Device.objects.exists()


@pytest.mark.parametrize("act", ["forget", "not_remembered"])
def test_a_device_that_loses_its_part_between_the_halves_is_refused(idp, tracked, phone, act):
    waiting = begin(idp, tracked, DEVICE_KEY=phone.key)
    other = begin(idp, tracked, DEVICE_KEY=phone.key)
    claim = phone.claim(phone.ask(tracked, other))
    sessions = SignInSession.objects.count()
    if act == "forget":
        forget(idp, tracked, phone)
    else:
        update(idp, tracked, phone, act)
    error = "ResourceNotFoundException" if act == "forget" else "NotAuthorizedException"
    refused(idp, error, lambda: phone.ask(tracked, waiting))
    refused(idp, error, lambda: phone.prove(tracked, claim))
    assert SignInSession.objects.count() == sessions


def test_a_code_does_not_answer_for_the_device(idp, tracked, phone, seed):
    issued = begin(idp, tracked, DEVICE_KEY=phone.key)
    said = refused(
        idp, "NotAuthorizedException", lambda: by_code(idp, tracked, issued, seed, drift=1)
    )
    assert said == INVALID


@pytest.mark.django_db(transaction=True)
def test_parallel_wrong_claims_take_no_more_than_the_free_attempts(idp, tracked, phone):
    asked = phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key))
    claim = wrongly(phone.claim(asked))
    outcomes = in_parallel(20, lambda: phone.prove(tracked, claim))
    assert set(outcomes) == {"NotAuthorizedException"}
    # One more may come through in each second that a lock lasts.
    wrong = AuthEvent.objects.filter(outcome="Fail").count()
    assert FREE_ATTEMPTS <= wrong <= FREE_ATTEMPTS + 3


@pytest.mark.django_db(transaction=True)
def test_a_claim_used_in_parallel_signs_in_once(idp, tracked, phone):
    claim = phone.claim(phone.ask(tracked, begin(idp, tracked, DEVICE_KEY=phone.key)))
    sessions = SignInSession.objects.count()
    outcomes = in_parallel(4, lambda: phone.prove(tracked, claim))
    assert outcomes.count("done") == 1
    assert SignInSession.objects.count() == sessions + 1


# Without Session


def without_session(idp, client, phone, **more):
    return idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName="DEVICE_SRP_AUTH",
        ChallengeResponses={
            "USERNAME": "ana",
            "DEVICE_KEY": phone.key,
            "SRP_A": f"{phone.srp.A:x}",
            **more,
        },
    )


def test_a_device_whose_sign_in_waits_answers_without_session(idp, tracked, phone):
    begin(idp, tracked, DEVICE_KEY=phone.key)
    asked = without_session(idp, tracked, phone)
    assert phone.prove(tracked, phone.claim(asked))["AuthenticationResult"]
    refused(idp, "NotAuthorizedException", lambda: without_session(idp, tracked, phone))


def test_a_device_alone_starts_no_sign_in(idp, tracked, phone, make_user):
    make_user(tracked.pool, "eva")
    for more in (
        {},
        {"DEVICE_KEY": NOBODYS},
        {"USERNAME": "eva"},
        {"USERNAME": "nobody"},
        {"DEVICE_KEY": "é_1"},
    ):
        said = refused(
            idp,
            "NotAuthorizedException",
            lambda more=more: without_session(idp, tracked, phone, **more),
        )
        assert said == INVALID


def test_a_waiting_sign_in_is_for_its_own_client_for_a_while(idp, tracked, phone, make_client):
    begin(idp, tracked, DEVICE_KEY=phone.key)
    other = make_client(tracked.pool)
    refused(idp, "NotAuthorizedException", lambda: without_session(idp, other, phone))
    with time_machine.travel(timezone.now() + timedelta(minutes=3, seconds=1)):
        refused(idp, "NotAuthorizedException", lambda: without_session(idp, tracked, phone))
    assert without_session(idp, tracked, phone)["ChallengeName"] == "DEVICE_PASSWORD_VERIFIER"


def test_a_waiting_sign_in_is_answered_from_its_own_address(idp, tracked, phone):
    issued = idp.admin_initiate_auth(
        UserPoolId=tracked.pool_id,
        ClientId=tracked.client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana", "PASSWORD": PASSWORD, "DEVICE_KEY": phone.key},
        ContextData={
            "IpAddress": "192.0.2.7",
            "ServerName": "app",
            "ServerPath": "/",
            "HttpHeaders": [],
        },
    )
    assert issued["ChallengeName"] == "DEVICE_SRP_AUTH"
    said = refused(idp, "NotAuthorizedException", lambda: without_session(idp, tracked, phone))
    assert said == INVALID
    assert phone.sign_in(tracked, issued)


# Refresh


def redeem(idp, client, token, key):
    members = {"DeviceKey": key} if key else {}
    return idp.get_tokens_from_refresh_token(
        ClientId=client.client_id, RefreshToken=token, **members
    )["AuthenticationResult"]


def by_flow(idp, client, token, key):
    return refresh(idp, client, token, **({"DEVICE_KEY": key} if key else {}))


@pytest.mark.parametrize("call", [redeem, by_flow])
@pytest.mark.parametrize("known", [True, False], ids=["confirmed", "issued"])
def test_a_refresh_token_wants_the_key_of_its_device(idp, tracked, sign_in, call, known):
    result = sign_in(tracked)
    phone = Phone(idp, result["NewDeviceMetadata"])
    if known:
        phone.confirm(result["AccessToken"])
    other = sign_in(tracked)["NewDeviceMetadata"]["DeviceKey"]
    for key in ("", other, NOBODYS):
        said = refused(
            idp,
            "NotAuthorizedException",
            lambda key=key: call(idp, tracked, result["RefreshToken"], key),
        )
        assert said == "Invalid Refresh Token"
    fresh = call(idp, tracked, result["RefreshToken"], phone.key)
    assert claims_of(fresh["AccessToken"])["device_key"] == phone.key


def test_forgetting_a_device_ends_its_refresh_tokens_and_no_others(idp, tracked, sign_in):
    phone, result = remembered(idp, tracked, sign_in)
    later = begin(idp, tracked, DEVICE_KEY=phone.key)["AuthenticationResult"]
    other = sign_in(tracked)
    forget(idp, tracked, phone)
    for tokens in (result, later):
        said = refused(
            idp,
            "NotAuthorizedException",
            lambda tokens=tokens: refresh(
                idp, tracked, tokens["RefreshToken"], DEVICE_KEY=phone.key
            ),
        )
        assert said == "Refresh Token has expired"
        assert idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == "ana"
    key = other["NewDeviceMetadata"]["DeviceKey"]
    assert refresh(idp, tracked, other["RefreshToken"], DEVICE_KEY=key)["AccessToken"]


def test_a_token_from_before_the_tracking_wants_no_key(idp, client, user, sign_in):
    result = sign_in(client)
    idp.update_user_pool(UserPoolId=client.pool_id, DeviceConfiguration=ALWAYS)
    assert refresh(idp, client, result["RefreshToken"])["AccessToken"]
    assert sign_in(client)["NewDeviceMetadata"]


# The parts


def test_the_published_vector_passes_the_exchange():
    """Source: auth-flows reference, section 4.2: Salt in Base64, verifier and signature."""
    verifier = srp.verifier(DEVICE.pool_name, DEVICE.user_id, DEVICE.password, DEVICE.salt)
    sent = base64.b64encode(srp.pad(verifier)).decode()
    secret = DeviceSecret.of("C63K/gutyv4Lrcr+C63K/g==", sent)
    assert secret.salt == DEVICE.salt
    kept = srp.verifier_from_bytes(secret.verifier)
    assert hashlib.sha256(f"{kept:x}".encode()).hexdigest() == DEVICE.v_sha
    state = SrpState(pow(2, a, srp.N), srp.server_start(kept, b)[1], b, b"secret-block-bytes")
    names, stamp = (DEVICE.pool_name, DEVICE.user_id), "Tue Jun 3 09:05:07 UTC 2025"
    with time_machine.travel("2025-06-03T09:05:07Z"):
        for signature, holds in ((DEVICE.signature, True), ("A" * 43 + "=", False)):
            assert holds == srp_exchange.claim_holds(
                state, kept, names, timestamp=stamp, signature=signature
            )


GOOD = base64.b64encode(srp.pad(srp.N - 2)).decode()
SALT = base64.b64encode(b"salt").decode()


@pytest.mark.parametrize(
    ("salt", "verifier"),
    [
        ("", GOOD),
        (SALT, ""),
        ("?", GOOD),
        (SALT, "?"),
        (base64.b64encode(b"s" * 65).decode(), GOOD),
        (SALT, base64.b64encode(b"\0").decode()),
        (SALT, base64.b64encode(b"\1").decode()),
        (SALT, base64.b64encode(srp.pad(srp.N)).decode()),
        (SALT, base64.b64encode(b"\0" + srp.pad(srp.N - 2)).decode()),
    ],
)
def test_a_secret_that_no_client_makes_is_refused(salt, verifier):
    assert DeviceSecret.of(SALT, GOOD).salt == b"salt".hex()
    with pytest.raises(InvalidParameterException):
        DeviceSecret.of(salt, verifier)


def test_the_verifier_is_sealed_and_the_secret_never_sent(idp, tracked, sign_in):
    phone, _ = remembered(idp, tracked, sign_in)
    row = Device.objects.get()
    verifier = base64.b64decode(phone.config["PasswordVerifier"]).lstrip(b"\0")
    assert verifier not in bytes(row.sealed)
    seen = idp.admin_get_device(UserPoolId=tracked.pool_id, Username="ana", DeviceKey=phone.key)[
        "Device"
    ]
    assert phone.config["PasswordVerifier"] not in json.dumps(seen, default=str)


def attempt_of(client, key, *passed, flow="CUSTOM_AUTH", user=None):
    if user is not None:
        user.pool = client.pool
    return Attempt(
        pool=client.pool,
        client=client,
        call=Call("RespondToAuthChallenge", None, "us-east-1", "0" * 12, "", "127.0.0.1"),
        flow=flow,
        name_key="ana",
        user=user,
        passed=list(passed),
        device_key=key,
    )


def test_no_device_is_looked_for_before_it_is_proved_who_signs_in(tracked):
    unknown = attempt_of(tracked, NOBODYS, "SELECT_CHALLENGE", flow="USER_AUTH")
    assert not devices.is_proved(unknown)
    assert not DeviceSrpAuth().applies(unknown)


def test_a_sign_in_without_password_knows_its_device_at_its_end(idp, tracked, sign_in):
    phone, _ = remembered(idp, tracked, sign_in)
    user = PoolUser.objects.get(username="ana")
    done = engine.advance(attempt_of(tracked, phone.key, "EMAIL_OTP", flow="USER_AUTH", user=user))
    assert done.new_device is None
    assert claims_of(done.tokens.access_token)["device_key"] == phone.key
    # A code alone is no second factor.
    assert not Device.objects.get().passed_factor
    with pytest.raises(ResourceNotFoundException):
        engine.advance(attempt_of(tracked, NOBODYS, "EMAIL_OTP", flow="USER_AUTH", user=user))


@pytest.mark.parametrize("proved", [True, False])
def test_a_device_that_loses_its_part_at_the_last_moment_signs_nobody_in(
    idp, tracked, phone, proved
):
    user = PoolUser.objects.get(username="ana")
    steps = ["PASSWORD", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"] if proved else ["PASSWORD"]
    attempt = attempt_of(tracked, phone.key, *steps, flow="USER_PASSWORD_AUTH", user=user)
    devices.recognize(attempt)
    if proved:
        update(idp, tracked, phone, "not_remembered")
    else:
        forget(idp, tracked, phone)
    PoolUser.objects.update(failed_passwords=3)
    sessions, passes = SignInSession.objects.count(), AuthEvent.objects.count()
    with pytest.raises(ResourceNotFoundException):
        engine.complete(attempt)
    assert (SignInSession.objects.count(), AuthEvent.objects.count()) == (sessions, passes)
    assert PoolUser.objects.get().failed_passwords == 3


@pytest.mark.parametrize("status", ["remembered", "not_remembered"])
def test_custom_sign_ins_end_with_the_device(idp, tracked, sign_in, status):
    phone, _ = remembered(idp, tracked, sign_in)
    update(idp, tracked, phone, status)
    user = PoolUser.objects.get(username="ana")
    attempt = attempt_of(tracked, phone.key, flow="CUSTOM_AUTH", user=user)
    attempt.custom, attempt.custom_step = CustomAuth(is_over=True), uuid.uuid4()
    step = engine.advance(attempt)
    assert isinstance(step, Issued) == (status == "remembered")
    assert step.name == "DEVICE_SRP_AUTH" if isinstance(step, Issued) else step.new_device is None
