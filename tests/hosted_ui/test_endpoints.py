"""What programs call: machines' tokens, userInfo, revoke, discovery, and pools' own domains."""

import base64

import pytest

from tests.hosted_ui.conftest import API, CALLBACK, SIGNED_OUT, claims
from tests.hosted_ui.test_attacks import basic, machine_token, refused
from userpools.models import SignInSession, UserPool
from userpools.ports import NoTriggers

# Machines


def test_a_machines_token_is_its_clients(browser, machine):
    answer = machine_token(browser, machine, basic(machine.client_id, machine.secret_values[0]))
    assert answer.status == 200
    assert list(answer.json) == ["access_token", "expires_in", "token_type"]
    token = claims(answer.json["access_token"])
    assert token["sub"] == token["client_id"] == machine.client_id
    assert token["scope"] == f"{API}/read"
    assert (token["token_use"], token["version"]) == ("access", 2)
    assert token["auth_time"] == token["iat"]
    assert token["exp"] - token["iat"] == 3600
    assert not token.keys() & {"username", "cognito:groups", "origin_jti", "aud", "device_key"}


def test_a_machines_token_costs_no_query(browser, machine, django_assert_num_queries):
    header = basic(machine.client_id, machine.secret_values[0])
    machine_token(browser, machine, header)
    with django_assert_num_queries(0):
        assert machine_token(browser, machine, header).status == 200


def test_a_scope_that_is_gone_is_in_no_token_and_no_error(browser, machine, idp, pool):
    idp.update_user_pool_client(
        UserPoolId=pool.id,
        ClientId=machine.client_id,
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthScopes=[f"{API}/read", f"{API}/write"],
    )
    header = basic(machine.client_id, machine.secret_values[0])
    idp.update_resource_server(
        UserPoolId=pool.id,
        Identifier=API,
        Name="Orders",
        Scopes=[{"ScopeName": "write", "ScopeDescription": "Write"}],
    )
    for form in ({}, {"scope": f"{API}/read {API}/write"}):
        answer = machine_token(browser, machine, header, **form)
        assert claims(answer.json["access_token"])["scope"] == f"{API}/write"
    idp.delete_resource_server(UserPoolId=pool.id, Identifier=API)
    refused(machine_token(browser, machine, header), "invalid_scope")


def test_beyond_the_accounts_rate_machines_are_told_so(browser, machine, settings):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "QUOTAS": {"*": "off", "ClientAuthentication": 1}}
    header = basic(machine.client_id, machine.secret_values[0])
    assert machine_token(browser, machine, header).status == 200
    answer = machine_token(browser, machine, header)
    assert (answer.status, answer.json["error"]) == (429, "slow_down")


class Recorder(NoTriggers):
    """Answers token events with a claim and a scope, and keeps them."""

    seen: list[tuple[str, str, dict]] = []

    def configured(self, pool, trigger):
        return trigger == "PreTokenGeneration"

    def invoke(self, source, *, username, request, **_given):
        self.seen.append((source, username, request))
        return {
            "claimsAndScopeOverrideDetails": {
                "accessTokenGeneration": {
                    "claimsToAddOrOverride": {"tenant": "one", "sub": "forged"},
                    "scopesToAdd": ["extra"],
                }
            }
        }


@pytest.fixture
def recorder(settings, pool):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "TRIGGER_INVOKER": Recorder}
    Recorder.seen = []
    config = {
        "PreTokenGenerationConfig": {
            "LambdaArn": "arn:aws:lambda:us-east-1:000000000000:function:tokens",
            "LambdaVersion": "V3_0",
        }
    }
    pool.configuration["LambdaConfig"] = config
    UserPool.objects.filter(pk=pool.pk).update(configuration=pool.configuration)
    pool.touch()
    return Recorder


