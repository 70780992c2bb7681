"""Codes in place of passwords, through boto3: sent, guessed, used, and pretended."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from botocore.exceptions import ClientError
from django.db import connection
from django.utils import timezone

from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from tests.userpools.auth.choice import (
    CODE,
    EMAIL,
    INVALID,
    PHONE,
    USED,
    answer,
    answered_wrongly,
    begin,
    begun_wrongly,
    read_before,
    without_password,
)
from userpools.auth import sign_up_session
from userpools.auth.challenges.one_time_codes import TRIES
from userpools.auth.secret_hash import secret_hash
from userpools.limits import GUARDS, Guard
from userpools.models import (
    AuthEvent,
    GuessBucket,
    PoolUser,
    SignInSession,
    VerificationCode,
)
from userpools.models.lockout import FREE_ATTEMPTS

pytestmark = pytest.mark.django_db

MISMATCH = "Invalid code or auth state for the user."
LOCKED = "Password attempts exceeded"
CONTACT = {"EMAIL_OTP": "email", "SMS_OTP": "phone_number"}
SHOWN = {"EMAIL_OTP": ("EMAIL", "a***@e***"), "SMS_OTP": ("SMS", "+*********5678")}


@pytest.fixture(params=CODE)
def factor(request):
    """EMAIL_OTP and SMS_OTP."""
    return request.param


@pytest.fixture
def issued(idp, app, factor):
    """Ana's sign-in, whose code is on its way."""
    return begin(idp, app, PREFERRED_CHALLENGE=factor)


@pytest.fixture
def code(issued, sent):
    (message,) = sent()
    return message["code"]


def other_than(code):
    return f"{(int(code) + 1) % 10**8:08d}"


# Wrong, missing, expired, used twice, someone else's


def test_a_wrong_code_is_counted_and_leaves_the_session_usable(idp, app, factor, issued, code):
    given = {CODE[factor]: other_than(code)}
    assert answered_wrongly(idp, "CodeMismatchException", app, issued, **given) == MISMATCH
    assert VerificationCode.objects.get().tries == 1
    # What strangers may guess at counts for nothing else.
    user = PoolUser.objects.get()
    assert (user.failed_codes, user.failed_passwords) == (0, 0)
    assert answer(idp, app, issued, **{CODE[factor]: code})["AuthenticationResult"]


@pytest.mark.parametrize("guess", ["1", "1234567", "123456789", "abcdefgh", "\uff11" * 8, " "])
def test_what_is_no_code_is_a_wrong_one(idp, app, factor, issued, guess):
    answered_wrongly(idp, "CodeMismatchException", app, issued, **{CODE[factor]: guess})


@pytest.mark.parametrize("given", [{}, {"EMAIL_OTP_CODE": "", "SMS_OTP_CODE": ""}])
def test_a_code_is_needed(idp, app, factor, issued, given):
    said = answered_wrongly(idp, "InvalidParameterException", app, issued, **given)
    assert said == f"Missing required parameter {CODE[factor]}"
    assert VerificationCode.objects.get().tries == 0


def test_a_code_dies_with_its_session(idp, app, factor, issued, code):
    with time_machine.travel(timedelta(minutes=4)):
        said = answered_wrongly(idp, "NotAuthorizedException", app, issued, **{CODE[factor]: code})
    assert said == "Invalid session for the user, session is expired."


def test_a_code_lives_as_long_as_its_session(idp, choosing, make_user, sent):
    client = choosing(AuthSessionValidity=15)
    make_user(client.pool, "ana", **EMAIL)
    issued = begin(idp, client, PREFERRED_CHALLENGE="EMAIL_OTP")
    (message,) = sent()
    with time_machine.travel(timedelta(minutes=14)):
        assert answer(idp, client, issued, EMAIL_OTP_CODE=message["code"])["AuthenticationResult"]


