"""People making their own account, and confirming it with a code."""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from userpools.auth import passwords
from userpools.errors import (
    CodeMismatchException,
    ExpiredCodeException,
    InvalidParameterException,
    NotAuthorizedException,
    UserNotFoundException,
)
from userpools.messaging import outbox
from userpools.messaging.outbox import CodeDelivery
from userpools.models import AppClient, CodePurpose, Medium, PoolUser, UserPool, UserStatus
from userpools.services import codes, users
from userpools.services.attributes import (
    VERIFIED_FLAGS,
    Attributes,
    Writer,
    check_required,
    check_writes,
)
from userpools.services.lookup import find_user_or_none, locked

MEDIUM = {"phone_number": Medium.SMS, "email": Medium.EMAIL}


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new account, and where its confirmation code went; None where the pool sends none."""

    user: PoolUser
    delivery: CodeDelivery | None


def sign_up(client: AppClient, *, username: str, password: str, attributes: Attributes) -> SignedUp:
    """Create an UNCONFIRMED user and post the code to the contact that the pool verifies.

    Raises NotAuthorizedException, InvalidParameterException, InvalidPasswordException,
    UsernameExistsException.
    """
    pool = client.pool
    if (pool.setting("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly"):
        raise NotAuthorizedException("SignUp is not permitted for this user pool")
    name = users.new_name(pool, username, attributes)
    check_writes(pool, attributes, writer=Writer.CLIENT, client=client, creating=True)
    if "preferred_username" in pool.alias_attributes and attributes.get("preferred_username"):
        raise InvalidParameterException(
            "preferred_username cannot be set at sign-up, since it is an alias of this user pool."
        )
    check_writes(pool, name.attributes, writer=Writer.ADMIN, creating=True)
    check_required(pool, name.attributes)
    if not password:
        raise InvalidParameterException("Password is required.")
    passwords.check_policy(pool, password)
    record = passwords.derive(pool, username=name.username, sub=name.sub, password=password)
    with transaction.atomic():
        user = users.create_user(pool, name, status=UserStatus.UNCONFIRMED, password=record)
        delivery = send_code(user)
    return SignedUp(user, delivery)


def confirmation_contact(pool: UserPool, user: PoolUser) -> str | None:
    """Return the attribute that the code goes to: of those auto-verified, the phone first."""
    for name in ("phone_number", "email"):
        if name in pool.auto_verified_attributes and user.attributes.get(name):
            return name
    return None


def send_code(user: PoolUser) -> CodeDelivery | None:
    """Post a code in the caller's transaction; None where the pool verifies nothing."""
    attribute = confirmation_contact(user.pool, user)
    if attribute is None:
        return None
    destination = user.attributes[attribute]
    code = codes.issue(user, CodePurpose.SIGN_UP, destination=destination)
    return outbox.post(
        pool=user.pool,
        user=user,
        medium=MEDIUM[attribute],
        kind="sign_up",
        destination=destination,
        code=code,
        attribute_name=attribute,
    )


def confirm_sign_up(client: AppClient, *, username: str, digits: str, force_alias: bool) -> None:
    """Confirm an account with its code; the contact that got the code becomes verified.

    Raises ExpiredCodeException, CodeMismatchException, TooManyFailedAttemptsException,
    NotAuthorizedException when already confirmed, AliasExistsException.
    """
    user = find_user_or_none(client.pool, username)
    if user is None:
        raise _unknown(client)
    if user.status != UserStatus.UNCONFIRMED:
        raise NotAuthorizedException(f"User cannot be confirmed. Current status is {user.status}")
    code = codes.check(user, CodePurpose.SIGN_UP, digits)
    with transaction.atomic():
        row = locked(user)
        attribute = next(
            (name for name in MEDIUM if row.attributes.get(name) == code.destination), None
        )
        if attribute is None:
            # The contact changed after the code was sent.
            raise ExpiredCodeException(codes.EXPIRED)
        codes.consume(code)
        changed = PoolUser.objects.filter(pk=row.pk, status=UserStatus.UNCONFIRMED).update(
            status=UserStatus.CONFIRMED, modified_at=timezone.now()
        )
        if not changed:
            raise NotAuthorizedException(
                f"User cannot be confirmed. Current status is {row.status}"
            )
        users.write_attributes(row, {VERIFIED_FLAGS[attribute]: "true"}, force_alias=force_alias)


def _unknown(client: AppClient) -> Exception:
    if client.hides_unknown_users:
        return CodeMismatchException(codes.MISMATCH)
    return UserNotFoundException("User does not exist.")
