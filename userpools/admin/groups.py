"""Groups of a pool and who is in them."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from userpools.admin import fields, markup
from userpools.admin.acts import Act, ActForm, ConfirmByName, actor_of
from userpools.admin.base import ServiceAdmin
from userpools.admin.markup import Card, Fact
from userpools.admin.wire import Document, WireForm
from userpools.models import Group, Membership, PoolUser
from userpools.services import groups
from userpools.services.lookup import find_user

SHOWN_MEMBERS = 50


def group_document(group: Group) -> Document:
    """Return a group as UpdateGroup takes it."""
    return {"UserPoolId": group.pool_id, **groups.document_of(group)}


class GroupForm(WireForm):
    """A group's settings. Superusers alone choose its role: passing one grants its rights."""

    create_operation = "CreateGroup"
    update_operation = "UpdateGroup"
    document_of = staticmethod(group_document)
    create_only = frozenset({"pool", "group_name"})
    wire: ClassVar[dict[str, str]] = {
        "group_name": "GroupName",
        "group_description": "Description",
        "group_precedence": "Precedence",
        "role": "RoleArn",
    }

    pool = fields.pool()
    group_name = fields.text(
        "Name",
        "No spaces. Cannot be changed later.",
        required=True,
    )
    group_description = fields.area("Description", rows=2)
    group_precedence = fields.number(
        "Precedence",
        "0 is the strongest. The strongest group with a role gives cognito:preferred_role.",
    )
    role = fields.text(
        "Role ARN",
        "The role that members may take on through an identity pool. Superusers alone choose it.",
        mono=True,
    )

    class Meta:
        model = Group
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        group = kwargs.get("instance")
        initial = {**({"pool": group.pool_id} if group else {}), **(kwargs.get("initial") or {})}
        super().__init__(*args, **{**kwargs, "initial": initial})
        if not self.operator.is_superuser:
            self.fields["role"].disabled = True

    def settings(self) -> Document:
        """Return the members, emptied ones too, as UpdateGroup keeps what is left out."""
        document = super().settings()
        if self.is_new:
            pool = self.cleaned_data.get("pool")
            return {**document, "UserPoolId": pool.pk if pool else ""}
        empty: Document = {"Description": "", "RoleArn": "", "Precedence": None}
        return {**empty, **document}


class OneUser(ActForm):
    """Which user, by any name that signs them in."""

    username = fields.text(
        "User", "User name, verified alias, or sub.", required=True, max_length=128
    )


def _add(request: HttpRequest, group: Group, answers: dict[str, Any]) -> str:
    user = find_user(group.pool, answers["username"])
    groups.add(group.pool, user, group.name, actor=actor_of(request))
    return f"{user.username} is in the group. Tokens say so from the next sign-in or refresh on."


def _remove(request: HttpRequest, group: Group, answers: dict[str, Any]) -> str:
    user = find_user(group.pool, answers["username"])
    groups.remove(group.pool, user, group.name, actor=actor_of(request))
    return (
        f"{user.username} is not in the group. Tokens that are out say otherwise until they expire."
    )


def _delete(request: HttpRequest, group: Group, _answers: dict[str, Any]) -> str:
    groups.delete(group.pool, group.name, actor=actor_of(request))
    return f"The group “{group.name}” is deleted; its members stay users."


@admin.register(Group)
class GroupAdmin(ServiceAdmin):
    """The groups of all pools."""

    form = GroupForm
    list_display = (
        "shown_name",
        "shown_pool",
        "precedence",
        "shown_members",
        "shown_role",
        "shown_changed",
    )
    list_filter = (("pool", AutocompleteSelectFilter),)
    list_select_related = ("pool",)
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = ("pool_id", "name")
    fieldsets = (
        (None, {"fields": ("pool", "group_name", "group_description", "group_precedence", "role")}),
    )
    empty_title = "No group yet"
    empty_text = (
        "Groups appear in their members' tokens as cognito:groups, and may give them a role. "
        "Users of a pool can be in up to 100 groups."
    )
    acts = (
        Act(
            name="add-member",
            title="Add member",
            run=_add,
            icon="person_add",
            form_class=OneUser,
            text="The user's tokens name the group from their next sign-in or refresh on.",
        ),
        Act(
            name="remove-member",
            title="Remove member",
            run=_remove,
            icon="person_remove",
            form_class=OneUser,
            text="Tokens that are out name the group until they expire; new ones do not.",
        ),
        Act(
            name="delete",
            title="Delete group",
            run=_delete,
            icon="delete",
            form_class=ConfirmByName,
            permission="delete",
            is_dangerous=True,
            ends=True,
            text="Members stay users of the pool, and lose what the group gave them.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Count members with the rows."""
        members = (
            Membership.objects.filter(group=OuterRef("pk"))
            .order_by()
            .values("group")
            .annotate(number=Count("pk"))
        )
        return (
            super()
            .get_queryset(request)
            .select_related("pool")
            .annotate(members=Subquery(members.values("number")))
        )

    @display(description="Members")
    def shown_members(self, group: Any) -> str:
        """Return how many users are in it."""
        return f"{group.members or 0:,}"

    @display(description="Role")
    def shown_role(self, group: Group) -> SafeString:
        """Return the role's ARN."""
        return markup.code(group.role_arn)

    def summary(self, request: HttpRequest, obj: Any) -> list[Fact]:
        """Say where the group belongs and how large it is."""
        return [
            Fact("Group", markup.copyable(obj.name)),
            Fact("User pool", markup.link(obj.pool, obj.pool.name)),
            Fact("Members", self.shown_members(obj)),
            Fact("Changed", markup.when(obj.modified_at)),
        ]

    def cards(self, request: HttpRequest, obj: Group) -> list[Card]:
        """List the members who joined last."""
        members = (
            Membership.objects.filter(group=obj)
            .select_related("user")
            .only("created_at", "group_id", "user__username", "user__enabled")
            .order_by("-pk")[:SHOWN_MEMBERS]
        )
        return [
            Card(
                "Members",
                headers=("User", "State", "Since"),
                rows=[
                    (
                        markup.link(each.user, each.user.username),
                        markup.badge("Enabled", "good")
                        if each.user.enabled
                        else markup.badge("Disabled", "bad"),
                        markup.when(each.created_at),
                    )
                    for each in members
                ],
                empty="Nobody is in this group yet. Add a member above, or with "
                "AdminAddUserToGroup.",
                note=f"The newest {SHOWN_MEMBERS} at most.",
                more=(
                    "All members",
                    markup.list_of(PoolUser, f"memberships__group__id__exact={obj.pk}"),
                ),
                wide=True,
            )
        ]

    def audit_query(self, obj: Group) -> str:
        """Find what was done to the group."""
        return urlencode({"pool_id": obj.pool_id, "q": obj.name})

    def store(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> Group:
        """Save through the service that the API uses."""
        settings = form.settings()
        save = groups.update if change else groups.create
        return save(settings.pop("UserPoolId"), settings, actor=actor_of(request))
