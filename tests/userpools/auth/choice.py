"""The calls of a choice-based sign-in, right and wrong."""

from typing import Any

from tests.calls import refused
from userpools.models import AppClient, PoolUser, UserPool
from userpools.models.pool import pools
from userpools.tokens.keys import keys_of

FLOWS = ["ALLOW_USER_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
WRONG = "Incorrect username or password."
USED = "Invalid session for the user, session can only be used once."
INVALID = "Invalid session for the user."
EMAIL = {"email": "ana@example.com"}
PHONE = {"phone_number": "+4915112345678"}
ALL = ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]
CODE = {"EMAIL_OTP": "EMAIL_OTP_CODE", "SMS_OTP": "SMS_OTP_CODE"}


def factors(*names: str) -> dict[str, Any]:
    return {"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": list(names)}}}


def begin(idp: Any, client: AppClient, name: str = "ana", **parameters: str) -> dict[str, Any]:
    return idp.initiate_auth(
        ClientId=client.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": name, **parameters},
    )


def begun_wrongly(
    idp: Any, error: str, client: AppClient, name: str = "ana", **parameters: str
) -> str:
    return refused(
        idp,
        error,
        idp.initiate_auth,
        ClientId=client.client_id,
        AuthFlow="USER_AUTH",
        AuthParameters={"USERNAME": name, **parameters},
    )


def answer(
    idp: Any,
    client: AppClient,
    issued: dict[str, Any],
    challenge: str = "",
    name: str = "ana",
    **responses: str,
) -> dict[str, Any]:
    return idp.respond_to_auth_challenge(
        ClientId=client.client_id,
        ChallengeName=challenge or issued["ChallengeName"],
        Session=issued["Session"],
        ChallengeResponses={"USERNAME": name, **responses},
    )


def answered_wrongly(
    idp: Any,
    error: str,
    client: AppClient,
    issued: dict[str, Any],
    challenge: str = "",
    name: str = "ana",
    **responses: str,
) -> str:
    return refused(
        idp,
        error,
        idp.respond_to_auth_challenge,
        ClientId=client.client_id,
        ChallengeName=challenge or issued["ChallengeName"],
        Session=issued["Session"],
        ChallengeResponses={"USERNAME": name, **responses},
    )


def without_password(client: AppClient, name: str = "ana") -> None:
    PoolUser.objects.filter(pool=client.pool, username=name).update(
        password_form="", password_salt="", password_sealed=None, password_set_at=None
    )


def read_before(client: AppClient) -> None:
    """Read what a process reads anew every other second, so that it is not counted."""
    pools.forget(client.pool_id)
    keys_of(UserPool.cached(client.pool_id))
    AppClient.cached(client.client_id)
