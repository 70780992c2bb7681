"""Roles and sessions of STS, as boto3 sees them."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import jwt
import pytest
import time_machine
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from django.utils import timezone

from identitypools import role_records
from identitypools.models import Identity, IdentityPool
from identitypools.vendors.local import SessionResolver
from tests import in_process
from userpools import access_keys
from userpools.models import AccessKey, Operator

ACCOUNT = "000000000000"
TRUSTS_THE_ACCOUNT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}
READ_POOLS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "cognito-idp:ListUserPools", "Resource": "*"}],
}


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


@pytest.fixture
def web_sts(application):
    """A client that signs nothing."""
    made = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=in_process.ENDPOINT,
        config=Config(
            signature_version=UNSIGNED,
            retries={"total_max_attempts": 1},
            parameter_validation=False,
        ),
    )
    made.meta.events.register(
        "before-send", lambda request, **_: in_process.answer(application, request)
    )
    return made


@pytest.fixture
def basic(ci, identity_pool, login):
    """A token of the basic flow, and its identity."""
    IdentityPool.objects.update(allow_classic=True)
    identity_pool.touch()
    identity = ci.get_id(IdentityPoolId=identity_pool.id, Logins=login)["IdentityId"]
    return ci.get_open_id_token(IdentityId=identity, Logins=login)


@pytest.fixture
def assume(web_sts, basic, identity_pool):
    def take(**members):
        given = {
            "RoleArn": identity_pool.roles["authenticated"],
            "RoleSessionName": "app",
            "WebIdentityToken": basic["Token"],
        }
        return web_sts.assume_role_with_web_identity(**{**given, **members})

    return take


# AssumeRoleWithWebIdentity


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"RoleArn": "arn:aws:iam::000000000000:role/none"}, (403, "AccessDenied")),
        ({"WebIdentityToken": "no token"}, (400, "InvalidIdentityToken")),
        ({"WebIdentityToken": "a.b.c"}, (400, "InvalidIdentityToken")),
        ({"DurationSeconds": 899}, (400, "ValidationError")),
        ({"DurationSeconds": 3601}, (400, "ValidationError")),
        ({"RoleSessionName": "a b"}, (400, "ValidationError")),
        ({"Policy": "{}"}, (400, "MalformedPolicyDocument")),
        ({"ProviderId": "www.amazon.com"}, (400, "ValidationError")),
        (
            {"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]},
            (400, "ValidationError"),
        ),
    ],
)
def test_what_is_wrong_or_not_served_is_refused(assume, members, expected):
    assert refused(assume, **members) == expected
    assert assume()["Credentials"]


def test_a_missing_parameter_is_refused(send):
    answer = send("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" + "x" * 30)
    assert answer.status_code == 400
    assert b"ValidationError" in answer.content


def test_an_expired_token_is_refused(assume):
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert refused(assume) == (400, "ExpiredTokenException")


def test_a_token_of_a_user_pool_is_refused(assume, token):
    assert refused(assume, WebIdentityToken=token) == (400, "InvalidIdentityToken")


@pytest.mark.parametrize("end", ["deleted", "merged", "pool"])
def test_a_token_ends_with_its_identity(assume, basic, ci, identity_pool, end):
    assert assume()
    if end == "deleted":
        ci.delete_identities(IdentityIdsToDelete=[basic["IdentityId"]])
    elif end == "pool":
        ci.delete_identity_pool(IdentityPoolId=identity_pool.id)
    else:
        owner = ci.get_id(IdentityPoolId=identity_pool.id)["IdentityId"]
        Identity.objects.filter(pk=basic["IdentityId"]).update(merged_into=owner)
    assert refused(assume) == (400, "InvalidIdentityToken")


def test_a_guests_token_ends_when_the_pool_has_guests_no_more(assume, ci, basic, identity_pool):
    guest = ci.get_id(IdentityPoolId=identity_pool.id)["IdentityId"]
    token = ci.get_open_id_token(IdentityId=guest)["Token"]
    assert assume(WebIdentityToken=token)
    IdentityPool.objects.update(allow_unauthenticated=False)
    identity_pool.touch()
    assert refused(assume, WebIdentityToken=token) == (400, "InvalidIdentityToken")


def test_the_roles_trust_policy_is_asked(assume, make_role):
    elsewhere = make_role("elsewhere", trust=role_records.trust_of("us-east-1:another"))
    operators = make_role("operators", trust=TRUSTS_THE_ACCOUNT)
    assert refused(assume, RoleArn=elsewhere.arn) == (403, "AccessDenied")
    assert refused(assume, RoleArn=operators.arn) == (403, "AccessDenied")


def test_a_token_gets_a_role(assume, basic, identity_pool, vended):
    answer = assume(DurationSeconds=900)
    assert answer["SubjectFromWebIdentityToken"] == basic["IdentityId"]
    assert answer["Audience"] == identity_pool.id
    assert answer["Provider"] == "cognito-identity.amazonaws.com"
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/member/app"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    told = vended(answer["Credentials"]).get_caller_identity()
    assert (told["Arn"], told["UserId"]) == (arn, answer["AssumedRoleUser"]["AssumedRoleId"])


def test_a_session_policy_limits_the_role(assume):
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    made = assume(Policy=json.dumps({"Statement": [allowed]}))["Credentials"]
    session = SessionResolver().resolve(made["AccessKeyId"], made["SessionToken"]).caller.identity
    assert session.may("s3:GetObject", "arn:aws:s3:::b/a")
    assert not session.may("s3:PutObject", "arn:aws:s3:::b/a")


def test_identities_of_the_basic_flow_administer_nothing_either(assume, vended):
    idp = vended(assume()["Credentials"], "cognito-idp")
    assert refused(idp.list_user_pools, MaxResults=1)[1] == "AccessDeniedException"


# AssumeRole


@pytest.fixture
def reader(make_role):
    """A role of operators that lists user pools."""
    return make_role("reader", policy=READ_POOLS, trust=TRUSTS_THE_ACCOUNT)


def test_an_operator_takes_a_role_and_may_do_what_it_says(sts, reader, vended, pool):
    answer = sts.assume_role(RoleArn=reader.arn, RoleSessionName="me")
    idp = vended(answer["Credentials"], "cognito-idp")
    assert len(idp.list_user_pools(MaxResults=10)["UserPools"]) == 1
    refusal = refused(idp.describe_user_pool, UserPoolId=pool.id)
    assert refusal[1] == "AccessDeniedException"
    told = vended(answer["Credentials"]).get_caller_identity()
    assert told["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/me"


OTHER_ROLE = {"Effect": "Allow", "Action": "sts:*", "Resource": "arn:aws:iam::1:role/other"}


@pytest.mark.parametrize("policy", [None, {"Statement": OTHER_ROLE}])
def test_an_operator_needs_permission_to_take_a_role(signed_client, reader, policy):
    other = Operator.objects.create_user("other", "other@example.com", "a-long-password-1")
    sts = signed_client("sts", operator=other, policy=policy)
    call = {"RoleArn": reader.arn, "RoleSessionName": "me"}
    assert refused(sts.assume_role, **call) == (403, "AccessDenied")


def test_a_role_must_trust_the_operator(sts, make_role):
    web = make_role("web")
    call = {"RoleArn": web.arn, "RoleSessionName": "me"}
    assert refused(sts.assume_role, **call) == (403, "AccessDenied")


def test_an_unsigned_caller_takes_no_operators_role(web_sts, reader):
    call = {"RoleArn": reader.arn, "RoleSessionName": "me"}
    assert refused(web_sts.assume_role, **call) == (403, "MissingAuthenticationToken")


def test_an_external_id_is_compared(sts, make_role):
    trust = json.loads(json.dumps(TRUSTS_THE_ACCOUNT))
    trust["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "right"}}
    role = make_role("partner", trust=trust)
    call = {"RoleArn": role.arn, "RoleSessionName": "me"}
    assert refused(sts.assume_role, **call) == (403, "AccessDenied")
    assert refused(sts.assume_role, **call, ExternalId="wrong") == (403, "AccessDenied")
    assert sts.assume_role(**call, ExternalId="right")["Credentials"]


def test_tags_need_permission_and_reach_the_policy(sts, make_role):
    call = {
        "RoleSessionName": "me",
        "Tags": [{"Key": "team", "Value": "red"}],
    }
    untagged = make_role("untagged", trust=TRUSTS_THE_ACCOUNT)
    assert refused(sts.assume_role, RoleArn=untagged.arn, **call) == (403, "AccessDenied")
    trust = json.loads(json.dumps(TRUSTS_THE_ACCOUNT))
    trust["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]
    tagged = make_role("tagged", trust=trust)
    made = sts.assume_role(RoleArn=tagged.arn, **call)["Credentials"]
    session = SessionResolver().resolve(made["AccessKeyId"], made["SessionToken"]).caller.identity
    assert session.context()["aws:principaltag/team"] == "red"
    twice = [*call["Tags"], {"Key": "Team", "Value": "blue"}]
    refusal = refused(sts.assume_role, RoleArn=tagged.arn, **{**call, "Tags": twice})
    assert refusal == (400, "ValidationError")


def test_a_role_ends_with_the_key_that_took_it(sts, reader, vended):
    made = sts.assume_role(RoleArn=reader.arn, RoleSessionName="me")["Credentials"]
    keys = vended(made)
    assert keys.get_caller_identity()
    AccessKey.objects.update(is_active=False)
    access_keys.credentials.clear()
    assert refused(keys.get_caller_identity) == (403, "InvalidClientTokenId")


def test_more_than_a_session_token_holds_is_refused(sts, make_role):
    role = make_role("wide", trust=TRUSTS_THE_ACCOUNT)
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::" + "b" * 10_000]}
    call = {
        "RoleArn": role.arn,
        "RoleSessionName": "me",
        "Policy": json.dumps({"Statement": allowed}),
    }
    assert refused(sts.assume_role, **call) == (400, "PackedPolicyTooLarge")


# GetSessionToken


def test_a_session_has_the_powers_of_its_key(sts, vended, pool):
    made = sts.get_session_token(DurationSeconds=900)["Credentials"]
    idp = vended(made, "cognito-idp")
    assert idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]["Id"] == pool.id
    keys = vended(made)
    assert keys.get_caller_identity()["Arn"].endswith(":user/root")
    assert refused(keys.get_session_token) == (403, "AccessDenied")
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert refused(keys.get_caller_identity) == (403, "ExpiredToken")


def test_a_session_with_a_second_factor_is_not_served(sts):
    call = {"SerialNumber": "arn:aws:iam::1:mfa/a", "TokenCode": "123456"}
    assert refused(sts.get_session_token, **call) == (400, "ValidationError")


def test_a_token_names_its_issuer(basic):
    claims = jwt.decode(basic["Token"], options={"verify_signature": False})
    assert claims["iss"] == "http://testserver/identity"
