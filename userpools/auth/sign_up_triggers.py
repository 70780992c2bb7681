"""The functions that a customer has run around a new account: before it is made, once it is good.

Source: developer guide, "Pre sign-up Lambda trigger", "Post confirmation Lambda trigger".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from userpools import lambda_triggers
from userpools.errors import InvalidParameterException
from userpools.lambda_triggers import Origin
from userpools.models import PoolUser, UserPool
from userpools.services.attributes import VERIFIED_FLAGS
from userpools.services.users import NewName

AUTO_VERIFY: Final = {"autoVerifyEmail": "email", "autoVerifyPhone": "phone_number"}


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a new account's name: verified contacts, and whether it needs no code."""

    name: NewName
    is_confirmed: bool = False


def pre_sign_up(
    pool: UserPool,
    name: NewName,
    *,
    act: str,
    validation_data: Mapping[str, str] | None,
    origin: Origin,
) -> Admission:
    """Run before the account is made; `act` is SignUp or AdminCreateUser.

    Raises what the function does, and InvalidParameterException where it verifies what is not
    there.
    """
    if not lambda_triggers.configured(pool, "PreSignUp"):
        return Admission(name)
    response = lambda_triggers.run(
        f"PreSignUp_{act}",
        pool=pool,
        origin=origin,
        username=name.username,
        request={
            "userAttributes": dict(name.attributes),
            "validationData": dict(validation_data) if validation_data else None,
            "clientMetadata": origin.metadata,
        },
        response={"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
    )
    verified = [contact for member, contact in AUTO_VERIFY.items() if response[member]]
    for contact in verified:
        if not name.attributes.get(contact):
            raise InvalidParameterException(f"User has no {contact} that could be verified.")
    flags = {VERIFIED_FLAGS[contact]: "true" for contact in verified}
    admitted = replace(name, attributes={**name.attributes, **flags})
    return Admission(admitted, is_confirmed=response["autoConfirmUser"])


def post_confirmation(user: PoolUser, *, act: str, origin: Origin) -> None:
    """Run once an account is confirmed, by ConfirmSignUp or ConfirmForgotPassword.

    The account stays confirmed when the function fails; the caller gets what it raises.
    """
    if not lambda_triggers.configured(user.pool, "PostConfirmation"):
        return
    lambda_triggers.run(
        f"PostConfirmation_{act}",
        pool=user.pool,
        origin=origin,
        username=user.username,
        request={
            "userAttributes": lambda_triggers.user_attributes(user),
            "clientMetadata": origin.metadata,
        },
    )