def test_a_code_is_used_once(idp, app, factor, issued, code):
    given = {CODE[factor]: code}
    answer(idp, app, issued, **given)
    said = answered_wrongly(idp, "NotAuthorizedException", app, issued, **given)
    assert said == "Invalid session for the user, session can only be used once."
    assert SignInSession.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_code_used_in_parallel_signs_in_once(idp, app, factor, issued, code):
    outcomes = in_parallel(4, lambda: answer(idp, app, issued, **{CODE[factor]: code}))
    assert outcomes.count("done") == 1
    assert set(outcomes) <= {"done", "ExpiredCodeException", "NotAuthorizedException"}
    assert SignInSession.objects.count() == 1


def test_the_code_of_another_sign_in_is_wrong(idp, app, factor, code):
    other = begin(idp, app, PREFERRED_CHALLENGE=factor)
    answered_wrongly(idp, "CodeMismatchException", app, other, **{CODE[factor]: code})


def test_the_code_of_another_user_is_wrong(idp, app, factor, code, make_user):
    make_user(app.pool, "eva", email="eva@example.com", phone_number="+4915100000000")
    other = begin(idp, app, "eva", PREFERRED_CHALLENGE=factor)
    given = {CODE[factor]: code}
    answered_wrongly(idp, "CodeMismatchException", app, other, name="eva", **given)


def test_a_code_is_void_once_its_contact_changed(idp, app, factor, issued, code):
    newer = {"email": "new@example.com", "phone_number": "+4915100000000"}[CONTACT[factor]]
    idp.admin_update_user_attributes(
        UserPoolId=app.pool_id,
        Username="ana",
        UserAttributes=[{"Name": CONTACT[factor], "Value": newer}],
    )
    answered_wrongly(idp, "ExpiredCodeException", app, issued, **{CODE[factor]: code})
    assert not SignInSession.objects.exists()


@pytest.mark.parametrize("end", ["disabled", "signed out", "password reset"])
def test_a_code_dies_with_what_its_user_was(idp, app, factor, issued, code, end):
    named = {"UserPoolId": app.pool_id, "Username": "ana"}
    if end == "disabled":
        idp.admin_disable_user(**named)
    elif end == "signed out":
        idp.admin_user_global_sign_out(**named)
    else:
        idp.admin_set_user_password(**named, Password="Battery-Staple-7", Permanent=True)
    given = {CODE[factor]: code}
    assert answered_wrongly(idp, "NotAuthorizedException", app, issued, **given) == INVALID


def test_a_code_that_was_not_sent_is_wrong(idp, app, factor):
    issued = begin(idp, app)
    for _ in range(TRIES + 1):
        said = answered_wrongly(
            idp, "CodeMismatchException", app, issued, factor, **{CODE[factor]: "12345678"}
        )
        assert said == MISMATCH
    # There was nothing to guess: nothing is kept of it.
    assert not AuthEvent.objects.exists()


def test_after_the_last_try_the_right_code_is_refused_too(idp, app, factor, issued, code, sent):
    for _ in range(TRIES):
        answered_wrongly(
            idp, "CodeMismatchException", app, issued, **{CODE[factor]: other_than(code)}
        )
    said = answered_wrongly(idp, "NotAuthorizedException", app, issued, **{CODE[factor]: code})
    assert said == LOCKED
    assert AuthEvent.objects.count() == TRIES
    # Another code still signs in.
    again = begin(idp, app, PREFERRED_CHALLENGE=factor)
    (newest,) = [message for message in sent() if message["code"] != code]
    assert answer(idp, app, again, **{CODE[factor]: newest["code"]})["AuthenticationResult"]


def in_a_crowd(count, call):
    """Make a call so many times, forty at once; count the errors' codes."""
    ready = threading.Barrier(min(count, 40), timeout=30)
    outcomes = Counter()

    def run(number):
        if number < ready.parties:
            ready.wait()
        try:
            call()
            return "done"
        except ClientError as exc:
            return exc.response["Error"]["Code"]

    def leave():
        connection.close()

    with ThreadPoolExecutor(ready.parties) as crowd:
        outcomes.update(crowd.map(run, range(count)))
        gone = threading.Barrier(ready.parties, timeout=30)
        list(crowd.map(lambda _: (gone.wait(), leave()), range(ready.parties)))
    return outcomes


