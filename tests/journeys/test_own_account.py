"""A person's own account from sign-up to deletion, in every kind of pool, through browser SDKs."""

import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from .conftest import ALL_FLOWS, PASSWORD, Story
from .programs import run_node

pytestmark = [pytest.mark.journey, pytest.mark.client]

SECOND, THIRD = "Second-horse-8", "Third-horse-9"


@dataclass(frozen=True)
class Kind:
    """A kind of pool: its settings, and the contact that it verifies."""

    settings: dict[str, Any]
    contact: str = "email"

    @property
    def signs_in_by_contact(self) -> bool:
        return "UsernameAttributes" in self.settings

    def new_contact(self) -> str:
        if self.contact == "email":
            return f"p{secrets.token_hex(4)}@example.com"
        return f"+49151{secrets.randbelow(10**8):08d}"


KINDS = {
    "names": Kind({"AutoVerifiedAttributes": ["email"]}),
    "aliases": Kind(
        {"AliasAttributes": ["email", "preferred_username"], "AutoVerifiedAttributes": ["email"]}
    ),
    "addresses": Kind({"UsernameAttributes": ["email"], "AutoVerifiedAttributes": ["email"]}),
    "phones": Kind(
        {"UsernameAttributes": ["phone_number"], "AutoVerifiedAttributes": ["phone_number"]},
        "phone_number",
    ),
    "verified before change": Kind(
        {
            "UsernameAttributes": ["email"],
            "AutoVerifiedAttributes": ["email"],
            "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
        }
    ),
}


@dataclass(frozen=True)
class Person:
    """Somebody who has not signed up yet; `names` sign in before and after the contact changes."""

    kind: Kind
    story: Story
    old: str
    new: str
    username: str

    @property
    def later_name(self) -> str:
        return self.new if self.kind.signs_in_by_contact else self.username

    def run(self, script: str, *steps: dict[str, Any]) -> list[Any]:
        server = self.story.server
        return run_node(
            script,
            {
                "endpoint": f"{server.url}/",
                "poolId": self.story.pool_id,
                "clientId": self.story.client_id,
                "outbox": str(server.data_dir / "outbox"),
                "steps": list(steps),
            },
        )


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def person(request: pytest.FixtureRequest, server: Any, idp: Any) -> Person:
    kind = request.param
    pool_id = idp.create_user_pool(PoolName="kind", **kind.settings)["UserPool"]["Id"]
    client = idp.create_user_pool_client(
        UserPoolId=pool_id,
        ClientName="app",
        ExplicitAuthFlows=ALL_FLOWS,
        PreventUserExistenceErrors="ENABLED",
    )["UserPoolClient"]
    old, new = kind.new_contact(), kind.new_contact()
    name = old if kind.signs_in_by_contact else f"user-{secrets.token_hex(4)}"
    return Person(kind, Story(server, idp, pool_id, client["ClientId"]), old, new, name)


def error_of(outcome: dict[str, Any]) -> str:
    return outcome["error"]["code"]


