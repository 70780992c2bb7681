"""Built-in messages in the reader's language."""

import ast
import re
from gettext import GNUTranslations

import pytest

from userpools.messaging import outbox
from userpools.messaging.compose import DEFAULTS, LINK_DEFAULT, Kind, Template, Values, compose
from userpools.messaging.languages import CATALOGS, ENGLISH, LANGUAGES, language_of, translated
from userpools.models import Medium, Message, PoolUser, UserPool

MARKS = re.compile(r"\{####\}|\{username\}|\{##")
VALUES = Values(code="123456", username="jane")
LINKED = Values(code="123456", username="jane", link="https://example.com/confirm")
GERMAN = "Ihr Bestätigungscode lautet 123456"
LINK_OPTION = {"DefaultEmailOption": "CONFIRM_WITH_LINK"}
TEXTS = {
    text
    for each in (*DEFAULTS.values(), LINK_DEFAULT)
    for text in (each.subject, each.body)
    if text
}


def pool_with(**configuration):
    return UserPool(id="eu-west-1_x", configuration=configuration)


def source_of(language):
    """Read the catalog that people edit."""
    text = (CATALOGS / language / "LC_MESSAGES" / "django.po").read_text()
    pairs = re.findall(r'^msgid (".+")\nmsgstr (".*")$', text, re.MULTILINE)
    return {ast.literal_eval(one): ast.literal_eval(other) for one, other in pairs}


# Catalogs


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_with_its_marks(language):
    catalog = source_of(language)
    assert catalog.keys() == TEXTS
    for text, translation in catalog.items():
        assert translation != text
        assert sorted(MARKS.findall(translation)) == sorted(MARKS.findall(text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalogs_are_those_that_people_edit(language):
    with (CATALOGS / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        compiled = GNUTranslations(file)
    for text, translation in source_of(language).items():
        assert compiled.gettext(text) == translation


def test_there_is_no_catalog_that_nobody_gets():
    assert {path.name for path in CATALOGS.iterdir()} == set(LANGUAGES)


# Which language


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("", ENGLISH),
        ("en-GB", ENGLISH),
        ("tlh", ENGLISH),
        ("-", ENGLISH),
        ("../de", ENGLISH),
        ("de\x00", ENGLISH),
        ("dee", ENGLISH),
        ("de", "de"),
        (" DE ", "de"),
        ("de-AT", "de"),
        ("de_CH.UTF-8", "de"),
        ("fr-CA", "fr"),
        ("es-419", "es"),
        ("pt-BR", "pt_BR"),
        ("pt-PT", "pt_BR"),
        ("pt", "pt_BR"),
        ("ja-JP", "ja"),
        ("zh", "zh_Hans"),
        ("zh-CN", "zh_Hans"),
        ("zh-Hans-HK", "zh_Hans"),
        ("zh-Hant", "zh_Hant"),
        ("zh_TW", "zh_Hant"),
        ("zh-HK", "zh_Hant"),
    ],
)
def test_a_locale_names_a_language(locale, language):
    assert language_of(locale) == language


def test_a_text_without_translation_stays():
    assert translated("Not in any catalog", "de") == "Not in any catalog"
    assert translated("", "de") == ""


# Messages


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("medium", Medium)
def test_every_message_carries_its_code_in_every_language(locale, kind, medium):
    text = compose(pool_with(), kind, medium, VALUES, locale=locale)
    assert "123456" in text.body
    assert ("jane" in text.body) == (kind == Kind.INVITATION)
    assert text != compose(pool_with(), kind, medium, VALUES)


@pytest.mark.parametrize("locale", LANGUAGES)
def test_links_have_words_in_every_language(locale):
    pool = pool_with(VerificationMessageTemplate=LINK_OPTION)
    text = compose(pool, Kind.SIGN_UP, Medium.EMAIL, LINKED, locale=locale)
    assert f'<a href="{LINKED.link}">' in text.body
    assert "Verify Email" not in text.body
    assert LINKED.link in text.plain


@pytest.mark.parametrize(
    "template", [{"EmailMessage": "Own {####}"}, {"EmailSubject": "Own"}], ids=["body", "subject"]
)
def test_a_pool_with_words_of_its_own_speaks_one_language(template):
    pool = pool_with(VerificationMessageTemplate=template)
    text = compose(pool, Kind.SIGN_UP, Medium.EMAIL, VALUES, locale="de")
    assert "Ihr" not in text.subject + text.body


def test_words_of_one_kind_leave_the_others_to_the_catalogs():
    pool = pool_with(VerificationMessageTemplate={"EmailMessage": "Own {####}"})
    text = compose(pool, Kind.SIGN_UP, Medium.SMS, VALUES, locale="de")
    assert text.body == GERMAN


def test_what_a_function_leaves_out_is_in_the_reader_s_language():
    words = Template(subject="Hallo")
    text = compose(pool_with(), Kind.SIGN_UP, Medium.EMAIL, VALUES, words, locale="de")
    assert (text.subject, text.body) == ("Hallo", GERMAN)


@pytest.mark.parametrize(("locale", "body"), [("de-DE", GERMAN), ("xx", None), (None, None)])
def test_a_message_is_in_its_user_s_language(reader, sent, locale, body):
    if locale:
        reader.attributes["locale"] = locale
        reader.save()
    outbox.post(
        pool=reader.pool, user=reader, medium="EMAIL", kind="sign_up",
        destination="jane@example.com", code="123456",
    )  # fmt: skip
    assert sent()[-1]["body"] == (body or "Your confirmation code is 123456")


def test_a_sign_up_in_french_is_answered_in_french(idp, make_client, sent):
    made = idp.create_user_pool(PoolName="people", AutoVerifiedAttributes=["email"])["UserPool"]
    client = make_client(UserPool.objects.get(id=made["Id"]))
    idp.sign_up(
        ClientId=client.client_id,
        Username="ana",
        Password="Correct-Horse-9",
        UserAttributes=[
            {"Name": "email", "Value": "ana@example.com"},
            {"Name": "locale", "Value": "fr-CA"},
        ],
    )
    message = sent()[-1]
    assert message["subject"] == "Votre code de vérification"
    assert message["body"] == f"Votre code de confirmation est {message['code']}"
    assert PoolUser.objects.get().attributes["locale"] == "fr-CA"
    assert Message.objects.count() == 1
