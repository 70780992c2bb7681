"""Identity pools: created, changed and deleted here, for the API, the console and commands."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from identitypools import keys, providers
from identitypools.models import IdentityPool, OidcProvider, new_identity_id
from userpools.audit import Actor, record_act
from userpools.conf import settings as conf
from userpools.errors import (
    InvalidParameterException,
    LimitExceededException,
    NotAuthorizedException,
)
from userpools.models.stamps import stamps

Members = Mapping[str, Any]

POOLS_PER_REGION: Final = 1_000
MOST_USER_POOL_CLIENTS: Final = 50
MOST_OIDC_PROVIDERS: Final = 50
MOST_TAGS: Final = 50
MOST_RULES: Final = 25
IDENTITIES_AT_ONCE: Final = 1_000

# What may be done with a role's ARN is the caller's policy to say.
MayPass = Callable[[str], bool]


def create(members: Members, *, region: str, actor: Actor) -> IdentityPool:
    """Create a pool of CreateIdentityPool's members; its region gets a signing key if it has none.

    Raises InvalidParameterException and LimitExceededException.
    """
    pool_id = new_identity_id(region)
    pool = IdentityPool(id=pool_id, region=region, tags=members.get("IdentityPoolTags") or {})
    for name, value in stamps().items():
        setattr(pool, name, value)
    _configure(pool, members)
    # Made before the transaction: that is the slow part.
    keys.ensure(region)
    with transaction.atomic():
        if IdentityPool.objects.filter(region=region).count() >= POOLS_PER_REGION:
            raise LimitExceededException(
                f"A region holds at most {POOLS_PER_REGION} identity pools."
            )
        pool.save(force_insert=True)
        record_act(
            actor, "CreateIdentityPool", pool_id=pool.id, resource=pool.arn, after=document(pool)
        )
    return pool


def update(pool_id: str, members: Members, *, actor: Actor) -> IdentityPool:
    """Apply UpdateIdentityPool's members: what they leave out is cleared."""
    with transaction.atomic():
        pool = IdentityPool.objects.locked(pool_id)
        before = document(pool)
        _configure(pool, members)
        if members.get("IdentityPoolTags") is not None:
            pool.tags = members["IdentityPoolTags"]
        _check_tags(pool.tags)
        _store(pool, actor, "UpdateIdentityPool", before)
    return pool


def delete(pool_id: str, *, actor: Actor) -> None:
    """Delete a pool with its identities, in one transaction and bounded memory."""
    with transaction.atomic():
        pool = IdentityPool.objects.locked(pool_id)
        before = document(pool)
        arn = pool.arn
        while batch := list(
            pool.identities.order_by().values_list("pk", flat=True)[:IDENTITIES_AT_ONCE]
        ):
            pool.identities.filter(pk__in=batch).delete()
        pool.touch()
        pool.delete()
        record_act(actor, "DeleteIdentityPool", pool_id=pool_id, resource=arn, before=before)


def _configure(pool: IdentityPool, members: Members) -> None:
    pool.name = members["IdentityPoolName"]
    pool.allow_unauthenticated = members["AllowUnauthenticatedIdentities"]
    pool.allow_classic = bool(members.get("AllowClassicFlow"))
    pool.login_providers = members.get("SupportedLoginProviders") or {}
    pool.user_pool_clients = members.get("CognitoIdentityProviders") or []
    pool.oidc_arns = members.get("OpenIdConnectProviderARNs") or []
    _set_developer_provider(pool, members.get("DeveloperProviderName") or "")
    if members.get("SamlProviderARNs"):
        raise InvalidParameterException("SAML providers are not supported here.")
    _check_public(pool.login_providers)
    _check_user_pools(pool.user_pool_clients)
    _check_oidc(pool.oidc_arns)
    _check_tags(pool.tags)


def _set_developer_provider(pool: IdentityPool, name: str) -> None:
    """Keep the name once there is one: logins are kept under it."""
    if pool.developer_provider and name and name != pool.developer_provider:
        raise InvalidParameterException("DeveloperProviderName cannot be changed once it is set.")
    if name in (*providers.PUBLIC, providers.OWN_LOGIN):
        raise InvalidParameterException(f"{name} is not a developer provider's name.")
    if name and OidcProvider.objects.filter(issuer__endswith=f"://{name}").exists():
        raise InvalidParameterException(f"{name} is the name of an OpenID provider.")
    pool.developer_provider = name or pool.developer_provider