def test_an_account_lives_from_sign_up_to_deletion_through_identity_js(person: Person) -> None:
    contact, name, later = person.kind.contact, person.username, person.later_name
    signed_up, _, resent, _, superseded, confirmed, signed_in = person.run(
        "identity.mjs",
        {
            "do": "signUp",
            "username": name,
            "password": PASSWORD,
            "attributes": {} if person.kind.signs_in_by_contact else {contact: person.old},
        },
        {"do": "code", "to": person.old, "as": "first"},
        {"do": "resend", "username": name},
        {"do": "code", "to": person.old, "count": 2, "as": "second"},
        {"do": "confirm", "username": name, "code": "$first"},
        {"do": "confirm", "username": name, "code": "$second"},
        {"do": "signIn", "username": name, "password": PASSWORD},
    )
    assert signed_up["ok"]["delivery"]["AttributeName"] == contact
    assert resent["ok"]["CodeDeliveryDetails"] == signed_up["ok"]["delivery"]
    assert error_of(superseded) == "CodeMismatchException"
    assert confirmed["ok"] == "SUCCESS"
    assert signed_in["ok"]["tokens"]["accessToken"]

    outcomes = person.run(
        "identity.mjs",
        {"do": "signIn", "username": name, "password": PASSWORD},
        {"do": "updateAttributes", "attributes": {contact: person.new, "nickname": "p"}},
        {"do": "code", "to": person.new, "as": "changed"},
        {"do": "verifyAttribute", "name": contact, "code": "not-it"},
        {"do": "verifyAttribute", "name": contact, "code": "$changed"},
        {"do": "verifyAttribute", "name": contact, "code": "$changed"},
        {"do": "attributes"},
        {"do": "attributeCode", "name": contact},
        {"do": "deleteAttributes", "names": ["nickname"]},
        {"do": "attributes"},
        {"do": "changePassword", "from": "Wrong-pass-1", "to": SECOND},
        {"do": "changePassword", "from": PASSWORD, "to": SECOND},
    )
    _, changed, _, wrong, verified, again, shown, asked, deleted, later_shown, *passwords = outcomes
    assert changed["ok"]["details"]["CodeDeliveryDetailsList"][0]["AttributeName"] == contact
    assert error_of(wrong) == "CodeMismatchException"
    assert verified["ok"] == "SUCCESS"
    assert error_of(again) == "ExpiredCodeException"
    attributes = {item["Name"]: item["Value"] for item in shown["ok"]}
    assert attributes[contact] == person.new
    assert attributes[f"{contact}_verified"] == "true"
    assert asked["ok"]["CodeDeliveryDetails"]["AttributeName"] == contact
    assert deleted["ok"] == "SUCCESS"
    assert attributes["nickname"] == "p"
    assert "nickname" not in {item["Name"] for item in later_shown["ok"]}
    assert error_of(passwords[0]) == "NotAuthorizedException"
    assert passwords[1]["ok"] == "SUCCESS"

    forgot, _, wrong, reset, signed_in, gone, after = person.run(
        "identity.mjs",
        {"do": "forgotPassword", "username": later},
        {"do": "code", "to": person.new, "count": 3, "as": "reset"},
        {"do": "confirmPassword", "username": later, "code": "not-it", "password": THIRD},
        {"do": "confirmPassword", "username": later, "code": "$reset", "password": THIRD},
        {"do": "signIn", "username": later, "password": THIRD},
        {"do": "deleteUser"},
        {"do": "signIn", "username": later, "password": THIRD},
    )
    assert forgot["ok"]["CodeDeliveryDetails"]["AttributeName"] == contact
    assert error_of(wrong) == "CodeMismatchException"
    assert reset["ok"] == "SUCCESS"
    assert signed_in["ok"]["tokens"]["idToken"]
    assert gone["ok"] == "SUCCESS"
    assert after["error"]["message"] == "Incorrect username or password."


def test_an_account_lives_from_sign_up_to_deletion_through_amplify(person: Person) -> None:
    contact, name, later = person.kind.contact, person.username, person.later_name
    given = {} if person.kind.signs_in_by_contact else {contact: person.old}
    outcomes = person.run(
        "amplify.mjs",
        {
            "do": "signUp",
            "username": name,
            "password": PASSWORD,
            "options": {"userAttributes": given},
        },
        {"do": "resendSignUpCode", "username": name},
        {"do": "code", "to": person.old, "count": 2, "as": "sign-up"},
        {"do": "confirmSignUp", "username": name, "confirmationCode": "$sign-up"},
        {"do": "signIn", "username": name, "password": PASSWORD},
        {"do": "updateUserAttributes", "userAttributes": {contact: person.new}},
        {"do": "code", "to": person.new, "as": "changed"},
        {"do": "confirmUserAttribute", "userAttributeKey": contact, "confirmationCode": "$changed"},
        {"do": "sendUserAttributeVerificationCode", "userAttributeKey": contact},
        {"do": "updatePassword", "oldPassword": PASSWORD, "newPassword": SECOND},
        {"do": "session", "forceRefresh": True},
        {"do": "signOut", "global": True},
        {"do": "resetPassword", "username": later},
        {"do": "code", "to": person.new, "count": 3, "as": "reset"},
        {
            "do": "confirmResetPassword",
            "username": later,
            "newPassword": THIRD,
            "confirmationCode": "$reset",
        },
        {"do": "signIn", "username": later, "password": THIRD},
        {"do": "fetchUserAttributes"},
        {"do": "deleteUser"},
        {"do": "signIn", "username": later, "password": THIRD},
    )
    *fine, last = outcomes
    assert [outcome for outcome in fine if "error" in outcome] == []
    assert fine[0]["ok"]["nextStep"]["signUpStep"] == "CONFIRM_SIGN_UP"
    assert fine[4]["ok"]["isSignedIn"] is True
    update = fine[5]["ok"][contact]["nextStep"]["updateAttributeStep"]
    assert update == "CONFIRM_ATTRIBUTE_WITH_CODE"
    assert fine[10]["ok"]["idToken"]
    assert fine[12]["ok"]["nextStep"]["resetPasswordStep"] == "CONFIRM_RESET_PASSWORD_WITH_CODE"
    assert fine[16]["ok"][contact] == person.new
    assert last["error"]["message"] == "Incorrect username or password."
