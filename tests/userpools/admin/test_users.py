"""What can be done for a user, and for groups."""

from typing import Any

import jwt
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.conftest import PASSWORD
from tests.userpools.admin.conftest import form_data, last_act, page
from userpools import limits
from userpools.limits import Guard
from userpools.models import (
    AppClient,
    CodePurpose,
    Group,
    Message,
    MessageState,
    PoolUser,
    UserPool,
    UserStatus,
    VerificationCode,
)

ADD_USER = "admin:userpools_pooluser_add"
ADD_GROUP = "admin:userpools_group_add"


def act(browser: Client, user: Any, name: str, **answers: Any) -> Any:
    return browser.post(page(user._meta.model_name, user, act=name), answers)


def test_disabling_ends_sessions_and_enabling_lets_in_again(
    browser: Client, idp: Any, ana: PoolUser, client: AppClient, sign_in: Any
) -> None:
    tokens = sign_in(client)
    assert act(browser, ana, "disable").status_code == 302
    assert last_act().action == "AdminDisableUser"
    assert last_act().source == "console"
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        idp.get_user(AccessToken=tokens["AccessToken"])
    assert act(browser, ana, "enable").status_code == 302
    assert sign_in(client)


def test_an_act_that_no_longer_applies_does_nothing(browser: Client, ana: PoolUser) -> None:
    act(browser, ana, "enable")
    assert last_act().action != "AdminEnableUser"
    assert act(browser, ana, "confirm").status_code == 302
    assert last_act().action != "AdminConfirmSignUp"


def test_signing_out_everywhere_ends_sessions(
    browser: Client, idp: Any, ana: PoolUser, client: AppClient, sign_in: Any
) -> None:
    tokens = sign_in(client)
    act(browser, ana, "sign-out")
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        idp.get_user(AccessToken=tokens["AccessToken"])
    assert "Signed out" in browser.get(page("pooluser", ana)).content.decode()


def test_a_password_is_set_under_the_policy(
    browser: Client, ana: PoolUser, client: AppClient, sign_in: Any
) -> None:
    refused = act(browser, ana, "password", password="shorty", permanent="on")
    assert "did not conform with policy" in refused.context["form"].non_field_errors()[0]
    assert "shorty" not in refused.content.decode().split("<form")[2]
    assert (
        act(browser, ana, "password", password="Another-Horse-8", permanent="on").status_code == 302
    )
    assert sign_in(client, password="Another-Horse-8")
    entry = last_act()
    assert entry.action == "AdminSetUserPassword"
    assert "Another-Horse-8" not in f"{entry.before} {entry.after}"


@pytest.mark.parametrize("password", ["tiny", " Correct-Horse-9 ", "Correct-Horse-9\t"])
def test_a_password_that_the_api_refuses_is_refused_here(
    browser: Client, ana: PoolUser, client: AppClient, sign_in: Any, password: str
) -> None:
    refused = act(browser, ana, "password", password=password, permanent="on")
    assert refused.status_code == 200
    assert refused.context["form"].errors
    assert sign_in(client)["AccessToken"]


def test_a_name_with_a_space_cannot_be_created(browser: Client, pool: UserPool) -> None:
    response = add_user(browser, pool, name="two words")
    assert response.context["adminform"].form.errors
    assert not PoolUser.objects.exists()


def test_a_temporary_password_must_be_changed(browser: Client, ana: PoolUser) -> None:
    act(browser, ana, "password", password="Another-Horse-8")
    ana.refresh_from_db()
    assert ana.status == UserStatus.FORCE_CHANGE_PASSWORD


def test_a_lockout_is_shown_and_lifted(
    browser: Client, idp: Any, ana: PoolUser, client: AppClient, sign_in: Any
) -> None:
    for _ in range(6):
        with pytest.raises(idp.exceptions.NotAuthorizedException):
            sign_in(client, password="wrong-Password-1")
    PoolUser.objects.filter(pk=ana.pk).update(failed_passwords=12)
    assert "Locked out after 12" in browser.get(page("pooluser", ana)).content.decode()
    act(browser, ana, "forgive")
    assert last_act().action == "ResetUserLimits"
    assert sign_in(client)


