"""Credentials of this server: which role, how long, and what they are worth."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from botocore.exceptions import ClientError
from django.utils import timezone

from identitypools import identities, role_records
from identitypools.models import Identity, IdentityPool, Login, Role
from identitypools.role_records import RoleSettings
from identitypools.vendors.local import SessionResolver
from tests.calls import refused
from tests.identitypools.conftest import ACTOR, ANYTHING, provider_of
from userpools.awsjson.errors import UnrecognizedClientException

BUCKET = "arn:aws:s3:::photos"


def code_of(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]


@pytest.fixture
def credentials(ci, identity_pool):
    """Get credentials as an app does: an id, then keys for it."""

    def get(logins=None, **members):
        given = {"Logins": logins} if logins else {}
        identity = ci.get_id(IdentityPoolId=identity_pool.id, **given)["IdentityId"]
        return ci.get_credentials_for_identity(IdentityId=identity, **given, **members)

    return get


@pytest.fixture
def session_of():
    """Return the session that keys stand for, as a gateway would find it."""

    def resolve(answer):
        made = answer["Credentials"]
        resolved = SessionResolver().resolve(made["AccessKeyId"], made["SessionToken"])
        return resolved.caller.identity

    return resolve


def rows():
    """What the database says of identities; where one query is all, it was the one to find them."""
    return [list(model.objects.order_by("pk").values()) for model in (Identity, Login)]


def change_role(name, **changed):
    role = Role.objects.get(name=name)
    given = {"trust_policy": role.trust_policy, "policy": role.policy, **changed}
    role_records.update_role(role.arn, RoleSettings(name=name, **given), actor=ACTOR)


# Refused


def test_a_pool_without_roles_has_no_credentials(ci, make_identity_pool):
    pool = make_identity_pool(AllowUnauthenticatedIdentities=True)
    identity = ci.get_id(IdentityPoolId=pool.id)["IdentityId"]
    message = refused(
        ci,
        "InvalidIdentityPoolConfigurationException",
        ci.get_credentials_for_identity,
        IdentityId=identity,
    )
    assert message.startswith("Invalid identity pool configuration.")


def test_a_role_that_nobody_made_is_refused(credentials, login):
    Role.objects.all().delete()
    assert code_of(credentials, logins=login) == "InvalidIdentityPoolConfigurationException"


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:another"}},
        {
            "ForAnyValue:StringLike": {
                "cognito-identity.amazonaws.com:amr": "unauthenticated",
            }
        },
        {"StringLike": {"cognito-identity.amazonaws.com:sub": "eu-west-1:*"}},
    ],
)
def test_the_trust_policy_is_asked(credentials, login, condition):
    trust = role_records.trust_of("any")
    trust["Statement"][0]["Condition"] = condition
    change_role("member", trust_policy=trust)
    assert code_of(credentials, logins=login) == "InvalidIdentityPoolConfigurationException"


def test_the_usual_trust_policy_tells_guests_from_users(credentials, identity_pool, login):
    change_role("member", trust_policy=role_records.trust_of(identity_pool.id))
    change_role(
        "guest", trust_policy=role_records.trust_of(identity_pool.id, amr="unauthenticated")
    )
    assert credentials(login)["Credentials"]
    assert credentials()["Credentials"]
    change_role("guest", trust_policy=role_records.trust_of(identity_pool.id))
    assert code_of(credentials) == "InvalidIdentityPoolConfigurationException"


def test_tags_need_a_role_that_may_be_tagged(ci, credentials, identity_pool, pool, login):
    ci.set_principal_tag_attribute_map(
        IdentityPoolId=identity_pool.id,
        IdentityProviderName=provider_of(pool),
        UseDefaults=True,
    )
    assert credentials(login)["Credentials"]
    trust = role_records.trust_of(identity_pool.id)
    trust["Statement"][0]["Action"] = "sts:AssumeRoleWithWebIdentity"
    change_role("member", trust_policy=trust)
    assert code_of(credentials, logins=login) == "InvalidIdentityPoolConfigurationException"


@pytest.mark.parametrize("changed", ["secret_access_key", "session_token", "access_key_id"])
def test_a_changed_part_is_refused(credentials, login, vended, changed):
    mine, other = credentials(login)["Credentials"], credentials(login)["Credentials"]
    names = {
        "secret_access_key": "SecretKey",
        "session_token": "SessionToken",
        "access_key_id": "AccessKeyId",
    }
    assert vended(mine).get_caller_identity()
    spoilt = vended(mine, **{changed: other[names[changed]]})
    expected = "SignatureDoesNotMatch" if changed == "secret_access_key" else "InvalidClientTokenId"
    assert code_of(spoilt.get_caller_identity) == expected


def test_keys_without_their_token_are_refused(credentials, login, vended):
    keys = vended(credentials(login)["Credentials"], session_token=None)
    assert code_of(keys.get_caller_identity) == "InvalidClientTokenId"


@pytest.mark.parametrize("token", ["", "P", "P" * 20_000, "Ä", "x\x00"])
def test_a_session_token_that_is_none_is_refused(token):
    with pytest.raises(UnrecognizedClientException):
        SessionResolver().resolve("ASIAAAAAAAAAAAAAAAAA", token)


def test_expired_keys_are_refused(credentials, login, vended):
    keys = vended(credentials(login)["Credentials"])
    assert keys.get_caller_identity()
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert code_of(keys.get_caller_identity) == "ExpiredToken"


@pytest.mark.parametrize("end", ["identity", "pool", "merged", "credentials"])
def test_keys_end_with_their_identity(ci, credentials, login, identity_pool, vended, end):
    answer = credentials(login)
    keys = vended(answer["Credentials"])
    assert keys.get_caller_identity()
    if end == "identity":
        ci.delete_identities(IdentityIdsToDelete=[answer["IdentityId"]])
    elif end == "pool":
        ci.delete_identity_pool(IdentityPoolId=identity_pool.id)
    elif end == "merged":
        owner = ci.get_id(IdentityPoolId=identity_pool.id)["IdentityId"]
        Identity.objects.filter(pk=answer["IdentityId"]).update(merged_into=owner)
    else:
        identities.end_credentials(answer["IdentityId"])
    expected = "ExpiredToken" if end == "credentials" else "InvalidClientTokenId"
    assert code_of(keys.get_caller_identity) == expected


def test_keys_of_an_identity_administer_nothing_whatever_the_role_says(
    credentials, identity_pool, pool, login, vended
):
    """Safety rules 3 and 40: vended credentials carry no administrator's right."""
    assert Role.objects.get(name="member").policy == ANYTHING
    keys = credentials(login)["Credentials"]
    idp, ci = vended(keys, "cognito-idp"), vended(keys, "cognito-identity")
    assert code_of(idp.list_user_pools, MaxResults=1) == "AccessDeniedException"
    assert code_of(idp.describe_user_pool, UserPoolId=pool.id) == "AccessDeniedException"
    assert code_of(ci.list_identity_pools, MaxResults=1) == "AccessDeniedException"
    assert (
        code_of(ci.describe_identity_pool, IdentityPoolId=identity_pool.id)
        == "AccessDeniedException"
    )
    sts = vended(keys)
    assert code_of(sts.get_session_token) == "AccessDenied"
    assert (
        code_of(
            sts.assume_role,
            RoleArn=Role.objects.get(name="guest").arn,
            RoleSessionName="more",
        )
        == "AccessDenied"
    )