GUESSES = 200


@pytest.mark.django_db(transaction=True)
def test_200_parallel_guesses_at_a_first_factor_take_five_tries(idp, app, factor, issued, code):
    """A code of 8 digits has five tries, however many come at once."""
    given = {CODE[factor]: other_than(code)}
    outcomes = in_a_crowd(GUESSES, lambda: answer(idp, app, issued, **given))
    assert outcomes == {
        "CodeMismatchException": TRIES,
        "NotAuthorizedException": GUESSES - TRIES,
    }
    assert VerificationCode.objects.get().tries == TRIES


@pytest.mark.django_db(transaction=True)
def test_200_parallel_guesses_at_a_second_factor_take_five_tries(
    idp, app, factor, make_client, sent
):
    """So has a code after the password, and then the lock of the user's."""
    sms = {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}}
    idp.set_user_pool_mfa_config(
        UserPoolId=app.pool_id,
        MfaConfiguration="OPTIONAL",
        EmailMfaConfiguration={},
        SmsMfaConfiguration=sms,
    )
    member = {"EMAIL_OTP": "EmailMfaSettings", "SMS_OTP": "SMSMfaSettings"}[factor]
    idp.admin_set_user_mfa_preference(
        UserPoolId=app.pool_id, Username="ana", **{member: {"Enabled": True}}
    )
    with time_machine.travel(timezone.now(), tick=False):
        issued = begin(idp, app, PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)
        response = {"EMAIL_OTP": "EMAIL_OTP_CODE", "SMS_MFA": "SMS_MFA_CODE"}[
            issued["ChallengeName"]
        ]
        (message,) = sent()
        wrong = f"{(int(message['code']) + 1) % 10**6:06d}"
        outcomes = in_a_crowd(GUESSES, lambda: answer(idp, app, issued, **{response: wrong}))
    assert outcomes == {
        "CodeMismatchException": FREE_ATTEMPTS,
        "NotAuthorizedException": GUESSES - FREE_ATTEMPTS,
    }
    assert PoolUser.objects.get().failed_codes == FREE_ATTEMPTS


def test_codes_that_are_sent_to_a_user_are_counted(idp, app, sent):
    allowed = GUARDS[Guard.SIGN_IN_CODE].times
    for _ in range(allowed):
        begin(idp, app, PREFERRED_CHALLENGE="EMAIL_OTP")
    begun_wrongly(idp, "TooManyRequestsException", app, PREFERRED_CHALLENGE="SMS_OTP")
    assert len(sent()) == allowed
    # Only codes are: the password goes on.
    issued = begin(idp, app, PREFERRED_CHALLENGE="PASSWORD", PASSWORD=PASSWORD)
    assert issued["AuthenticationResult"]


# The right code


@pytest.mark.parametrize("way", ["preferred", "chosen", "direct"])
def test_a_code_signs_in(idp, app, factor, sent, way):
    preferred = {"PREFERRED_CHALLENGE": factor} if way == "preferred" else {}
    issued = first = begin(idp, app, **preferred)
    if way != "preferred":
        issued = answer(idp, app, issued, ANSWER=factor)
    medium, destination = SHOWN[factor]
    assert issued["ChallengeName"] == factor
    assert issued["ChallengeParameters"] == {
        "CODE_DELIVERY_DELIVERY_MEDIUM": medium,
        "CODE_DELIVERY_DESTINATION": destination,
        "USER_ID_FOR_SRP": "ana",
    }
    assert issued["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"]
    (message,) = sent()
    assert message["to"] == {**EMAIL, **PHONE}[CONTACT[factor]]
    assert len(message["code"]) == 8
    # Directly: the session of the choice is answered with what the choice had sent.
    answered = first if way == "direct" else issued
    done = answer(idp, app, answered, factor, **{CODE[factor]: message["code"]})
    assert done["AuthenticationResult"]["RefreshToken"]
    assert "AvailableChallenges" not in done
    event = AuthEvent.objects.get()
    assert (event.outcome, event.flow) == ("Pass", "USER_AUTH")


