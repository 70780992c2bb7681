"""The story of an operator at a shell: the AWS CLI, unmodified."""

from pathlib import Path

import pytest

from .programs import AwsCli
from .server import Server

pytestmark = [pytest.mark.journey, pytest.mark.client]

PASSWORD = "Correct-horse-7"


@pytest.fixture
def aws(server: Server, tmp_path: Path) -> AwsCli:
    return AwsCli(server, tmp_path)


def test_an_operator_sets_up_a_pool_and_a_user_signs_in(server: Server, aws: AwsCli) -> None:
    identity = aws("sts", "get-caller-identity")
    assert identity["Account"] == "000000000000"

    pool = aws("cognito-idp", "create-user-pool", "--pool-name", "from-the-shell")["UserPool"]
    client = aws(
        "cognito-idp", "create-user-pool-client",
        "--user-pool-id", pool["Id"],
        "--client-name", "shell",
        "--explicit-auth-flows", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
    )["UserPoolClient"]  # fmt: skip
    user = aws(
        "cognito-idp", "admin-create-user",
        "--user-pool-id", pool["Id"],
        "--username", "dora",
        "--user-attributes", "Name=email,Value=dora@example.com",
        "--message-action", "SUPPRESS",
    )["User"]  # fmt: skip
    assert user["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    aws(
        "cognito-idp", "admin-set-user-password",
        "--user-pool-id", pool["Id"],
        "--username", "dora",
        "--password", PASSWORD,
        "--permanent",
    )  # fmt: skip
    tokens = aws(
        "cognito-idp", "initiate-auth",
        "--client-id", client["ClientId"],
        "--auth-flow", "USER_PASSWORD_AUTH",
        "--auth-parameters", f"USERNAME=dora,PASSWORD={PASSWORD}",
    )["AuthenticationResult"]  # fmt: skip
    me = aws("cognito-idp", "get-user", "--access-token", tokens["AccessToken"])
    assert me["Username"] == "dora"
    refreshed = aws(
        "cognito-idp", "initiate-auth",
        "--client-id", client["ClientId"],
        "--auth-flow", "REFRESH_TOKEN_AUTH",
        "--auth-parameters", f"REFRESH_TOKEN={tokens['RefreshToken']}",
    )["AuthenticationResult"]  # fmt: skip
    assert refreshed["AccessToken"]
    listed = aws("cognito-idp", "list-users", "--user-pool-id", pool["Id"])
    assert [one["Username"] for one in listed["Users"]] == ["dora"]


def test_a_refusal_reads_as_the_cli_words_it(server: Server, aws: AwsCli) -> None:
    pool_id = server.client().create_user_pool(PoolName="refusals")["UserPool"]["Id"]
    refused = aws.run(
        "cognito-idp", "admin-get-user", "--user-pool-id", pool_id, "--username", "nobody"
    )
    assert refused.returncode != 0
    assert "(UserNotFoundException)" in refused.stderr
    assert "User does not exist." in refused.stderr


def test_a_challenge_session_passes_through_the_shell(server: Server, aws: AwsCli) -> None:
    idp = server.client()
    pool_id = idp.create_user_pool(PoolName="challenge")["UserPool"]["Id"]
    client_id = idp.create_user_pool_client(
        UserPoolId=pool_id, ClientName="shell", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    idp.admin_create_user(
        UserPoolId=pool_id,
        Username="emil",
        TemporaryPassword="Temporary-1",
        MessageAction="SUPPRESS",
    )
    first = aws(
        "cognito-idp", "admin-initiate-auth",
        "--user-pool-id", pool_id,
        "--client-id", client_id,
        "--auth-flow", "ADMIN_USER_PASSWORD_AUTH",
        "--auth-parameters", "USERNAME=emil,PASSWORD=Temporary-1",
    )  # fmt: skip
    assert first["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    second = aws(
        "cognito-idp", "admin-respond-to-auth-challenge",
        "--user-pool-id", pool_id,
        "--client-id", client_id,
        "--challenge-name", "NEW_PASSWORD_REQUIRED",
        "--session", first["Session"],
        "--challenge-responses", f"USERNAME=emil,NEW_PASSWORD={PASSWORD}",
    )  # fmt: skip
    assert second["AuthenticationResult"]["RefreshToken"]
