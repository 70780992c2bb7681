"""User pools."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from userpools.admin import fields, limits, markup, pool_integrations
from userpools.admin.acts import Act, ActForm, ConfirmByName, actor_of
from userpools.admin.base import MOST_COUNTED, ServiceAdmin
from userpools.admin.markup import Card, Fact
from userpools.admin.pool_choices import FIELDSETS
from userpools.admin.pool_form import PoolForm
from userpools.admin.previews import PREVIEW
from userpools.audit import Actor, record_act
from userpools.counters import Window
from userpools.local_api import check_members
from userpools.messaging import sms_guard
from userpools.messaging.sms_guard import Usage
from userpools.models import (
    AppClient,
    AuthEvent,
    Group,
    IssuerProfile,
    KeyUse,
    PasswordStorage,
    PoolUser,
    SigningKey,
    UserPool,
)
from userpools.services import mfa, pools
from userpools.tokens import keys

SMS_LIMIT_NAMES = {
    "pool_hour": "This pool, an hour",
    "pool_day": "This pool, a day",
    "hour": "All pools, an hour",
    "day": "All pools, a day",
}
TIER_TONES = {"LITE": "plain", "ESSENTIALS": "info", "PLUS": "good"}
SHOWN_CLIENTS = 20


def _rotate(request: HttpRequest, pool: UserPool, _answers: dict[str, Any]) -> str:
    with transaction.atomic():
        fresh = keys.rotate(pool)
        record_act(
            actor_of(request),
            "RotateSigningKeys",
            pool_id=pool.pk,
            resource=pool.arn,
            after={"Kids": [key.kid for key in fresh]},
        )
    return "New tokens are signed with new keys; the old ones stay published while tokens last."


class CustomAttribute(ActForm):
    """A custom attribute, as SchemaAttributeType describes it."""

    name = fields.text(
        "Name",
        "1 to 20 characters, without <code>custom:</code>, which is put before it.",
        required=True,
        max_length=20,
        mono=True,
    )
    kind = fields.choice(
        "Type", ((kind, kind) for kind in ("String", "Number", "Boolean", "DateTime"))
    )
    low = fields.text(
        "At least", "Length of a string, or value of a number; may be empty.", mono=True
    )
    high = fields.text(
        "At most", "Length of a string (up to 2048), or value of a number; may be empty.", mono=True
    )
    mutable = fields.switch("Can be changed after sign-up", initial=True)

    def definition(self) -> dict[str, Any]:
        """Return SchemaAttributeType."""
        answers = self.cleaned_data
        made: dict[str, Any] = {
            "Name": answers["name"],
            "AttributeDataType": answers["kind"],
            "Mutable": answers["mutable"],
        }
        if answers["kind"] in limits.BOUNDS:
            member, low, high, _unit = limits.BOUNDS[answers["kind"]]
            bounds = {low: answers["low"], high: answers["high"]}
            made[member] = {name: value for name, value in bounds.items() if value}
        return made

    def clean(self) -> dict[str, Any]:
        """Hand the definition on, as the act's answer."""
        super().clean()
        return {**self.cleaned_data, "definition": {} if self.errors else self.definition()}


def _add_attribute(request: HttpRequest, pool: UserPool, answers: dict[str, Any]) -> str:
    check_members(
        "AddCustomAttributes", UserPoolId=pool.pk, CustomAttributes=[answers["definition"]]
    )
    pools.add_custom_attributes(pool.pk, [answers["definition"]], actor=actor_of(request))
    return f"The attribute custom:{answers['name']} is added."


def _reset_text_messages(request: HttpRequest, pool: UserPool, _answers: dict[str, Any]) -> str:
    pools.forget_text_messages(pool, actor=actor_of(request))
    return "What was counted is forgotten: the pool may send text messages again."


def _has_sent_text_messages(pool: UserPool) -> bool:
    return any(each.window.count for each in sms_guard.usage_of(pool))


def _delete(request: HttpRequest, pool: UserPool, _answers: dict[str, Any]) -> str:
    pools.delete(pool.pk, actor=actor_of(request))
    return f"The user pool “{pool.name}” is deleted."


