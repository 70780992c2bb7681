"""Second factors through boto3: enrolling, signing in, choosing, and what is refused."""

import itertools
from datetime import timedelta

import pytest
import time_machine

from tests.authenticator import STEP, code_of
from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from userpools.models import PoolUser, SignInSession, SoftwareToken, UserPool
from userpools.models.lockout import FREE_ATTEMPTS
from userpools.tokens.keys import keys_of

pytestmark = pytest.mark.django_db

SMS = {
    "SmsConfiguration": {
        "SnsCallerArn": "arn:aws:iam::000000000000:role/sms",
        "ExternalId": "ext",
    }
}
EMAIL = {"Message": "Your code is {####}", "Subject": "Code"}
ALL = {
    "SoftwareTokenMfaConfiguration": {"Enabled": True},
    "SmsMfaConfiguration": SMS,
    "EmailMfaConfiguration": EMAIL,
}
CONTACTS = {"email": "ana@example.com", "phone_number": "+4915112345678"}
USED = "Your software token has already been used once."
ON = {"Enabled": True}
PREFERRED = {"Enabled": True, "PreferredMfa": True}


@pytest.fixture
def mfa_pool(idp, make_pool):
    """Make pools with these factors; recovery is by administrators, as contacts are factors."""

    def make(mode="OPTIONAL", *names, **members):
        pool = make_pool(
            AccountRecoverySetting={"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]},
            **members,
        )
        factors = {name: ALL[name] for name in names or ALL}
        idp.set_user_pool_mfa_config(UserPoolId=pool.id, MfaConfiguration=mode, **factors)
        return UserPool.objects.get(id=pool.id)

    return make


@pytest.fixture
def both(mfa_pool, make_client, make_user):
    """A client of a pool with all factors, and its user ana with both contacts."""
    pool = mfa_pool()
    make_user(pool, "ana", **CONTACTS)
    return make_client(pool)


def begin(idp, client, name="ana"):
    return idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
    )


def answer(idp, client, issued, challenge=None, name="ana", **responses):
    return idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName=challenge or issued["ChallengeName"],
        Session=issued["Session"],
        ChallengeResponses={"USERNAME": name, **responses},
    )


def answered_wrongly(idp, error, client, issued, name="ana", **responses):
    return refused(
        idp,
        error,
        idp.respond_to_auth_challenge,
        ClientId=client.client_id,
        ChallengeName=issued["ChallengeName"],
        Session=issued["Session"],
        ChallengeResponses={"USERNAME": name, **responses},
    )


def enrol(idp, token, *, name=""):
    """Set an authenticator app up and prefer it; its first code is one of the step before."""
    seed = idp.associate_software_token(AccessToken=token)["SecretCode"]
    idp.verify_software_token(
        AccessToken=token, UserCode=code_of(seed, drift=-1), FriendlyDeviceName=name
    )
    idp.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings=PREFERRED)
    return seed


@pytest.fixture
def seed(idp, both, sign_in):
    """The secret of ana's authenticator app."""
    return enrol(idp, sign_in(both)["AccessToken"], name="phone")


def wrong_code(seed):
    right = {code_of(seed, drift=drift) for drift in range(-2, 3)}
    return next(f"{n:06d}" for n in itertools.count() if f"{n:06d}" not in right)


# Authenticator apps


def test_the_secret_is_32_bytes_in_base32(idp, both, sign_in):
    answered = idp.associate_software_token(AccessToken=sign_in(both)["AccessToken"])
    assert len(answered["SecretCode"]) == 52
    assert "Session" not in answered


def test_a_wrong_first_code_does_not_enrol(idp, both, sign_in):
    token = sign_in(both)["AccessToken"]
    seed = idp.associate_software_token(AccessToken=token)["SecretCode"]
    said = refused(
        idp,
        "EnableSoftwareTokenMFAException",
        idp.verify_software_token,
        AccessToken=token,
        UserCode=wrong_code(seed),
    )
    assert said == "Code mismatch and fail enable Software Token MFA"
    said = refused(
        idp,
        "InvalidParameterException",
        idp.set_user_mfa_preference,
        AccessToken=token,
        SoftwareTokenMfaSettings=PREFERRED,
    )
    assert said == "User has not verified software token mfa"


def test_a_pool_without_apps_says_so(idp, client, user, sign_in):
    said = refused(
        idp,
        "SoftwareTokenMFANotFoundException",
        idp.associate_software_token,
        AccessToken=sign_in(client)["AccessToken"],
    )
    assert said == "Software Token MFA has not been enabled by the userPool"


