"""Tags of a pool by its ARN."""

import pytest

from userpools.models import UserPool


@pytest.fixture
def arn(pool):
    return pool.arn


def tags_of(idp, arn):
    return idp.list_tags_for_resource(ResourceArn=arn)["Tags"]


@pytest.mark.parametrize(
    "wrong",
    [
        "arn:aws:cognito-idp:us-east-1:111111111111:userpool/{id}",
        "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_doesnotex",
    ],
)
def test_an_arn_of_no_pool_here_is_not_found(idp, pool, wrong):
    arn = wrong.format(id=pool.id)
    for call in (
        lambda: idp.tag_resource(ResourceArn=arn, Tags={"a": "b"}),
        lambda: idp.untag_resource(ResourceArn=arn, TagKeys=["a"]),
        lambda: idp.list_tags_for_resource(ResourceArn=arn),
    ):
        with pytest.raises(idp.exceptions.ResourceNotFoundException):
            call()
    assert UserPool.objects.get(pk=pool.pk).tags == {}


@pytest.mark.parametrize(
    "wrong",
    [
        "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/{id}",
        "arn:aws:s3:us-east-1:000000000000:userpool/{id}",
        "arn:aws:cognito-idp:us-east-1:000000000000:other/{id}",
    ],
)
def test_what_is_no_pools_arn_is_refused(idp, pool, wrong):
    with pytest.raises(idp.exceptions.InvalidParameterException):
        idp.list_tags_for_resource(ResourceArn=wrong.format(id=pool.id))


@pytest.mark.parametrize("tags", [{f"k{n}": "" for n in range(51)}, {"AWS:x": "y"}, {"": "v"}])
def test_tags_that_cannot_be_are_refused(idp, arn, tags):
    with pytest.raises(idp.exceptions.InvalidParameterException):
        idp.tag_resource(ResourceArn=arn, Tags=tags)
    assert tags_of(idp, arn) == {}


def test_fifty_tags_are_the_limit_over_several_calls(idp, arn):
    idp.tag_resource(ResourceArn=arn, Tags={f"k{n}": "" for n in range(50)})
    with pytest.raises(idp.exceptions.InvalidParameterException):
        idp.tag_resource(ResourceArn=arn, Tags={"one more": ""})
    idp.tag_resource(ResourceArn=arn, Tags={"k0": "changed"})
    assert len(tags_of(idp, arn)) == 50


def test_tags_are_added_changed_and_removed(idp, pool, arn):
    idp.tag_resource(ResourceArn=arn, Tags={"team": "a", "stage": "dev"})
    idp.tag_resource(ResourceArn=arn, Tags={"team": "b"})
    assert tags_of(idp, arn) == {"team": "b", "stage": "dev"}
    assert idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]["UserPoolTags"] == {
        "team": "b",
        "stage": "dev",
    }
    idp.untag_resource(ResourceArn=arn, TagKeys=["stage", "never there"])
    assert tags_of(idp, arn) == {"team": "b"}


def test_tagging_leaves_the_other_settings(idp, pool, arn):
    before = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]
    idp.tag_resource(ResourceArn=arn, Tags={"a": "b"})
    after = idp.describe_user_pool(UserPoolId=pool.id)["UserPool"]
    assert after == {**before, "UserPoolTags": {"a": "b"}}
