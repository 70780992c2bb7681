"""Access keys: operators see and disable their own; superusers make them and see all."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from userpools.access_keys import credentials
from userpools.admin import markup, reveal
from userpools.admin.acts import Act, actor_of
from userpools.admin.base import ConsoleAdmin
from userpools.admin.markup import Card, Fact
from userpools.audit import record_act
from userpools.models import AccessKey
from userpools.policies import FULL_ACCESS_DOCUMENT, Policy, PolicyError

EXAMPLE = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "cognito-idp:*",
            "Resource": "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_EXAMPLE",
        }
    ],
}
FIELDS = ("description", "policy", "is_active", "expires_at")


class PolicyField(forms.JSONField):
    """A policy document as indented JSON."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        """Indent the document; keep what somebody typed as it is."""
        if value is None:
            return ""
        return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict) else value


class AccessKeyForm(forms.ModelForm):
    """An access key's operator, policy and life."""

    policy = PolicyField(
        required=False,
        label="Policy",
        help_text="What the key may do: <code>Effect</code>, <code>Action</code> and "
        "<code>Resource</code>, with "
        "wildcards. Without one, a superuser's key may do everything and any other operator's "
        "key nothing.",
        widget=UnfoldAdminTextareaWidget(
            attrs={
                "rows": 12,
                "class": "ph-mono",
                "spellcheck": "false",
                "placeholder": json.dumps(EXAMPLE, indent=2),
            }
        ),
    )

    class Meta:
        model = AccessKey
        fields = ("operator", *FIELDS)
        labels = {"expires_at": "Expires", "is_active": "Active"}
        help_texts = {"expires_at": "UTC. Empty: never."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "operator" in self.fields:
            widget: Any = self.fields["operator"].widget
            widget.can_add_related = widget.can_change_related = widget.can_view_related = False

    def clean_policy(self) -> Any:
        """Compile the document with the evaluator that will judge by it."""
        document = self.cleaned_data["policy"]
        if document is None:
            return None
        try:
            # As typed: reading JSON first would hide a member that is named twice.
            Policy.parse(self.data.get(self.add_prefix("policy"), document))
        except PolicyError as error:
            raise forms.ValidationError(str(error)) from error
        return document


def _state(key: AccessKey) -> dict[str, Any]:
    return {
        "Operator": key.operator.get_username(),
        "Description": key.description,
        "Policy": key.policy,
        "Active": key.is_active,
        "ExpiresAt": key.expires_at.isoformat() if key.expires_at else None,
    }


def _set_active(request: HttpRequest, key: AccessKey, *, active: bool) -> None:
    with transaction.atomic():
        credentials.forget(key.access_key_id)
        before = _state(key)
        key.is_active = active
        key.save(update_fields=["is_active"])
        action = "EnableAccessKey" if active else "DisableAccessKey"
        record_act(
            actor_of(request), action, resource=key.access_key_id, before=before, after=_state(key)
        )


def _disable(request: HttpRequest, key: AccessKey, _answers: dict[str, Any]) -> str:
    _set_active(request, key, active=False)
    return "The key is disabled: calls that it signs are refused."


def _enable(request: HttpRequest, key: AccessKey, _answers: dict[str, Any]) -> str:
    _set_active(request, key, active=True)
    return "The key is enabled again."


def _delete(request: HttpRequest, key: AccessKey, _answers: dict[str, Any]) -> str:
    with transaction.atomic():
        credentials.forget(key.access_key_id)
        record_act(
            actor_of(request), "DeleteAccessKey", resource=key.access_key_id, before=_state(key)
        )
        key.delete()
    return "The key is deleted."


def _is_active(key: AccessKey) -> bool:
    return key.is_active


def _is_disabled(key: AccessKey) -> bool:
    return not key.is_active


@admin.register(AccessKey)
class AccessKeyAdmin(ConsoleAdmin):
    """What programs sign their calls with."""

    form = AccessKeyForm
    list_display = (
        "shown_id",
        "description",
        "operator",
        "state",
        "reach",
        "shown_use",
        "shown_created",
    )
    list_display_links = ("shown_id",)
    list_filter = ("is_active",)
    list_select_related = ("operator",)
    search_fields = ("access_key_id", "description", "operator__username")
    search_help_text = "Key id, description or operator"
    empty_title = "No access key yet"
    empty_text = (
        "Programs sign their calls with an access key, as they do with AWS: set "
        "AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY to one made here."
    )
    acts = (
        Act(
            name="disable",
            title="Disable key",
            run=_disable,
            icon="block",
            applies=_is_active,
            text="Calls that this key signs are refused from now on. It can be enabled again.",
        ),
        Act(
            name="enable",
            title="Enable key",
            run=_enable,
            icon="check_circle",
            applies=_is_disabled,
            superuser_only=True,
            text="Calls that this key signs are accepted again.",
        ),
        Act(
            name="delete",
            title="Delete key",
            run=_delete,
            icon="delete",
            permission="delete",
            is_dangerous=True,
            superuser_only=True,
            ends=True,
            text="The key is gone for good, and programs that still use it are refused.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessKey]:
        """Leave secrets in the database, and other people's keys to superusers."""
        keys = super().get_queryset(request).select_related("operator").defer("secret_sealed")
        return keys if request.user.is_superuser else keys.filter(operator_id=request.user.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers alone: a key could do more than its maker."""
        return bool(request.user.is_superuser)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Fix the owner; let nobody but a superuser change what a key may do."""
        if obj is None:
            return ()
        return (
            ("operator",)
            if request.user.is_superuser
            else ("operator", "policy", "is_active", "expires_at")
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Ask for what can be chosen; a new key is active."""
        return ("operator", *FIELDS) if obj else ("operator", "description", "policy", "expires_at")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Offer to make a key of one's own."""
        return {"operator": request.user.pk, **super().get_changeform_initial_data(request)}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choose among operators, without buttons to add and change them."""
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        field.empty_label = None
        return field

    @display(description="Access key id", ordering="access_key_id")
    def shown_id(self, key: AccessKey) -> SafeString:
        """Return the id."""
        return markup.code(key.access_key_id)

    @display(description="State", ordering="is_active")
    def state(self, key: AccessKey) -> SafeString:
        """Say whether calls signed with the key are accepted."""
        if not key.is_active:
            return markup.badge("Disabled", "bad")
        if not key.operator.is_active:
            return markup.badge("Operator inactive", "bad")
        return (
            markup.badge("Active", "good")
            if key.is_usable(timezone.now())
            else markup.badge("Expired", "bad")
        )

    @display(description="May do")
    def reach(self, key: AccessKey) -> SafeString:
        """Say how far the key's policy goes."""
        if key.policy == FULL_ACCESS_DOCUMENT or (key.policy is None and key.operator.is_superuser):
            return markup.badge("Everything", "warn")
        return markup.badge("By its policy", "info") if key.policy else markup.badge("Nothing")

    @display(description="Last used", ordering="last_used_at")
    def shown_use(self, key: AccessKey) -> SafeString:
        """Return when it was last used."""
        return markup.when(key.last_used_at) if key.last_used_at else markup.badge("Never")

    def summary(self, request: HttpRequest, obj: AccessKey) -> list[Fact]:
        """Say whose key it is, whether it works and when it did."""
        return [
            Fact("Access key id", markup.copyable(obj.access_key_id)),
            Fact("Operator", obj.operator.get_username()),
            Fact("State", self.state(obj)),
            Fact("May do", self.reach(obj)),
            Fact("Last used", self.shown_use(obj), obj.last_used_service),
        ]

    def cards(self, request: HttpRequest, obj: AccessKey) -> list[Card]:
        """Say where the secret is."""
        return [
            Card(
                "Secret",
                facts=[Fact("Secret access key", markup.code("••••••••••••••••"))],
                note="It was shown once, when the key was made. If it is lost, make another key "
                "and disable this one.",
            )
        ]

    def save_model(self, request: HttpRequest, obj: AccessKey, form: Any, change: bool) -> None:
        """Issue a new key, or save what changed, with the act in the audit trail."""
        with transaction.atomic():
            if not change:
                self._issue(request, obj)
                return
            credentials.forget(obj.access_key_id)
            before = _state(AccessKey.objects.select_related("operator").get(pk=obj.pk))
            obj.save(update_fields=[name for name in FIELDS if name in form.cleaned_data])
            record_act(
                actor_of(request),
                "UpdateAccessKey",
                resource=obj.pk,
                before=before,
                after=_state(obj),
            )

    def _issue(self, request: HttpRequest, obj: AccessKey) -> None:
        key, _secret = AccessKey.issue(
            obj.operator, policy=obj.policy, description=obj.description, expires_at=obj.expires_at
        )
        record_act(
            actor_of(request), "CreateAccessKey", resource=key.access_key_id, after=_state(key)
        )
        obj.access_key_id = key.access_key_id
        obj._state.adding = False
        reveal.promise(request, "key", key.access_key_id)

    def response_add(
        self, request: HttpRequest, obj: AccessKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go to the page that shows the secret."""
        return HttpResponseRedirect(reverse("admin:userpools_accesskey_secret"))

    def get_custom_urls(self) -> tuple[Any, ...]:
        """Add the page that shows a new secret."""
        return (("new/secret/", "userpools_accesskey_secret", self.secret_view),)

    def secret_view(self, request: HttpRequest, model_admin: Any = None) -> HttpResponseBase:
        """Show the secret of the key that was just made; a second look finds nothing."""
        key = AccessKey.objects.filter(pk=reveal.redeem(request, "key")).first()
        if key is None or not request.user.is_superuser:
            return HttpResponseRedirect(markup.list_of(AccessKey))
        return reveal.page(
            request,
            self,
            title="The new access key",
            facts=[
                Fact("AWS_ACCESS_KEY_ID", markup.copyable(key.access_key_id)),
                Fact("AWS_SECRET_ACCESS_KEY", markup.copyable(key.secret())),
            ],
            back=markup.address_of(key),
        )
