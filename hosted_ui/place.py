"""Where a request is: which pool's pages, and under which address they are served to it."""

import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest

from userpools.awsjson.service import Call
from userpools.conf import settings
from userpools.errors import ResourceNotFoundException
from userpools.limits import client_address
from userpools.models import UserPool
from userpools.models.domain import domains_of


@dataclass(frozen=True, slots=True)
class Place:
    """A pool's pages as one browser sees them. `base` has no trailing slash.

    It comes from the configuration, whatever the request says of its host and scheme.
    """

    pool: UserPool
    base: str

    @classmethod
    def of(cls, request: HttpRequest, pool_id: str) -> "Place":
        """Find the pool, and the domain that the front found the request to be for."""
        try:
            pool = UserPool.cached(pool_id)
        except ResourceNotFoundException as exc:
            raise Http404 from exc
        host = str(request.META.get("poolhouse.domain", "")).lower()
        for domain in domains_of(pool) if host else ():
            if domain.host == host:
                return cls(pool, domain.base_url)
        return cls(pool, f"{settings.PUBLIC_URL}/{pool.pk}")

    def url(self, path: str, query: str = "") -> str:
        """Return the address of one of the pool's pages."""
        return f"{self.base}/{path}?{query}" if query else f"{self.base}/{path}"

    @property
    def origin(self) -> str:
        """What browsers send as Origin from these pages."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def is_secure(self) -> bool:
        """Whether cookies can be kept to https."""
        return self.base.startswith("https://")

    def cookie_name(self, kind: str) -> str:
        """Name a cookie of this pool's; bound to its host where that is possible."""
        name = f"{kind}-{self.pool.pk}"
        return f"__Host-{name}" if self.is_secure else name

    def call(self, request: HttpRequest, operation: str) -> Call:
        """Return what sign-in and its events are told of the request."""
        return Call(
            operation=operation,
            caller=None,
            region=self.pool.region,
            account_id=settings.ACCOUNT_ID,
            request_id=str(uuid.uuid4()),
            client_address=client_address(request),
            user_agent=request.META.get("HTTP_USER_AGENT", ""),
        )
