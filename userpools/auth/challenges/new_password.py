"""NEW_PASSWORD_REQUIRED: a temporary password is replaced before anything else."""

import json
from typing import Final

from userpools.auth import passwords
from userpools.auth.attempt import (
    Attempt,
    Parameters,
    Responses,
    password_mark,
    required,
)
from userpools.auth.challenges.base import Challenge
from userpools.auth.sealed import INVALID, spend
from userpools.auth.second_factor import password_was_proved
from userpools.errors import InvalidParameterException, NotAuthorizedException
from userpools.models import PoolUser, UserStatus
from userpools.models.retry import in_transaction
from userpools.services import contacts, users
from userpools.services.attributes import Attributes, Writer, check_writes, missing_required
from userpools.services.lookup import locked
from userpools.services.users import PasswordRecord

PREFIX: Final = "userAttributes."


class NewPasswordRequired(Challenge):
    """For users with a temporary password; sets the new one and attributes still missing."""

    name = "NEW_PASSWORD_REQUIRED"
    spends_itself = True

    def applies(self, attempt: Attempt) -> bool:
        """Apply while the user's status says so, once the temporary password was proved."""
        return (
            password_was_proved(attempt)
            and attempt.known_user.status == UserStatus.FORCE_CHANGE_PASSWORD
        )

    def issue(self, attempt: Attempt) -> Parameters:
        """Name the missing required attributes, and show those that the client may read."""
        user, readable = attempt.known_user, attempt.client.readable_attributes
        missing = missing_required(attempt.pool, user.attributes)
        shown = {name: value for name, value in user.attributes.items() if name in readable}
        return {
            "USER_ID_FOR_SRP": user.username,
            "requiredAttributes": json.dumps([PREFIX + name for name in missing]),
            "userAttributes": json.dumps(shown),
        }

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Check password and attributes, then write both in one transaction."""
        password = required(responses, "NEW_PASSWORD")
        user = attempt.known_user
        given = {
            key.removeprefix(PREFIX): value
            for key, value in responses.items()
            if key.startswith(PREFIX)
        }
        passwords.check_policy(attempt.pool, password)
        self._check_attributes(attempt, given)
        passwords.check_history(attempt.pool, user, password)
        record = passwords.derive(
            attempt.pool, username=user.username, sub=user.sub, password=password
        )
        self._renew(attempt, self._store(attempt, record, given))

    @in_transaction
    def _store(self, attempt: Attempt, record: PasswordRecord, given: Attributes) -> PoolUser:
        # First, so that a session that was used before changes nothing.
        spend(attempt, self.name)
        row = locked(attempt.known_user)
        if not self._is_unchanged(attempt, row):
            raise NotAuthorizedException(INVALID)
        missing = set(missing_required(attempt.pool, row.attributes))
        passwords.store(row, record, status=UserStatus.CONFIRMED)
        # What the user has to have is there at once; any other change is a change like those of
        # UpdateUserAttributes, verified first where the pool wants that.
        demanded = {name: value for name, value in given.items() if name in missing}
        others = {name: value for name, value in given.items() if name not in missing}
        if demanded:
            users.write_locked(row, demanded)
        if others:
            contacts.write(row, others, writer=Writer.CLIENT)
        return row

    @staticmethod
    def _is_unchanged(attempt: Attempt, row: PoolUser) -> bool:
        return (
            row.status == UserStatus.FORCE_CHANGE_PASSWORD
            and row.epoch == attempt.epoch
            and password_mark(row) == attempt.password_mark
        )

    @staticmethod
    def _renew(attempt: Attempt, row: PoolUser) -> None:
        row.refresh_from_db()
        row.pool = attempt.pool
        attempt.user = row
        attempt.password_mark = password_mark(row)
        attempt.new_password_set = True

    @staticmethod
    def _check_attributes(attempt: Attempt, given: Attributes) -> None:
        user = attempt.known_user
        for name in given:
            definition = attempt.pool.schema_by_name.get(name, {})
            if definition.get("Required") and user.attributes.get(name):
                raise NotAuthorizedException(f"Cannot modify an already provided {name}")
        missing = set(missing_required(attempt.pool, user.attributes))
        # An immutable attribute may be written as long as the user has none.
        for names, creating in ((given.keys() & missing, True), (given.keys() - missing, False)):
            check_writes(
                attempt.pool,
                {name: given[name] for name in names},
                writer=Writer.CLIENT,
                client=attempt.client,
                creating=creating,
            )
        for name in missing_required(attempt.pool, {**user.attributes, **given}):
            raise InvalidParameterException(f"Invalid attributes given, {name} is missing")
