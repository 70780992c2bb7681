"""The errors that the service models list; each class bears its wire name.

The default messages are the service's own texts where one is known. The names that the protocol
needs itself are defined in `userpools.awsjson.errors` and are importable from here too.
"""

# ruff: noqa: PLC0414

from userpools.awsjson.errors import AccessDeniedException as AccessDeniedException
from userpools.awsjson.errors import AwsError as AwsError
from userpools.awsjson.errors import InternalErrorException as InternalErrorException
from userpools.awsjson.errors import InternalServerException as InternalServerException
from userpools.awsjson.errors import InvalidParameterException as InvalidParameterException
from userpools.awsjson.errors import TooManyRequestsException as TooManyRequestsException


class AliasExistsException(AwsError):
    """Another user owns the e-mail address, phone number or preferred username."""

    default_message = "An account with the email already exists."


class CodeDeliveryFailureException(AwsError):
    """A code could not be sent."""

    default_message = "Unable to deliver the verification code."

    def __init__(
        self, message: str | None = None, *, instead: type[AwsError] | None = None
    ) -> None:
        super().__init__(message)
        self.instead = instead


class CodeMismatchException(AwsError):
    """The code is not the one that was sent."""

    default_message = "Invalid verification code provided, please try again."


class ConcurrentModificationException(AwsError):
    """Another request changes the same resource."""

    default_message = "The resource is being changed by another request, please try again."


class DeveloperUserAlreadyRegisteredException(AwsError):
    """The developer's user belongs to another identity."""

    default_message = "The developer user identifier is already registered with another identity."


class DeviceKeyExistsException(AwsError):
    """The device is confirmed already."""

    default_message = "Device key already exists."


class DuplicateProviderException(AwsError):
    """The pool has a provider of that name."""

    default_message = "A provider with the name already exists."


class EnableSoftwareTokenMFAException(AwsError):
    """The first code of an authenticator app is wrong."""

    default_message = "Code mismatch and fail enable Software Token MFA"


class ExpiredCodeException(AwsError):
    """The code has expired, or none was asked for."""

    default_message = "Invalid code provided, please request a code again."


class ExternalServiceException(AwsError):
    """An identity provider could not be reached."""

    default_message = "An external service did not answer."


class FeatureUnavailableInTierException(AwsError):
    """The pool's feature plan lacks the feature."""

    default_message = "The feature is not available in the user pool's tier."


class ForbiddenException(AwsError):
    """A firewall rule blocks the request."""

    default_message = "Request not allowed due to WAF block."


class GroupExistsException(AwsError):
    """The pool has a group of that name."""

    default_message = "A group with the name already exists."


class InvalidEmailRoleAccessPolicyException(AwsError):
    """The e-mail identity may not be used."""

    default_message = "The email identity may not be used."


class InvalidIdentityPoolConfigurationException(AwsError):
    """The pool has no usable role."""

    default_message = "Invalid identity pool configuration. Check assigned IAM roles for this pool."


class InvalidLambdaResponseException(AwsError):
    """A trigger answered what cannot be used."""

    default_message = "Unrecognizable lambda output"


class InvalidOAuthFlowException(AwsError):
    """The combination of OAuth settings is not possible."""

    default_message = "The OAuth flow is not valid."


class InvalidPasswordException(AwsError):
    """The password breaks the pool's policy."""

    default_message = "Password did not conform with policy"


class InvalidSmsRoleAccessPolicyException(AwsError):
    """The SMS role lacks a permission."""

    default_message = "The role does not have permission to publish with SNS."


class InvalidSmsRoleTrustRelationshipException(AwsError):
    """The SMS role cannot be assumed."""

    default_message = "The role's trust relationship is not valid."


class InvalidUserPoolConfigurationException(AwsError):
    """The pool is configured in a way that forbids the operation."""

    default_message = "The user pool configuration is not valid."


class LimitExceededException(AwsError):
    """A user's or pool's limit is reached."""

    default_message = "Attempt limit exceeded, please try after some time."


class MFAMethodNotFoundException(AwsError):
    """The user has no second factor of the pool's."""

    default_message = "No MFA mechanism registered for the account."


class ManagedLoginBrandingExistsException(AwsError):
    """The client has a style."""

    default_message = "A managed login branding style already exists for the app client."


class NotAuthorizedException(AwsError):
    """The user may not, or did not prove who they are."""

    default_message = "Incorrect username or password."


