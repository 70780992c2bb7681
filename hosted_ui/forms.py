"""Challenges as forms: what each asks for, and the responses that its fields make.

Fields are recognizable by kind, for password managers and for browsers without scripts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from userpools.auth.attempt import Issued, Responses
from userpools.auth.recovery import recovery_mediums
from userpools.auth.sign_up import confirmation_mediums
from userpools.messaging.outbox import CodeDelivery
from userpools.models import UserPool
from userpools.services.contacts import MEDIUM

PREFIX: Final = "userAttributes."
NAMES: Final = {
    "address": "Address",
    "birthdate": "Birth date",
    "email": "Email",
    "family_name": "Family name",
    "gender": "Gender",
    "given_name": "Given name",
    "locale": "Locale",
    "middle_name": "Middle name",
    "name": "Name",
    "nickname": "Nickname",
    "phone_number": "Phone number",
    "picture": "Picture",
    "preferred_username": "Preferred username",
    "profile": "Profile",
    "updated_at": "Updated at",
    "website": "Website",
    "zoneinfo": "Time zone",
}
KINDS: Final = {"email": "email", "phone_number": "tel", "birthdate": "date", "website": "url"}
COMPLETIONS: Final = {
    "email": "email", "phone_number": "tel", "name": "name", "given_name": "given-name",
    "family_name": "family-name", "nickname": "nickname", "birthdate": "bday",
    "website": "url", "middle_name": "additional-name",
}  # fmt: skip
FACTORS: Final = {
    "SMS_MFA": "Text message",
    "EMAIL_OTP": "Email",
    "SOFTWARE_TOKEN_MFA": "Authenticator app",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `choices` makes it a choice of one."""

    name: str
    label: str
    kind: str = "text"
    autocomplete: str = "off"
    inputmode: str = ""
    hint: str = ""
    value: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A page's form. `secret` is what an authenticator app is given, `link` the same as a URI."""

    title: str
    lead: str
    fields: tuple[Field, ...]
    button: str
    hidden: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    link: str = ""
    # Text and page of what else one may want.
    links: tuple[tuple[str, str], ...] = ()


class Mismatch(Exception):
    """The two new passwords differ."""


def code_field(hint: str = "") -> Field:
    """Make the field of a code."""
    return Field("code", "Code", "text", "one-time-code", "numeric", hint, is_code=True)


def attribute_field(name: str) -> Field:
    """Make the field of an attribute."""
    label = NAMES.get(name, name.removeprefix("custom:"))
    return Field(f"{PREFIX}{name}", label, KINDS.get(name, "text"), COMPLETIONS.get(name, "off"))


def _sms(issued: Issued) -> Form:
    where = issued.parameters.get("CODE_DELIVERY_DESTINATION", "")
    return Form(
        "Enter the code", f"We sent a code by text message to {where}.", (code_field(),), "Continue"
    )


def _email(issued: Issued) -> Form:
    where = issued.parameters.get("CODE_DELIVERY_DESTINATION", "")
    return Form(
        "Enter the code", f"We sent a code by email to {where}.", (code_field(),), "Continue"
    )


def _app(issued: Issued) -> Form:
    name = issued.parameters.get("FRIENDLY_DEVICE_NAME") or "your authenticator app"
    return Form("Enter the code", f"Open {name} and type the code.", (code_field(),), "Continue")


def _choice(issued: Issued) -> Form:
    factors = json.loads(issued.parameters["MFAS_CAN_CHOOSE"])
    choices = tuple((factor, FACTORS.get(factor, factor)) for factor in factors)
    return Form(
        "Confirm it is you",
        "How do you want to get your code?",
        (Field("factor", "Code by", choices=choices),),
        "Continue",
    )


def _new_password(issued: Issued) -> Form:
    missing = json.loads(issued.parameters["requiredAttributes"])
    return Form(
        "Choose a new password",
        "Your password was set by somebody else. Choose one of your own.",
        (
            Field("new_password", "New password", "password", "new-password"),
            Field("confirm_password", "Repeat the new password", "password", "new-password"),
            *(attribute_field(name.removeprefix(PREFIX)) for name in missing),
        ),
        "Save and continue",
    )


