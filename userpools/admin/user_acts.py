"""What an operator can do to a user: each act is a page that explains it, and a POST."""

from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest

from userpools.admin import fields
from userpools.admin.acts import Act, ActForm, ConfirmByName, actor_of
from userpools.audit import record_act
from userpools.auth import passwords
from userpools.local_api import check_members
from userpools.models import (
    PoolUser,
    UserStatus,
    lockout,
)
from userpools.services import attributes as attribute_rules
from userpools.services import groups, users
from userpools.services.attributes import RESERVED, Writer


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
    check_members(
        "AdminSetUserPassword",
        UserPoolId=user.pool_id,
        Username=user.username,
        Password=answers["password"],
    )
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
    check_members(
        "AdminUpdateUserAttributes",
        UserPoolId=user.pool_id,
        Username=user.username,
        UserAttributes=attribute_rules.to_wire(changes),
    )
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