def test_a_code_verifies_its_contact(idp, app, factor, issued, code):
    flag = f"{CONTACT[factor]}_verified"
    assert PoolUser.objects.get().attributes.get(flag) != "true"
    answer(idp, app, issued, **{CODE[factor]: code})
    attributes = PoolUser.objects.get().attributes
    assert attributes[flag] == "true"
    assert [name for name, value in attributes.items() if value == "true"] == [flag]


def test_a_code_by_email_may_come_under_its_other_name(idp, app, sent):
    issued = begin(idp, app, PREFERRED_CHALLENGE="EMAIL_OTP")
    done = answer(idp, app, issued, EMAIL_MFA_CODE=sent()[0]["code"])
    assert done["AuthenticationResult"]


def test_a_user_without_a_password_signs_in_by_a_code(idp, app, factor, sent):
    without_password(app)
    issued = begin(idp, app, PREFERRED_CHALLENGE=factor)
    assert issued["AvailableChallenges"] == ["EMAIL_OTP", "SMS_OTP"]
    assert answer(idp, app, issued, **{CODE[factor]: sent()[0]["code"]})["AuthenticationResult"]


def test_a_user_that_was_created_without_a_password_signs_in_by_a_code(idp, choosing, sent):
    client = choosing("PASSWORD", "EMAIL_OTP")
    idp.admin_create_user(
        UserPoolId=client.pool_id,
        Username="ana",
        UserAttributes=[
            {"Name": "email", "Value": "ana@example.com"},
            {"Name": "email_verified", "Value": "true"},
        ],
    )
    issued = begin(idp, client, PREFERRED_CHALLENGE="EMAIL_OTP")
    assert (issued["ChallengeName"], issued["AvailableChallenges"]) == ("EMAIL_OTP", ["EMAIL_OTP"])
    done = answer(idp, client, issued, EMAIL_OTP_CODE=sent()[0]["code"])
    assert done["AuthenticationResult"]


def test_a_code_confirms_an_account(idp, app, factor, issued, code):
    PoolUser.objects.update(status="UNCONFIRMED")
    answer(idp, app, issued, **{CODE[factor]: code})
    assert PoolUser.objects.get().status == "CONFIRMED"


def test_an_account_that_a_code_confirms_takes_no_address_from_another(
    idp, choosing, make_user, sent
):
    client = choosing("PASSWORD", "EMAIL_OTP", pool_members={"AliasAttributes": ["email"]})
    make_user(client.pool, "eva", email="ana@example.com", email_verified="true")
    make_user(client.pool, "ana", **EMAIL)
    PoolUser.objects.filter(username="ana").update(status="UNCONFIRMED")
    issued = begin(idp, client, PREFERRED_CHALLENGE="EMAIL_OTP")
    given = {"EMAIL_OTP_CODE": sent()[0]["code"]}
    answered_wrongly(idp, "AliasExistsException", client, issued, **given)
    assert PoolUser.objects.get(username="ana").status == "UNCONFIRMED"
    assert PoolUser.objects.get(username="eva").attributes["email_verified"] == "true"
    assert not SignInSession.objects.exists()


def test_what_cannot_be_sent_is_told(idp, app, settings):
    settings.EMAIL_BACKEND = "userpools.messaging.email.NoEmail"
    begun_wrongly(
        idp, "InvalidEmailRoleAccessPolicyException", app, PREFERRED_CHALLENGE="EMAIL_OTP"
    )
    assert not VerificationCode.objects.exists()


# Right after sign-up


@pytest.fixture
def verifying(choosing):
    return choosing("PASSWORD", "EMAIL_OTP", pool_members={"AutoVerifiedAttributes": ["email"]})


