"""Identities of the developer's own users: the developer's server vouches for them."""

from collections.abc import Mapping

from identitypools import identities, providers, roles, tokens
from identitypools.identities import Claimed
from identitypools.logins import NOT_SUPPORTED, verified
from identitypools.models import (
    Identity,
    IdentityPool,
    Login,
    login_with_identity,
    no_such_identity,
)
from identitypools.tokens import Proof
from userpools.awsjson.service import Call, cognito_identity
from userpools.awsjson.throttling import Category
from userpools.errors import (
    DeveloperUserAlreadyRegisteredException,
    InvalidParameterException,
    NotAuthorizedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from userpools.models.retry import in_transaction
from userpools.paging import paginate
from userpools.shapes import Shape

operation = cognito_identity.operation

LONGEST_USER = 1024


@operation("GetOpenIdTokenForDeveloperIdentity", category=Category.IDENTITY)
def get_open_id_token_for_developer_identity(
    call: Call,
    *,
    identity_pool_id: str,
    logins: dict[str, str],
    identity_id: str = "",
    principal_tags: dict[str, str] | None = None,
    token_duration: int = tokens.DEVELOPER_LIFETIME_SECONDS,
) -> Shape:
    """Return a token for a user whom the caller vouches for; public providers' tokens are proven.

    Makes the identity, or links the user to the one named.
    """
    pool = IdentityPool.objects.for_call(call, identity_pool_id)
    user, others = _split(pool, logins)
    tags = dict(principal_tags or {})
    roles.check_tags(tags)
    own = Claimed(pool.developer_provider, user, is_developers=True)
    proven = verified(pool, others)
    if identity_id:
        _check_free(pool, own, identity_id)
    claimed = [own, *map(Claimed.of, proven)]
    identity = identities.join(pool.pk, claimed, identity_id=identity_id, is_trusted=True)
    identities.touch(identity)
    amr = (*tokens.developer_amr(pool, user), *tokens.amr_of(proven)[1:])
    token = tokens.issue(pool, identity, Proof(amr, tags), seconds=token_duration)
    return {"IdentityId": identity.pk, "Token": token}


def _split(pool: IdentityPool, logins: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the developer's user, and the logins of public providers beside it."""
    name = pool.developer_provider
    if not name:
        raise NotAuthorizedException(NOT_SUPPORTED)
    others = dict(logins)
    user = others.pop(name, "")
    if not 0 < len(user) <= LONGEST_USER or "\x00" in user:
        raise InvalidParameterException(
            f"Logins must have a user of {name} with 1 to {LONGEST_USER} characters."
        )
    return user, others


def _check_free(pool: IdentityPool, own: Claimed, identity_id: str) -> None:
    """Refuse to take a developer's user from an identity other than the named one."""
    row = login_with_identity.first(pool.pk, own.key)
    if row is None or row.identity_id == identity_id:
        return
    named = Identity.objects.filter(pk=identity_id, pool_id=pool.pk).first()
    if named is None or named.merged_into_id != row.identity_id:
        raise DeveloperUserAlreadyRegisteredException


@operation("LookupDeveloperIdentity", category=Category.IDENTITY)
def lookup_developer_identity(
    call: Call,
    *,
    identity_pool_id: str,
    identity_id: str = "",
    developer_user_identifier: str = "",
    max_results: int = 60,
    next_token: str = "",
) -> Shape:
    """Find the identity of a developer's user, or the developer's users of an identity."""
    pool = IdentityPool.objects.for_call(call, identity_pool_id)
    if not identity_id and not developer_user_identifier:
        raise InvalidParameterException("Give IdentityId or DeveloperUserIdentifier.")
    if developer_user_identifier:
        row = _login(pool, pool.developer_provider, developer_user_identifier)
        if identity_id and row.identity_id != identity_id:
            raise ResourceConflictException(
                "The identity and the developer user identifier do not belong together."
            )
        return {
            "IdentityId": row.identity_id,
            "DeveloperUserIdentifierList": [row.subject],
        }
    page = paginate(
        Login.objects.filter(
            pool=pool, identity_id=_in_pool(pool, identity_id).pk, slot__isnull=True
        ).order_by("id"),
        limit=max_results,
        token=next_token,
        scope=f"LookupDeveloperIdentity:{pool.pk}:{identity_id}",
    )
    return {
        "IdentityId": identity_id,
        "DeveloperUserIdentifierList": [row.subject for row in page],
        **page.next_token(),
    }


def _login(pool: IdentityPool, provider: str, user: str) -> Login:
    """Return the row of a developer's user; ResourceNotFoundException if there is none."""
    row = None
    if provider and provider == pool.developer_provider and "\x00" not in user:
        row = login_with_identity.first(pool.pk, Claimed(provider, user, is_developers=True).key)
    if row is None or not row.is_developers:
        raise ResourceNotFoundException("Developer user identifier not found.")
    return row


def _in_pool(pool: IdentityPool, identity_id: str) -> Identity:
    identity = identities.find(identity_id)
    if identity.pool_id != pool.pk:
        raise no_such_identity(identity_id)
    return identity


@operation("MergeDeveloperIdentities", category=Category.IDENTITY)
def merge_developer_identities(
    call: Call,
    *,
    source_user_identifier: str,
    destination_user_identifier: str,
    developer_provider_name: str,
    identity_pool_id: str,
) -> Shape:
    """Make two users of the developer one identity, the destination's."""
    pool = IdentityPool.objects.for_call(call, identity_pool_id)
    return {
        "IdentityId": _merge(
            pool, developer_provider_name, source_user_identifier, destination_user_identifier
        )
    }


@in_transaction
def _merge(pool: IdentityPool, provider: str, source: str, destination: str) -> str:
    IdentityPool.objects.locked(pool.pk)
    kept, other = _login(pool, provider, destination), _login(pool, provider, source)
    if kept.identity_id != other.identity_id:
        identities.merge(other.identity, kept.identity)
    return kept.identity_id


@operation("UnlinkDeveloperIdentity", category=Category.IDENTITY)
def unlink_developer_identity(
    call: Call,
    *,
    identity_id: str,
    identity_pool_id: str,
    developer_provider_name: str,
    developer_user_identifier: str,
) -> Shape:
    """Take a developer's user from an identity; one without a login left is out of reach."""
    pool = IdentityPool.objects.for_call(call, identity_pool_id)
    _in_pool(pool, identity_id)
    row = _login(pool, developer_provider_name, developer_user_identifier)
    if row.identity_id != identity_id:
        raise ResourceConflictException(
            "The identity and the developer user identifier do not belong together."
        )
    identities.unlink(identity_id, [row])
    return {}


@operation("UnlinkIdentity", category=Category.IDENTITY)
def unlink_identity(
    call: Call, *, identity_id: str, logins: dict[str, str], logins_to_remove: list[str]
) -> Shape:
    """Take logins of public providers from an identity that the caller's tokens prove to be theirs.

    Nothing is linked or merged on the way.
    """
    pool = identities.pool_of(identity_id)
    proven = verified(pool, logins)
    rows = list(Login.objects.filter(identity_id=identity_id, pool=pool))
    claimed = {Claimed.of(login).key for login in proven}
    if not claimed & {row.key for row in rows}:
        raise NotAuthorizedException(identities.NO_MATCH)
    names = {providers.plain(name) for name in logins_to_remove}
    identities.unlink(
        identity_id, [row for row in rows if row.provider in names and not row.is_developers]
    )
    return {}
