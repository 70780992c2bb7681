"""Saving a changed pool: the row, the processes that keep it, and the audit."""

from django.utils import timezone

from userpools.audit import Actor, record_act
from userpools.models import UserPool
from userpools.services.pool_documents import Wire


def document_of(pool: UserPool) -> Wire:
    """Return what an audit entry says of a pool."""
    return {
        "PoolName": pool.name,
        "UserPoolTier": pool.tier,
        "DeletionProtection": pool.deletion_protection,
        "MfaConfiguration": pool.mfa_configuration,
        "UserPoolTags": pool.tags,
        "PasswordStorage": pool.password_storage,
        "TextMessages": {
            "Allowed": pool.sms_allowed.split(),
            "Blocked": pool.sms_blocked.split(),
            "Hourly": pool.sms_hourly,
            "Daily": pool.sms_daily,
        },
        **pool.mfa_details,
        **pool.configuration,
    }


def store(pool: UserPool, actor: Actor, action: str, before: Wire) -> None:
    """Save a locked pool, tell every process, and record the act; inside the transaction."""
    pool.modified_at = timezone.now()
    pool.save()
    pool.touch()
    record_act(
        actor,
        action,
        pool_id=pool.id,
        resource=pool.arn,
        before=before,
        after=document_of(pool),
    )
