"""How much of each resource there may be, at the documented figures.

Source: developer guide, "Quotas in Amazon Cognito", "Resource quotas".
"""

import pytest

from tests.calls import refused
from userpools.models import AppClient, Group, Membership, PoolUser, UserPool

pytestmark = pytest.mark.django_db


def test_a_region_holds_1000_pools_and_another_region_its_own(idp, pool, signed_client, operator):
    UserPool.objects.bulk_create(
        UserPool(id=f"us-east-1_{number:09}", name="made", region="us-east-1")
        for number in range(998)
    )
    idp.create_user_pool(PoolName="the thousandth")
    message = refused(idp, "LimitExceededException", idp.create_user_pool, PoolName="one more")
    assert "1000" in message
    there = signed_client(operator=operator, region="eu-west-1")
    assert there.create_user_pool(PoolName="elsewhere")


def test_a_pool_has_1000_clients_and_another_pool_its_own(idp, pool, make_pool):
    AppClient.objects.bulk_create(
        AppClient(client_id=f"{number:026}", pool=pool, name="made") for number in range(999)
    )
    create = idp.create_user_pool_client
    create(UserPoolId=pool.id, ClientName="the thousandth")
    refused(idp, "LimitExceededException", create, UserPoolId=pool.id, ClientName="one more")
    assert create(UserPoolId=make_pool().id, ClientName="elsewhere")


def test_a_pool_has_10000_groups_and_another_pool_its_own(idp, pool, make_pool):
    Group.objects.bulk_create(Group(pool=pool, name=f"g{number}") for number in range(9999))
    idp.create_group(UserPoolId=pool.id, GroupName="the-ten-thousandth")
    refused(
        idp, "LimitExceededException", idp.create_group, UserPoolId=pool.id, GroupName="one-more"
    )
    assert idp.create_group(UserPoolId=make_pool().id, GroupName="elsewhere")


def test_a_user_is_in_100_groups(idp, pool, user):
    groups = Group.objects.bulk_create(Group(pool=pool, name=f"g{n}") for n in range(101))
    ana = PoolUser.objects.get(pool=pool, username=user)
    Membership.objects.bulk_create(Membership(user=ana, group=group) for group in groups[:99])
    PoolUser.objects.filter(pk=ana.pk).update(group_count=99)
    who = {"UserPoolId": pool.id, "Username": user}
    idp.admin_add_user_to_group(**who, GroupName="g99")
    # The model lists no LimitExceededException for it.
    add = idp.admin_add_user_to_group
    assert "100" in refused(idp, "InvalidParameterException", add, **who, GroupName="g100")
    idp.admin_remove_user_from_group(**who, GroupName="g0")
    idp.admin_add_user_to_group(**who, GroupName="g100")
    assert ana.memberships.count() == 100


LONGEST = "\u00e9" * 1024


@pytest.mark.parametrize("value", [LONGEST + "a", "\U0001f98a" * 513])
def test_an_attribute_has_2048_bytes(idp, pool, user, value):
    def attributes(text):
        return [{"Name": "nickname", "Value": text}]

    who = {"UserPoolId": pool.id, "Username": user}
    update = idp.admin_update_user_attributes
    update(**who, UserAttributes=attributes(LONGEST))
    for call, members in (
        (update, who),
        (idp.admin_create_user, {**who, "Username": "bo"}),
    ):
        message = refused(
            idp, "InvalidParameterException", call, **members, UserAttributes=attributes(value)
        )
        assert "no longer than 2048" in message
    stored = PoolUser.objects.get(pool=pool).attributes["nickname"]
    assert stored == LONGEST


def test_a_new_pool_has_50_attributes_of_its_own_at_most(idp):
    entries = [{"Name": f"a{n}", "AttributeDataType": "String"} for n in range(51)]
    refused(idp, "InvalidParameterException", idp.create_user_pool, PoolName="p", Schema=entries)
    made = idp.create_user_pool(PoolName="p", Schema=entries[:50])["UserPool"]
    pool_id = made["Id"]
    refused(
        idp,
        "InvalidParameterException",
        idp.add_custom_attributes,
        UserPoolId=pool_id,
        CustomAttributes=entries[50:],
    )
    names = [each["Name"] for each in made["SchemaAttributes"] if ":" in each["Name"]]
    assert len(names) == 50
