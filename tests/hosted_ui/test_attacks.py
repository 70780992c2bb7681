"""RFC 9700's list, each with a control that the honest request passes."""

import base64
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.calls import in_parallel
from tests.hosted_ui.browser import Browser
from tests.hosted_ui.conftest import (
    API,
    CALLBACK,
    CHALLENGE,
    SIGNED_OUT,
    VERIFIER,
    challenge_of,
)
from userpools.models import AppClient, BrowserSession, Grant, SignInSession, UserPool

PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


def error_page(app, answer, error=None):
    """The answer goes to the pool's own error page, and shows nothing of the request."""
    assert answer.status == 302
    assert answer.location.startswith(f"http://testserver{app.base}/error?")
    if error:
        assert answer.query["error"] == error
    page = app.browser.follow(answer)
    assert page.status == 400
    assert "Something went wrong" in page.text
    return page


def refused(answer, error, **also):
    assert answer.status == 400, answer.text
    assert answer.json["error"] == error
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert "no-store" in answer.header("Cache-Control")
    for name, value in also.items():
        assert answer.json[name] == value


# Redirect URIs


@pytest.mark.parametrize(
    "uri",
    [
        f"{CALLBACK}/",
        f"{CALLBACK}/../evil",
        f"{CALLBACK}?x=1",
        f"{CALLBACK}#",
        f"{CALLBACK}#fragment",
        "https://app.example.com/Callback",
        "https://app.example.com/callback%2f",
        "https://app.example.com/%63allback",
        "https://app.example.com:443/callback",
        "https://app.example.com:8443/callback",
        "https://app.example.com./callback",
        "https://user@app.example.com/callback",
        "https://app.example.com@evil.example/callback",
        "https://evil.example\\@app.example.com/callback",
        "https://app.example.com.evil.example/callback",
        "https://APP.example.com/callback",
        "HTTPS://app.example.com/callback",
        "http://app.example.com/callback",
        "//app.example.com/callback",
        " https://app.example.com/callback",
        "https://app.example.com/callback ",
        "https://app.example.com/callback\n",
        "https://app.example.com/callback\x00",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil",
    ],
)
def test_a_redirect_uri_that_is_not_registered_is_never_redirected_to(app, uri):
    error_page(app, app.authorize(redirect_uri=uri), "redirect_mismatch")
    login = app.browser.get(
        f"{app.base}/login",
        client_id=app.client.client_id,
        response_type="code",
        redirect_uri=uri,
    )
    error_page(app, login, "redirect_mismatch")


def test_the_registered_redirect_uri_passes(app):
    assert app.browser.follow(app.authorize()).status == 200


@pytest.mark.parametrize("client_id", ["", "unknown", "x" * 500, "<script>", "\x00", "ü"])
def test_an_unknown_client_is_never_redirected(app, client_id):
    error_page(app, app.authorize(client_id=client_id), "Client does not exist.")


def test_another_pools_client_is_unknown(app, make_pool, make_web_client):
    other = make_web_client(make_pool())
    error_page(app, app.authorize(client_id=other.client_id), "Client does not exist.")


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "response_type", "scope", "state"])
def test_a_repeated_parameter_is_refused_on_a_page(app, name):
    query = (
        f"response_type=code&client_id={app.client.client_id}&redirect_uri={CALLBACK}"
        f"&scope=openid&state=s&{name}=x"
    )
    error_page(app, app.browser.get(f"{app.base}/oauth2/authorize?{query}"))


@pytest.mark.parametrize("name", ["nonce", "code_challenge", "resource", "prompt", "max_age"])
def test_other_repeated_parameters_are_answered(app, name):
    query = (
        f"response_type=code&client_id={app.client.client_id}&redirect_uri={CALLBACK}"
        f"&{name}=1&{name}=1"
    )
    answer = app.browser.get(f"{app.base}/oauth2/authorize?{query}")
    assert answer.location.startswith(f"{CALLBACK}?")
    assert answer.query["error"] == "invalid_request"


def test_without_a_redirect_uri_and_several_callbacks_there_is_no_answer(
    app, pool, make_web_client
):
    app.client = make_web_client(pool, CallbackURLs=[CALLBACK, "https://b.example.com"])
    error_page(app, app.authorize(redirect_uri=None))


