"""Operations of an administrator on identities."""

from identitypools import identities
from identitypools.models import Identity, IdentityPool, Login, no_such_identity
from identitypools.providers import user_pool_of
from userpools.access_keys import may
from userpools.audit import Actor, record_act
from userpools.awsjson.permissions import any_resource
from userpools.awsjson.service import Call, cognito_identity
from userpools.awsjson.throttling import Category
from userpools.errors import InvalidParameterException
from userpools.models.retry import in_transaction
from userpools.paging import paginate
from userpools.shapes import Shape

operation = cognito_identity.operation

DESCRIBE = "cognito-identity:DescribeIdentity"
DELETE = "cognito-identity:DeleteIdentities"


@operation("DescribeIdentity", category=Category.IDENTITY, resource=any_resource)
def describe_identity(call: Call, *, identity_id: str) -> Shape:
    """Show an identity of a pool that the caller may look into."""
    identity = Identity.objects.filter(pk=identity_id).select_related("pool").first()
    if (
        identity is None
        or identity.pool.region != call.region
        or not may(call.caller, DESCRIBE, identity.pool.arn)
    ):
        raise no_such_identity(identity_id)
    logins = list(identity.logins.all())
    return identity_type(identity, identity.pool, logins)


def identity_type(identity: Identity, pool: IdentityPool, logins: list[Login]) -> Shape:
    """Return the wire's IdentityDescription; its logins are the providers' names."""
    spelled = {
        user_pool_of(client["ProviderName"]): client["ProviderName"]
        for client in pool.user_pool_clients
    }
    names = (spelled.get(user_pool_of(row.provider), row.provider) for row in logins)
    return {
        "IdentityId": identity.pk,
        "Logins": list(dict.fromkeys(names)),
        "CreationDate": identity.created_at,
        "LastModifiedDate": identity.modified_at,
    }


@operation("ListIdentities", category=Category.IDENTITY)
def list_identities(
    call: Call,
    *,
    identity_pool_id: str,
    max_results: int,
    next_token: str = "",
    hide_disabled: bool = False,
) -> Shape:
    """List a pool's identities; those that became part of another one on request only."""
    pool = IdentityPool.objects.for_call(call, identity_pool_id)
    found = Identity.objects.filter(pool=pool).prefetch_related("logins").order_by("id")
    if hide_disabled:
        found = found.filter(merged_into__isnull=True)
    page = paginate(
        found,
        limit=max_results,
        token=next_token,
        scope=f"ListIdentities:{pool.pk}:{hide_disabled}",
    )
    listed = [identity_type(one, pool, list(one.logins.all())) for one in page]
    return {"IdentityPoolId": pool.pk, "Identities": listed, **page.next_token()}


@operation("DeleteIdentities", category=Category.IDENTITY, resource=any_resource)
def delete_identities(call: Call, *, identity_ids_to_delete: list[str]) -> Shape:
    """Delete identities; those that the caller may not delete are answered, unknown ones are not.

    Inferred: that an unknown identity counts as deleted.
    """
    if any("\x00" in one for one in identity_ids_to_delete):
        raise InvalidParameterException("An identity id has a character that none has.")
    found = Identity.objects.filter(
        pk__in=identity_ids_to_delete, pool__region=call.region
    ).select_related("pool")
    allowed: list[Identity] = []
    denied: list[Identity] = []
    for identity in found:
        (allowed if may(call.caller, DELETE, identity.pool.arn) else denied).append(identity)
    _delete(call, allowed)
    return {
        "UnprocessedIdentityIds": [
            {"IdentityId": identity.pk, "ErrorCode": "AccessDenied"} for identity in denied
        ]
    }


@in_transaction
def _delete(call: Call, doomed: list[Identity]) -> None:
    identities.delete([identity.pk for identity in doomed])
    by_pool: dict[str, list[Identity]] = {}
    for identity in doomed:
        by_pool.setdefault(identity.pool_id, []).append(identity)
    for pool_id, members in by_pool.items():
        record_act(
            Actor.of(call),
            "DeleteIdentities",
            pool_id=pool_id,
            resource=members[0].pool.arn,
            before={"IdentityIds": [identity.pk for identity in members]},
        )
