"""From a sign-in to credentials: admins, users and guests of one application.

The scenario: users of the admins' group get the whole bucket, others what their role says, guests
almost nothing.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from .conftest import PASSWORD, Story
from .programs import run_node
from .server import REGION, ROOT, Server, clean_environment, free_port

pytestmark = pytest.mark.journey

ACCOUNT = "000000000000"


def code_of(call: Any, **members: Any) -> str:
    """Make a call; return the error's code, or nothing."""
    try:
        call(**members)
    except ClientError as exc:
        return str(exc.response["Error"]["Code"])
    return ""


def allow(*actions: str, resource: str | list[str]) -> dict[str, Any]:
    """Return a policy of one statement."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


@dataclass(frozen=True)
class App:
    """An application with an admins' group, an identity pool and three roles."""

    story: Story
    server: Server
    identities: Any
    pool_id: str
    user: str
    admin: str

    @property
    def provider(self) -> str:
        """The key of Logins, as SDKs compose it of a token's issuer."""
        return f"127.0.0.1:{self.server.port}/{self.story.pool_id}"

    def logins(self, name: str) -> dict[str, str]:
        """Sign in; the Logins of an application."""
        return {self.provider: self.story.sign_in(name, PASSWORD)["IdToken"]}

    def credentials(self, logins: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask for an id and for credentials, as SDKs do."""
        given = {"Logins": logins} if logins else {}
        identity = self.identities.get_id(IdentityPoolId=self.pool_id, **given)["IdentityId"]
        answer = self.identities.get_credentials_for_identity(IdentityId=identity, **given)
        return dict(answer["Credentials"])

    def client(self, service: str, credentials: dict[str, Any], endpoint: str = "") -> Any:
        """Make a client that signs with vended keys."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=endpoint or self.server.url,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretKey"],
            aws_session_token=credentials["SessionToken"],
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )


def make_app(story: Story, roles: dict[str, str]) -> App:
    """Make an identity pool over the story's pool, with the ARNs of admins, members and guests."""
    server = story.server
    identities = server.client("cognito-identity")
    provider = f"127.0.0.1:{server.port}/{story.pool_id}"
    made = identities.create_identity_pool(
        IdentityPoolName="app",
        AllowUnauthenticatedIdentities=True,
        CognitoIdentityProviders=[
            {
                "ProviderName": provider,
                "ClientId": story.client_id,
                "ServerSideTokenCheck": True,
            }
        ],
    )
    identities.set_identity_pool_roles(
        IdentityPoolId=made["IdentityPoolId"],
        Roles={"authenticated": roles["member"], "unauthenticated": roles["guest"]},
        RoleMappings={
            f"{provider}:{story.client_id}": {
                "Type": "Token",
                "AmbiguousRoleResolution": "AuthenticatedRole",
            }
        },
    )
    story.idp.create_group(
        UserPoolId=story.pool_id, GroupName="admins", RoleArn=roles["admin"], Precedence=0
    )
    user, admin = story.user(), story.user()
    story.idp.admin_add_user_to_group(UserPoolId=story.pool_id, GroupName="admins", Username=admin)
    return App(story, server, identities, made["IdentityPoolId"], user, admin)


@pytest.fixture
def app(story: Story) -> App:
    """Return an application whose credentials this server makes."""
    roles = {}
    for name in ("admin", "member", "guest"):
        unique = f"{name}-{story.pool_id.partition('_')[2]}"
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Federated": "cognito-identity.amazonaws.com"},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                }
            ],
        }
        said = story.server.manage(
            "identitypool", "role", unique, "--json",
            "--policy", json.dumps(allow("s3:*", resource="*")), "--trust", json.dumps(trust),
        )  # fmt: skip
        roles[name] = json.loads(said)["Arn"]
    return make_app(story, roles)


def role_of(arn: str) -> str:
    return arn.split("/")[1].partition("-")[0]


def test_boto3_gets_the_role_of_guest_user_and_admin(app: App) -> None:
    for logins, expected in [
        (None, "guest"),
        (app.logins(app.user), "member"),
        (app.logins(app.admin), "admin"),
    ]:
        sts = app.client("sts", app.credentials(logins))
        assert role_of(sts.get_caller_identity()["Arn"]) == expected


def test_vended_keys_administer_nothing_and_end_with_the_identity(app: App) -> None:
    logins = app.logins(app.admin)
    keys = app.credentials(logins)
    idp = app.client("cognito-idp", keys)
    assert code_of(idp.list_user_pools, MaxResults=1) == "AccessDeniedException"
    identity = app.identities.get_id(IdentityPoolId=app.pool_id, Logins=logins)["IdentityId"]
    app.identities.delete_identities(IdentityIdsToDelete=[identity])
    sts = app.client("sts", keys)
    assert code_of(sts.get_caller_identity) == "InvalidClientTokenId"


def test_a_sign_out_everywhere_ends_new_credentials(app: App) -> None:
    logins = app.logins(app.user)
    assert app.credentials(logins)
    app.story.idp.admin_user_global_sign_out(UserPoolId=app.story.pool_id, Username=app.user)
    with pytest.raises(app.identities.exceptions.NotAuthorizedException):
        app.credentials(logins)


