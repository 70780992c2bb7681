"""The operations of cognito-identity; importing them registers them."""

from identitypools.operations import credentials, developer, identities, pools, roles, tags

__all__ = ["credentials", "developer", "identities", "pools", "roles", "tags"]
