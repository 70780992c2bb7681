import pytest

from userpools.messaging.compose import Kind, Template, Text, Values, compose
from userpools.models import Medium, UserPool

VALUES = Values(code="123456", username="jane")


def pool_with(mfa_details=None, **configuration):
    return UserPool(id="eu-west-1_x", configuration=configuration, mfa_details=mfa_details or {})


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("medium", Medium)
def test_every_kind_has_a_default_with_its_code(kind, medium):
    text = compose(pool_with(), kind, medium, VALUES)
    assert "123456" in text.body
    assert bool(text.subject) == (medium == Medium.EMAIL)


@pytest.mark.parametrize(
    ("kind", "medium", "expected"),
    [
        (
            Kind.SIGN_UP,
            Medium.EMAIL,
            Text("Your verification code", "Your confirmation code is 123456"),
        ),
        (Kind.SIGN_UP, Medium.SMS, Text("", "Your verification code is 123456")),
        (
            Kind.INVITATION,
            Medium.EMAIL,
            Text(
                "Your temporary password",
                "Your username is jane and temporary password is 123456.",
            ),
        ),
        (Kind.AUTHENTICATION, Medium.SMS, Text("", "Your authentication code is 123456")),
        (
            Kind.RESET_PASSWORD,
            Medium.EMAIL,
            Text("Your verification code", "Your password reset code is 123456"),
        ),
    ],
)
def test_defaults_are_worded_as_the_service_words_them(kind, medium, expected):
    assert compose(pool_with(), kind, medium, VALUES) == expected


TEMPLATES = [
    (
        Kind.SIGN_UP,
        Medium.EMAIL,
        {"VerificationMessageTemplate": {"EmailSubject": "S {####}", "EmailMessage": "B {####}"}},
    ),
    (
        Kind.RESET_PASSWORD,
        Medium.EMAIL,
        {"VerificationMessageTemplate": {"EmailSubject": "S {####}", "EmailMessage": "B {####}"}},
    ),
    (
        Kind.VERIFY_ATTRIBUTE,
        Medium.EMAIL,
        {"EmailVerificationSubject": "S {####}", "EmailVerificationMessage": "B {####}"},
    ),
    (Kind.SIGN_UP, Medium.SMS, {"VerificationMessageTemplate": {"SmsMessage": "B {####}"}}),
    (Kind.SIGN_UP, Medium.SMS, {"SmsVerificationMessage": "B {####}"}),
    (
        Kind.INVITATION,
        Medium.EMAIL,
        {
            "AdminCreateUserConfig": {
                "InviteMessageTemplate": {"EmailSubject": "S {####}", "EmailMessage": "B {####}"}
            }
        },
    ),
    (
        Kind.INVITATION,
        Medium.SMS,
        {"AdminCreateUserConfig": {"InviteMessageTemplate": {"SMSMessage": "B {####}"}}},
    ),
    (Kind.AUTHENTICATION, Medium.SMS, {"SmsAuthenticationMessage": "B {####}"}),
    (
        Kind.AUTHENTICATION,
        Medium.SMS,
        {"mfa_details": {"SmsMfaConfiguration": {"SmsAuthenticationMessage": "B {####}"}}},
    ),
    (
        Kind.AUTHENTICATION,
        Medium.EMAIL,
        {"mfa_details": {"EmailMfaConfiguration": {"Subject": "S {####}", "Message": "B {####}"}}},
    ),
]


@pytest.mark.parametrize(("kind", "medium", "columns"), TEMPLATES)
def test_a_pool_s_own_template_goes_before_the_default(kind, medium, columns):
    text = compose(pool_with(**columns), kind, medium, VALUES)
    assert text.body == "B 123456"
    assert text.subject == ("S 123456" if medium == Medium.EMAIL else "")


def test_a_given_template_goes_before_the_pool_s_part_by_part():
    pool = pool_with(EmailVerificationSubject="pool's subject")
    text = compose(pool, Kind.SIGN_UP, Medium.EMAIL, VALUES, Template(body="trigger's {####}"))
    assert text == Text("pool's subject", "trigger's 123456")


def test_marks_inside_a_username_are_not_filled_in():
    values = Values(code="Secret-1", username="{####}{##x##}")
    text = compose(pool_with(), Kind.INVITATION, Medium.SMS, values)
    assert text.body == "Your username is {####}{##x##} and temporary password is Secret-1."


def test_markup_escapes_what_it_is_filled_with_and_has_a_plain_text_beside_it():
    pool = pool_with(
        AdminCreateUserConfig={
            "InviteMessageTemplate": {"EmailMessage": "<p>Hi&nbsp;{username}:</p><b>{####}</b>"}
        }
    )
    values = Values(code="a<b&c", username="<img src=x>")
    text = compose(pool, Kind.INVITATION, Medium.EMAIL, values)
    assert text.body == "<p>Hi&nbsp;&lt;img src=x&gt;:</p><b>a&lt;b&amp;c</b>"
    assert text.plain == "Hi\xa0<img src=x>:a<b&c"


def test_a_plain_template_is_not_escaped():
    text = compose(pool_with(), Kind.INVITATION, Medium.EMAIL, Values("a<b&c", "<x>"))
    assert text.body == "Your username is <x> and temporary password is a<b&c."
    assert not text.plain


def test_a_subject_stays_on_one_line():
    pool = pool_with(EmailVerificationSubject="Your\r\nBcc: all@example.com\n{####}")
    assert compose(pool, Kind.SIGN_UP, Medium.EMAIL, VALUES).subject == (
        "Your Bcc: all@example.com 123456"
    )


LINKING = {
    "VerificationMessageTemplate": {
        "DefaultEmailOption": "CONFIRM_WITH_LINK",
        "EmailMessage": "code {####}",
        "EmailMessageByLink": "Please {##click & go##}.",
        "EmailSubjectByLink": "Link",
    }
}


def test_a_link_is_sent_where_the_pool_sends_links():
    values = Values("123456", "jane", "https://example.com/confirm?a=1&b=2")
    text = compose(pool_with(**LINKING), Kind.SIGN_UP, Medium.EMAIL, values)
    assert text.subject == "Link"
    assert text.body == ('Please <a href="https://example.com/confirm?a=1&amp;b=2">click & go</a>.')
    assert text.plain == "Please click & go: https://example.com/confirm?a=1&b=2."


@pytest.mark.parametrize("kind", [Kind.RESET_PASSWORD, Kind.VERIFY_ATTRIBUTE])
def test_other_kinds_keep_the_code(kind):
    values = Values("123456", "jane", "https://example.com/confirm")
    assert compose(pool_with(**LINKING), kind, Medium.EMAIL, values).body == "code 123456"


def test_without_a_link_to_send_the_code_is_sent():
    assert compose(pool_with(**LINKING), Kind.SIGN_UP, Medium.EMAIL, VALUES).body == "code 123456"