# Given


def test_keys_say_whose_they_are(credentials, login, vended):
    answer = credentials(login)
    made = answer["Credentials"]
    assert made["AccessKeyId"].startswith("ASIA")
    left = made["Expiration"] - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    told = vended(made).get_caller_identity()
    assert told["Arn"] == (
        "arn:aws:sts::000000000000:assumed-role/member/CognitoIdentityCredentials"
    )
    role = Role.objects.get(name="member")
    assert told["UserId"] == f"{role.role_id}:CognitoIdentityCredentials"


def test_the_secret_is_shown_nowhere(credentials, login, caplog):
    made = credentials(login)["Credentials"]
    assert made["SecretKey"] not in made["SessionToken"]
    assert made["SecretKey"] not in caplog.text


def test_the_second_call_of_a_user_reads_once_and_writes_nothing(
    ci, credentials, login, django_assert_num_queries
):
    identity = credentials(login)["IdentityId"]
    before = rows()
    with django_assert_num_queries(1):
        ci.get_credentials_for_identity(IdentityId=identity, Logins=login)
    assert rows() == before


def test_the_second_call_of_a_guest_reads_once_and_writes_nothing(
    ci, credentials, django_assert_num_queries
):
    identity = credentials()["IdentityId"]
    before = rows()
    with django_assert_num_queries(1):
        ci.get_credentials_for_identity(IdentityId=identity)
    assert rows() == before


