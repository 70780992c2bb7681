"""GetId, linking, merging and unlinking, as boto3 sees them."""

from datetime import timedelta

import jwt
import pytest
import time_machine
from django.utils import timezone

from identitypools.models import Identity, IdentityPool, Login
from tests.calls import in_parallel, refused
from tests.conftest import PASSWORD
from tests.identitypools.conftest import provider_of

UNKNOWN = "us-east-1:00000000-0000-4000-8000-000000000000"


@pytest.fixture
def get_id(ci, identity_pool):
    def get(logins=None, pool=None):
        given = {"Logins": logins} if logins else {}
        answer = ci.get_id(IdentityPoolId=(pool or identity_pool).id, **given)
        return answer["IdentityId"]

    return get


@pytest.fixture
def forbidden(ci):
    """Ask for an id, or for an identity's credentials; return why it was refused."""

    def ask(pool=None, identity=None, logins=None, error="NotAuthorizedException"):
        given = {"Logins": logins} if logins is not None else {}
        if identity is None:
            return refused(ci, error, ci.get_id, IdentityPoolId=pool.id, **given)
        call = ci.get_credentials_for_identity
        return refused(ci, error, call, IdentityId=identity, **given)

    return ask


# Tokens that prove nothing


def test_a_provider_that_the_pool_does_not_name_is_refused(forbidden, make_identity_pool, login):
    message = forbidden(make_identity_pool(), logins=login)
    assert message == "Token is not from a supported provider of this identity pool."
    message = forbidden(make_identity_pool(), logins={"nobody.example": "x"})
    assert message == "Token is not from a supported provider of this identity pool."


def test_a_token_of_another_client_is_refused(
    forbidden, identity_pool, pool, user, make_client, sign_in
):
    other = make_client(pool)
    message = forbidden(identity_pool, logins={provider_of(pool): sign_in(other)["IdToken"]})
    assert message == "Invalid login token. Incorrect token audience."


def test_an_expired_token_is_refused(forbidden, identity_pool, login):
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        message = forbidden(identity_pool, logins=login)
    assert message.startswith("Invalid login token. Token expired: ")


def test_an_access_token_in_place_of_an_id_token_is_refused(
    forbidden, identity_pool, pool, user, client, sign_in
):
    access = sign_in(client)["AccessToken"]
    message = forbidden(identity_pool, logins={provider_of(pool): access})
    assert message == "Invalid login token. Not a valid OpenId Connect identity token."


def test_a_token_of_another_pool_is_refused(
    forbidden, identity_pool, pool, make_pool, make_client, make_user, sign_in
):
    other = make_pool()
    make_user(other)
    stranger = sign_in(make_client(other))["IdToken"]
    message = forbidden(identity_pool, logins={provider_of(pool): stranger})
    assert message == "Invalid login token. Issuer doesn't match providerName"


@pytest.mark.parametrize("spoil", ["signature", "none", "hmac", "short", "text"])
def test_a_token_that_the_pool_did_not_sign_is_refused(
    forbidden, get_id, identity_pool, pool, login, token, spoil
):
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = {
        "signature": token[:-8] + ("A" * 8 if not token.endswith("A" * 8) else "B" * 8),
        "none": jwt.encode(claims, None, algorithm="none", headers={"kid": header["kid"]}),
        "hmac": jwt.encode(claims, "k" * 64, algorithm="HS256", headers={"kid": header["kid"]}),
        "short": ".".join(token.split(".")[:2]),
        "text": "no token",
    }[spoil]
    message = forbidden(identity_pool, logins={provider_of(pool): forged})
    assert message.startswith("Invalid login token.")
    assert not Identity.objects.exists()
    assert get_id(login)


def test_a_signed_out_users_token_is_refused_where_the_server_checks(
    ci, forbidden, get_id, identity_pool, idp, pool, client, user, login, token
):
    idp.admin_user_global_sign_out(UserPoolId=pool.id, Username=user)
    # Without the check only signature, time and audience count.
    assert get_id(login)
    ci.update_identity_pool(
        IdentityPoolId=identity_pool.id,
        IdentityPoolName="app",
        AllowUnauthenticatedIdentities=False,
        CognitoIdentityProviders=[
            {
                "ProviderName": provider_of(pool),
                "ClientId": client.client_id,
                "ServerSideTokenCheck": True,
            }
        ],
    )
    assert forbidden(identity_pool, logins=login) == "Token is inactive"