def test_one_session_is_ended_and_the_others_go_on(
    browser: Client, idp: Any, ana: PoolUser, client: AppClient, sign_in: Any
) -> None:
    first, second = sign_in(client), sign_in(client)
    session = claim_of(first["AccessToken"], "origin_jti")
    assert session in browser.get(page("pooluser", ana)).content.decode()
    assert act(browser, ana, "end-session", session=session).status_code == 302
    assert last_act().action == "EndSession"
    with pytest.raises(idp.exceptions.NotAuthorizedException):
        idp.get_user(AccessToken=first["AccessToken"])
    assert idp.get_user(AccessToken=second["AccessToken"])["Username"] == "ana"
    assert act(browser, ana, "end-session", session=session).status_code == 200


def test_another_user_s_session_is_not_ended(
    browser: Client, idp: Any, ana: PoolUser, client: AppClient, make_user: Any, sign_in: Any
) -> None:
    make_user(ana.pool, "bo")
    sign_in(client)
    theirs = sign_in(client, "bo")
    refused = act(
        browser, ana, "end-session", session=claim_of(theirs["AccessToken"], "origin_jti")
    )
    assert refused.status_code == 200
    assert idp.get_user(AccessToken=theirs["AccessToken"])["Username"] == "bo"


def claim_of(token: str, name: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})[name])


def test_a_reset_is_offered_only_where_a_code_can_go(browser: Client, ana: PoolUser) -> None:
    assert "Reset password" not in browser.get(page("pooluser", ana)).content.decode()
    assert act(browser, ana, "reset").status_code == 302
    ana.refresh_from_db()
    assert ana.status == UserStatus.CONFIRMED


def test_a_reset_brings_a_code_and_bars_the_old_password(
    browser: Client, idp: Any, ana: PoolUser, client: AppClient, sign_in: Any, sent: Any
) -> None:
    verify_email(idp, ana)
    assert act(browser, ana, "reset").status_code == 302
    assert last_act().action == "AdminResetUserPassword"
    assert [message["to"] for message in sent()] == ["ana@example.com"]
    with pytest.raises(idp.exceptions.PasswordResetRequiredException):
        sign_in(client)


def verify_email(idp: Any, user: PoolUser) -> None:
    idp.admin_update_user_attributes(
        UserPoolId=user.pool_id,
        Username=user.username,
        UserAttributes=[
            {"Name": "email", "Value": "ana@example.com"},
            {"Name": "email_verified", "Value": "true"},
        ],
    )


def test_an_invitation_is_sent_again_with_a_new_password(
    browser: Client, pool: UserPool, sent: Any
) -> None:
    add_user(browser, pool, email="bo@example.com", send_by="EMAIL")
    bo = PoolUser.objects.get()
    assert act(browser, bo, "invite", send_by="SMS").status_code == 200
    assert act(browser, bo, "invite", send_by="EMAIL").status_code == 302
    first, second = sent()
    assert first["to"] == second["to"] == "bo@example.com"
    assert first["code"] != second["code"]


def test_who_has_chosen_a_password_is_not_invited_again(browser: Client, ana: PoolUser) -> None:
    act(browser, ana, "invite", send_by="EMAIL")
    assert not Message.objects.exists()


def test_a_confirmation_code_is_sent_again(
    browser: Client, idp: Any, make_pool: Any, make_client: Any, sent: Any
) -> None:
    home = make_pool(AutoVerifiedAttributes=["email"])
    idp.sign_up(
        ClientId=make_client(home).client_id,
        Username="bo",
        Password=PASSWORD,
        UserAttributes=[{"Name": "email", "Value": "bo@example.com"}],
    )
    bo = PoolUser.objects.get(username="bo")
    assert act(browser, bo, "resend-code").status_code == 302
    assert last_act().action == "ResendConfirmationCode"
    assert [message["to"] for message in sent()] == ["bo@example.com"] * 2
    idp.admin_confirm_sign_up(UserPoolId=home.id, Username="bo")
    act(browser, bo, "resend-code")
    assert len(sent()) == 2


