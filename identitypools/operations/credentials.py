"""What an app calls: an id, and then credentials or a token for it."""

from identitypools import credentials, identities, tokens
from identitypools.logins import verified
from identitypools.models import IdentityPool
from userpools.awsjson.service import Call, cognito_identity
from userpools.awsjson.throttling import Category
from userpools.errors import InvalidParameterException
from userpools.shapes import Shape

operation = cognito_identity.operation

NO_CLASSIC = "Basic (classic) flow is not enabled, please use enhanced flow."
NO_CLASSIC_MAPPED = (
    "Basic (classic) flow is not supported with RoleMappings, please use enhanced flow."
)


@operation("GetId", category=Category.IDENTITY)
def get_id(
    call: Call,
    *,
    identity_pool_id: str,
    account_id: str = "",
    logins: dict[str, str] | None = None,
) -> Shape:
    """Return the identity of the logins, or a new guest's."""
    pool = IdentityPool.objects.for_call(call, identity_pool_id)
    proven = verified(pool, logins or {})
    identity = identities.for_logins(pool, proven) if proven else identities.for_guest(pool)
    identities.touch(identity)
    return {"IdentityId": identity.pk}


@operation("GetCredentialsForIdentity", category=Category.IDENTITY)
def get_credentials_for_identity(
    call: Call,
    *,
    identity_id: str,
    logins: dict[str, str] | None = None,
    custom_role_arn: str = "",
) -> Shape:
    """Return credentials of the role that pool and token choose (the enhanced flow)."""
    who = credentials.known(identity_id, logins or {}, may_be_own=True)
    choice = credentials.choose(who, custom_role_arn)
    made = credentials.vend(who, choice.role_arn)
    identities.touch(who.identity)
    return {
        "IdentityId": who.identity.pk,
        "Credentials": {
            "AccessKeyId": made.access_key_id,
            "SecretKey": made.secret_access_key,
            "SessionToken": made.session_token,
            "Expiration": made.expires_at,
        },
    }


@operation("GetOpenIdToken", category=Category.IDENTITY)
def get_open_id_token(
    call: Call, *, identity_id: str, logins: dict[str, str] | None = None
) -> Shape:
    """Return a token for STS, where the app chooses the role (the basic flow)."""
    pool = identities.pool_of(identity_id)
    if not pool.allow_classic:
        raise InvalidParameterException(NO_CLASSIC)
    if pool.role_mappings:
        raise InvalidParameterException(NO_CLASSIC_MAPPED)
    who = credentials.known(identity_id, logins or {})
    identities.touch(who.identity)
    return {
        "IdentityId": who.identity.pk,
        "Token": tokens.issue(pool, who.identity, who.proof),
    }
