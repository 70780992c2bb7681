"""CreateUserPoolClient and what reads, changes, lists and deletes its result; client secrets."""

import re

import pytest

from userpools.models import AppClient, AuditEntry, SignInSession
from userpools.services import clients

ROLE = "arn:aws:iam::000000000000:role/pinpoint"
UNKNOWN = "doesnotexist"
REFRESH = "ALLOW_REFRESH_TOKEN_AUTH"
DEFAULTS = {
    "RefreshTokenValidity": 30,
    "TokenValidityUnits": {},
    "AllowedOAuthFlowsUserPoolClient": False,
    "EnableTokenRevocation": True,
    "EnablePropagateAdditionalUserContextData": False,
    "AuthSessionValidity": 3,
}
IDENTITY = {"UserPoolId", "ClientId", "ClientName", "CreationDate", "LastModifiedDate"}
OAUTH = {
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthFlows": ["code", "implicit"],
    "AllowedOAuthScopes": ["openid", "email", "profile", "phone", "aws.cognito.signin.user.admin"],
    "CallbackURLs": ["https://app.example.com/cb", "http://localhost:3000/cb", "myapp://cb"],
    "LogoutURLs": ["https://app.example.com/bye"],
    "DefaultRedirectURI": "https://app.example.com/cb",
    "SupportedIdentityProviders": ["COGNITO"],
}


def created(idp, pool, **members):
    return idp.create_user_pool_client(UserPoolId=pool.id, ClientName="app", **members)[
        "UserPoolClient"
    ]


def described(idp, pool, client_id):
    return idp.describe_user_pool_client(UserPoolId=pool.id, ClientId=client_id)["UserPoolClient"]


def settings_of(shown):
    return {name: value for name, value in shown.items() if name not in IDENTITY}


def refused(idp, pool, error, **members):
    with pytest.raises(getattr(idp.exceptions, error)) as caught:
        created(idp, pool, **members)
    assert not AppClient.objects.exists()
    return caught.value.response["Error"]["Message"]


# Refusals


@pytest.mark.parametrize(
    "operation",
    [
        "describe_user_pool_client",
        "update_user_pool_client",
        "delete_user_pool_client",
        "add_user_pool_client_secret",
        "list_user_pool_client_secrets",
    ],
)
def test_an_unknown_client_does_not_exist(idp, pool, operation):
    with pytest.raises(idp.exceptions.ResourceNotFoundException) as caught:
        getattr(idp, operation)(UserPoolId=pool.id, ClientId=UNKNOWN)
    text = caught.value.response["Error"]["Message"]
    assert text == f"User pool client {UNKNOWN} does not exist."


@pytest.mark.parametrize(
    "operation",
    ["describe_user_pool_client", "update_user_pool_client", "delete_user_pool_client"],
)
def test_a_client_of_another_pool_does_not_exist(idp, pool, client, operation):
    other = idp.create_user_pool(PoolName="other")["UserPool"]["Id"]
    with pytest.raises(idp.exceptions.ResourceNotFoundException):
        getattr(idp, operation)(UserPoolId=other, ClientId=client.client_id)
    assert AppClient.objects.filter(client_id=client.client_id).exists()


@pytest.mark.parametrize(
    "members",
    [
        {"AccessTokenValidity": 25},
        {"AccessTokenValidity": 4, "TokenValidityUnits": {"AccessToken": "minutes"}},
        {"AccessTokenValidity": 299, "TokenValidityUnits": {"AccessToken": "seconds"}},
        {"IdTokenValidity": 2, "TokenValidityUnits": {"IdToken": "days"}},
        {"RefreshTokenValidity": 59, "TokenValidityUnits": {"RefreshToken": "minutes"}},
        {"RefreshTokenValidity": 3651},
        {"RefreshTokenValidity": 315360000},
    ],
)
def test_a_token_validity_out_of_range_is_refused(idp, pool, members):
    text = refused(idp, pool, "InvalidParameterException", **members)
    assert text == "Invalid range for token validity."


