"""The console's pages of roles: editor, validator and simulator."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from unfold.decorators import display

from identitypools import role_records, trial
from identitypools.admin.forms import PolicyField, ServiceForm
from identitypools.models import DEFAULT_SESSION_SECONDS, Role
from identitypools.role_records import RoleSettings
from userpools.admin import fields, markup
from userpools.admin.acts import Act, ActForm, ConfirmByName, actor_of
from userpools.admin.base import ServiceAdmin, SuperusersOnly
from userpools.admin.markup import Fact


class RoleForm(ServiceForm):
    """A role; a policy that is not wholly evaluated is refused."""

    trust_policy = PolicyField(
        is_trust=True,
        label="Trust policy",
        help_text="Who may take the role: identity pools (Federated "
        "cognito-identity.amazonaws.com, with aud and amr) or operators (AWS).",
    )
    policy = PolicyField(
        label="Permission policy",
        help_text="What the role may do. Variables such as "
        "${cognito-identity.amazonaws.com:sub} and ${aws:PrincipalTag/team} work.",
    )

    class Meta:
        model = Role
        fields = ("name", "path", "description", "trust_policy", "policy", "max_session_seconds")
        labels = {"max_session_seconds": "Longest session"}
        help_texts = {
            "path": "Begins and ends with a slash.",
            "max_session_seconds": "Seconds, 3,600 to 43,200. Identity pools give an hour.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role = kwargs.get("instance")
        if role is not None and not role._state.adding:
            for name in ("name", "path"):
                self.fields[name].disabled = True
        else:
            self.initial.setdefault("trust_policy", role_records.trust_of("us-east-1:the-pools-id"))
            self.initial.setdefault("max_session_seconds", DEFAULT_SESSION_SECONDS)

    def settings(self) -> RoleSettings:
        """Return what the service takes."""
        return RoleSettings(**{name: self.cleaned_data[name] for name in self.Meta.fields})


class RequestForm(ActForm):
    """A request to try the role with."""

    action = fields.text("Action", "s3:GetObject", mono=True, required=True, max_length=256)
    resource = fields.text(
        "Resource", "arn:aws:s3:::bucket/key", mono=True, required=True, max_length=2048
    )
    identity = fields.text("Identity", "What ${cognito-identity.amazonaws.com:sub} is.", mono=True)
    tags = fields.TagsField(label="Principal tags", help_text="tag = value on each line.")
    context = fields.TagsField(
        label="Other condition keys", help_text="key = value on each line, as s3:prefix = a/."
    )
    guest = fields.switch("A guest of the enhanced flow", "Limited whatever the role says.")

    def known(self) -> dict[str, Any]:
        """Return the condition keys of the request."""
        given = self.cleaned_data
        known = {name.lower(): value for name, value in given["context"].items()}
        if given["identity"]:
            known["cognito-identity.amazonaws.com:sub"] = given["identity"]
        for name, value in given["tags"].items():
            known[f"aws:principaltag/{name.lower()}"] = value
        return known

    def clean(self) -> dict[str, Any] | None:
        """Keep the keys beside the answers."""
        cleaned = super().clean()
        if not self.errors:
            self.cleaned_data["known"] = self.known()
        return cleaned


def _simulated(request: HttpRequest, role: Role, answers: dict[str, Any]) -> HttpResponseBase:
    decision = trial.simulate(
        role, answers["action"], answers["resource"], answers["known"], guest=answers["guest"]
    )
    reason = (
        f"Statement {decision.statement}" if decision.is_explicit else "No statement allows it."
    )
    verdict = ("Allowed", "good") if decision.allowed else ("Denied", "bad")
    context = {
        **admin.site.each_context(request),
        "opts": Role._meta,
        "title": "Policy simulator",
        "original": role,
        "facts": [
            Fact("Decision", markup.badge(*verdict), " ".join([reason, decision.sid]).strip()),
            Fact("Action", markup.code(answers["action"])),
            Fact("Resource", markup.code(answers["resource"], may_break=True)),
        ],
        "document": json.dumps(answers["known"], indent=2, ensure_ascii=False),
        "document_title": "Known of the request",
        "back": markup.address_of(role),
    }
    return TemplateResponse(request, "admin/identitypools/tested.html", context)


def _delete(request: HttpRequest, role: Role, _answers: dict[str, Any]) -> str:
    role_records.delete_role(role.arn, actor=actor_of(request))
    return f"The role “{role.name}” is deleted."


@admin.register(Role)
class RoleAdmin(SuperusersOnly, ServiceAdmin):
    """Roles."""

    form = RoleForm
    list_display = ("name", "shown_arn", "description", "shown_changed")
    search_fields = ("name", "arn")
    search_help_text = "Name or ARN"
    empty_title = "No role yet"
    empty_text = "A role says what its holders may do. Name its ARN in an identity pool or a group."
    fieldsets = (
        (None, {"fields": ("name", "path", "description", "max_session_seconds")}),
        ("Policies", {"fields": ("trust_policy", "policy")}),
    )
    acts = (
        Act(
            name="simulate",
            title="Policy simulator",
            run=_simulated,
            icon="labs",
            form_class=RequestForm,
            superuser_only=True,
            text="Says whether the role may do something, and which statement decides.",
            verb="Simulate",
        ),
        Act(
            name="delete",
            title="Delete role",
            run=_delete,
            icon="delete",
            form_class=ConfirmByName,
            is_dangerous=True,
            superuser_only=True,
            ends=True,
            text="Credentials of the role can do nothing from then on.",
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers alone."""
        return bool(request.user.is_superuser)

    @display(description="ARN", ordering="arn")
    def shown_arn(self, role: Role) -> Any:
        """Return the ARN."""
        return markup.copyable(role.arn)

    def summary(self, request: HttpRequest, obj: Role) -> list[Fact]:
        """Say what it is."""
        return [
            Fact("ARN", markup.copyable(obj.arn)),
            Fact("Role id", markup.copyable(obj.role_id)),
            Fact("Changed", markup.when(obj.modified_at)),
        ]

    def audit_query(self, obj: Role) -> str:
        """Find what was done to the role."""
        return f"q={obj.arn}"

    def store(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> Model:
        """Create or change the role."""
        actor = actor_of(request)
        if change:
            return role_records.update_role(obj.arn, form.settings(), actor=actor)
        return role_records.create_role(form.settings(), actor=actor)
