"""Operators and their permission groups: superusers alone, so that nobody raises their rights."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from userpools.admin import markup
from userpools.admin.acts import Act, ConfirmByName, actor_of
from userpools.admin.base import ConsoleAdmin
from userpools.admin.markup import Card, Fact
from userpools.audit import record_act
from userpools.models import AccessKey, Operator

if admin.site.is_registered(Group):
    admin.site.unregister(Group)

STATE = ("username", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser")


def _state(operator: Operator) -> dict[str, Any]:
    return {
        **{name: getattr(operator, name) for name in STATE},
        "groups": sorted(operator.groups.values_list("name", flat=True)),
        "permissions": sorted(operator.user_permissions.values_list("codename", flat=True)),
    }


def _group_state(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "permissions": sorted(group.permissions.values_list("codename", flat=True)),
    }


def _delete(request: HttpRequest, operator: Operator, _answers: dict[str, Any]) -> str:
    with transaction.atomic():
        record_act(
            actor_of(request), "DeleteOperator", resource=operator.username, before=_state(operator)
        )
        operator.delete()
    return f"The operator “{operator.username}” is deleted, and their access keys with them."


def _delete_group(request: HttpRequest, group: Group, _answers: dict[str, Any]) -> str:
    with transaction.atomic():
        record_act(
            actor_of(request),
            "DeleteOperatorGroup",
            resource=group.name,
            before=_group_state(group),
        )
        group.delete()
    return f"The permission group “{group.name}” is deleted."


# What the console has no pages for, so that permissions for it would mean nothing.
WITHOUT_PAGES = ("admin", "auth", "contenttypes", "sessions", "oauth2_provider")


class SuperusersOnly(ModelAdmin):
    """Pages that only superusers see, whatever permissions others were given."""

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the permissions that the console asks for."""
        if db_field.related_model is Permission:
            wanted = Permission.objects.exclude(content_type__app_label__in=WITHOUT_PAGES)
            kwargs["queryset"] = wanted.select_related("content_type")
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.related_model is Permission:
            field.widget.attrs["size"] = 14
        return field

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the section to superusers."""
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers look."""
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let superusers add."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers change."""
        return bool(request.user.is_superuser)


class AuditedForm(ConsoleAdmin):
    """A form whose saving is one act; written after many-to-many choices are saved too."""

    noun = ""

    def state(self, obj: Any) -> dict[str, Any]:
        """Return what the audit trail keeps of the object."""
        return {}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Remember the state before."""
        stored = self.model._default_manager.filter(pk=obj.pk).first() if change else None
        form.state_before = None if stored is None else self.state(stored)
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the choices, then write the act."""
        super().save_related(request, form, formsets, change)
        before = form.state_before
        action = f"Update{self.noun}" if change else f"Create{self.noun}"
        record_act(
            actor_of(request),
            action,
            resource=str(form.instance),
            before=before,
            after=self.state(form.instance),
        )


@admin.register(Operator)
class OperatorAdmin(SuperusersOnly, AuditedForm, UserAdmin):
    """The people who run this server."""

    noun = "Operator"
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "kind", "shown_state", "shown_login")
    list_filter = ("is_superuser", "is_active", "groups")
    ordering = ("username",)
    filter_horizontal = ()
    autocomplete_fields = ("groups",)
    fieldsets = (
        ("Account", {"fields": ("username", "password", "email", ("first_name", "last_name"))}),
        (
            "Rights",
            {
                "fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions"),
                "description": "Staff may sign in to the console. Superusers may do everything, "
                "and they alone "
                "manage operators and access keys. Everybody else may do what groups and "
                "permissions say.",
            },
        ),
    )
    add_fieldsets = (
        (
            None,
            {"fields": ("username", "password1", "password2", "is_staff", "is_superuser")},
        ),
    )
    empty_title = "No operator yet"
    acts = (
        Act(
            name="delete",
            title="Delete operator",
            run=_delete,
            icon="delete",
            form_class=ConfirmByName,
            permission="delete",
            is_dangerous=True,
            superuser_only=True,
            ends=True,
            text="The operator can no longer sign in, and their access keys are deleted. The "
            "audit trail keeps "
            "what they did.",
        ),
    )

    def state(self, obj: Operator) -> dict[str, Any]:
        """Return rights and address, never the password."""
        return _state(obj)

    @display(description="Rights", ordering="is_superuser")
    def kind(self, operator: Operator) -> SafeString:
        """Say what the operator may do."""
        if operator.is_superuser:
            return markup.badge("Superuser", "warn")
        return (
            markup.badge("By permissions", "info")
            if operator.is_staff
            else markup.badge("No console")
        )

    @display(description="State", ordering="is_active")
    def shown_state(self, operator: Operator) -> SafeString:
        """Say whether they may sign in."""
        return (
            markup.badge("Active", "good")
            if operator.is_active
            else markup.badge("Inactive", "bad")
        )

    @display(description="Last sign-in", ordering="last_login")
    def shown_login(self, operator: Operator) -> SafeString:
        """Return when they last signed in to the console."""
        return markup.when(operator.last_login)

    def summary(self, request: HttpRequest, obj: Operator) -> list[Fact]:
        """Say who it is and what they may do."""
        return [
            Fact("Rights", self.kind(obj)),
            Fact("State", self.shown_state(obj)),
            Fact("Last sign-in", markup.when(obj.last_login)),
        ]

    def cards(self, request: HttpRequest, obj: Operator) -> list[Card]:
        """List the operator's access keys."""
        keys = AccessKey.objects.filter(operator=obj).defer("secret_sealed")[:20]
        return [
            Card(
                "Access keys",
                headers=("Key", "Description", "Last used"),
                rows=[
                    (
                        markup.link(key, markup.code(key.pk)),
                        key.description,
                        markup.when(key.last_used_at),
                    )
                    for key in keys
                ],
                empty="None. Programs of this operator need one to sign their calls.",
                wide=True,
            )
        ]

    def audit_query(self, obj: Operator) -> str:
        """Find what was done to the operator."""
        return urlencode({"q": obj.username})

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - Django's signature
        form_url: str = "",
    ) -> HttpResponse:
        """Audit that a password was set; the password itself is nowhere but in its hash."""
        response: HttpResponse = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            operator = Operator.objects.filter(pk=id).first()
            record_act(actor_of(request), "SetOperatorPassword", resource=str(operator))
        return response


@admin.register(Group)
class PermissionGroupAdmin(SuperusersOnly, AuditedForm, GroupAdmin):  # type: ignore[misc]
    """Permissions that several operators share."""

    noun = "OperatorGroup"
    filter_horizontal = ()
    empty_title = "No permission group yet"
    empty_text = "A permission group gives several operators the same rights in the console."
    acts = (
        Act(
            name="delete",
            title="Delete permission group",
            run=_delete_group,
            icon="delete",
            form_class=ConfirmByName,
            permission="delete",
            is_dangerous=True,
            superuser_only=True,
            ends=True,
            text="Operators lose the rights that they have through this group alone.",
        ),
    )

    def state(self, obj: Group) -> dict[str, Any]:
        """Return name and permissions."""
        return _group_state(obj)