@pytest.mark.parametrize("name", ["AccessToken", "IdToken"])
def test_a_refresh_token_must_outlive_the_others(idp, pool, name):
    text = refused(
        idp,
        pool,
        "InvalidParameterException",
        **{f"{name}Validity": 2},
        RefreshTokenValidity=2,
        TokenValidityUnits={"RefreshToken": "hours"},
    )
    assert "must be longer" in text


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "USER_PASSWORD_AUTH"]}, "ALLOW_"),
        (
            {"RefreshTokenRotation": {"Feature": "ENABLED"}, "ExplicitAuthFlows": [REFRESH]},
            "Refresh token rotation",
        ),
        ({"RefreshTokenRotation": {"Feature": "ENABLED"}}, "Refresh token rotation"),
        (
            {"RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 61}},
            "less than or equal to 60",
        ),
        ({"AuthSessionValidity": 2}, "greater than or equal to 3"),
        ({"ReadAttributes": ["shoe_size"]}, "Invalid read attributes"),
        ({"WriteAttributes": ["custom:none"]}, "Invalid write attributes"),
        ({"WriteAttributes": ["name", "email_verified"]}, "Invalid write attributes"),
        ({"WriteAttributes": ["name", "sub"]}, "Invalid write attributes"),
        ({"GenerateSecret": True, "ClientSecret": "s" * 24}, "cannot be used together"),
        ({"ClientSecret": "short"}, "clientSecret"),
        ({"EnablePropagateAdditionalUserContextData": True}, "with a secret"),
        ({"SupportedIdentityProviders": ["Google"]}, "The provider Google does not exist"),
        ({"DefaultRedirectURI": "https://a.example.com"}, "one of the CallbackURLs"),
    ],
)
def test_create_refuses_settings_that_cannot_be(idp, pool, members, text):
    assert text in refused(idp, pool, "InvalidParameterException", **members)


@pytest.mark.parametrize("member", ["CallbackURLs", "LogoutURLs"])
@pytest.mark.parametrize(
    "url",
    [
        "http://app.example.com/cb",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "https://app.example.com/#part",
        "https://app.example.com/#",
        "https:///path",
        "https:app",
        "/relative",
        "app.example.com",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "https://[::1/",
        "myapp:",
    ],
)
def test_an_unsafe_url_is_refused(idp, pool, member, url):
    refused(idp, pool, "InvalidParameterException", **{member: [url]})


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com",
        "http://localhost",
        "http://localhost:3000/cb?x=y",
        "http://127.0.0.1:8080/",
        "http://[::1]:8080/",
        "myapp://cb",
        "com.example.app:/oauth",
    ],
)
def test_a_usable_url_is_kept(idp, pool, url):
    client = created(idp, pool, CallbackURLs=[url], LogoutURLs=[url], DefaultRedirectURI=url)
    assert described(idp, pool, client["ClientId"])["CallbackURLs"] == [url]


MACHINE = {
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthFlows": ["client_credentials"],
    "AllowedOAuthScopes": ["openid"],
}


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"AllowedOAuthFlowsUserPoolClient": True}, "AllowedOAuthFlows and AllowedOAuthScopes"),
        ({**OAUTH, "AllowedOAuthScopes": []}, "AllowedOAuthFlows and AllowedOAuthScopes"),
        (
            {**OAUTH, "GenerateSecret": True, "AllowedOAuthFlows": ["code", "client_credentials"]},
            "along with code flow",
        ),
        (MACHINE, "does not have a client secret"),
        ({**MACHINE, "GenerateSecret": True}, "openid is not supported"),
    ],
)
def test_oauth_settings_that_do_not_go_together_are_refused(idp, pool, members, text):
    assert text in refused(idp, pool, "InvalidOAuthFlowException", **members)


def test_a_scope_of_no_resource_server_does_not_exist(idp, pool):
    members = {**OAUTH, "AllowedOAuthScopes": ["openid", "api/read"]}
    refused(idp, pool, "ScopeDoesNotExistException", **members)


