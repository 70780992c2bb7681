"""Acts on many users at once: what they ask, what they change, and what they leave alone."""

from typing import Any

import pytest
from django.test import Client

from tests.userpools.admin.conftest import page
from userpools.admin import bulk
from userpools.models import AuditEntry, Message, MessageState, PoolUser, UserPool, UserStatus

CHOSEN = "_selected_action"


@pytest.fixture
def crowd(pool: UserPool, make_user: Any) -> list[PoolUser]:
    for name in ("ana", "bo", "chen", "dee", "eve"):
        make_user(pool, name)
    return list(PoolUser.objects.order_by("pk"))


def ask(
    browser: Client, act: str, chosen: list[Any], *, model: str = "pooluser", **query: str
) -> Any:
    """Choose rows of a list and an act, as the list's form does."""
    return post(browser, act, chosen, {}, model=model, **query)


def post(
    browser: Client,
    act: str,
    chosen: list[Any],
    data: dict[str, Any],
    *,
    model: str = "pooluser",
    **query: str,
) -> Any:
    address = page(model) + ("?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else "")
    keys = [str(each.pk) for each in chosen]
    return browser.post(address, {"action": act, CHOSEN: keys, **data})


def confirm(browser: Client, asked: Any, chosen: list[Any], **answers: Any) -> Any:
    """Press the button of the page that asks."""
    context = asked.context
    data = {
        "progress": context["progress_sealed"],
        "select_across": context["select_across"],
        **answers,
    }
    address = asked.request["PATH_INFO"] + "?" + asked.request["QUERY_STRING"]
    keys = [str(each.pk) for each in chosen]
    return browser.post(address, {"action": context["bulk"].act.name, CHOSEN: keys, **data})


def told(browser: Client) -> list[str]:
    return [str(each) for each in browser.get(page("pooluser")).context["messages"]]


def enabled() -> int:
    return PoolUser.objects.filter(enabled=True).count()


def test_nothing_happens_before_it_is_confirmed(browser: Client, crowd: list[PoolUser]) -> None:
    asked = ask(browser, "disable", crowd)
    assert asked.status_code == 200
    assert "5 users" in asked.content.decode()
    assert enabled() == 5


@pytest.mark.parametrize("progress", ["", "nonsense", "WzFd:1abc:xyz"])
def test_a_forged_confirmation_only_asks(
    browser: Client, crowd: list[PoolUser], progress: str
) -> None:
    assert post(browser, "disable", crowd, {"progress": progress}).status_code == 200
    assert enabled() == 5


def test_the_confirmation_of_one_act_serves_no_other(
    browser: Client, crowd: list[PoolUser]
) -> None:
    sealed = ask(browser, "sign-out", crowd).context["progress_sealed"]
    assert post(browser, "disable", crowd, {"progress": sealed}).status_code == 200
    assert enabled() == 5


def test_the_confirmation_of_one_operator_serves_no_other(
    browser: Client, browser_of: Any, crowd: list[PoolUser]
) -> None:
    sealed = ask(browser, "disable", crowd).context["progress_sealed"]
    clerk = browser_of("view_pooluser", "change_pooluser")
    assert post(clerk, "disable", crowd, {"progress": sealed}).status_code == 200
    assert enabled() == 5


def test_chosen_users_are_disabled_one_by_one(browser: Client, crowd: list[PoolUser]) -> None:
    asked = ask(browser, "disable", crowd[:2])
    assert confirm(browser, asked, crowd[:2]).status_code == 302
    assert enabled() == 3
    entries = AuditEntry.objects.filter(action="AdminDisableUser")
    assert {entry.resource for entry in entries} == {"ana", "bo"}
    assert {entry.source for entry in entries} == {"console"}
    assert told(browser) == ["2 users: disabled."]


def test_users_that_an_act_does_not_fit_are_left_alone_and_counted(
    browser: Client, crowd: list[PoolUser]
) -> None:
    PoolUser.objects.filter(pk=crowd[0].pk).update(status=UserStatus.UNCONFIRMED)
    confirm(browser, ask(browser, "confirm", crowd), crowd)
    assert told(browser) == [
        "1 user: confirmed.",
        "4 users: left alone, they await no confirmation.",
    ]


def test_a_refusal_keeps_nobody_else_from_being_changed(
    browser: Client, idp: Any, pool: UserPool, crowd: list[PoolUser]
) -> None:
    idp.create_group(UserPoolId=pool.id, GroupName="full")
    for number in range(100):
        idp.create_group(UserPoolId=pool.id, GroupName=f"g{number}")
        idp.admin_add_user_to_group(UserPoolId=pool.id, Username="ana", GroupName=f"g{number}")
    confirm(browser, ask(browser, "join", crowd), crowd, group="full")
    success, refusal = told(browser)
    assert success == "4 users: in the group."
    assert refusal.startswith("1 user: refused. ")


def test_all_that_a_filter_leaves_are_changed_and_no_others(
    browser: Client, idp: Any, crowd: list[PoolUser]
) -> None:
    other = idp.create_user_pool(PoolName="other")["UserPool"]["Id"]
    idp.admin_create_user(UserPoolId=other, Username="zoe", MessageAction="SUPPRESS")
    pool_id = crowd[0].pool_id
    asked = post(browser, "disable", crowd[:1], {"select_across": "1"}, pool__id__exact=pool_id)
    assert asked.context["progress"].total == 5
    confirm(browser, asked, crowd[:1])
    assert list(PoolUser.objects.filter(enabled=True)) == [PoolUser.objects.get(username="zoe")]


def test_more_than_a_batch_goes_on_from_page_to_page(
    browser: Client, crowd: list[PoolUser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH", 2)
    page_ = ask(browser, "disable", crowd)
    for left in (3, 1):
        page_ = confirm(browser, page_, crowd)
        assert page_.status_code == 200
        assert enabled() == left
    assert confirm(browser, page_, crowd).status_code == 302
    assert told(browser) == ["5 users: disabled."]


def test_deleting_many_asks_for_their_number(browser: Client, crowd: list[PoolUser]) -> None:
    asked = ask(browser, "delete", crowd[:3])
    wrong = confirm(browser, asked, crowd[:3], confirmation="5")
    assert "Type 3." in wrong.content.decode()
    assert PoolUser.objects.count() == 5
    assert confirm(browser, asked, crowd[:3], confirmation="3").status_code == 302
    assert PoolUser.objects.count() == 2
    assert AuditEntry.objects.filter(action="AdminDeleteUser").count() == 3


def test_a_list_that_grew_meanwhile_is_confirmed_again(
    browser: Client, crowd: list[PoolUser]
) -> None:
    PoolUser.objects.filter(pk=crowd[0].pk).update(enabled=False)
    asked = post(browser, "delete", crowd[:1], {"select_across": "1"}, enabled__exact="1")
    PoolUser.objects.update(enabled=True)
    again = confirm(browser, asked, crowd[:1], confirmation="4")
    assert again.context["progress"].total == 5
    assert PoolUser.objects.count() == 5


def test_more_than_the_most_are_refused(
    browser: Client, crowd: list[PoolUser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MOST_AT_ONCE", 4)
    assert ask(browser, "disable", crowd).status_code == 302
    assert "Narrow the list" in told(browser)[0]


def test_users_of_several_pools_share_no_group(
    browser: Client, idp: Any, crowd: list[PoolUser]
) -> None:
    other = idp.create_user_pool(PoolName="other")["UserPool"]["Id"]
    idp.create_group(UserPoolId=other, GroupName="admins")
    idp.admin_create_user(UserPoolId=other, Username="zoe", MessageAction="SUPPRESS")
    everybody = list(PoolUser.objects.all())
    asked = ask(browser, "join", everybody)
    assert "of several pools" in asked.content.decode()
    assert confirm(browser, asked, everybody, group="admins").status_code == 200
    assert not PoolUser.objects.filter(group_count__gt=0).exists()


def test_who_may_not_act_is_offered_nothing_and_changes_nothing(
    browser_of: Any, crowd: list[PoolUser]
) -> None:
    viewer = browser_of("view_pooluser")
    assert CHOSEN not in viewer.get(page("pooluser")).content.decode()
    ask(viewer, "disable", crowd)
    assert enabled() == 5
    clerk = browser_of("view_pooluser", "change_pooluser", name="clerk-2")
    html = clerk.get(page("pooluser")).content.decode()
    assert 'value="disable"' in html
    assert 'value="delete"' not in html
    ask(clerk, "delete", crowd)
    assert PoolUser.objects.count() == 5


def test_a_batch_asks_a_bounded_number_of_queries(
    browser: Client, crowd: list[PoolUser], django_assert_max_num_queries: Any
) -> None:
    asked = ask(browser, "disable", crowd)
    with django_assert_max_num_queries(15 + 5 * len(crowd)):
        confirm(browser, asked, crowd)
    assert enabled() == 0


def test_failed_messages_are_sent_again_together(browser: Client, idp: Any, pool: UserPool) -> None:
    for name in ("ana", "bo"):
        idp.admin_create_user(
            UserPoolId=pool.id,
            Username=name,
            DesiredDeliveryMediums=["EMAIL"],
            UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}],
        )
    Message.objects.filter(username="ana").update(state=MessageState.FAILED)
    chosen = list(Message.objects.all())
    confirm(browser, ask(browser, "retry", chosen, model="message"), chosen)
    assert AuditEntry.objects.filter(action="RetryMessage").count() == 1
