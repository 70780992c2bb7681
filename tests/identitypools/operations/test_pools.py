"""Identity pools as boto3 sees them."""

import pytest

from identitypools import pools
from identitypools.models import Identity, IdentityPool, IssuerKey
from tests.calls import refused
from userpools.models import AuditEntry

UNKNOWN = "us-east-1:00000000-0000-4000-8000-000000000000"
PASSED = "arn:aws:iam::000000000000:role/passed"


@pytest.mark.parametrize(
    "call",
    ["describe_identity_pool", "delete_identity_pool", "get_identity_pool_roles"],
)
def test_an_unknown_pool_is_not_found(ci, call):
    message = refused(ci, "ResourceNotFoundException", getattr(ci, call), IdentityPoolId=UNKNOWN)
    assert message == f"IdentityPool '{UNKNOWN}' not found."


def test_a_pool_is_not_found_from_another_region(identity_pool, signed_client, operator):
    elsewhere = signed_client("cognito-identity", operator=operator, region="eu-west-1")
    refused(
        elsewhere,
        "ResourceNotFoundException",
        elsewhere.describe_identity_pool,
        IdentityPoolId=identity_pool.id,
    )


@pytest.mark.parametrize(
    "members",
    [
        {"SupportedLoginProviders": {"api.twitter.com": "1;2"}},
        {"SupportedLoginProviders": {"login.example": "1"}},
        {"CognitoIdentityProviders": [{"ProviderName": "idp.example.com/us-east-1_abc"}]},
        {
            "CognitoIdentityProviders": [
                {"ProviderName": "elsewhere.com/us-east-1_a", "ClientId": "c"}
            ]
        },
        {
            "CognitoIdentityProviders": [
                {
                    "ProviderName": "cognito-idp.us-east-1.amazonaws.com/us-east-1_a",
                    "ClientId": "c",
                },
                {"ProviderName": "testserver/us-east-1_a", "ClientId": "c"},
            ]
        },
        {"OpenIdConnectProviderARNs": ["arn:aws:iam::000000000000:oidc-provider/nobody.example"]},
        {"SamlProviderARNs": ["arn:aws:iam::000000000000:saml-provider/nobody"]},
        {"DeveloperProviderName": "accounts.google.com"},
        {"DeveloperProviderName": "cognito-identity.amazonaws.com"},
        {"IdentityPoolTags": {"aws:mine": "x"}},
        {"IdentityPoolTags": {f"k{n}": "" for n in range(51)}},
        {
            "CognitoIdentityProviders": [
                {"ProviderName": f"testserver/us-east-1_{n}", "ClientId": "c"} for n in range(51)
            ]
        },
    ],
)
def test_settings_that_mean_nothing_are_refused(ci, members):
    refused(
        ci,
        "InvalidParameterException",
        ci.create_identity_pool,
        IdentityPoolName="app",
        AllowUnauthenticatedIdentities=False,
        **members,
    )
    assert not IdentityPool.objects.exists()


def test_a_region_holds_so_many_pools(ci, monkeypatch):
    monkeypatch.setattr(pools, "POOLS_PER_REGION", 1)
    given = {"IdentityPoolName": "app", "AllowUnauthenticatedIdentities": False}
    ci.create_identity_pool(**given)
    refused(ci, "LimitExceededException", ci.create_identity_pool, **given)


def test_guests_and_the_basic_flow_are_off_unless_set(ci):
    made = ci.create_identity_pool(IdentityPoolName="app", AllowUnauthenticatedIdentities=False)
    assert made["AllowClassicFlow"] is False
    refused(ci, "NotAuthorizedException", ci.get_id, IdentityPoolId=made["IdentityPoolId"])


def test_a_pool_is_described_as_it_was_made(ci):
    given = {
        "IdentityPoolName": "my app",
        "AllowUnauthenticatedIdentities": True,
        "AllowClassicFlow": True,
        "SupportedLoginProviders": {"accounts.google.com": "1;2", "graph.facebook.com": "3"},
        "DeveloperProviderName": "login.mine",
        "CognitoIdentityProviders": [
            {
                "ProviderName": "testserver/us-east-1_abc",
                "ClientId": "client",
                "ServerSideTokenCheck": True,
            }
        ],
        "IdentityPoolTags": {"team": "red"},
    }
    made = ci.create_identity_pool(**given)
    assert made["IdentityPoolId"].startswith("us-east-1:")
    described = ci.describe_identity_pool(IdentityPoolId=made["IdentityPoolId"])
    for answer in (made, described):
        assert given.items() <= answer.items()