@pytest.fixture
def signed_up(idp, sent):
    """Sign up, confirm, and return the Session that leads on; the confirmation code too."""

    def sign_up(client, name="ana", **members):
        begun = idp.sign_up(
            ClientId=client.client_id,
            Username=name,
            UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}],
            **members,
        )
        code = sent()[-1]["code"]
        done = idp.confirm_sign_up(
            ClientId=client.client_id,
            Username=name,
            ConfirmationCode=code,
            Session=begun["Session"],
        )
        return begun["Session"], done["Session"]

    return sign_up


def go_on(idp, client, session, **parameters):
    return idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_AUTH",
        Session=session,
        AuthParameters=parameters,
    )


def went_on_wrongly(idp, error, client, session, **parameters):
    return refused(
        idp,
        error,
        idp.initiate_auth,
        ClientId=client.client_id,
        AuthFlow="USER_AUTH",
        Session=session,
        AuthParameters=parameters,
    )


@pytest.mark.parametrize("members", [{}, {"Password": PASSWORD}])
def test_whoever_has_just_confirmed_is_signed_in(idp, verifying, signed_up, sent, members):
    _, session = signed_up(verifying, **members)
    done = go_on(idp, verifying, session, USERNAME="ana")
    tokens = done["AuthenticationResult"]
    assert idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == "ana"
    assert len(sent()) == 1
    event = AuthEvent.objects.get(event_type="SignIn")
    assert (event.outcome, event.flow) == ("Pass", "USER_AUTH")


def test_the_parameters_count_for_nothing_then(idp, verifying, signed_up):
    _, session = signed_up(verifying)
    assert go_on(idp, verifying, session, USERNAME="nobody")["AuthenticationResult"]


def test_an_application_server_goes_on_too(idp, verifying, signed_up):
    _, session = signed_up(verifying)
    done = idp.admin_initiate_auth(
        UserPoolId=verifying.pool_id,
        ClientId=verifying.client_id,
        AuthFlow="USER_AUTH",
        Session=session,
    )
    assert done["AuthenticationResult"]


def test_the_session_of_sign_up_signs_in_once(idp, verifying, signed_up):
    _, session = signed_up(verifying)
    go_on(idp, verifying, session)
    assert went_on_wrongly(idp, "NotAuthorizedException", verifying, session) == USED
    assert SignInSession.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_session_of_sign_up_signs_in_once_in_parallel(idp, verifying, signed_up):
    _, session = signed_up(verifying)
    outcomes = in_parallel(4, lambda: go_on(idp, verifying, session))
    assert sorted(outcomes) == ["NotAuthorizedException"] * 3 + ["done"]


def test_only_a_session_whose_code_came_back_signs_in(idp, verifying, signed_up, choosing):
    unproved, _ = signed_up(verifying)
    user = PoolUser.objects.get()
    of_another_client = sign_up_session.confirmed(
        choosing(),
        sign_up_session.unseal(unproved, client=verifying),
        user,
        sign_up_session.Medium.EMAIL,
    )
    of_a_choice = begin(idp, verifying)["Session"]
    for session in (unproved, of_another_client, of_a_choice, "x" * 20):
        assert went_on_wrongly(idp, "NotAuthorizedException", verifying, session) == INVALID
    assert not SignInSession.objects.exists()


def test_the_session_of_sign_up_expires(idp, verifying, signed_up):
    _, session = signed_up(verifying)
    with time_machine.travel(timedelta(minutes=4)):
        said = went_on_wrongly(idp, "NotAuthorizedException", verifying, session)
    assert said == "Invalid session for the user, session is expired."


@pytest.mark.parametrize("end", ["disabled", "deleted"])
def test_the_session_of_sign_up_dies_with_its_user(idp, verifying, signed_up, end):
    _, session = signed_up(verifying)
    named = {"UserPoolId": verifying.pool_id, "Username": "ana"}
    if end == "disabled":
        idp.admin_disable_user(**named)
    else:
        idp.admin_delete_user(**named)
    assert went_on_wrongly(idp, "NotAuthorizedException", verifying, session) == INVALID


