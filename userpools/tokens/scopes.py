"""What scopes mean: which exist, and which attributes each of them shows."""

from collections.abc import Mapping
from typing import Final

from userpools.models import UserPool
from userpools.models.resource_server import custom_scopes

OPENID_SCOPES: Final = ("openid", "email", "phone", "profile")
STANDARD_SCOPES: Final = ("phone", "email", "openid", "profile", "aws.cognito.signin.user.admin")
PROFILE: Final = frozenset(
    {
        "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username",
        "profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
    }
)  # fmt: skip
# Source: developer guide, "Scopes, M2M, and APIs with resource servers".
ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    "email": frozenset({"email", "email_verified"}),
    "phone": frozenset({"phone_number", "phone_number_verified"}),
}


def attributes_in(scope: str, readable: frozenset[str]) -> frozenset[str]:
    """Return the readable attributes that the scopes show: all of them for `openid` alone."""
    named = set(scope.split()) & {"email", "phone", "profile"}
    if not named:
        return readable
    shown = frozenset[str]().union(*(ATTRIBUTES.get(each, frozenset()) for each in named))
    if "profile" in named:
        shown |= PROFILE | {name for name in readable if name.startswith("custom:")}
    return readable & shown


def live(pool: UserPool, scope: str) -> str:
    """Return the scopes without those whose resource server knows them no more."""
    known = custom_scopes(pool)
    return " ".join(each for each in scope.split() if each in STANDARD_SCOPES or each in known)