@pytest.mark.parametrize("end", ["disable", "delete", "revoke"])
def test_a_session_that_ended_is_refused_where_the_server_checks(
    ci, forbidden, make_identity_pool, idp, pool, client, user, sign_in, end
):
    checked = make_identity_pool(
        CognitoIdentityProviders=[
            {
                "ProviderName": provider_of(pool),
                "ClientId": client.client_id,
                "ServerSideTokenCheck": True,
            }
        ]
    )
    tokens = sign_in(client)
    logins = {provider_of(pool): tokens["IdToken"]}
    assert ci.get_id(IdentityPoolId=checked.id, Logins=logins)["IdentityId"]
    if end == "disable":
        idp.admin_disable_user(UserPoolId=pool.id, Username=user)
    elif end == "delete":
        idp.admin_delete_user(UserPoolId=pool.id, Username=user)
    else:
        idp.revoke_token(Token=tokens["RefreshToken"], ClientId=client.client_id)
    assert forbidden(checked, logins=logins) == "Token is inactive"


def test_one_bad_token_fails_the_call(forbidden, identity_pool, login):
    forbidden(identity_pool, logins={**login, "accounts.google.com": "x"})
    assert not Identity.objects.exists()


def test_a_token_of_the_identity_pool_itself_is_no_login_for_an_id(forbidden, identity_pool):
    message = forbidden(identity_pool, logins={"cognito-identity.amazonaws.com": "x"})
    assert message == "Invalid login token. Can't pass in a Cognito token."


def test_one_pool_under_both_its_names_is_one_login(forbidden, identity_pool, pool, login, token):
    twice = {**login, f"testserver/{pool.id}": token}
    forbidden(identity_pool, logins=twice, error="InvalidParameterException")


# Getting an id


def test_guests_are_refused_where_the_pool_has_none(forbidden, make_identity_pool):
    message = forbidden(make_identity_pool())
    assert message == "Unauthenticated access is not supported for this identity pool."


def test_each_guest_is_a_new_identity(get_id):
    assert get_id() != get_id()


def test_a_login_has_one_identity_under_either_name_of_its_pool(get_id, pool, login, token):
    first = get_id(login)
    assert first.startswith("us-east-1:")
    assert get_id(login) == first
    assert get_id({f"testserver/{pool.id}": token}) == first
    assert Login.objects.get().provider == provider_of(pool)


def test_users_have_identities_of_their_own(get_id, login, another_login):
    assert get_id(login) != get_id(another_login("ben"))


def test_identities_of_two_pools_are_apart(get_id, make_identity_pool, identity_pool, login):
    other = make_identity_pool(CognitoIdentityProviders=identity_pool.user_pool_clients)
    assert get_id(login) != get_id(login, other)


def test_a_namesake_created_later_is_another_identity(
    get_id, idp, pool, client, user, login, make_user, sign_in
):
    before = get_id(login)
    idp.admin_delete_user(UserPoolId=pool.id, Username=user)
    make_user(pool, user)
    again = {provider_of(pool): sign_in(client, user, PASSWORD)["IdToken"]}
    assert get_id(again) != before


@pytest.mark.django_db(transaction=True)
def test_parallel_first_calls_get_one_identity(ci, get_id, login):
    found = []
    assert in_parallel(4, lambda: found.append(get_id(login))) == ["done"] * 4
    assert len(set(found)) == 1
    assert Identity.objects.count() == 1


def test_asking_again_writes_nothing_and_takes_one_query(get_id, login, django_assert_num_queries):
    get_id(login)
    before = list(Identity.objects.values())
    with django_assert_num_queries(1):
        get_id(login)
    assert list(Identity.objects.values()) == before


# Linking and merging


def test_an_unknown_identity_is_not_found(forbidden, login):
    message = forbidden(identity=UNKNOWN, logins=login, error="ResourceNotFoundException")
    assert message == f"Identity '{UNKNOWN}' not found."


def test_an_identity_of_another_pool_is_not_found(
    ci, forbidden, get_id, make_identity_pool, identity_pool, login, developer
):
    other = make_identity_pool(AllowUnauthenticatedIdentities=True)
    stranger = get_id(pool=other)
    # By the pool's own calls; by the stranger's own id its own pool is asked.
    refused(
        ci,
        "ResourceNotFoundException",
        developer,
        user="zoe",
        IdentityId=stranger,
    )
    message = forbidden(identity=stranger, logins=login)
    assert message == "Token is not from a supported provider of this identity pool."


def test_an_identity_with_logins_wants_one(forbidden, get_id, login):
    identity = get_id(login)
    assert forbidden(identity=identity) == f"Access to Identity '{identity}' is forbidden."


