"""Keys that this server's own signature check accepts, limited by their role's policy.

Nothing is stored: all that a key is worth travels sealed in its session token, the secret included,
and is judged anew at each use: the role as it is then, and whether identity and operator still are.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from identitypools.models import Role, identity_by_id
from identitypools.tokens import Proof
from identitypools.vendors.base import Credentials, RoleRequest
from userpools import ids, sealing
from userpools.access_keys import AccessKeyResolver, Identity, Permissions
from userpools.awsjson.errors import ExpiredTokenException, UnrecognizedClientException
from userpools.awsjson.service import Caller
from userpools.awsjson.sigv4 import Credential
from userpools.conf import settings
from userpools.errors import InvalidIdentityPoolConfigurationException
from userpools.policies import Policy
from userpools.sealing import Purpose

TEMPORARY: Final = "ASIA"
FEDERATED: Final = ("Federated", "cognito-identity.amazonaws.com")
ASSUME_WITH_WEB_IDENTITY: Final = "sts:AssumeRoleWithWebIdentity"
TAG_SESSION: Final = "sts:TagSession"
# How condition keys begin that the session alone has values for.
OF_THE_SESSION: Final = (
    "cognito-identity.amazonaws.com:",
    "aws:principal",
    "aws:userid",
    "aws:token",
)
LONGEST_TOKEN: Final = 12_000


class TooLarge(Exception):
    """What the session token would have to hold is too much."""


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """What a session token says. Of `role_arn` or `source_key` one is set.

    `policies` are session policies, each of which must allow too. Times are epoch seconds.
    """

    access_key_id: str
    secret: str = field(repr=False)
    expires_epoch: int
    issued_epoch: int
    role_arn: str = ""
    role_id: str = ""
    session_name: str = ""
    source_key: str = ""
    pool_id: str = ""
    identity_id: str = ""
    amr: tuple[str, ...] = ()
    tags: Mapping[str, str] | None = None
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoleSession(Permissions):
    """Somebody who took a role; `role` is None once it is gone, and nothing is allowed then."""

    claims: SessionClaims
    role: Role | None

    @property
    def is_identity(self) -> bool:
        """Whether it is an identity of a pool, as opposed to an operator."""
        return bool(self.claims.identity_id)

    def may(
        self, action: str, resource: str, context: Mapping[str, str | list[str]] | None = None
    ) -> bool:
        """Say whether role and session policies allow an action; what proxies ask.

        `context` has what is known of the request besides: its address, and S3's prefix. What it
        says of the session itself is not listened to.
        """
        told = (context or {}).items()
        known = {name: value for name, value in told if not name.lower().startswith(OF_THE_SESSION)}
        known |= self.context()
        return all(policy.allows(action, resource, known) for policy in self._policies())

    def allows(self, action: str, resource: str) -> bool:
        """Say whether an operation of this server is allowed: none of them to an identity.

        Identities never administer pools, whatever their role says.
        """
        return not self.is_identity and self.may(action, resource)

    def allows_somewhere(self, action: str) -> bool:
        """Say whether an operation of this server may be allowed on some resource."""
        return not self.is_identity and all(
            policy.allows_somewhere(action, self.context()) for policy in self._policies()
        )

    def record_use(self, service: str) -> None:
        """Write nothing: keys of a session have no row."""

    def context(self) -> dict[str, str | list[str]]:
        """Return what conditions and variables know of the session itself."""
        claims = self.claims
        now = int(time.time())
        known: dict[str, str | list[str]] = {
            "aws:userid": f"{claims.role_id}:{claims.session_name}",
            "aws:principalarn": claims.role_arn,
            "aws:principalaccount": settings.ACCOUNT_ID,
            "aws:principaltype": "AssumedRole",
            "aws:currenttime": datetime.fromtimestamp(now, UTC).isoformat(),
            "aws:epochtime": str(now),
            "aws:tokenissuetime": datetime.fromtimestamp(claims.issued_epoch, UTC).isoformat(),
        }
        if self.is_identity:
            known["cognito-identity.amazonaws.com:sub"] = claims.identity_id
            known["cognito-identity.amazonaws.com:aud"] = claims.pool_id
            known["cognito-identity.amazonaws.com:amr"] = list(claims.amr)
        for name, value in (claims.tags or {}).items():
            known[f"aws:principaltag/{name.lower()}"] = value
        return known

    def _policies(self) -> list[Policy]:
        # Always one more than the session's own, so that a role that is gone allows nothing.
        role = self.role.permissions if self.role is not None else _NOTHING
        return [role, *map(Policy.for_roles, self.claims.policies)]


_NOTHING: Final = Policy((), ())


def trust_context(pool_id: str, identity_id: str, proof: Proof) -> dict[str, str | list[str]]:
    """Return what a trust policy knows of an identity."""
    now = int(time.time())
    known: dict[str, str | list[str]] = {
        "cognito-identity.amazonaws.com:aud": pool_id,
        "cognito-identity.amazonaws.com:sub": identity_id,
        "cognito-identity.amazonaws.com:amr": list(proof.amr),
        "aws:currenttime": datetime.fromtimestamp(now, UTC).isoformat(),
        "aws:epochtime": str(now),
    }
    if proof.tags:
        known["aws:tagkeys"] = list(proof.tags)
        for name, value in proof.tags.items():
            known[f"aws:requesttag/{name.lower()}"] = value
    return known


def trusts(role: Role, context: Mapping[str, str | list[str]]) -> bool:
    """Say whether an identity may take the role, and tag the session where it has tags."""
    wanted = [ASSUME_WITH_WEB_IDENTITY]
    if "aws:tagkeys" in context:
        wanted.append(TAG_SESSION)
    return all(role.trust.allows(action, [FEDERATED], context) for action in wanted)


class LocalVendor:
    """Makes temporary keys that our own SigV4 authentication can check; stores nothing."""

    def vend(self, role: RoleRequest) -> Credentials:
        """Make keys of a role record whose trust policy lets the identity take it."""
        record = Role.cached(role.role_arn)
        context = {
            **trust_context(role.pool.pk, role.identity.pk, role.proof),
            "sts:rolesessionname": role.session_name,
        }
        if record is None or not trusts(record, context):
            raise InvalidIdentityPoolConfigurationException
        return issue_for_role(
            record,
            session_name=role.session_name,
            seconds=role.seconds,
            pool_id=role.pool.pk,
            identity_id=role.identity.pk,
            proof=role.proof,
            policy=role.policy,
        )


def issue_for_role(
    role: Role,
    *,
    session_name: str,
    seconds: int,
    pool_id: str = "",
    identity_id: str = "",
    source_key: str = "",
    proof: Proof | None = None,
    policy: Mapping[str, Any] | str | None = None,
) -> Credentials:
    """Make keys of a role that was found to be the caller's to take. Raises TooLarge."""
    return issue(
        seconds,
        role_arn=role.arn,
        role_id=role.role_id,
        session_name=session_name,
        source_key=source_key,
        pool_id=pool_id,
        identity_id=identity_id,
        amr=proof.amr if proof else (),
        tags=dict(proof.tags) if proof else None,
        policies=() if policy is None else (_text_of(policy),),
    )