def test_the_day_of_use_is_noted(ci, credentials, login):
    identity = credentials(login)["IdentityId"]
    long_ago = timezone.now() - timedelta(days=3)
    Identity.objects.update(last_used_at=long_ago)
    ci.get_credentials_for_identity(IdentityId=identity, Logins=login)
    assert Identity.objects.get().last_used_at > long_ago


def test_a_role_is_judged_as_it_is_at_each_use(credentials, login, session_of):
    answer = credentials(login)
    assert session_of(answer).may("s3:GetObject", f"{BUCKET}/a")
    allowed = {"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}
    change_role("member", policy={"Statement": [allowed]})
    assert not session_of(answer).may("s3:GetObject", f"{BUCKET}/a")
    assert session_of(answer).may("s3:ListBucket", BUCKET)


def test_a_namesake_of_a_deleted_role_is_another_role(credentials, login, session_of, make_role):
    answer = credentials(login)
    role = Role.objects.get(name="member")
    role_records.delete_role(role.arn, actor=ACTOR)
    assert not session_of(answer).may("s3:GetObject", f"{BUCKET}/a")
    make_role("member")
    assert not session_of(answer).may("s3:GetObject", f"{BUCKET}/a")


def test_a_guest_gets_no_more_than_guests_may(credentials, session_of):
    session = session_of(credentials())
    assert Role.objects.get(name="guest").policy == ANYTHING
    assert session.may("s3:GetObject", f"{BUCKET}/a")
    assert session.may("kms:Encrypt", "arn:aws:kms:us-east-1:000000000000:key/k")
    assert not session.may("kms:CreateKey", "*")
    assert not session.may("ec2:RunInstances", "*")
    assert not session.may("iam:CreateUser", "*")


def test_a_policy_with_variables_gives_each_user_a_prefix_of_its_own(
    credentials, login, another_login, session_of
):
    """The scenario: admins the whole bucket, others their own prefix, guests almost nothing."""
    own = "${cognito-identity.amazonaws.com:sub}"
    change_role(
        "member",
        policy={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["s3:GetObject", "s3:PutObject"],
                    "Resource": f"{BUCKET}/{own}/*",
                },
                {
                    "Effect": "Allow",
                    "Action": "s3:ListBucket",
                    "Resource": BUCKET,
                    "Condition": {"StringLike": {"s3:prefix": [f"{own}/*"]}},
                },
            ],
        },
    )
    mine, theirs = credentials(login), credentials(another_login("ben"))
    session = session_of(mine)
    assert session.may("s3:PutObject", f"{BUCKET}/{mine['IdentityId']}/a")
    assert not session.may("s3:PutObject", f"{BUCKET}/{theirs['IdentityId']}/a")
    assert session.may("s3:ListBucket", BUCKET, {"s3:prefix": f"{mine['IdentityId']}/a"})
    assert not session.may("s3:ListBucket", BUCKET, {"s3:prefix": "a"})
    assert not session.may("s3:ListBucket", BUCKET)


