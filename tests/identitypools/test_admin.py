"""The console's pages of identity pools."""

import json

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from identitypools.models import Identity, IdentityPool, OidcProvider, Role
from identitypools.role_records import trust_of
from tests.identitypools.conftest import ANYTHING, provider_of
from tests.userpools.admin.conftest import form_data
from userpools.models import AuditEntry, Operator


@pytest.fixture
def browser(operator):
    client = Client()
    client.force_login(operator)
    return client


def page(model, obj=None, act=""):
    if act:
        return reverse(f"admin:identitypools_{model}_act", args=[quote(str(obj.pk)), act])
    if obj is None:
        return reverse(f"admin:identitypools_{model}_changelist")
    return reverse(f"admin:identitypools_{model}_change", args=[quote(str(obj.pk))])


@pytest.fixture
def identity(ci, identity_pool, login):
    made = ci.get_id(IdentityPoolId=identity_pool.id, Logins=login)
    return Identity.objects.get(pk=made["IdentityId"])


MODELS = ["identitypool", "identity", "role", "oidcprovider"]


@pytest.mark.parametrize("model", MODELS)
def test_nobody_but_superusers_opens_a_page(model, identity):
    clerk = Operator.objects.create_user("clerk", password="operator-password-2", is_staff=True)
    clerk.user_permissions.set(Permission.objects.all())
    browser = Client()
    browser.force_login(clerk)
    assert browser.get(page(model)).status_code == 403
    assert browser.get(reverse("admin:index")).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_lists_open_empty(browser, model):
    assert browser.get(page(model)).status_code == 200


def test_lists_open_filled_and_in_a_fixed_number_of_queries(
    browser, ci, identity, identity_pool, another_login, django_assert_max_num_queries
):
    for name in ("ben", "cara"):
        ci.get_id(IdentityPoolId=identity_pool.id, Logins=another_login(name))
    assert identity_pool.id in browser.get(page("identitypool")).content.decode()
    with django_assert_max_num_queries(12):
        shown = browser.get(page("identity")).content.decode()
    assert identity.pk in shown
    found = browser.get(page("identity"), {"q": identity.logins.get().subject}).content.decode()
    assert identity.pk in found


def test_a_pools_page_sends_back_what_it_shows(browser, identity_pool):
    before = IdentityPool.objects.values().get()
    address = page("identitypool", identity_pool)
    shown = browser.get(address)
    assert shown.status_code == 200
    saved = browser.post(address, form_data(shown))
    assert saved.status_code == 302
    after = IdentityPool.objects.values().get()
    changed = {name for name, value in after.items() if value != before[name]}
    assert changed <= {"version", "modified_at"}


def test_a_pool_is_made_with_roles(browser, make_role):
    role = make_role("member")
    answer = browser.post(
        reverse("admin:identitypools_identitypool_add"),
        {
            "name": "app",
            "login_providers": "accounts.google.com = 1;2",
            "user_pool_clients": "[]",
            "authenticated": role.arn,
            "role_mappings": "{}",
            "vendor": "sts",
            "sts_endpoint": "https://sts.example/",
            "tags": "team = red",
        },
    )
    assert answer.status_code == 302
    pool = IdentityPool.objects.get()
    assert pool.roles == {"authenticated": role.arn}
    assert pool.login_providers == {"accounts.google.com": "1;2"}
    assert (pool.vendor, pool.sts_endpoint) == ("sts", "https://sts.example")
    assert not pool.allow_unauthenticated
    assert AuditEntry.objects.filter(source="console", pool_id=pool.pk).count() == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"sts_endpoint": "http://testserver"},
        {"sts_endpoint": "ftp://sts.example"},
        {"role_mappings": "{"},
        {"role_mappings": '{"nobody.example": {"Type": "Token"}}'},
        {"user_pool_clients": "{}"},
        {"login_providers": "api.twitter.com = 1"},
        {"authenticated": "short"},
    ],
)
def test_what_the_service_refuses_is_an_error_of_the_form(browser, changed):
    given = {"name": "app", "user_pool_clients": "[]", "role_mappings": "{}", **changed}
    answer = browser.post(reverse("admin:identitypools_identitypool_add"), given)
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert not IdentityPool.objects.exists()


def test_a_rule_over_an_attribute_that_users_write_is_warned_of(
    browser, ci, identity_pool, pool, client, make_role
):
    rule = {"Claim": "nickname", "MatchType": "Equals", "Value": "admin"}
    mapping = {
        "Type": "Rules",
        "AmbiguousRoleResolution": "Deny",
        "RulesConfiguration": {"Rules": [{**rule, "RoleARN": make_role("admins").arn}]},
    }
    name = f"{provider_of(pool)}:{client.client_id}"
    before = browser.get(page("identitypool", identity_pool)).content.decode()
    assert "Users may write" not in before
    ci.set_identity_pool_roles(
        IdentityPoolId=identity_pool.id, Roles={}, RoleMappings={name: mapping}
    )
    shown = browser.get(page("identitypool", identity_pool)).content.decode()
    assert "Users may write nickname themselves" in shown


