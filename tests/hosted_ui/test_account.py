"""Making an account, confirming it, and setting a lost password anew, on the pages."""

import pytest

from tests.hosted_ui.conftest import CALLBACK, App
from userpools.models import PoolUser, UserStatus

NEW = "Another-Horse-10"


def page(app, path, **query):
    start = app.browser.follow(app.authorize(**query))
    return app.browser.get(start.url.replace("/login?", f"/{path}?"))


@pytest.fixture
def shop(browser, make_pool, make_web_client):
    """An application whose people sign up with an e-mail address, which gets a code."""
    pool = make_pool(
        AutoVerifiedAttributes=["email"],
        Schema=[{"Name": "given_name", "Required": True}],
        AliasAttributes=["email"],
    )
    return App(browser, make_web_client(pool))


def sign_up(app, **changes):
    filled = {
        "username": "cleo",
        "userAttributes.given_name": "Cleo",
        "userAttributes.email": "cleo@example.com",
        "new_password": NEW,
        "confirm_password": NEW,
        **changes,
    }
    return app.browser.submit(page(app, "signup"), **filled)


def test_a_person_makes_an_account_and_signs_in(shop, sent):
    login = shop.browser.follow(shop.authorize())
    assert "/signup?" in login.text
    confirm = sign_up(shop)
    assert "c***@e***" in confirm.text
    assert confirm.form.fields["username"] == "cleo"
    wrong = shop.browser.submit(confirm, code="000000")
    assert wrong.status == 400
    assert wrong.form.alerts == ["Invalid verification code provided, please try again."]
    login = shop.browser.submit(wrong, code=sent()[-1]["code"])
    assert "Your account is confirmed" in login.text
    assert PoolUser.objects.get().status == UserStatus.CONFIRMED
    back = shop.browser.submit(login, password=NEW)
    assert back.location.startswith(CALLBACK)
    assert shop.redeem(back.query["code"]).status == 200


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"confirm_password": "Other-Horse-11"}, "The two passwords differ."),
        ({"new_password": "x", "confirm_password": "x"}, "The password is empty, too long"),
        (
            {"new_password": "longenough", "confirm_password": "longenough"},
            "Password did not conform with policy",
        ),
        ({"username": "has spaces"}, "The name is empty, too long or of another form."),
        ({"username": "x" * 129}, "The name is empty, too long or of another form."),
        ({"username": ""}, "The name is empty, too long or of another form."),
        ({"userAttributes.email": "no address"}, "Invalid email address format."),
        ({"userAttributes.given_name": ""}, "given_name"),
        ({"userAttributes.given_name": "x" * 2049}, "One of the details"),
    ],
)
def test_what_is_wrong_is_said_and_the_rest_kept(shop, changes, says):
    answer = sign_up(shop, **changes)
    assert answer.status == 400
    assert says in answer.form.alerts[0]
    assert answer.form.fields["new_password"] == ""
    kept = {"username": "cleo", "userAttributes.email": "cleo@example.com", **changes}
    for name in ("username", "userAttributes.email"):
        assert answer.form.fields[name] == kept[name]
    assert not PoolUser.objects.exists()


def test_attributes_that_the_client_may_not_write_are_refused(shop):
    form = page(shop, "signup")
    data = {
        **form.form.fields,
        "username": "cleo",
        "userAttributes.given_name": "Cleo",
        "userAttributes.email": "cleo@example.com",
        "userAttributes.email_verified": "true",
        "new_password": NEW,
        "confirm_password": NEW,
    }
    assert shop.browser.post(form.form.action, data).status == 400
    assert not PoolUser.objects.exists()


def test_a_taken_name_is_refused(shop):
    sign_up(shop)
    assert sign_up(shop).form.alerts == ["User already exists"]
    assert PoolUser.objects.count() == 1


def test_where_administrators_make_accounts_there_is_no_page(app, idp, make_pool, make_web_client):
    pool = make_pool(AdminCreateUserConfig={"AllowAdminCreateUserOnly": True})
    app.client = make_web_client(pool)
    answer = page(app, "signup")
    assert answer.form.alerts == ["SignUp is not permitted for this user pool"]
    assert "new_password" not in answer.form.fields
    assert "/signup?" not in app.browser.follow(app.authorize()).text
    own = page(App(app.browser, app.client), "login")
    data = {**own.form.fields, "username": "x", "new_password": NEW, "confirm_password": NEW}
    shut = app.browser.post(own.form.action.replace("/login?", "/signup?"), data)
    assert shut.form.alerts == ["SignUp is not permitted for this user pool"]
    assert not PoolUser.objects.filter(pool=pool).exists()


def test_an_unconfirmed_person_is_asked_for_the_code_at_sign_in(shop, sent):
    sign_up(shop)
    login = shop.browser.follow(shop.authorize())
    confirm = shop.browser.submit(login, username="cleo", password=NEW)
    assert confirm.form.fields.keys() >= {"username", "code"}
    assert "/resendcode?" in confirm.text
    again = page(shop, "resendcode", login_hint="cleo")
    confirm = shop.browser.submit(again)
    assert "c***@e***" in confirm.text
    login = shop.browser.submit(confirm, code=sent()[-1]["code"])
    assert "Your account is confirmed" in login.text


def test_a_lost_password_is_set_anew(app, idp, pool, sent):
    idp.admin_update_user_attributes(
        UserPoolId=pool.id,
        Username="ana",
        UserAttributes=[{"Name": "email_verified", "Value": "true"}],
    )
    login = app.browser.follow(app.authorize())
    assert "/forgotPassword?" in login.text
    reset = app.browser.submit(page(app, "forgotPassword"), username="ana")
    assert "a***@e***" in reset.text
    code = sent()[-1]["code"]
    values = {"new_password": NEW, "confirm_password": NEW}
    assert app.browser.submit(reset, code=code, new_password=NEW).form.alerts == [
        "The two passwords differ."
    ]
    assert app.browser.submit(reset, code="000000", **values).status == 400
    login = app.browser.submit(reset, code=code, **values)
    assert "Your password is changed" in login.text
    assert app.browser.submit(reset, code=code, **values).status == 400
    assert app.browser.submit(login, password=app.password).status == 400
    assert app.browser.submit(login, password=NEW).location.startswith(CALLBACK)


def test_nobodys_password_looks_like_somebodys_where_the_client_hides(
    app, idp, pool, make_web_client
):
    app.client = make_web_client(pool, PreventUserExistenceErrors="ENABLED")
    answer = app.browser.submit(page(app, "forgotPassword"), username="nobody")
    assert answer.status == 200
    assert "We sent a code to" in answer.text


@pytest.mark.parametrize(
    "path", ["signup", "confirmUser", "resendcode", "forgotPassword", "confirmForgotPassword"]
)
def test_each_form_has_its_token_and_its_headers(app, path):
    form = page(app, path)
    assert form.header("X-Frame-Options") == "DENY"
    assert "frame-ancestors 'none'" in form.header("Content-Security-Policy")
    refused = app.browser.submit(form, csrf="x")
    assert refused.status == 403
    bad = app.browser.get(form.url.replace("callback", "elsewhere"))
    assert bad.location.startswith(f"http://testserver{app.base}/error?")


def test_guesses_of_an_address_are_counted_together(app, monkeypatch):
    monkeypatch.setattr("hosted_ui.signing_in.ATTEMPTS_FROM_ADDRESS", 1)
    form = page(app, "confirmForgotPassword")
    values = {"code": "000000", "new_password": NEW, "confirm_password": NEW}
    assert app.browser.submit(form, username="ana", **values).status == 400
    assert app.browser.submit(form, username="bo", **values).status == 429
