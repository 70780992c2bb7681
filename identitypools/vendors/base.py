"""What every vendor of credentials takes and gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from identitypools.models import DEFAULT_SESSION_SECONDS, Identity, IdentityPool
from identitypools.tokens import UNAUTHENTICATED, Proof

SESSION_NAME: Final = "CognitoIdentityCredentials"
# The most that a guest gets in the enhanced flow, whatever the role says. Source: developer guide,
# "Services that unauthenticated identities can access".
GUEST_ACTIONS: Final = (
    *(
        f"{service}:*"
        for service in (
            "execute-api", "appsync", "cloudwatch", "logs", "codewhisperer", "cognito-identity",
            "cognito-idp", "cognito-sync", "comprehend", "dynamodb", "firehose", "gamelift", "iot",
            "kinesisanalytics", "lambda", "lex", "geo", "machinelearning", "mobileanalytics",
            "mobiletargeting", "personalize", "polly", "rekognition", "s3", "ses", "sdb", "sns",
            "sqs", "transcribe", "translate",
        )
    ),
    "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "rum:PutRumEvents",
    "sagemaker:InvokeEndpoint", "sumerian:View*", "textract:DetectDocumentText",
    "textract:AnalyzeDocument",
)  # fmt: skip
GUEST_POLICY: Final[dict[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": list(GUEST_ACTIONS), "Resource": "*"}],
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """Temporary keys; the secret is shown nowhere."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class RoleRequest:
    """A role for an identity. `policy` limits what the role allows."""

    pool: IdentityPool
    identity: Identity
    role_arn: str
    proof: Proof
    session_name: str = SESSION_NAME
    seconds: int = DEFAULT_SESSION_SECONDS
    policy: Mapping[str, Any] | None = None

    @property
    def is_guest(self) -> bool:
        """Whether nobody signed in."""
        return UNAUTHENTICATED in self.proof.amr


class CredentialVendor(Protocol):
    """Makes credentials of a role."""

    def vend(self, role: RoleRequest) -> Credentials:
        """Make them. Raises InvalidIdentityPoolConfigurationException where the role refuses.

        May call out: never inside a transaction.
        """
