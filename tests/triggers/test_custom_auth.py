"""CUSTOM_AUTH through boto3: what the functions are told, decide, and cannot decide."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from botocore.exceptions import ClientError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.authenticator import code_of
from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from tests.triggers import recorder
from tests.triggers.custom_sign_in import (
    CREATE,
    DEFINE,
    TRIGGERS,
    VERIFY,
    CustomSignIn,
    after_password,
    script,
)
from tests.triggers.recorder import Whole
from tests.triggers.sum_challenge import ANSWER
from triggers.models import Invocation, functions
from userpools.auth.custom_auth import MOST_KEPT
from userpools.models import (
    AppClient,
    AuthEvent,
    CustomAuthStep,
    Message,
    PoolUser,
    SignInSession,
    UserPool,
)
from userpools.models.pool import pools
from userpools.tokens.keys import keys_of

FLOWS = ["ALLOW_CUSTOM_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
GOLDEN = Path(__file__).parent / "golden"
WRONG = "Incorrect username or password."
USED = "Invalid session for the user, session can only be used once."
INVALID = "Invalid session for the user."
NOT_CONFIGURED = "Custom auth lambda trigger is not configured for the user pool."
PHONE = "+4915112345678"
SRP_ENTRY = {"challengeName": "SRP_A", "challengeResult": True, "challengeMetadata": None}
VERIFIER_ENTRY = {**SRP_ENTRY, "challengeName": "PASSWORD_VERIFIER"}


@pytest.fixture
def app(pool, make_client, user, wire):
    """A client of a pool whose functions ask for a sum; its user is ana."""
    client = make_client(pool, ExplicitAuthFlows=FLOWS)
    wire(pool, *TRIGGERS)
    script()
    return client


@pytest.fixture
def hiding(pool, make_client, app):
    """The same, hiding who exists."""
    return make_client(pool, ExplicitAuthFlows=FLOWS, PreventUserExistenceErrors="ENABLED")


@pytest.fixture
def begun(idp, app):
    """A sign-in of ana's whose first challenge is asked."""
    sign_in = CustomSignIn(idp, app)
    sign_in.begin()
    return sign_in


def read_anew(client):
    """Read what a process reads every other second, for it not to be counted."""
    pools.forget(client.pool_id)
    keys_of(UserPool.cached(client.pool_id))
    for arn in set(AppClient.cached(client.client_id).pool.lambda_config.values()):
        functions.clear()
        functions.get(arn)


def last_of(source):
    return [event for event in recorder.events if event["triggerSource"] == source][-1]


def entry(number, *, right):
    return {
        "challengeName": "CUSTOM_CHALLENGE",
        "challengeResult": right,
        "challengeMetadata": f"SUM-{number}",
    }


# What has to be there


def test_a_client_that_does_not_allow_the_flow_is_refused(idp, pool, make_client, user, wire):
    wire(pool, *TRIGGERS)
    client = make_client(
        pool, ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )
    said = refused(idp, "InvalidParameterException", CustomSignIn(idp, client).begin)
    assert said == "CUSTOM_AUTH is not enabled for the client."
    assert recorder.events == []


@pytest.mark.parametrize("is_admin", [False, True])
def test_a_pool_without_functions_is_refused(idp, pool, make_client, user, is_admin):
    client = make_client(pool, ExplicitAuthFlows=FLOWS)
    begin = CustomSignIn(idp, client, is_admin=is_admin).begin
    assert refused(idp, "InvalidParameterException", begin) == NOT_CONFIGURED


@pytest.mark.parametrize("missing", TRIGGERS)
def test_a_challenge_needs_all_three_functions(idp, pool, app, wire, missing):
    wire(pool, *(trigger for trigger in TRIGGERS if trigger != missing))
    said = refused(idp, "InvalidParameterException", CustomSignIn(idp, app).begin)
    assert said == NOT_CONFIGURED


def test_a_function_that_only_decides_needs_no_others(idp, pool, app, wire):
    wire(pool, "DefineAuthChallenge")
    script(after_password)
    sign_in = CustomSignIn(idp, app, password=PASSWORD)
    sign_in.begin()
    recorder.answers[DEFINE] = {"issueTokens": True}
    assert sign_in.prove()["AuthenticationResult"]


def test_the_legacy_permission_allows_it(idp, pool, app, make_client):
    legacy = make_client(pool, ExplicitAuthFlows=["CUSTOM_AUTH_FLOW_ONLY"])
    sign_in = CustomSignIn(idp, legacy)
    assert sign_in.begin()["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert sign_in.answer()["AuthenticationResult"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Missing required parameter USERNAME"),
        ({"USERNAME": ""}, "Missing required parameter USERNAME"),
        ({"USERNAME": "ana", "CHALLENGE_NAME": "SRP_A"}, "Missing required parameter SRP_A"),
        ({"USERNAME": "ana", "ChallengeName": "SRP_A"}, "Missing required parameter SRP_A"),
        ({"USERNAME": "ana", "CHALLENGE_NAME": "SRP_A", "SRP_A": "0"}, "Invalid SRP_A."),
        ({"USERNAME": "ana", "CHALLENGE_NAME": "SMS_MFA"}, "CHALLENGE_NAME must be SRP_A."),
    ],
)
def test_missing_and_odd_parameters_run_nothing(idp, app, given, said):
    begin = CustomSignIn(idp, app).begin
    assert refused(idp, "InvalidParameterException", begin, AuthParameters=given) == said
    assert recorder.events == []


