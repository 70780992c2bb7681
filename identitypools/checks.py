"""System checks: who makes the credentials of identity pools."""

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error

from identitypools.models import Vendor
from identitypools.pools import check_endpoint
from userpools.awsjson.errors import AwsError
from userpools.checks import check
from userpools.conf import settings


@check
def credential_vendor() -> Iterator[CheckMessage]:
    """The vendor `sts` has an endpoint, which is another server."""
    endpoint = settings.STS_ENDPOINT
    if settings.CREDENTIAL_VENDOR == Vendor.STS and not endpoint:
        yield Error(
            "POOLHOUSE_CREDENTIAL_VENDOR is sts, and POOLHOUSE_STS_ENDPOINT names no endpoint.",
            id="identitypools.E001",
        )
    try:
        check_endpoint(endpoint)
    except AwsError as exc:
        yield Error(f"POOLHOUSE_STS_ENDPOINT: {exc.message}", id="identitypools.E002")
