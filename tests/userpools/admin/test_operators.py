"""Operators, access keys, and what those without all rights may not do."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group as PermissionGroup
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from tests.userpools.admin.conftest import form_data, last_act, page
from userpools.models import AccessKey, AuditEntry, Group, Operator, PoolUser, UserPool

ADD_KEY = "admin:userpools_accesskey_add"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "cognito-idp:List*", "Resource": "*"}],
}


def add_key(browser: Client, operator: Operator, **answers: Any) -> Any:
    return browser.post(reverse(ADD_KEY), {"operator": operator.pk, "description": "CI", **answers})


@pytest.fixture
def clerk(browser_of: Any) -> Operator:
    browser_of(name="other-clerk")
    return Operator.objects.get(username="other-clerk")


def test_a_new_key_is_shown_once_and_works(
    browser: Client, operator: Operator, application: Any
) -> None:
    from tests import in_process  # noqa: PLC0415

    response = add_key(browser, operator)
    key = AccessKey.objects.get()
    shown = browser.get(response.url)
    html = shown.content.decode()
    assert key.secret() in html.replace("&#x2F;", "/").replace("&#x2B;", "+")
    assert "no-store" in shown["Cache-Control"]
    assert browser.get(response.url).status_code == 302
    for address in (page("accesskey"), page("accesskey", key), page("auditentry", last_act())):
        assert key.secret() not in browser.get(address).content.decode()
    idp = in_process.client(
        "cognito-idp",
        application,
        access_key_id=key.access_key_id,
        secret_access_key=key.secret(),
        region="us-east-1",
    )
    assert idp.list_user_pools(MaxResults=1)["UserPools"] == []
    entry = AuditEntry.objects.get(action="CreateAccessKey")
    assert entry.resource == key.access_key_id
    assert key.secret() not in json.dumps(entry.after)


def test_a_policy_is_kept_as_given(browser: Client, clerk: Operator) -> None:
    add_key(browser, clerk, policy=json.dumps(POLICY))
    assert AccessKey.objects.get().policy == POLICY


@pytest.mark.parametrize(
    "policy",
    [
        "{",
        "[]",
        '"text"',
        "{}",
        '{"Version": "2012-10-17", "Statement": []}',
        '{"Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]}',
        '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}}]}',
        '{"Statement": [{"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}]}',
        "NaN",
    ],
)
def test_a_policy_that_cannot_be_evaluated_is_refused(
    browser: Client, clerk: Operator, policy: str
) -> None:
    response = add_key(browser, clerk, policy=policy)
    assert "policy" in response.context["adminform"].form.errors
    assert not AccessKey.objects.exists()


def test_a_key_is_disabled_enabled_and_deleted(
    browser: Client, operator: Operator, signed_client: Any
) -> None:
    idp = signed_client(operator=operator)
    key = AccessKey.objects.get()
    idp.list_user_pools(MaxResults=1)
    browser.post(page("accesskey", key, act="disable"))
    assert last_act().action == "DisableAccessKey"
    with pytest.raises(Exception, match="UnrecognizedClientException"):
        idp.list_user_pools(MaxResults=1)
    browser.post(page("accesskey", key, act="enable"))
    idp.list_user_pools(MaxResults=1)
    browser.post(page("accesskey", key, act="delete"))
    assert not AccessKey.objects.exists()


def test_a_policy_is_changed_with_the_act_on_record(browser: Client, operator: Operator) -> None:
    key, _ = AccessKey.issue(operator)
    data = form_data(browser.get(page("accesskey", key)))
    assert "operator" not in data
    response = browser.post(page("accesskey", key), {**data, "policy": json.dumps(POLICY)})
    assert response.status_code == 302
    entry = last_act()
    assert entry.action == "UpdateAccessKey"
    assert entry.before["Policy"] is None
    assert entry.after["Policy"] == POLICY


ALL_OF_KEYS = ("view_accesskey", "add_accesskey", "change_accesskey", "delete_accesskey")


def test_only_superusers_make_keys(browser_of: Any) -> None:
    browser = browser_of(*ALL_OF_KEYS)
    clerk = Operator.objects.get(username="clerk")
    assert browser.get(reverse(ADD_KEY)).status_code == 403
    assert add_key(browser, clerk).status_code == 403
    assert not AccessKey.objects.exists()


def test_others_see_and_disable_their_own_keys_alone(browser_of: Any, operator: Operator) -> None:
    browser = browser_of(*ALL_OF_KEYS)
    own, _ = AccessKey.issue(Operator.objects.get(username="clerk"), description="mine")
    foreign, _ = AccessKey.issue(operator, description="theirs")
    assert list(browser.get(page("accesskey")).context["cl"].result_list) == [own]
    assert browser.get(page("accesskey", own)).status_code == 200
    assert browser.get(page("accesskey", foreign)).status_code == 302
    assert browser.post(page("accesskey", foreign, act="disable")).status_code == 404
    assert browser.post(page("accesskey", own, act="disable")).status_code == 302
    own.refresh_from_db()
    assert not own.is_active
    assert browser.post(page("accesskey", own, act="enable")).status_code == 403
    assert browser.post(page("accesskey", own, act="delete")).status_code == 403


def test_others_cannot_widen_their_own_key(browser_of: Any) -> None:
    browser = browser_of(*ALL_OF_KEYS)
    key, _ = AccessKey.issue(Operator.objects.get(username="clerk"), policy=POLICY)
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    browser.post(
        page("accesskey", key),
        {"description": "new words", "policy": json.dumps(everything), "is_active": "on"},
    )
    key.refresh_from_db()
    assert key.description == "new words"
    assert key.policy == POLICY


def test_others_cannot_manage_operators_whatever_they_were_given(
    browser_of: Any, operator: Operator
) -> None:
    browser = browser_of(
        "view_operator", "add_operator", "change_operator", "delete_operator", "view_group",
        "add_group", "change_group", "delete_group", "change_permission",
    )  # fmt: skip
    clerk = Operator.objects.get(username="clerk")
    for address in (
        page("operator"),
        page("operator", clerk),
        reverse("admin:userpools_operator_add"),
        page("operator", operator, act="delete"),
        reverse("admin:auth_user_password_change", args=[operator.pk]),
        reverse("admin:auth_group_changelist"),
        reverse("admin:auth_group_add"),
    ):
        assert browser.get(address).status_code == 403, address
    browser.post(page("operator", clerk), {"username": "clerk", "is_superuser": "on"})
    clerk.refresh_from_db()
    assert not clerk.is_superuser


def test_without_permissions_there_is_an_empty_overview_and_nothing_else(
    browser_of: Any, ana: PoolUser
) -> None:
    browser = browser_of()
    overview = browser.get(reverse("admin:index"))
    assert overview.status_code == 200
    assert overview.context["tiles"] == []
    for model in ("userpool", "pooluser", "appclient", "auditentry", "accesskey", "message"):
        assert browser.get(page(model)).status_code == 403
    assert browser.get(page("pooluser", ana)).status_code == 403
    assert browser.post(page("pooluser", ana, act="disable")).status_code == 403
    ana.refresh_from_db()
    assert ana.enabled


def test_looking_is_not_touching(browser_of: Any, ana: PoolUser) -> None:
    browser = browser_of("view_pooluser", "view_userpool")
    html = browser.get(page("pooluser", ana)).content.decode()
    assert "Set password" not in html
    assert "Danger zone" not in html
    for name in ("disable", "password", "attributes", "delete", "sign-out", "join"):
        assert browser.post(page("pooluser", ana, act=name)).status_code == 403
    assert browser.get(page("userpool", ana.pool)).status_code == 200
    assert browser.post(page("userpool", ana.pool), {"pool_name": "mine"}).status_code == 403
    assert UserPool.objects.get().name == "people"


def test_changing_users_is_not_deleting_them(browser_of: Any, ana: PoolUser) -> None:
    browser = browser_of("view_pooluser", "change_pooluser")
    assert browser.post(page("pooluser", ana, act="disable")).status_code == 302
    assert (
        browser.post(page("pooluser", ana, act="delete"), {"confirmation": "ana"}).status_code
        == 403
    )


def test_only_superusers_pass_a_role_to_a_group(
    browser_of: Any, browser: Client, pool: UserPool
) -> None:
    arn = "arn:aws:iam::000000000000:role/admin"
    add = reverse("admin:userpools_group_add")
    clerk = browser_of("add_group", "view_group", "change_group")
    grant = Permission.objects.filter(
        content_type__app_label="userpools", codename__endswith="_group"
    )
    Operator.objects.get(username="clerk").user_permissions.set(grant)
    clerk.post(add, {"pool": pool.pk, "group_name": "mine", "role": arn})
    assert Group.objects.get(name="mine").role_arn == ""
    browser.post(add, {"pool": pool.pk, "group_name": "theirs", "role": arn})
    assert Group.objects.get(name="theirs").role_arn == arn


def test_operators_are_made_changed_and_deleted_on_record(
    browser: Client, operator: Operator
) -> None:
    browser.post(
        reverse("admin:userpools_operator_add"),
        {
            "username": "eve",
            "usable_password": "true",
            "password1": "a-long-Pass-phrase-1",
            "password2": "a-long-Pass-phrase-1",
            "is_staff": "on",
        },
    )
    eve = Operator.objects.get(username="eve")
    entry = last_act()
    assert entry.action == "CreateOperator"
    assert "a-long-Pass-phrase-1" not in json.dumps(entry.after)
    data = form_data(browser.get(page("operator", eve)))
    data.pop("password", None)
    assert browser.post(page("operator", eve), {**data, "is_superuser": "on"}).status_code == 302
    entry = last_act()
    assert (entry.before["is_superuser"], entry.after["is_superuser"]) == (False, True)
    assert (
        browser.post(page("operator", eve, act="delete"), {"confirmation": "eve"}).status_code
        == 302
    )
    assert last_act().action == "DeleteOperator"


def test_setting_an_operator_s_password_is_on_record(browser: Client, clerk: Operator) -> None:
    address = reverse("admin:auth_user_password_change", args=[clerk.pk])
    answers = {"password1": "a-long-Pass-phrase-1", "password2": "a-long-Pass-phrase-1"}
    assert browser.post(address, {**answers, "usable_password": "true"}).status_code == 302
    assert last_act().action == "SetOperatorPassword"
    assert last_act().resource == "other-clerk"


def test_permission_groups_are_made_on_record(browser: Client, operator: Operator) -> None:
    allowed = Permission.objects.get(codename="view_userpool")
    browser.post(reverse("admin:auth_group_add"), {"name": "readers", "permissions": [allowed.pk]})
    assert PermissionGroup.objects.get().permissions.get() == allowed
    assert last_act().action == "CreateOperatorGroup"
    assert last_act().after == {"name": "readers", "permissions": ["view_userpool"]}


def test_the_history_of_an_object_is_the_audit_trail(browser: Client, pool: UserPool) -> None:
    address = reverse("admin:userpools_userpool_history", args=[pool.pk.replace("_", "_5F")])
    response = browser.get(address, follow=True)
    assert [entry.action for entry in response.context["cl"].result_list] == ["CreateUserPool"]
