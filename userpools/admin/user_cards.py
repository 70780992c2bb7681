"""What a user's page shows: attributes, sign-in state, groups, messages, sessions and events."""

from datetime import datetime

from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from userpools.admin import markup
from userpools.admin.auth_events import outcome_badge
from userpools.admin.markup import Card, Fact
from userpools.admin.messages import state_badge
from userpools.auth import first_factors
from userpools.limits import HOUR_SECONDS
from userpools.models import (
    AuthEvent,
    BrowserSession,
    Device,
    Message,
    MessageState,
    Passkey,
    PasswordStorage,
    PoolUser,
    SignInSession,
    lockout,
)
from userpools.services import relying_party, user_limits
from userpools.services.attributes import VERIFIED_FLAGS
from userpools.services.user_limits import UserLimit

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
        empty="No attribute is set. “Edit attributes” above sets them.",
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
            _first_factors(user),
            _factors(user),
            _attempts("Wrong passwords", user.failed_passwords, user.password_tried_at),
            _attempts("Wrong codes", user.failed_codes, user.code_tried_at),
        ],
        note="After five wrong ones in a row the user is locked out for a second, then for "
        "twice as long each time, up to 15 minutes.",
    )


def _first_factors(user: PoolUser) -> Fact:
    names = first_factors.available_to(user)
    return Fact(
        "First factors",
        markup.badges(names) if names else markup.badge("None", "warn"),
        "What choice-based sign-in (USER_AUTH) offers the user to begin with.",
    )


