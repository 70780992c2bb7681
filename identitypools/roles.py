"""Which role an identity gets, and why; its principal tags.

Source: developer guide, "Using role-based access control", "Using attributes for access control".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from identitypools import providers
from identitypools.models import IdentityPool
from userpools.errors import (
    InvalidIdentityPoolConfigurationException,
    NotAuthorizedException,
)
from userpools.ports import VerifiedLogin

ROLES_CLAIM: Final = "cognito:roles"
PREFERRED_CLAIM: Final = "cognito:preferred_role"
MOST_TAGS: Final = 50
LONGEST_TAG_VALUE: Final = 256
LARGEST_TAGS: Final = 460


@dataclass(frozen=True, slots=True)
class Choice:
    """A role, and what led to it, for people."""

    role_arn: str
    reason: str


def choose(
    pool: IdentityPool, logins: Sequence[VerifiedLogin], *, is_guest: bool, custom: str = ""
) -> Choice:
    """Choose the role. Where several logins have mappings, the first of the request decides.

    A `custom` role is one of those that the deciding login may take; nothing else is ever granted.
    Raises NotAuthorizedException and InvalidIdentityPoolConfigurationException.
    """
    if is_guest:
        if custom:
            raise _not_allowed(custom)
        return _default(pool, "unauthenticated", "The caller is a guest.")
    mappings = {providers.plain(name): mapping for name, mapping in pool.role_mappings.items()}
    for login in logins:
        for name in login.names:
            if name in mappings:
                return _mapped(pool, name, mappings[name], login.claims, custom)
    if custom:
        raise _not_allowed(custom)
    return _default(pool, "authenticated", "No role mapping is for the login's provider.")


def _not_allowed(custom: str) -> NotAuthorizedException:
    return NotAuthorizedException(f"Specified role is not allowed for this identity: {custom}")


def _default(pool: IdentityPool, kind: str, reason: str) -> Choice:
    arn = pool.roles.get(kind)
    if not arn:
        raise InvalidIdentityPoolConfigurationException
    return Choice(arn, f"{reason} The pool's {kind} role.")


def _mapped(
    pool: IdentityPool,
    provider: str,
    mapping: Mapping[str, Any],
    claims: Mapping[str, Any],
    custom: str,
) -> Choice:
    found = _by_token(claims, custom) if mapping["Type"] == "Token" else None
    if mapping["Type"] == "Rules":
        found = _by_rules(mapping["RulesConfiguration"]["Rules"], claims, custom)
    if found is not None:
        return found
    if custom:
        raise _not_allowed(custom)
    if mapping["AmbiguousRoleResolution"] == "Deny":
        raise NotAuthorizedException(
            f"The ambiguous role mapping rules for: {provider} denied this request."
        )
    return _default(pool, "authenticated", f"Nothing in the mapping of {provider} decides.")


def _by_token(claims: Mapping[str, Any], custom: str) -> Choice | None:
    roles = [role for role in _values(claims.get(ROLES_CLAIM)) if role]
    if custom:
        return Choice(custom, f"Asked for, and in {ROLES_CLAIM}.") if custom in roles else None
    preferred = claims.get(PREFERRED_CLAIM)
    if isinstance(preferred, str) and preferred:
        return Choice(preferred, f"The token's {PREFERRED_CLAIM}.")
    if len(set(roles)) == 1:
        return Choice(roles[0], f"The only role in the token's {ROLES_CLAIM}.")
    return None


def _by_rules(
    rules: Sequence[Mapping[str, str]], claims: Mapping[str, Any], custom: str
) -> Choice | None:
    for number, rule in enumerate(rules, 1):
        if custom and rule["RoleARN"] != custom:
            continue
        if matches(rule, claims):
            said = f"{rule['Claim']} {rule['MatchType']} {rule['Value']}"
            return Choice(rule["RoleARN"], f"Rule {number}: {said}.")
    return None


def matches(rule: Mapping[str, str], claims: Mapping[str, Any]) -> bool:
    """Say whether a rule matches; a claim that is missing matches none, NotEqual included.

    Of a claim that is a list any element may match, and for NotEqual every one must.
    """
    values = _values(claims.get(rule["Claim"]))
    wanted = rule["Value"]
    if not values:
        return False
    match rule["MatchType"]:
        case "Equals":
            return wanted in values
        case "NotEqual":
            return wanted not in values
        case "Contains":
            # Of a list, an element; of a text, a part.
            return any(wanted in value for value in values)
        case "StartsWith":
            return any(value.startswith(wanted) for value in values)
    return False


def _values(claim: Any) -> list[str]:
    """Return a claim as texts: booleans and numbers as JSON spells them; objects are none."""
    return [text for one in (claim if isinstance(claim, list) else [claim]) for text in _text(one)]


def _text(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, int | float):
        yield str(value)


# Principal tags


def principal_tags(pool: IdentityPool, logins: Sequence[VerifiedLogin]) -> dict[str, str]:
    """Return the tags that the claims of the logins give; a claim that is missing gives none.

    Raises NotAuthorizedException where they are too large: leaving some out could allow what a
    condition on them denies.
    """
    if not pool.principal_tags:
        return {}
    maps = {providers.plain(name): value for name, value in pool.principal_tags.items()}
    tags: dict[str, str] = {}
    for login in logins:
        name = next((name for name in login.names if name in maps), None)
        if name is None:
            continue
        wanted = login.default_tags if maps[name]["UseDefaults"] else maps[name]["PrincipalTags"]
        for tag, claim in wanted.items():
            values = _values(login.claims.get(claim))
            if values and tag not in tags:
                tags[tag] = ",".join(values)
    check_tags(tags)
    return tags


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise NotAuthorizedException for more tags than a session holds."""
    size = sum(len(name) + len(value) for name, value in tags.items())
    too_long = any(len(value) > LONGEST_TAG_VALUE for value in tags.values())
    if len(tags) > MOST_TAGS or size > LARGEST_TAGS or too_long:
        raise NotAuthorizedException("The principal tags are larger than a session may have.")


def rule_claims(pool: IdentityPool) -> Iterator[tuple[str, str]]:
    """Yield (provider, claim) of each rule."""
    for provider, mapping in pool.role_mappings.items():
        for rule in (mapping.get("RulesConfiguration") or {}).get("Rules", ()):
            yield provider, rule["Claim"]
