"""DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER: a remembered device proves its secret.

In place of a second factor; in CUSTOM_AUTH at the end. Source: developer guide, "Working with user
devices in your user pool", "Signing in with a device".
"""

from userpools.auth import devices, sealed, second_factor, srp_exchange
from userpools.auth.attempt import Attempt, Parameters, Responses, required
from userpools.auth.challenges.base import Challenge
from userpools.auth.checks import WRONG, fail
from userpools.awsjson.service import Call
from userpools.errors import NotAuthorizedException
from userpools.models import AppClient, Device
from userpools.models.device import ask_device
from userpools.services.devices import find_or_none
from userpools.services.lookup import find_user_or_none


class DeviceSrpAuth(Challenge):
    """DEVICE_SRP_AUTH: the first half, the device's public value."""

    name = "DEVICE_SRP_AUTH"

    def applies(self, attempt: Attempt) -> bool:
        """Apply to a remembered device of a user who would be asked for a second factor.

        The device passed one with them before. Who has to set one up does so on any device. In
        CUSTOM_AUTH a remembered device proves itself at the end, with or without a second factor.
        """
        if not devices.is_proved(attempt):
            return False
        devices.recognize(attempt)
        if not devices.is_challenged(attempt):
            return False
        if second_factor.due(attempt).factors:
            return _able(attempt).passed_factor
        return devices.is_asked_for(attempt)

    def issue(self, attempt: Attempt) -> Parameters:
        """Keep the Session with the device, as some clients answer without it."""
        device, user = _able(attempt), attempt.known_user
        ask_device.run(sealed.seal(attempt), attempt.call.client_address[:64], device.pk)
        return {
            "USERNAME": user.username,
            "USER_ID_FOR_SRP": user.username,
            "DEVICE_KEY": device.key,
        }

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Take SRP_A; nothing is proved yet."""
        required(responses, "DEVICE_KEY")
        _able(attempt)
        attempt.inputs["SRP_A"] = required(responses, "SRP_A")
        srp_exchange.public_value(attempt.inputs["SRP_A"])


class DevicePasswordVerifier(Challenge):
    """DEVICE_PASSWORD_VERIFIER: the second half, the claim. SECRET_BLOCK carries the Session."""

    name = second_factor.DEVICE_PROVED

    def applies(self, attempt: Attempt) -> bool:
        """Follow DEVICE_SRP_AUTH."""
        return DeviceSrpAuth.name in attempt.passed

    def issue(self, attempt: Attempt) -> Parameters:
        """Make B and seal the server's side into SECRET_BLOCK; nothing is written."""
        device = _able(attempt)
        server_public, block = srp_exchange.begin(
            srp_exchange.public_value(attempt.inputs["SRP_A"]),
            devices.verifier_of(device),
            sealed.seal(attempt).encode(),
            context=_context(attempt.client),
        )
        return {
            "SALT": device.salt,
            "SECRET_BLOCK": block,
            "SRP_B": server_public,
            "USERNAME": attempt.known_user.username,
            "DEVICE_KEY": device.key,
        }

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Compare the claim's signature; the try is counted before, among second factors."""
        signature = required(responses, "PASSWORD_CLAIM_SIGNATURE")
        timestamp = required(responses, "TIMESTAMP")
        device, state = _able(attempt), attempt.srp
        assert state is not None  # noqa: S101 - attempt_of set it
        second_factor.take_attempt(attempt)
        holds = srp_exchange.claim_holds(
            state,
            devices.verifier_of(device),
            (device.group_key, device.key),
            timestamp=timestamp,
            signature=signature,
        )
        if not holds or attempt.is_for_another:
            raise fail(attempt, NotAuthorizedException(WRONG))


def attempt_of(client: AppClient, call: Call, responses: Responses) -> Attempt:
    """Rebuild the attempt from a device's SECRET_BLOCK; NotAuthorizedException if not good."""
    text = required(responses, "PASSWORD_CLAIM_SECRET_BLOCK")
    try:
        state, session = srp_exchange.reopen(text, context=_context(client))
    except srp_exchange.NoBlock as exc:
        raise NotAuthorizedException(WRONG) from exc
    attempt = sealed.unseal(session.decode(), client=client, call=call)
    attempt.srp = state
    return attempt


def asked_attempt(client: AppClient, call: Call, responses: Responses) -> Attempt:
    """Find the sign-in that waits for a device, for an answer to DEVICE_SRP_AUTH without Session.

    pycognito sends none. The answer must come from where the sign-in did; whatever does not fit,
    the error is the same. Raises NotAuthorizedException.
    """
    user = find_user_or_none(client.pool, required(responses, "USERNAME"))
    device = find_or_none(user, required(responses, "DEVICE_KEY"))
    if device is None or device.last_address != call.client_address[:64]:
        raise NotAuthorizedException(sealed.INVALID)
    return sealed.unseal(device.asked_session, client=client, call=call)


def _able(attempt: Attempt) -> Device:
    """Return the device, which may have lost its part since the step before."""
    if attempt.device is None or not devices.is_challenged(attempt):
        raise NotAuthorizedException(sealed.INVALID)
    return attempt.device


def _context(client: AppClient) -> str:
    """Bind the block to the client, and keep it apart from a password's."""
    return f"{client.sealing_context}:device"