def test_an_update_clears_what_it_leaves_out_and_keeps_the_developers_name(ci, identity_pool):
    changed = ci.update_identity_pool(
        IdentityPoolId=identity_pool.id,
        IdentityPoolName="renamed",
        AllowUnauthenticatedIdentities=False,
    )
    assert changed["IdentityPoolName"] == "renamed"
    assert "CognitoIdentityProviders" not in changed
    assert changed["DeveloperProviderName"] == "login.example"
    message = refused(
        ci,
        "InvalidParameterException",
        ci.update_identity_pool,
        IdentityPoolId=identity_pool.id,
        IdentityPoolName="renamed",
        AllowUnauthenticatedIdentities=False,
        DeveloperProviderName="login.other",
    )
    assert "cannot be changed" in message


def test_an_update_is_seen_at_once(ci, identity_pool):
    ci.get_id(IdentityPoolId=identity_pool.id)
    ci.update_identity_pool(
        IdentityPoolId=identity_pool.id,
        IdentityPoolName="app",
        AllowUnauthenticatedIdentities=False,
    )
    refused(ci, "NotAuthorizedException", ci.get_id, IdentityPoolId=identity_pool.id)


def test_a_deleted_pools_identities_are_unusable(ci, identity_pool):
    identity = ci.get_id(IdentityPoolId=identity_pool.id)["IdentityId"]
    ci.delete_identity_pool(IdentityPoolId=identity_pool.id)
    refused(
        ci,
        "ResourceNotFoundException",
        ci.get_credentials_for_identity,
        IdentityId=identity,
    )
    assert not Identity.objects.exists()


def test_pools_are_listed_in_pages(ci):
    names = {
        ci.create_identity_pool(IdentityPoolName=f"app {n}", AllowUnauthenticatedIdentities=False)[
            "IdentityPoolId"
        ]
        for n in range(3)
    }
    first = ci.list_identity_pools(MaxResults=2)
    second = ci.list_identity_pools(MaxResults=2, NextToken=first["NextToken"])
    listed = [*first["IdentityPools"], *second["IdentityPools"]]
    assert {each["IdentityPoolId"] for each in listed} == names
    assert "NextToken" not in second


def test_a_list_shows_the_callers_pools_only(ci, make_identity_pool, signed_client, operator):
    mine, _other = make_identity_pool(), make_identity_pool()
    statement = {"Effect": "Allow", "Action": "*", "Resource": mine.arn}
    limited = signed_client(
        "cognito-identity", operator=operator, policy={"Statement": [statement]}
    )
    listed = limited.list_identity_pools(MaxResults=10)["IdentityPools"]
    assert [each["IdentityPoolId"] for each in listed] == [mine.id]


def test_tags_come_and_go(ci, identity_pool):
    arn = identity_pool.arn
    ci.tag_resource(ResourceArn=arn, Tags={"team": "red", "stage": "test"})
    ci.untag_resource(ResourceArn=arn, TagKeys=["stage", "absent"])
    assert ci.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"team": "red"}
    refused(
        ci,
        "InvalidParameterException",
        ci.tag_resource,
        ResourceArn="arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_a",
        Tags={},
    )
    refused(
        ci,
        "ResourceNotFoundException",
        ci.list_tags_for_resource,
        ResourceArn=arn.replace("000000000000", "111111111111"),
    )


def test_changes_are_audited(ci, identity_pool):
    ci.delete_identity_pool(IdentityPoolId=identity_pool.id)
    actions = AuditEntry.objects.filter(pool_id=identity_pool.id).values_list("action", flat=True)
    assert set(actions) == {"CreateIdentityPool", "SetIdentityPoolRoles", "DeleteIdentityPool"}


def test_pools_of_a_region_share_its_signing_key(make_identity_pool):
    make_identity_pool()
    make_identity_pool()
    assert [key.kid for key in IssuerKey.objects.all()] == ["us-east-11"]


# Roles


