"""Domains of pools: host names under which a pool's pages and OAuth endpoints are served too."""

import re
import time
from urllib.parse import urlsplit

from django.db import models, transaction
from django.utils import timezone

from userpools.conf import settings

from .cache import RECHECK_AFTER
from .pool import UserPool, pools

# Hosts come from strangers: nothing else than a host name reaches the database.
HOST_NAME = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
MAX_HOST_CHARS = 253


class UserPoolDomain(models.Model):
    """A prefix under the server's suffix, or a host name of the customer's own."""

    pool = models.ForeignKey(UserPool, on_delete=models.CASCADE, related_name="domains")
    domain = models.CharField(max_length=253, unique=True)
    is_custom = models.BooleanField(default=False)
    managed_login_version = models.PositiveSmallIntegerField(default=1)
    # CustomDomainConfig and Routing in wire spelling.
    configuration = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    modified_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "domain"
        ordering = ["domain"]
        constraints = [
            models.UniqueConstraint(fields=["pool", "is_custom"], name="domain_of_kind_in_pool")
        ]

    def __str__(self) -> str:
        return self.domain

    @property
    def name(self) -> str:
        """The domain, which is the name to type before it is deleted."""
        return self.domain

    @property
    def host(self) -> str:
        """The host name that the domain answers at; empty for a prefix without a suffix."""
        if self.is_custom:
            return self.domain
        suffix = settings.AUTH_DOMAIN_SUFFIX
        return f"{self.domain}.{suffix}" if suffix else ""

    @property
    def base_url(self) -> str:
        """The address of the pool's pages under this domain; empty where it has no host.

        Scheme and port are those of PUBLIC_URL: nothing of a request's own is believed.
        """
        public = urlsplit(settings.PUBLIC_URL)
        port = f":{public.port}" if public.port else ""
        return f"{public.scheme}://{self.host}{port}" if self.host else ""


def domains_of(pool: UserPool) -> list[UserPoolDomain]:
    """Return the pool's domains, its own host name first; read once for each of its versions."""
    known: list[UserPoolDomain] | None = pool.__dict__.get("loaded_domains")
    if known is None:
        known = list(UserPoolDomain.objects.filter(pool_id=pool.pk).order_by("-is_custom"))
        pool.__dict__["loaded_domains"] = known
    return known


def pool_at(host: str) -> UserPool | None:
    """Return the pool that a request's Host names, without its port; None if it names none.

    What is unknown is looked for once in a second, so that strangers' names cost little.
    """
    name = host.lower()
    if len(name) > MAX_HOST_CHARS or not HOST_NAME.fullmatch(name) or name == _own_host():
        return None
    if name in _known:
        pool = _serving(_known[name], name)
        if pool is not None:
            return pool
        # Deleted, or another pool's by now.
        _known.pop(name, None)
    pool_id = _find(name)
    return _serving(pool_id, name) if pool_id else None


def _serving(pool_id: str, name: str) -> UserPool | None:
    pool = pools.get(pool_id)
    if pool is None or all(domain.host != name for domain in domains_of(pool)):
        return None
    return pool


def forget_host(host: str) -> None:
    """Look a host name up anew, now and after the transaction that changed it."""
    _missed.pop(host, None)
    transaction.on_commit(lambda: _missed.pop(host, None))


def _own_host() -> str:
    return urlsplit(settings.PUBLIC_URL).hostname or ""


def _find(name: str) -> str | None:
    now = time.monotonic()
    if now - _missed.get(name, -RECHECK_AFTER) < RECHECK_AFTER:
        return None
    suffix = f".{settings.AUTH_DOMAIN_SUFFIX}" if settings.AUTH_DOMAIN_SUFFIX else ""
    prefix = name.removesuffix(suffix) if suffix and name.endswith(suffix) else ""
    rows = UserPoolDomain.objects.filter(
        models.Q(domain=name, is_custom=True) | models.Q(domain=prefix, is_custom=False)
    )
    pool_id = rows.values_list("pool_id", flat=True).first()
    for kept in (_known, _missed):
        if len(kept) >= MAX_KNOWN_HOSTS:
            kept.clear()
    if pool_id is None:
        _missed[name] = now
    else:
        _known[name] = pool_id
    return pool_id


MAX_KNOWN_HOSTS = 10_000
# Which pool a host name was last found to be of, which is checked with the pool's version; and
# when a name was last found to be nobody's.
_known: dict[str, str] = {}
_missed: dict[str, float] = {}
