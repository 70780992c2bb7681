"""What an operator can do to a user: each act is a page that explains it, and a POST."""

import uuid
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from userpools.admin.acts import Act, actor_of
from userpools.admin.bulk import BulkAct, ConfirmByCount
from userpools.admin.user_forms import (
    AttributesForm,
    ConfirmByUser,
    GroupOfPool,
    NewPassword,
    OneDevice,
    OneGroup,
    OneOfTheirGroups,
    OneOtherDevice,
    OnePasskey,
    OneRememberedDevice,
    OneSession,
    Renewal,
    SecondFactors,
    alive_browsers,
    alive_sessions,
)
from userpools.audit import Actor, record_act
from userpools.auth import (
    invitations,
    mfa_preferences,
    passkeys,
    passwords,
    recovery,
    sign_up,
    software_tokens,
)
from userpools.auth.invitations import Invitation
from userpools.errors import InvalidParameterException
from userpools.lambda_triggers import NOBODY
from userpools.local_api import check_members
from userpools.messaging.compose import Kind
from userpools.messaging.outbox import CodeDelivery
from userpools.messaging.wording import Wording
from userpools.models import (
    Passkey,
    PoolUser,
    UserStatus,
)
from userpools.models.retry import in_transaction
from userpools.services import attributes as attribute_rules
from userpools.services import contacts, devices, groups, sessions, user_limits, users
from userpools.services.attributes import VERIFIED_FLAGS, Writer
from userpools.services.lookup import locked


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


def _has_app(user: PoolUser) -> bool:
    return user.software_token_name is not None


