"""What a user's page shows: attributes, sign-in state, groups, messages, sessions and events."""

from datetime import datetime

from django.utils import timezone
from django.utils.safestring import SafeString

from userpools.admin import markup
from userpools.admin.auth_events import outcome_badge
from userpools.admin.markup import Card, Fact
from userpools.admin.messages import state_badge
from userpools.models import (
    AuthEvent,
    PasswordStorage,
    PoolUser,
    SignInSession,
    lockout,
)
from userpools.services.attributes import VERIFIED_FLAGS

SHOWN = 10
SHOWN_GROUPS = 100


def attributes_card(user: PoolUser) -> Card:
    attributes = sorted(user.attributes.items())
    flags = {flag: contact for contact, flag in VERIFIED_FLAGS.items()}
    return Card(
        "Attributes",
        facts=[
            Fact(name, _attribute(user, name, value))
            for name, value in attributes
            if name not in flags
        ],
        empty="No attribute is set.",
    )


def _attribute(user: PoolUser, name: str, value: str) -> SafeString:
    if name not in VERIFIED_FLAGS:
        return markup.copyable(value)
    verified = user.attributes.get(VERIFIED_FLAGS[name]) == "true"
    badge = markup.badge("Verified", "good") if verified else markup.badge("Not verified", "warn")
    return markup.joined(markup.copyable(value), badge)


def sign_in_card(user: PoolUser) -> Card:
    form = dict(PasswordStorage.choices).get(user.password_form)
    return Card(
        "Sign-in state",
        facts=[
            Fact("Password", form or markup.badge("None", "warn")),
            Fact("Set", markup.when(user.password_set_at)),
            _attempts("Wrong passwords", user.failed_passwords, user.password_tried_at),
            _attempts("Wrong codes", user.failed_codes, user.code_tried_at),
        ],
        note="After five wrong ones in a row the user is locked out for a second, then for "
        "twice as long "
        "each time, up to 15 minutes.",
    )


def _attempts(label: str, failures: int, tried_at: datetime | None) -> Fact:
    until = lockout.locked_until(failures, tried_at)
    if until is None:
        return Fact(label, str(failures))
    return Fact(
        label,
        markup.badge(f"Locked out after {failures}", "bad"),
        f"Until {timezone.localtime(until):%d %b %Y, %H:%M:%S}",
    )


def groups_card(user: PoolUser) -> Card:
    memberships = user.memberships.select_related("group").order_by("group__name")[:SHOWN_GROUPS]
    return Card(
        "Groups",
        headers=("Group", "Precedence", "Since"),
        rows=[
            (
                markup.link(each.group, each.group.name),
                markup.DASH if each.group.precedence is None else each.group.precedence,
                markup.when(each.created_at),
            )
            for each in memberships
        ],
        empty="In no group.",
    )


def messages_card(user: PoolUser) -> Card:
    sent = user.messages.defer("sealed").order_by("-created_at")[:SHOWN]
    return Card(
        "Messages",
        headers=("Time", "Kind", "To", "State"),
        rows=[
            (
                markup.link(each, markup.when(each.created_at)),
                each.kind,
                each.masked_to,
                state_badge(each),
            )
            for each in sent
        ],
        empty="No message was sent lately.",
    )


def sessions_card(user: PoolUser) -> Card:
    sessions = user.sessions.select_related("client").order_by("-created_at")[:SHOWN]
    return Card(
        "Sessions",
        headers=("Signed in", "App client", "State", "Ends"),
        rows=[
            (
                markup.when(each.auth_time),
                markup.link(each.client, each.client.name),
                _session_state(each, user),
                markup.when(each.expires_at),
            )
            for each in sessions
        ],
        empty="Not signed in anywhere.",
        wide=True,
    )


def _session_state(session: SignInSession, user: PoolUser) -> SafeString:
    if session.revoked_at is not None:
        return markup.badge("Revoked")
    if session.user_epoch != user.epoch:
        return markup.badge("Signed out")
    return (
        markup.badge("Alive", "good")
        if session.expires_at > timezone.now()
        else markup.badge("Expired")
    )


def events_card(user: PoolUser) -> Card:
    events = AuthEvent.objects.filter(pool_id=user.pool_id, user_sub=user.sub)[:SHOWN]
    return Card(
        "Recent sign-in events",
        headers=("Time", "Outcome", "Flow", "Reason", "Address"),
        rows=[
            (
                markup.link(each, markup.when(each.created_at, seconds=True)),
                outcome_badge(each),
                each.flow,
                each.reason or markup.DASH,
                markup.code(each.ip_address),
            )
            for each in events
        ],
        empty="No attempt to sign in was recorded yet.",
        more=("All", markup.list_of(AuthEvent, f"q={user.sub}")),
        wide=True,
    )