def _set_up(issued: Issued) -> Form:
    """Without an app to set up: the address for codes by e-mail."""
    return Form(
        "Protect your account",
        "Give an email address. You will get a code there when you sign in.",
        (attribute_field("email"),),
        "Continue",
    )


FORMS: Final = {
    "SMS_MFA": _sms,
    "EMAIL_OTP": _email,
    "SOFTWARE_TOKEN_MFA": _app,
    "SELECT_MFA_TYPE": _choice,
    "NEW_PASSWORD_REQUIRED": _new_password,
    "MFA_SETUP": _set_up,
}


def may_set_up_app(issued: Issued) -> bool:
    """Say whether MFA_SETUP offers an authenticator app."""
    offered = json.loads(issued.parameters.get("MFAS_CAN_SETUP", "[]"))
    return "SOFTWARE_TOKEN_MFA" in offered


def app_form(secret: str, link: str) -> Form:
    """Make the form that sets an authenticator app up."""
    return Form(
        "Set up your authenticator app",
        "Add this key to an authenticator app, then type the code that it shows.",
        (code_field(),),
        "Continue",
        secret=secret,
        link=link,
    )


def responses(name: str, posted: Mapping[str, str], username: str = "") -> Responses:
    """Return the ChallengeResponses that a form's fields make; Mismatch for unequal passwords."""
    code = code_in(posted)
    made: Responses = {"USERNAME": username}
    if name == "NEW_PASSWORD_REQUIRED":
        password = new_password(posted)
        attributes = {key: text for key, text in posted.items() if key.startswith(PREFIX) and text}
        return {**made, **attributes, "NEW_PASSWORD": password}
    if name == "SELECT_MFA_TYPE":
        return {**made, "ANSWER": posted.get("factor", "")}
    if name == "MFA_SETUP":
        email = posted.get(f"{PREFIX}email", "")
        return {**made, **({"EMAIL": email} if email else {})}
    return {**made, "EMAIL_OTP_CODE" if name == "EMAIL_OTP" else f"{name}_CODE": code}


def repeated(name: str, posted: Mapping[str, str]) -> Form | None:
    """Make a step's form again after a wrong answer; None where it must begin anew.

    What is shown is taken from the form that was sent, passwords left out.
    """
    if name in {"SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA"}:
        return Form("Enter the code", "Type the code again.", (code_field(),), "Continue")
    if name == "NEW_PASSWORD_REQUIRED":
        names = [key.removeprefix(PREFIX) for key in posted if key.startswith(PREFIX)]
        made = _new_password(
            Issued(name, {"requiredAttributes": json.dumps([PREFIX + each for each in names])}, "")
        )
        return Form(made.title, made.lead, filled(made.fields, posted), made.button)
    if name == "MFA_SETUP" and "code" not in posted:
        made = _set_up(Issued(name, {}, ""))
        return Form(made.title, made.lead, filled(made.fields, posted), made.button)
    if name == "MFA_SETUP":
        return Form(
            "Set up your authenticator app",
            "Type the code that your authenticator app shows.",
            (code_field(),),
            "Continue",
        )
    return None


def filled(fields: tuple[Field, ...], posted: Mapping[str, str]) -> tuple[Field, ...]:
    """Return the fields with what was typed, passwords and codes apart."""
    return tuple(
        each
        if each.kind == "password" or each.is_code
        else replace(each, value=posted.get(each.name, ""))
        for each in fields
    )


# Name and password, and the pages around them


def name_field(pool: UserPool, username: str) -> Field:
    """Make the field of the name, called what the pool's people sign in with."""
    label, kind = name_label(pool)
    return Field("username", label, kind, "username", value=username)


def name_label(pool: UserPool) -> tuple[str, str]:
    """Return what the name field is called, and its kind."""
    attributes = set(pool.username_attributes)
    if attributes == {"email"}:
        return "Email", "email"
    if attributes == {"phone_number"}:
        return "Phone number", "tel"
    if attributes:
        return "Email or phone number", "text"
    if "email" in pool.alias_attributes:
        return "Email or username", "text"
    return "Username", "text"