def _delete_app(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    software_tokens.delete(user, actor=actor_of(request))
    return "The authenticator app is deleted."


def _has_passkey(user: PoolUser) -> bool:
    return Passkey.objects.of(user).exists()


def _delete_passkey(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    passkeys.delete(user, answers["passkey"], actor=actor_of(request))
    return "The passkey is deleted."


def _set_factors(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    if not answers["settings"]:
        return "Nothing was changed."
    mfa_preferences.set_preferences(user, answers["settings"], actor=actor_of(request))
    return "The second factors are set."


def _write_attributes(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    changes = answers["changes"]
    check_members(
        "AdminUpdateUserAttributes",
        UserPoolId=user.pool_id,
        Username=user.username,
        UserAttributes=attribute_rules.to_wire(changes),
    )
    attribute_rules.check_writes(user.pool, changes, writer=Writer.ADMIN)
    words = contacts.words_for(user, changes, NOBODY)
    deliveries = _store_attributes(actor_of(request), user, changes, words)
    if deliveries:
        places = " and ".join(each.destination for each in deliveries)
        return f"The attributes are changed. A code to verify with is on its way to {places}."
    return "The attributes are changed." if changes else "Nothing was changed."


@in_transaction
def _store_attributes(
    actor: Actor, user: PoolUser, changes: dict[str, str], words: dict[str, Wording]
) -> list[CodeDelivery]:
    deliveries = contacts.write(user, changes, writer=Writer.ADMIN, words=words)
    record_act(
        actor,
        "AdminUpdateUserAttributes",
        pool_id=user.pool_id,
        resource=user.username,
        after=sorted(changes),
    )
    return deliveries


def _require_reset(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    recovery.require_reset(user, actor=actor_of(request))
    return "A code to set a new password with is on its way to the user."


def _enable(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    users.enable(user, actor=actor_of(request))
    return "The user may sign in again."


def _disable(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    users.disable(user, actor=actor_of(request))
    return "The user can no longer sign in, and every session is ended."


def _sign_out(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    users.sign_out_everywhere(user, actor=actor_of(request))
    return "Every session is ended."


def _reset_limits(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    user_limits.reset(user, actor=actor_of(request))
    return "What was counted is forgotten: the user may try again at once."


def _end_session(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    sessions.end(user, uuid.UUID(answers["session"]), actor=actor_of(request))
    return "The session is ended."


def _remember_device(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    devices.set_remembered(user, answers["device"], remembered=True, actor=actor_of(request))
    return "The device is remembered."


def _not_remember_device(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    devices.set_remembered(user, answers["device"], remembered=False, actor=actor_of(request))
    return "The device is no longer remembered."


def _forget_device(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    devices.forget(user, answers["device"], actor=actor_of(request))
    return "The device is forgotten."


def _renew(request: HttpRequest, user: PoolUser, answers: dict[str, Any]) -> str:
    check_members(
        "AdminCreateUser",
        UserPoolId=user.pool_id,
        Username=user.username,
        TemporaryPassword=answers["password"],
    )
    invitation = Invitation(password=answers["password"], mediums=(answers["send_by"],))
    invitations.renew(user.pool, user, invitation, actor=actor_of(request))
    return "The invitation is on its way."


def _resend_code(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    words = sign_up.resend_words(user, NOBODY)
    with transaction.atomic():
        delivery = sign_up.send_code(locked(user), Kind.RESEND_CODE, words)
        if delivery is None:
            raise InvalidParameterException(sign_up.NO_CONTACT)
        record_act(
            actor_of(request),
            "ResendConfirmationCode",
            pool_id=user.pool_id,
            resource=user.username,
        )
    return f"A new code is on its way to {delivery.destination}."


def _confirm(request: HttpRequest, user: PoolUser, _answers: dict[str, Any]) -> str:
    sign_up.confirm_by_administrator(user, actor=actor_of(request), origin=NOBODY)
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


def _awaits_code(user: PoolUser) -> bool:
    return _is_unconfirmed(user) and bool(sign_up.confirmation_contact(user))


def _may_reset(user: PoolUser) -> bool:
    return (
        user.enabled
        and user.status in {UserStatus.CONFIRMED, UserStatus.RESET_REQUIRED}
        and recovery.recovery_contact(user) is not None
    )


def _is_invited(user: PoolUser) -> bool:
    return user.status == UserStatus.FORCE_CHANGE_PASSWORD and any(
        user.attributes.get(contact) for contact in VERIFIED_FLAGS
    )


def _is_signed_in(user: PoolUser) -> bool:
    return alive_sessions(user).exists() or alive_browsers(user).exists()


def _has_devices(user: PoolUser) -> bool:
    return user.devices.exists()


def _has_remembered_devices(user: PoolUser) -> bool:
    return user.devices.filter(remembered=True).exists()


def _has_other_devices(user: PoolUser) -> bool:
    return user.devices.filter(remembered=False).exists()


def _in_groups(user: PoolUser) -> bool:
    return user.group_count > 0


ACTS = (
    Act(
        name="attributes",
        title="Edit attributes",
        run=_write_attributes,
        icon="edit",
        form_class=AttributesForm,
        verb="Save attributes",
        text="A changed e-mail address or phone number is unverified unless its flag is set "
        "along with it, and gets a code where the pool verifies it. An emptied attribute is "
        "removed.",
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
        name="reset",
        title="Reset password",
        run=_require_reset,
        icon="lock_reset",
        applies=_may_reset,
        text="The user gets a code, and can sign in only after setting a new password with it. "
        "Every session ends.",
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
        name="resend-code",
        title="Send code again",
        run=_resend_code,
        icon="forward_to_inbox",
        applies=_awaits_code,
        text="A new confirmation code goes to the user's address; codes sent before no longer "
        "work.",
    ),
    Act(
        name="invite",
        title="Send invitation again",
        run=_renew,
        icon="forward_to_inbox",
        form_class=Renewal,
        applies=_is_invited,
        text="The user gets a new temporary password, which lasts as long as the pool says.",
    ),
    Act(
        name="forgive",
        title="Reset limits and lockout",
        run=_reset_limits,
        icon="lock_open_right",
        applies=user_limits.is_restrained,
        text="Wrong passwords and codes, and the hour's requests for codes and new passwords, are "
        "forgotten, and the user may try again at once.",
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
        in_rows=True,
        applies=_in_groups,
        text="Tokens that are out name the group until they expire; new ones do not.",
    ),
    Act(
        name="end-session",
        title="End a session",
        run=_end_session,
        icon="devices_off",
        form_class=OneSession,
        in_rows=True,
        applies=_is_signed_in,
        text="Its refresh token dies, and its access tokens are refused here at once. Other "
        "sessions go on.",
    ),
    Act(
        name="remember-device",
        title="Remember a device",
        run=_remember_device,
        icon="phonelink_lock",
        form_class=OneOtherDevice,
        in_rows=True,
        applies=_has_other_devices,
        text="Where the pool challenges new devices alone, the device's secret stands in for the "
        "second factor, once the device took part in a sign-in that passed one.",
    ),
    Act(
        name="not-remember-device",
        title="Do not remember a device",
        run=_not_remember_device,
        icon="phonelink_off",
        form_class=OneRememberedDevice,
        in_rows=True,
        applies=_has_remembered_devices,
        text="The second factor is asked for on it again. Its sessions go on.",
    ),
    Act(
        name="forget-device",
        title="Forget a device",
        run=_forget_device,
        icon="phonelink_erase",
        form_class=OneDevice,
        in_rows=True,
        applies=_has_devices,
        is_dangerous=True,
        text="The device is deleted, and its refresh tokens end; access tokens live on until they "
        "expire. At the next sign-in it is a new device.",
    ),
    Act(
        name="second-factors",
        title="Second factors",
        run=_set_factors,
        icon="verified_user",
        form_class=SecondFactors,
        verb="Save second factors",
        text="Which factors a sign-in asks for, and which of several comes first; without a "
        "preferred one the user chooses each time. A factor needs the pool's consent, and the "
        "number, address or app that it goes to.",
    ),
    Act(
        name="delete-app",
        title="Delete authenticator app",
        run=_delete_app,
        icon="phonelink_erase",
        applies=_has_app,
        is_dangerous=True,
        text="Codes of the app no longer sign in, and the user may enrol another. Until then a "
        "password alone signs in, unless the user has other factors or the pool demands one.",
    ),
    Act(
        name="delete-passkey",
        title="Delete a passkey",
        run=_delete_passkey,
        icon="key_off",
        form_class=OnePasskey,
        in_rows=True,
        applies=_has_passkey,
        is_dangerous=True,
        text="It no longer signs in; the user may register another. What the authenticator keeps "
        "of it is the user's to remove. Sessions go on.",
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
        form_class=ConfirmByUser,
        permission="delete",
        is_dangerous=True,
        ends=True,
        text="The user goes with attributes, groups and sessions; the name is free at once. "
        "This cannot be undone.",
    ),
)

_BY_NAME = {act.name: act for act in ACTS}


BULK_ACTS = (
    BulkAct(_BY_NAME["enable"], "Enable", "enabled", "they are enabled"),
    BulkAct(_BY_NAME["confirm"], "Confirm", "confirmed", "they await no confirmation"),
    BulkAct(
        _BY_NAME["reset"],
        "Reset password",
        "must reset their password",
        "they are disabled, not confirmed, or have no verified contact",
    ),
    BulkAct(_BY_NAME["sign-out"], "Sign out everywhere", "signed out everywhere"),
    BulkAct(_BY_NAME["join"], "Add to group", "in the group", form_class=GroupOfPool),
    BulkAct(_BY_NAME["disable"], "Disable", "disabled", "they are disabled"),
    BulkAct(_BY_NAME["delete"], "Delete", "deleted", form_class=ConfirmByCount),
)
