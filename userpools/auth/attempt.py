"""One sign-in under way: what it knows, and the two ways a step can end."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from userpools.audit import SignInAttempt
from userpools.awsjson.service import Call
from userpools.errors import InvalidParameterException
from userpools.models import AppClient, Device, PoolUser, UserPool
from userpools.tokens.mint import TokenSet

Parameters = dict[str, str]
Responses = dict[str, str]
# Source: the service model, DeviceKeyType.
LONGEST_DEVICE_KEY = 55


@dataclass(frozen=True, slots=True)
class SrpState:
    """The server's side of SRP between its two steps: numbers, and SECRET_BLOCK's bytes."""

    client_public: int
    server_public: int
    private: int
    block: bytes


@dataclass(slots=True)
class CustomAuth:
    """What a CUSTOM_AUTH sign-in knows beyond its Session.

    `history` is what functions see as `session`, oldest first; `private` and `metadata` are of the
    challenge under way; `public_value` is SRP_A until the password is asked for. `named` is the
    step that DefineAuthChallenge has just asked for. `is_over` once it allowed tokens.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    private: dict[str, str] = field(default_factory=dict)
    metadata: str | None = None
    public_value: str = ""
    named: str = ""
    is_over: bool = False


@dataclass(slots=True)
class Attempt:
    """A sign-in between its first call and its tokens.

    `user` is None for a name that nobody has, where the client hides that; such an attempt looks
    like any other and never succeeds. `name_key` is the canonical key of what was typed. `passed`
    lists the answered steps; `epoch` and `password_mark` are the user's at the start: the attempt
    dies when either changes. `id` becomes the id of the sign-in session.
    """

    pool: UserPool
    client: AppClient
    call: Call
    flow: str
    name_key: str
    user: PoolUser | None
    epoch: int = 0
    password_mark: int = 0
    is_admin: bool = False
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    event_id: uuid.UUID = field(default_factory=uuid.uuid4)
    passed: list[str] = field(default_factory=list)
    pending: str = ""
    expires_at: datetime | None = None
    inputs: Parameters = field(default_factory=dict)
    # Of the first call and of the answer to a challenge: different triggers are given them.
    validation_data: dict[str, str] = field(default_factory=dict)
    client_metadata: dict[str, str] = field(default_factory=dict)
    srp: SrpState | None = None
    is_for_another: bool = False
    new_password_set: bool = False
    # The second factor that was chosen; the code of the authenticator app that is to be used up.
    factor: str = ""
    # Whether MFA_SETUP has a verified app to go on with.
    has_set_up: bool = False
    software_token_step: int | None = None
    # Of a CUSTOM_AUTH sign-in: the row of its pending step, and what is in there once it is taken.
    custom_step: uuid.UUID | None = None
    custom: CustomAuth | None = None
    # Choice-based sign-in: the first factors that are offered, and the one that was chosen.
    offered: tuple[str, ...] = ()
    first_factor: str = ""
    # What a passkey is to sign.
    passkey_challenge: bytes = b""
    # The key of the device that the sign-in comes from, and the device once it was read.
    device_key: str = ""
    device: Device | None = None

    @property
    def answerable(self) -> frozenset[str]:
        """The challenges that an answer may name: the pending one, or each that is offered."""
        offered = self.offered if self.pending == "SELECT_CHALLENGE" else ()
        return frozenset((self.pending, *offered))

    @property
    def hides_users(self) -> bool:
        """Whether whoever signs in must not learn from it who exists."""
        return self.client.hides_unknown_users and not self.is_admin

    @property
    def known_user(self) -> PoolUser:
        """The user; an attempt for an unknown name never gets where this is asked."""
        assert self.user is not None  # noqa: S101 - a programming error otherwise
        return self.user

    @property
    def name_shown(self) -> str:
        """The canonical username, or the key of what was typed where there is no user."""
        return self.user.username if self.user else self.name_key

    @property
    def named(self) -> str:
        """The step that the customer's function asks for now; empty outside of custom sign-ins."""
        return self.custom.named if self.custom else ""

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


def password_mark(user: PoolUser | None) -> int:
    """Return a number that changes whenever the user's password is set."""
    moment = user.password_set_at if user else None
    return int(moment.timestamp() * 1_000_000) if moment else 0


def device_key_in(values: Parameters) -> str:
    """Return the device key that is named; what is too long for one is cut, and still is."""
    return values.get("DEVICE_KEY", "")[: LONGEST_DEVICE_KEY + 1]


def required(values: Parameters, name: str) -> str:
    """Return a required parameter or response; an empty one counts as missing."""
    value = values.get(name)
    if not value:
        raise InvalidParameterException(f"Missing required parameter {name}")
    return value


@dataclass(frozen=True, slots=True)
class Issued:
    """The next step: a challenge."""

    name: str
    parameters: Parameters
    session: str
    # AvailableChallenges, in a choice-based sign-in.
    available: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The end: tokens, and the keys of a device that is new."""

    tokens: TokenSet
    new_device: Parameters | None = None