@admin.register(UserPool)
class UserPoolAdmin(ServiceAdmin):
    """The pools of this server."""

    form = PoolForm
    list_display = (
        "shown_name",
        "shown_id",
        "shown_users",
        "shown_tier",
        "state",
        "shown_created",
    )
    list_filter = ("region", "tier", "deletion_protection")
    search_fields = ("name", "id")
    search_help_text = "Name or id"
    ordering = ("name",)
    warn_unsaved_form = True
    fieldsets = tuple(
        (
            title,
            {
                "fields": names,
                "classes": ["tab"],
                "description": pool_integrations.DESCRIPTIONS.get(title, ""),
            },
        )
        for title, names in (*FIELDSETS, *pool_integrations.FIELDSETS)
    )
    empty_title = "No user pool yet"
    empty_text = (
        "A user pool is a directory of users with its own sign-in rules, tokens and app clients. "
        "Create one here, or with create_user_pool from any AWS SDK."
    )
    acts = (
        Act(
            name="rotate-keys",
            title="Rotate signing keys",
            run=_rotate,
            icon="autorenew",
            permission="userpools.add_signingkey",
            text="New ID and access tokens are signed with two new keys at once. The present "
            "keys stay in the "
            "published set for 24 hours, so tokens that are out keep working.",
        ),
        PREVIEW,
        Act(
            name="add-attribute",
            title="Add custom attribute",
            run=_add_attribute,
            icon="new_label",
            form_class=CustomAttribute,
            text="A custom attribute can never be removed or renamed. A pool has at most 50 of "
            "them.",
        ),
        Act(
            name="reset-text-messages",
            title="Reset text message limits",
            run=_reset_text_messages,
            icon="sms",
            applies=_has_sent_text_messages,
            text="The pool's text messages of this hour and day are counted anew. What all pools "
            "together may send stays as it is.",
        ),
        Act(
            name="delete",
            title="Delete user pool",
            run=_delete,
            icon="delete",
            form_class=ConfirmByName,
            permission="delete",
            is_dangerous=True,
            ends=True,
            text="The pool goes with all its users, groups, app clients and keys. Every token "
            "of it is refused "
            "from then on. This cannot be undone.",
        ),
    )

    @display(description="Pool id", ordering="id")
    def shown_id(self, pool: UserPool) -> SafeString:
        """Return the id, ready to be copied."""
        return markup.copyable(pool.pk)

    @display(description="Users", ordering="user_count")
    def shown_users(self, pool: UserPool) -> str:
        """Return how many users the pool has."""
        return f"{pool.user_count:,}"

    @display(description="Plan", ordering="tier")
    def shown_tier(self, pool: UserPool) -> SafeString:
        """Return the feature plan."""
        return markup.badge(pool.tier.capitalize(), TIER_TONES.get(pool.tier, "plain"))

    @display(description="State")
    def state(self, pool: UserPool) -> SafeString:
        """Return what is special about the pool."""
        states = ["Protected"] if pool.deletion_protection == "ACTIVE" else []
        if pool.mfa_configuration != "OFF":
            states.append(f"MFA {pool.mfa_configuration.lower()}")
        return markup.badges(states, "good")

    def summary(self, request: HttpRequest, obj: UserPool) -> list[Fact]:
        """Say what the pool is called by programs."""
        users = pools.estimated_users(obj)
        return [
            Fact("Pool id", markup.copyable(obj.pk)),
            Fact("ARN", markup.copyable(obj.arn)),
            Fact(
                "Issuer",
                markup.copyable(obj.issuer),
                "The iss of its tokens; keys and discovery are below it.",
            ),
            Fact(
                "Users",
                markup.list_link(PoolUser, f"{users:,}", f"pool__id__exact={obj.pk}"),
            ),
            Fact("Signing keys", self._keys(obj)),
            self._passwords(request, obj),
            Fact("Last change", markup.when(obj.modified_at)),
        ]

    def _keys(self, pool: UserPool) -> SafeString:
        active = SigningKey.objects.filter(pool=pool, is_active=True).count()
        healthy = active == len(KeyUse)
        return markup.badge(
            "Healthy" if healthy else "Missing: rotate the keys", "good" if healthy else "bad"
        )

    def cards(self, request: HttpRequest, obj: UserPool) -> list[Card]:
        """Show clients and groups, and how far a change of the password form has come."""
        scope = f"pool__id__exact={obj.pk}"
        add_client = f"{reverse('admin:userpools_appclient_add')}?pool={obj.pk}"
        clients = list(AppClient.objects.filter(pool=obj).order_by("name")[:SHOWN_CLIENTS])
        return [
            Card(
                "App clients",
                headers=("Name", "Client id", "Flows"),
                rows=[
                    (
                        markup.link(client, client.name),
                        markup.copyable(client.client_id),
                        _flows(client),
                    )
                    for client in clients
                ],
                empty="No app client yet: programs need one to sign users in.",
                more=("All app clients", markup.list_of(AppClient, scope))
                if clients
                else ("Add app client", add_client),
                wide=True,
            ),
            Card(
                "Custom attributes",
                headers=("Name", "Type", "Limits", "Changeable"),
                rows=[_attribute(each) for each in obj.schema if ":" in each["Name"]],
                empty="None. What the standard attributes do not cover goes into custom ones.",
            ),
            text_messages_card(obj),
            Card(
                "Related",
                facts=[
                    Fact("Groups", markup.list_link(Group, f"{obj.groups.count():,}", scope)),
                    Fact(
                        "Signing keys",
                        markup.list_link(SigningKey, f"{obj.signing_keys.count():,}", scope),
                    ),
                    Fact(
                        "Sign-in events", markup.list_link(AuthEvent, "Open", f"pool_id={obj.pk}")
                    ),
                ],
            ),
        ]

    def _passwords(self, request: HttpRequest, pool: UserPool) -> Fact:
        """Say who is still kept in the other form: at once in a small pool, else when asked."""
        if pool.user_count > MOST_COUNTED and "count" not in request.GET:
            return Fact("Passwords to convert", markup.plain_link("?count=passwords", "Count them"))
        others = set(PasswordStorage.values) - {pool.password_storage}
        number = PoolUser.objects.filter(pool=pool, password_form__in=others).count()
        return Fact(
            "Passwords to convert",
            markup.badge(f"{number:,} users", "warn") if number else markup.badge("None", "good"),
            "Converted when their users next sign in with them." if number else "",
        )

    def audit_query(self, obj: UserPool) -> str:
        """Find the entries of the pool and of all in it."""
        return f"pool_id={obj.pk}"

    def store(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> UserPool:
        """Save through the services that the API uses, and what only this server has."""
        actor = actor_of(request)
        if change:
            pools.update(obj.pk, form.settings(), actor=actor)
        else:
            created = pools.create(
                form.settings(),
                region=form.cleaned_data["pool_region"],
                password_storage=form.cleaned_data["storage"],
                actor=actor,
            )
            obj.pk = created.pk
        if form.changes_factors():
            mfa.configure(obj.pk, form.factor_settings(), actor=actor)
        if change and "storage" in form.changed_data:
            pools.set_password_storage(obj.pk, form.cleaned_data["storage"], actor=actor)
        if guard := form.sms_guard():
            pools.set_sms_guard(obj.pk, guard, actor=actor)
        if "issuer" in form.changed_data:
            _save_issuer(obj.pk, form.cleaned_data["issuer"], actor)
        return UserPool.objects.get(pk=obj.pk)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[UserPool], search_term: str
    ) -> tuple[QuerySet[UserPool], bool]:
        """Search without NUL, which no database takes."""
        return super().get_search_results(request, queryset, search_term.replace("\x00", ""))