def _check_public(found: Mapping[str, str]) -> None:
    for name in found:
        if name not in providers.PUBLIC:
            raise InvalidParameterException(
                f"{name} is not supported as a login provider: {', '.join(providers.PUBLIC)} are."
            )


def _check_user_pools(clients: Sequence[Mapping[str, Any]]) -> None:
    if len(clients) > MOST_USER_POOL_CLIENTS:
        raise InvalidParameterException(
            f"An identity pool takes at most {MOST_USER_POOL_CLIENTS} user pool providers."
        )
    seen = set()
    for client in clients:
        name, client_id = client.get("ProviderName"), client.get("ClientId")
        if not name or not client_id:
            raise InvalidParameterException("A user pool needs ProviderName and ClientId.")
        if providers.user_pool_of(name) is None:
            raise InvalidParameterException(
                f"{name} is not the name of a user pool of this server, such as "
                f"{providers.own_host()}/<user pool id>."
            )
        key = (providers.plain(name), client_id)
        if key in seen:
            raise InvalidParameterException(f"{name} with client {client_id} is given twice.")
        seen.add(key)


def _check_oidc(arns: Sequence[str]) -> None:
    if len(arns) > MOST_OIDC_PROVIDERS or len(set(arns)) != len(arns):
        raise InvalidParameterException(
            f"An identity pool takes at most {MOST_OIDC_PROVIDERS} different OpenID providers."
        )
    known = set(OidcProvider.objects.filter(arn__in=arns).values_list("arn", flat=True))
    for arn in arns:
        if arn not in known:
            raise InvalidParameterException(f"{arn[:256]} is not a registered OpenID provider.")


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise InvalidParameterException(f"An identity pool has at most {MOST_TAGS} tags.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise InvalidParameterException("Tag keys cannot start with aws:.")


def set_tags(
    pool_id: str, actor: Actor, action: str, *, add: Mapping[str, str], remove: Sequence[str]
) -> None:
    """Add and remove tags of a pool."""
    with transaction.atomic():
        pool = IdentityPool.objects.locked(pool_id)
        before = document(pool)
        pool.tags = {key: value for key, value in {**pool.tags, **add}.items() if key not in remove}
        _check_tags(pool.tags)
        _store(pool, actor, action, before)


# Roles and principal tags


def set_roles(
    pool_id: str,
    roles: Mapping[str, str],
    mappings: Mapping[str, Any],
    *,
    actor: Actor,
    may_pass: MayPass,
) -> IdentityPool:
    """Replace both maps of SetIdentityPoolRoles.

    Raises NotAuthorizedException for a role that the caller may not pass: who changes the pool
    could otherwise hand out another tenant's role.
    """
    for arn in dict.fromkeys(role_arns(roles, mappings)):
        if not may_pass(arn):
            raise NotAuthorizedException(f"Access to Role '{arn}' is forbidden.")
    with transaction.atomic():
        pool = IdentityPool.objects.locked(pool_id)
        _check_mappings(pool, mappings)
        before = document(pool)
        pool.roles, pool.role_mappings = dict(roles), dict(mappings)
        _store(pool, actor, "SetIdentityPoolRoles", before)
    return pool


def role_arns(roles: Mapping[str, str], mappings: Mapping[str, Any]) -> Iterable[str]:
    """Yield every role that the two maps name."""
    yield from roles.values()
    for mapping in mappings.values():
        for rule in (mapping.get("RulesConfiguration") or {}).get("Rules", ()):
            yield rule["RoleARN"]


def _check_mappings(pool: IdentityPool, mappings: Mapping[str, Any]) -> None:
    known = set(providers.mappable(pool))
    seen = set()
    for name, mapping in mappings.items():
        if providers.plain(name) not in known:
            raise InvalidParameterException(
                f"{name} is not a valid RoleMapping ProviderName or is not a configured provider."
            )
        if providers.plain(name) in seen:
            raise InvalidParameterException(f"{name} is mapped twice.")
        seen.add(providers.plain(name))
        if not mapping.get("AmbiguousRoleResolution"):
            raise InvalidParameterException(f"{name} needs AmbiguousRoleResolution.")
        rules = mapping.get("RulesConfiguration")
        if (mapping["Type"] == "Rules") is not bool(rules):
            raise InvalidParameterException(
                f"{name}: RulesConfiguration goes with the type Rules, and with no other."
            )
        if rules and len(rules["Rules"]) > MOST_RULES:
            raise InvalidParameterException(f"{name} has more than {MOST_RULES} rules.")


def set_principal_tags(
    pool_id: str,
    provider: str,
    *,
    use_defaults: bool,
    tags: Mapping[str, str],
    actor: Actor,
) -> IdentityPool:
    """Say which claims of a provider become principal tags; none and no defaults ends it."""
    with transaction.atomic():
        pool = IdentityPool.objects.locked(pool_id)
        if providers.plain(provider) not in set(providers.mappable(pool)):
            raise InvalidParameterException(f"{provider} is not a configured provider.")
        if use_defaults and tags:
            raise InvalidParameterException("PrincipalTags cannot go with UseDefaults.")
        if any(key.lower().startswith("aws:") for key in tags):
            raise InvalidParameterException("Tag keys cannot start with aws:.")
        if len({key.lower() for key in tags}) != len(tags):
            raise InvalidParameterException("Tag keys differ by more than their letter case.")
        before = document(pool)
        changed = {
            name: value
            for name, value in pool.principal_tags.items()
            if providers.plain(name) != providers.plain(provider)
        }
        if use_defaults or tags:
            changed[provider] = {"UseDefaults": use_defaults, "PrincipalTags": dict(tags)}
        pool.principal_tags = changed
        _store(pool, actor, "SetPrincipalTagAttributeMap", before)
    return pool


def set_vendor(pool_id: str, vendor: str, endpoint: str, *, actor: Actor) -> IdentityPool:
    """Say who makes the pool's credentials; empty texts stand for the server's settings."""
    check_endpoint(endpoint)
    with transaction.atomic():
        pool = IdentityPool.objects.locked(pool_id)
        before = document(pool)
        pool.vendor, pool.sts_endpoint = vendor, endpoint
        _store(pool, actor, "SetCredentialVendor", before)
    return pool


def check_endpoint(endpoint: str) -> None:
    """Refuse an STS endpoint that is no URL, or this server, which would ask itself."""
    if not endpoint:
        return
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise InvalidParameterException("The STS endpoint must be an http(s) URL.")
    if parts.netloc.lower() == urlsplit(conf.PUBLIC_URL).netloc.lower():
        raise InvalidParameterException("The STS endpoint is this server: use the vendor `local`.")


def document(pool: IdentityPool) -> dict[str, Any]:
    """Return what an audit entry says of a pool."""
    return {
        **pool_type(pool),
        "Roles": pool.roles,
        "RoleMappings": pool.role_mappings,
        "PrincipalTagAttributeMaps": pool.principal_tags,
        "CredentialVendor": pool.vendor,
        "StsEndpoint": pool.sts_endpoint,
    }


def pool_type(pool: IdentityPool) -> dict[str, Any]:
    """Return the wire's IdentityPool: absent members are left out."""
    shape: dict[str, Any] = {
        "IdentityPoolId": pool.id,
        "IdentityPoolName": pool.name,
        "AllowUnauthenticatedIdentities": pool.allow_unauthenticated,
        "AllowClassicFlow": pool.allow_classic,
    }
    optional = {
        "SupportedLoginProviders": pool.login_providers,
        "DeveloperProviderName": pool.developer_provider,
        "OpenIdConnectProviderARNs": pool.oidc_arns,
        "CognitoIdentityProviders": pool.user_pool_clients,
        "IdentityPoolTags": pool.tags,
    }
    return shape | {name: value for name, value in optional.items() if value}


def _store(pool: IdentityPool, actor: Actor, action: str, before: Members) -> None:
    """Save a locked pool, tell every process, and record the act; inside the transaction."""
    pool.modified_at = timezone.now()
    pool.save()
    pool.touch()
    record_act(
        actor, action, pool_id=pool.id, resource=pool.arn, before=before, after=document(pool)
    )
