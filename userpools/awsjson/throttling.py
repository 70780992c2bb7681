"""The quota categories, and where calls are counted: for the account, then for the pool named."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from rest_framework.throttling import BaseThrottle

from userpools.awsjson.configuration import current

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class Category(StrEnum):
    """The categories that the service states its request rates for.

    Source: Developer guide, "Quotas in Amazon Cognito", "API request rate quotas".
    """

    USER_AUTHENTICATION = "UserAuthentication"
    # Answers to challenges count apart, at three times the rate of UserAuthentication.
    USER_AUTHENTICATION_RESPONSE = "UserAuthenticationResponse"
    USER_CREATION = "UserCreation"
    USER_FEDERATION = "UserFederation"
    USER_ACCOUNT_RECOVERY = "UserAccountRecovery"
    USER_READ = "UserRead"
    USER_UPDATE = "UserUpdate"
    USER_TOKEN = "UserToken"  # noqa: S105 - the name of a category
    USER_RESOURCE_READ = "UserResourceRead"
    USER_RESOURCE_UPDATE = "UserResourceUpdate"
    USER_LIST = "UserList"
    USER_POOL_READ = "UserPoolRead"
    USER_POOL_UPDATE = "UserPoolUpdate"
    USER_POOL_RESOURCE_READ = "UserPoolResourceRead"
    USER_POOL_RESOURCE_UPDATE = "UserPoolResourceUpdate"
    USER_POOL_CLIENT_READ = "UserPoolClientRead"
    USER_POOL_CLIENT_UPDATE = "UserPoolClientUpdate"
    CLIENT_AUTHENTICATION = "ClientAuthentication"
    IDENTITY = "Identity"


class CategoryThrottle(BaseThrottle):
    """Takes one call from the account's allowance, or from the pool's once it is known."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Ask the configured limiter; the view says who calls what."""
        exchange = view.exchange  # type: ignore[attr-defined]
        return current().limiter.take(
            exchange.operation, exchange.account_id, exchange.region, exchange.pool_id
        )