def test_a_link_fills_an_act_s_form_in(browser: Client, idp: Any, ana: PoolUser) -> None:
    idp.create_group(UserPoolId=ana.pool_id, GroupName="editors")
    act(browser, ana, "join", group="editors")
    assert "act/leave/?group=editors" in browser.get(page("pooluser", ana)).content.decode()
    form = browser.get(page("pooluser", ana, act="leave"), {"group": "editors"}).context["form"]
    assert form["group"].value() == "editors"


def test_a_page_shows_only_what_the_operator_may_see(
    browser_of: Any, idp: Any, ana: PoolUser
) -> None:
    idp.create_group(UserPoolId=ana.pool_id, GroupName="editors")
    idp.admin_add_user_to_group(UserPoolId=ana.pool_id, Username="ana", GroupName="editors")
    response = browser_of("view_pooluser").get(page("pooluser", ana))
    titles = [card.title for card in response.context["cards"]]
    assert "Messages" not in titles
    assert "Recent sign-in events" not in titles
    assert not response.context["buttons"]
    assert "act/leave/" not in response.content.decode()


@pytest.mark.parametrize("query", [{}, {"q": "user1"}, {"q": "user1@example.com"}])
def test_the_list_asks_as_many_queries_for_many_users_as_for_few(
    browser: Client,
    pool: UserPool,
    query: dict[str, str],
    django_assert_max_num_queries: Any,
) -> None:
    PoolUser.objects.bulk_create(
        PoolUser(pool=pool, username=f"user{n}", username_key=f"user{n}") for n in range(60)
    )
    with django_assert_max_num_queries(8):
        browser.get(page("pooluser"), query)


def test_an_unconfirmed_user_is_confirmed(browser: Client, ana: PoolUser) -> None:
    PoolUser.objects.filter(pk=ana.pk).update(status=UserStatus.UNCONFIRMED)
    assert act(browser, ana, "confirm").status_code == 302
    ana.refresh_from_db()
    assert ana.status == UserStatus.CONFIRMED


def test_attributes_are_changed_by_the_rules_of_every_door(browser: Client, ana: PoolUser) -> None:
    address = page("pooluser", ana, act="attributes")
    data = form_data(browser.get(address))
    assert "sub" not in data
    refused = browser.post(address, {**data, "email": "not an address"})
    assert refused.context["form"].non_field_errors() == ["Invalid email address format."]
    browser.post(address, {**data, "email": "new@example.com", "name": "Ana"})
    ana.refresh_from_db()
    assert ana.attributes["email"] == "new@example.com"
    assert ana.attributes["email_verified"] == "false"
    assert last_act().after == ["email", "name"]


def test_a_user_is_added_to_a_group_and_taken_out(browser: Client, idp: Any, ana: PoolUser) -> None:
    idp.create_group(UserPoolId=ana.pool_id, GroupName="editors")
    assert act(browser, ana, "join", group="editors").status_code == 302
    assert last_act().action == "AdminAddUserToGroup"
    assert act(browser, ana, "join", group="editors").status_code == 200
    assert act(browser, ana, "leave", group="editors").status_code == 302
    ana.refresh_from_db()
    assert ana.group_count == 0


def test_a_group_of_another_pool_cannot_be_joined(browser: Client, idp: Any, ana: PoolUser) -> None:
    other = idp.create_user_pool(PoolName="other")["UserPool"]["Id"]
    idp.create_group(UserPoolId=other, GroupName="admins")
    assert act(browser, ana, "join", group="admins").status_code == 200
    assert not ana.memberships.exists()


def test_a_user_is_deleted_by_name(browser: Client, ana: PoolUser) -> None:
    assert act(browser, ana, "delete", confirmation="bo").status_code == 200
    assert act(browser, ana, "delete", confirmation="ana").status_code == 302
    assert not PoolUser.objects.exists()
    assert last_act().action == "AdminDeleteUser"