# Response types, scopes and parameters


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "id_token"}, "invalid_request"),
        ({"response_type": "code token"}, "invalid_request"),
        ({"response_type": "none"}, "invalid_request"),
        ({"response_type": "xcode"}, "invalid_request"),
        ({"scope": "openid unknown"}, "invalid_scope"),
        ({"scope": "openid aws.cognito.signin.user.admin"}, "invalid_scope"),
        ({"scope": "email"}, "invalid_scope"),
        ({"code_challenge": CHALLENGE}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"nonce": "n" * 256}, "invalid_request"),
        ({"nonce": "\x00"}, "invalid_request"),
        ({"resource": "https://a\x00"}, "invalid_target"),
        ({"resource": "relative"}, "invalid_target"),
        ({"resource": "http://api.example.com"}, "invalid_target"),
        ({"resource": "https://api.example.com/#x"}, "invalid_target"),
        ({"resource": "https://u:p@api.example.com"}, "invalid_target"),
        ({"resource": "javascript:alert(1)"}, "invalid_target"),
    ],
)
def test_a_bad_request_is_answered_to_the_client(app, query, error):
    answer = app.authorize(**query)
    assert answer.location.startswith(f"{CALLBACK}?")
    assert (answer.query["error"], answer.query["state"]) == (error, "s")
    assert not Grant.objects.exists()


def test_the_implicit_grant_is_refused_where_it_is_not_allowed(app, pool, make_web_client):
    answer = app.authorize(response_type="token")
    assert answer.location.startswith(f"{CALLBACK}#")
    assert answer.query["error"] == "unauthorized_client"
    app.client = make_web_client(pool, AllowedOAuthFlows=["implicit"])
    assert app.authorize(response_type="code").query["error"] == "unauthorized_client"


def test_a_client_without_oauth_gets_no_code(app, pool, make_web_client):
    app.client = make_web_client(pool, AllowedOAuthFlowsUserPoolClient=False)
    assert app.authorize().query["error"] == "unauthorized_client"


def test_a_client_without_the_pools_own_users_has_no_login_page(app, pool, make_web_client):
    app.client = make_web_client(pool, SupportedIdentityProviders=None)
    error_page(app, app.authorize(), "login_unavailable")


# Codes


def test_a_code_is_good_once_and_its_tokens_die_with_it(app):
    code = app.sign_in().query["code"]
    tokens = app.redeem(code).json
    assert app.user_info(tokens["access_token"]).status == 200
    refused(app.redeem(code), "invalid_grant")
    assert app.user_info(tokens["access_token"]).status == 401
    refused(
        app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]),
        "invalid_grant",
    )


def test_a_code_is_kept_as_a_hash(app):
    code = app.sign_in().query["code"]
    assert code not in Grant.objects.get().code


def test_a_code_expires(app):
    code = app.sign_in().query["code"]
    issued = Grant.objects.get()
    assert issued.expires - issued.created <= timedelta(minutes=5)
    Grant.objects.update(expires=timezone.now())
    refused(app.redeem(code), "invalid_grant")


@pytest.mark.parametrize("code", ["", "unknown", "x" * 5000, "\x00", "ü"])
def test_an_unknown_code_is_refused(app, code):
    refused(app.redeem(code), "invalid_grant" if code else "invalid_request")


def test_a_code_of_another_client_is_refused_and_stays_good(app, pool, make_web_client):
    code = app.sign_in().query["code"]
    own, app.client = app.client, make_web_client(pool)
    refused(app.redeem(code), "invalid_grant")
    app.client = own
    assert app.redeem(code).status == 200


def test_a_code_is_bound_to_its_redirect_uri(app, pool, make_web_client):
    app.client = make_web_client(pool, CallbackURLs=[CALLBACK, "https://b.example.com"])
    code = app.sign_in().query["code"]
    refused(
        app.redeem(code, redirect_uri="https://b.example.com"),
        "unauthorized_client",
        error_description="invalid_redirect",
    )
    refused(app.redeem(code, redirect_uri=None), "invalid_request")
    assert app.redeem(code).status == 200


def test_a_code_dies_with_its_users_epoch(app, idp, pool):
    code = app.sign_in().query["code"]
    idp.admin_user_global_sign_out(UserPoolId=pool.id, Username="ana")
    refused(app.redeem(code), "invalid_grant")
    assert app.authorize(prompt="none").query.keys() == {"code", "state"}


@pytest.mark.django_db(transaction=True)
def test_of_parallel_redemptions_one_succeeds_and_its_tokens_die(app, application):
    code = app.sign_in().query["code"]
    base, client_id = app.base, app.client.client_id

    def redeem():
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": client_id,
        }
        answers.append(Browser(application).post(f"{base}/oauth2/token", form).status)

    answers: list[int] = []
    in_parallel(4, redeem)
    assert sorted(answers) == [200, 400, 400, 400]
    assert not SignInSession.objects.filter(revoked_at__isnull=True).exists()


