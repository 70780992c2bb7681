"""The claims of ID and access tokens, as pure functions of who signed in, where and how.

Source: developer guide, "Understanding the identity (ID) token", "... the access token".
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from userpools.models import AppClient, Group, PoolUser, UserPool
from userpools.tokens.scopes import attributes_in

API_SCOPE = "aws.cognito.signin.user.admin"
OPENID = "openid"
# Of access tokens that the OAuth endpoints issue.
HOSTED_VERSION = 2
BOOLEAN_ATTRIBUTES = frozenset({"email_verified", "phone_number_verified"})
# Attributes that are no claims by themselves.
INTERNAL = frozenset({"sub", "identities"})

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One issue of tokens; times are UTC epoch seconds.

    `groups` are strongest first. `session_id` is the sign-in session's id, the `origin_jti`.
    `is_hosted` says that the OAuth endpoints issue them: `scope` then decides what the ID token
    shows and whether there is one. `resource` becomes the access token's audience.
    """

    pool: UserPool
    client: AppClient
    user: PoolUser
    groups: Sequence[Group]
    session_id: uuid.UUID
    event_id: uuid.UUID
    auth_epoch: int
    now_epoch: int
    trigger_source: str
    scope: str = API_SCOPE
    refresh_token: str | None = None
    device_key: str = ""
    client_metadata: dict[str, str] = field(default_factory=dict)
    user_agent: str = ""
    is_hosted: bool = False
    nonce: str = ""
    resource: str = ""

    @property
    def has_id_token(self) -> bool:
        """Whether an ID token comes along."""
        return not self.is_hosted or OPENID in self.scope.split()


@dataclass(frozen=True, slots=True)
class MachineRequest:
    """One issue of an access token for a client on its own behalf; UTC epoch seconds."""

    client: AppClient
    now_epoch: int
    scope: str
    client_metadata: dict[str, str] = field(default_factory=dict)
    user_agent: str = ""


def epoch(moment: datetime) -> int:
    """Return whole seconds since 1970."""
    return int(moment.timestamp())


def group_claims(groups: Sequence[Group]) -> Claims:
    """Return cognito:groups, cognito:roles and cognito:preferred_role of an ID token."""
    if not groups:
        return {}
    claims: Claims = {"cognito:groups": [group.name for group in groups]}
    roles = list(dict.fromkeys(group.role_arn for group in groups if group.role_arn))
    if roles:
        claims["cognito:roles"] = roles
    preferred = preferred_role(groups)
    if preferred:
        claims["cognito:preferred_role"] = preferred
    return claims


def preferred_role(groups: Iterable[Group]) -> str | None:
    """Return the role of the strongest group; None when several tie at the top."""
    with_roles = [group for group in groups if group.role_arn]
    if not with_roles:
        return None
    ranks = [
        group.precedence if group.precedence is not None else float("inf") for group in with_roles
    ]
    top = {
        group.role_arn for group, rank in zip(with_roles, ranks, strict=True) if rank == min(ranks)
    }
    return top.pop() if len(top) == 1 else None


def attribute_claims(user: PoolUser, readable: frozenset[str]) -> Claims:
    """Return the user's attributes that the client may read, in the types that ID tokens have."""
    return {
        name: attribute_claim(name, value)
        for name, value in user.attributes.items()
        if name in readable and name not in INTERNAL
    }


def attribute_claim(name: str, value: str) -> Any:
    """Return one attribute as a claim; all but the listed ones are strings, numbers included."""
    if name in BOOLEAN_ATTRIBUTES:
        return value.lower() == "true"
    if name == "address":
        return {"formatted": value}
    if name == "updated_at" and value.isdecimal():
        return int(value)
    return value


def shown_attributes(request: TokenRequest) -> frozenset[str]:
    """Return which attributes the ID token may show: by the client, and by the scopes granted."""
    readable = request.client.readable_attributes
    return attributes_in(request.scope, readable) if request.is_hosted else readable


def _shared(request: TokenRequest) -> Claims:
    named = request.client.names_sessions
    claims: Claims = {
        "sub": str(request.user.sub),
        "iss": request.pool.issuer,
        "event_id": str(request.event_id if named else request.session_id),
        "auth_time": request.auth_epoch,
        "iat": request.now_epoch,
    }
    if named:
        claims["origin_jti"] = str(request.session_id)
        claims["jti"] = str(uuid.uuid4())
    return claims


def id_claims(request: TokenRequest) -> Claims:
    """Return the claims of the ID token."""
    lifetime = int(request.client.id_token_lifetime.total_seconds())
    claims = {
        **attribute_claims(request.user, shown_attributes(request)),
        **_shared(request),
        **group_claims(request.groups),
        "cognito:username": request.user.username,
        "aud": request.client.client_id,
        "token_use": "id",
        "exp": request.now_epoch + lifetime,
    }
    if request.nonce:
        claims["nonce"] = request.nonce
    return claims


def access_claims(request: TokenRequest) -> Claims:
    """Return the claims of the access token: no attributes, no roles, no audience.

    `jti` is always present, unlike in the ID token.
    """
    lifetime = int(request.client.access_token_lifetime.total_seconds())
    claims = {
        "jti": str(uuid.uuid4()),
        **_shared(request),
        "client_id": request.client.client_id,
        "username": request.user.username,
        "token_use": "access",
        "scope": request.scope,
        "exp": request.now_epoch + lifetime,
    }
    if request.groups:
        claims["cognito:groups"] = [group.name for group in request.groups]
    if request.device_key:
        claims["device_key"] = request.device_key
    if request.is_hosted:
        claims["version"] = HOSTED_VERSION
    if request.resource:
        claims["aud"] = request.resource
    return claims


def machine_claims(request: MachineRequest) -> Claims:
    """Return the claims of a machine's access token: the client is its own subject.

    Source: developer guide, "Understanding the access token", client credentials.
    """
    client = request.client
    return {
        "sub": client.client_id,
        "token_use": "access",
        "scope": request.scope,
        "auth_time": request.now_epoch,
        "iss": client.pool.issuer,
        "exp": request.now_epoch + int(client.access_token_lifetime.total_seconds()),
        "iat": request.now_epoch,
        "version": HOSTED_VERSION,
        "jti": str(uuid.uuid4()),
        "client_id": client.client_id,
    }