def add_user(browser: Client, home: UserPool, **answers: Any) -> Any:
    return browser.post(reverse(ADD_USER), {"pool": home.pk, "name": "bo", **answers})


def test_a_user_is_added_with_a_temporary_password(browser: Client, pool: UserPool) -> None:
    response = add_user(
        browser, pool, email="bo@example.com", email_verified="on", temporary_password=PASSWORD
    )
    assert response.status_code == 302
    bo = PoolUser.objects.get()
    assert bo.status == UserStatus.FORCE_CHANGE_PASSWORD
    assert bo.attributes == {"email": "bo@example.com", "email_verified": "true"}
    assert not Message.objects.exists()
    assert last_act().action == "AdminCreateUser"


def test_an_invitation_brings_the_password(browser: Client, pool: UserPool, sent: Any) -> None:
    assert add_user(browser, pool, email="bo@example.com", send_by="EMAIL").status_code == 302
    assert [message["to"] for message in sent()] == ["bo@example.com"]


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"temporary_password": "short"},
        {"send_by": "EMAIL"},
        {"temporary_password": PASSWORD, "email": "nonsense"},
        {"temporary_password": PASSWORD, "name": "ana"},
        {"temporary_password": PASSWORD, "name": ""},
        {"temporary_password": PASSWORD, "pool": "us-east-1_nowhere"},
    ],
)
def test_a_user_that_cannot_be_is_an_error_of_the_form(
    browser: Client, pool: UserPool, user: str, answers: dict[str, str]
) -> None:
    response = add_user(browser, pool, **answers)
    assert response.status_code == 200
    assert response.context["adminform"].form.errors
    assert PoolUser.objects.count() == 1
    assert PASSWORD not in response.content.decode()


@pytest.mark.parametrize("term", ["ana", "AN", "ana@exam", "ANA@EXAMPLE.COM", "+4915"])
def test_a_user_is_found_by_the_beginning_of_a_name(
    browser: Client, pool: UserPool, make_user: Any, term: str
) -> None:
    idp_case = {"email": "ana@example.com", "phone_number": "+491512345"}
    make_user(pool, "Ana" if term == "AN" else "ana", **idp_case)
    make_user(pool, "bo", email="bo@example.com")
    found = browser.get(page("pooluser"), {"q": term}).context["cl"].result_list
    assert [user.username.lower() for user in found] == ["ana"]


def test_users_are_filtered_by_pool_and_status(
    browser: Client, idp: Any, ana: PoolUser, make_user: Any
) -> None:
    make_user(ana.pool, "bo")
    idp.admin_disable_user(UserPoolId=ana.pool_id, Username="bo")
    other = UserPool.objects.get(pk=idp.create_user_pool(PoolName="other")["UserPool"]["Id"])
    make_user(other, "chen")

    def names(**query: str) -> list[str]:
        return [
            user.username for user in browser.get(page("pooluser"), query).context["cl"].result_list
        ]

    assert names(pool__id__exact=ana.pool_id) == ["ana", "bo"]
    assert names(enabled__exact="0") == ["bo"]
    assert names(status="UNCONFIRMED") == []


def add_group(browser: Client, pool: UserPool, **answers: Any) -> Any:
    return browser.post(reverse(ADD_GROUP), {"pool": pool.pk, "group_name": "editors", **answers})


def test_a_group_is_created_changed_and_deleted(browser: Client, idp: Any, pool: UserPool) -> None:
    assert (
        add_group(browser, pool, group_precedence="3", group_description="They edit").status_code
        == 302
    )
    group = Group.objects.get()
    assert (group.precedence, group.description) == (3, "They edit")
    data = form_data(browser.get(page("group", group)))
    data.pop("group_precedence")
    assert browser.post(page("group", group), {**data, "group_description": ""}).status_code == 302
    shown = idp.get_group(UserPoolId=pool.id, GroupName="editors")["Group"]
    assert "Precedence" not in shown
    assert not shown.get("Description")
    assert act(browser, group, "delete", confirmation="editors").status_code == 302
    assert not Group.objects.exists()
    assert last_act().action == "DeleteGroup"


