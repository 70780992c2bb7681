"""Signing in to the console: passwords of operators, with the lockout that pool users have."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from userpools.models import Operator
from userpools.models.lockout import take_password_attempt, take_unknown_name_attempt

# Keeps the console's unknown names apart from those of any pool, whose ids have an underscore.
CONSOLE = "console"


class OperatorBackend(ModelBackend):
    """Django's backend; each attempt is counted before the password is compared."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Operator | None:
        """Return the operator, or None for a wrong password, a locked or an inactive account."""
        if not username or not password or "\x00" in username:
            return None
        operator = Operator.objects.filter(username=username).first()
        taken = (
            take_password_attempt(operator)
            if operator is not None
            else take_unknown_name_attempt(CONSOLE, username)
        )
        if not taken:
            return None
        # Hashes a password for unknown names too, so that they take as long.
        found = super().authenticate(request, username=username, password=password, **kwargs)
        if not isinstance(found, Operator):
            return None
        Operator.objects.filter(pk=found.pk).update(failed_passwords=0, password_tried_at=None)
        return found