NEW_PASSWORDS: Final = (
    Field("new_password", "Password", "password", "new-password"),
    Field("confirm_password", "Repeat the password", "password", "new-password"),
)
BACK: Final = ("Back to sign-in", "login")


def may_sign_up(pool: UserPool) -> bool:
    """Say whether people may make accounts."""
    return not (pool.setting("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly")


def sign_in_form(pool: UserPool, username: str) -> Form:
    """Make the form of name and password."""
    forgot = (("Forgot your password?", "forgotPassword"),) if recovery_mediums(pool) else ()
    new = (("Create an account", "signup"),) if may_sign_up(pool) else ()
    password = Field("password", "Password", "password", "current-password")
    return Form(
        "Sign in", "", (name_field(pool, username), password), "Sign in", links=(*forgot, *new)
    )


def sign_up_form(pool: UserPool, username: str) -> Form:
    """Make the form of a new account: the name, what the pool demands, and a password twice."""
    name = name_field(pool, username)
    if not pool.username_attributes:
        name = replace(name, label="Username", kind="text")
    return Form(
        "Create your account",
        "",
        (name, *map(attribute_field, sign_up_attributes(pool)), *NEW_PASSWORDS),
        "Create account",
        links=(BACK,),
    )


def sign_up_attributes(pool: UserPool) -> list[str]:
    """Return the attributes to ask for: the required ones, and the one that gets the code."""
    required = [
        name for name, each in pool.schema_by_name.items() if each.get("Required") and name != "sub"
    ]
    contact = next((name for name in MEDIUM if name in pool.auto_verified_attributes), None)
    wanted = dict.fromkeys([*required, *([contact] if contact else [])])
    only = pool.username_attributes[0] if len(pool.username_attributes) == 1 else None
    return [name for name in wanted if name != only]


def confirm_form(pool: UserPool, username: str) -> Form:
    """Make the form of the code that confirms an account."""
    more = (("Send a new code", "resendcode"),) if confirmation_mediums(pool) else ()
    return Form(
        "Confirm your account",
        "",
        (name_field(pool, username), code_field()),
        "Confirm",
        links=(*more, BACK),
    )


def resend_form(pool: UserPool, username: str) -> Form:
    """Make the form that asks for another code."""
    return Form(
        "Send a new code", "", (name_field(pool, username),), "Send the code", links=(BACK,)
    )


def forgot_form(pool: UserPool, username: str) -> Form:
    """Make the form that asks for a code to set a new password with."""
    return Form(
        "Reset your password",
        "We send you a code to set a new password with.",
        (name_field(pool, username),),
        "Send the code",
        links=(BACK,),
    )


def reset_form(pool: UserPool, username: str) -> Form:
    """Make the form of the code and the new password."""
    return Form(
        "Choose a new password",
        "",
        (name_field(pool, username), code_field(), *NEW_PASSWORDS),
        "Save the password",
        links=(("Send a new code", "forgotPassword"), BACK),
    )


def told(delivery: CodeDelivery | None) -> str:
    """Say where a code went."""
    return f"We sent a code to {delivery.destination}." if delivery else ""


def kept(form: Form, posted: Mapping[str, str]) -> Form:
    """Return the form with what was typed into it, passwords and codes apart."""
    return replace(form, fields=filled(form.fields, posted))


def new_password(posted: Mapping[str, str]) -> str:
    """Return the password that was typed twice; Mismatch where it was not the same."""
    if posted.get("new_password", "") != posted.get("confirm_password", ""):
        raise Mismatch
    return posted.get("new_password", "")


def code_in(posted: Mapping[str, str]) -> str:
    """Return the code, without the spaces that people and messages put into it."""
    return posted.get("code", "").replace(" ", "")


def attributes_in(posted: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes that were typed."""
    return {
        key.removeprefix(PREFIX): text
        for key, text in posted.items()
        if key.startswith(PREFIX) and text
    }