def test_a_role_that_the_caller_may_not_pass_is_refused(identity_pool, signed_client, operator):
    """Safety rule 34: an operator cannot hand out another tenant's role."""
    statements = [
        {"Effect": "Allow", "Action": "cognito-identity:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": PASSED},
    ]
    limited = signed_client("cognito-identity", operator=operator, policy={"Statement": statements})
    foreign = "arn:aws:iam::000000000000:role/tenant-b"
    for roles, mappings in [
        ({"authenticated": foreign}, {}),
        (
            {},
            {
                identity_pool.user_pool_clients[0]["ProviderName"]: {
                    "Type": "Rules",
                    "AmbiguousRoleResolution": "Deny",
                    "RulesConfiguration": {
                        "Rules": [
                            {"Claim": "a", "MatchType": "Equals", "Value": "b", "RoleARN": foreign}
                        ]
                    },
                }
            },
        ),
    ]:
        message = refused(
            limited,
            "NotAuthorizedException",
            limited.set_identity_pool_roles,
            IdentityPoolId=identity_pool.id,
            Roles=roles,
            RoleMappings=mappings,
        )
        assert message == f"Access to Role '{foreign}' is forbidden."
    limited.set_identity_pool_roles(
        IdentityPoolId=identity_pool.id, Roles={"authenticated": PASSED}
    )


def rules(count=1, **members):
    rule = {"Claim": "a", "MatchType": "Equals", "Value": "b", "RoleARN": PASSED}
    return {
        "Type": "Rules",
        "AmbiguousRoleResolution": "Deny",
        "RulesConfiguration": {"Rules": [rule] * count},
        **members,
    }


@pytest.mark.parametrize(
    "mappings",
    [
        {"nobody.example": rules()},
        {"testserver/us-east-1_other:client": rules()},
        {"OWN": rules(RulesConfiguration=None)},
        {"OWN": rules(AmbiguousRoleResolution=None)},
        {"OWN": rules(26)},
        {"OWN": rules(Type="Token")},
    ],
)
def test_mappings_that_mean_nothing_are_refused(ci, identity_pool, mappings):
    own = identity_pool.user_pool_clients[0]["ProviderName"]
    given = {
        name.replace("OWN", own): {key: value for key, value in one.items() if value is not None}
        for name, one in mappings.items()
    }
    refused(
        ci,
        "InvalidParameterException",
        ci.set_identity_pool_roles,
        IdentityPoolId=identity_pool.id,
        Roles={},
        RoleMappings=given,
    )


def test_both_maps_are_replaced(ci, identity_pool, client):
    own = identity_pool.user_pool_clients[0]["ProviderName"]
    # The other spelling of the same pool, with its client.
    name = own.replace("cognito-idp.us-east-1.amazonaws.com", "testserver")
    mapping = {f"{name}:{client.client_id}": rules(25)}
    ci.set_identity_pool_roles(IdentityPoolId=identity_pool.id, Roles={}, RoleMappings=mapping)
    found = ci.get_identity_pool_roles(IdentityPoolId=identity_pool.id)
    assert found["Roles"] == {}
    assert found["RoleMappings"] == mapping
    ci.set_identity_pool_roles(IdentityPoolId=identity_pool.id, Roles={"authenticated": PASSED})
    found = ci.get_identity_pool_roles(IdentityPoolId=identity_pool.id)
    assert found["Roles"] == {"authenticated": PASSED}
    assert "RoleMappings" not in found


# Principal tags


def test_principal_tags_of_a_provider_are_set_and_shown(ci, identity_pool):
    own = identity_pool.user_pool_clients[0]["ProviderName"]
    given = {"IdentityPoolId": identity_pool.id, "IdentityProviderName": own}
    empty = ci.get_principal_tag_attribute_map(**given)
    assert (empty["UseDefaults"], empty["PrincipalTags"]) == (False, {})
    tags = {"department": "custom:department"}
    made = ci.set_principal_tag_attribute_map(**given, PrincipalTags=tags)
    assert made["PrincipalTags"] == tags
    assert ci.get_principal_tag_attribute_map(**given)["PrincipalTags"] == tags
    ci.set_principal_tag_attribute_map(**given, UseDefaults=True)
    assert ci.get_principal_tag_attribute_map(**given)["UseDefaults"] is True
    ci.set_principal_tag_attribute_map(**given, UseDefaults=False)
    assert IdentityPool.objects.get().principal_tags == {}


@pytest.mark.parametrize(
    ("name", "tags", "defaults"),
    [
        ("nobody.example", {"a": "b"}, False),
        ("", {"aws:a": "b"}, False),
        ("", {"a": "b", "A": "c"}, False),
        ("", {"a": "b"}, True),
    ],
)
def test_principal_tags_that_mean_nothing_are_refused(ci, identity_pool, name, tags, defaults):
    refused(
        ci,
        "InvalidParameterException",
        ci.set_principal_tag_attribute_map,
        IdentityPoolId=identity_pool.id,
        IdentityProviderName=name or identity_pool.user_pool_clients[0]["ProviderName"],
        PrincipalTags=tags,
        UseDefaults=defaults,
    )
