"""What the pre token generation trigger changes in a pair of tokens.

Forbidden changes are left out silently, as the service does. Source: developer guide, "Pre token
generation Lambda trigger", "Claims and scopes reference".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from userpools import lambda_triggers
from userpools.errors import InvalidLambdaResponseException
from userpools.lambda_triggers import Origin
from userpools.tokens.claims import Claims, MachineRequest, TokenRequest, group_claims

TRIGGER: Final = "PreTokenGeneration"
MACHINE_VERSION: Final = "V3_0"
# Claims that no function changes.
FIXED: Final = frozenset(
    {
        "sub", "iss", "aud", "exp", "iat", "nbf", "jti", "origin_jti", "auth_time", "token_use",
        "nonce", "azp", "at_hash", "acr", "amr", "identities", "client_id", "username", "event_id",
        "device_key", "version", "scope",
    }
)  # fmt: skip
GROUP_CLAIMS: Final = ("cognito:groups", "cognito:roles", "cognito:preferred_role")
# Their types in ID tokens are fixed: neither list nor object.
PLAIN: Final = frozenset({"phone_number_verified", "email_verified", "updated_at", "address"})
# Claims and scopes of one issue, those that were there and those that are added.
MOST: Final = 5000


@dataclass(frozen=True, slots=True)
class Overrides:
    """A function's answer. `groups` is None where it leaves the groups as they are."""

    id: Mapping[str, Any] = field(default_factory=dict)
    access: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Any] | None = None

    def of_id(self, claims: Claims) -> Claims:
        """Return the ID token's claims after the changes."""
        groups = _without(claims, GROUP_CLAIMS) if self.groups is not None else claims
        added = _added(self.id)
        return _suppressed(
            {
                **groups,
                **_given_groups(self.groups or {}),
                **{
                    name: value
                    for name, value in added.items()
                    if _may_set(name) and not (name in PLAIN and isinstance(value, list | dict))
                },
            },
            self.id,
        )

    def of_access(self, claims: Claims) -> Claims:
        """Return the access token's claims after the changes."""
        groups = _without(claims, GROUP_CLAIMS) if self.groups is not None else claims
        names = (self.groups or {}).get("groupsToOverride")
        added = {name: value for name, value in _added(self.access).items() if _may_set(name)}
        if _added(self.access).get("aud") == claims["client_id"]:
            added["aud"] = claims["client_id"]
        changed = {
            **groups,
            **({"cognito:groups": names} if names else {}),
            **added,
            "scope": self._scope(claims["scope"]),
        }
        return _suppressed(changed, self.access)

    def _scope(self, scope: str) -> str:
        wanted = dict.fromkeys([*scope.split(), *(self.access.get("scopesToAdd") or [])])
        unwanted = set(self.access.get("scopesToSuppress") or [])
        return " ".join(each for each in wanted if each not in unwanted)

    def size(self) -> int:
        """Return how many claims and scopes the function adds."""
        scopes = self.access.get("scopesToAdd") or []
        return len(_added(self.id)) + len(_added(self.access)) + len(scopes)


def ask(request: TokenRequest) -> Overrides | None:
    """Run the pool's function; None without one, and where it changes nothing.

    Raises UserLambdaValidationException, UnexpectedLambdaException, InvalidLambdaResponseException.
    """
    if not lambda_triggers.configured(request.pool, TRIGGER):
        return None
    origin = Origin(request.client, request.user_agent, request.client_metadata)
    response = lambda_triggers.run(
        request.trigger_source,
        pool=request.pool,
        origin=origin,
        username=request.user.username,
        request={
            "userAttributes": lambda_triggers.user_attributes(request.user),
            "groupConfiguration": group_configuration(request),
            "scopes": request.scope.split(),
            "clientMetadata": origin.metadata,
        },
    )
    return read(response)


def ask_for_machine(request: MachineRequest) -> Overrides | None:
    """Run the pool's function for client credentials, which version 3 alone knows.

    Raises what `ask` does.
    """
    pool = request.client.pool
    configured = pool.lambda_config.get("PreTokenGenerationConfig") or {}
    if configured.get("LambdaVersion") != MACHINE_VERSION or not lambda_triggers.configured(
        pool, TRIGGER
    ):
        return None
    origin = Origin(request.client, request.user_agent, request.client_metadata)
    response = lambda_triggers.run(
        "TokenGeneration_ClientCredentials",
        pool=pool,
        origin=origin,
        username="ClientCredentials",
        request={
            "userAttributes": {},
            "groupConfiguration": None,
            "scopes": request.scope.split(),
            "clientMetadata": origin.metadata,
        },
    )
    return read(response)


def check_size(overrides: Overrides, *tokens: Claims) -> None:
    """Raise InvalidLambdaResponseException for more claims and scopes than one issue may have."""
    if overrides.size() + sum(map(len, tokens)) > MOST:
        raise InvalidLambdaResponseException


def group_configuration(request: TokenRequest) -> dict[str, Any]:
    """Return the user's groups and roles as events show them."""
    claims = group_claims(request.groups)
    return {
        "groupsToOverride": claims.get("cognito:groups", []),
        "iamRolesToOverride": claims.get("cognito:roles", []),
        "preferredRole": claims.get("cognito:preferred_role"),
    }


def read(response: Mapping[str, Any]) -> Overrides | None:
    """Read an answer of any version; None where it has no details."""
    first = response.get("claimsOverrideDetails")
    if first:
        return Overrides(id=first, groups=_groups(first))
    later = response.get("claimsAndScopeOverrideDetails")
    if later:
        return Overrides(
            id=later.get("idTokenGeneration") or {},
            access=later.get("accessTokenGeneration") or {},
            groups=_groups(later),
        )
    return None


def _groups(details: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the new groups: all of them where the member is there, be it null or empty."""
    if "groupOverrideDetails" not in details:
        return None
    return details["groupOverrideDetails"] or {}


def _given_groups(groups: Mapping[str, Any]) -> Claims:
    members = zip(
        GROUP_CLAIMS, ("groupsToOverride", "iamRolesToOverride", "preferredRole"), strict=True
    )
    return {claim: groups[member] for claim, member in members if groups.get(member)}


def _added(details: Mapping[str, Any]) -> Claims:
    given = details.get("claimsToAddOrOverride") or {}
    return {name: value for name, value in given.items() if value is not None}


def _may_set(name: str) -> bool:
    return name not in FIXED and not name.startswith(("cognito:", "dev:"))


def _suppressed(claims: Claims, details: Mapping[str, Any]) -> Claims:
    """Return the claims without those suppressed, also when the function adds them itself."""
    unwanted = set(details.get("claimsToSuppress") or [])
    if GROUP_CLAIMS[0] in unwanted:
        unwanted.update(GROUP_CLAIMS)
    return _without(claims, filter(_may_suppress, unwanted))


def _may_suppress(name: str) -> bool:
    return name in GROUP_CLAIMS or (name not in FIXED and not name.startswith("cognito:"))


def _without(claims: Claims, names: Iterable[str]) -> Claims:
    unwanted = set(names)
    return {name: value for name, value in claims.items() if name not in unwanted}
