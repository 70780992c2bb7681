"""Lost passwords through boto3: the code that resets one, who gets it and where it goes."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from tests.userpools.auth.conftest import SrpSignIn
from userpools.auth.secret_hash import secret_hash
from userpools.models import AuditEntry, GuessBucket, Message, PoolUser, UserPool, VerificationCode

pytestmark = pytest.mark.django_db

NEW = "Battery-Staple-7"
NO_CONTACT = (
    "Cannot reset password for the user as there is no registered/verified email or phone_number"
)
EMAIL = {"email": "ana@example.com", "email_verified": "true"}
PHONE = {"phone_number": "+4915112345678", "phone_number_verified": "true"}
TO_EMAIL = {"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
TO_PHONE = {
    "Destination": "+*********5678",
    "DeliveryMedium": "SMS",
    "AttributeName": "phone_number",
}


def listed(**values):
    return [{"Name": name, "Value": value} for name, value in values.items()]


def recovery(*names):
    mechanisms = [{"Name": name, "Priority": at} for at, name in enumerate(names, 1)]
    return {"AccountRecoverySetting": {"RecoveryMechanisms": mechanisms}}


@pytest.fixture
def ana(pool, make_user):
    """A user with a verified address."""
    return make_user(pool, "ana", **EMAIL)


@pytest.fixture
def hiding(pool, make_client):
    """A client that does not tell who exists."""
    return make_client(pool, PreventUserExistenceErrors="ENABLED")


@pytest.fixture
def forget(idp):
    def ask(client, name="ana"):
        answer = idp.forgot_password(ClientId=client.client_id, Username=name)
        return answer["CodeDeliveryDetails"]

    return ask


@pytest.fixture
def reset(idp):
    def confirm(client, code, name="ana", password=NEW):
        return idp.confirm_forgot_password(
            ClientId=client.client_id, Username=name, ConfirmationCode=code, Password=password
        )

    return confirm


def wrong(code):
    return "000000" if code != "000000" else "000001"


def status(name="ana"):
    return PoolUser.objects.get(username=name).status


# Asking for a code


def test_an_unknown_name_is_told_only_where_the_client_tells(idp, client, hiding):
    members = {"ClientId": client.client_id, "Username": "nobody"}
    said = refused(idp, "UserNotFoundException", idp.forgot_password, **members)
    assert said == "Username/client id combination not found."
    assert idp.forgot_password(ClientId=hiding.client_id, Username="nobody")["CodeDeliveryDetails"]
    assert not Message.objects.exists()


def test_a_disabled_user_gets_no_code(idp, pool, client, hiding, ana, forget):
    idp.admin_disable_user(UserPoolId=pool.id, Username="ana")
    said = refused(idp, "NotAuthorizedException", forget, client=client)
    assert said == "User is disabled."
    assert forget(hiding)["DeliveryMedium"] == "EMAIL"
    assert not Message.objects.exists()


def test_an_invited_user_gets_no_code(idp, pool, client, hiding, forget):
    idp.admin_create_user(
        UserPoolId=pool.id, Username="ana", MessageAction="SUPPRESS", UserAttributes=listed(**EMAIL)
    )
    said = refused(idp, "NotAuthorizedException", forget, client=client)
    assert said == "User password cannot be reset in the current state."
    assert forget(hiding)["DeliveryMedium"] == "EMAIL"
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "attributes",
    [{}, {"email": "ana@example.com"}, {"phone_number": "+4915112345678"}],
    ids=["no contact", "unverified address", "unverified number"],
)
def test_without_a_verified_contact_there_is_no_code(
    idp, pool, client, hiding, make_user, forget, attributes
):
    make_user(pool, "ana", **attributes)
    assert refused(idp, "InvalidParameterException", forget, client=client) == NO_CONTACT
    assert forget(hiding)["Destination"]
    assert not Message.objects.exists()


def test_an_unconfirmed_user_has_no_verified_contact(idp, client, forget):
    idp.sign_up(
        ClientId=client.client_id,
        Username="ana",
        Password=PASSWORD,
        UserAttributes=listed(email="ana@example.com"),
    )
    assert refused(idp, "InvalidParameterException", forget, client=client) == NO_CONTACT


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_where_administrators_reset_nobody_gets_a_code(
    idp, make_pool, make_client, make_user, forget, name
):
    pool = make_pool(**recovery("admin_only"))
    make_user(pool, "ana", **EMAIL)
    hiding = make_client(pool, PreventUserExistenceErrors="ENABLED")
    said = refused(idp, "NotAuthorizedException", forget, client=hiding, name=name)
    assert said == "Contact administrator to reset password."
    said = refused(idp, "NotAuthorizedException", forget, client=make_client(pool))
    assert said == "Contact administrator to reset password."


def test_a_client_with_a_secret_wants_the_hash(idp, pool, make_client, ana, sent):
    client = make_client(pool, GenerateSecret=True)
    members = {"ClientId": client.client_id, "Username": "ana"}
    refused(idp, "NotAuthorizedException", idp.forgot_password, **members)
    digest = secret_hash(client.secret_values[0], "ana", client.client_id)
    assert idp.forgot_password(**members, SecretHash=digest)["CodeDeliveryDetails"] == TO_EMAIL
    (message,) = sent()
    confirmed = {**members, "ConfirmationCode": message["code"], "Password": NEW}
    refused(idp, "NotAuthorizedException", idp.confirm_forgot_password, **confirmed)
    idp.confirm_forgot_password(**confirmed, SecretHash=digest)


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_five_codes_an_hour_may_be_asked_for(idp, hiding, ana, forget, name):
    for _ in range(5):
        assert forget(hiding, name)
    said = refused(idp, "LimitExceededException", forget, client=hiding, name=name)
    assert said == "Attempt limit exceeded, please try after some time."
    assert forget(hiding, "somebody-else")


@pytest.mark.parametrize(
    ("setting", "attributes", "delivery"),
    [
        ({}, {**EMAIL, **PHONE}, TO_PHONE),
        ({}, EMAIL, TO_EMAIL),
        ({}, {**EMAIL, **PHONE, "phone_number_verified": "false"}, TO_EMAIL),
        (recovery("verified_email", "verified_phone_number"), {**EMAIL, **PHONE}, TO_EMAIL),
        (recovery("verified_phone_number", "verified_email"), {**EMAIL, **PHONE}, TO_PHONE),
        (recovery("verified_phone_number", "verified_email"), EMAIL, TO_EMAIL),
        (recovery("verified_email"), {**EMAIL, **PHONE}, TO_EMAIL),
    ],
)
def test_the_code_goes_where_the_pool_says(
    idp, make_pool, make_client, make_user, forget, sent, setting, attributes, delivery
):
    pool = make_pool(**setting)
    make_user(pool, "ana", **attributes)
    assert forget(make_client(pool)) == delivery
    (message,) = sent()
    assert message["to"] == attributes[delivery["AttributeName"]]
    assert message["kind"] == "reset_password"
    assert len(message["code"]) == 6
    assert message["code"] in message["body"]


def test_the_setting_bars_what_it_does_not_name(idp, make_pool, make_client, make_user, forget):
    pool = make_pool(**recovery("verified_phone_number"))
    make_user(pool, "ana", **EMAIL)
    client = make_client(pool)
    assert refused(idp, "InvalidParameterException", forget, client=client) == NO_CONTACT


SMS = {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}


BY_EMAIL_THEN_PHONE = recovery("verified_email", "verified_phone_number")


@pytest.mark.parametrize(
    ("setting", "attributes", "delivery"),
    [
        (BY_EMAIL_THEN_PHONE, PHONE, None),
        (BY_EMAIL_THEN_PHONE, {**EMAIL, **PHONE}, TO_EMAIL),
        ({}, PHONE, TO_PHONE),
        ({}, {**EMAIL, **PHONE}, TO_PHONE),
    ],
)
def test_the_medium_of_the_second_factor_is_left_out_by_the_setting_and_not_without(
    idp, make_pool, make_client, make_user, forget, setting, attributes, delivery
):
    pool = make_pool(MfaConfiguration="ON", SmsConfiguration=SMS, **setting)
    make_user(pool, "ana", **attributes)
    client = make_client(pool)
    if delivery is None:
        assert refused(idp, "InvalidParameterException", forget, client=client) == NO_CONTACT
    else:
        assert forget(client) == delivery


def test_without_a_second_factor_the_second_choice_serves(
    make_pool, make_client, make_user, forget
):
    pool = make_pool(**BY_EMAIL_THEN_PHONE)
    make_user(pool, "ana", **PHONE)
    assert forget(make_client(pool)) == TO_PHONE


def test_asking_changes_nothing_of_the_user(client, ana, forget, sign_in):
    tokens = sign_in(client)
    forget(client)
    assert status() == "CONFIRMED"
    assert sign_in(client)["AccessToken"]
    assert tokens["AccessToken"]


# Where a client hides who exists, the delivery is told and not made


@pytest.mark.parametrize(
    ("members", "typed", "shown"),
    [
        ({}, "bob@example.com", ("b***@e***", "EMAIL")),
        ({}, "+4915100001234", ("+*********1234", "SMS")),
        (recovery("verified_email"), "bob@example.com", ("b***@e***", "EMAIL")),
    ],
)
def test_a_typed_contact_is_where_a_code_would_go(
    make_pool, make_client, forget, members, typed, shown
):
    client = make_client(make_pool(**members), PreventUserExistenceErrors="ENABLED")
    told = forget(client, typed)
    assert (told["Destination"], told["DeliveryMedium"]) == shown


@pytest.mark.parametrize(
    ("members", "medium"),
    [
        ({}, "EMAIL"),
        ({"AutoVerifiedAttributes": ["phone_number"]}, "SMS"),
        ({"AliasAttributes": ["email"]}, "EMAIL"),
        (recovery("verified_phone_number"), "SMS"),
    ],
)
def test_a_simulated_delivery_follows_the_pool_and_is_stable(
    make_pool, make_client, forget, members, medium
):
    client = make_client(make_pool(**members), PreventUserExistenceErrors="ENABLED")
    told = [forget(client, "bob") for _ in range(3)]
    assert told[0]["DeliveryMedium"] == medium
    assert told[0]["AttributeName"] == ("email" if medium == "EMAIL" else "phone_number")
    assert told.count(told[0]) == 3
    masks = {forget(client, f"bob{index}")["Destination"] for index in range(20)}
    assert len(masks) > 5


# Setting the password


def test_a_code_sets_the_password_once(idp, client, ana, forget, reset, sent, sign_in):
    forget(client)
    (message,) = sent()
    assert reset(client, message["code"]).keys() == {"ResponseMetadata"}
    assert sign_in(client, password=NEW)["AccessToken"]
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        sign_in(client, password=PASSWORD)
    said = refused(idp, "ExpiredCodeException", reset, client=client, code=message["code"])
    assert said == "Invalid code provided, please request a code again."


def test_a_wrong_code_is_refused(idp, client, ana, forget, reset, sent, sign_in):
    forget(client)
    (message,) = sent()
    said = refused(idp, "CodeMismatchException", reset, client=client, code=wrong(message["code"]))
    assert said == "Invalid verification code provided, please try again."
    assert sign_in(client)["AccessToken"]


def test_without_a_code_asked_for_there_is_none(idp, client, ana, reset):
    refused(idp, "ExpiredCodeException", reset, client=client, code="123456")


def test_a_code_lives_an_hour(idp, client, ana, forget, reset, sent):
    forget(client)
    (message,) = sent()
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1)):
        refused(idp, "ExpiredCodeException", reset, client=client, code=message["code"])
    with time_machine.travel(timezone.now() + timedelta(minutes=59)):
        reset(client, message["code"])


def test_a_newer_code_voids_the_one_before(idp, client, ana, forget, reset, sent):
    forget(client)
    forget(client)
    first, second = (message["code"] for message in sent())
    if first != second:
        refused(idp, "CodeMismatchException", reset, client=client, code=first)
    reset(client, second)


def test_another_users_code_is_refused(idp, pool, client, ana, make_user, forget, reset, sent):
    make_user(pool, "eva", email="eva@example.com", email_verified="true")
    forget(client)
    forget(client, "eva")
    codes = {message["username"]: message["code"] for message in sent()}
    if codes["eva"] != codes["ana"]:
        refused(idp, "CodeMismatchException", reset, client=client, code=codes["eva"])
    reset(client, codes["eva"], "eva")


def test_a_sign_up_code_resets_no_password(idp, make_pool, make_client, reset, sent):
    client = make_client(make_pool(AutoVerifiedAttributes=["email"]))
    idp.sign_up(
        ClientId=client.client_id,
        Username="ana",
        Password=PASSWORD,
        UserAttributes=listed(email="ana@example.com"),
    )
    (message,) = sent()
    refused(idp, "ExpiredCodeException", reset, client=client, code=message["code"])
    assert status() == "UNCONFIRMED"


def test_a_code_for_a_contact_that_changed_is_void(idp, pool, client, ana, forget, reset, sent):
    forget(client)
    (message,) = sent()
    idp.admin_update_user_attributes(
        UserPoolId=pool.id,
        Username="ana",
        UserAttributes=listed(email="else@example.com", email_verified="true"),
    )
    refused(idp, "ExpiredCodeException", reset, client=client, code=message["code"])


def test_a_code_for_a_contact_that_is_no_longer_verified_is_void(
    idp, pool, client, ana, forget, reset, sent
):
    forget(client)
    (message,) = sent()
    idp.admin_update_user_attributes(
        UserPoolId=pool.id, Username="ana", UserAttributes=listed(email_verified="false")
    )
    refused(idp, "ExpiredCodeException", reset, client=client, code=message["code"])


def test_the_password_obeys_the_policy_and_the_code_lives_on(idp, client, ana, forget, reset, sent):
    forget(client)
    (message,) = sent()
    said = refused(
        idp,
        "InvalidPasswordException",
        reset,
        client=client,
        code=message["code"],
        password="all-lower-case-1",
    )
    assert said == "Password did not conform with policy: Password must have uppercase characters"
    assert VerificationCode.objects.get().tries == 0
    reset(client, message["code"])


def test_a_disabled_user_resets_nothing_even_with_the_code(
    idp, pool, client, ana, forget, reset, sent
):
    forget(client)
    (message,) = sent()
    idp.admin_disable_user(UserPoolId=pool.id, Username="ana")
    said = refused(idp, "NotAuthorizedException", reset, client=client, code=message["code"])
    assert said == "User is disabled."
    idp.admin_enable_user(UserPoolId=pool.id, Username="ana")
    reset(client, message["code"])


def test_a_user_who_got_a_temporary_password_meanwhile_resets_nothing(
    idp, pool, client, ana, forget, reset, sent
):
    forget(client)
    (message,) = sent()
    idp.admin_set_user_password(UserPoolId=pool.id, Username="ana", Password=NEW)
    said = refused(idp, "NotAuthorizedException", reset, client=client, code=message["code"])
    assert said == "User password cannot be reset in the current state."
    assert status() == "FORCE_CHANGE_PASSWORD"


def test_a_reset_confirms_an_unconfirmed_user_with_a_verified_contact(
    idp, pool, client, forget, reset, sent, sign_in
):
    idp.sign_up(
        ClientId=client.client_id,
        Username="ana",
        Password=PASSWORD,
        UserAttributes=listed(email="ana@example.com"),
    )
    idp.admin_update_user_attributes(
        UserPoolId=pool.id, Username="ana", UserAttributes=listed(email_verified="true")
    )
    forget(client)
    (message,) = sent()
    reset(client, message["code"])
    assert status() == "CONFIRMED"
    assert sign_in(client, password=NEW)["AccessToken"]


def test_a_user_without_a_password_gets_one_by_code(
    idp, make_pool, make_client, forget, reset, sent, sign_in
):
    pool = make_pool(
        Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}
    )
    client = make_client(pool)
    idp.admin_create_user(UserPoolId=pool.id, Username="ana", UserAttributes=listed(**EMAIL))
    forget(client)
    (message,) = sent()
    reset(client, message["code"])
    assert sign_in(client, password=NEW)["AccessToken"]


def test_a_reset_ends_the_lockout(idp, client, ana, forget, reset, sent, sign_in):
    for _ in range(5):
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            sign_in(client, password="wrong-password")
    forget(client)
    (message,) = sent()
    reset(client, message["code"])
    assert PoolUser.objects.get().failed_passwords == 0
    assert sign_in(client, password=NEW)["AccessToken"]


def test_a_reset_leaves_sessions_and_ends_sign_ins_under_way(
    idp, client, ana, forget, reset, sent, sign_in
):
    tokens = sign_in(client)
    attempt = SrpSignIn(idp, client, "ana", PASSWORD)
    attempt.start()
    responses = attempt.responses()
    forget(client)
    (message,) = sent()
    reset(client, message["code"])
    assert idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == "ana"
    said = refused(idp, "NotAuthorizedException", attempt.respond, responses=responses)
    assert said == "Invalid session for the user."


def test_an_unknown_name_sets_nothing(idp, client, hiding, forget, reset):
    members = {"code": "123456", "name": "nobody"}
    said = refused(idp, "UserNotFoundException", reset, client=client, **members)
    assert said == "Username/client id combination not found."
    refused(idp, "ExpiredCodeException", reset, client=hiding, **members)
    forget(hiding, "nobody")
    refused(idp, "CodeMismatchException", reset, client=hiding, **members)
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1)):
        refused(idp, "ExpiredCodeException", reset, client=hiding, **members)


# Guesses


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("name", ["ana", "disabled", "nobody"])
def test_fifteen_guesses_an_hour_are_answered(
    idp, pool, hiding, ana, make_user, forget, reset, name, asked
):
    make_user(pool, "disabled", **EMAIL)
    idp.admin_disable_user(UserPoolId=pool.id, Username="disabled")
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        for _ in range(15 if asked else 0):
            refused(idp, "ExpiredCodeException", reset, client=hiding, code="x", name=name)
        if asked:
            forget(hiding, name)
        error = "CodeMismatchException" if asked else "ExpiredCodeException"
        for _ in range(15):
            refused(idp, error, reset, client=hiding, code="x", name=name)
        said = refused(idp, "LimitExceededException", reset, client=hiding, code="x", name=name)
        assert said == "Attempt limit exceeded, please try after some time."
        clock.shift(timedelta(hours=1))
        refused(idp, "ExpiredCodeException", reset, client=hiding, code="x", name=name)


def test_the_right_code_after_too_many_guesses_is_refused_until_the_hour_is_over(
    idp, client, ana, forget, reset, sent
):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        forget(client)
        for _ in range(15):
            refused(idp, "CodeMismatchException", reset, client=client, code="x")
        clock.shift(timedelta(minutes=30))
        forget(client)
        newest = sent()[-1]["code"]
        refused(idp, "LimitExceededException", reset, client=client, code=newest)
        clock.shift(timedelta(minutes=29, seconds=59))
        refused(idp, "LimitExceededException", reset, client=client, code=newest)
        clock.shift(timedelta(seconds=1))
        reset(client, newest)


def test_strangers_fill_no_table(idp, hiding, forget, reset):
    for _ in range(4):
        for name in ("nobody", "no-one"):
            forget(hiding, name)
            refused(idp, "CodeMismatchException", reset, client=hiding, code="x", name=name)
    assert GuessBucket.objects.count() == 6
    assert not Message.objects.exists()
    assert not VerificationCode.objects.exists()


# An administrator's reset


def test_an_administrators_reset_sends_a_code_and_ends_what_was_issued(
    idp, pool, client, ana, sent, sign_in, reset
):
    tokens = sign_in(client)
    answer = idp.admin_reset_user_password(UserPoolId=pool.id, Username="ana")
    assert answer.keys() == {"ResponseMetadata"}
    assert status() == "RESET_REQUIRED"
    for password in (PASSWORD, "wrong-password"):
        with pytest.raises(idp.exceptions.PasswordResetRequiredException):
            sign_in(client, password=password)
    said = refused(idp, "NotAuthorizedException", idp.get_user, AccessToken=tokens["AccessToken"])
    assert said == "Access Token has been revoked"
    (message,) = sent()
    assert (message["kind"], message["to"]) == ("reset_password", "ana@example.com")
    reset(client, message["code"])
    assert status() == "CONFIRMED"
    assert sign_in(client, password=NEW)["AccessToken"]


def test_an_administrators_reset_ends_sign_ins_under_way(idp, pool, client, ana):
    attempt = SrpSignIn(idp, client, "ana", PASSWORD)
    attempt.start()
    responses = attempt.responses()
    idp.admin_reset_user_password(UserPoolId=pool.id, Username="ana")
    said = refused(idp, "NotAuthorizedException", attempt.respond, responses=responses)
    assert said == "Invalid session for the user."


def test_an_administrators_reset_is_audited(idp, pool, ana):
    idp.admin_reset_user_password(UserPoolId=pool.id, Username="ana")
    entry = AuditEntry.objects.get(action="AdminResetUserPassword")
    assert (entry.resource, entry.before, entry.after) == (
        "ana",
        {"UserStatus": "CONFIRMED"},
        {"UserStatus": "RESET_REQUIRED"},
    )


def test_a_hiding_client_tells_of_a_reset_only_with_the_password(idp, pool, hiding, ana, sign_in):
    idp.admin_reset_user_password(UserPoolId=pool.id, Username="ana")
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        sign_in(hiding, password="wrong-password")
    with pytest.raises(idp.exceptions.PasswordResetRequiredException):
        sign_in(hiding)


@pytest.mark.parametrize("case", ["invited", "disabled", "no contact", "administrators only"])
def test_whom_an_administrator_cannot_reset_is_left_as_he_was(idp, make_pool, make_user, case):
    pool = make_pool(**(recovery("admin_only") if case == "administrators only" else {}))
    attributes = {} if case == "no contact" else EMAIL
    make_user(pool, "ana", **attributes)
    if case == "invited":
        idp.admin_set_user_password(UserPoolId=pool.id, Username="ana", Password=NEW)
    if case == "disabled":
        idp.admin_disable_user(UserPoolId=pool.id, Username="ana")
    error, message = {
        "invited": (
            "NotAuthorizedException",
            "User password cannot be reset in the current state.",
        ),
        "disabled": ("NotAuthorizedException", "User is disabled."),
        "no contact": ("InvalidParameterException", NO_CONTACT),
        "administrators only": (
            "NotAuthorizedException",
            "Contact administrator to reset password.",
        ),
    }[case]
    before = PoolUser.objects.values().get()
    said = refused(idp, error, idp.admin_reset_user_password, UserPoolId=pool.id, Username="ana")
    assert said == message
    assert PoolUser.objects.values().get() == before
    assert not Message.objects.exists()


def test_an_administrator_is_told_of_an_unknown_user(idp, pool):
    said = refused(
        idp,
        "UserNotFoundException",
        idp.admin_reset_user_password,
        UserPoolId=pool.id,
        Username="nobody",
    )
    assert said == "User does not exist."


# Confirming an account again


@pytest.fixture
def verifying(make_pool):
    return make_pool(AutoVerifiedAttributes=["email"])


def sign_up(idp, client, name="ana", **attributes):
    return idp.sign_up(
        ClientId=client.client_id,
        Username=name,
        Password=PASSWORD,
        UserAttributes=listed(**(attributes or {"email": f"{name}@example.com"})),
    )


@pytest.fixture
def resend(idp):
    def ask(client, name="ana"):
        answer = idp.resend_confirmation_code(ClientId=client.client_id, Username=name)
        return answer["CodeDeliveryDetails"]

    return ask


def test_a_resent_code_voids_the_one_before(idp, verifying, make_client, resend, sent):
    client = make_client(verifying)
    sign_up(idp, client)
    assert resend(client) == TO_EMAIL
    first, second = sent()
    assert second["kind"] == "resend_code"
    members = {"ClientId": client.client_id, "Username": "ana"}
    if first["code"] != second["code"]:
        refused(
            idp,
            "CodeMismatchException",
            idp.confirm_sign_up,
            **members,
            ConfirmationCode=first["code"],
        )
    idp.confirm_sign_up(**members, ConfirmationCode=second["code"])


def test_a_confirmed_user_gets_no_other_code(idp, verifying, make_client, make_user, resend):
    make_user(verifying, "ana", **EMAIL)
    for hides in ("LEGACY", "ENABLED"):
        client = make_client(verifying, PreventUserExistenceErrors=hides)
        said = refused(idp, "InvalidParameterException", resend, client=client)
        assert said == "User is already confirmed."


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_codes_are_not_resent_where_nothing_is_verified(idp, pool, hiding, resend, name):
    sign_up(idp, hiding)
    said = refused(idp, "NotAuthorizedException", resend, client=hiding, name=name)
    assert said == "Cannot resend codes. Auto verification not turned on."


def test_an_unknown_name_gets_no_other_code(idp, verifying, make_client, resend):
    client = make_client(verifying)
    said = refused(idp, "UserNotFoundException", resend, client=client, name="nobody")
    assert said == "Username/client id combination not found."
    hiding = make_client(verifying, PreventUserExistenceErrors="ENABLED")
    told = [resend(hiding, "nobody") for _ in range(2)]
    assert told[0] == told[1]
    assert told[0]["DeliveryMedium"] == "EMAIL"
    assert resend(hiding, "bob@example.com")["Destination"] == "b***@e***"
    assert not Message.objects.exists()


def test_a_disabled_account_gets_no_other_code(idp, verifying, make_client, resend):
    client = make_client(verifying)
    sign_up(idp, client)
    Message.objects.all().delete()
    idp.admin_disable_user(UserPoolId=verifying.id, Username="ana")
    assert refused(idp, "NotAuthorizedException", resend, client=client) == "User is disabled."
    assert resend(make_client(verifying, PreventUserExistenceErrors="ENABLED"))
    assert not Message.objects.exists()


def test_an_account_without_the_contact_gets_no_code(idp, verifying, make_client, resend):
    client = make_client(verifying)
    sign_up(idp, client, nickname="a")
    refused(idp, "InvalidParameterException", resend, client=client)
    assert resend(make_client(verifying, PreventUserExistenceErrors="ENABLED"))


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_five_codes_an_hour_may_be_resent(idp, verifying, make_client, resend, name):
    client = make_client(verifying, PreventUserExistenceErrors="ENABLED")
    sign_up(idp, client)
    for _ in range(5):
        resend(client, name)
    said = refused(idp, "LimitExceededException", resend, client=client, name=name)
    assert said == "Attempt limit exceeded, please try after some time."


def test_an_unknown_names_guesses_are_answered_as_an_accounts(idp, verifying, make_client, resend):
    client = make_client(verifying, PreventUserExistenceErrors="ENABLED")
    members = {
        "ClientId": client.client_id,
        "Username": "nobody",
        "ConfirmationCode": "123456",
    }
    refused(idp, "ExpiredCodeException", idp.confirm_sign_up, **members)
    resend(client, "nobody")
    for _ in range(15):
        refused(idp, "CodeMismatchException", idp.confirm_sign_up, **members)
    refused(idp, "TooManyFailedAttemptsException", idp.confirm_sign_up, **members)
    with time_machine.travel(timezone.now() + timedelta(hours=23)):
        refused(idp, "CodeMismatchException", idp.confirm_sign_up, **members)
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1)):
        refused(idp, "ExpiredCodeException", idp.confirm_sign_up, **members)


# What it costs


def statements(call, *args):
    with CaptureQueriesContext(connection) as captured:
        call(*args)
    return len(captured)


def test_asking_and_setting_cost_a_handful_of_statements(client, ana, forget, reset, sent):
    forget(client)
    UserPool.cached(client.pool_id)
    assert statements(forget, client) <= 7
    code = sent()[-1]["code"]
    assert statements(reset, client, code) <= 9


def test_an_administrators_reset_costs_a_handful_of_statements(
    idp, pool, client, ana, django_assert_max_num_queries
):
    UserPool.cached(pool.id)
    with django_assert_max_num_queries(9):
        idp.admin_reset_user_password(UserPoolId=pool.id, Username="ana")


# Races


@pytest.mark.django_db(transaction=True)
def test_a_code_used_in_parallel_sets_one_password(idp, client, ana, forget, reset, sent):
    forget(client)
    (message,) = sent()
    outcomes = in_parallel(20, lambda: reset(client, message["code"]))
    assert outcomes.count("done") == 1
    assert set(outcomes) <= {"done", "ExpiredCodeException", "LimitExceededException"}


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_count_one_by_one(client, ana, forget, reset, sent):
    forget(client)
    (message,) = sent()
    outcomes = in_parallel(20, lambda: reset(client, wrong(message["code"])))
    assert sorted(outcomes) == ["CodeMismatchException"] * 15 + ["LimitExceededException"] * 5
    assert VerificationCode.objects.get().tries == 15


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_at_nobodys_code_count_one_by_one(hiding, forget, reset):
    forget(hiding, "nobody")
    outcomes = in_parallel(20, lambda: reset(hiding, "123456", "nobody"))
    assert sorted(outcomes) == ["CodeMismatchException"] * 15 + ["LimitExceededException"] * 5


@pytest.mark.django_db(transaction=True)
def test_asking_and_setting_in_parallel_wait_for_each_other(client, ana, forget, reset, sent):
    forget(client)
    (message,) = sent()

    turns = iter([True, False] * 10)

    def either():
        return reset(client, message["code"]) if next(turns) else forget(client)

    outcomes = in_parallel(20, either)
    assert set(outcomes) <= {
        "done",
        "ExpiredCodeException",
        "CodeMismatchException",
        "LimitExceededException",
    }
