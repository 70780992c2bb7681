"""What was acknowledged is kept: a server killed without warning, and callers who race."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from .conftest import ALL_FLOWS, PASSWORD, Story, create_confirmed
from .server import Server

pytestmark = pytest.mark.journey

RACERS = 20


def test_a_killed_server_has_kept_every_acknowledged_write(own_server: Server) -> None:
    idp = own_server.client()
    pool_id = idp.create_user_pool(PoolName="durable")["UserPool"]["Id"]
    client_id = idp.create_user_pool_client(
        UserPoolId=pool_id, ClientName="app", ExplicitAuthFlows=ALL_FLOWS
    )["UserPoolClient"]["ClientId"]
    create_confirmed(idp, pool_id, "before", PASSWORD, {})
    story = Story(own_server, idp, pool_id, client_id)
    tokens = story.sign_in("before")
    acknowledged: list[str] = []
    enough = threading.Event()

    def write_until_cut(number: int) -> None:
        client = own_server.client()
        for count in range(10_000):
            name = f"user-{number}-{count}"
            try:
                client.admin_create_user(
                    UserPoolId=pool_id, Username=name, MessageAction="SUPPRESS"
                )
            except (BotoCoreError, ClientError):
                return
            acknowledged.append(name)
            if len(acknowledged) >= 40:
                enough.set()

    writers = [threading.Thread(target=write_until_cut, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    assert enough.wait(60)
    own_server.kill()
    for writer in writers:
        writer.join(60)

    own_server.start()
    again = own_server.client()
    for name in ["before", *acknowledged]:
        assert again.admin_get_user(UserPoolId=pool_id, Username=name)["Username"] == name
    # The same master key, signing keys and access key as before the cut.
    assert again.get_user(AccessToken=tokens["AccessToken"])["Username"] == "before"
    refreshed = again.get_tokens_from_refresh_token(
        ClientId=client_id, RefreshToken=tokens["RefreshToken"]
    )
    assert refreshed["AuthenticationResult"]["AccessToken"]


def race(act: Any) -> Counter[str]:
    """Let 20 threads do the same thing at the same moment; count what became of them."""
    barrier = threading.Barrier(RACERS)

    def one(_: int) -> str:
        barrier.wait(30)
        try:
            act()
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "done"

    with ThreadPoolExecutor(RACERS) as threads:
        return Counter(threads.map(one, range(RACERS)))


def test_of_many_creators_of_one_username_exactly_one_wins(story: Story) -> None:
    def create() -> None:
        story.idp.admin_create_user(
            UserPoolId=story.pool_id, Username="the-one", MessageAction="SUPPRESS"
        )

    assert race(create) == {"done": 1, "UsernameExistsException": RACERS - 1}
    listed = story.idp.list_users(UserPoolId=story.pool_id)["Users"]
    assert [user["Username"] for user in listed] == ["the-one"]


def test_of_many_sign_ups_with_one_username_exactly_one_wins(story: Story) -> None:
    def sign_up() -> None:
        story.idp.sign_up(
            ClientId=story.client_id,
            Username="the-one",
            Password=PASSWORD,
            UserAttributes=[{"Name": "email", "Value": "one@example.com"}],
        )

    assert race(sign_up) == {"done": 1, "UsernameExistsException": RACERS - 1}
    assert len(story.server.messages("the-one") or [story.server.message("the-one")]) == 1


def test_of_many_uses_of_a_rotating_refresh_token_exactly_one_wins(story: Story) -> None:
    client_id = story.client_with(
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
    )["ClientId"]
    token = story.sign_in(story.user(), client_id=client_id)["RefreshToken"]

    def refresh() -> None:
        story.idp.get_tokens_from_refresh_token(ClientId=client_id, RefreshToken=token)

    outcomes = race(refresh)
    assert outcomes["done"] == 1
    assert set(outcomes) <= {"done", "RefreshTokenReuseException", "NotAuthorizedException"}


def test_of_many_answers_to_one_challenge_exactly_one_wins(story: Story) -> None:
    username = story.invited("Temporary-1")
    first = story.idp.initiate_auth(
        ClientId=story.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": username, "PASSWORD": "Temporary-1"},
    )

    def answer() -> None:
        story.idp.respond_to_auth_challenge(
            ClientId=story.client_id,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            Session=first["Session"],
            ChallengeResponses={"USERNAME": username, "NEW_PASSWORD": PASSWORD},
        )

    assert race(answer) == {"done": 1, "NotAuthorizedException": RACERS - 1}
