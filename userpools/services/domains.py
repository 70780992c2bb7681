"""Domains of pools: created, changed and deleted here, for the API, the console and commands."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.utils import timezone

from userpools.audit import Actor, record_act
from userpools.conf import settings as server
from userpools.errors import (
    FeatureUnavailableInTierException,
    InvalidParameterException,
    LimitExceededException,
    ResourceNotFoundException,
)
from userpools.models import UserPool, UserPoolDomain
from userpools.models.domain import forget_host
from userpools.models.stamps import stamps
from userpools.services import pool_rules

RESERVED_WORDS = ("aws", "amazon", "cognito")
CUSTOM_DOMAINS_PER_REGION = 4
CLASSIC, MANAGED = 1, 2
DOCUMENTS = ("CustomDomainConfig", "Routing")
MAX_PREFIX_CHARS = 63
TAKEN = "Domain already associated with another user pool."


def find(pool: UserPool, domain: str) -> UserPoolDomain:
    """Return the pool's domain; ResourceNotFoundException if it is another's or absent."""
    found = UserPoolDomain.objects.filter(pool_id=pool.pk, domain=domain).first()
    if found is None:
        raise ResourceNotFoundException(f"Domain {domain} does not exist.")
    return found


def create(pool_id: str, settings: Mapping[str, Any], *, actor: Actor) -> UserPoolDomain:
    """Give a pool a domain of CreateUserPoolDomain's members."""
    domain = UserPoolDomain(
        pool_id=pool_id,
        domain=settings["Domain"],
        is_custom=bool(settings.get("CustomDomainConfig")),
        managed_login_version=settings.get("ManagedLoginVersion", CLASSIC),
        configuration=_documents(settings),
        **stamps(),
    )
    try:
        with transaction.atomic():
            pool = UserPool.objects.locked(pool_id)
            _check_name(domain)
            _check(pool, domain)
            _check_room(pool, domain)
            domain.save(force_insert=True)
            pool.touch()
            _record(actor, "CreateUserPoolDomain", domain, after=document_of(domain))
    except IntegrityError as exc:
        raise InvalidParameterException(TAKEN) from exc
    forget_host(domain.host)
    return domain


def update(pool_id: str, settings: Mapping[str, Any], *, actor: Actor) -> UserPoolDomain:
    """Change certificate, routing or branding version; what is left out stays."""
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        domain = find(pool, settings["Domain"])
        if bool(settings.get("CustomDomainConfig")) and not domain.is_custom:
            raise InvalidParameterException("A prefix domain has no certificate.")
        before = document_of(domain)
        domain.configuration = {**domain.configuration, **_documents(settings)}
        domain.managed_login_version = settings.get(
            "ManagedLoginVersion", domain.managed_login_version
        )
        domain.modified_at = timezone.now()
        _check(pool, domain)
        domain.save()
        pool.touch()
        _record(actor, "UpdateUserPoolDomain", domain, before=before, after=document_of(domain))
    return domain


def delete(pool_id: str, name: str, *, actor: Actor) -> None:
    """Take a domain from its pool."""
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        domain = find(pool, name)
        _record(actor, "DeleteUserPoolDomain", domain, before=document_of(domain))
        domain.delete()
        pool.touch()


def document_of(domain: UserPoolDomain) -> dict[str, Any]:
    """Return a domain as UpdateUserPoolDomain takes it, and as an audit entry shows it."""
    return {
        "Domain": domain.domain,
        "ManagedLoginVersion": domain.managed_login_version,
        **domain.configuration,
    }


def _documents(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in DOCUMENTS if settings.get(name)}


def _check(pool: UserPool, domain: UserPoolDomain) -> None:
    version = domain.managed_login_version
    if version not in {CLASSIC, MANAGED}:
        raise InvalidParameterException("ManagedLoginVersion must be 1 or 2.")
    if version == MANAGED and not pool_rules.tier_has(pool, "ESSENTIALS"):
        raise FeatureUnavailableInTierException(
            f"Managed login is not available in the {pool.tier} tier."
        )


def _check_name(domain: UserPoolDomain) -> None:
    name = domain.domain
    if not domain.is_custom:
        if "." in name or len(name) > MAX_PREFIX_CHARS:
            raise InvalidParameterException(
                "A prefix has no dots and at most 63 characters; a domain of your own needs"
                " CustomDomainConfig."
            )
        taken = [word for word in RESERVED_WORDS if word in name]
        if taken:
            raise InvalidParameterException(f"Domain cannot contain reserved word: {taken[0]}")
        if domain.host == urlsplit(server.PUBLIC_URL).hostname:
            raise InvalidParameterException(f"{domain.host} is this server's own.")
        return
    if "." not in name:
        raise InvalidParameterException("A custom domain cannot be a top-level domain.")
    suffix = server.AUTH_DOMAIN_SUFFIX
    # Under the suffix stand other pools' prefixes, and the server's own name is the console's.
    if name == urlsplit(server.PUBLIC_URL).hostname or (
        suffix and (name == suffix or name.endswith(f".{suffix}"))
    ):
        raise InvalidParameterException(f"{name} is this server's own.")


def _check_room(pool: UserPool, domain: UserPoolDomain) -> None:
    if UserPoolDomain.objects.filter(domain=domain.domain).exists():
        raise InvalidParameterException(TAKEN)
    if pool.domains.filter(is_custom=domain.is_custom).exists():
        kind = "custom domain" if domain.is_custom else "prefix"
        raise InvalidParameterException(f"User pool already has a {kind} configured.")
    custom = UserPoolDomain.objects.filter(pool__region=pool.region, is_custom=True)
    if domain.is_custom and custom.count() >= CUSTOM_DOMAINS_PER_REGION:
        raise LimitExceededException(
            f"A region can have at most {CUSTOM_DOMAINS_PER_REGION} custom domains."
        )


def _record(
    actor: Actor,
    action: str,
    domain: UserPoolDomain,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record_act(
        actor, action, pool_id=domain.pool_id, resource=domain.domain, before=before, after=after
    )