# Answers


@pytest.mark.parametrize("responses", [{}, {"ANSWER": ""}])
def test_a_missing_answer_is_named_and_spends_nothing(idp, begun, responses):
    said = refused(idp, "InvalidParameterException", begun.respond, responses=responses)
    assert said == "Missing required parameter ANSWER"
    assert begun.answer()["AuthenticationResult"]


def test_a_right_answer_signs_in(begun):
    assert begun.issued["ChallengeParameters"] == {"question": "2+3", "USERNAME": "ana"}
    assert set(begun.answer()["AuthenticationResult"]) >= {"AccessToken", "IdToken", "RefreshToken"}
    assert SignInSession.objects.count() == 1
    assert AuthEvent.objects.get().outcome == "Pass"
    assert not CustomAuthStep.objects.exists()


def test_a_wrong_answer_is_no_error_and_is_asked_again(begun):
    before = begun.issued["Session"]
    again = begun.answer("four")
    assert again["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert again["Session"] != before
    assert last_of(DEFINE)["request"]["session"] == [entry(1, right=False)]
    assert last_of(CREATE)["request"]["session"] == [entry(1, right=False)]
    assert begun.answer()["AuthenticationResult"]
    assert last_of(DEFINE)["request"]["session"] == [entry(1, right=False), entry(2, right=True)]
    assert PoolUser.objects.get().failed_passwords == 0


def test_the_function_ends_it_after_three_wrong_answers(idp, begun):
    begun.answer("one")
    begun.answer("two")
    assert refused(idp, "NotAuthorizedException", begun.answer, text="three") == WRONG
    assert not SignInSession.objects.exists()
    assert not CustomAuthStep.objects.exists()
    assert AuthEvent.objects.get().outcome == "Fail"


@pytest.mark.parametrize("first", ["four", ANSWER])
def test_a_session_is_answered_once_be_it_right_or_wrong(idp, begun, first):
    session = begun.issued["Session"]
    begun.answer(first)
    judged = recorder.sources().count(VERIFY)
    for text in (ANSWER, "four"):
        assert (
            refused(idp, "NotAuthorizedException", begun.answer, text=text, Session=session) == USED
        )
    assert recorder.sources().count(VERIFY) == judged


@pytest.mark.parametrize("failing", [DEFINE, CREATE, VERIFY])
def test_a_function_that_fails_spends_the_session(idp, begun, failing):
    recorder.answers[failing] = ValueError("broken")
    said = refused(idp, "UserLambdaValidationException", begun.answer, text="four")
    assert said == f"{failing.split('_')[0]} failed with error broken."
    script()
    assert refused(idp, "NotAuthorizedException", begun.answer) == USED


def test_no_judgement_is_a_wrong_answer(begun):
    script(verify={})
    assert begun.answer()["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert last_of(DEFINE)["request"]["session"] == [entry(1, right=False)]


@pytest.mark.django_db(transaction=True)
def test_of_parallel_answers_one_is_judged(begun):
    session = begun.issued["Session"]
    outcomes = in_parallel(6, lambda: begun.answer("four", Session=session))
    assert sorted(outcomes) == [*["NotAuthorizedException"] * 5, "done"]
    assert recorder.sources().count(VERIFY) == 1
    assert CustomAuthStep.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_parallel_right_answers_one_signs_in(begun):
    session = begun.issued["Session"]
    outcomes = in_parallel(4, lambda: begun.answer(Session=session))
    assert outcomes.count("done") == 1
    assert SignInSession.objects.count() == 1


def test_an_expired_session_is_refused(idp, begun):
    with time_machine.travel(timezone.now() + timedelta(minutes=3, seconds=1)):
        said = refused(idp, "NotAuthorizedException", begun.answer)
    assert said == "Invalid session for the user, session is expired."
    assert VERIFY not in recorder.sources()


def test_another_users_name_beside_the_session_is_refused(idp, pool, begun, make_user):
    make_user(pool, "eva")
    begun.name = "eva"
    assert refused(idp, "NotAuthorizedException", begun.answer) == INVALID
    begun.name = "ana"
    assert begun.answer()["AuthenticationResult"]


def test_another_clients_session_is_refused(idp, pool, begun, make_client):
    own = begun.client
    begun.client = make_client(pool, ExplicitAuthFlows=FLOWS)
    assert refused(idp, "NotAuthorizedException", begun.answer) == INVALID
    begun.client = own
    assert begun.answer()["AuthenticationResult"]


def test_a_session_answers_its_own_challenge_alone(idp, begun):
    responses = {"SMS_MFA_CODE": "123456"}
    for name in ("SMS_MFA", "ADMIN_NO_SRP_AUTH", "NEW_PASSWORD_REQUIRED"):
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            begun.respond(name, responses)
    assert begun.answer()["AuthenticationResult"]


def test_a_tampered_session_is_refused(idp, begun):
    session = begun.issued["Session"]
    other = session[:60] + ("A" if session[60] != "A" else "B") + session[61:]
    assert refused(idp, "NotAuthorizedException", begun.answer, Session=other) == INVALID


@pytest.mark.parametrize("ending", ["sign-out", "disable", "password", "delete"])
def test_it_dies_with_sign_out_disabling_and_a_new_password(idp, pool, begun, ending):
    named = {"UserPoolId": pool.pk, "Username": "ana"}
    if ending == "sign-out":
        idp.admin_user_global_sign_out(**named)
    elif ending == "disable":
        idp.admin_disable_user(**named)
    elif ending == "password":
        idp.admin_set_user_password(**named, Password="Battery-Staple-7", Permanent=True)
    else:
        idp.admin_delete_user(**named)
    assert refused(idp, "NotAuthorizedException", begun.answer) == INVALID
    assert VERIFY not in recorder.sources()


@pytest.mark.django_db(transaction=True)
def test_a_user_disabled_while_the_functions_run_gets_no_tokens(idp, pool, begun):
    def disable(event):
        PoolUser.objects.filter(pool=pool).update(enabled=False)
        return {"issueTokens": True}

    script(disable)
    assert refused(idp, "NotAuthorizedException", begun.answer) == INVALID
    assert not SignInSession.objects.exists()


def test_many_rounds_fit_any_session(idp, app):
    def ask_long(event):
        right = [one for one in event["request"]["session"] if one["challengeResult"]]
        return {"issueTokens": True} if right else {"challengeName": "CUSTOM_CHALLENGE"}

    script(ask_long)
    sign_in = CustomSignIn(idp, app)
    sign_in.begin()
    for _ in range(40):
        assert 20 <= len(sign_in.answer("no")["Session"]) <= 4096
    assert sign_in.answer()["AuthenticationResult"]
    assert len(last_of(DEFINE)["request"]["session"]) == 41


# What functions may answer


@pytest.mark.parametrize(
    "decision",
    [
        {},
        {"challengeName": None, "issueTokens": None},
        {"challengeName": "PASSWORD_VERIFIER"},
        {"challengeName": "ADMIN_NO_SRP_AUTH"},
        {"challengeName": "DEVICE_SRP_AUTH"},
        {"challengeName": "DEVICE_PASSWORD_VERIFIER"},
        {"challengeName": "SELECT_MFA_TYPE"},
        {"challengeName": 1},
        {"issueTokens": "true"},
        Whole(None),
        Whole({"response": []}),
    ],
)
def test_a_decision_that_cannot_be_followed_is_refused(idp, app, decision):
    script(decision)
    refused(idp, "InvalidLambdaResponseException", CustomSignIn(idp, app).begin)
    assert not CustomAuthStep.objects.exists()


@pytest.mark.parametrize(
    "made",
    [
        {"publicChallengeParameters": {"n": 1}},
        {"publicChallengeParameters": "2+3"},
        {"publicChallengeParameters": {"image": "x" * 131_073}},
        {"privateChallengeParameters": {"answer": 5}},
        {"privateChallengeParameters": {"answer": "x" * MOST_KEPT}},
        {"challengeMetadata": ["SUM"]},
    ],
)
def test_a_challenge_that_cannot_be_kept_or_shown_is_refused(idp, app, made):
    script(create=made)
    refused(idp, "InvalidLambdaResponseException", CustomSignIn(idp, app).begin)
    assert not CustomAuthStep.objects.exists()


def test_parameters_beyond_a_session_are_kept_whole(idp, app):
    answer = "x" * 100_000
    script(
        create={
            "publicChallengeParameters": {"image": "y" * 131_072},
            "privateChallengeParameters": {"answer": answer},
        }
    )
    sign_in = CustomSignIn(idp, app)
    issued = sign_in.begin()
    assert len(issued["Session"]) <= 4096
    assert len(issued["ChallengeParameters"]["image"]) == 131_072
    assert sign_in.answer(answer)["AuthenticationResult"]


def test_a_challenge_without_parameters_is_asked(idp, app):
    script(create={}, verify={"answerCorrect": True})
    sign_in = CustomSignIn(idp, app)
    assert sign_in.begin()["ChallengeParameters"] == {"USERNAME": "ana"}
    assert sign_in.answer("anything")["AuthenticationResult"]
    assert last_of(VERIFY)["request"]["privateChallengeParameters"] == {}


def test_public_parameters_cannot_rename_the_user(idp, app):
    script(create={"publicChallengeParameters": {"USERNAME": "eva"}})
    assert CustomSignIn(idp, app).begin()["ChallengeParameters"] == {"USERNAME": "ana"}


def test_failing_prevails_over_tokens_and_tokens_over_a_challenge(idp, app):
    script({"failAuthentication": True, "issueTokens": True})
    assert refused(idp, "NotAuthorizedException", CustomSignIn(idp, app).begin) == WRONG
    script({"issueTokens": True, "challengeName": "CUSTOM_CHALLENGE"})
    assert CustomSignIn(idp, app).begin()["AuthenticationResult"]


def test_private_parameters_and_answers_are_in_no_row_in_clear(begun):
    row = CustomAuthStep.objects.get()
    assert ANSWER.encode() not in bytes(row.sealed)
    begun.answer("my guess")
    for run in Invocation.objects.all():
        shown = json.dumps([run.request, run.response, run.log, run.error])
        assert ANSWER not in shown
        assert "my guess" not in shown
        assert "SUM-" not in shown


# Events


@pytest.mark.parametrize("source", [DEFINE, CREATE, VERIFY])
def test_a_real_sign_in_fires_the_golden_events(idp, pool, app, source):
    script(after_password)
    sign_in = CustomSignIn(idp, app, password=PASSWORD)
    sign_in.begin()
    sign_in.prove()
    sign_in.answer("four")
    event, golden = last_of(source), json.loads((GOLDEN / f"{source}.json").read_text())
    assert list(event) == list(golden)
    assert list(event["request"]) == list(golden["request"])
    assert event["response"] == golden["response"]
    assert event["version"] == golden["version"]
    assert event["userPoolId"] == pool.pk
    assert event["userName"] == "ana"
    assert event["callerContext"]["clientId"] == app.client_id
    user = PoolUser.objects.get()
    # Everything of the golden request with its own values, of this sign-in.
    expected = {
        **golden["request"],
        "userAttributes": {
            "sub": str(user.sub),
            "cognito:user_status": "CONFIRMED",
            "email": "ana@example.com",
            "email_verified": "false",
        },
    }
    if "session" in golden["request"]:
        expected["session"] = [SRP_ENTRY, VERIFIER_ENTRY, entry(1, right=False)]
        assert [list(one) for one in event["request"]["session"]] == [list(SRP_ENTRY)] * 3
    else:
        expected["privateChallengeParameters"] = {"answer": ANSWER}
        expected["challengeAnswer"] = "four"
    assert event["request"] == expected


def test_functions_run_in_their_order_between_those_of_every_sign_in(idp, pool, app, wire):
    wire(pool, *TRIGGERS, "PreAuthentication", "PostAuthentication", "PreTokenGeneration")
    sign_in = CustomSignIn(idp, app)
    sign_in.begin()
    sign_in.answer("four")
    sign_in.answer()
    assert recorder.sources() == [
        "PreAuthentication_Authentication",
        DEFINE,
        CREATE,
        VERIFY,
        DEFINE,
        CREATE,
        VERIFY,
        DEFINE,
        "PostAuthentication_Authentication",
        "TokenGeneration_Authentication",
    ]


def test_a_refusal_of_the_first_function_runs_no_other(idp, pool, app, wire):
    wire(pool, *TRIGGERS, "PreAuthentication")
    recorder.answers["PreAuthentication_Authentication"] = ValueError("closed")
    refused(idp, "UserLambdaValidationException", CustomSignIn(idp, app).begin)
    assert recorder.sources() == ["PreAuthentication_Authentication"]


def test_client_metadata_goes_to_the_functions_of_its_own_call(idp, pool, app, wire):
    wire(pool, *TRIGGERS, "PreAuthentication", "PostAuthentication")
    sign_in = CustomSignIn(idp, app)
    sign_in.begin(ClientMetadata={"from": "initiate"})
    before, define, create = recorder.events
    assert before["request"]["validationData"] == {"from": "initiate"}
    assert define["request"]["clientMetadata"] is None
    assert create["request"]["clientMetadata"] is None
    recorder.events.clear()
    sign_in.answer(ClientMetadata={"from": "respond"})
    assert recorder.sources() == [VERIFY, DEFINE, "PostAuthentication_Authentication"]
    for event in recorder.events:
        assert event["request"]["clientMetadata"] == {"from": "respond"}


def test_an_administrators_sign_in_is_asked_the_same(idp, app):
    sign_in = CustomSignIn(idp, app, is_admin=True)
    assert sign_in.begin()["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert sign_in.answer("four")["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert sign_in.answer()["AuthenticationResult"]


# Who may not sign in


def test_an_unknown_user_is_named_where_the_client_tells(idp, app, hiding):
    refused(idp, "UserNotFoundException", CustomSignIn(idp, app, "nobody").begin)
    refused(idp, "UserNotFoundException", CustomSignIn(idp, hiding, "nobody", is_admin=True).begin)
    assert recorder.events == []


def test_a_hidden_unknown_user_is_asked_as_everybody_is(idp, hiding):
    known, nobody = CustomSignIn(idp, hiding), CustomSignIn(idp, hiding, "nobody")
    known.begin()
    recorder.events.clear()
    nobody.begin()
    assert recorder.sources() == [DEFINE, CREATE]
    for event in recorder.events:
        assert event["userName"] == "nobody"
        assert event["request"]["userNotFound"] is True
        assert event["request"]["userAttributes"] == {}
    assert nobody.issued["ChallengeParameters"] == {"question": "2+3", "USERNAME": "nobody"}
    assert nobody.answer("four")["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert last_of(VERIFY)["request"]["userNotFound"] is True
    assert last_of(DEFINE)["request"]["session"] == [entry(1, right=False)]


@pytest.mark.parametrize("at_once", [True, False])
def test_an_unknown_user_never_signs_in_whatever_the_functions_say(idp, hiding, at_once):
    sign_in = CustomSignIn(idp, hiding, "nobody")
    if at_once:
        script({"issueTokens": True})
        step = sign_in.begin
    else:
        sign_in.begin()
        step = sign_in.answer
    assert refused(idp, "NotAuthorizedException", step) == WRONG
    assert not SignInSession.objects.exists()


def test_an_unknown_users_password_is_asked_and_wrong(idp, hiding):
    script(after_password)
    sign_in = CustomSignIn(idp, hiding, "nobody", password=PASSWORD)
    assert sign_in.begin()["ChallengeName"] == "PASSWORD_VERIFIER"
    assert refused(idp, "NotAuthorizedException", sign_in.prove) == WRONG


def test_unknown_users_cost_what_known_ones_do(idp, hiding, django_assert_num_queries):
    for name in ("ana", "nobody"):
        sign_in = CustomSignIn(idp, hiding, name)
        read_anew(hiding)
        # The user, a record of each of two runs, and the step.
        with django_assert_num_queries(4):
            sign_in.begin()
        read_anew(hiding)
        # The user, the step and its end, three runs, and the next step.
        with django_assert_num_queries(7):
            sign_in.answer("four")


@pytest.mark.parametrize(
    ("state", "error", "said"),
    [
        ("disabled", "NotAuthorizedException", "User is disabled."),
        (
            "RESET_REQUIRED",
            "PasswordResetRequiredException",
            "Password reset required for the user",
        ),
    ],
)
def test_disabled_and_reset_users_are_told_at_once_where_the_client_tells(
    idp, app, hiding, state, error, said
):
    users = PoolUser.objects.all()
    users.update(**({"enabled": False} if state == "disabled" else {"status": state}))
    assert refused(idp, error, CustomSignIn(idp, app).begin) == said
    assert recorder.events == []
    hidden = CustomSignIn(idp, hiding)
    assert hidden.begin()["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert refused(idp, error, hidden.answer) == said


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        ("UNCONFIRMED", "UserNotConfirmedException", "User is not confirmed."),
        (
            "FORCE_CHANGE_PASSWORD",
            "NotAuthorizedException",
            "A temporary password must be changed before other ways to sign in.",
        ),
        ("EXTERNAL_PROVIDER", "NotAuthorizedException", WRONG),
    ],
)
def test_users_in_other_states_get_no_tokens(idp, app, hiding, status, error, said):
    PoolUser.objects.update(status=status, failed_passwords=3)
    for client in (app, hiding):
        sign_in = CustomSignIn(idp, client)
        assert sign_in.begin()["ChallengeName"] == "CUSTOM_CHALLENGE"
        assert refused(idp, error, sign_in.answer) == said
    assert not SignInSession.objects.exists()
    # No password was proved, so that no failed ones are forgiven.
    assert PoolUser.objects.get().failed_passwords == 3


# The password first


@pytest.fixture
def proving(idp, app):
    """A sign-in that begins with the password, which is asked for."""
    script(after_password)
    sign_in = CustomSignIn(idp, app, password=PASSWORD)
    sign_in.begin()
    return sign_in


def test_the_first_decision_knows_that_the_password_is_offered(proving):
    assert proving.issued["ChallengeName"] == "PASSWORD_VERIFIER"
    assert recorder.sources() == [DEFINE]
    assert last_of(DEFINE)["request"]["session"] == [SRP_ENTRY]


def test_a_wrong_password_is_counted_and_may_be_tried_again(idp, proving):
    right = proving.claim()
    for wrong in ({"PASSWORD_CLAIM_SIGNATURE": "eHh4"}, {"TIMESTAMP": "yesterday"}):
        said = refused(idp, "NotAuthorizedException", proving.respond, responses={**right, **wrong})
        assert said == WRONG
    assert PoolUser.objects.get().failed_passwords == 2
    assert recorder.sources() == [DEFINE]
    assert proving.respond(responses=right)["ChallengeName"] == "CUSTOM_CHALLENGE"


def test_two_rounds_after_the_password_sign_in(proving):
    assert proving.prove()["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert last_of(DEFINE)["request"]["session"] == [SRP_ENTRY, VERIFIER_ENTRY]
    assert proving.answer("four")["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert proving.answer()["AuthenticationResult"]
    history = [SRP_ENTRY, VERIFIER_ENTRY, entry(1, right=False), entry(2, right=True)]
    assert last_of(DEFINE)["request"]["session"] == history


def test_a_proved_password_is_used_once(idp, proving):
    session, right = proving.issued["Session"], proving.claim()
    proving.respond(responses=right)
    again = {"name": "PASSWORD_VERIFIER", "responses": right, "Session": session}
    assert refused(idp, "NotAuthorizedException", proving.respond, **again) == USED


def test_the_secret_block_of_a_custom_sign_in_is_no_sign_in_by_itself(idp, app, proving):
    claim = proving.claim()
    said = refused(idp, "InvalidParameterException", proving.respond, responses=claim, Session=None)
    assert said == "Missing required parameter Session"
    plain = idp.initiate_auth(
        ClientId=app.client_id,
        AuthFlow="USER_SRP_AUTH",
        AuthParameters={"USERNAME": "ana", "SRP_A": f"{proving.srp.A:x}"},
    )
    other = CustomSignIn(idp, app, password=PASSWORD)
    other.begin()
    for session in (plain["Session"], other.issued["Session"]):
        said = refused(
            idp, "NotAuthorizedException", proving.respond, responses=claim, Session=session
        )
        assert said == INVALID
    assert not SignInSession.objects.exists()
    assert proving.respond(responses=claim)["ChallengeName"] == "CUSTOM_CHALLENGE"


def test_the_session_of_a_custom_challenge_takes_no_password(idp, proving):
    claim = proving.claim()
    proving.respond(responses=claim)
    for session in (proving.issued["Session"],):
        again = {"name": "PASSWORD_VERIFIER", "responses": claim, "Session": session}
        assert refused(idp, "NotAuthorizedException", proving.respond, **again) == INVALID
    assert proving.answer()["AuthenticationResult"]


def test_another_users_name_beside_the_password_is_a_wrong_password(idp, pool, proving, make_user):
    make_user(pool, "eva")
    responses = {**proving.claim(), "USERNAME": "eva"}
    assert refused(idp, "NotAuthorizedException", proving.respond, responses=responses) == WRONG


def test_a_password_proved_before_is_not_asked_again(idp, proving):
    script({"challengeName": "PASSWORD_VERIFIER"})
    refused(idp, "InvalidLambdaResponseException", proving.prove)


def test_the_password_may_follow_a_challenge(idp, app):
    def challenge_first(event):
        names = [one["challengeName"] for one in event["request"]["session"]]
        for name in ("CUSTOM_CHALLENGE", "PASSWORD_VERIFIER"):
            if name not in names:
                return {"challengeName": name}
        return {"issueTokens": True}

    script(challenge_first)
    sign_in = CustomSignIn(idp, app, password=PASSWORD)
    assert sign_in.begin()["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert sign_in.answer()["ChallengeName"] == "PASSWORD_VERIFIER"
    assert sign_in.prove()["AuthenticationResult"]
    history = [SRP_ENTRY, entry(1, right=True), VERIFIER_ENTRY]
    assert last_of(DEFINE)["request"]["session"] == history


def test_a_temporary_password_is_changed_behind_it(idp, pool, app):
    idp.admin_create_user(
        UserPoolId=pool.pk,
        Username="bob",
        TemporaryPassword="Temporary-Pass-1",
        MessageAction="SUPPRESS",
    )
    script(after_password)
    sign_in = CustomSignIn(idp, app, "bob", password="Temporary-Pass-1")
    sign_in.begin()
    assert sign_in.prove()["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    assert recorder.sources() == [DEFINE]
    changed = sign_in.respond(responses={"NEW_PASSWORD": PASSWORD})
    assert changed["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert last_of(DEFINE)["request"]["session"] == [SRP_ENTRY, VERIFIER_ENTRY]
    assert sign_in.answer()["AuthenticationResult"]


# Second factors


@pytest.fixture
def seed(idp, pool, app, sign_in, make_client):
    """The secret of ana's authenticator app, which she is asked for behind a password."""
    idp.set_user_pool_mfa_config(
        UserPoolId=pool.pk,
        MfaConfiguration="OPTIONAL",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    token = sign_in(make_client(pool))["AccessToken"]
    seed = idp.associate_software_token(AccessToken=token)["SecretCode"]
    idp.verify_software_token(AccessToken=token, UserCode=code_of(seed, drift=-1))
    idp.set_user_mfa_preference(
        AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
    )
    recorder.events.clear()
    return seed


def test_the_users_factor_follows_the_password_and_is_told(idp, seed, app):
    script(after_password)
    sign_in = CustomSignIn(idp, app, password=PASSWORD)
    sign_in.begin()
    assert sign_in.prove()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert recorder.sources() == [DEFINE]
    wrong = {"SOFTWARE_TOKEN_MFA_CODE": "12345"}
    refused(idp, "CodeMismatchException", sign_in.respond, responses=wrong)
    asked = sign_in.respond(responses={"SOFTWARE_TOKEN_MFA_CODE": code_of(seed)})
    assert asked["ChallengeName"] == "CUSTOM_CHALLENGE"
    passed = {**SRP_ENTRY, "challengeName": "SOFTWARE_TOKEN_MFA"}
    assert last_of(DEFINE)["request"]["session"] == [SRP_ENTRY, VERIFIER_ENTRY, passed]
    assert sign_in.answer()["AuthenticationResult"]


def test_a_code_of_an_app_is_used_up_before_the_challenges_that_follow(
    idp, pool, seed, app, make_client
):
    script(after_password)
    code = {"SOFTWARE_TOKEN_MFA_CODE": code_of(seed)}
    first, second = (CustomSignIn(idp, app, password=PASSWORD) for _ in range(2))
    for sign_in in (first, second):
        sign_in.begin()
        sign_in.prove()
    assert first.respond(responses=code)["ChallengeName"] == "CUSTOM_CHALLENGE"
    said = refused(idp, "ExpiredCodeException", second.respond, responses=code)
    assert said == "Your software token has already been used once."
    assert first.answer()["AuthenticationResult"]


@pytest.mark.django_db(transaction=True)
def test_a_code_of_an_app_passes_one_of_parallel_sign_ins(idp, seed, app):
    script(after_password)
    code = {"SOFTWARE_TOKEN_MFA_CODE": code_of(seed)}
    sign_ins = [CustomSignIn(idp, app, password=PASSWORD) for _ in range(4)]
    for sign_in in sign_ins:
        sign_in.begin()
        sign_in.prove()
    waiting = iter(sign_ins)
    outcomes = in_parallel(4, lambda: next(waiting).respond(responses=code))
    assert sorted(outcomes) == [*["ExpiredCodeException"] * 3, "done"]


def test_without_a_password_no_factor_is_asked(idp, seed, app):
    sign_in = CustomSignIn(idp, app)
    sign_in.begin()
    assert sign_in.answer()["AuthenticationResult"]


def test_an_app_is_set_up_behind_the_password(idp, pool, app):
    idp.set_user_pool_mfa_config(
        UserPoolId=pool.pk, MfaConfiguration="ON", SoftwareTokenMfaConfiguration={"Enabled": True}
    )
    script(after_password)
    sign_in = CustomSignIn(idp, app, password=PASSWORD)
    sign_in.begin()
    issued = sign_in.prove()
    assert issued["ChallengeName"] == "MFA_SETUP"
    begun = idp.associate_software_token(Session=issued["Session"])
    verified = idp.verify_software_token(
        Session=begun["Session"], UserCode=code_of(begun["SecretCode"])
    )
    assert sign_in.respond(Session=verified["Session"])["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert sign_in.answer()["AuthenticationResult"]


def code_then_tokens(event):
    passed = [one["challengeName"] for one in event["request"]["session"]]
    return {"issueTokens": True} if "SMS_MFA" in passed else {"challengeName": "SMS_MFA"}


def test_a_function_may_ask_for_a_code_by_text_message(idp, pool, app, make_user, sent):
    make_user(pool, "tel", phone_number=PHONE)
    script(code_then_tokens)
    sign_in = CustomSignIn(idp, app, "tel")
    issued = sign_in.begin()
    assert issued["ChallengeName"] == "SMS_MFA"
    assert issued["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"].endswith(PHONE[-4:])
    code = sent()[-1]["code"]
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    refused(idp, "CodeMismatchException", sign_in.respond, responses={"SMS_MFA_CODE": wrong})
    assert recorder.sources() == [DEFINE]
    assert sign_in.respond(responses={"SMS_MFA_CODE": code})["AuthenticationResult"]
    passed = {**SRP_ENTRY, "challengeName": "SMS_MFA"}
    assert last_of(DEFINE)["request"]["session"] == [passed]


def test_a_user_without_a_number_is_told_where_the_client_tells(idp, app):
    script(code_then_tokens)
    said = refused(idp, "InvalidParameterException", CustomSignIn(idp, app).begin)
    assert said == "User does not have delivery config set to turn on SMS_MFA"


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_whoever_has_no_number_is_asked_alike_where_the_client_hides_it(idp, hiding, name):
    script(code_then_tokens)
    sign_in = CustomSignIn(idp, hiding, name)
    issued = sign_in.begin()
    assert issued["ChallengeName"] == "SMS_MFA"
    assert issued["ChallengeParameters"]["USER_ID_FOR_SRP"] == name
    assert issued["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"].startswith("+")
    said = refused(
        idp, "CodeMismatchException", sign_in.respond, responses={"SMS_MFA_CODE": "123456"}
    )
    assert said == "Invalid code or auth state for the user."
    assert not Message.objects.exists()


def texted(make_user, pool, **state):
    """Make a user with a number, in some state; the functions ask for a code to it."""
    script(code_then_tokens)
    make_user(pool, "tel", phone_number=PHONE)
    if state:
        PoolUser.objects.filter(username="tel").update(**state)


def test_a_code_that_a_function_asks_for_confirms_no_account(idp, pool, app, make_user, sent):
    texted(make_user, pool, status="UNCONFIRMED")
    sign_in = CustomSignIn(idp, app, "tel")
    sign_in.begin()
    code = {"SMS_MFA_CODE": sent()[-1]["code"]}
    refused(idp, "UserNotConfirmedException", sign_in.respond, responses=code)
    assert PoolUser.objects.get(username="tel").status == "UNCONFIRMED"


def test_a_disabled_user_seems_to_be_sent_a_code_and_is_not(idp, pool, hiding, make_user):
    texted(make_user, pool, enabled=False)
    sign_in = CustomSignIn(idp, hiding, "tel")
    shown = sign_in.begin()["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]
    assert shown.endswith(PHONE[-4:])
    refused(idp, "CodeMismatchException", sign_in.respond, responses={"SMS_MFA_CODE": "123456"})
    assert not Message.objects.exists()


@pytest.mark.parametrize("name", ["tel", "nobody"])
def test_strangers_have_so_many_codes_sent_and_no_more(idp, pool, hiding, make_user, name):
    texted(make_user, pool)
    for _ in range(20):
        assert CustomSignIn(idp, hiding, name).begin()["ChallengeName"] == "SMS_MFA"
    refused(idp, "TooManyRequestsException", CustomSignIn(idp, hiding, name).begin)


def test_a_code_costs_nobody_what_it_costs_somebody(idp, pool, hiding, make_user):
    texted(make_user, pool)
    counts = []
    for name in ("tel", "nobody"):
        read_anew(hiding)
        sign_in, wrong = CustomSignIn(idp, hiding, name), {"SMS_MFA_CODE": "1"}
        with CaptureQueriesContext(connection) as sent:
            sign_in.begin()
        read_anew(hiding)
        with CaptureQueriesContext(connection) as tried:
            refused(idp, "CodeMismatchException", sign_in.respond, responses=wrong)
        counts.append((len(sent), len(tried)))
    assert counts[0] == counts[1]


def test_an_administrators_answer_to_nobodys_sign_in_hides_nothing(idp, hiding):
    sign_in = CustomSignIn(idp, hiding, "nobody")
    sign_in.begin()
    script(code_then_tokens)
    sign_in.is_admin = True
    refused(idp, "InvalidParameterException", sign_in.answer)


# The password in clear, for administrators


def password_in_clear(event):
    passed = [one["challengeName"] for one in event["request"]["session"]]
    if "ADMIN_NO_SRP_AUTH" in passed:
        return {"issueTokens": True}
    return {"challengeName": "ADMIN_NO_SRP_AUTH"}


def test_an_administrators_call_may_be_asked_for_the_password(idp, app):
    script(password_in_clear)
    sign_in = CustomSignIn(idp, app, is_admin=True)
    assert sign_in.begin()["ChallengeName"] == "ADMIN_NO_SRP_AUTH"
    sign_in.is_admin = False
    clear = {"PASSWORD": PASSWORD}
    refused(idp, "InvalidParameterException", sign_in.respond, responses=clear)
    sign_in.is_admin = True
    refused(idp, "InvalidParameterException", sign_in.respond)
    wrong = {"PASSWORD": "wrong"}
    assert refused(idp, "NotAuthorizedException", sign_in.respond, responses=wrong) == WRONG
    assert PoolUser.objects.get().failed_passwords == 1
    assert sign_in.respond(responses=clear)["AuthenticationResult"]
    passed = {**SRP_ENTRY, "challengeName": "ADMIN_NO_SRP_AUTH"}
    assert last_of(DEFINE)["request"]["session"] == [passed]


def test_the_users_factor_follows_the_password_in_clear(idp, seed, app):
    script(password_in_clear)
    sign_in = CustomSignIn(idp, app, is_admin=True)
    sign_in.begin()
    assert (
        sign_in.respond(responses={"PASSWORD": PASSWORD})["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    )
    assert recorder.sources() == [DEFINE]


# Cost


def test_a_sign_in_costs_a_handful_of_statements(begun, django_assert_max_num_queries):
    read_anew(begun.client)
    # The user, the step and its end, two runs, the groups, and a write that is five on SQLite.
    with django_assert_max_num_queries(11):
        begun.answer()


def test_records_of_failures_are_not_filled_by_strangers_steps(idp, app):
    for _ in range(3):
        CustomSignIn(idp, app).begin()
    assert not AuthEvent.objects.exists()
    with pytest.raises(ClientError):
        CustomSignIn(idp, app, "nobody").begin()
    assert CustomAuthStep.objects.count() == 3
