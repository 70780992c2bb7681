"""Where the service model is wrong: the live service is known to differ, or demands otherwise.

Nothing else deviates from the model. Each entry has its reason here and its test in
`tests/userpools/awsjson/test_overrides.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Constraints that replace the model's, by service and shape.
SHAPES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "cognito-idp": {
        # The model's [\S]+ forbids every space; the service takes inner ones and refuses
        # leading and trailing ones, and passwords below six characters. Source: Developer
        # guide, "Adding user pool password requirements"; both constraints stand in the texts
        # of the errors that the service sends.
        "PasswordType": {"min": 6, "pattern": r"^[\S]+.*[\S]+$"},
        # The model knows prefix domains only; a custom domain is a host name with dots.
        # Source: API reference, CreateUserPoolDomain, "For custom domains, this is the
        # fully-qualified domain name".
        "DomainType": {
            "max": 253,
            "pattern": r"^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?"
            r"(?:\.[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?)*$",
        },
        # The model's 20 characters hold for the names that customers give, without "custom:",
        # and its 50 entries for the schema of a new pool. Answers name `phone_number_verified`
        # and prefixed names, and list 21 standard and up to 50 custom attributes. The service's
        # own limits stand in `services/schema.py`. Source: developer guide, "User attributes".
        "CustomAttributeNameType": {"max": 31},
        "SchemaAttributesListType": {"max": 71},
    },
}

# Values that another operation demands and the model's enumeration lacks, by service and shape.
EXTRA_ENUM: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "cognito-idp": {
        # GetClientToken demands a client whose only flow is this one, and the enumeration of
        # flows lacks it. Source: API reference, GetClientToken.
        "ExplicitAuthFlowsType": ("ALLOW_CLIENT_TOKEN_AUTH",),
    },
}

# Errors that an operation's own documentation names and its list lacks, by service and operation.
EXTRA_ERRORS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "cognito-idp": {
        # "If this parameter is set to False, the API throws an AliasExistsException error if the
        # alias already exists." Source: API reference, AdminCreateUser, ForceAliasCreation.
        "AdminCreateUser": frozenset({"AliasExistsException"}),
    },
}

_TEXT = r"[\p{L}\p{M}\p{S}\p{N}\p{P} \t\n\x0b\f\r*]"

# The same language as the model's pattern, matched in linear time: as written, a long run of
# "{##" without an end costs the square of its length.
LINEAR_PATTERNS: Mapping[str, str] = {
    r"[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*\{##[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*##\}"
    r"[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]*": rf"(?={_TEXT}*+\Z)(?s:(?>.*?\{{##).*##\}}.*)",
}


def constraints(service: str, shape: str, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answer the shape's constraints as the live service applies them."""
    changed = SHAPES.get(service, {}).get(shape)
    extra = EXTRA_ENUM.get(service, {}).get(shape)
    if not changed and not extra:
        return metadata
    merged = {**metadata, **(changed or {})}
    if extra:
        merged["enum"] = [*metadata.get("enum", ()), *extra]
    return merged