def _factors(user: PoolUser) -> Fact:
    if not user.mfa_methods:
        has_app = user.software_token_name is not None
        return Fact(
            "Second factors", "None", "An authenticator app is verified." if has_app else ""
        )
    preferred = user.mfa_preferred
    names = [*user.mfa_methods.split(), *(["WEB_AUTHN"] if user.passkey_mfa else [])]
    return Fact(
        "Second factors",
        markup.badges(names),
        f"{preferred} is preferred." if preferred else "None is preferred.",
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


def passkeys_card(user: PoolUser, *, may_change: bool) -> Card:
    current = relying_party.id_or_empty(user.pool)
    return Card(
        "Passkeys",
        headers=("Passkey", "For", "Registered", "Last used", ""),
        rows=[
            (
                each.friendly_name,
                _relying_party(each, current),
                markup.when(each.created_at),
                markup.when(each.last_used_at),
                markup.act_link(user, "delete-passkey", "Delete", passkey=each.credential_id)
                if may_change
                else "",
            )
            for each in Passkey.objects.of(user)
        ],
        empty="No passkey is registered. Users register their own, with StartWebAuthnRegistration.",
        wide=True,
    )


def _relying_party(passkey: Passkey, current: str) -> SafeString:
    shown = markup.code(passkey.relying_party_id)
    if passkey.relying_party_id == current:
        return shown
    return markup.joined(shown, markup.badge("Of no use: the pool's domain is another", "warn"))


def limits_card(user: PoolUser) -> Card:
    return Card(
        "Limits",
        headers=("Operation", "Used", "Allowed", "Begins anew"),
        rows=[
            (each.name, _used(each), f"{each.allowed} {_per(each)}", _end(each))
            for each in user_limits.limits_of(user)
        ],
        note="What one user may do, whoever asks; POOLHOUSE_QUOTAS sets it for all users.",
        wide=True,
    )


def _used(limit: UserLimit) -> SafeString | str:
    return markup.badge(f"{limit.used}", "bad") if limit.is_used_up else f"{limit.used}"


def _per(limit: UserLimit) -> str:
    return "an hour" if limit.seconds == HOUR_SECONDS else "a second"


def _end(limit: UserLimit) -> SafeString:
    return markup.when(limit.ends_at, seconds=True)


def groups_card(user: PoolUser, *, may_change: bool) -> Card:
    memberships = user.memberships.select_related("group").order_by("group__name")[:SHOWN_GROUPS]
    return Card(
        "Groups",
        headers=("Group", "Precedence", "Since", ""),
        rows=[
            (
                markup.link(each.group, each.group.name),
                markup.DASH if each.group.precedence is None else each.group.precedence,
                markup.when(each.created_at),
                markup.act_link(user, "leave", "Remove", group=each.group.name)
                if may_change
                else "",
            )
            for each in memberships
        ],
        empty="In no group. “Add to group” above puts the user into one.",
        wide=True,
    )


def messages_card(user: PoolUser, *, may_retry: bool) -> Card:
    sent = user.messages.defer("sealed").order_by("-created_at")[:SHOWN]
    return Card(
        "Messages",
        headers=("Time", "Kind", "To", "State", ""),
        rows=[
            (
                markup.link(each, markup.when(each.created_at)),
                markup.words(each.kind),
                each.masked_to,
                state_badge(each),
                markup.act_link(each, "retry", "Send again")
                if may_retry and each.state == MessageState.FAILED
                else "",
            )
            for each in sent
        ],
        empty="No message was sent lately.",
        more=("All", markup.list_of(Message, urlencode({"q": user.username}))),
        wide=True,
    )


def sessions_card(user: PoolUser, *, may_change: bool) -> Card:
    sessions = user.sessions.select_related("client").order_by("-created_at")[:SHOWN]
    return Card(
        "Sessions",
        headers=("Signed in", "App client", "State", "Ends", ""),
        rows=[
            (
                markup.when(each.auth_time),
                markup.link(each.client, each.client.name),
                _session_state(each, user),
                markup.when(each.expires_at),
                markup.act_link(user, "end-session", "End", session=str(each.pk))
                if may_change and _is_alive(each, user)
                else "",
            )
            for each in sessions
        ],
        empty="Not signed in anywhere.",
        wide=True,
    )


def _session_state(session: SignInSession, user: PoolUser) -> SafeString:
    if _is_alive(session, user):
        return markup.badge("Alive", "good")
    if session.revoked_at is not None:
        return markup.badge("Revoked")
    return markup.badge("Signed out" if session.user_epoch != user.epoch else "Expired")


def _is_alive(session: SignInSession, user: PoolUser) -> bool:
    return (
        session.revoked_at is None
        and session.user_epoch == user.epoch
        and session.expires_at > timezone.now()
    )


def devices_card(user: PoolUser, *, may_change: bool) -> Card:
    rows = user.devices.defer("sealed", "asked_session").order_by("-last_authenticated_at")
    return Card(
        "Devices",
        headers=("Name", "Key", "State", "Last sign-in", "From", ""),
        rows=[
            (
                each.name or markup.DASH,
                markup.code(each.key),
                markup.badge("Remembered", "good")
                if each.remembered
                else markup.badge("Not remembered"),
                markup.when(each.last_authenticated_at),
                markup.code(each.last_address),
                _device_acts(user, each) if may_change else "",
            )
            for each in rows[:SHOWN]
        ],
        empty="No device was confirmed.",
        note="A remembered device stands in for the second factor where the pool says so.",
        wide=True,
    )


def browsers_card(user: PoolUser, *, may_change: bool) -> Card:
    sessions = user.browser_sessions.select_related("client").order_by("-created_at")[:SHOWN]
    return Card(
        "Browsers",
        headers=("Signed in", "At", "State", "Ends", ""),
        rows=[
            (
                markup.when(each.auth_time),
                markup.link(each.client, each.client.name),
                markup.badge("Alive", "good")
                if _is_live_in_browser(each, user)
                else markup.badge("Ended"),
                markup.when(each.expires_at),
                markup.act_link(user, "end-session", "End", session=str(each.pk))
                if may_change and _is_live_in_browser(each, user)
                else "",
            )
            for each in sessions
        ],
        empty="Not signed in on the hosted pages.",
        note="While one is alive, its browser is signed in to all of the pool's app clients.",
        wide=True,
    )


def _device_acts(user: PoolUser, device: Device) -> SafeString:
    change = (
        markup.act_link(user, "not-remember-device", "Do not remember", device=device.key)
        if device.remembered
        else markup.act_link(user, "remember-device", "Remember", device=device.key)
    )
    return markup.joined(
        change, markup.act_link(user, "forget-device", "Forget", device=device.key)
    )


def _is_live_in_browser(session: BrowserSession, user: PoolUser) -> bool:
    return (
        session.ended_at is None
        and session.user_epoch == user.epoch
        and session.expires_at > timezone.now()
    )


def events_card(user: PoolUser) -> Card:
    events = AuthEvent.objects.filter(pool_id=user.pool_id, user_sub=user.sub)[:SHOWN]
    return Card(
        "Recent sign-in events",
        headers=("Time", "Kind", "Outcome", "Flow", "Reason", "Address"),
        rows=[
            (
                markup.link(each, markup.when(each.created_at, seconds=True)),
                each.event_type,
                outcome_badge(each),
                each.flow or markup.DASH,
                each.reason or markup.DASH,
                markup.code(each.ip_address),
            )
            for each in events
        ],
        empty="No attempt to sign in was recorded yet.",
        more=("All", markup.list_of(AuthEvent, f"q={user.sub}")),
        wide=True,
    )
