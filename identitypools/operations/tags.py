"""Operations on the tags of an identity pool."""

import re

from identitypools import pools
from identitypools.models import IdentityPool
from userpools.audit import Actor
from userpools.awsjson.service import Call, cognito_identity
from userpools.awsjson.throttling import Category
from userpools.errors import InvalidParameterException, ResourceNotFoundException
from userpools.shapes import Shape

operation = cognito_identity.operation

ARN = re.compile(r"arn:aws:cognito-identity:[a-z0-9-]+:[0-9]{12}:identitypool/(?P<pool>[^/]+)")


@operation("TagResource", category=Category.IDENTITY)
def tag_resource(call: Call, *, resource_arn: str, tags: dict[str, str]) -> Shape:
    """Add tags to a pool, or change their values."""
    pool = _tagged(call, resource_arn)
    pools.set_tags(pool.pk, Actor.of(call), "TagResource", add=tags, remove=())
    return {}


@operation("UntagResource", category=Category.IDENTITY)
def untag_resource(call: Call, *, resource_arn: str, tag_keys: list[str]) -> Shape:
    """Remove tags from a pool; keys that it does not have are passed over."""
    pool = _tagged(call, resource_arn)
    pools.set_tags(pool.pk, Actor.of(call), "UntagResource", add={}, remove=tag_keys)
    return {}


@operation("ListTagsForResource", category=Category.IDENTITY)
def list_tags_for_resource(call: Call, *, resource_arn: str) -> Shape:
    """Show a pool's tags."""
    return {"Tags": _tagged(call, resource_arn).tags}


def _tagged(call: Call, arn: str) -> IdentityPool:
    """Return the pool of an ARN, all of which must be the pool's: the policy judged all of it."""
    match = ARN.fullmatch(arn)
    if match is None:
        raise InvalidParameterException("ResourceArn is not the ARN of an identity pool.")
    pool = IdentityPool.objects.for_call(call, match["pool"])
    if pool.arn != arn:
        raise ResourceNotFoundException(f"IdentityPool '{match['pool']}' not found.")
    return pool