def test_choice_based_sign_in_needs_more_than_lite(idp):
    pool_id = idp.create_user_pool(PoolName="small", UserPoolTier="LITE")["UserPool"]["Id"]
    with pytest.raises(idp.exceptions.FeatureUnavailableInTierException):
        idp.create_user_pool_client(
            UserPoolId=pool_id, ClientName="app", ExplicitAuthFlows=["ALLOW_USER_AUTH"]
        )


@pytest.mark.parametrize(
    ("flows", "accepted"),
    [
        (None, False),
        ([], False),
        (["ALLOW_USER_SRP_AUTH", REFRESH], False),
        (["USER_PASSWORD_AUTH"], False),
        (["ADMIN_NO_SRP_AUTH"], False),
        (["CUSTOM_AUTH_FLOW_ONLY"], True),
        (["ALLOW_USER_PASSWORD_AUTH", REFRESH], True),
    ],
)
def test_a_client_of_an_argon2id_pool_cannot_allow_srp(idp, pool, flows, accepted):
    pool.password_storage = "argon2id"
    pool.save()
    pool.touch()
    members = {} if flows is None else {"ExplicitAuthFlows": flows}
    if accepted:
        assert created(idp, pool, **members)["ExplicitAuthFlows"] == flows
        return
    text = refused(idp, pool, "InvalidParameterException", **members)
    assert "Argon2id" in text
    assert "ExplicitAuthFlows" in text


def test_required_attributes_must_be_writable(idp):
    pool_id = idp.create_user_pool(PoolName="p", Schema=[{"Name": "email", "Required": True}])[
        "UserPool"
    ]["Id"]
    with pytest.raises(idp.exceptions.InvalidParameterException, match="write attributes"):
        idp.create_user_pool_client(UserPoolId=pool_id, ClientName="a", WriteAttributes=["name"])
    idp.create_user_pool_client(
        UserPoolId=pool_id, ClientName="a", WriteAttributes=["name", "email"]
    )


def test_a_role_needs_the_permission_to_pass_it(idp, pool, signed_client, operator):
    statement = {"Effect": "Allow", "Action": "cognito-idp:*", "Resource": "*"}
    without = signed_client(operator=operator, policy={"Statement": statement})
    members = {"AnalyticsConfiguration": {"ApplicationId": "abc", "RoleArn": ROLE}}
    with pytest.raises(without.exceptions.ClientError, match="iam:PassRole"):
        created(without, pool, **members)
    assert created(idp, pool, **members)["AnalyticsConfiguration"]["RoleArn"] == ROLE


def test_a_pool_has_a_limited_number_of_clients(idp, pool, client, monkeypatch):
    monkeypatch.setattr(clients, "CLIENTS_PER_POOL", 1)
    with pytest.raises(idp.exceptions.LimitExceededException):
        created(idp, pool)


# Create and describe


def test_describe_shows_the_recorded_defaults_after_a_create_by_name(idp, pool):
    answer = created(idp, pool)
    shown = described(idp, pool, answer["ClientId"])
    assert shown == answer
    assert settings_of(shown) == DEFAULTS
    assert re.fullmatch(r"[a-z0-9]{26}", shown["ClientId"])
    assert shown["UserPoolId"] == pool.id
    assert shown["ClientName"] == "app"


def test_settings_are_echoed_as_they_were_sent(idp, pool):
    sent = {
        **OAUTH,
        "RefreshTokenValidity": 5,
        "AccessTokenValidity": 30,
        "IdTokenValidity": 600,
        "TokenValidityUnits": {
            "AccessToken": "minutes",
            "IdToken": "seconds",
            "RefreshToken": "days",
        },
        "ReadAttributes": ["email", "name"],
        "WriteAttributes": ["name"],
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH"],
        "PreventUserExistenceErrors": "ENABLED",
        "EnableTokenRevocation": False,
        "AuthSessionValidity": 15,
        "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
        "AnalyticsConfiguration": {"ApplicationId": "abc", "UserDataShared": True},
    }
    shown = described(idp, pool, created(idp, pool, **sent)["ClientId"])
    assert settings_of(shown) == {"EnablePropagateAdditionalUserContextData": False, **sent}


