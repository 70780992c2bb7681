"""The operations of cognito-idp that this app serves; importing them registers them."""

from userpools.operations import (
    auth,
    auth_factors,
    clients,
    devices,
    domains,
    groups,
    mfa,
    mfa_config,
    passkeys,
    pools,
    profile,
    resource_servers,
    self_service,
    tags,
    users,
)

__all__ = [
    "auth",
    "auth_factors",
    "clients",
    "devices",
    "domains",
    "groups",
    "mfa",
    "mfa_config",
    "passkeys",
    "pools",
    "profile",
    "resource_servers",
    "self_service",
    "tags",
    "users",
]
