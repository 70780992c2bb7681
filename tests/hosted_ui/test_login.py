"""The login page: what the engine asks for next, form by form."""

import pytest

from hosted_ui import signing_in
from tests.authenticator import code_of
from tests.calls import refused
from tests.hosted_ui.browser import Browser
from tests.hosted_ui.conftest import CALLBACK, claims
from userpools.auth import sealed
from userpools.auth.secret_hash import secret_hash
from userpools.awsjson.service import Call
from userpools.errors import NotAuthorizedException
from userpools.models import AppClient, AuthEvent, BrowserSession, PoolUser

NEW = "Another-Horse-10"


def start(app, **query):
    return app.browser.follow(app.authorize(**query))


def test_a_wrong_password_is_refused_and_the_name_kept(app):
    page = start(app)
    again = app.browser.submit(page, username="ana", password="Wrong-Horse-1")
    assert again.status == 400
    assert again.form.alerts == ["Incorrect username or password."]
    assert again.form.fields["username"] == "ana"
    assert again.form.fields["password"] == ""
    assert not BrowserSession.objects.exists()
    assert app.browser.submit(again, username="ana", password=app.password).status == 303


@pytest.mark.parametrize(
    ("username", "password"),
    [("", ""), ("ana", ""), ("", "x"), (" ", " "), ("\x00", "\x00"), ("a\x00b", "x")],
)
def test_an_empty_field_is_refused(app, username, password):
    answer = app.browser.submit(start(app), username=username, password=password)
    assert answer.status == 400
    assert answer.form.alerts


def test_unknown_names_look_like_wrong_passwords_where_the_client_hides_them(
    app, pool, make_web_client
):
    app.client = make_web_client(pool, PreventUserExistenceErrors="ENABLED")
    answer = app.browser.submit(start(app), username="nobody", password="Wrong-Horse-1")
    assert answer.form.alerts == ["Incorrect username or password."]


def test_guesses_are_counted_for_the_account(app):
    page = start(app)
    for _ in range(6):
        page = app.browser.submit(page, username="ana", password="Wrong-Horse-1")
    locked = app.browser.submit(page, username="ana", password=app.password)
    assert locked.form.alerts == ["Password attempts exceeded"]


def test_guesses_are_counted_for_the_address(app, monkeypatch, application):
    monkeypatch.setattr("hosted_ui.signing_in.ATTEMPTS_FROM_ADDRESS", 2)
    page = start(app)
    for name in ("a", "b"):
        page = app.browser.submit(page, username=name, password="Wrong-Horse-1")
    limited = app.browser.submit(page, username="ana", password=app.password)
    assert limited.status == 429
    assert limited.form.alerts == ["Attempt limit exceeded, please try after some time."]
    app.browser.address = "192.0.2.2"
    assert app.browser.submit(limited, username="ana", password=app.password).status == 303


def test_a_disabled_user_is_refused(app, idp, pool):
    idp.admin_disable_user(UserPoolId=pool.id, Username="ana")
    answer = app.browser.submit(start(app), username="ana", password=app.password)
    assert answer.form.alerts == ["User is disabled."]


def test_fields_are_recognizable_by_kind(app, make_pool, make_web_client, pool):
    kinds = start(app).form.kinds
    assert (kinds["username"], kinds["password"]) == ("username", "current-password")
    app.client = make_web_client(make_pool(UsernameAttributes=["email"]))
    page = start(app, login_hint="ana@example.com")
    assert 'type="email"' in page.text
    assert page.form.fields["username"] == "ana@example.com"


def test_a_confidential_clients_users_sign_in_too(app, pool, make_web_client):
    app.client = make_web_client(pool, GenerateSecret=True)
    assert app.sign_in().location.startswith(CALLBACK)


def test_the_flows_of_the_api_need_not_be_allowed(app, pool, make_web_client):
    app.client = make_web_client(pool, ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"])
    assert app.sign_in().location.startswith(CALLBACK)


def test_max_age_and_prompt_ask_again(app):
    app.sign_in()
    assert app.authorize().location.startswith(CALLBACK)
    for query in ({"prompt": "login"}, {"prompt": "select_account"}, {"prompt": "login consent"}):
        assert "/login?" in app.authorize(**query).location
    assert app.authorize(max_age="600").location.startswith(CALLBACK)
    BrowserSession.objects.update(auth_time="2020-01-01T00:00:00Z")
    assert "/login?" in app.authorize(max_age="600").location
    assert app.authorize(max_age="600", prompt="none").query["error"] == "login_required"


def test_the_sign_in_is_recorded(app):
    app.sign_in()
    event = AuthEvent.objects.get(outcome="Pass")
    assert (event.flow, event.ip_address) == ("HOSTED_UI", "192.0.2.1")


def test_the_tokens_name_the_recorded_event(app):
    tokens = app.tokens()
    event = AuthEvent.objects.get(outcome="Pass")
    assert claims(tokens["id_token"])["event_id"] == str(event.id)


# A temporary password


@pytest.fixture
def invited(idp, pool):
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="bo",
        TemporaryPassword="Temporary-Horse-1",
        MessageAction="SUPPRESS",
    )
    return "bo"