def test_empty_lists_are_echoed_too(idp, pool):
    sent = {
        name: []
        for name in (
            "AllowedOAuthFlows", "AllowedOAuthScopes", "CallbackURLs", "ExplicitAuthFlows",
            "LogoutURLs", "ReadAttributes", "SupportedIdentityProviders", "WriteAttributes",
        )
    }  # fmt: skip
    assert settings_of(created(idp, pool, **sent)) == {**DEFAULTS, **sent}


def test_a_refresh_validity_of_zero_is_thirty_days(idp, pool):
    assert created(idp, pool, RefreshTokenValidity=0)["RefreshTokenValidity"] == 30


def test_a_generated_secret_is_shown_in_clear(idp, pool):
    client = created(idp, pool, GenerateSecret=True, EnablePropagateAdditionalUserContextData=True)
    assert re.fullmatch(r"[a-z0-9]{51,52}", client["ClientSecret"])
    shown = described(idp, pool, client["ClientId"])
    assert shown["ClientSecret"] == client["ClientSecret"]
    assert "GenerateSecret" not in shown
    row = AppClient.objects.get(client_id=client["ClientId"]).secrets.get()
    assert client["ClientSecret"].encode() not in bytes(row.sealed)
    assert client["ClientSecret"] not in str(list(AuditEntry.objects.values()))


def test_a_secret_of_ones_own_is_taken(idp, pool):
    assert created(idp, pool, ClientSecret="own+secret_" * 3)["ClientSecret"] == "own+secret_" * 3


def test_default_permissions_cover_the_custom_attributes_of_the_time(idp, pool):
    idp.add_custom_attributes(
        UserPoolId=pool.id, CustomAttributes=[{"Name": "a", "AttributeDataType": "String"}]
    )
    client_id = created(idp, pool)["ClientId"]
    idp.add_custom_attributes(
        UserPoolId=pool.id, CustomAttributes=[{"Name": "b", "AttributeDataType": "String"}]
    )
    assert "custom:b" not in AppClient.cached(client_id).readable_attributes
    assert "custom:a" in AppClient.cached(client_id).readable_attributes
    idp.update_user_pool_client(UserPoolId=pool.id, ClientId=client_id)
    assert "custom:b" in AppClient.cached(client_id).writable_attributes


# Update


def test_an_update_resets_what_it_leaves_out(idp, pool):
    client = created(
        idp,
        pool,
        GenerateSecret=True,
        **OAUTH,
        AccessTokenValidity=2,
        EnableTokenRevocation=False,
        ReadAttributes=["name"],
        PreventUserExistenceErrors="ENABLED",
    )
    answer = idp.update_user_pool_client(UserPoolId=pool.id, ClientId=client["ClientId"])
    shown = described(idp, pool, client["ClientId"])
    assert shown == answer["UserPoolClient"]
    assert settings_of(shown) == {**DEFAULTS, "ClientSecret": client["ClientSecret"]}
    assert shown["ClientName"] == "app"
    assert shown["CreationDate"] == client["CreationDate"]
    assert shown["LastModifiedDate"] > client["LastModifiedDate"]


def test_an_update_renames(idp, pool, client):
    idp.update_user_pool_client(UserPoolId=pool.id, ClientId=client.client_id, ClientName="new")
    assert described(idp, pool, client.client_id)["ClientName"] == "new"


def test_a_refused_update_changes_nothing(idp, pool, client):
    before = described(idp, pool, client.client_id)
    with pytest.raises(idp.exceptions.InvalidParameterException):
        idp.update_user_pool_client(
            UserPoolId=pool.id, ClientId=client.client_id, ClientName="x", AccessTokenValidity=25
        )
    assert described(idp, pool, client.client_id) == before


# List and delete


