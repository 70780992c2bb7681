"""The errors of the protocol itself; each class bears its wire name."""

from __future__ import annotations

from typing import ClassVar


class AwsError(Exception):
    """An error that the caller is told: `__type` is the class name, `message` the text."""

    default_message: ClassVar[str] = ""
    status_code: ClassVar[int] = 400
    # What says the same in operations whose model does not list this error.
    instead: type[AwsError] | None = None

    def __init__(self, message: str | None = None) -> None:
        self.message = self.default_message if message is None else message
        super().__init__(self.message)

    @property
    def code(self) -> str:
        """The name on the wire."""
        return type(self).__name__


class ContractError(AssertionError):
    """An operation broke its own model: a fault of ours, shown outside production only."""


class SerializationException(AwsError):
    """The body is not the JSON that the operation's shape describes."""


class UnknownOperationException(AwsError):
    """No operation of that name is served here."""


class RequestEntityTooLargeException(AwsError):
    """The body is larger than any operation takes."""

    default_message = "Request body is too large."
    status_code = 413


class InvalidParameterException(AwsError):
    """A member breaks a constraint of its shape, or a rule of the operation."""

    default_message = "Invalid parameter."


class MissingAuthenticationTokenException(AwsError):
    """The operation wants a signature and the request bears none."""

    default_message = "Missing Authentication Token"


class IncompleteSignatureException(AwsError):
    """The signature's parts are missing or malformed."""

    default_message = "The request signature does not conform to AWS standards."


class InvalidSignatureException(AwsError):
    """The signature does not match, or does not cover this request."""

    default_message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. "
        "Consult the service documentation for details."
    )


class UnrecognizedClientException(AwsError):
    """Nobody has this access key, or its session token is not ours."""

    default_message = "The security token included in the request is invalid."


class ExpiredTokenException(AwsError):
    """The access key or its session has expired."""

    default_message = "The security token included in the request is expired"


class AccessDeniedException(AwsError):
    """The caller's policies do not allow the action."""

    default_message = "User is not authorized to perform this operation."


class ThrottlingException(AwsError):
    """Too many calls, for operations whose model has no TooManyRequestsException."""

    default_message = "Rate exceeded"


class TooManyRequestsException(AwsError):
    """Too many calls of one quota category."""

    default_message = "Rate exceeded"


class InternalErrorException(AwsError):
    """A fault of the service."""

    default_message = "Internal error"
    status_code = 500


class InternalServerException(AwsError):
    """A fault of the service, as a few newer operations call it."""

    default_message = "Internal server error"
    status_code = 500


class InternalFailure(AwsError):
    """A fault before the operation is known."""

    default_message = "Internal failure"
    status_code = 500


# What any operation may answer besides the errors that its model lists.
PROTOCOL_ERRORS: frozenset[str] = frozenset(
    error.__name__
    for error in (
        SerializationException,
        UnknownOperationException,
        RequestEntityTooLargeException,
        InvalidParameterException,
        MissingAuthenticationTokenException,
        IncompleteSignatureException,
        InvalidSignatureException,
        UnrecognizedClientException,
        ExpiredTokenException,
        AccessDeniedException,
        ThrottlingException,
        InternalFailure,
    )
)
