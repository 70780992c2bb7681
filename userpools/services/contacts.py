"""E-mail addresses and phone numbers that change, and the codes that prove them."""

from collections.abc import Mapping

from userpools import lambda_triggers
from userpools.awsjson.errors import TooManyRequestsException
from userpools.errors import (
    ExpiredCodeException,
    InvalidParameterException,
    LimitExceededException,
)
from userpools.lambda_triggers import Origin
from userpools.limits import Guard, subject_of, take_guard
from userpools.messaging import outbox, wording
from userpools.messaging.compose import Kind
from userpools.messaging.outbox import DEFAULT_ATTRIBUTE, CodeDelivery
from userpools.messaging.wording import Wording
from userpools.models import CodePurpose, PoolUser, VerificationCode
from userpools.models.retry import in_transaction
from userpools.services import codes, users
from userpools.services.attributes import VERIFIED_FLAGS, Attributes, Writer
from userpools.services.lookup import locked

# How each contact is written to.
MEDIUM = {contact: medium for medium, contact in DEFAULT_ATTRIBUTE.items()}
# Source of the texts: answers of the live service to GetUserAttributeVerificationCode.
NOT_A_CONTACT = "Invalid attribute name. Only phone_number and email can be verified."
NO_CONTACT = {
    "email": "User does not have a valid registered email address",
    "phone_number": "User does not have a valid registered phone number",
}


def words_for(user: PoolUser, changes: Attributes, origin: Origin) -> dict[str, Wording]:
    """Have the messages worded that writing these changes will post, by contact.

    Call it before the transaction that writes. Raises what the function does.
    """
    waiting = _waiting(user, changes)
    return {
        contact: _words(user, contact, changes[contact], Kind.UPDATE_ATTRIBUTE, origin)
        for contact in {*waiting, *_unproved(user, changes)}
    }


def _words(user: PoolUser, contact: str, value: str, kind: Kind, origin: Origin) -> Wording:
    return wording.ask(
        user.pool,
        kind,
        [MEDIUM[contact]],
        username=user.username,
        attributes={**lambda_triggers.user_attributes(user), contact: value},
        origin=origin,
    )


@in_transaction
def write(
    user: PoolUser,
    changes: Attributes,
    *,
    writer: Writer,
    words: Mapping[str, Wording] | None = None,
) -> list[CodeDelivery]:
    """Write checked attribute changes, and post a code to each contact that must be proved.

    A contact that the pool wants verified before update is not written: its code keeps it. Raises
    AliasExistsException, UserNotFoundException. Source: API reference, UpdateUserAttributes and
    AdminUpdateUserAttributes, "UserAttributes".
    """
    row = locked(user)
    waiting = _waiting(row, changes)
    stated = [contact for contact in _requiring(row) if contact in changes]
    codes.withdraw(row, [contact for contact in stated if contact not in waiting])
    # A flag set along belongs to the value that waits.
    held = {*waiting, *(VERIFIED_FLAGS[contact] for contact in waiting)}
    at_once = {name: value for name, value in changes.items() if name not in held}
    unproved = _unproved(row, at_once)
    if writer is Writer.CLIENT and (waiting or unproved):
        _count_codes(row)
    if at_once:
        # What an administrator states verified is the user's. Source: boto3 issue 3213, where the
        # live service moves the alias silently.
        users.write_locked(row, at_once, force_alias=writer is Writer.ADMIN)
    return [
        _send(
            row,
            contact,
            changes[contact],
            Kind.UPDATE_ATTRIBUTE,
            is_pending=contact in waiting,
            words=(words or {}).get(contact, wording.PLAIN),
        )
        for contact in (*waiting, *unproved)
    ]


def _count_codes(row: PoolUser) -> None:
    """Bound how many messages to strangers somebody's changes of address may send.

    Inferred: the documentation limits the codes that are asked for alone. UpdateUserAttributes
    lists no error for a limit of a user, so that it answers as for a rate.
    """
    try:
        take_guard(Guard.UPDATE_USER_ATTRIBUTES_CODE, subject_of(row))
    except LimitExceededException as exc:
        raise TooManyRequestsException(exc.message) from exc


