"""Whom an operation is about: the one place where reads and writes of one user are counted.

Source: developer guide, "Quotas in Amazon Cognito": reads and writes per second and user profile.
Sign-in is not among them: it has the lockout.
"""

from userpools import limits
from userpools.auth import second_factor
from userpools.auth.attempt import Attempt
from userpools.awsjson.service import Call, cognito_idp
from userpools.models import PoolUser, UserPool
from userpools.services.lookup import find_user
from userpools.tokens.verify import AccessContext, verify_access_token


def signed_in(call: Call, access_token: str) -> AccessContext:
    """Return whom the caller's access token speaks for, and count the call for that user."""
    context = verify_access_token(access_token)
    _count(call, context.user)
    return context


def named(call: Call, pool: UserPool, username: str) -> PoolUser:
    """Return the pool's user that an administrator names, and count the call for that user."""
    user = find_user(pool, username)
    _count(call, user)
    return user


def setting_up(call: Call, session: str) -> Attempt:
    """Return the sign-in whose step is to set a second factor up, and count the call for its user.

    Raises NotAuthorizedException for any other Session.
    """
    attempt = second_factor.setting_up(session, call)
    _count(call, attempt.known_user)
    return attempt


def _count(call: Call, user: PoolUser) -> None:
    """Refuse the call beyond the user's reads or writes a second; its category says which."""
    operation = cognito_idp.operations[call.operation]
    if not limits.is_within(limits.GUARD_OF[operation.category], limits.subject_of(user)):
        raise operation.throttled