# PKCE


@pytest.mark.parametrize("verifier", [None, "", "wrong", CHALLENGE, VERIFIER + "x"])
def test_a_challenge_demands_its_verifier(app, verifier):
    code = app.sign_in(**PKCE).query["code"]
    answer = app.redeem(code, code_verifier=verifier)
    refused(answer, "invalid_grant" if verifier else "invalid_request")
    assert app.redeem(code, code_verifier=VERIFIER).status == 200


def test_a_verifier_without_a_challenge_is_a_downgrade(app):
    code = app.sign_in().query["code"]
    refused(app.redeem(code, code_verifier=VERIFIER), "invalid_grant")


def test_the_published_vector_holds():
    assert challenge_of(VERIFIER) == CHALLENGE


# Client authentication


def basic(client_id, secret):
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


@pytest.fixture
def secret_app(app, pool, make_web_client):
    app.client = make_web_client(pool, GenerateSecret=True)
    return app


def machine_token(browser, client, authorization=None, **form):
    headers = {"Authorization": authorization} if authorization else {}
    sent = {"grant_type": "client_credentials", **form}
    return browser.ask(
        "POST",
        f"/{client.pool_id}/oauth2/token",
        {name: value for name, value in sent.items() if value is not None},
        headers,
    )


def test_a_secret_is_demanded_and_compared(secret_app):
    code = secret_app.sign_in().query["code"]
    refused(secret_app.redeem(code), "invalid_client")
    refused(secret_app.redeem(code, client_secret="wrong"), "invalid_client")
    secret = secret_app.client.secret_values[0]
    assert secret_app.redeem(code, client_secret=secret).status == 200


def test_a_public_client_has_no_secret_to_send(app):
    code = app.sign_in().query["code"]
    refused(app.redeem(code, client_secret="made-up"), "invalid_client")


def test_two_ways_of_authenticating_are_refused(browser, machine):
    secret = machine.secret_values[0]
    header = basic(machine.client_id, secret)
    refused(machine_token(browser, machine, header, client_secret=secret), "invalid_request")
    assert machine_token(browser, machine, header).status == 200
    assert (
        machine_token(browser, machine, client_id=machine.client_id, client_secret=secret).status
        == 200
    )


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic Og==", "Basic eA==", "Bearer x", "Basic ////"]
)
def test_a_malformed_header_is_no_client(browser, machine, header):
    refused(machine_token(browser, machine, header), "invalid_client")


def test_header_and_body_name_one_client(browser, machine):
    header = basic(machine.client_id, machine.secret_values[0])
    refused(machine_token(browser, machine, header, client_id="other"), "invalid_client")
    assert machine_token(browser, machine, header, client_id=machine.client_id).status == 200


def test_another_pools_client_is_no_client(browser, machine, make_pool):
    header = basic(machine.client_id, machine.secret_values[0])
    answer = browser.ask(
        "POST",
        f"/{make_pool().id}/oauth2/token",
        {"grant_type": "client_credentials"},
        {"Authorization": header},
    )
    refused(answer, "invalid_client")


# Scopes of machines, and of refreshed tokens


def test_a_machine_gets_no_scope_that_it_may_not_have(browser, machine):
    header = basic(machine.client_id, machine.secret_values[0])
    for scope, error in (
        (f"{API}/write", "invalid_grant"),
        (f"{API}/none", "invalid_scope"),
        (f"{API}/read {API}/write", "invalid_grant"),
        ("openid", "invalid_scope"),
        ("aws.cognito.signin.user.admin", "invalid_scope"),
    ):
        refused(machine_token(browser, machine, header, scope=scope), error)
    assert machine_token(browser, machine, header, scope=f"{API}/read").status == 200


def test_refreshing_gains_no_scope(app):
    tokens = app.tokens(scope="openid")
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refused(app.token(**form, scope="openid email"), "invalid_scope")
    assert app.token(**form, scope="openid").status == 200


def test_a_refresh_token_of_another_client_is_refused(app, pool, make_web_client):
    tokens = app.tokens()
    app.client = make_web_client(pool)
    refused(
        app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]),
        "invalid_grant",
    )


def test_grants_that_the_client_lacks_are_refused(browser, machine, app):
    header = basic(machine.client_id, machine.secret_values[0])
    answer = machine_token(
        browser, machine, header, grant_type="authorization_code", code="x", redirect_uri=CALLBACK
    )
    refused(answer, "unauthorized_client")
    refused(app.token(grant_type="client_credentials"), "unauthorized_client")


