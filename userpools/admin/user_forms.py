"""What the acts on users ask."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from userpools.admin import fields, limits
from userpools.admin.acts import ActForm, ConfirmByName
from userpools.admin.bulk import BulkForm
from userpools.auth import mfa_preferences
from userpools.auth.mfa_decision import Factor
from userpools.messaging.outbox import DEFAULT_ATTRIBUTE
from userpools.models import BrowserSession, Device, Group, Passkey, PoolUser, SignInSession
from userpools.services import attributes as attribute_rules
from userpools.services.attributes import RESERVED

SHOWN_SESSIONS = 100
SHOWN_DEVICES = 100
SHOWN_GROUPS = 1000


def called(user: PoolUser) -> str:
    """Return what people call a user: the contact, where the user name is a generated id."""
    contacts = (user.attributes.get(name) for name in user.pool.username_attributes)
    return next(filter(None, contacts), user.username)


class ConfirmByUser(ConfirmByName):
    """Asks for what the user is called."""

    @property
    def expected(self) -> str:
        """What has to be typed."""
        return called(self.subject)


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
        return list(others.values_list("name", flat=True)[:SHOWN_GROUPS])


class OneOfTheirGroups(OneGroup):
    """A group that the user is in."""

    def names(self) -> list[str]:
        """Return the user's groups."""
        theirs = self.subject.pool.groups.filter(memberships__user=self.subject)
        return list(theirs.values_list("name", flat=True))


class OneSession(ActForm):
    """A session that the user has not ended yet."""

    session = fields.choice("Session", ())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["session"].choices = [  # type: ignore[attr-defined]
            (str(each.pk), f"{each.client.name}, since {each.auth_time:%d %b %Y, %H:%M:%S} UTC{of}")
            for found, of in (
                (alive_sessions(self.subject), ""),
                (alive_browsers(self.subject), " (browser)"),
            )
            for each in found.select_related("client")[:SHOWN_SESSIONS]
        ]


class OnePasskey(ActForm):
    """A passkey of the user's."""

    passkey = fields.choice("Passkey", ())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["passkey"].choices = [  # type: ignore[attr-defined]
            (
                each.credential_id,
                f"{each.friendly_name}, since {each.created_at:%d %b %Y, %H:%M} UTC",
            )
            for each in Passkey.objects.of(self.subject)
        ]


class OneDevice(ActForm):
    """A device that the user has confirmed."""

    device = fields.choice("Device", ())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["device"].choices = [  # type: ignore[attr-defined]
            (each.key, f"{each.name} ({each.key})" if each.name else each.key)
            for each in self.theirs().defer("sealed", "asked_session")[:SHOWN_DEVICES]
        ]

    def theirs(self) -> QuerySet[Device]:
        """Return the devices to choose from, the one that was used last first."""
        devices: QuerySet[Device] = self.subject.devices.order_by("-last_authenticated_at")
        return devices


class OneRememberedDevice(OneDevice):
    """A device that is remembered."""

    def theirs(self) -> QuerySet[Device]:
        """Return the devices that are remembered."""
        return super().theirs().filter(remembered=True)


class OneOtherDevice(OneDevice):
    """A device that is not remembered."""

    def theirs(self) -> QuerySet[Device]:
        """Return the devices that are not remembered."""
        return super().theirs().filter(remembered=False)


class Renewal(ActForm):
    """How an invitation travels, and with which temporary password."""

    send_by = fields.choice("Send by", ())
    password = fields.password(
        "Temporary password", "Empty: one is made up. The former one no longer works either way."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].required = False
        self.fields["send_by"].choices = [  # type: ignore[attr-defined]
            (medium.value, f"{medium.label} to {self.subject.attributes[contact]}")
            for medium, contact in DEFAULT_ATTRIBUTE.items()
            if self.subject.attributes.get(contact)
        ]


FACTOR_LABELS = {
    Factor.SMS: "Codes by SMS",
    Factor.SOFTWARE_TOKEN: "Authenticator app",
    Factor.EMAIL: "Codes by e-mail",
}


class SecondFactors(ActForm):
    """Each factor, on or off, and the preferred one."""

    SMS_MFA = fields.switch(FACTOR_LABELS[Factor.SMS])
    SOFTWARE_TOKEN_MFA = fields.switch(FACTOR_LABELS[Factor.SOFTWARE_TOKEN])
    EMAIL_OTP = fields.switch(FACTOR_LABELS[Factor.EMAIL])
    preferred = fields.choice(
        "Preferred",
        (("", "None: the user chooses"), *((factor, FACTOR_LABELS[factor]) for factor in Factor)),
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owner = mfa_preferences.owner_of(self.subject)
        self.present = {factor: (factor in owner.active, factor == owner.preferred)
                        for factor in Factor}  # fmt: skip
        for factor, (is_on, _) in self.present.items():
            self.initial[factor.value] = is_on
        self.initial["preferred"] = owner.preferred

    def clean(self) -> dict[str, Any]:
        """Hand on the members of AdminSetUserMFAPreference for the factors that change."""
        super().clean()
        answers = self.cleaned_data
        settings = {}
        for member, factor in mfa_preferences.MEMBERS.items():
            wanted = (answers[factor.value], answers.get("preferred") == factor)
            if wanted != self.present[factor]:
                settings[member] = {"Enabled": wanted[0], "PreferredMfa": wanted[1]}
        return {"settings": settings}


FIRST = (
    "email", "email_verified", "phone_number", "phone_number_verified", "preferred_username",
    "name", "given_name", "family_name",
)  # fmt: skip


class AttributesForm(ActForm):
    """Each attribute of the pool's schema that an administrator may write."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, definition in sorted(self.subject.pool.schema_by_name.items(), key=_place):
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


def _place(attribute: tuple[str, dict[str, Any]]) -> tuple[bool, int, str]:
    """Put contacts first, names after them, custom attributes last."""
    name = attribute[0]
    return ":" in name, FIRST.index(name) if name in FIRST else len(FIRST), name


def _attribute_field(name: str, definition: dict[str, Any]) -> forms.Field:
    if definition.get("AttributeDataType") == "Boolean":
        options = (("", "Not set"), ("true", "true"), ("false", "false"))
        return fields.choice(name, options, required=False)
    required = "Required. " if definition.get("Required") else ""
    hint = f"{required}{limits.of_attribute(definition)}"
    return fields.text(name, hint, max_length=attribute_rules.MAX_BYTES)


class GroupOfPool(BulkForm):
    """A group of the pool that all chosen users are in."""

    group = fields.choice("Group", ())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pools = list(self.rows.order_by().values_list("pool_id", flat=True).distinct()[:2])
        if len(pools) > 1:
            self.fields[
                "group"
            ].help_text = "These users are of several pools. Filter the list by one pool first."
            return
        names = Group.objects.filter(pool_id__in=pools).order_by("name")
        self.fields["group"].choices = [  # type: ignore[attr-defined]
            (name, name) for name in names.values_list("name", flat=True)[:SHOWN_GROUPS]
        ]


def alive_sessions(user: PoolUser) -> QuerySet[SignInSession]:
    """Return the sessions that would still give new tokens, the newest first."""
    return user.sessions.filter(
        revoked_at__isnull=True, user_epoch=user.epoch, expires_at__gt=timezone.now()
    ).order_by("-created_at")


def alive_browsers(user: PoolUser) -> QuerySet[BrowserSession]:
    """Return the browser sessions that would still sign in silently, the newest first."""
    return user.browser_sessions.filter(
        ended_at__isnull=True, user_epoch=user.epoch, expires_at__gt=timezone.now()
    ).order_by("-created_at")
