"""The console's pages of identity pools: superusers alone, as roles are theirs to hand out."""

from identitypools.admin import identities, pools, providers, roles
from identitypools.models import Identity, IdentityPool, OidcProvider, Role
from userpools.admin import navigation

__all__ = ["identities", "pools", "providers", "roles"]

navigation.add_for_superusers(
    "Identity pools",
    ("Identity pools", "badge", IdentityPool),
    ("Identities", "fingerprint", Identity),
    ("Roles", "policy", Role),
    ("OpenID providers", "verified_user", OidcProvider),
)
