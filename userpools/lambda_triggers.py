"""The customer's functions, as this app calls them: one question first, and one way to run them.

A pool without the function in question costs nothing. Functions run outside of transactions.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from userpools.conf import settings
from userpools.models import AppClient, PoolUser, UserPool

Response = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """What functions are told of the call that runs them; operations by username have no client."""

    client: AppClient | None = None
    user_agent: str = field(default="", repr=False)
    client_metadata: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def metadata(self) -> dict[str, str] | None:
        """ClientMetadata as events show it: null where the caller gave none."""
        return dict(self.client_metadata) if self.client_metadata else None


NOBODY = Origin()


def configured(pool: UserPool, trigger: str) -> bool:
    """Say whether the pool has a function for this member of LambdaConfig."""
    return bool(pool.lambda_config) and bool(settings.TRIGGER_INVOKER().configured(pool, trigger))


def run(
    source: str,
    *,
    pool: UserPool,
    origin: Origin,
    username: str,
    request: Response,
    response: Response | None = None,
) -> Response:
    """Run the function of a trigger source and return its response.

    Raises UserLambdaValidationException, UnexpectedLambdaException, InvalidLambdaResponseException.
    """
    answer: Response = settings.TRIGGER_INVOKER().invoke(
        source,
        pool=pool,
        client=origin.client,
        username=username,
        request=request,
        response=response or {},
        user_agent=origin.user_agent,
    )
    return answer


def user_attributes(user: PoolUser) -> dict[str, str]:
    """Return all of a user's attributes as events show them: every value a text."""
    return attributes_of(user.sub, user.status, user.attributes)


def attributes_of(sub: uuid.UUID, status: str, attributes: Mapping[str, str]) -> dict[str, str]:
    """Return what `user_attributes` does, for a user that is not made yet."""
    return {"sub": str(sub), "cognito:user_status": str(status), **attributes}
