"""WEB_AUTHN: a passkey takes the place of a password, and where the pool says so of two factors.

Source: API reference, RespondToAuthChallenge, "WEB_AUTHN"; developer guide, "Passkey sign-in".
"""

import secrets
from typing import Final

import orjson
from django.utils import timezone
from webauthn import generate_authentication_options
from webauthn.helpers import base64url_to_bytes, options_to_json
from webauthn.helpers.structs import PublicKeyCredentialDescriptor

from userpools.audit import record_auth_event
from userpools.auth import hidden, passkeys, sealed, web_authn
from userpools.auth.attempt import Attempt, Parameters, Responses, required
from userpools.auth.challenges.first_factor import FirstFactor, wants_password
from userpools.auth.checks import WRONG, check_state, fail
from userpools.auth.web_authn import Asserted, Credential
from userpools.errors import InvalidParameterException, NotAuthorizedException
from userpools.models import Passkey, PoolUser, UserPool, UserStatus
from userpools.models.passkey import PasskeyQuerySet, is_credential_id, passkey_by_id
from userpools.services import relying_party

CHALLENGE_BYTES: Final = 32
# What is recorded of a right signature with a counter that did not grow: somebody has a copy.
COPIED: Final = "SignCountNotIncreased"


class WebAuthn(FirstFactor):
    """The challenge that the browser has an authenticator sign."""

    name = relying_party.FIRST_FACTOR
    configured_as = name

    def available_to(self, user: PoolUser) -> bool:
        """Offer it to whoever has a passkey for the pool's relying party, where one is enough."""
        return _is_enough(user) and _of(user.pool, user).exists()

    def available(self, attempt: Attempt) -> bool:
        """Say whether the user has one; nobody's is looked for as well."""
        if attempt.user is None:
            return _is_on(attempt.pool) and _of(attempt.pool, None).exists()
        return self.available_to(attempt.user)

    def seems_available(self, attempt: Attempt) -> bool:
        """Offer it to a stable choice of names."""
        pool = attempt.pool
        is_possible = relying_party.satisfies_mfa(pool) or pool.mfa_configuration != "ON"
        return _is_on(pool) and is_possible and hidden.seems_to_have_passkey(pool, attempt.name_key)

    def issue(self, attempt: Attempt) -> Parameters:
        """Make a challenge, which the Session carries, and name the passkeys that may answer it."""
        attempt.passkey_challenge = secrets.token_bytes(CHALLENGE_BYTES)
        rp_id = relying_party.id_or_empty(attempt.pool)
        options = generate_authentication_options(
            rp_id=rp_id,
            challenge=attempt.passkey_challenge,
            timeout=passkeys.TIMEOUT_MS,
            allow_credentials=[
                PublicKeyCredentialDescriptor(id=each) for each in self._answering(attempt, rp_id)
            ],
            user_verification=passkeys.verification(attempt.pool, attempt.user),
        )
        return {"CREDENTIAL_REQUEST_OPTIONS": options_to_json(options)}

    def _answering(self, attempt: Attempt, rp_id: str) -> list[bytes]:
        """Return the ids of the passkeys; where nobody may learn that there are none, made-up ones.

        Raises NotAuthorizedException where passkeys were offered and are not any more.
        """
        found = _of(attempt.pool, attempt.user).values_list("credential_id", flat=True)
        ids = [base64url_to_bytes(each) for each in found]
        if rp_id and not ids and attempt.hides_users:
            ids = hidden.passkey_ids(attempt.pool, attempt.name_key)
        if not rp_id or not ids:
            raise NotAuthorizedException(sealed.INVALID)
        return ids

    def verify(self, attempt: Attempt, responses: Responses) -> None:
        """Check the signature and what it is over; the counter is used up by it.

        Nothing that can be guessed is compared, so that no try is counted; and what proves nothing
        is not recorded, for anybody could send it.
        """
        credential = _parsed(required(responses, "CREDENTIAL"))
        if not attempt.passkey_challenge:
            raise NotAuthorizedException(sealed.INVALID)
        passkey = _own(attempt, credential)
        try:
            signed = _signed(attempt, credential, passkey)
        except web_authn.Refused as exc:
            raise NotAuthorizedException(WRONG) from exc
        if passkey is None:
            raise NotAuthorizedException(WRONG)
        # Some say nothing, and some browsers make that an empty one.
        if signed.user_handle and signed.user_handle != passkeys.handle_of(attempt.known_user):
            raise NotAuthorizedException(WRONG)
        used = Passkey.objects.used_up_to(passkey, signed.sign_count)
        if not used.update(sign_count=signed.sign_count, last_used_at=timezone.now()):
            record_auth_event(attempt.facts(), "Fail", reason=COPIED)
            raise NotAuthorizedException(WRONG)
        check_state(attempt)
        if not _is_enough(attempt.known_user):
            # It was when it was offered, or seemed so to a client that hides who exists.
            raise fail(attempt, NotAuthorizedException(WRONG))


def _is_enough(user: PoolUser) -> bool:
    """Say whether a passkey of theirs signs somebody in now.

    Where a second factor is due, only if passkeys stand for both.
    """
    return (
        _is_on(user.pool)
        and user.status == UserStatus.CONFIRMED
        and (relying_party.satisfies_mfa(user.pool) or not wants_password(user))
    )


def _is_on(pool: UserPool) -> bool:
    return relying_party.is_enabled(pool) and bool(relying_party.id_or_empty(pool))


def _of(pool: UserPool, user: PoolUser | None) -> PasskeyQuerySet:
    """Return the user's passkeys for the pool's relying party; nobody's are looked for as well."""
    own = Passkey.objects.of(user) if user else Passkey.objects.filter(user_id=0).order_by("id")
    return own.filter(relying_party_id=relying_party.id_or_empty(pool))


def _parsed(text: str) -> Credential:
    try:
        credential = orjson.loads(text)
    except ValueError as exc:
        raise InvalidParameterException(web_authn.MALFORMED_CREDENTIAL) from exc
    if not isinstance(credential, dict):
        raise InvalidParameterException(web_authn.MALFORMED_CREDENTIAL)
    return credential


def _own(attempt: Attempt, credential: Credential) -> Passkey | None:
    """Return the passkey that answers if it is one of the user's; asked for nobody as well."""
    credential_id = credential.get("id")
    known = is_credential_id(credential_id)
    found = passkey_by_id.first(attempt.pool.pk, credential_id if known else "")
    if found is None or attempt.user is None or found.user_id != attempt.user.pk:
        return None
    is_current = found.relying_party_id == relying_party.id_or_empty(attempt.pool)
    return found if is_current else None


def _signed(attempt: Attempt, credential: Credential, passkey: Passkey | None) -> Asserted:
    """Return what the signature holds for; Refused unless it is over the right thing.

    Without a passkey it is checked against a key that nobody has, for the same work.
    """
    said = web_authn.client_data(credential)
    rp_id = relying_party.id_or_empty(attempt.pool)
    # In a frame of another site the user cannot see who asks.
    if said.is_cross_origin or not relying_party.allows_origin(rp_id, said.origin):
        raise web_authn.Refused(said.origin)
    return web_authn.asserted(
        credential,
        public_key=bytes(passkey.public_key) if passkey else web_authn.nobodys_key(),
        challenge=attempt.passkey_challenge,
        origin=said.origin,
        relying_party_id=rp_id,
        demands_verification=relying_party.demands_verification(attempt.pool, attempt.user),
    )
