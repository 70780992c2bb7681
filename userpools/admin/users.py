"""Users of the pools: a page that says how they are, and what can be done for them."""

import uuid
from contextlib import suppress
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Upper
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from userpools import ids
from userpools.admin import fields, markup
from userpools.admin.acts import Act, ActForm, ConfirmByName, actor_of
from userpools.admin.auth_events import outcome_badge
from userpools.admin.base import RecordAdmin, ServiceAdmin
from userpools.admin.filters import ValuesFilter
from userpools.admin.markup import Card, Fact
from userpools.admin.messages import state_badge
from userpools.audit import record_act
from userpools.auth import passwords
from userpools.auth.invitations import Invitation, invite
from userpools.models import (
    AuthEvent,
    Operator,
    PasswordStorage,
    PoolUser,
    SignInSession,
    UserPool,
    UserStatus,
    lockout,
)
from userpools.services import attributes as attribute_rules
from userpools.services import groups, users
from userpools.services.attributes import RESERVED, VERIFIED_FLAGS, Writer

SHOWN = 10
SHOWN_GROUPS = 100
STATUS_TONES = {
    UserStatus.CONFIRMED: "good",
    UserStatus.UNCONFIRMED: "warn",
    UserStatus.FORCE_CHANGE_PASSWORD: "info",
    UserStatus.RESET_REQUIRED: "warn",
    UserStatus.EXTERNAL_PROVIDER: "info",
}


class NewUserForm(forms.ModelForm):
    """What AdminCreateUser asks."""

    pool = forms.ModelChoiceField(
        UserPool.objects.order_by("name"),
        label="User pool",
        widget=UnfoldAdminSelectWidget(),
        empty_label="Choose a pool",
    )
    name = fields.text(
        "User name",
        "1 to 128 characters without spaces; in a pool where people sign in with e-mail or "
        "phone, that address.",
        required=True,
        max_length=128,
    )
    email = fields.text("E-mail", max_length=2048)
    email_verified = fields.switch("The e-mail address is verified")
    phone_number = fields.text("Phone number", "<code>+</code> and digits.", max_length=16)
    phone_verified = fields.switch("The phone number is verified")
    temporary_password = forms.CharField(
        label="Temporary password",
        required=False,
        strip=False,
        max_length=256,
        help_text="Must be changed at the first sign-in. Empty: one is made up and sent with "
        "the invitation.",
        widget=fields.password("").widget,
    )
    send_by = fields.choice(
        "Send an invitation",
        (("", "To nobody"), ("EMAIL", "By e-mail"), ("SMS", "By SMS")),
        required=False,
    )
    refusal = ""
    operator: Operator

    class Meta:
        model = PoolUser
        fields = ()

    def clean(self) -> dict[str, Any] | None:
        """See that somebody will know the password; repeat what the service refused."""
        cleaned = super().clean()
        if self.refusal:
            self.add_error(None, self.refusal)
        answers = self.cleaned_data
        if not answers.get("send_by") and not answers.get("temporary_password"):
            self.add_error("temporary_password", "Give a password, or send an invitation with one.")
        return cleaned

    def attributes(self) -> dict[str, str]:
        """Return the attributes that were filled in."""
        answers = self.cleaned_data
        given = {name: answers[name] for name in VERIFIED_FLAGS if answers[name]}
        flags = {"email": answers["email_verified"], "phone_number": answers["phone_verified"]}
        return {**given, **{VERIFIED_FLAGS[name]: "true" for name in given if flags[name]}}


class NewPassword(ActForm):
    """A password, and for how long."""

    password = fields.password("New password", "The pool's password policy applies.")
    permanent = fields.switch("Permanent", "Otherwise the user must change it at the next sign-in.")


class OneGroup(ActForm):
    """A group of the user's pool that they are not in."""

    group = fields.choice("Group", ())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"].choices = [(name, name) for name in self.names()]  # type: ignore[attr-defined]

    def names(self) -> list[str]:
        """Return the groups to choose from."""
        others = self.subject.pool.groups.exclude(memberships__user=self.subject)
        return list(others.values_list("name", flat=True)[:1000])


class OneOfTheirGroups(OneGroup):
    """A group that the user is in."""

    def names(self) -> list[str]:
        """Return the user's groups."""
        theirs = self.subject.pool.groups.filter(memberships__user=self.subject)
        return list(theirs.values_list("name", flat=True))


