"""Users of the pools: a page that says how they are, and what can be done for them."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from userpools.admin import fields, markup
from userpools.admin.acts import actor_of
from userpools.admin.base import RecordAdmin, ServiceAdmin
from userpools.admin.filters import ValuesFilter
from userpools.admin.markup import Card, Fact
from userpools.admin.user_acts import ACTS, BULK_ACTS
from userpools.admin.user_cards import (
    attributes_card,
    browsers_card,
    devices_card,
    events_card,
    groups_card,
    limits_card,
    messages_card,
    passkeys_card,
    sessions_card,
    sign_in_card,
)
from userpools.admin.user_forms import called
from userpools.admin.user_search import found
from userpools.auth.invitations import Invitation, invite
from userpools.errors import AwsError
from userpools.local_api import check_members
from userpools.models import (
    Operator,
    PoolUser,
    UserStatus,
)
from userpools.services.attributes import VERIFIED_FLAGS, to_wire

STATUS_TONES = {
    UserStatus.CONFIRMED: "good",
    UserStatus.UNCONFIRMED: "warn",
    UserStatus.FORCE_CHANGE_PASSWORD: "info",
    UserStatus.RESET_REQUIRED: "warn",
    UserStatus.EXTERNAL_PROVIDER: "info",
}


class NewUserForm(forms.ModelForm):
    """What AdminCreateUser asks."""

    pool = fields.pool()
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


class StatusFilter(ValuesFilter):
    """By status."""

    title = "status"
    parameter_name = "status"
    values = tuple(UserStatus.values)


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
    # Another order would sort every user of the server.
    sortable_by = ()
    list_display_links = ("shown_name", "email")
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
    bulk_acts = BULK_ACTS

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
        pool_id = request.GET.get("pool__id__exact", "")
        return queryset.filter(pk__in=found(term, pool_id)), False

    @display(description="User name", ordering="username_key")
    def shown_name(self, user: PoolUser) -> SafeString:
        """Return the user name, which links to the user."""
        return markup.code(user.username, may_break=True)

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

    def headline(self, obj: PoolUser) -> str:
        """Return what people call the user."""
        return called(obj)

    def summary(self, request: HttpRequest, obj: PoolUser) -> list[Fact]:
        """Say who it is and whether they can sign in."""
        contacts = [
            Fact(label, markup.copyable(obj.attributes[name]))
            for name, label in (("email", "E-mail"), ("phone_number", "Phone number"))
            if name in obj.pool.username_attributes and obj.attributes.get(name)
        ]
        return [
            *contacts,
            Fact("User name", markup.copyable(obj.username)),
            *([] if obj.username == str(obj.sub) else [Fact("Sub", markup.copyable(obj.sub))]),
            Fact("User pool", markup.link(obj.pool, obj.pool.name)),
            Fact("Status", self.shown_status(obj)),
            Fact("Sign-in", self.shown_enabled(obj)),
            Fact("Created", markup.when(obj.created_at)),
        ]

    def cards(self, request: HttpRequest, obj: PoolUser) -> list[Card]:
        """Show what belongs to the user; each list holds the newest alone."""
        may_change = self.has_change_permission(request, obj)
        may = request.user.has_perm
        cards = [
            attributes_card(obj),
            sign_in_card(obj),
            groups_card(obj, may_change=may_change),
            sessions_card(obj, may_change=may_change),
            devices_card(obj, may_change=may_change),
            browsers_card(obj, may_change=may_change),
            passkeys_card(obj, may_change=may_change),
            limits_card(obj),
        ]
        if may("userpools.view_message"):
            cards.append(messages_card(obj, may_retry=may("userpools.change_message")))
        if may("userpools.view_authevent"):
            cards.append(events_card(obj))
        return cards

    def audit_query(self, obj: PoolUser) -> str:
        """Find what was done to the user."""
        return urlencode({"pool_id": obj.pool_id, "q": obj.username})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Create a user outside of Django's transaction: the pool's functions run before."""
        if request.method == "POST" and object_id is None:
            if not self.has_add_permission(request):
                raise PermissionDenied
            form = self.get_form(request)(request.POST)
            if form.is_valid():
                try:
                    made = self.store(request, None, form, change=False)
                except AwsError as error:
                    # The form is served again, with these words.
                    request.refusal = error.message  # type: ignore[attr-defined]
                else:
                    return self.response_add(request, made)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def store(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> PoolUser:
        """Create the user through the service that AdminCreateUser uses."""
        answers = form.cleaned_data
        check_members(
            "AdminCreateUser",
            UserPoolId=answers["pool"].pk,
            Username=answers["name"],
            TemporaryPassword=answers["temporary_password"],
            UserAttributes=to_wire(form.attributes()),
        )
        invitation = Invitation(
            password=answers["temporary_password"],
            mediums=(answers["send_by"],) if answers["send_by"] else (),
            silent=not answers["send_by"],
        )
        return invite(
            answers["pool"], answers["name"], form.attributes(), invitation, actor=actor_of(request)
        )