class OperationNotEnabledException(AwsError):
    """The pool's configuration turns the operation off."""

    default_message = "The operation is not enabled."


class PasswordHistoryPolicyViolationException(AwsError):
    """The password was used before."""

    default_message = "Password has previously been used."


class PasswordResetRequiredException(AwsError):
    """The user must reset the password first."""

    default_message = "Password reset required for the user"


class PreconditionNotMetException(AwsError):
    """The resource is in the wrong state."""

    default_message = "The resource is not in a state that allows the operation."


class RefreshTokenReuseException(AwsError):
    """A rotated refresh token came back after its grace period."""

    default_message = "Refresh token has been reused"


class ResourceConflictException(AwsError):
    """The login belongs to another identity."""

    default_message = "The login is already linked to another identity."


class ResourceNotFoundException(AwsError):
    """The pool, client or other resource does not exist."""

    default_message = "The resource does not exist."


class ScopeDoesNotExistException(AwsError):
    """A scope is neither standard nor a resource server's."""

    default_message = "The scope does not exist."


class ServiceQuotaExceededException(AwsError):
    """The account's quota is reached."""

    default_message = "The service quota is exceeded."


class SoftwareTokenMFANotFoundException(AwsError):
    """The pool does not offer authenticator apps."""

    default_message = "Software Token MFA has not been enabled by the userPool"


class TermsExistsException(AwsError):
    """The client has such a document."""

    default_message = "Terms with the name already exist for the app client."


class TierChangeNotAllowedException(AwsError):
    """The pool uses features of its plan."""

    default_message = "The user pool's tier cannot be changed."


class TooManyFailedAttemptsException(AwsError):
    """Too many failures of one kind."""

    default_message = "Too many failed attempts."


class UnauthorizedException(AwsError):
    """The token or client secret is not accepted."""

    default_message = "Unauthorized"


class UnexpectedLambdaException(AwsError):
    """A trigger could not be run."""

    default_message = "The trigger could not be invoked."


class UnsupportedIdentityProviderException(AwsError):
    """The provider is not one of the supported kinds."""

    default_message = "The identity provider is not supported."


class UnsupportedOperationException(AwsError):
    """The app client does not allow the operation."""

    default_message = "The operation is not supported by the app client."


class UnsupportedTokenTypeException(AwsError):
    """The token is of the wrong kind."""

    default_message = "Unsupported token type."


class UnsupportedUserStateException(AwsError):
    """The user's status forbids the operation."""

    default_message = "Resend not possible. The user is not in a state that allows it."


class UserImportInProgressException(AwsError):
    """An import runs in the pool."""

    default_message = "A user import is in progress."


class UserLambdaValidationException(AwsError):
    """A trigger refused."""

    default_message = "The trigger refused the request."


class UserNotConfirmedException(AwsError):
    """The user has not confirmed the sign-up."""

    default_message = "User is not confirmed."


class UserNotFoundException(AwsError):
    """The pool has no such user."""

    default_message = "User does not exist."


class UserPoolAddOnNotEnabledException(AwsError):
    """Threat protection is off."""

    default_message = "User pool add-ons are not enabled."


class UserPoolTaggingException(AwsError):
    """A tag cannot be set."""

    default_message = "The user pool's tags cannot be set."


class UsernameExistsException(AwsError):
    """The pool has a user of that name."""

    default_message = "User already exists"


class WebAuthnChallengeNotFoundException(AwsError):
    """The registration was not started, or is over."""

    default_message = "The challenge is unknown or has expired."


class WebAuthnClientMismatchException(AwsError):
    """Another client started the registration."""

    default_message = "The access token is for another client than the one that started."


class WebAuthnConfigurationMissingException(AwsError):
    """The pool has no relying party."""

    default_message = "The user pool has neither a relying party ID nor a domain."


class WebAuthnCredentialNotSupportedException(AwsError):
    """The authenticator's credential cannot be used."""

    default_message = "The credential is not supported."


class WebAuthnNotEnabledException(AwsError):
    """The pool does not offer passkeys."""

    default_message = "Passkeys are not enabled for the user pool."


class WebAuthnOriginNotAllowedException(AwsError):
    """The page's origin is not the relying party's."""

    default_message = "The origin is not allowed for the relying party ID."


class WebAuthnRelyingPartyMismatchException(AwsError):
    """The credential is for another relying party."""

    default_message = "The credential is for another relying party ID."
