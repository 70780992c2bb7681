"""The code flow as a person and an application see it."""

import jwt

from tests.hosted_ui.conftest import CALLBACK, CHALLENGE, SIGNED_OUT, VERIFIER, claims
from userpools.models import BrowserSession, SignInSession
from userpools.tokens.mint import at_hash


def test_a_person_signs_in_and_the_application_gets_tokens(app, pool):
    back = app.sign_in(scope="openid email", nonce="n-1", state="a b+c/&=d", **pkce())
    assert back.status == 303
    assert back.location.startswith(f"{CALLBACK}?code=")
    assert back.query["state"] == "a b+c/&=d"
    answer = app.redeem(back.query["code"], code_verifier=VERIFIER)
    assert answer.status == 200
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Access-Control-Allow-Origin") == "*"
    tokens = answer.json
    assert list(tokens) == [
        "id_token", "access_token", "refresh_token", "expires_in", "token_type",
    ]  # fmt: skip
    assert (tokens["expires_in"], tokens["token_type"]) == (3600, "Bearer")
    access, identity = claims(tokens["access_token"]), claims(tokens["id_token"])
    assert access["scope"] == "openid email"
    assert access["version"] == 2
    assert "aud" not in access
    assert identity["nonce"] == "n-1"
    assert identity["email"] == "ana@example.com"
    assert identity["at_hash"] == at_hash(tokens["access_token"])
    assert identity["auth_time"] == access["auth_time"]
    assert identity["origin_jti"] == access["origin_jti"]
    assert jwt.get_unverified_header(tokens["id_token"]).keys() == {"alg", "kid"}


def pkce():
    return {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


def test_refreshed_tokens_are_like_the_first(app):
    first = app.tokens(scope="openid email")
    answer = app.token(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert list(answer.json) == ["id_token", "access_token", "expires_in", "token_type"]
    before, after = claims(first["access_token"]), claims(answer.json["access_token"])
    assert after["jti"] != before["jti"]
    for name in ("scope", "version", "auth_time", "origin_jti", "sub"):
        assert after[name] == before[name]
    identity = claims(answer.json["id_token"])
    assert identity["at_hash"] == at_hash(answer.json["access_token"])
    assert "email" in identity
    assert "phone_number" not in identity


def test_without_openid_there_is_no_id_token(pool, make_web_client, app):
    app.client = make_web_client(pool, AllowedOAuthScopes=["aws.cognito.signin.user.admin"])
    tokens = app.tokens(scope="aws.cognito.signin.user.admin")
    assert "id_token" not in tokens
    refreshed = app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert "id_token" not in refreshed.json


def test_its_tokens_serve_the_users_own_operations(idp, pool, make_web_client, app):
    app.client = make_web_client(pool, AllowedOAuthScopes=["aws.cognito.signin.user.admin"])
    tokens = app.tokens()
    assert idp.get_user(AccessToken=tokens["access_token"])["Username"] == "ana"


def test_one_sign_in_leaves_one_session_of_each_kind(app):
    app.tokens()
    assert SignInSession.objects.count() == 1
    assert BrowserSession.objects.count() == 1


def test_the_second_application_is_silent(app, pool, make_web_client):
    first = claims(app.tokens()["access_token"])
    app.client = make_web_client(pool)
    back = app.authorize(prompt="none")
    assert back.location.startswith(CALLBACK)
    second = claims(app.redeem(back.query["code"]).json["access_token"])
    assert second["sub"] == first["sub"]
    assert second["auth_time"] == first["auth_time"]
    assert second["origin_jti"] != first["origin_jti"]
    assert second["client_id"] == app.client.client_id


def test_logout_ends_both(app, pool, make_web_client):
    app.tokens()
    out = app.browser.get(
        f"{app.base}/logout", client_id=app.client.client_id, logout_uri=SIGNED_OUT
    )
    assert (out.status, out.location) == (302, SIGNED_OUT)
    app.client = make_web_client(pool)
    assert app.authorize(prompt="none").query["error"] == "login_required"


def test_the_implicit_grant_answers_in_the_fragment(app, pool, make_web_client):
    app.client = make_web_client(pool, AllowedOAuthFlows=["implicit"])
    back = app.sign_in(response_type="token", scope="openid", nonce="n")
    assert back.location.startswith(f"{CALLBACK}#")
    answer = back.query
    assert answer["state"] == "s"
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", "3600")
    assert "refresh_token" not in answer
    assert claims(answer["id_token"])["nonce"] == "n"
    assert app.user_info(answer["access_token"]).status == 200


def test_a_resource_becomes_the_audience_and_stays_it(app):
    tokens = app.tokens(resource="https://api.example.com/orders")
    assert claims(tokens["access_token"])["aud"] == "https://api.example.com/orders"
    refreshed = app.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"]).json
    assert claims(refreshed["access_token"])["aud"] == "https://api.example.com/orders"


def test_a_query_in_the_callback_stays(app, pool, make_web_client):
    callback = "https://app.example.com/callback?tenant=1"
    app.client = make_web_client(pool, CallbackURLs=[callback])
    assert app.sign_in(redirect_uri=callback).location.startswith(f"{callback}&code=")


def test_a_logout_address_may_have_letters_of_any_language(app, pool, make_web_client):
    address = "https://app.example.com/tschüss"
    app.client = make_web_client(pool, LogoutURLs=[address])
    out = app.browser.get(f"{app.base}/logout", client_id=app.client.client_id, logout_uri=address)
    assert out.location == "https://app.example.com/tsch%C3%BCss"


def test_a_callback_of_an_apps_own_scheme_stays_as_it_is(app, pool, make_web_client):
    app.client = make_web_client(pool, CallbackURLs=["myapp://"])
    back = app.sign_in(redirect_uri="myapp://")
    assert back.location.startswith("myapp://?code=")
    assert app.redeem(back.query["code"], redirect_uri="myapp://").status == 200


def test_without_a_redirect_uri_the_only_one_counts(app):
    assert app.sign_in(redirect_uri=None).location.startswith(CALLBACK)


def test_the_default_redirect_uri_counts_among_several(app, pool, make_web_client):
    app.client = make_web_client(
        pool, CallbackURLs=[CALLBACK, "https://b.example.com"], DefaultRedirectURI=CALLBACK
    )
    assert app.sign_in(redirect_uri=None).location.startswith(CALLBACK)