def test_a_taken_or_malformed_group_name_is_an_error(browser: Client, pool: UserPool) -> None:
    add_group(browser, pool)
    taken = add_group(browser, pool)
    assert taken.context["adminform"].form.non_field_errors() == [
        "A group with the name already exists."
    ]
    malformed = add_group(browser, pool, group_name="two words")
    assert "group_name" in malformed.context["adminform"].form.errors
    assert Group.objects.count() == 1


def test_members_are_added_by_any_of_their_names(browser: Client, idp: Any, ana: PoolUser) -> None:
    add_group(browser, ana.pool)
    group = Group.objects.get()
    assert act(browser, group, "add-member", username=str(ana.sub)).status_code == 302
    unknown = act(browser, group, "add-member", username="nobody")
    assert unknown.context["form"].non_field_errors() == ["User does not exist."]
    html = browser.get(page("group", group)).content.decode()
    assert "ana" in html
    assert act(browser, group, "remove-member", username="ana").status_code == 302
    assert not group.memberships.exists()


def test_a_failed_message_is_sent_again(browser: Client, pool: UserPool, sent: Any) -> None:
    add_user(browser, pool, email="bo@example.com", send_by="EMAIL")
    message = Message.objects.get()
    assert act(browser, message, "retry").status_code == 302
    assert last_act().action != "RetryMessage"
    Message.objects.update(state=MessageState.FAILED, last_error="SMTP said no")
    assert "SMTP said no" in browser.get(page("message", message)).content.decode()
    act(browser, message, "retry")
    assert last_act().action == "RetryMessage"
    assert len(sent()) == 1


def test_a_message_s_page_never_says_what_it_says(
    browser: Client, pool: UserPool, sent: Any
) -> None:
    add_user(browser, pool, email="bo@example.com", send_by="EMAIL")
    html = browser.get(page("message", Message.objects.get())).content.decode()
    code = sent()[0]["code"]
    assert code not in html
    assert "bo@example.com" not in html


def test_limits_are_shown_and_reset(browser: Client, idp: Any, ana: PoolUser) -> None:
    subject = limits.subject_of(ana)
    for _ in range(5):
        limits.take_guard(Guard.CHANGE_PASSWORD, subject)
    VerificationCode.objects.create(
        user=ana,
        purpose=CodePurpose.VERIFY_ATTRIBUTE,
        attribute="email",
        code_hash=b"hash",
        expires_at=timezone.now(),
        tries=15,
        tries_since=timezone.now(),
    )
    shown = browser.get(page("pooluser", ana)).content.decode()
    for text in (
        "Limits",
        "ChangePassword",
        "5 an hour",
        "VerifyUserAttribute email",
        "15 an hour",
    ):
        assert text in shown
    assert act(browser, ana, "forgive").status_code == 302
    entry = last_act()
    assert (entry.action, entry.resource, entry.source) == ("ResetUserLimits", "ana", "console")
    limits.take_guard(Guard.CHANGE_PASSWORD, subject)
    assert not VerificationCode.objects.get().tries


def test_nothing_counted_is_nothing_to_reset(browser: Client, ana: PoolUser) -> None:
    address = page("pooluser", ana, act="forgive")
    assert address not in browser.get(page("pooluser", ana)).content.decode()
    limits.take_guard(Guard.FORGOT_PASSWORD, limits.subject_of(ana))
    assert address in browser.get(page("pooluser", ana)).content.decode()


def test_limits_are_reset_by_whoever_may_change_users(browser_of: Any, ana: PoolUser) -> None:
    limits.take_guard(Guard.FORGOT_PASSWORD, limits.subject_of(ana))
    assert act(browser_of("view_pooluser"), ana, "forgive").status_code == 403
    assert limits.guard_count(Guard.FORGOT_PASSWORD, limits.subject_of(ana)) == 1
