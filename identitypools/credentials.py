"""Credentials for an identity: who is it, which role, which vendor.

The API and the console's tester go the same way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from identitypools import identities, logins, providers, roles, tokens
from identitypools.identities import Claimed
from identitypools.models import Identity, IdentityPool, Vendor, login_with_identity
from identitypools.roles import Choice
from identitypools.tokens import Proof
from identitypools.vendors.base import GUEST_POLICY, Credentials, CredentialVendor, RoleRequest
from identitypools.vendors.local import LocalVendor, TooLarge
from identitypools.vendors.sts import StsVendor
from userpools.conf import settings
from userpools.errors import InvalidParameterException, NotAuthorizedException
from userpools.ports import VerifiedLogin

VENDORS: Final[Mapping[str, CredentialVendor]] = {
    Vendor.LOCAL: LocalVendor(),
    Vendor.STS: StsVendor(),
}


@dataclass(frozen=True, slots=True)
class Known:
    """An identity that a call was found to speak for, and by what."""

    pool: IdentityPool
    identity: Identity
    logins: tuple[VerifiedLogin, ...]
    proof: Proof


def known(identity_id: str, given: Mapping[str, str], *, may_be_own: bool = False) -> Known:
    """Find out whether a call's Logins speak for the identity; link and merge as they want.

    `may_be_own` lets a token of the identity pool itself stand for a developer's login.
    """
    pool = identities.pool_of(identity_id)
    if may_be_own and providers.OWN_LOGIN in given:
        return _by_own_token(pool, identity_id, given)
    proven = logins.verified(pool, given)
    identity = identities.for_named(pool, identity_id, proven)
    proof = Proof(tokens.amr_of(proven), roles.principal_tags(pool, proven))
    return Known(pool, identity, tuple(proven), proof)


def _by_own_token(pool: IdentityPool, identity_id: str, given: Mapping[str, str]) -> Known:
    """Take a token that GetOpenIdTokenForDeveloperIdentity made, while its login is linked."""
    if len(given) != 1:
        raise InvalidParameterException(f"{providers.OWN_LOGIN} goes with no other login.")
    issued_by, subject, proof = tokens.verify(given[providers.OWN_LOGIN])
    name = pool.developer_provider
    if issued_by.pk != pool.pk or subject != identity_id or not name:
        raise NotAuthorizedException(identities.NO_MATCH)
    prefix = f"{name}:{pool.pk}:"
    users = [entry.removeprefix(prefix) for entry in proof.amr if entry.startswith(prefix)]
    if len(users) != 1:
        raise NotAuthorizedException(f"{tokens.INVALID} Not a developer's token.")
    row = login_with_identity.first(pool.pk, Claimed(name, users[0], is_developers=True).key)
    if row is None or row.identity_id != identity_id or not row.is_developers:
        raise NotAuthorizedException(identities.NO_MATCH)
    return Known(pool, row.identity, (), proof)


def choose(who: Known, custom: str = "") -> Choice:
    """Choose the role of whoever it is."""
    is_guest = tokens.UNAUTHENTICATED in who.proof.amr
    return roles.choose(who.pool, who.logins, is_guest=is_guest, custom=custom)


def vend(who: Known, role_arn: str) -> Credentials:
    """Have the pool's vendor make keys; a guest's are limited whatever the role says."""
    is_guest = tokens.UNAUTHENTICATED in who.proof.amr
    request = RoleRequest(
        pool=who.pool,
        identity=who.identity,
        role_arn=role_arn,
        proof=who.proof,
        policy=GUEST_POLICY if is_guest else None,
    )
    vendor = VENDORS[who.pool.vendor or settings.CREDENTIAL_VENDOR]
    try:
        return vendor.vend(request)
    except TooLarge as exc:
        raise NotAuthorizedException(
            "The principal tags are larger than a session may have."
        ) from exc
