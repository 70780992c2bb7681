"""Errors in the names and statuses of the query protocol."""

from dataclasses import dataclass

from userpools.awsjson import errors
from userpools.awsjson.errors import AwsError


@dataclass(frozen=True, slots=True)
class QueryError:
    """An error as STS answers it."""

    code: str
    message: str
    status: int


class InvalidAction(AwsError):
    """STS has no such action in this version, or it is not served here."""


class MissingAction(AwsError):
    """The request names no action."""

    default_message = "The request is missing an action or a required parameter."


class MalformedQueryString(AwsError):
    """The parameters cannot be read."""

    default_message = "The query string contains a syntax error."
    status_code = 404


class ValidationError(AwsError):
    """A parameter breaks a constraint of its shape, or asks for what is not served."""


class MalformedPolicyDocument(AwsError):
    """The session policy is none that is evaluated here."""


class PackedPolicyTooLarge(AwsError):
    """Session policy and tags are more than a session token holds."""

    default_message = "The session policy and the session tags are too large."


class InvalidIdentityToken(AwsError):
    """The web identity token proves nothing."""

    default_message = "The ID token provided is not a valid JWT of an identity pool."


class ExpiredIdentityToken(AwsError):
    """The web identity token has expired."""

    default_message = "Token expired: the ID token is no longer valid."


# The same refusals bear other names and statuses than in the JSON protocol.
# Source: STS API reference, "Common errors"; IAM user guide, "Troubleshoot Signature Version 4".
_NAMES: dict[type[AwsError], tuple[str, int]] = {
    errors.UnrecognizedClientException: ("InvalidClientTokenId", 403),
    errors.InvalidSignatureException: ("SignatureDoesNotMatch", 403),
    errors.MissingAuthenticationTokenException: ("MissingAuthenticationToken", 403),
    errors.IncompleteSignatureException: ("IncompleteSignature", 400),
    errors.ExpiredTokenException: ("ExpiredToken", 403),
    errors.AccessDeniedException: ("AccessDenied", 403),
    errors.ThrottlingException: ("Throttling", 400),
    errors.RequestEntityTooLargeException: ("RequestEntityTooLarge", 413),
    errors.InvalidParameterException: ("ValidationError", 400),
    errors.SerializationException: ("ValidationError", 400),
    ExpiredIdentityToken: ("ExpiredTokenException", 400),
}


def translated(error: AwsError) -> QueryError:
    """Name an error as this protocol does."""
    code, status = _NAMES.get(type(error), (error.code, error.status_code))
    return QueryError(code, error.message, status)
