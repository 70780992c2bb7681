"""What a pool's messages will look like: its templates filled in with sample values.

No message that was written to somebody is opened for it.
"""

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse

from userpools.admin import fields, markup
from userpools.admin.acts import Act, ActForm
from userpools.conf import settings
from userpools.messaging import email, wording
from userpools.messaging.compose import Kind, Values, compose
from userpools.messaging.languages import ENGLISH, LANGUAGES
from userpools.models import Medium, UserPool

NAME: Final = "preview"
CODE: Final = "123456"
TEMPORARY_PASSWORD: Final = "Sample-4-you"  # noqa: S105 - nobody has it
USERNAME: Final = "jane"
LANGUAGE_NAMES: Final = {
    ENGLISH: "English, and every other",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "ja": "Japanese",
    "pt_BR": "Portuguese",
    "zh_Hans": "Chinese, simplified",
    "zh_Hant": "Chinese, traditional",
}


class PreviewForm(ActForm):
    """Which message, how it travels, and for whom."""

    kind = fields.choice("Message", ((kind, markup.words(kind)) for kind in Kind))
    medium = fields.choice("Sent by", Medium.choices)
    language = fields.choice(
        "Language of the reader",
        ((each, LANGUAGE_NAMES[each]) for each in (ENGLISH, *LANGUAGES)),
        "The locale attribute says it. Words that the pool sets are the same for everybody.",
        required=False,
    )


def _values(pool: UserPool, kind: Kind) -> Values:
    code = TEMPORARY_PASSWORD if kind == Kind.INVITATION else CODE
    template = pool.setting("VerificationMessageTemplate") or {}
    by_link = template.get("DefaultEmailOption") == "CONFIRM_WITH_LINK"
    link = f"{settings.PUBLIC_URL}/{pool.pk}/confirmUser?sample" if by_link else ""
    return Values(code, USERNAME, link)


def _notes(pool: UserPool, medium: Medium) -> list[str]:
    """Say what will make the message another one than this."""
    if wording.has_sender(pool, medium):
        return [f"The pool's {wording.SENDERS[medium]} function sends it, in words of its own."]
    if pool.lambda_config.get("CustomMessage"):
        return ["The pool's CustomMessage function may put other words in; it is not run here."]
    return []


def preview(request: HttpRequest, pool: UserPool, answers: dict[str, Any]) -> HttpResponseBase:
    """Show a message beside the form that chose it."""
    kind, medium = Kind(answers["kind"]), Medium(answers["medium"])
    text = compose(pool, kind, medium, _values(pool, kind), locale=answers["language"])
    context = {
        **admin.site.each_context(request),
        "opts": UserPool._meta,
        "title": "Preview of a message",
        "subject": pool,
        "original": pool,
        "form": PreviewForm(answers, subject=pool),
        "text": text,
        "sender": email.sender_of(pool)["from_email"] if medium == Medium.EMAIL else "",
        "size": len(text.body),
        "notes": _notes(pool, medium),
        "back": markup.address_of(pool),
    }
    return TemplateResponse(request, "admin/userpools/preview.html", context)


PREVIEW: Final = Act(
    name=NAME,
    title="Preview a message",
    run=preview,
    icon="drafts",
    permission="view",
    form_class=PreviewForm,
    verb="Show it",
    text="A message of this pool as its readers get it, with sample values: nothing is sent, and "
    "nothing that was sent is opened.",
)


def address(pool_id: str, kind: str, medium: str) -> str:
    """Return where a message like one that was sent is previewed."""
    return markup.address_of_act(UserPool(pk=pool_id), NAME, kind=kind, medium=medium)
