"""Keys of an STS endpoint that trusts this server's identity pools as an OpenID issuer."""

import threading
from functools import lru_cache
from typing import Any, Final

import botocore.session
import orjson
import structlog
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from identitypools import tokens
from identitypools.vendors.base import Credentials, RoleRequest
from userpools.conf import settings
from userpools.errors import (
    ExternalServiceException,
    InvalidIdentityPoolConfigurationException,
)

log = structlog.get_logger("poolhouse.identity")

TIMEOUT_SECONDS: Final = 10
# Their trouble, as opposed to a role that may not be taken.
FIRST_FAULT_STATUS: Final = 500
_making_clients = threading.Lock()


@lru_cache(maxsize=64)
def _client(region: str, endpoint: str) -> Any:
    """Return a client that signs nothing: the token is what proves who asks."""
    config = Config(
        signature_version=UNSIGNED,
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=32,
    )
    with _making_clients:
        return botocore.session.get_session().create_client(
            "sts", region_name=region, endpoint_url=endpoint, config=config
        )


class StsVendor:
    """Asks STS for each role. The session policy limits what the role allows."""

    def vend(self, role: RoleRequest) -> Credentials:
        """Trade an OpenID token of the pool for keys."""
        endpoint = role.pool.sts_endpoint or settings.STS_ENDPOINT
        if not endpoint:
            raise InvalidIdentityPoolConfigurationException
        members: dict[str, Any] = {
            "RoleArn": role.role_arn,
            "RoleSessionName": role.session_name,
            "WebIdentityToken": tokens.issue(role.pool, role.identity, role.proof),
            "DurationSeconds": role.seconds,
        }
        if role.policy is not None:
            members["Policy"] = orjson.dumps(role.policy).decode()
        try:
            answer = _client(role.pool.region, endpoint).assume_role_with_web_identity(**members)
        except ClientError as exc:
            log.warning("role refused", role=role.role_arn, error=exc.response["Error"]["Code"])
            if exc.response["ResponseMetadata"]["HTTPStatusCode"] >= FIRST_FAULT_STATUS:
                raise ExternalServiceException from exc
            raise InvalidIdentityPoolConfigurationException from exc
        except (BotoCoreError, ResponseParserError) as exc:
            log.warning("STS did not answer", error=type(exc).__name__)
            raise ExternalServiceException from exc
        made = answer["Credentials"]
        return Credentials(
            made["AccessKeyId"],
            made["SecretAccessKey"],
            made["SessionToken"],
            made["Expiration"],
        )
