"""Subject and body of a message, from the pool's templates or the service's defaults.

Source of the defaults: user pools, "Configuring messages"; marks {####} and {username}.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from html import escape, unescape
from typing import Any

from django.utils.html import strip_tags
from django.utils.translation import gettext_noop as _

from userpools.models import Medium, UserPool

from .languages import language_of, translated


class Kind(StrEnum):
    """What a message is for."""

    SIGN_UP = "sign_up"
    RESEND_CODE = "resend_code"
    VERIFY_ATTRIBUTE = "verify_attribute"
    UPDATE_ATTRIBUTE = "update_attribute"
    RESET_PASSWORD = "reset_password"  # noqa: S105
    INVITATION = "invitation"
    AUTHENTICATION = "authentication"


@dataclass(frozen=True, slots=True)
class Template:
    """A text with marks still in it; a text message has no subject. None: the pool's own."""

    subject: str | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Values:
    """What the marks stand for. `link`: where a verification link leads, if one can be made."""

    code: str = ""
    username: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A message as it is sent. `plain` is the body without its markup, where it has any."""

    subject: str
    body: str
    plain: str = ""


_VERIFICATION = {Kind.SIGN_UP, Kind.RESEND_CODE, Kind.VERIFY_ATTRIBUTE, Kind.UPDATE_ATTRIBUTE}
_LINKED = {Kind.SIGN_UP, Kind.RESEND_CODE}
_CODE_SUBJECT = _("Your verification code")

# Marked for the catalogs here, and translated where a message is composed.
DEFAULTS: dict[tuple[Kind, Medium], Template] = {
    **{(kind, Medium.EMAIL): Template(_CODE_SUBJECT, _("Your confirmation code is {####}"))
       for kind in _VERIFICATION},
    **{(kind, Medium.SMS): Template("", _("Your verification code is {####}"))
       for kind in _VERIFICATION},
    (Kind.RESET_PASSWORD, Medium.EMAIL): Template(
        _CODE_SUBJECT, _("Your password reset code is {####}")
    ),
    (Kind.RESET_PASSWORD, Medium.SMS): Template("", _("Your password reset code is {####}")),
    (Kind.INVITATION, Medium.EMAIL): Template(
        _("Your temporary password"),
        _("Your username is {username} and temporary password is {####}."),
    ),
    (Kind.INVITATION, Medium.SMS): Template(
        "", _("Your username is {username} and temporary password is {####}.")
    ),
    (Kind.AUTHENTICATION, Medium.EMAIL): Template(
        _("Your authentication code"), _("Your authentication code is {####}")
    ),
    (Kind.AUTHENTICATION, Medium.SMS): Template("", _("Your authentication code is {####}")),
}  # fmt: skip
LINK_DEFAULT = Template(
    _("Your verification link"),
    _("Please click the link below to verify your email address. {##Verify Email##}"),
)

_MARKS = re.compile(r"\{####\}|\{username\}|\{##(?P<text>[^{}]*?)##\}")
# A template with a tag is markup; live messages are HTML mails whose plain texts have none.
_TAG = re.compile(r"<[a-zA-Z!/]")


def compose(
    pool: UserPool,
    kind: Kind,
    medium: Medium,
    values: Values,
    template: Template | None = None,
    *,
    locale: str = "",
) -> Text:
    """Fill in a template: the given one, else the pool's, else the default, part by part.

    The default is in the language of the reader's `locale`, unless the pool has words of its own:
    these are in one language, which what they leave out must not differ from.
    Only marks of the template are filled in: what a username or a code contains is plain text.
    """
    own, default = _templates(pool, kind, medium, linked=bool(values.link))
    if not (own.subject or own.body):
        default = _translated(default, language_of(locale))
    given = template or Template()
    subject = given.subject or own.subject or default.subject or ""
    body = given.body or own.body or default.body or ""
    is_html = medium == Medium.EMAIL and bool(_TAG.search(body) or _links(body, values))
    return Text(
        " ".join(_fill(subject, values, is_html=False).split()),
        _fill(body, values, is_html=is_html),
        _fill(unescape(strip_tags(body)), values, is_html=False) if is_html else "",
    )


def _translated(template: Template, language: str) -> Template:
    return Template(
        translated(template.subject or "", language), translated(template.body or "", language)
    )


def _links(body: str, values: Values) -> bool:
    return bool(values.link) and any(match["text"] is not None for match in _MARKS.finditer(body))


def _fill(text: str, values: Values, *, is_html: bool) -> str:
    """Replace the marks, all in one pass."""

    def value(match: re.Match[str]) -> str:
        if match["text"] is not None and values.link:
            label = match["text"]
            link = escape(values.link)
            return f'<a href="{link}">{label}</a>' if is_html else f"{label}: {values.link}"
        filled = values.username if match[0] == "{username}" else values.code
        return escape(filled) if is_html else filled

    return _MARKS.sub(value, text)


def _templates(
    pool: UserPool, kind: Kind, medium: Medium, *, linked: bool
) -> tuple[Template, Template]:
    """Return the pool's template and the default behind it."""
    default = DEFAULTS[kind, medium]
    if kind == Kind.INVITATION:
        return _invitation(pool, medium), default
    if kind == Kind.AUTHENTICATION:
        return _authentication(pool, medium), default
    verification: dict[str, Any] = pool.setting("VerificationMessageTemplate") or {}
    if medium == Medium.SMS:
        return (
            Template("", verification.get("SmsMessage") or pool.setting("SmsVerificationMessage")),
            default,
        )
    by_link = verification.get("DefaultEmailOption") == "CONFIRM_WITH_LINK"
    if linked and by_link and kind in _LINKED:
        return (
            Template(
                verification.get("EmailSubjectByLink"), verification.get("EmailMessageByLink")
            ),
            LINK_DEFAULT,
        )
    return (
        Template(
            verification.get("EmailSubject") or pool.setting("EmailVerificationSubject"),
            verification.get("EmailMessage") or pool.setting("EmailVerificationMessage"),
        ),
        default,
    )


def _invitation(pool: UserPool, medium: Medium) -> Template:
    texts = (pool.setting("AdminCreateUserConfig") or {}).get("InviteMessageTemplate") or {}
    if medium == Medium.SMS:
        return Template("", texts.get("SMSMessage"))
    return Template(texts.get("EmailSubject"), texts.get("EmailMessage"))


def _authentication(pool: UserPool, medium: Medium) -> Template:
    if medium == Medium.SMS:
        sms = pool.mfa_details.get("SmsMfaConfiguration") or {}
        return Template(
            "", sms.get("SmsAuthenticationMessage") or pool.setting("SmsAuthenticationMessage")
        )
    email = pool.mfa_details.get("EmailMfaConfiguration") or {}
    return Template(email.get("Subject"), email.get("Message"))
