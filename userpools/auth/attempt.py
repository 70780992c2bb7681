"""One sign-in under way: what it knows, and the two ways a step can end."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from userpools.audit import SignInAttempt
from userpools.awsjson.service import Call
from userpools.models import AppClient, PoolUser, UserPool
from userpools.tokens.mint import TokenSet

Parameters = dict[str, str]
Responses = dict[str, str]


@dataclass(slots=True)
class Attempt:
    """A sign-in between its first call and its tokens.

    `user` is None for a name that nobody has, where the client hides that; such an attempt looks
    like any other and never succeeds. `passed` lists the answered steps; `epoch` is the user's at
    the start. `id` becomes the id of the sign-in session.
    """

    pool: UserPool
    client: AppClient
    call: Call
    flow: str
    typed_name: str
    user: PoolUser | None
    epoch: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    event_id: uuid.UUID = field(default_factory=uuid.uuid4)
    passed: list[str] = field(default_factory=list)
    pending: str = ""
    expires_at: datetime | None = None
    inputs: Parameters = field(default_factory=dict)
    client_metadata: dict[str, str] = field(default_factory=dict)
    new_password_set: bool = False

    @property
    def known_user(self) -> PoolUser:
        """The user; an attempt for an unknown name never gets where this is asked."""
        assert self.user is not None  # noqa: S101 - a programming error otherwise
        return self.user

    @property
    def name_shown(self) -> str:
        """The canonical username, or what was typed where there is no user."""
        return self.user.username if self.user else self.typed_name

    def facts(self) -> SignInAttempt:
        """What a sign-in event says of this attempt."""
        return SignInAttempt(
            pool_id=self.pool.pk,
            client_id=self.client.client_id,
            username=self.name_shown,
            user_sub=self.user.sub if self.user else None,
            flow=self.flow,
            call=self.call,
        )


@dataclass(frozen=True, slots=True)
class Issued:
    """The next step: a challenge. `session` is absent where the challenge carries its own state."""

    name: str
    parameters: Parameters
    session: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The end: tokens."""

    tokens: TokenSet