@pytest.mark.parametrize(
    "key", ["cognito-identity.amazonaws.com:sub", "aws:PrincipalTag/team", "aws:userid"]
)
def test_a_gateway_cannot_be_told_who_the_session_is(credentials, login, session_of, key):
    allowed = {
        "Effect": "Allow",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"StringEquals": {key: "me"}},
    }
    change_role("member", policy={"Version": "2012-10-17", "Statement": [allowed]})
    session = session_of(credentials(login))
    assert not session.may("s3:GetObject", f"{BUCKET}/a", {key.lower(): "me"})
    assert not session.may("s3:GetObject", f"{BUCKET}/a", {key: "me"})


def test_claims_become_principal_tags(ci, credentials, identity_pool, pool, login, session_of):
    ci.set_principal_tag_attribute_map(
        IdentityPoolId=identity_pool.id,
        IdentityProviderName=provider_of(pool),
        PrincipalTags={"Mail": "email", "Absent": "custom:none"},
    )
    change_role(
        "member",
        policy={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "s3:*",
                    "Resource": f"{BUCKET}/${{aws:PrincipalTag/mail}}/*",
                },
                {
                    "Effect": "Allow",
                    "Action": "sqs:*",
                    "Resource": "*",
                    "Condition": {"StringEquals": {"aws:PrincipalTag/Absent": "x"}},
                },
            ],
        },
    )
    session = session_of(credentials(login))
    assert session.may("s3:GetObject", f"{BUCKET}/ana@example.com/a")
    assert not session.may("s3:GetObject", f"{BUCKET}/ben@example.com/a")
    assert not session.may("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:q")


def test_tags_that_are_too_large_are_refused(
    ci, credentials, identity_pool, pool, client, make_user, sign_in, idp
):
    make_user(pool, "long", nickname="n" * 257)
    logins = {provider_of(pool): sign_in(client, "long")["IdToken"]}
    assert credentials(logins)
    ci.set_principal_tag_attribute_map(
        IdentityPoolId=identity_pool.id,
        IdentityProviderName=provider_of(pool),
        PrincipalTags={"nick": "nickname"},
    )
    assert code_of(credentials, logins=logins) == "NotAuthorizedException"


# Developers' users


def developer_login(answer):
    return {"cognito-identity.amazonaws.com": answer["Token"]}


def test_a_developers_token_gets_credentials_and_tags(ci, developer, session_of):
    answer = developer("zoe", PrincipalTags={"team": "red"})
    made = ci.get_credentials_for_identity(
        IdentityId=answer["IdentityId"], Logins=developer_login(answer)
    )
    known = session_of(made).context()
    assert known["aws:principaltag/team"] == "red"
    assert known["cognito-identity.amazonaws.com:amr"][:2] == ["authenticated", "login.example"]


@pytest.mark.parametrize("wrong", ["another's", "expired", "forged", "with others", "basic flow"])
def test_a_developers_token_that_proves_nothing_is_refused(
    ci, developer, identity_pool, login, wrong
):
    answer, other = developer("zoe"), developer("yan")
    logins = developer_login(answer)
    error, moment = "NotAuthorizedException", timezone.now()
    if wrong == "another's":
        logins = developer_login(other)
    elif wrong == "expired":
        moment += timedelta(minutes=16)
    elif wrong == "forged":
        logins = {name: token[:-4] + "AAAA" for name, token in logins.items()}
    elif wrong == "with others":
        logins, error = {**logins, **login}, "InvalidParameterException"
    else:
        IdentityPool.objects.update(allow_classic=True)
        identity_pool.touch()
        mine = ci.get_id(IdentityPoolId=identity_pool.id, Logins=login)["IdentityId"]
        token = ci.get_open_id_token(IdentityId=mine, Logins=login)["Token"]
        logins, answer = {"cognito-identity.amazonaws.com": token}, {"IdentityId": mine}
    with time_machine.travel(moment):
        refused(
            ci,
            error,
            ci.get_credentials_for_identity,
            IdentityId=answer["IdentityId"],
            Logins=logins,
        )