def test_list_pages_through_the_clients_of_one_pool(idp, pool):
    other = idp.create_user_pool(PoolName="other")["UserPool"]["Id"]
    idp.create_user_pool_client(UserPoolId=other, ClientName="foreign")
    made = {created(idp, pool)["ClientId"] for _ in range(3)}
    first = idp.list_user_pool_clients(UserPoolId=pool.id, MaxResults=2)
    second = idp.list_user_pool_clients(
        UserPoolId=pool.id, MaxResults=2, NextToken=first["NextToken"]
    )
    assert "NextToken" not in second
    listed = first["UserPoolClients"] + second["UserPoolClients"]
    assert {each["ClientId"] for each in listed} == made
    assert set(listed[0]) == {"ClientId", "ClientName", "UserPoolId"}
    with pytest.raises(idp.exceptions.InvalidParameterException, match="pagination token"):
        idp.list_user_pool_clients(UserPoolId=other, NextToken=first["NextToken"])


@pytest.mark.parametrize(("kind", "count"), [("REGULAR", 1), ("DCR", 0)])
def test_list_takes_a_type(idp, pool, client, kind, count):
    answer = idp.list_user_pool_clients(UserPoolId=pool.id, ClientType=kind)
    assert len(answer["UserPoolClients"]) == count


def test_a_deleted_client_is_gone_and_its_sessions_end(idp, pool, client, user, sign_in):
    tokens = sign_in(client)
    idp.delete_user_pool_client(UserPoolId=pool.id, ClientId=client.client_id)
    assert not SignInSession.objects.exists()
    with pytest.raises(idp.exceptions.ResourceNotFoundException):
        described(idp, pool, client.client_id)
    with pytest.raises(idp.exceptions.ClientError):
        idp.initiate_auth(
            ClientId=client.client_id,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]},
        )


# Secrets


@pytest.fixture
def confidential(idp, pool):
    return created(idp, pool, GenerateSecret=True)


def secrets_of(idp, pool, client):
    answer = idp.list_user_pool_client_secrets(UserPoolId=pool.id, ClientId=client["ClientId"])
    return answer["ClientSecrets"]


def add(idp, pool, client, **members):
    return idp.add_user_pool_client_secret(
        UserPoolId=pool.id, ClientId=client["ClientId"], **members
    )["ClientSecretDescriptor"]


def test_a_public_client_gets_no_secret_later(idp, pool):
    with pytest.raises(idp.exceptions.InvalidParameterException):
        add(idp, pool, created(idp, pool))


def test_a_client_has_two_secrets_at_most(idp, pool, confidential):
    add(idp, pool, confidential)
    with pytest.raises(idp.exceptions.LimitExceededException):
        add(idp, pool, confidential)


def test_the_last_secret_stays(idp, pool, confidential):
    (only,) = secrets_of(idp, pool, confidential)
    with pytest.raises(idp.exceptions.InvalidParameterException):
        idp.delete_user_pool_client_secret(
            UserPoolId=pool.id,
            ClientId=confidential["ClientId"],
            ClientSecretId=only["ClientSecretId"],
        )


def test_an_unknown_secret_does_not_exist(idp, pool, confidential):
    with pytest.raises(idp.exceptions.ResourceNotFoundException):
        idp.delete_user_pool_client_secret(
            UserPoolId=pool.id, ClientId=confidential["ClientId"], ClientSecretId="none"
        )


def test_secrets_change_over(idp, pool, confidential):
    (first,) = secrets_of(idp, pool, confidential)
    assert "ClientSecretValue" not in first
    second = add(idp, pool, confidential, ClientSecret="the_second_secret_of_all")
    assert second["ClientSecretValue"] == "the_second_secret_of_all"
    listed = secrets_of(idp, pool, confidential)
    assert [each["ClientSecretId"] for each in listed] == [
        first["ClientSecretId"],
        second["ClientSecretId"],
    ]
    client = AppClient.cached(confidential["ClientId"])
    assert client.accepts_secret(confidential["ClientSecret"])
    assert client.accepts_secret("the_second_secret_of_all")
    idp.delete_user_pool_client_secret(
        UserPoolId=pool.id,
        ClientId=confidential["ClientId"],
        ClientSecretId=first["ClientSecretId"],
    )
    client = AppClient.cached(confidential["ClientId"])
    assert not client.accepts_secret(confidential["ClientSecret"])
    shown = described(idp, pool, confidential["ClientId"])
    assert shown["ClientSecret"] == "the_second_secret_of_all"
