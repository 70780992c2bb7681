"""The operations of cognito-idp that this app serves; importing them registers them."""

from userpools.operations import (
    auth,
    clients,
    domains,
    groups,
    mfa,
    mfa_config,
    pools,
    profile,
    resource_servers,
    self_service,
    tags,
    users,
)

__all__ = [
    "auth",
    "clients",
    "domains",
    "groups",
    "mfa",
    "mfa_config",
    "pools",
    "profile",
    "resource_servers",
    "self_service",
    "tags",
    "users",
]