def text_messages_card(pool: UserPool) -> Card:
    """Show how many text messages left and how many were refused."""
    refused = sms_guard.refused_today(pool)
    rows = [
        (
            SMS_LIMIT_NAMES[usage.limit.name],
            _counted(usage),
            markup.DASH if usage.limit.most is None else f"{usage.limit.most:,}",
            _end(usage.window),
        )
        for usage in sms_guard.usage_of(pool)
    ]
    count = markup.badge(f"{refused.count:,}", "bad") if refused.count else "0"
    return Card(
        "Text messages",
        headers=("Window", "Sent", "Allowed", "Begins anew"),
        rows=[*rows, ("Refused in a day", count, markup.DASH, _end(refused))],
        note="Refused are those beyond a limit, or to where none may go; what asked for them is "
        "answered that its message cannot be delivered.",
    )


def _counted(usage: Usage) -> SafeString | str:
    sent = usage.window.count
    most = usage.limit.most
    return markup.badge(f"{most:,}", "bad") if most is not None and sent >= most else f"{sent:,}"


def _end(window: Window) -> SafeString:
    if not window.count:
        return markup.DASH
    return markup.when(timezone.now() + timedelta(seconds=window.seconds_left), seconds=True)


def _save_issuer(pool_id: str, issuer: str, actor: Actor) -> None:
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        before = {"IssuerProfile": pool.issuer_profile}
        pool.issuer_profile = IssuerProfile(issuer)
        pool.modified_at = timezone.now()
        pool.save(update_fields=["issuer_profile", "modified_at"])
        pool.touch()
        record_act(
            actor,
            "SetIssuerProfile",
            pool_id=pool.pk,
            resource=pool.arn,
            before=before,
            after={"IssuerProfile": issuer},
        )


def _attribute(definition: dict[str, Any]) -> tuple[Any, ...]:
    return (
        markup.code(definition["Name"]),
        definition["AttributeDataType"],
        limits.of_attribute(definition) or markup.DASH,
        markup.badge("Yes", "good") if definition.get("Mutable", True) else markup.badge("No"),
    )


def _flows(client: AppClient) -> SafeString:
    names = sorted(
        flow.removeprefix("ALLOW_").removesuffix("_AUTH").replace("_", " ").lower()
        for flow in client.auth_flows
    )
    return markup.badges(names)
