"""Messages as their readers get them, with sample values."""

import pytest

from tests.userpools.admin.conftest import page
from userpools.messaging import outbox
from userpools.messaging.compose import Kind
from userpools.models import Message, UserPool

MARKUP = '<p onclick="alert(1)">It is {####}</p><script>alert(2)</script>'


@pytest.fixture
def preview(browser, pool):
    def show(**answers):
        chosen = {"kind": "sign_up", "medium": "EMAIL", "language": "en", **answers}
        return browser.post(page("userpool", pool, act="preview"), chosen)

    return show


@pytest.mark.parametrize(
    "answers", [{"kind": "nothing"}, {"kind": ""}, {"medium": "FAX"}, {"language": "tlh"}]
)
def test_what_there_is_no_message_of_is_refused(preview, answers):
    response = preview(**answers)
    assert "size" not in response.context
    assert list(response.context["form"].errors) == list(answers)


def test_who_may_not_see_a_pool_sees_no_message_of_it(browser_of, pool):
    clerk = browser_of("view_message")
    assert clerk.get(page("userpool", pool, act="preview")).status_code == 403
    assert browser_of("view_userpool", name="reader").get(
        page("userpool", pool, act="preview")
    ).status_code == 200  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("medium", ["EMAIL", "SMS"])
def test_every_message_can_be_seen(preview, kind, medium):
    html = preview(kind=kind, medium=medium).content.decode()
    assert ("Sample-4-you" if kind == Kind.INVITATION else "123456") in html


def test_the_reader_s_language_counts(preview):
    text = preview(language="de").context["text"]
    assert text.body == "Ihr Bestätigungscode lautet 123456"


def test_markup_is_shown_where_it_can_do_nothing(preview, idp, pool):
    idp.update_user_pool(UserPoolId=pool.id, VerificationMessageTemplate={"EmailMessage": MARKUP})
    html = preview().content.decode()
    assert "<script>alert(2)" not in html
    assert 'onclick="alert(1)"' not in html
    assert '<iframe sandbox srcdoc="&lt;p onclick' in html


def test_a_link_is_shown_in_pools_that_send_links(preview, idp, pool):
    idp.update_user_pool(
        UserPoolId=pool.id,
        VerificationMessageTemplate={"DefaultEmailOption": "CONFIRM_WITH_LINK"},
    )
    assert f"/{pool.id}/confirmUser?sample" in preview().context["text"].plain


def test_words_of_functions_are_announced(preview, pool):
    arn = "arn:aws:lambda:us-east-1:000000000000:function:words"
    pool.configuration["LambdaConfig"] = {
        "CustomMessage": arn,
        "CustomSMSSender": {"LambdaVersion": "V1_0", "LambdaArn": arn},
    }
    pool.save()
    pool.touch()
    assert "CustomMessage function" in preview().content.decode()
    assert "Message function" not in preview(medium="SMS").content.decode()


def test_a_sent_message_leads_to_a_preview_and_is_not_opened(browser, pool, ana):
    outbox.post(
        pool=pool, user=ana, medium="EMAIL", kind="reset_password",
        destination="ana@example.com", code="987654",
    )  # fmt: skip
    message = Message.objects.get()
    shown = browser.get(page("message", message)).content.decode()
    address = page("userpool", UserPool(pk=pool.pk), act="preview")
    assert f"{address}?kind=reset_password&amp;medium=EMAIL" in shown
    form = browser.get(f"{address}?kind=reset_password&medium=EMAIL").context["form"]
    assert form["kind"].value() == "reset_password"
    answer = browser.post(address, {"kind": "reset_password", "medium": "EMAIL", "language": "en"})
    for html in (shown, answer.content.decode()):
        assert "987654" not in html
        assert "ana@example.com" not in html