def test_anothers_identity_is_refused(forbidden, get_id, login, another_login):
    """Safety rule 31: credentials only with that login's own token."""
    mine, theirs = get_id(login), get_id(another_login("ben"))
    message = forbidden(identity=theirs, logins=login)
    assert message.startswith("Logins don't match.")
    assert Identity.objects.filter(merged_into__isnull=True).count() == 2
    assert get_id(login) == mine


def test_a_guest_who_signs_in_keeps_the_id(ci, get_id, forbidden, login):
    guest = get_id()
    answer = ci.get_credentials_for_identity(IdentityId=guest, Logins=login)
    assert answer["IdentityId"] == guest == get_id(login)
    assert forbidden(identity=guest).endswith("is forbidden.")


def test_a_guest_who_had_an_identity_gets_it_and_the_guests_is_disabled(
    ci, get_id, forbidden, identity_pool, login
):
    mine, guest = get_id(login), get_id()
    answer = ci.get_credentials_for_identity(IdentityId=guest, Logins=login)
    assert answer["IdentityId"] == mine
    assert forbidden(identity=guest).endswith("is forbidden.")
    # It leads to its owner from now on.
    assert ci.get_credentials_for_identity(IdentityId=guest, Logins=login)["IdentityId"] == mine
    given = {"IdentityPoolId": identity_pool.id, "MaxResults": 10}
    assert len(ci.list_identities(**given)["Identities"]) == 2
    shown = ci.list_identities(**given, HideDisabled=True)["Identities"]
    assert [each["IdentityId"] for each in shown] == [mine]


def test_two_users_of_one_provider_are_never_one_identity(ci, get_id, login, another_login):
    ci_id = get_id(login)
    get_id(another_login("ben"))
    with pytest.raises(ci.exceptions.NotAuthorizedException):
        ci.get_credentials_for_identity(IdentityId=ci_id, Logins=another_login("cara"))
    assert Login.objects.filter(identity_id=ci_id).count() == 1


def test_an_unlinked_login_is_new_and_its_identity_out_of_reach(ci, get_id, forbidden, pool, login):
    identity = get_id(login)
    ci.unlink_identity(IdentityId=identity, Logins=login, LoginsToRemove=[f"testserver/{pool.id}"])
    assert forbidden(identity=identity, logins=login).startswith("Logins don't match.")
    assert forbidden(identity=identity).endswith("is forbidden.")
    assert get_id(login) != identity


def test_a_stranger_unlinks_nothing(ci, get_id, pool, login, another_login):
    identity = get_id(login)
    refused(
        ci,
        "NotAuthorizedException",
        ci.unlink_identity,
        IdentityId=identity,
        Logins=another_login("ben"),
        LoginsToRemove=[provider_of(pool)],
    )
    assert get_id(login) == identity


# Administration


def test_an_identity_is_described_with_its_providers(ci, get_id, pool, login):
    identity = get_id(login)
    shown = ci.describe_identity(IdentityId=identity)
    assert shown["Logins"] == [provider_of(pool)]
    assert shown["CreationDate"] == Identity.objects.get().created_at.replace(
        microsecond=shown["CreationDate"].microsecond
    )
    refused(ci, "ResourceNotFoundException", ci.describe_identity, IdentityId=UNKNOWN)


def test_identities_of_a_pool_that_the_key_is_not_scoped_to_are_out_of_reach(
    get_id, make_identity_pool, identity_pool, signed_client, operator
):
    own = make_identity_pool(AllowUnauthenticatedIdentities=True)
    mine, theirs = get_id(pool=own), get_id()
    statement = {"Effect": "Allow", "Action": "*", "Resource": own.arn}
    limited = signed_client(
        "cognito-identity", operator=operator, policy={"Statement": [statement]}
    )
    refused(limited, "ResourceNotFoundException", limited.describe_identity, IdentityId=theirs)
    answer = limited.delete_identities(IdentityIdsToDelete=[mine, theirs])
    assert answer["UnprocessedIdentityIds"] == [{"IdentityId": theirs, "ErrorCode": "AccessDenied"}]
    assert [each.pk for each in Identity.objects.all()] == [theirs]


def test_a_deleted_identity_is_gone_and_its_login_starts_anew(ci, get_id, forbidden, login):
    identity = get_id(login)
    assert (
        ci.delete_identities(IdentityIdsToDelete=[identity, UNKNOWN])["UnprocessedIdentityIds"]
        == []
    )
    forbidden(identity=identity, logins=login, error="ResourceNotFoundException")
    assert get_id(login) != identity