def test_the_session_of_a_client_with_a_secret_is_not_enough(idp, choosing, signed_up, sent):
    client = choosing(
        "PASSWORD",
        "EMAIL_OTP",
        pool_members={"AutoVerifiedAttributes": ["email"]},
        GenerateSecret=True,
    )
    proof = secret_hash(client.secret_values[0], "ana", client.client_id)
    begun = idp.sign_up(
        ClientId=client.client_id,
        Username="ana",
        SecretHash=proof,
        UserAttributes=[{"Name": "email", "Value": "ana@example.com"}],
    )
    session = idp.confirm_sign_up(
        ClientId=client.client_id,
        Username="ana",
        SecretHash=proof,
        ConfirmationCode=sent()[0]["code"],
        Session=begun["Session"],
    )["Session"]
    went_on_wrongly(idp, "NotAuthorizedException", client, session, USERNAME="ana")
    done = go_on(idp, client, session, USERNAME="ana", SECRET_HASH=proof)
    assert done["AuthenticationResult"]


@pytest.mark.parametrize("why", ["not allowed", "another contact"])
def test_whoever_may_not_begin_with_a_code_begins_as_always(
    idp, choosing, signed_up, why, verifying
):
    client = verifying
    if why == "not allowed":
        client = choosing("PASSWORD", pool_members={"AutoVerifiedAttributes": ["email"]})
    _, session = signed_up(client, Password=PASSWORD)
    if why == "another contact":
        idp.admin_update_user_attributes(
            UserPoolId=client.pool_id,
            Username="ana",
            UserAttributes=[{"Name": "email", "Value": "new@example.com"}],
        )
    issued = go_on(idp, client, session, USERNAME="ana")
    assert issued["ChallengeName"] == "SELECT_CHALLENGE"


# Clients that hide who exists


@pytest.fixture
def hiding(choosing, make_user):
    """A hiding client whose pool has ana, with both contacts, and dis, who is disabled."""
    client = choosing(PreventUserExistenceErrors="ENABLED")
    for name in ("ana", "dis"):
        make_user(client.pool, name, **EMAIL, phone_number="+4915112345678")
    PoolUser.objects.filter(username="dis").update(enabled=False)
    return client


def test_nobodys_challenges_are_plausible_and_stable(idp, hiding, factor, sent):
    name = {"EMAIL_OTP": "nobody@example.org", "SMS_OTP": "+4915199999999"}[factor]
    issued = begin(idp, hiding, name, PREFERRED_CHALLENGE=factor)
    assert issued["ChallengeName"] == factor
    assert issued["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"] in {
        "n***@e***",
        "+*********9999",
    }
    for again in range(2):
        chosen = begin(idp, hiding, name)
        assert chosen["ChallengeName"] == "SELECT_CHALLENGE", again
        assert chosen["AvailableChallenges"] == issued["AvailableChallenges"]
        seen = answer(idp, hiding, chosen, name=name, ANSWER=factor)
        assert seen["ChallengeParameters"] == issued["ChallengeParameters"]
    assert not sent()
    assert not VerificationCode.objects.exists()


def test_nobodys_contacts_differ_by_name(idp, hiding):
    offers = {
        tuple(begin(idp, hiding, f"nobody{number}")["AvailableChallenges"]) for number in range(40)
    }
    both = ("PASSWORD_SRP", "PASSWORD")
    assert offers == {
        (*both, "EMAIL_OTP"),
        (*both, "SMS_OTP"),
        (*both, "EMAIL_OTP", "SMS_OTP"),
    }