def _text_of(policy: Mapping[str, Any] | str) -> str:
    return policy if isinstance(policy, str) else orjson.dumps(policy).decode()


def issue(seconds: int, **claims: Any) -> Credentials:
    """Seal a session; its secret is random and known to the token alone. Raises TooLarge."""
    now = int(time.time())
    session = SessionClaims(
        access_key_id=ids.new_temporary_key_id(),
        secret=ids.new_secret_access_key(),
        expires_epoch=now + seconds,
        issued_epoch=now,
        **claims,
    )
    content = orjson.dumps(session)
    # Four characters for three bytes.
    if len(content) * 4 > LONGEST_TOKEN * 3:
        raise TooLarge
    token = sealing.seal_token(Purpose.STS_SESSION, content, context=session.access_key_id)
    return Credentials(
        session.access_key_id,
        session.secret,
        token,
        datetime.fromtimestamp(session.expires_epoch, UTC),
    )


@lru_cache(maxsize=4096)
def _opened(access_key_id: str, token: str) -> SessionClaims:
    """Open a session token; UnrecognizedClientException for one that is not of this key."""
    try:
        content = sealing.unseal_token(Purpose.STS_SESSION, token, context=access_key_id)
    except sealing.Broken as exc:
        raise UnrecognizedClientException from exc
    members = orjson.loads(content)
    members["amr"], members["policies"] = tuple(members["amr"]), tuple(members["policies"])
    return SessionClaims(**members)


class SessionResolver:
    """Resolves temporary keys by the session token that comes with them."""

    def resolve(self, access_key_id: str, session_token: str | None) -> Credential | None:
        """Return the credential of a live session; None for keys of other kinds.

        Raises UnrecognizedClientException and ExpiredTokenException.
        """
        if not access_key_id.startswith(TEMPORARY):
            return None
        if not session_token or not session_token.isascii():
            raise UnrecognizedClientException
        claims = _opened(access_key_id, session_token)
        if claims.expires_epoch <= time.time():
            raise ExpiredTokenException
        caller = _role_caller(claims) if claims.role_arn else _operator(claims)
        return Credential(access_key_id, claims.secret, caller)


def _role_caller(claims: SessionClaims) -> Caller:
    """Return who took a role, if whoever it was may still; one query for an identity."""
    if claims.identity_id:
        identity = identity_by_id.first(claims.identity_id)
        if identity is None or identity.pool_id != claims.pool_id or identity.is_disabled:
            raise UnrecognizedClientException
        ended = identity.not_before
        if ended is not None and claims.issued_epoch <= ended.timestamp():
            raise ExpiredTokenException
    else:
        _source(claims)
    role = Role.cached(claims.role_arn)
    # A namesake that was made later is another role.
    if role is not None and role.role_id != claims.role_id:
        role = None
    name = claims.role_arn.rpartition("/")[2]
    return Caller(
        access_key_id=claims.access_key_id,
        arn=f"arn:aws:sts::{settings.ACCOUNT_ID}:assumed-role/{name}/{claims.session_name}",
        user_id=f"{claims.role_id}:{claims.session_name}",
        account_id=settings.ACCOUNT_ID,
        identity=RoleSession(claims, role),
    )


def _source(claims: SessionClaims) -> Caller:
    """Return the operator whose lasting key asked for the session, if the key still works."""
    credential = AccessKeyResolver().resolve(claims.source_key, None)
    if credential is None:
        raise UnrecognizedClientException
    return credential.caller


def _operator(claims: SessionClaims) -> Caller:
    """Return the operator of a session that GetSessionToken made, with the key's own policy."""
    source = _source(claims)
    assert isinstance(source.identity, Identity)  # noqa: S101 - AccessKeyResolver made it
    return Caller(
        access_key_id=claims.access_key_id,
        arn=source.arn,
        user_id=source.user_id,
        account_id=source.account_id,
        identity=source.identity,
    )