def test_identities_are_listed_in_pages(ci, get_id, identity_pool):
    made = {get_id() for _ in range(3)}
    given = {"IdentityPoolId": identity_pool.id, "MaxResults": 2}
    first = ci.list_identities(**given)
    second = ci.list_identities(**given, NextToken=first["NextToken"])
    listed = [*first["Identities"], *second["Identities"]]
    assert {each["IdentityId"] for each in listed} == made
    refused(
        ci,
        "InvalidParameterException",
        ci.list_identities,
        **given,
        HideDisabled=True,
        NextToken=first["NextToken"],
    )


def test_a_page_of_identities_takes_a_fixed_number_of_queries(
    ci, get_id, identity_pool, login, another_login, django_assert_max_num_queries
):
    for logins in (None, login, another_login("ben"), another_login("cara")):
        get_id(logins)
    ci.list_identity_pools(MaxResults=1)
    with django_assert_max_num_queries(3):
        ci.list_identities(IdentityPoolId=identity_pool.id, MaxResults=60)


# Developers' users


def test_a_pool_without_a_developer_provider_vouches_for_nobody(ci, make_identity_pool):
    refused(
        ci,
        "NotAuthorizedException",
        ci.get_open_id_token_for_developer_identity,
        IdentityPoolId=make_identity_pool().id,
        Logins={"login.example": "zoe"},
    )


@pytest.mark.parametrize("logins", [{}, {"login.other": "zoe"}])
def test_a_developers_call_names_its_own_user(ci, identity_pool, logins):
    refused(
        ci,
        "InvalidParameterException",
        ci.get_open_id_token_for_developer_identity,
        IdentityPoolId=identity_pool.id,
        Logins=logins,
    )