def test_nobody_seems_to_have_what_the_pools_people_have(idp, choosing):
    client = choosing(
        pool_members={"AutoVerifiedAttributes": ["email"]}, PreventUserExistenceErrors="ENABLED"
    )
    offers = [begin(idp, client, f"nobody{number}")["AvailableChallenges"] for number in range(20)]
    assert all("EMAIL_OTP" in offer for offer in offers)
    assert {"SMS_OTP" in offer for offer in offers} == {True, False}
    assert "SMS_OTP" in begin(idp, client, "+4915199999999")["AvailableChallenges"]


def test_nobody_seems_to_have_the_only_contact(idp, choosing):
    client = choosing("PASSWORD", "EMAIL_OTP", PreventUserExistenceErrors="ENABLED")
    for number in range(10):
        issued = begin(idp, client, f"nobody{number}", PREFERRED_CHALLENGE="EMAIL_OTP")
        assert issued["ChallengeName"] == "EMAIL_OTP"
        assert issued["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]


@pytest.mark.parametrize("name", ["ana", "dis", "nobody@example.org"])
def test_tries_end_for_everybody_alike(idp, hiding, name):
    issued = begin(idp, hiding, name, PREFERRED_CHALLENGE="EMAIL_OTP")
    for _ in range(TRIES):
        said = answered_wrongly(
            idp, "CodeMismatchException", hiding, issued, name=name, EMAIL_OTP_CODE="x"
        )
        assert said == MISMATCH
    said = answered_wrongly(
        idp, "NotAuthorizedException", hiding, issued, name=name, EMAIL_OTP_CODE="x"
    )
    assert said == LOCKED


def test_nobodys_guesses_fill_no_disk(idp, hiding):
    issued = begin(idp, hiding, "a@example.org", PREFERRED_CHALLENGE="EMAIL_OTP")
    rows = GuessBucket.objects.count()
    for _ in range(3):
        answered_wrongly(
            idp,
            "CodeMismatchException",
            hiding,
            issued,
            name="a@example.org",
            EMAIL_OTP_CODE="12345678",
        )
    assert GuessBucket.objects.count() == rows


def test_codes_that_nobody_asks_for_are_counted_as_well(idp, hiding):
    for _ in range(GUARDS[Guard.SIGN_IN_CODE].times):
        begin(idp, hiding, "a@example.org", PREFERRED_CHALLENGE="EMAIL_OTP")
    begun_wrongly(
        idp, "TooManyRequestsException", hiding, "a@example.org", PREFERRED_CHALLENGE="EMAIL_OTP"
    )


def test_a_disabled_user_is_sent_nothing_and_told_nothing(idp, hiding, sent):
    issued = begin(idp, hiding, "dis", PREFERRED_CHALLENGE="EMAIL_OTP")
    assert issued["ChallengeName"] == "EMAIL_OTP"
    assert issued["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"] == "a***@e***"
    assert not sent()


def test_the_code_of_somebody_signs_in_where_existence_is_hidden(idp, hiding, factor, sent):
    """The positive control."""
    issued = begin(idp, hiding, PREFERRED_CHALLENGE=factor)
    done = answer(idp, hiding, issued, **{CODE[factor]: sent()[0]["code"]})
    assert done["AuthenticationResult"]


# Statements


def test_a_code_costs_little_more_than_a_password(idp, app, sent, django_assert_max_num_queries):
    begin(idp, app, PREFERRED_CHALLENGE="EMAIL_OTP")
    issued = begin(idp, app, PREFERRED_CHALLENGE="PASSWORD")
    read_before(app)
    with django_assert_max_num_queries(50) as captured:
        answer(idp, app, issued, PASSWORD=PASSWORD)
    alone = len(captured)
    issued = begin(idp, app, PREFERRED_CHALLENGE="EMAIL_OTP")
    given = {"EMAIL_OTP_CODE": sent()[-1]["code"]}
    PoolUser.objects.update(attributes={**EMAIL, "email_verified": "true"})
    read_before(app)
    # The code is read, and used up between two savepoints.
    with django_assert_max_num_queries(alone + 4):
        answer(idp, app, issued, **given)
