"""Trying things out: which role a token would get and why, and what a role may do.

Nothing is made, linked or kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from identitypools import logins, providers, roles, tokens
from identitypools.identities import Claimed
from identitypools.models import IdentityPool, Role, Vendor, login_with_identity
from identitypools.tokens import Proof
from identitypools.vendors import local
from identitypools.vendors.base import GUEST_POLICY, SESSION_NAME
from userpools.awsjson.errors import AwsError
from userpools.conf import settings
from userpools.models import AppClient
from userpools.policies import Decision, Policy


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a token, as far as it came; `error` is what an app would be told."""

    error: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    identity_id: str = ""
    role_arn: str = ""
    reason: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    # What the app would be told only when it asks for credentials.
    trouble: str = ""


def try_token(pool: IdentityPool, provider: str, token: str, custom: str = "") -> Trial:
    """Say which role a token gets, and why; without a token, which one a guest gets.

    May call out, for the keys of a provider.
    """
    found = Trial()
    try:
        proven = logins.verified(pool, {provider: token}) if token else []
        claims = dict(proven[0].claims) if proven else {}
        row = None
        if proven:
            row = login_with_identity.first(pool.pk, Claimed.of(proven[0]).key)
        identity_id = row.identity_id if row else ""
        found = Trial(claims=claims, identity_id=identity_id)
        tags = roles.principal_tags(pool, proven)
        choice = roles.choose(pool, proven, is_guest=not proven, custom=custom)
    except AwsError as exc:
        return Trial(
            error=f"{exc.code}: {exc.message}",
            claims=found.claims,
            identity_id=found.identity_id,
        )
    proof = Proof(tokens.amr_of(proven), tags)
    return Trial(
        claims=claims,
        identity_id=identity_id,
        role_arn=choice.role_arn,
        reason=choice.reason,
        tags=tags,
        trouble=_trouble(pool, choice.role_arn, identity_id, proof),
    )


def _trouble(pool: IdentityPool, role_arn: str, identity_id: str, proof: Proof) -> str:
    """Say why this server's own vendor would refuse the role; STS is not asked."""
    if (pool.vendor or settings.CREDENTIAL_VENDOR) != Vendor.LOCAL:
        return ""
    if tokens.UNAUTHENTICATED in proof.amr and not pool.allow_unauthenticated:
        return "The pool has no guests."
    role = Role.cached(role_arn)
    if role is None:
        return "There is no role record of this ARN."
    context = {
        **local.trust_context(pool.pk, identity_id or f"{pool.region}:new", proof),
        "sts:rolesessionname": SESSION_NAME,
    }
    return "" if local.trusts(role, context) else "The role's trust policy refuses."


def simulate(
    role: Role, action: str, resource: str, context: Mapping[str, str | list[str]], *, guest: bool
) -> Decision:
    """Say whether a role may do something, and which statement decides."""
    if guest and not Policy.for_roles(GUEST_POLICY).allows(action, resource):
        return Decision(allowed=False, sid="the limit of guests")
    return role.permissions.decide(action, resource, context)


def user_writable(pool: IdentityPool) -> list[str]:
    """Warn of rules over attributes that users may write themselves: they choose their role.

    Source: safety rules, "attribute self-modification to privilege".
    """
    warnings = []
    for provider, claim in roles.rule_claims(pool):
        client_id = providers.plain(provider).rpartition(":")[2]
        user_pool = providers.user_pool_of(providers.plain(provider).rpartition(":")[0]) or (
            providers.user_pool_of(provider)
        )
        if user_pool is None:
            continue
        clients = AppClient.objects.filter(pool_id=user_pool).select_related("pool")
        named = [one for one in clients if one.client_id == client_id] or list(clients)
        writers = sorted(one.name for one in named if claim in one.writable_attributes)
        if writers:
            warnings.append(
                f"Users may write {claim} themselves through {', '.join(writers)}: "
                f"they choose their role in {provider}."
            )
    return warnings
