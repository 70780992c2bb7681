"""The operations of cognito-idp that this app serves; importing them registers them."""

from userpools.operations import (
    auth,
    clients,
    groups,
    mfa,
    mfa_config,
    passkeys,
    pools,
    profile,
    self_service,
    tags,
    users,
)

__all__ = [
    "auth",
    "clients",
    "groups",
    "mfa",
    "mfa_config",
    "passkeys",
    "pools",
    "profile",
    "self_service",
    "tags",
    "users",
]
