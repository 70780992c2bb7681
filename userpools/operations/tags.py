"""Operations on the tags of a resource; pools are what can have some."""

from userpools import ids
from userpools.audit import Actor
from userpools.awsjson.service import Call, operation
from userpools.awsjson.throttling import Category
from userpools.errors import InvalidParameterException, ResourceNotFoundException
from userpools.models import UserPool
from userpools.services import pools
from userpools.shapes import Shape


@operation("TagResource", category=Category.USER_POOL_UPDATE)
def tag_resource(call: Call, *, resource_arn: str, tags: dict[str, str]) -> Shape:
    """Add tags to a pool, or change their values."""
    pool = _tagged(call, resource_arn)
    pools.set_tags(pool.id, Actor.of(call), "TagResource", add=tags, remove=())
    return {}


@operation("UntagResource", category=Category.USER_POOL_UPDATE)
def untag_resource(call: Call, *, resource_arn: str, tag_keys: list[str]) -> Shape:
    """Remove tags from a pool; keys that it does not have are passed over."""
    pool = _tagged(call, resource_arn)
    pools.set_tags(pool.id, Actor.of(call), "UntagResource", add={}, remove=tag_keys)
    return {}


@operation("ListTagsForResource", category=Category.USER_POOL_READ)
def list_tags_for_resource(call: Call, *, resource_arn: str) -> Shape:
    """Show a pool's tags."""
    return {"Tags": _tagged(call, resource_arn).tags}


def _tagged(call: Call, arn: str) -> UserPool:
    """Return the pool of an ARN, all of which must be the pool's: the policy judged all of it."""
    try:
        pool_id = ids.parse_user_pool_arn(arn).pool_id
    except ValueError as exc:
        raise InvalidParameterException("ResourceArn is not the ARN of a user pool.") from exc
    pool = UserPool.objects.for_call(call, pool_id)
    if pool.arn != arn:
        raise ResourceNotFoundException(f"User pool {pool_id} does not exist.")
    return pool