def test_a_machines_token_may_be_changed_by_a_function(browser, machine, recorder):
    header = basic(machine.client_id, machine.secret_values[0])
    answer = machine_token(browser, machine, header, aws_client_metadata='{"order": "7"}')
    token = claims(answer.json["access_token"])
    assert token["tenant"] == "one"
    assert token["sub"] == machine.client_id
    assert token["scope"] == f"{API}/read extra"
    ((source, username, request),) = recorder.seen
    assert (source, username) == ("TokenGeneration_ClientCredentials", "ClientCredentials")
    assert request == {
        "userAttributes": {},
        "groupConfiguration": None,
        "scopes": [f"{API}/read"],
        "clientMetadata": {"order": "7"},
    }


@pytest.mark.parametrize("metadata", ["{", "[]", '{"a": 1}', '"x"'])
def test_metadata_is_a_map_of_texts(browser, machine, metadata):
    header = basic(machine.client_id, machine.secret_values[0])
    answer = machine_token(browser, machine, header, aws_client_metadata=metadata)
    refused(answer, "invalid_request")


def test_a_code_gives_tokens_of_hosted_sign_in(app, recorder):
    code = app.sign_in().query["code"]
    assert recorder.seen == []  # a sign-in makes no tokens: the code does
    answer = app.redeem(code)
    assert claims(answer.json["access_token"])["tenant"] == "one"
    assert [source for source, *_ in recorder.seen] == ["TokenGeneration_HostedAuth"]


# Queries


def test_a_refresh_costs_one_query(app, django_assert_num_queries):
    tokens = app.tokens()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    app.token(**form)
    with django_assert_num_queries(1):
        assert app.token(**form).status == 200


def test_a_code_is_redeemed_by_five_statements(app, django_assert_num_queries):
    app.tokens()
    code = app.authorize(prompt="none").query["code"]
    # The grant with its user; the savepoint, the user's lock, the code, the session, its release.
    with django_assert_num_queries(6):
        assert app.redeem(code).status == 200


def test_user_info_costs_one_query(app, django_assert_num_queries):
    tokens = app.tokens()
    app.user_info(tokens["access_token"])
    with django_assert_num_queries(1):
        assert app.user_info(tokens["access_token"]).status == 200


# Rotation


@pytest.fixture
def rotating(app, pool, make_web_client):
    app.client = make_web_client(
        pool,
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
    )
    return app