def test_the_tester_says_which_role_and_why(browser, identity_pool, pool, token):
    address = page("identitypool", identity_pool, "test-token")
    assert browser.get(address).status_code == 200
    given = {"provider": provider_of(pool), "token": token, "custom_role": ""}
    shown = browser.post(address, given)
    text = shown.content.decode()
    assert identity_pool.roles["authenticated"] in text
    assert "ana@example.com" in text
    assert token not in text
    assert "no-store" in shown["Cache-Control"]
    assert not Identity.objects.exists()
    refused = browser.post(address, {**given, "token": token[:-4] + "AAAA"}).content.decode()
    assert "NotAuthorizedException" in refused
    guest = browser.post(address, {"provider": "", "token": "", "custom_role": ""})
    assert identity_pool.roles["unauthenticated"] in guest.content.decode()


def test_the_tester_says_that_the_trust_policy_refuses(browser, identity_pool, pool, token):
    Role.objects.filter(name="member").update(trust_policy=trust_of("us-east-1:other"))
    given = {"provider": provider_of(pool), "token": token, "custom_role": ""}
    shown = browser.post(page("identitypool", identity_pool, "test-token"), given)
    assert "trust policy refuses" in shown.content.decode()


def test_a_pool_is_deleted_by_name(browser, identity_pool, identity):
    address = page("identitypool", identity_pool, "delete")
    assert browser.post(address, {"confirmation": "other"}).status_code == 200
    assert IdentityPool.objects.exists()
    browser.post(address, {"confirmation": identity_pool.name})
    assert not Identity.objects.exists()


def role_form(**changed):
    return {
        "name": "reader",
        "path": "/",
        "trust_policy": json.dumps(trust_of("us-east-1:a")),
        "policy": json.dumps(ANYTHING),
        "max_session_seconds": "3600",
        **changed,
    }


def test_a_role_is_made_changed_and_deleted(browser):
    assert browser.get(reverse("admin:identitypools_role_add")).status_code == 200
    browser.post(reverse("admin:identitypools_role_add"), role_form())
    role = Role.objects.get()
    assert role.arn == "arn:aws:iam::000000000000:role/reader"
    shown = browser.get(page("role", role))
    allowed = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    browser.post(page("role", role), {**form_data(shown), "policy": json.dumps(allowed)})
    role.refresh_from_db()
    assert role.policy == allowed
    browser.post(page("role", role, "delete"), {"confirmation": "reader"})
    actions = AuditEntry.objects.filter(resource=role.arn).values_list("action", flat=True)
    assert set(actions) == {"CreateRole", "UpdateRole", "DeleteRole"}


@pytest.mark.parametrize(
    "changed",
    [
        {
            "policy": json.dumps(
                {"Statement": [{**ANYTHING["Statement"][0], "Condition": {}, "x": 1}]}
            )
        },
        {"policy": "{"},
        {"policy": ""},
        {"trust_policy": json.dumps(ANYTHING)},
        {"name": "a b"},
        {"path": "no-slash"},
        {"max_session_seconds": "60"},
    ],
)
def test_a_role_that_is_not_wholly_evaluated_is_refused(browser, changed):
    answer = browser.post(reverse("admin:identitypools_role_add"), role_form(**changed))
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert not Role.objects.exists()


def test_the_simulator_says_which_statement_decides(browser, make_role):
    role = make_role(
        "prefix",
        policy={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "OwnTeam",
                    "Effect": "Allow",
                    "Action": "*",
                    "Resource": "arn:aws:s3:::b/${aws:PrincipalTag/team}/*",
                }
            ],
        },
    )
    address = page("role", role, "simulate")
    given = {"action": "s3:GetObject", "resource": "arn:aws:s3:::b/red/a", "tags": "team = red"}
    assert "OwnTeam" in browser.post(address, given).content.decode()
    denied = browser.post(address, {**given, "tags": "team = blue"}).content.decode()
    assert "No statement allows it." in denied
    other = {"action": "iam:CreateUser", "resource": "arn:aws:s3:::b/red/a", "tags": "team = red"}
    assert "limit of guests" in browser.post(address, {**other, "guest": "on"}).content.decode()


def test_a_provider_is_registered_changed_and_removed(browser):
    add = reverse("admin:identitypools_oidcprovider_add")
    refused = browser.post(add, {"issuer": "http://a.example", "client_ids": "one"})
    assert refused.context["adminform"].form.errors
    browser.post(add, {"issuer": "https://a.example", "client_ids": "one\ntwo"})
    provider = OidcProvider.objects.get()
    assert provider.client_ids == ["one", "two"]
    browser.post(page("oidcprovider", provider), {"client_ids": "three"})
    assert OidcProvider.objects.get().client_ids == ["three"]
    browser.post(page("oidcprovider", provider, "remove"))
    assert not OidcProvider.objects.exists()


def test_an_identitys_page_shows_logins_and_ends_credentials(browser, identity):
    shown = browser.get(page("identity", identity)).content.decode()
    assert identity.logins.get().subject in shown
    browser.post(page("identity", identity, "end-credentials"))
    identity.refresh_from_db()
    assert identity.not_before is not None
    browser.post(page("identity", identity, "delete"))
    assert not Identity.objects.exists()
