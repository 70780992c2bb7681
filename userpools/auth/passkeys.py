"""Passkeys of a signed-in user: registering, listing and deleting them.

A registration's challenge is sealed and says whose it is, so that starting writes nothing; what
completes it is inserted once. Source: API reference, StartWebAuthnRegistration,
CompleteWebAuthnRegistration; developer guide, "Passkey sign-in".
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone
from webauthn import generate_registration_options
from webauthn.helpers import base64url_to_bytes, options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from userpools import sealing
from userpools.audit import Actor, record_act
from userpools.auth import web_authn
from userpools.auth.web_authn import Attested, Credential
from userpools.errors import (
    InvalidParameterException,
    LimitExceededException,
    NotAuthorizedException,
    ResourceNotFoundException,
    UserNotFoundException,
    WebAuthnChallengeNotFoundException,
    WebAuthnClientMismatchException,
    WebAuthnOriginNotAllowedException,
    WebAuthnRelyingPartyMismatchException,
)
from userpools.models import Passkey, PoolUser, SpentStep, UserPool
from userpools.models.passkey import is_credential_id
from userpools.models.retry import in_transaction
from userpools.sealing import Purpose
from userpools.services import relying_party
from userpools.services.lookup import locked
from userpools.tokens.verify import REVOKED, AccessContext

MOST: Final = 20
TOO_MANY: Final = f"A user can have at most {MOST} passkeys."
REGISTERED: Final = "The passkey is registered already."
UNKNOWN: Final = "The passkey does not exist."
# For a person to find the phone or the key; longer than browsers wait (TIMEOUT_MS).
CHALLENGE_LIFETIME: Final = timedelta(minutes=5)
TIMEOUT_MS: Final = 60_000
STEP: Final = "PASSKEY_REGISTRATION"
NAMES: Final = {"cross-platform": "Roaming passkey", "platform": "Platform passkey"}


@dataclass(frozen=True, slots=True)
class Challenge:
    """A registration under way: its own id, its user and its client."""

    id: uuid.UUID
    sub: uuid.UUID
    client_id: str
    expires_at: datetime

    def sealed(self, pool: UserPool) -> bytes:
        """Return the bytes that the authenticator is to answer."""
        content = {
            "i": self.id.hex,
            "u": self.sub.hex,
            "c": self.client_id,
            "x": int(self.expires_at.timestamp()),
        }
        return sealing.seal(Purpose.PASSKEY_REGISTRATION, orjson.dumps(content), context=pool.pk)

    @classmethod
    def opened(cls, sealed: bytes, context: AccessContext) -> "Challenge":
        """Read a live challenge of the signed-in user's back.

        Raises WebAuthnChallengeNotFoundException, and for another client's
        WebAuthnClientMismatchException. Whether it was used, its row says.
        """
        try:
            content: dict[str, Any] = orjson.loads(
                sealing.unseal(Purpose.PASSKEY_REGISTRATION, sealed, context=context.pool.pk)
            )
        except (sealing.Broken, ValueError) as exc:
            raise WebAuthnChallengeNotFoundException from exc
        found = cls(
            id=uuid.UUID(content["i"]),
            sub=uuid.UUID(content["u"]),
            client_id=content["c"],
            expires_at=datetime.fromtimestamp(content["x"], tz=UTC),
        )
        if found.sub != context.user.sub or found.expires_at <= timezone.now():
            raise WebAuthnChallengeNotFoundException
        if found.client_id != context.client.client_id:
            raise WebAuthnClientMismatchException
        return found


def handle_of(user: PoolUser) -> bytes:
    """Return what an authenticator knows the user by. Source: a recorded `user.id`."""
    return str(user.sub).encode()


def verification(pool: UserPool, user: PoolUser | None) -> UserVerificationRequirement:
    """Return what the browser is told of fingerprint, face or PIN."""
    if relying_party.demands_verification(pool, user):
        return UserVerificationRequirement.REQUIRED
    return UserVerificationRequirement.PREFERRED


def start(context: AccessContext) -> dict[str, Any]:
    """Return PublicKeyCredentialCreationOptionsJSON with a new challenge; writes nothing.

    Raises WebAuthnNotEnabledException, WebAuthnConfigurationMissingException,
    LimitExceededException.
    """
    pool, user = context.pool, context.user
    relying_party.require_enabled(pool)
    rp_id = relying_party.id_of(pool)
    present = list(Passkey.objects.of(user).values_list("relying_party_id", "credential_id"))
    if len(present) >= MOST:
        raise LimitExceededException(TOO_MANY)
    challenge = Challenge(
        uuid.uuid4(), user.sub, context.client.client_id, timezone.now() + CHALLENGE_LIFETIME
    )
    options = generate_registration_options(
        rp_id=rp_id,
        rp_name=rp_id,
        user_id=handle_of(user),
        user_name=_shown_name(user),
        challenge=challenge.sealed(pool),
        timeout=TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=verification(pool, user),
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(credential_id))
            for made_for, credential_id in present
            if made_for == rp_id
        ],
        supported_pub_key_algs=web_authn.ALGORITHMS,
    )
    wire = options_to_json_dict(options)
    # Left out as the service does; it means "none" either way.
    del wire["attestation"]
    return wire


def _shown_name(user: PoolUser) -> str:
    """Return what the authenticator lists the passkey under: what the user signs in with.

    Inferred: where usernames are made up, the service's sample shows none.
    """
    for contact in user.pool.username_attributes:
        if user.attributes.get(contact):
            return str(user.attributes[contact])
    return user.username


def complete(context: AccessContext, credential: Credential) -> None:
    """Keep the passkey of a RegistrationResponseJSON, once for its challenge.

    Raises WebAuthnNotEnabledException, WebAuthnChallengeNotFoundException,
    WebAuthnClientMismatchException, WebAuthnOriginNotAllowedException,
    WebAuthnRelyingPartyMismatchException, WebAuthnCredentialNotSupportedException,
    LimitExceededException, InvalidParameterException.
    """
    pool = context.pool
    relying_party.require_enabled(pool)
    said = web_authn.client_data(credential)
    challenge = Challenge.opened(said.challenge, context)
    rp_id = relying_party.id_or_empty(pool)
    if not rp_id:
        # It had one when the registration was started.
        raise WebAuthnRelyingPartyMismatchException
    # In a frame of another site the user cannot see who asks.
    if said.is_cross_origin or not relying_party.allows_origin(rp_id, said.origin):
        raise WebAuthnOriginNotAllowedException
    found = web_authn.attested(
        credential,
        challenge=said.challenge,
        origin=said.origin,
        relying_party_id=rp_id,
        demands_verification=relying_party.demands_verification(pool, context.user),
    )
    try:
        _store(context, challenge, found, rp_id)
    except UserNotFoundException as exc:
        raise NotAuthorizedException(REVOKED) from exc


@in_transaction
def _store(context: AccessContext, challenge: Challenge, found: Attested, rp_id: str) -> None:
    row = locked(context.user)
    # Whoever ended the user's sessions meanwhile meant this one too.
    if row.epoch != context.user.epoch or not row.enabled:
        raise NotAuthorizedException(REVOKED)
    _spend(challenge)
    if Passkey.objects.of(row).count() >= MOST:
        raise LimitExceededException(TOO_MANY)
    try:
        with transaction.atomic():
            Passkey.objects.create(
                pool=context.pool,
                user=row,
                credential_id=found.credential_id,
                public_key=found.public_key,
                sign_count=found.sign_count,
                relying_party_id=rp_id,
                friendly_name=_friendly_name(found),
                attachment=found.attachment,
                transports=" ".join(found.transports),
                aaguid=found.aaguid,
            )
    except IntegrityError as exc:
        raise InvalidParameterException(REGISTERED) from exc


def _spend(challenge: Challenge) -> None:
    """Use the challenge up; WebAuthnChallengeNotFoundException when it was before."""
    try:
        with transaction.atomic():
            SpentStep.objects.create(
                attempt=challenge.id,
                step=STEP,
                expires_at=challenge.expires_at + CHALLENGE_LIFETIME,
            )
    except IntegrityError as exc:
        raise WebAuthnChallengeNotFoundException from exc


def _friendly_name(found: Attested) -> str:
    """Name a passkey by where it is. Inferred but for `Roaming passkey`, which was recorded."""
    if found.attachment:
        return NAMES[found.attachment]
    return NAMES["platform"] if found.transports == ("internal",) else "Passkey"


def delete(user: PoolUser, credential_id: str, *, actor: Actor | None = None) -> None:
    """Delete one of the user's passkeys; ResourceNotFoundException if it is not.

    Who has none left has passkeys off as a factor. Audited for an actor.
    """
    if not is_credential_id(credential_id):
        raise ResourceNotFoundException(UNKNOWN)
    try:
        _delete(user, credential_id, actor)
    except UserNotFoundException as exc:
        raise ResourceNotFoundException(UNKNOWN) from exc


@in_transaction
def _delete(user: PoolUser, credential_id: str, actor: Actor | None) -> None:
    row = locked(user)
    own = Passkey.objects.of(row)
    deleted, _ = own.filter(credential_id=credential_id).delete()
    if not deleted:
        raise ResourceNotFoundException(UNKNOWN)
    if row.passkey_mfa and not own.exists():
        PoolUser.objects.filter(pk=row.pk).update(passkey_mfa=False)
    if actor is not None:
        record_act(
            actor,
            "DeleteWebAuthnCredential",
            pool_id=row.pool_id,
            resource=row.username,
            before={"CredentialId": credential_id},
        )
