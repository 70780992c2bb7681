"""`manage.py accesskey`: the keys that operators' programs sign their calls with."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from userpools.audit import record_act
from userpools.local_api import actor
from userpools.models import AccessKey, Operator, UserPool
from userpools.policies import Policy, PolicyError

from ._base import NounCommand, Result, argument, json_object, verb

POLICY_HELP = (
    "Policy document: JSON, @FILE or @-. Without one a superuser's key may do everything and any"
    " other operator's key nothing."
)
POOL_HELP = "Instead of --policy: everything in this pool and nothing else. May be repeated."
KEY = argument("key", metavar="ACCESS_KEY_ID")


class Command(NounCommand):
    """Access keys of operators."""

    help = "Create, list, disable and delete access keys."

    @verb(
        "Create a key; its secret is shown this once.",
        argument("--operator", required=True, help="Name of the operator whom the key speaks for."),
        argument("--description", default=""),
        argument("--policy", help=POLICY_HELP),
        argument("--pool", action="append", metavar="POOL_ID", help=POOL_HELP),
        argument("--expires", help="When the key ends: 90d, 12h, 2027-01-31 or an ISO 8601 time."),
    )  # fmt: skip
    def create(self, options: dict[str, Any]) -> Result:
        operator = Operator.objects.get(username=options["operator"])
        policy = policy_of(options["policy"], options["pool"])
        expires_at = moment(options["expires"])
        with transaction.atomic():
            key, secret = AccessKey.issue(
                operator, policy=policy, description=options["description"], expires_at=expires_at
            )
            record_act(actor(), "CreateAccessKey", resource=key.pk, after=described(key))
        return {"AccessKeyId": key.pk, "SecretAccessKey": secret, **described(key)}

    @verb("List keys, without their secrets.", argument("--operator"))
    def list(self, options: dict[str, Any]) -> Result:
        keys = AccessKey.objects.select_related("operator")
        if options["operator"]:
            keys = keys.filter(operator__username=options["operator"])
        return [
            {"AccessKeyId": key.pk, **described(key), "LastUsed": key.last_used_at} for key in keys
        ]

    @verb("Refuse a key until it is enabled again.", KEY)
    def disable(self, options: dict[str, Any]) -> Result:
        return self.switch(options["key"], is_active=False)

    @verb("Accept a disabled key again.", KEY)
    def enable(self, options: dict[str, Any]) -> Result:
        return self.switch(options["key"], is_active=True)

    @verb("Delete a key for good.", KEY)
    def delete(self, options: dict[str, Any]) -> Result:
        with transaction.atomic():
            key = (
                AccessKey.objects.select_for_update(of=("self",))
                .select_related("operator")
                .get(pk=options["key"])
            )
            record_act(actor(), "DeleteAccessKey", resource=key.pk, before=described(key))
            key.delete()
        return f"Deleted {options['key']}."

    def switch(self, key_id: str, *, is_active: bool) -> Result:
        """Disable or enable a key; servers follow within a second."""
        with transaction.atomic():
            key = (
                AccessKey.objects.select_for_update(of=("self",))
                .select_related("operator")
                .get(pk=key_id)
            )
            before = described(key)
            key.is_active = is_active
            key.save(update_fields=["is_active"])
            act = "EnableAccessKey" if is_active else "DisableAccessKey"
            record_act(actor(), act, resource=key.pk, before=before, after=described(key))
        return {"AccessKeyId": key.pk, **described(key)}


def described(key: AccessKey) -> dict[str, Any]:
    """Return what may be shown of a key."""
    return {
        "Operator": key.operator.username,
        "Status": "Active" if key.is_active else "Inactive",
        "Description": key.description,
        "Policy": key.policy,
        "Expires": key.expires_at.isoformat() if key.expires_at else None,
        "Created": key.created_at.isoformat(),
    }


def policy_of(document: str | None, pool_ids: list[str] | None) -> dict[str, Any] | None:
    """Return the policy that the options ask for, checked."""
    if pool_ids and document:
        raise CommandError("Give --policy or --pool, not both.")
    if pool_ids:
        arns = [UserPool.objects.get(pk=pool_id).arn for pool_id in pool_ids]
        statement = {"Effect": "Allow", "Action": "cognito-idp:*", "Resource": arns}
        return {"Version": "2012-10-17", "Statement": [statement]}
    if not document:
        return None
    policy = json_object(document)
    try:
        Policy.parse(policy)
    except PolicyError as exc:
        raise CommandError(f"Not a policy: {exc}") from exc
    return policy


UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def moment(text: str | None) -> datetime | None:
    """Read a time to come: an interval from now, a date (UTC) or an ISO 8601 time."""
    if not text:
        return None
    if text[:-1].isdigit() and text[-1] in UNITS:
        return timezone.now() + timedelta(**{UNITS[text[-1]]: int(text[:-1])})
    try:
        day = parse_date(text)
        parsed = datetime(day.year, day.month, day.day, tzinfo=UTC) if day else parse_datetime(text)
    except ValueError:
        parsed = None
    if parsed is None:
        raise CommandError(f"Not a time: {text}. Write 90d, 12h, 2027-01-31 or an ISO 8601 time.")
    parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    if parsed <= timezone.now():
        raise CommandError(f"{text} is over.")
    return parsed