class AttributesForm(ActForm):
    """Each attribute of the pool's schema that an administrator may write."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, definition in self.subject.pool.schema_by_name.items():
            if name in RESERVED or not definition.get("Mutable", True):
                continue
            self.fields[name] = _attribute_field(name, definition)
            self.initial[name] = self.subject.attributes.get(name, "")

    def clean(self) -> dict[str, Any]:
        """Hand on what was changed."""
        super().clean()
        changed = {
            name: self.cleaned_data[name] for name in self.changed_data if name in self.cleaned_data
        }
        return {"changes": changed}


def _attribute_field(name: str, definition: dict[str, Any]) -> forms.Field:
    if definition.get("AttributeDataType") == "Boolean":
        options = (("", "Not set"), ("true", "true"), ("false", "false"))
        return fields.choice(name, options, required=False)
    return fields.text(name, max_length=attribute_rules.MAX_BYTES)


def _set_password(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    passwords.set_password(
        user.pool,
        user,
        answers["password"],
        permanent=answers["permanent"],
        actor=actor_of(request),
    )
    return "The password is set."


def _write_attributes(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    changes = answers["changes"]
    attribute_rules.check_writes(user.pool, changes, writer=Writer.ADMIN)
    with transaction.atomic():
        users.write_attributes(user, changes)
        record_act(
            actor_of(request),
            "AdminUpdateUserAttributes",
            pool_id=user.pool_id,
            resource=user.username,
            after=sorted(changes),
        )
    return "The attributes are changed." if changes else "Nothing was changed."


def _enable(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    users.enable(user, actor=actor_of(request))
    return "The user may sign in again."


def _disable(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    users.disable(user, actor=actor_of(request))
    return "The user can no longer sign in, and every session is ended."


def _sign_out(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    users.sign_out_everywhere(user, actor=actor_of(request))
    return "Every session is ended."


def _forgive(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    with transaction.atomic():
        lockout.forgive(user)
        record_act(actor_of(request), "LiftLockout", pool_id=user.pool_id, resource=user.username)
    return "The failed attempts are forgotten: the user may try again at once."


def _confirm(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    users.confirm(user, actor=actor_of(request))
    return "The user is confirmed."


def _join(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    groups.add(user.pool, user, answers["group"], actor=actor_of(request))
    return f"The user is in the group {answers['group']}."


def _leave(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    groups.remove(user.pool, user, answers["group"], actor=actor_of(request))
    return f"The user is no longer in the group {answers['group']}."


def _delete(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    users.delete(user, actor=actor_of(request))
    return f"The user {user.username} is deleted."


def _is_enabled(user: PoolUser) -> bool:
    return user.enabled


def _is_disabled(user: PoolUser) -> bool:
    return not user.enabled


def _is_unconfirmed(user: PoolUser) -> bool:
    return user.status == UserStatus.UNCONFIRMED


def _has_failed(user: PoolUser) -> bool:
    return bool(user.failed_passwords or user.failed_codes)


def _in_groups(user: PoolUser) -> bool:
    return user.group_count > 0


class StatusFilter(ValuesFilter):
    """By status."""

    title = "status"
    parameter_name = "status"
    values = tuple(UserStatus.values)


ACTS = (
    Act(
        name="attributes",
        title="Edit attributes",
        run=_write_attributes,
        icon="edit",
        form_class=AttributesForm,
        text="A changed e-mail address or phone number is unverified unless its flag is set "
        "along with it. "
        "An emptied attribute is removed.",
    ),
    Act(
        name="password",
        title="Set password",
        run=_set_password,
        icon="password",
        form_class=NewPassword,
        text="The lockout after wrong passwords is lifted too. Sessions go on: sign the user "
        "out everywhere "
        "if somebody else knew the old password.",
    ),
    Act(
        name="confirm",
        title="Confirm",
        run=_confirm,
        icon="how_to_reg",
        applies=_is_unconfirmed,
        text="The user may sign in without having entered a code. No address becomes verified "
        "by this.",
    ),
    Act(
        name="forgive",
        title="Lift lockout",
        run=_forgive,
        icon="lock_open_right",
        applies=_has_failed,
        text="Failed attempts at passwords and codes are forgotten, and the user may try again "
        "at once.",
    ),
    Act(
        name="join",
        title="Add to group",
        run=_join,
        icon="group_add",
        form_class=OneGroup,
        text="Tokens name the group from the next sign-in or refresh on.",
    ),
    Act(
        name="leave",
        title="Remove from group",
        run=_leave,
        icon="group_remove",
        form_class=OneOfTheirGroups,
        applies=_in_groups,
        text="Tokens that are out name the group until they expire; new ones do not.",
    ),
    Act(
        name="sign-out",
        title="Sign out everywhere",
        run=_sign_out,
        icon="logout",
        text="Every refresh token dies, and access tokens are refused here at once. Whoever "
        "verifies tokens "
        "by signature alone accepts them until they expire.",
    ),
    Act(
        name="enable",
        title="Enable",
        run=_enable,
        icon="check_circle",
        applies=_is_disabled,
        text="The user may sign in again. Sessions that ended stay ended.",
    ),
    Act(
        name="disable",
        title="Disable user",
        run=_disable,
        icon="block",
        applies=_is_enabled,
        is_dangerous=True,
        text="The user can no longer sign in, and every session ends. They can be enabled again.",
    ),
    Act(
        name="delete",
        title="Delete user",
        run=_delete,
        icon="delete",
        form_class=ConfirmByName,
        permission="delete",
        is_dangerous=True,
        ends=True,
        text="The user goes with attributes, groups and sessions; the name is free at once. "
        "This cannot be undone.",
    ),
)


@admin.register(PoolUser)
class PoolUserAdmin(RecordAdmin, ServiceAdmin):
    """The users of all pools."""

    form = NewUserForm
    list_display = (
        "shown_name",
        "email",
        "shown_status",
        "shown_enabled",
        "shown_pool",
        "shown_created",
    )
    list_filter = (("pool", AutocompleteSelectFilter), StatusFilter, "enabled")
    list_select_related = ("pool",)
    search_fields = ("username",)
    search_help_text = "User name, e-mail, phone or sub"
    ordering = ("pool_id", "username_key")
    fieldsets = (
        (
            "Who",
            {
                "fields": (
                    "pool",
                    "name",
                    "email",
                    "email_verified",
                    "phone_number",
                    "phone_verified",
                )
            },
        ),
        ("First sign-in", {"fields": ("temporary_password", "send_by")}),
    )
    empty_title = "No user yet"
    empty_text = (
        "Users arrive by signing up through an app client, by AdminCreateUser, or by "
        "being added here."
    )
    acts = ACTS

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Users are added by hand, other records are not."""
        return super(RecordAdmin, self).has_add_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolUser]:
        """Leave passwords in the database."""
        return (
            super()
            .get_queryset(request)
            .select_related("pool")
            .defer("password_sealed", "password_salt")
        )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Let a group's page link to its members."""
        return lookup == "memberships__group__id__exact" or super().lookup_allowed(
            lookup, value, request
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PoolUser], search_term: str
    ) -> tuple[QuerySet[PoolUser], bool]:
        """Match the beginning of the user name or a contact, or the whole sub."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        folded = ids.canonical_key(term, case_sensitive=False)
        exact = ids.canonical_key(term, case_sensitive=True)
        wanted = Q(username_key__startswith=exact) | Q(username_key__startswith=folded)
        for name in ("email", "phone_number"):
            queryset = queryset.annotate(
                **{f"upper_{name}": Upper(KeyTextTransform(name, "attributes"))}
            )
            # Both sides go through the database's own Upper, so that they agree on every letter.
            wanted |= Q(**{f"upper_{name}__startswith": Upper(Value(term))})
        with suppress(ValueError):
            wanted |= Q(sub=uuid.UUID(term))
        return queryset.filter(wanted), False

    @display(description="User name", ordering="username_key")
    def shown_name(self, user: PoolUser) -> str:
        """Return the user name, which links to the user."""
        return user.username

    @display(description="E-mail")
    def email(self, user: PoolUser) -> Any:
        """Return the e-mail address."""
        return user.attributes.get("email") or markup.DASH

    @display(description="Status", ordering="status")
    def shown_status(self, user: PoolUser) -> SafeString:
        """Return the status."""
        status = UserStatus(user.status)
        return markup.badge(status.label, STATUS_TONES[status])

    @display(description="Sign-in", ordering="enabled")
    def shown_enabled(self, user: PoolUser) -> SafeString:
        """Say whether the user may sign in."""
        return markup.badge("Enabled", "good") if user.enabled else markup.badge("Disabled", "bad")

    @display(description="User pool")
    def shown_pool(self, user: PoolUser) -> SafeString:
        """Return the pool, as a link."""
        return markup.link(user.pool, user.pool.name)

    @display(description="Created", ordering="created_at")
    def shown_created(self, user: PoolUser) -> SafeString:
        """Return when the user was made."""
        return markup.when(user.created_at)

    def summary(self, request: HttpRequest, obj: PoolUser) -> list[Fact]:
        """Say who it is and whether they can sign in."""
        return [
            Fact("User name", markup.copyable(obj.username)),
            Fact("Sub", markup.copyable(obj.sub)),
            Fact("User pool", markup.link(obj.pool, obj.pool.name)),
            Fact("Status", self.shown_status(obj)),
            Fact("Sign-in", self.shown_enabled(obj)),
            Fact("Created", markup.when(obj.created_at)),
        ]

    def cards(self, request: HttpRequest, obj: PoolUser) -> list[Card]:
        """Show what belongs to the user; each list holds the newest alone."""
        return [
            _attributes_card(obj),
            _sign_in_card(obj),
            _groups_card(obj),
            _messages_card(obj),
            _sessions_card(obj),
            _events_card(obj),
        ]

    def audit_query(self, obj: PoolUser) -> str:
        """Find what was done to the user."""
        return f"pool_id={obj.pool_id}&q={obj.username}"

    def save_model(self, request: HttpRequest, obj: PoolUser, form: Any, change: bool) -> None:
        """Create the user through the service that AdminCreateUser uses."""
        answers = form.cleaned_data
        invitation = Invitation(
            password=answers["temporary_password"],
            mediums=(answers["send_by"],) if answers["send_by"] else (),
            silent=not answers["send_by"],
        )
        user = invite(
            answers["pool"], answers["name"], form.attributes(), invitation, actor=actor_of(request)
        )
        self.adopt(obj, user)


def _attributes_card(user: PoolUser) -> Card:
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


def _sign_in_card(user: PoolUser) -> Card:
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


def _groups_card(user: PoolUser) -> Card:
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


def _messages_card(user: PoolUser) -> Card:
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


def _sessions_card(user: PoolUser) -> Card:
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


def _events_card(user: PoolUser) -> Card:
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
