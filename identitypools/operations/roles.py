"""Operations on a pool's roles and its principal tags."""

from typing import Any

from identitypools import pools, providers
from identitypools.models import IdentityPool
from userpools.access_keys import may
from userpools.audit import Actor
from userpools.awsjson.service import Call, cognito_identity
from userpools.awsjson.throttling import Category
from userpools.policies import PASS_ROLE
from userpools.shapes import Shape

operation = cognito_identity.operation


@operation("SetIdentityPoolRoles", category=Category.IDENTITY)
def set_identity_pool_roles(
    call: Call,
    *,
    identity_pool_id: str,
    roles: dict[str, str],
    role_mappings: dict[str, Any] | None = None,
) -> Shape:
    """Replace the pool's roles and role mappings; the caller must be allowed to pass each role."""
    pools.set_roles(
        IdentityPool.objects.for_call(call, identity_pool_id).pk,
        roles,
        role_mappings or {},
        actor=Actor.of(call),
        may_pass=lambda arn: may(call.caller, PASS_ROLE, arn),
    )
    return {}


@operation("GetIdentityPoolRoles", category=Category.IDENTITY)
def get_identity_pool_roles(call: Call, *, identity_pool_id: str) -> Shape:
    """Show the pool's roles and role mappings."""
    pool = IdentityPool.objects.for_call(call, identity_pool_id)
    return {
        "IdentityPoolId": pool.pk,
        "Roles": pool.roles,
        "RoleMappings": pool.role_mappings or None,
    }


@operation("SetPrincipalTagAttributeMap", category=Category.IDENTITY)
def set_principal_tag_attribute_map(
    call: Call,
    *,
    identity_pool_id: str,
    identity_provider_name: str,
    use_defaults: bool = False,
    principal_tags: dict[str, str] | None = None,
) -> Shape:
    """Say which claims of a provider become principal tags."""
    pool = pools.set_principal_tags(
        IdentityPool.objects.for_call(call, identity_pool_id).pk,
        identity_provider_name,
        use_defaults=use_defaults,
        tags=principal_tags or {},
        actor=Actor.of(call),
    )
    return _map(pool, identity_provider_name)


@operation("GetPrincipalTagAttributeMap", category=Category.IDENTITY)
def get_principal_tag_attribute_map(
    call: Call, *, identity_pool_id: str, identity_provider_name: str
) -> Shape:
    """Show which claims of a provider become principal tags."""
    pool = IdentityPool.objects.for_call(call, identity_pool_id)
    return _map(pool, identity_provider_name)


def _map(pool: IdentityPool, provider: str) -> Shape:
    maps = {providers.plain(name): value for name, value in pool.principal_tags.items()}
    found = maps.get(providers.plain(provider), {"UseDefaults": False, "PrincipalTags": {}})
    return {"IdentityPoolId": pool.pk, "IdentityProviderName": provider, **found}