def test_a_developers_user_has_one_identity_and_a_token(developer, identity_pool):
    first, second = developer("zoe"), developer("zoe", TokenDuration=60)
    assert first["IdentityId"] == second["IdentityId"] != developer("yan")["IdentityId"]
    claims = jwt.decode(first["Token"], options={"verify_signature": False})
    assert jwt.get_unverified_header(first["Token"]) == {
        "kid": "us-east-11", "typ": "JWS", "alg": "RS512",
    }  # fmt: skip
    assert list(claims) == ["sub", "aud", "amr", "iss", "exp", "iat"]
    assert claims["exp"] - claims["iat"] == 900
    assert claims["sub"] == first["IdentityId"]
    assert claims["aud"] == identity_pool.id
    assert claims["iss"] == "http://testserver/identity"
    assert claims["amr"] == [
        "authenticated",
        "login.example",
        f"login.example:{identity_pool.id}:zoe",
    ]
    claims = jwt.decode(second["Token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60


def test_a_developers_user_of_another_identity_is_not_taken_over(ci, developer):
    theirs = developer("yan")["IdentityId"]
    developer("zoe")
    refused(ci, "DeveloperUserAlreadyRegisteredException", developer, user="zoe", IdentityId=theirs)


def test_an_identity_may_have_several_developers_users(ci, developer, identity_pool):
    identity = developer("zoe")["IdentityId"]
    assert developer("zoe-2", IdentityId=identity)["IdentityId"] == identity
    given = {"IdentityPoolId": identity_pool.id}
    found = ci.lookup_developer_identity(**given, IdentityId=identity, MaxResults=1)
    assert found["DeveloperUserIdentifierList"] == ["zoe"]
    found = ci.lookup_developer_identity(
        **given, IdentityId=identity, MaxResults=1, NextToken=found["NextToken"]
    )
    assert found["DeveloperUserIdentifierList"] == ["zoe-2"]
    found = ci.lookup_developer_identity(**given, DeveloperUserIdentifier="zoe")
    assert found["IdentityId"] == identity


def test_an_identity_has_twenty_logins_at_most(ci, developer):
    identity = developer("user-0")["IdentityId"]
    for number in range(1, 20):
        developer(f"user-{number}", IdentityId=identity)
    refused(ci, "ResourceConflictException", developer, user="more", IdentityId=identity)


def test_a_lookup_wants_what_belongs_together(ci, developer, identity_pool):
    given = {"IdentityPoolId": identity_pool.id}
    developer("zoe")
    other = developer("yan")["IdentityId"]
    look = ci.lookup_developer_identity
    refused(ci, "InvalidParameterException", look, **given)
    refused(ci, "ResourceNotFoundException", look, **given, DeveloperUserIdentifier="nobody")
    refused(ci, "ResourceNotFoundException", look, **given, IdentityId=UNKNOWN)
    refused(
        ci,
        "ResourceConflictException",
        look,
        **given,
        IdentityId=other,
        DeveloperUserIdentifier="zoe",
    )


def test_developers_users_merge_into_the_destination(ci, developer, identity_pool):
    source, kept = developer("zoe")["IdentityId"], developer("yan")["IdentityId"]
    given = {"DeveloperProviderName": "login.example", "IdentityPoolId": identity_pool.id}
    merged = ci.merge_developer_identities(
        SourceUserIdentifier="zoe", DestinationUserIdentifier="yan", **given
    )
    assert merged["IdentityId"] == kept == developer("zoe")["IdentityId"]
    assert Identity.objects.get(pk=source).merged_into_id == kept
    # A merged id still leads there.
    assert developer("zoe", IdentityId=source)["IdentityId"] == kept


def test_a_merge_stays_within_its_pool(ci, developer, identity_pool, make_identity_pool):
    other = make_identity_pool(DeveloperProviderName="login.example")
    developer("zoe")
    ci.get_open_id_token_for_developer_identity(
        IdentityPoolId=other.id, Logins={"login.example": "yan"}
    )
    refused(
        ci,
        "ResourceNotFoundException",
        ci.merge_developer_identities,
        SourceUserIdentifier="zoe",
        DestinationUserIdentifier="yan",
        DeveloperProviderName="login.example",
        IdentityPoolId=identity_pool.id,
    )
    assert not Identity.objects.filter(merged_into__isnull=False).exists()


def test_users_of_one_public_provider_do_not_merge(
    ci, developer, identity_pool, login, another_login, get_id
):
    mine, theirs = get_id(login), get_id(another_login("ben"))
    developer("zoe", IdentityId=mine)
    developer("yan", IdentityId=theirs)
    message = refused(
        ci,
        "ResourceConflictException",
        ci.merge_developer_identities,
        SourceUserIdentifier="zoe",
        DestinationUserIdentifier="yan",
        DeveloperProviderName="login.example",
        IdentityPoolId=identity_pool.id,
    )
    assert "same login provider" in message


def test_a_developers_user_is_unlinked(ci, developer, identity_pool):
    identity, other = developer("zoe")["IdentityId"], developer("yan")["IdentityId"]
    given = {
        "IdentityPoolId": identity_pool.id,
        "DeveloperProviderName": "login.example",
        "DeveloperUserIdentifier": "zoe",
    }
    unlink = ci.unlink_developer_identity
    refused(ci, "ResourceConflictException", unlink, **given, IdentityId=other)
    refused(
        ci,
        "ResourceNotFoundException",
        unlink,
        **{**given, "DeveloperProviderName": "login.other"},
        IdentityId=identity,
    )
    unlink(**given, IdentityId=identity)
    refused(ci, "ResourceNotFoundException", unlink, **given, IdentityId=identity)
    assert developer("zoe")["IdentityId"] != identity


def test_a_developer_links_a_proven_login_too(ci, identity_pool, login, get_id, developer):
    before = get_id(login)
    answer = ci.get_open_id_token_for_developer_identity(
        IdentityPoolId=identity_pool.id, Logins={"login.example": "zoe", **login}
    )
    assert answer["IdentityId"] == before == developer("zoe")["IdentityId"]


# The basic flow


def test_the_basic_flow_is_refused_unless_the_pool_allows_it(ci, get_id, identity_pool, pool):
    guest = get_id()
    message = refused(ci, "InvalidParameterException", ci.get_open_id_token, IdentityId=guest)
    assert message == "Basic (classic) flow is not enabled, please use enhanced flow."
    mapping = {"Type": "Token", "AmbiguousRoleResolution": "Deny"}
    IdentityPool.objects.update(allow_classic=True, role_mappings={provider_of(pool): mapping})
    identity_pool.touch()
    message = refused(ci, "InvalidParameterException", ci.get_open_id_token, IdentityId=guest)
    assert message.startswith("Basic (classic) flow is not supported with RoleMappings")


def test_the_basic_flow_gives_a_token_of_ten_minutes(ci, get_id, identity_pool, pool, login):
    IdentityPool.objects.update(allow_classic=True)
    identity_pool.touch()
    guest, mine = get_id(), get_id(login)
    told = ci.get_open_id_token(IdentityId=guest)
    claims = jwt.decode(told["Token"], options={"verify_signature": False})
    assert claims["amr"] == ["unauthenticated"]
    assert claims["exp"] - claims["iat"] == 600
    told = ci.get_open_id_token(IdentityId=mine, Logins=login)
    claims = jwt.decode(told["Token"], options={"verify_signature": False})
    name = provider_of(pool)
    subject = Login.objects.get().subject
    assert claims["amr"] == ["authenticated", name, f"{name}:CognitoSignIn:{subject}"]
