"""`manage.py domain`: pools' domains, through the operations of the API."""

from typing import Any

from userpools.local_api import LocalApi
from userpools.models import UserPoolDomain

from ._base import NounCommand, Result, argument, verb
from .pool import POOL

DOMAIN = argument("domain", metavar="DOMAIN")


class Command(NounCommand):
    """Domains."""

    help = "Give pools domains, list them, and take them away."

    @verb(
        "Give a pool a domain: a prefix, or a host name of your own with --certificate.",
        POOL,
        DOMAIN,
        argument("--certificate", metavar="ARN", help="For a host name of your own."),
        argument("--managed-login-version", type=int, choices=[1, 2], default=1),
    )
    def create(self, options: dict[str, Any]) -> Result:
        certificate = options["certificate"]
        LocalApi().in_pool(options["pool"])(
            "CreateUserPoolDomain",
            UserPoolId=options["pool"],
            Domain=options["domain"],
            ManagedLoginVersion=options["managed_login_version"],
            CustomDomainConfig={"CertificateArn": certificate} if certificate else None,
        )
        return _row(UserPoolDomain.objects.get(domain=options["domain"]))

    @verb("List all domains.")
    def list(self, options: dict[str, Any]) -> Result:
        return [_row(domain) for domain in UserPoolDomain.objects.order_by("domain")]

    @verb("Take a domain from its pool.", POOL, DOMAIN)
    def delete(self, options: dict[str, Any]) -> Result:
        LocalApi().in_pool(options["pool"])(
            "DeleteUserPoolDomain", UserPoolId=options["pool"], Domain=options["domain"]
        )
        return f"Deleted {options['domain']}."


def _row(domain: UserPoolDomain) -> dict[str, Any]:
    return {
        "Domain": domain.domain,
        "UserPoolId": domain.pool_id,
        "ManagedLoginVersion": domain.managed_login_version,
        "Address": domain.base_url or None,
    }