@pytest.mark.parametrize(
    "grant_type", ["password", "openid", "implicit", "urn:ietf:params:oauth:grant-type:device_code"]
)
def test_unknown_grants_are_unsupported(app, grant_type):
    refused(app.token(grant_type=grant_type), "unsupported_grant_type")


def test_a_token_request_is_a_form_with_each_field_once(app):
    url = f"{app.base}/oauth2/token"
    refused(app.token(), "invalid_request")
    refused(app.browser.ask("POST", url, b"grant_type=a&grant_type=b"), "invalid_request")
    refused(app.browser.ask("POST", url, b""), "invalid_request")
    refused(app.browser.ask("POST", url, b"\xff=\xff"), "invalid_request")
    json = {"Content-Type": "application/json"}
    refused(app.browser.ask("POST", url, b"{}", json), "invalid_request")
    refused(app.browser.ask("POST", url, b"a" * 70_000), "invalid_request")
    refused(
        app.browser.post(f"{url}?client_secret=x", {"grant_type": "refresh_token"}),
        "invalid_request",
    )
    assert app.browser.get(url).status == 405


# Forms


def test_a_form_is_bound_to_its_browser(app, application):
    page = app.browser.follow(app.authorize())
    other = Browser(application)
    stolen = other.submit(page, username="ana", password=app.password)
    assert stolen.status == 403
    assert not BrowserSession.objects.exists()
    assert app.browser.submit(page, username="ana", password=app.password).status == 303


@pytest.mark.parametrize("token", ["", "x", "AAAA", "\xff"])
def test_a_form_without_its_token_is_refused(app, token):
    page = app.browser.follow(app.authorize())
    answer = app.browser.submit(page, username="ana", password=app.password, csrf=token)
    assert answer.status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil"])
def test_a_form_from_elsewhere_is_refused(app, origin):
    page = app.browser.follow(app.authorize())
    form = {**page.form.fields, "username": "ana", "password": app.password}
    assert app.browser.post(page.form.action, form, Origin=origin).status == 403
    assert app.browser.post(page.form.action, form, Origin="http://testserver").status == 303


def test_the_token_of_another_pool_is_refused(app, pool, make_pool, make_web_client, make_user):
    other = make_pool()
    make_user(other, "ana")
    page = app.browser.follow(app.authorize())
    mine, app.client = app.client, make_web_client(other)
    theirs = app.browser.follow(app.authorize())
    answer = app.browser.submit(
        theirs, username="ana", password=app.password, csrf=page.form.fields["csrf"]
    )
    assert answer.status == 403
    assert mine.pool_id != other.id


# Sessions


def test_the_session_is_a_new_one_at_each_sign_in(app):
    app.browser.cookies()[f"session-{app.client.pool_id}"] = "chosen-by-somebody"
    app.sign_in()
    first = dict(app.browser.cookies())
    assert first[f"session-{app.client.pool_id}"] != "chosen-by-somebody"
    app.sign_in(prompt="login")
    second = dict(app.browser.cookies())
    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())
    assert BrowserSession.objects.filter(ended_at__isnull=True).count() == 1


def test_the_cookie_of_another_pool_is_nothing(app, make_pool, make_web_client):
    app.sign_in()
    jar = app.browser.cookies()
    value = jar[f"session-{app.client.pool_id}"]
    app.client = make_web_client(make_pool())
    jar[f"session-{app.client.pool_id}"] = value
    assert app.authorize(prompt="none").query["error"] == "login_required"


def test_cookies_are_out_of_reach(app):
    app.sign_in()
    assert app.browser.set_cookies
    for cookie in app.browser.set_cookies:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Domain" not in cookie


def test_cookies_are_bound_to_https_where_that_is_the_address(app, settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "PUBLIC_URL": "https://testserver"}
    app.browser.get(
        f"{app.base}/login",
        client_id=app.client.client_id,
        response_type="code",
        redirect_uri=CALLBACK,
    )
    (cookie,) = app.browser.set_cookies
    assert cookie.strip().startswith("__Host-form-")
    assert "Secure" in cookie
    assert "Path=/" in cookie


def test_a_disabled_users_session_is_over(app, idp, pool):
    app.sign_in()
    assert "code" in app.authorize(prompt="none").query
    idp.admin_disable_user(UserPoolId=pool.id, Username="ana")
    assert app.authorize(prompt="none").query["error"] == "login_required"
    idp.admin_enable_user(UserPoolId=pool.id, Username="ana")
    assert app.authorize(prompt="none").query["error"] == "login_required"