def test_exactly_one_of_token_and_session_is_taken(idp, both, sign_in):
    token = sign_in(both)["AccessToken"]
    for members in ({}, {"AccessToken": token, "Session": "x" * 20}):
        refused(idp, "InvalidParameterException", idp.associate_software_token, **members)


def test_a_code_of_the_app_signs_in(idp, both, seed):
    issued = begin(idp, both)
    assert issued["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert issued["ChallengeParameters"] == {
        "USER_ID_FOR_SRP": "ana",
        "FRIENDLY_DEVICE_NAME": "phone",
    }
    done = answer(idp, both, issued, SOFTWARE_TOKEN_MFA_CODE=code_of(seed))
    assert done["AuthenticationResult"]["AccessToken"]


def test_a_code_of_the_app_signs_in_after_srp(idp, both, seed, srp_sign_in):
    attempt = srp_sign_in(both)
    attempt.start()
    issued = attempt.respond()
    assert issued["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    done = answer(idp, both, issued, SOFTWARE_TOKEN_MFA_CODE=code_of(seed))
    assert done["AuthenticationResult"]["AccessToken"]


def test_a_wrong_code_is_counted_and_leaves_the_session_usable(idp, both, seed):
    issued = begin(idp, both)
    said = answered_wrongly(
        idp, "CodeMismatchException", both, issued, SOFTWARE_TOKEN_MFA_CODE=wrong_code(seed)
    )
    assert said == "Invalid code received for user"
    assert PoolUser.objects.get().failed_codes == 1
    assert answer(idp, both, issued, SOFTWARE_TOKEN_MFA_CODE=code_of(seed))["AuthenticationResult"]
    assert PoolUser.objects.get().failed_codes == 0


@pytest.mark.parametrize("code", ["12345", "1234567", "+12345", "abcdef", "1_2345", " 12345"])
def test_what_is_no_code_is_a_wrong_one(idp, both, seed, code):
    answered_wrongly(
        idp, "CodeMismatchException", both, begin(idp, both), SOFTWARE_TOKEN_MFA_CODE=code
    )


def test_a_code_signs_in_once(idp, both, seed):
    code = code_of(seed)
    answer(idp, both, begin(idp, both), SOFTWARE_TOKEN_MFA_CODE=code)
    again = begin(idp, both)
    said = answered_wrongly(idp, "ExpiredCodeException", both, again, SOFTWARE_TOKEN_MFA_CODE=code)
    assert said == USED
    assert answer(idp, both, again, SOFTWARE_TOKEN_MFA_CODE=code_of(seed, drift=1))


def test_the_code_that_enrolled_does_not_sign_in(idp, both, seed):
    answered_wrongly(
        idp,
        "ExpiredCodeException",
        both,
        begin(idp, both),
        SOFTWARE_TOKEN_MFA_CODE=code_of(seed, drift=-1),
    )


@pytest.mark.parametrize("drift", [-2, 2])
def test_a_clock_two_steps_off_is_refused(idp, both, seed, drift):
    with time_machine.travel(timedelta(seconds=10 * STEP), tick=False):
        code = code_of(seed, drift=drift)
        answered_wrongly(
            idp, "CodeMismatchException", both, begin(idp, both), SOFTWARE_TOKEN_MFA_CODE=code
        )


@pytest.mark.parametrize("drift", [-1, 1])
def test_a_clock_one_step_off_is_accepted(idp, both, seed, drift):
    with time_machine.travel(timedelta(seconds=10 * STEP), tick=False):
        code = code_of(seed, drift=drift)
        assert answer(idp, both, begin(idp, both), SOFTWARE_TOKEN_MFA_CODE=code)


def test_the_code_of_another_user_is_wrong(idp, both, seed, make_user, sign_in):
    make_user(both.pool, "eva")
    enrol(idp, sign_in(both, "eva")["AccessToken"])
    answered_wrongly(
        idp,
        "CodeMismatchException",
        both,
        begin(idp, both, "eva"),
        name="eva",
        SOFTWARE_TOKEN_MFA_CODE=code_of(seed),
    )


def test_a_new_app_replaces_the_old_one_only_once_it_is_verified(idp, both, seed):
    token = answer(idp, both, begin(idp, both), SOFTWARE_TOKEN_MFA_CODE=code_of(seed))
    token = token["AuthenticationResult"]["AccessToken"]
    newer = idp.associate_software_token(AccessToken=token)["SecretCode"]
    with time_machine.travel(timedelta(seconds=5 * STEP), tick=False):
        assert answer(idp, both, begin(idp, both), SOFTWARE_TOKEN_MFA_CODE=code_of(seed))
        idp.verify_software_token(AccessToken=token, UserCode=code_of(newer))
        issued = begin(idp, both)
        answered_wrongly(
            idp,
            "CodeMismatchException",
            both,
            issued,
            SOFTWARE_TOKEN_MFA_CODE=code_of(seed, drift=1),
        )
        assert answer(idp, both, issued, SOFTWARE_TOKEN_MFA_CODE=code_of(newer, drift=1))


def test_a_password_alone_reaches_no_enrolment(idp, both, seed):
    issued = begin(idp, both)
    said = refused(
        idp,
        "NotAuthorizedException",
        idp.associate_software_token,
        Session=issued["Session"],
    )
    assert said == "Invalid session for the user."


def test_a_code_costs_two_statements_more_than_a_password(
    idp, both, seed, make_user, django_assert_max_num_queries
):
    make_user(both.pool, "eva")
    keys_of(UserPool.cached(both.pool_id))
    begin(idp, both, "eva")
    with django_assert_max_num_queries(50) as alone:
        begin(idp, both, "eva")
    with django_assert_max_num_queries(len(alone) + 2):
        answer(idp, both, begin(idp, both), SOFTWARE_TOKEN_MFA_CODE=code_of(seed))


def test_an_administrator_deletes_an_app(idp, both, seed):
    idp.admin_delete_software_token(UserPoolId=both.pool_id, Username="ana")
    shown = idp.admin_get_user(UserPoolId=both.pool_id, Username="ana")
    assert "UserMFASettingList" not in shown
    assert "PreferredMfaSetting" not in shown
    assert begin(idp, both)["AuthenticationResult"]


@pytest.mark.django_db(transaction=True)
def test_a_code_used_in_parallel_signs_in_once(idp, both, seed):
    code = code_of(seed)
    attempts = iter([begin(idp, both) for _ in range(4)])
    outcomes = in_parallel(
        4, lambda: answer(idp, both, next(attempts), SOFTWARE_TOKEN_MFA_CODE=code)
    )
    assert outcomes.count("done") == 1
    assert set(outcomes) <= {"done", "ExpiredCodeException", "NotAuthorizedException"}
    assert SignInSession.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_take_no_more_than_the_free_attempts(idp, both, seed):
    issued = begin(idp, both)
    code = wrong_code(seed)
    outcomes = in_parallel(40, lambda: answer(idp, both, issued, SOFTWARE_TOKEN_MFA_CODE=code))
    # One more may come through in each second that a lock lasts.
    assert outcomes.count("CodeMismatchException") <= FREE_ATTEMPTS + 3
    assert "NotAuthorizedException" in outcomes
    assert "done" not in outcomes


# Codes that are sent


SENT = {
    "SMS_MFA": ("SMSMfaSettings", "SMS_MFA_CODE", "phone_number"),
    "EMAIL_OTP": ("EmailMfaSettings", "EMAIL_OTP_CODE", "email"),
}


@pytest.fixture(params=SENT)
def by_message(request, idp, both):
    """Ana's sign-in by a code that is sent: client, name of the response, and contact."""
    member, response, contact = SENT[request.param]
    idp.admin_set_user_mfa_preference(
        UserPoolId=both.pool_id, Username="ana", **{member: PREFERRED}
    )
    return both, response, contact


def test_a_code_that_was_sent_signs_in_and_verifies_its_contact(idp, by_message, sent):
    client, response, contact = by_message
    issued = begin(idp, client)
    (message,) = sent()
    assert message["to"] == CONTACTS[contact]
    parameters = issued["ChallengeParameters"]
    assert parameters["USER_ID_FOR_SRP"] == "ana"
    assert parameters["CODE_DELIVERY_DELIVERY_MEDIUM"] in {"SMS", "EMAIL"}
    assert CONTACTS[contact] not in str(parameters)
    assert answer(idp, client, issued, **{response: message["code"]})["AuthenticationResult"]
    assert PoolUser.objects.get().attributes[f"{contact}_verified"] == "true"


def test_a_wrong_code_that_was_not_sent_is_counted(idp, by_message, sent):
    client, response, _ = by_message
    issued = begin(idp, client)
    (message,) = sent()
    wrong = f"{(int(message['code']) + 1) % 10**6:06d}"
    said = answered_wrongly(idp, "CodeMismatchException", client, issued, **{response: wrong})
    assert said == "Invalid code or auth state for the user."
    assert PoolUser.objects.get().failed_codes == 1
    assert answer(idp, client, issued, **{response: message["code"]})["AuthenticationResult"]


def test_the_code_of_another_attempt_is_wrong(idp, by_message, sent):
    client, response, _ = by_message
    begin(idp, client)
    (message,) = sent()
    other = begin(idp, client)
    answered_wrongly(idp, "CodeMismatchException", client, other, **{response: message["code"]})


def test_a_code_is_used_once(idp, by_message, sent):
    client, response, _ = by_message
    issued = begin(idp, client)
    (message,) = sent()
    answer(idp, client, issued, **{response: message["code"]})
    said = answered_wrongly(
        idp, "NotAuthorizedException", client, issued, **{response: message["code"]}
    )
    assert said == "Invalid session for the user, session can only be used once."
    assert SignInSession.objects.count() == 1


def test_a_code_dies_with_its_session(idp, by_message, sent):
    client, response, _ = by_message
    issued = begin(idp, client)
    (message,) = sent()
    with time_machine.travel(timedelta(minutes=4)):
        said = answered_wrongly(
            idp, "NotAuthorizedException", client, issued, **{response: message["code"]}
        )
    assert said == "Invalid session for the user, session is expired."


def test_a_code_is_void_once_its_contact_changed(idp, by_message, sent):
    client, response, contact = by_message
    issued = begin(idp, client)
    (message,) = sent()
    newer = {"email": "new@example.com", "phone_number": "+4915100000000"}[contact]
    idp.admin_update_user_attributes(
        UserPoolId=client.pool_id,
        Username="ana",
        UserAttributes=[{"Name": contact, "Value": newer}],
    )
    answered_wrongly(idp, "ExpiredCodeException", client, issued, **{response: message["code"]})


def test_a_code_by_email_may_come_under_its_other_name(idp, both, sent):
    idp.admin_set_user_mfa_preference(
        UserPoolId=both.pool_id, Username="ana", EmailMfaSettings=PREFERRED
    )
    issued = begin(idp, both)
    assert answer(idp, both, issued, EMAIL_MFA_CODE=sent()[0]["code"])["AuthenticationResult"]


# Choosing


@pytest.fixture
def choosing(idp, both):
    """The client of ana, who has both kinds of sent codes on and none preferred."""
    idp.admin_set_user_mfa_preference(
        UserPoolId=both.pool_id, Username="ana", SMSMfaSettings=ON, EmailMfaSettings=ON
    )
    return both


def test_with_several_factors_the_user_chooses(idp, choosing, sent):
    issued = begin(idp, choosing)
    assert issued["ChallengeName"] == "SELECT_MFA_TYPE"
    assert issued["ChallengeParameters"] == {
        "MFAS_CAN_CHOOSE": '["SMS_MFA", "EMAIL_OTP"]',
        "USER_ID_FOR_SRP": "ana",
    }
    assert not sent()
    chosen = answer(idp, choosing, issued, ANSWER="EMAIL_OTP")
    assert chosen["ChallengeName"] == "EMAIL_OTP"
    (message,) = sent()
    done = answer(idp, choosing, chosen, EMAIL_OTP_CODE=message["code"])
    assert done["AuthenticationResult"]


@pytest.mark.parametrize("choice", ["SOFTWARE_TOKEN_MFA", "CUSTOM_CHALLENGE", "sms"])
def test_only_what_is_offered_can_be_chosen(idp, choosing, choice):
    issued = begin(idp, choosing)
    answered_wrongly(idp, "InvalidParameterException", choosing, issued, ANSWER=choice)


def test_a_choice_that_is_sent_again_sends_no_second_message(idp, choosing, sent):
    issued = begin(idp, choosing)
    answer(idp, choosing, issued, ANSWER="SMS_MFA")
    for again in ("SMS_MFA", "EMAIL_OTP"):
        said = answered_wrongly(idp, "NotAuthorizedException", choosing, issued, ANSWER=again)
        assert said == "Invalid session for the user, session can only be used once."
    assert len(sent()) == 1


# Setting up


@pytest.fixture
def demanding(mfa_pool, make_client, make_user):
    """A client of a pool that demands a factor, and its user ana without contacts."""
    pool = mfa_pool("ON")
    make_user(pool, "ana")
    return make_client(pool)


def test_an_app_is_set_up_at_the_first_sign_in(idp, demanding):
    issued = begin(idp, demanding)
    assert issued["ChallengeName"] == "MFA_SETUP"
    offered = issued["ChallengeParameters"]["MFAS_CAN_SETUP"]
    assert "SOFTWARE_TOKEN_MFA" in offered
    shown = idp.associate_software_token(Session=issued["Session"])
    proved = idp.verify_software_token(
        Session=shown["Session"], UserCode=code_of(shown["SecretCode"])
    )
    assert proved["Status"] == "SUCCESS"
    done = answer(idp, demanding, proved, "MFA_SETUP")
    assert done["AuthenticationResult"]["AccessToken"]
    user = idp.admin_get_user(UserPoolId=demanding.pool_id, Username="ana")
    assert user["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]
    assert begin(idp, demanding)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_setting_up_is_not_passed_without_a_proof(idp, demanding):
    issued = begin(idp, demanding)
    shown = idp.associate_software_token(Session=issued["Session"])
    for session in (issued, shown):
        refused(
            idp,
            "NotAuthorizedException",
            idp.respond_to_auth_challenge,
            ClientId=demanding.client_id,
            ChallengeName="MFA_SETUP",
            Session=session["Session"],
            ChallengeResponses={"USERNAME": "ana"},
        )


def test_an_older_session_replaces_no_app_that_was_set_up_since(idp, demanding):
    older = begin(idp, demanding)
    shown = idp.associate_software_token(Session=begin(idp, demanding)["Session"])
    idp.verify_software_token(Session=shown["Session"], UserCode=code_of(shown["SecretCode"]))
    refused(idp, "NotAuthorizedException", idp.associate_software_token, Session=older["Session"])


def test_an_address_is_set_up_and_proved_by_its_code(idp, demanding, sent):
    issued = begin(idp, demanding)
    code = answer(idp, demanding, issued, EMAIL="ana@example.com")
    assert code["ChallengeName"] == "EMAIL_OTP"
    assert PoolUser.objects.get().attributes["email_verified"] == "false"
    (message,) = sent()
    assert answer(idp, demanding, code, EMAIL_OTP_CODE=message["code"])["AuthenticationResult"]
    assert PoolUser.objects.get().attributes["email_verified"] == "true"
    assert begin(idp, demanding)["ChallengeName"] == "EMAIL_OTP"


def test_a_factor_is_due_after_a_new_password(idp, demanding):
    idp.admin_set_user_password(
        UserPoolId=demanding.pool_id, Username="ana", Password=PASSWORD, Permanent=False
    )
    issued = begin(idp, demanding)
    assert issued["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    after = answer(idp, demanding, issued, NEW_PASSWORD="Battery-Staple-7")
    assert after["ChallengeName"] == "MFA_SETUP"


def test_a_session_of_another_client_is_refused(idp, demanding, make_client):
    issued = begin(idp, demanding)
    said = answered_wrongly(
        idp, "NotAuthorizedException", make_client(demanding.pool), issued, EMAIL="a@example.com"
    )
    assert said == "Invalid session for the user."


# Preferences


def test_factors_are_shown_to_the_user_and_to_administrators(idp, both, seed):
    done = answer(idp, both, begin(idp, both), SOFTWARE_TOKEN_MFA_CODE=code_of(seed))
    token = done["AuthenticationResult"]["AccessToken"]
    idp.set_user_mfa_preference(AccessToken=token, SMSMfaSettings=ON)
    for shown in (
        idp.get_user(AccessToken=token),
        idp.admin_get_user(UserPoolId=both.pool_id, Username="ana"),
    ):
        assert shown["UserMFASettingList"] == ["SMS_MFA", "SOFTWARE_TOKEN_MFA"]
        assert shown["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"
        assert shown["MFAOptions"] == [{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]


@pytest.mark.parametrize(
    "members",
    [
        {"SMSMfaSettings": PREFERRED, "EmailMfaSettings": PREFERRED},
        {"SMSMfaSettings": {"Enabled": False, "PreferredMfa": True}},
        {"SoftwareTokenMfaSettings": ON},
        {"WebAuthnMfaSettings": ON},
    ],
)
def test_preferences_that_cannot_be_are_refused(idp, both, members):
    refused(
        idp,
        "InvalidParameterException",
        idp.admin_set_user_mfa_preference,
        UserPoolId=both.pool_id,
        Username="ana",
        **members,
    )
    assert PoolUser.objects.get().mfa_methods == ""


def test_sms_needs_a_phone_number(idp, mfa_pool, make_user):
    pool = mfa_pool()
    make_user(pool, "ana")
    said = refused(
        idp,
        "InvalidParameterException",
        idp.admin_set_user_mfa_preference,
        UserPoolId=pool.id,
        Username="ana",
        SMSMfaSettings=ON,
    )
    assert said == "User does not have delivery config set to turn on SMS_MFA"


def test_turning_the_preferred_factor_off_prefers_none(idp, both):
    named = {"UserPoolId": both.pool_id, "Username": "ana"}
    idp.admin_set_user_mfa_preference(**named, SMSMfaSettings=PREFERRED, EmailMfaSettings=ON)
    idp.admin_set_user_mfa_preference(**named, SMSMfaSettings={"Enabled": False})
    shown = idp.admin_get_user(**named)
    assert shown["UserMFASettingList"] == ["EMAIL_OTP"]
    assert "PreferredMfaSetting" not in shown


def test_the_older_settings_turn_sms_on_and_off(idp, both, sign_in):
    token = sign_in(both)["AccessToken"]
    options = [{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]
    idp.set_user_settings(AccessToken=token, MFAOptions=options)
    assert begin(idp, both)["ChallengeName"] == "SMS_MFA"
    idp.admin_set_user_settings(UserPoolId=both.pool_id, Username="ana", MFAOptions=[])
    assert begin(idp, both)["AuthenticationResult"]


def test_users_cannot_turn_off_what_the_pool_demands(idp, demanding):
    shown = idp.associate_software_token(Session=begin(idp, demanding)["Session"])
    proved = idp.verify_software_token(
        Session=shown["Session"], UserCode=code_of(shown["SecretCode"])
    )
    done = answer(idp, demanding, proved, "MFA_SETUP")["AuthenticationResult"]
    refused(
        idp,
        "InvalidParameterException",
        idp.set_user_mfa_preference,
        AccessToken=done["AccessToken"],
        SoftwareTokenMfaSettings={"Enabled": False},
    )


@pytest.mark.django_db(transaction=True)
def test_a_choice_made_in_parallel_sends_one_message(idp, choosing, sent):
    issued = begin(idp, choosing)
    outcomes = in_parallel(8, lambda: answer(idp, choosing, issued, ANSWER="SMS_MFA"))
    assert outcomes.count("done") == 1
    assert set(outcomes) == {"done", "NotAuthorizedException"}
    assert len(sent()) == 1


def test_a_sign_in_that_no_factor_can_end_is_refused(idp, make_pool, make_client, make_user, sent):
    recovery = {"RecoveryMechanisms": [{"Name": "verified_phone_number", "Priority": 1}]}
    pool = make_pool(AccountRecoverySetting=recovery)
    idp.set_user_pool_mfa_config(UserPoolId=pool.id, MfaConfiguration="ON", SmsMfaConfiguration=SMS)
    make_user(pool, "ana", phone_number=CONTACTS["phone_number"])
    client = make_client(UserPool.objects.get(id=pool.id))
    refused(
        idp,
        "InvalidParameterException",
        idp.initiate_auth,
        ClientId=client.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ana", "PASSWORD": PASSWORD},
    )
    assert not SignInSession.objects.exists()
    assert not sent()


def test_a_password_is_not_reset_by_what_brings_the_second_factor(
    idp, make_pool, make_client, make_user
):
    names = ("verified_email", "verified_phone_number")
    recovery = [{"Name": name, "Priority": n} for n, name in enumerate(names, 1)]
    pool = make_pool(AccountRecoverySetting={"RecoveryMechanisms": recovery})
    idp.set_user_pool_mfa_config(UserPoolId=pool.id, MfaConfiguration="OPTIONAL", **ALL)
    make_user(pool, "ana", **CONTACTS, email_verified="true", phone_number_verified="true")
    client = make_client(UserPool.objects.get(id=pool.id))
    mediums = []
    for settings in ({"Enabled": False}, PREFERRED):
        idp.admin_set_user_mfa_preference(
            UserPoolId=pool.id, Username="ana", EmailMfaSettings=settings
        )
        answered = idp.forgot_password(ClientId=client.client_id, Username="ana")
        mediums.append(answered["CodeDeliveryDetails"]["DeliveryMedium"])
    assert mediums == ["EMAIL", "SMS"]


def test_a_user_is_deleted_along_with_the_app(idp, both, seed):
    idp.admin_delete_user(UserPoolId=both.pool_id, Username="ana")
    assert not PoolUser.objects.exists()
    assert not SoftwareToken.objects.exists()
