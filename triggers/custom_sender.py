"""Codes for custom senders, as AWS Encryption SDK messages in Base64.

The wrapping key is the pool's KMSKeyID where the server may use it: an endpoint other than AWS is
configured, or the operator's list names the key. Elsewhere it is a raw AES key of this server's,
one for each pool; `manage.py functions sender-key POOL` prints it for the function, which then
builds a raw AES keyring in place of its KMS keyring (triggers/examples/README.md).
"""

import base64
import threading
from functools import lru_cache
from typing import Any, Final

import aws_encryption_sdk
import botocore.session
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
from aws_encryption_sdk.identifiers import (
    CommitmentPolicy,
    EncryptionKeyType,
    WrappingAlgorithm,
)
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.base import MasterKey
from aws_encryption_sdk.key_providers.kms import KMSMasterKey
from aws_encryption_sdk.key_providers.raw import RawMasterKey
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from triggers.models import Outcome
from userpools import aws_targets, sealing
from userpools.conf import settings
from userpools.models import UserPool
from userpools.sealing import Purpose

KEY_NAMESPACE: Final = "poolhouse"
SECONDS: Final = 5
_ARN_PARTS: Final = 6
_making_clients = threading.Lock()
_client = aws_encryption_sdk.EncryptionSDKClient(
    commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
)


class NotEncrypted(Exception):
    """The key could not be used. The text says why, to operators alone."""

    outcome = Outcome.UNAVAILABLE


def encrypt(pool: UserPool, code: str) -> str:
    """Encrypt a code or temporary password for the pool's senders; may call KMS.

    Raises NotEncrypted.
    """
    try:
        message, _header = _client.encrypt(
            source=code.encode(),
            key_provider=_master_key(pool),
            encryption_context={"userpool-id": pool.pk},
        )
    except (AWSEncryptionSDKClientError, BotoCoreError, ClientError) as exc:
        raise NotEncrypted(f"The code was not encrypted: {type(exc).__name__}: {exc}") from exc
    return base64.b64encode(message).decode()


def uses_kms(key_arn: str) -> bool:
    """Say whether the server may use a key of KMS."""
    is_arn = len(key_arn.split(":", _ARN_PARTS - 1)) == _ARN_PARTS
    return is_arn and (bool(settings.KMS_ENDPOINT) or aws_targets.allows(key_arn))


def local_key(pool_id: str) -> bytes:
    """Return the pool's raw AES-256 key; it changes when a replaced master key is dropped."""
    return sealing.stable_hash(Purpose.CUSTOM_SENDER, pool_id.encode())


def _master_key(pool: UserPool) -> MasterKey:
    key_arn = str(pool.lambda_config.get("KMSKeyID") or "")
    if uses_kms(key_arn):
        region = key_arn.split(":")[3] or settings.DEFAULT_REGION
        return KMSMasterKey(key_id=key_arn, client=_kms(region, settings.KMS_ENDPOINT))
    return RawMasterKey(
        provider_id=KEY_NAMESPACE,
        key_id=pool.pk,
        wrapping_key=WrappingKey(
            wrapping_algorithm=WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
            wrapping_key=local_key(pool.pk),
            wrapping_key_type=EncryptionKeyType.SYMMETRIC,
        ),
    )


@lru_cache(maxsize=16)
def _kms(region: str, endpoint: str) -> Any:
    config = Config(
        connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 1}
    )
    with _making_clients:
        return botocore.session.get_session().create_client(
            "kms", region_name=region, endpoint_url=endpoint or None, config=config
        )
