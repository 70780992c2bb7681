"""Challenges as forms: what each asks for, and the responses that its fields make.

Fields are recognizable by kind, for password managers and for browsers without scripts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from userpools.auth.attempt import Issued, Responses

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
    code = posted.get("code", "").replace(" ", "")
    made: Responses = {"USERNAME": username}
    if name == "NEW_PASSWORD_REQUIRED":
        if posted.get("new_password", "") != posted.get("confirm_password", ""):
            raise Mismatch
        attributes = {key: text for key, text in posted.items() if key.startswith(PREFIX) and text}
        return {**made, **attributes, "NEW_PASSWORD": posted.get("new_password", "")}
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