def test_a_temporary_password_is_replaced(app, invited):
    page = app.browser.submit(start(app), username=invited, password="Temporary-Horse-1")
    assert page.form.kinds["new_password"] == "new-password"
    unequal = app.browser.submit(page, new_password=NEW, confirm_password="other")
    assert unequal.form.alerts == ["The two passwords differ."]
    weak = app.browser.submit(unequal, new_password="weak", confirm_password="weak")
    assert "Password did not conform with policy" in weak.form.alerts[0]
    back = app.browser.submit(weak, new_password=NEW, confirm_password=NEW)
    assert back.location.startswith(CALLBACK)
    assert app.redeem(back.query["code"]).status == 200


def test_required_attributes_are_asked_for(app, idp, make_pool, make_web_client):
    pool = make_pool(Schema=[{"Name": "family_name", "Required": True}])
    app.client = make_web_client(pool)
    idp.admin_create_user(
        UserPoolId=pool.id,
        Username="bo",
        TemporaryPassword="Temporary-Horse-1",
        MessageAction="SUPPRESS",
    )
    page = app.browser.submit(start(app), username="bo", password="Temporary-Horse-1")
    assert page.form.kinds["userAttributes.family_name"] == "family-name"
    weak = app.browser.submit(
        page,
        new_password="x",
        confirm_password="x",
        **{"userAttributes.family_name": "Bo"},
    )
    assert weak.form.fields["userAttributes.family_name"] == "Bo"
    back = app.browser.submit(weak, new_password=NEW, confirm_password=NEW)
    assert back.location.startswith(CALLBACK)
    assert PoolUser.objects.get(username="bo").attributes["family_name"] == "Bo"


def test_a_step_belongs_to_the_browser_that_began(app, invited, application):
    page = app.browser.submit(start(app), username=invited, password="Temporary-Horse-1")
    other = Browser(application)
    other.get(page.url)
    assert other.cookies()
    stolen = other.submit(page, new_password=NEW, confirm_password=NEW)
    assert stolen.status == 403


def test_a_step_is_good_once(app, invited):
    page = app.browser.submit(start(app), username=invited, password="Temporary-Horse-1")
    cookies = dict(app.browser.cookies())
    assert app.browser.submit(page, new_password=NEW, confirm_password=NEW).status == 303
    app.browser.cookies().update(cookies)
    again = app.browser.submit(
        page, new_password="Third-Horse-11", confirm_password="Third-Horse-11"
    )
    assert again.status == 400
    assert BrowserSession.objects.count() == 1


# Second factors


SMS = {
    "SmsConfiguration": {
        "SnsCallerArn": "arn:aws:iam::000000000000:role/sms",
        "ExternalId": "ext",
    }
}
CONTACTS = {"email": "ana@example.com", "phone_number": "+4915112345678"}