def test_a_rotated_refresh_token_is_good_once(rotating):
    first = rotating.tokens()
    form = {"grant_type": "refresh_token"}
    second = rotating.token(**form, refresh_token=first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    refused(rotating.token(**form, refresh_token=first["refresh_token"]), "invalid_grant")
    refused(rotating.token(**form, refresh_token=second["refresh_token"]), "invalid_grant")


def test_a_refresh_token_of_the_api_is_taken_too(app, sign_in):
    tokens = sign_in(app.client)
    answer = app.token(grant_type="refresh_token", refresh_token=tokens["RefreshToken"])
    assert answer.status == 200
    assert claims(answer.json["access_token"])["scope"] == "aws.cognito.signin.user.admin"
    assert "id_token" in answer.json


# userInfo


def test_user_info_shows_what_the_scopes_do(app, idp, pool):
    idp.admin_update_user_attributes(
        UserPoolId=pool.id,
        Username="ana",
        UserAttributes=[
            {"Name": name, "Value": value}
            for name, value in (
                ("email_verified", "true"), ("name", "Ana"), ("phone_number", "+15555550100"),
            )
        ],
    )  # fmt: skip
    tokens = app.tokens(scope="openid email")
    answer = app.user_info(tokens["access_token"])
    assert answer.json == {
        "sub": claims(tokens["access_token"])["sub"],
        "email": "ana@example.com",
        "email_verified": "true",
        "username": "ana",
    }
    assert answer.header("Content-Type") == "application/json"
    everything = app.user_info(app.tokens(scope="openid")["access_token"]).json
    assert everything["phone_number"] == "+15555550100"
    profile = app.user_info(app.tokens(scope="openid profile")["access_token"]).json
    assert profile.keys() == {"sub", "name", "username"}


def test_user_info_wants_a_live_token_of_the_pool(app, make_pool, sign_in, pool, idp):
    url = f"{app.base}/oauth2/userInfo"
    for headers in ({}, {"Authorization": "Basic x"}, {"Authorization": "Bearer "}):
        answer = app.browser.ask("GET", url, headers=headers)
        assert answer.status == 400
        assert 'error="invalid_request"' in answer.header("WWW-Authenticate")
    for token in ("x", "a.b.c"):
        answer = app.user_info(token)
        assert (answer.status, answer.json["error"]) == (401, "invalid_token")
        assert 'error="invalid_token"' in answer.header("WWW-Authenticate")
    api_token = sign_in(app.client)["AccessToken"]
    assert app.user_info(api_token).json["error"] == "insufficient_scope"
    tokens = app.tokens()
    assert app.user_info(tokens["id_token"]).status == 401
    elsewhere = app.browser.ask(
        "GET",
        f"/{make_pool().id}/oauth2/userInfo",
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
    )
    assert elsewhere.status == 401
    assert app.user_info(tokens["access_token"]).status == 200
    idp.admin_user_global_sign_out(UserPoolId=pool.id, Username="ana")
    assert app.user_info(tokens["access_token"]).status == 401


def test_a_client_that_reads_half_of_an_address_gets_no_token_for_it(app, pool, make_web_client):
    app.client = make_web_client(pool, ReadAttributes=["email"])
    refused(app.redeem(app.sign_in(scope="openid email").query["code"]), "invalid_grant")
    assert app.redeem(app.sign_in(scope="openid").query["code"]).status == 200


# Revoke


def revoke(app, **form):
    sent = {"client_id": app.client.client_id, **form}
    return app.browser.post(f"{app.base}/oauth2/revoke", sent)


def test_a_revoked_refresh_token_ends_its_tokens(app):
    tokens = app.tokens()
    for _ in range(2):
        answer = revoke(app, token=tokens["refresh_token"])
        assert (answer.status, answer.content) == (200, b"")
    assert app.user_info(tokens["access_token"]).status == 401
    assert revoke(app, token="unknown").status == 200


def test_what_cannot_be_revoked_is_refused(app, pool, make_web_client):
    tokens = app.tokens()
    refused(revoke(app), "invalid_request")
    refused(revoke(app, token=tokens["access_token"]), "unsupported_token_type")
    answer = revoke(app, token=tokens["refresh_token"], client_id="unknown")
    assert (answer.status, answer.json) == (401, {"error": "invalid_client"})
    app.client = make_web_client(pool)
    assert revoke(app, token=tokens["refresh_token"]).status == 200
    assert SignInSession.objects.filter(revoked_at__isnull=True).count() == 1
    app.client = make_web_client(pool, EnableTokenRevocation=False)
    refused(revoke(app, token="x"), "invalid_request")


# Programs in browsers


@pytest.mark.parametrize("path", ["token", "userInfo", "revoke"])
def test_scripts_of_any_origin_may_call(app, path):
    answer = app.browser.ask(
        "OPTIONS",
        f"{app.base}/oauth2/{path}",
        headers={"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status == 200
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert "authorization" in answer.header("Access-Control-Allow-Headers")
    assert not answer.header("Access-Control-Allow-Credentials")


@pytest.mark.parametrize("path", ["oauth2/token", "oauth2/userInfo", "oauth2/revoke", "login"])
def test_an_unknown_pool_has_no_endpoints(browser, path):
    method = "POST" if path.endswith(("token", "revoke")) else "GET"
    assert browser.ask(method, f"/us-east-1_Unknown00/{path}").status == 404


# Discovery


def test_discovery_names_what_is_served_and_no_more(app, pool):
    base = f"http://testserver/{pool.id}"
    document = app.browser.get(f"{app.base}/.well-known/openid-configuration").json
    assert document["issuer"] == base
    assert document["response_types_supported"] == ["code", "token"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    endpoints = {
        name: url for name, url in document.items() if name.endswith(("_endpoint", "_uri"))
    }
    assert endpoints.keys() == {
        "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "revocation_endpoint",
        "end_session_endpoint", "jwks_uri",
    }  # fmt: skip
    for url in endpoints.values():
        assert url.startswith(base)
        assert app.browser.ask("OPTIONS", url).status != 404


# Domains


@pytest.fixture
def domain(settings, idp, pool):
    settings.POOLHOUSE = {**settings.POOLHOUSE, "AUTH_DOMAIN_SUFFIX": "auth.example.net"}
    settings.ALLOWED_HOSTS = ["testserver"]
    idp.create_user_pool_domain(UserPoolId=pool.id, Domain="acme")
    return "http://acme.auth.example.net"


def test_the_pages_are_at_the_pools_domain_too(app, domain):
    browser = app.browser
    query = f"response_type=code&client_id={app.client.client_id}&redirect_uri={CALLBACK}"
    start = browser.get(f"{domain}/oauth2/authorize?{query}")
    assert start.location == f"{domain}/login?{query.replace(':', '%3A').replace('/', '%2F')}"
    page = browser.follow(start)
    assert page.form.action.startswith(f"{domain}/login?")
    assert browser.get(f"{domain}/static/hosted_ui/pages.css").status == 200
    back = browser.submit(page, username="ana", password=app.password)
    form = {
        "grant_type": "authorization_code",
        "code": back.location.partition("code=")[2],
        "redirect_uri": CALLBACK,
        "client_id": app.client.client_id,
    }
    tokens = browser.post(f"{domain}/oauth2/token", form).json
    assert claims(tokens["access_token"])["iss"] == f"http://testserver{app.base}"
    out = f"{domain}/logout?client_id={app.client.client_id}&logout_uri={SIGNED_OUT}"
    assert browser.get(out).location == SIGNED_OUT


def test_discovery_names_the_domain(app, domain):
    for base in (f"http://testserver{app.base}", domain):
        document = app.browser.get(f"{base}/.well-known/openid-configuration").json
        assert document["issuer"] == f"http://testserver{app.base}"
        assert document["token_endpoint"] == f"{domain}/oauth2/token"
        assert document["jwks_uri"].startswith(document["issuer"])


def test_nothing_else_of_the_server_is_at_a_domain(app, domain, pool, make_pool):
    for path in (
        "/admin/",
        "/api/v1/",
        f"/{pool.id}/login",
        f"/{make_pool().id}/login",
        "/nothing",
    ):
        assert app.browser.get(f"{domain}{path}").status == 404
    assert app.browser.ask("POST", f"{domain}/").status in {403, 404, 405}
    assert app.browser.get(f"{domain}/healthz").status == 200


def test_a_session_of_one_host_is_not_sent_to_another(app, domain):
    app.sign_in()
    query = f"response_type=code&client_id={app.client.client_id}&redirect_uri={CALLBACK}"
    answer = app.browser.get(f"{domain}/oauth2/authorize?{query}&prompt=none")
    assert answer.query["error"] == "login_required"


def test_form_tokens_are_for_the_hosts_own_pages(app, domain):
    query = f"response_type=code&client_id={app.client.client_id}&redirect_uri={CALLBACK}"
    page = app.browser.get(f"{domain}/login?{query}")
    form = {**page.form.fields, "username": "ana", "password": app.password}
    assert app.browser.post(page.form.action, form, Origin="http://testserver").status == 403
    assert app.browser.post(page.form.action, form, Origin=domain).status == 303


def test_each_answer_names_its_request(app):
    first, second = app.token(), app.token()
    named = {each.header("x-amz-cognito-request-id") for each in (first, second)}
    assert len(named - {""}) == 2


def test_basic_credentials_may_be_form_encoded(browser, machine):
    secret = machine.secret_values[0]
    encoded = "".join(f"%{ord(char):02X}" for char in secret)
    header = "Basic " + base64.b64encode(f"{machine.client_id}:{encoded}".encode()).decode()
    assert machine_token(browser, machine, header).status == 200