def test_an_unlinked_developers_user_has_no_credentials(ci, developer, identity_pool):
    answer = developer("zoe")
    given = {"IdentityId": answer["IdentityId"], "Logins": developer_login(answer)}
    assert ci.get_credentials_for_identity(**given)
    ci.unlink_developer_identity(
        IdentityId=answer["IdentityId"],
        IdentityPoolId=identity_pool.id,
        DeveloperProviderName="login.example",
        DeveloperUserIdentifier="zoe",
    )
    refused(ci, "NotAuthorizedException", ci.get_credentials_for_identity, **given)


def test_a_token_of_another_identity_pool_is_refused(ci, developer, make_identity_pool):
    other = make_identity_pool(DeveloperProviderName="login.example")
    stranger = ci.get_open_id_token_for_developer_identity(
        IdentityPoolId=other.id, Logins={"login.example": "zoe"}
    )
    mine = developer("zoe")["IdentityId"]
    refused(
        ci,
        "NotAuthorizedException",
        ci.get_credentials_for_identity,
        IdentityId=mine,
        Logins=developer_login(stranger),
    )


# Role choice through the API


@pytest.fixture
def groups(idp, ci, pool, user, client, identity_pool, make_role, sign_in):
    """Put `user` into groups with roles, and map roles by token; returns fresh Logins."""

    def make(*names, ambiguous="Deny"):
        for number, name in enumerate(names):
            arn = make_role(name).arn
            idp.create_group(
                UserPoolId=pool.id, GroupName=name, RoleArn=arn, Precedence=number // 2
            )
            idp.admin_add_user_to_group(UserPoolId=pool.id, GroupName=name, Username=user)
        ci.set_identity_pool_roles(
            IdentityPoolId=identity_pool.id,
            Roles=identity_pool.roles,
            RoleMappings={
                f"{provider_of(pool)}:{client.client_id}": {
                    "Type": "Token",
                    "AmbiguousRoleResolution": ambiguous,
                }
            },
        )
        return {provider_of(pool): sign_in(client)["IdToken"]}

    return make


def role_of(answer, vended):
    return vended(answer["Credentials"]).get_caller_identity()["Arn"].split("/")[1]


def test_a_groups_role_is_taken(credentials, groups, vended):
    assert role_of(credentials(groups("admins")), vended) == "admins"


def test_a_custom_role_must_be_in_the_token(credentials, groups, vended):
    logins = groups("admins", "editors", "readers")
    wanted = Role.objects.get(name="readers").arn
    assert role_of(credentials(logins, CustomRoleArn=wanted), vended) == "readers"
    foreign = Role.objects.get(name="guest").arn
    assert code_of(credentials, logins=logins, CustomRoleArn=foreign) == "NotAuthorizedException"
    assert code_of(credentials, CustomRoleArn=foreign) == "NotAuthorizedException"


def test_several_roles_of_equal_rank_are_ambiguous(credentials, groups, vended, pool, client):
    logins = groups("admins", "editors")
    with pytest.raises(ClientError) as caught:
        credentials(logins)
    assert caught.value.response["Error"]["Message"] == (
        "The ambiguous role mapping rules for: "
        f"{provider_of(pool)}:{client.client_id} denied this request."
    )


def test_what_is_ambiguous_may_fall_back_to_the_default(credentials, groups, vended):
    logins = groups("admins", "editors", ambiguous="AuthenticatedRole")
    assert role_of(credentials(logins), vended) == "member"


def test_rules_choose_by_claims(
    ci, credentials, identity_pool, pool, client, make_role, login, vended
):
    rule = {"Claim": "email", "MatchType": "Contains", "Value": "@example.com"}
    ci.set_identity_pool_roles(
        IdentityPoolId=identity_pool.id,
        Roles=identity_pool.roles,
        RoleMappings={
            provider_of(pool): {
                "Type": "Rules",
                "AmbiguousRoleResolution": "AuthenticatedRole",
                "RulesConfiguration": {"Rules": [{**rule, "RoleARN": make_role("staff").arn}]},
            }
        },
    )
    assert role_of(credentials(login), vended) == "staff"