@pytest.mark.client
def test_the_javascript_sdk_gets_the_role_of_guest_user_and_admin(app: App) -> None:
    custom = "arn:aws:iam::000000000000:role/another"
    steps = [
        {},
        {"logins": app.logins(app.user)},
        {"logins": app.logins(app.admin)},
        {"logins": app.logins(app.admin), "customRoleArn": custom},
        {"logins": {app.provider: "no.good.token"}},
    ]
    given = {"endpoint": app.server.url, "region": REGION, "poolId": app.pool_id, "steps": steps}
    guest, user, admin, foreign, forged = run_node("credentials.mjs", given)
    assert [role_of(each["ok"]["arn"]) for each in (guest, user, admin)] == [
        "guest",
        "member",
        "admin",
    ]
    assert user["ok"]["accessKeyId"].startswith("ASIA")
    assert user["ok"]["identityId"].startswith(f"{REGION}:")
    assert foreign["error"]["code"] == forged["error"]["code"] == "NotAuthorizedException"


@pytest.mark.client
def test_amplify_gives_credentials_before_and_after_a_sign_in(app: App) -> None:
    given = {
        "endpoint": f"{app.server.url}/",
        "poolId": app.story.pool_id,
        "clientId": app.story.client_id,
        "identityPoolId": app.pool_id,
        "steps": [
            {"do": "credentials"},
            {"do": "signIn", "username": app.user, "password": PASSWORD},
            {"do": "credentials"},
        ],
    }
    guest, signed_in, user = run_node("amplify.mjs", given)
    assert guest["ok"]["accessKeyId"].startswith("ASIA")
    assert signed_in["ok"]["isSignedIn"]
    assert user["ok"]["accessKeyId"].startswith("ASIA")
    assert user["ok"]["accessKeyId"] != guest["ok"]["accessKeyId"]


# A real S3 that enforces IAM


@pytest.fixture
def moto(tmp_path: Any) -> Iterator[str]:
    """Start moto's server; its URL."""
    program = os.environ.get("POOLHOUSE_MOTO") or shutil.which("moto_server")
    if program is None:
        pytest.skip("needs moto's server (POOLHOUSE_MOTO, or `moto_server` on the PATH)")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "moto.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port)],
            cwd=ROOT,
            env={**clean_environment(), "MOTO_ACCOUNT_ID": ACCOUNT},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + 60
        while True:
            try:
                requests.get(f"{url}/moto-api/data.json", timeout=5)
                break
            except requests.RequestException:
                assert process.poll() is None, (tmp_path / "moto.log").read_text()
                assert time.monotonic() < end, "moto did not start"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def moto_client(service: str, url: str) -> Any:
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="root",
        aws_secret_access_key="root",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


BUCKET = "photos"


@pytest.fixture
def s3_app(story: Story, moto: str) -> App:
    """Return an application whose roles, and whose credentials, are moto's."""
    iam, s3 = moto_client("iam", moto), moto_client("s3", moto)
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for key in ("public/a", "private/a"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"first")
    whole, prefix = f"arn:aws:s3:::{BUCKET}/*", f"arn:aws:s3:::{BUCKET}/public/*"
    policies = {
        "admin": allow("s3:GetObject", "s3:PutObject", resource=whole),
        "member": allow("s3:GetObject", "s3:PutObject", resource=prefix),
        "guest": allow("s3:ListAllMyBuckets", resource="*"),
    }
    roles = {}
    for name, policy in policies.items():
        trust = {"Version": "2012-10-17", "Statement": []}
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(RoleName=name, PolicyName="access", PolicyDocument=json.dumps(policy))
        roles[name] = made["Role"]["Arn"]
    made = make_app(story, roles)
    story.server.manage("identitypool", "set-vendor", made.pool_id, "sts", "--endpoint", moto)
    return made


def enforce(moto: str) -> None:
    """Have moto ask IAM from now on; it would refuse unsigned calls, which STS's are, too."""
    requests.post(f"{moto}/moto-api/reset-auth", data="0", timeout=10).raise_for_status()


@pytest.mark.client
def test_a_real_s3_enforces_the_roles_that_sts_gave(s3_app: App, moto: str) -> None:
    def s3(logins: dict[str, str] | None = None) -> Any:
        return s3_app.client("s3", s3_app.credentials(logins), moto)

    admin, user = s3(s3_app.logins(s3_app.admin)), s3(s3_app.logins(s3_app.user))
    guest = s3()
    enforce(moto)
    for key in ("public/a", "private/a"):
        admin.put_object(Bucket=BUCKET, Key=key, Body=b"admin's")
        assert admin.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"admin's"
    user.put_object(Bucket=BUCKET, Key="public/b", Body=b"user's")
    assert user.get_object(Bucket=BUCKET, Key="public/a")["Body"].read() == b"admin's"
    assert code_of(user.get_object, Bucket=BUCKET, Key="private/a") == "AccessDenied"
    assert code_of(user.put_object, Bucket=BUCKET, Key="private/b", Body=b"") == "AccessDenied"
    assert code_of(guest.get_object, Bucket=BUCKET, Key="public/a") == "AccessDenied"


@pytest.mark.client
def test_a_role_that_sts_does_not_give_is_a_wrong_configuration(app: App) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    app.server.manage("identitypool", "set-vendor", app.pool_id, "sts", "--endpoint", nobody)
    logins = app.logins(app.user)
    with pytest.raises(app.identities.exceptions.ExternalServiceException):
        app.credentials(logins)