def _changed(row: PoolUser, changes: Attributes) -> list[str]:
    """Return the contacts that get another value, and whose flag is not set true along."""
    return [
        contact
        for contact, flag in VERIFIED_FLAGS.items()
        if changes.get(contact)
        and changes[contact] != row.attributes.get(contact)
        and changes.get(flag, "").lower() != "true"
    ]


def _requiring(row: PoolUser) -> list[str]:
    """Return the contacts whose new values wait until they are verified."""
    settings = row.pool.setting("UserAttributeUpdateSettings") or {}
    return list(settings.get("AttributesRequireVerificationBeforeUpdate") or [])


def _waiting(row: PoolUser, changes: Attributes) -> list[str]:
    requiring = _requiring(row)
    return [contact for contact in _changed(row, changes) if contact in requiring]


def _unproved(row: PoolUser, changes: Attributes) -> list[str]:
    verified = row.pool.auto_verified_attributes
    return [contact for contact in _changed(row, changes) if contact in verified]


def _send(
    row: PoolUser,
    contact: str,
    destination: str,
    kind: Kind,
    *,
    is_pending: bool,
    words: Wording,
) -> CodeDelivery:
    code = codes.issue(
        row,
        CodePurpose.VERIFY_ATTRIBUTE,
        destination=destination,
        attribute=contact,
        is_pending=is_pending,
    )
    return post_code(row, contact, destination, kind, code, words)


def post_code(
    row: PoolUser, contact: str, destination: str, kind: Kind, code: str, words: Wording
) -> CodeDelivery:
    """Post a code for a contact of a user's, in the caller's transaction."""
    return outbox.post(
        pool=row.pool,
        user=row,
        medium=MEDIUM[contact],
        kind=kind,
        destination=destination,
        code=code,
        attribute_name=contact,
        words=words,
    )


def request_code(user: PoolUser, attribute: str, *, origin: Origin) -> CodeDelivery:
    """Post a new code for a contact: to the value that waits for one, else to the user's own.

    Inferred: a value waits as long as its code lives, and a new code renews it. Raises
    InvalidParameterException, LimitExceededException.
    """
    _check_name(attribute)
    take_guard(Guard.GET_USER_ATTRIBUTE_VERIFICATION_CODE, subject_of(user))
    words = Wording(origin)
    if lambda_triggers.configured(user.pool, "CustomMessage"):
        _, destination = _awaited(user, attribute)
        words = _words(user, attribute, destination, Kind.VERIFY_ATTRIBUTE, origin)
    return _request_code(user, attribute, words)


def _awaited(user: PoolUser, attribute: str) -> tuple[bool, str]:
    """Return whether a value waits for its code, and where the code goes."""
    waiting = codes.pending(user, attribute)
    destination = waiting.destination if waiting else user.attributes.get(attribute)
    if not destination:
        raise InvalidParameterException(NO_CONTACT[attribute])
    return waiting is not None, destination


@in_transaction
def _request_code(user: PoolUser, attribute: str, words: Wording) -> CodeDelivery:
    row = locked(user)
    waits, destination = _awaited(row, attribute)
    return _send(row, attribute, destination, Kind.VERIFY_ATTRIBUTE, is_pending=waits, words=words)


def _check_name(attribute: str) -> None:
    if attribute not in VERIFIED_FLAGS:
        raise InvalidParameterException(NOT_A_CONTACT)


def verify(user: PoolUser, attribute: str, digits: str) -> None:
    """Take a code for a contact: the value that it was sent to is the user's, and verified.

    In pools with aliases a value of somebody else's moves here, and is theirs unverified. Raises
    CodeMismatchException, ExpiredCodeException, LimitExceededException, AliasExistsException.
    """
    _check_name(attribute)
    code = codes.check(user, CodePurpose.VERIFY_ATTRIBUTE, digits, attribute=attribute)
    _settle(user, code)


@in_transaction
def _settle(user: PoolUser, code: VerificationCode) -> None:
    row = locked(user)
    codes.consume(code)
    contact, value = code.attribute, code.destination
    if not code.is_pending and row.attributes.get(contact) != value:
        raise ExpiredCodeException(codes.EXPIRED)
    users.write_locked(row, {contact: value, VERIFIED_FLAGS[contact]: "true"}, force_alias=True)