def test_a_copied_cookie_is_worthless_after_logout(app):
    app.sign_in()
    copied = dict(app.browser.cookies())
    app.browser.get(f"{app.base}/logout", client_id=app.client.client_id, logout_uri=SIGNED_OUT)
    app.browser.cookies().update(copied)
    assert app.authorize(prompt="none").query["error"] == "login_required"


def test_an_hour_after_the_sign_in_the_session_is_over(app):
    app.sign_in()
    session = BrowserSession.objects.get()
    assert session.expires_at - session.auth_time == timedelta(hours=1)
    BrowserSession.objects.update(expires_at=timezone.now())
    assert app.authorize(prompt="none").query["error"] == "login_required"


# Logout


@pytest.mark.parametrize(
    "uri", [f"{SIGNED_OUT}/", f"{SIGNED_OUT}?x", "https://evil.example", CALLBACK, "", "//x"]
)
def test_logout_goes_nowhere_that_is_not_registered(app, uri):
    app.sign_in()
    answer = app.browser.get(f"{app.base}/logout", client_id=app.client.client_id, logout_uri=uri)
    error_page(app, answer, "redirect_mismatch")
    assert "code" in app.authorize(prompt="none").query


def test_logout_with_two_addresses_goes_to_neither(app):
    query = f"client_id={app.client.client_id}&logout_uri={SIGNED_OUT}&logout_uri=https://x.example"
    error_page(app, app.browser.get(f"{app.base}/logout?{query}"), "redirect_mismatch")


def test_logout_needs_a_client_and_an_address(app):
    error_page(app, app.browser.get(f"{app.base}/logout"), "Client does not exist.")
    error_page(app, app.browser.get(f"{app.base}/logout", client_id=app.client.client_id))


def test_logout_to_the_login_page_needs_a_good_request(app):
    query = {"client_id": app.client.client_id, "response_type": "code"}
    app.sign_in()
    answer = app.browser.get(f"{app.base}/logout", **query, redirect_uri="https://evil.example")
    error_page(app, answer, "redirect_mismatch")
    answer = app.browser.get(f"{app.base}/logout", **query, redirect_uri=CALLBACK, state="x")
    assert answer.location.startswith(f"http://testserver{app.base}/login?")
    assert app.browser.follow(answer).form.fields.keys() >= {"username", "password"}
    assert app.authorize(prompt="none").query["error"] == "login_required"


# Hosts, frames, scripts


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "testserver@evil"])
def test_a_made_up_host_gets_no_page(app, settings, host):
    settings.ALLOWED_HOSTS = ["testserver"]
    path = app.authorize().location.removeprefix("http://testserver")
    assert app.browser.ask("GET", path, headers={"Host": host}).status == 400


def test_forwarded_headers_change_no_address(app):
    answer = app.browser.ask(
        "GET",
        f"{app.base}/oauth2/authorize?response_type=code&client_id={app.client.client_id}"
        f"&redirect_uri={CALLBACK}",
        headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "ftp"},
    )
    assert answer.location.startswith(f"http://testserver{app.base}/login?")


def test_pages_cannot_be_framed_nor_run_scripts(app):
    page = app.browser.follow(app.authorize())
    policy = page.header("Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy
    assert "unsafe" not in policy
    assert page.header("X-Frame-Options") == "DENY"
    assert "no-store" in page.header("Cache-Control")
    assert "<script" not in page.text
    assert " style=" not in page.text


SCRIPT = "\"'><script>alert(1)</script>"


def test_parameters_are_shown_escaped(app):
    page = app.browser.follow(app.authorize(login_hint=SCRIPT, state=SCRIPT, nonce=SCRIPT))
    assert page.status == 200
    assert page.form.fields["username"] == SCRIPT
    assert "<script" not in page.text
    again = app.browser.submit(page, username=SCRIPT, password=SCRIPT)
    assert again.form.fields["username"] == SCRIPT
    assert "<script" not in again.text


def test_the_error_page_repeats_nothing(app):
    page = app.browser.get(f"{app.base}/error", error=SCRIPT, client_id=SCRIPT)
    assert page.status == 400
    assert "alert(1)" not in page.text


def test_names_of_pools_and_clients_are_shown_escaped(app, idp, pool):
    UserPool.objects.filter(pk=pool.pk).update(name=SCRIPT)
    AppClient.objects.filter(pk=app.client.pk).update(name=SCRIPT)
    pool.touch()
    page = app.browser.follow(app.authorize())
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