@pytest.fixture
def factors(idp, make_pool, make_web_client, make_user, app):
    """Move the application to a pool with these factors, and its user ana."""

    def make(state, *names):
        pool = make_pool(
            AccountRecoverySetting={"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]}
        )
        known = {
            "SoftwareTokenMfaConfiguration": {"Enabled": True},
            "SmsMfaConfiguration": SMS,
            "EmailMfaConfiguration": {"Message": "Your code is {####}", "Subject": "Code"},
        }
        chosen = {name: known[name] for name in names}
        idp.set_user_pool_mfa_config(UserPoolId=pool.id, MfaConfiguration=state, **chosen)
        make_user(pool, "ana", **CONTACTS)
        app.client = make_web_client(pool)
        return app

    return make


def secret_in(page):
    return page.text.partition("<code>")[2].partition("</code>")[0]


def test_an_authenticator_app_is_set_up_and_used(factors):
    app = factors("ON", "SoftwareTokenMfaConfiguration")
    page = app.browser.submit(start(app), username="ana", password=app.password)
    secret = secret_in(page)
    assert f"otpauth://totp/made?secret={secret}&amp;issuer=made" in page.text
    assert page.form.kinds["code"] == "one-time-code"
    wrong = app.browser.submit(page, code="000000")
    assert wrong.form.alerts == ["Code mismatch and fail enable Software Token MFA"]
    back = app.browser.submit(wrong, code=code_of(secret))
    assert back.location.startswith(CALLBACK)
    assert app.redeem(back.query["code"]).status == 200
    page = app.browser.submit(start(app, prompt="login"), username="ana", password=app.password)
    assert page.form.fields.keys() >= {"code"}
    assert not page.form.fields.keys() & {"username", "password"}
    used = app.browser.submit(page, code=code_of(secret))
    assert used.status == 400
    page = app.browser.submit(start(app, prompt="login"), username="ana", password=app.password)
    again = app.browser.submit(page, code="000000")
    assert again.form.alerts == ["Invalid code received for user"]
    back = app.browser.submit(again, code=code_of(secret, drift=1))
    assert back.location.startswith(CALLBACK)


def test_a_sent_code_is_taken(factors, sent):
    app = factors("ON", "SmsMfaConfiguration")
    page = app.browser.submit(start(app), username="ana", password=app.password)
    assert "+*********5678" in page.text
    wrong = app.browser.submit(page, code="000000")
    assert wrong.status == 400
    code = sent()[-1]["code"]
    back = app.browser.submit(wrong, code=f"{code[:3]} {code[3:]}")
    assert back.location.startswith(CALLBACK)


def test_a_session_of_the_pages_serves_the_pages_alone(factors, sent, idp):
    app = factors("ON", "SmsMfaConfiguration")
    page = app.browser.submit(start(app), username="ana", password=app.password)
    code = sent()[-1]["code"]
    responses = {"USERNAME": "ana", "SMS_MFA_CODE": code}
    if app.client.has_secret:
        secret = app.client.secret_values[0]
        responses["SECRET_HASH"] = secret_hash(secret, "ana", app.client.client_id)
    said = refused(
        idp,
        "NotAuthorizedException",
        idp.respond_to_auth_challenge,
        ClientId=app.client.client_id,
        ChallengeName="SMS_MFA",
        Session=page.form.fields["session"],
        ChallengeResponses=responses,
    )
    assert said == "Invalid session for the user."
    assert app.browser.submit(page, code=code).location.startswith(CALLBACK)


def test_a_session_of_the_api_serves_the_api_alone(factors, sent, idp):
    app = factors("ON", "SmsMfaConfiguration")
    page = app.browser.submit(start(app), username="ana", password=app.password)
    client = AppClient.objects.get(client_id=app.client.client_id)
    call = Call("RespondToAuthChallenge", None, "us-east-1", "0" * 12, "", "127.0.0.1")
    attempt = sealed.unseal(page.form.fields["session"], client=client, call=call)
    attempt.flow = "USER_PASSWORD_AUTH"
    foreign = sealed.seal(attempt)
    code = sent()[-1]["code"]
    # Even with a form of the browser's own around it.
    with pytest.raises(NotAuthorizedException, match="Invalid session"):
        signing_in.answer(client, call, foreign, "SMS_MFA", {"SMS_MFA_CODE": code})
    assert not BrowserSession.objects.exists()
    assert app.browser.submit(page, code=code).location.startswith(CALLBACK)


def test_a_factor_is_chosen(factors, sent, idp):
    app = factors("OPTIONAL", "SmsMfaConfiguration", "EmailMfaConfiguration")
    idp.admin_set_user_mfa_preference(
        UserPoolId=app.client.pool_id,
        Username="ana",
        SMSMfaSettings={"Enabled": True},
        EmailMfaSettings={"Enabled": True},
    )
    page = app.browser.submit(start(app), username="ana", password=app.password)
    assert "factor" in page.form.fields
    none = app.browser.submit(page, factor="SOFTWARE_TOKEN_MFA")
    assert none.status == 400
    page = app.browser.submit(start(app), username="ana", password=app.password)
    page = app.browser.submit(page, factor="EMAIL_OTP")
    assert "by email" in page.text
    back = app.browser.submit(page, code=sent()[-1]["code"])
    assert back.location.startswith(CALLBACK)


def test_a_password_alone_is_no_sign_in_where_a_factor_is_due(factors):
    app = factors("ON", "SmsMfaConfiguration")
    app.browser.submit(start(app), username="ana", password=app.password)
    assert not BrowserSession.objects.exists()
    assert app.authorize(prompt="none").query["error"] == "login_required"
