"""App clients: created, changed and deleted here, for the API, the console and commands alike."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from userpools import ids
from userpools.audit import Actor, record_act
from userpools.errors import (
    InvalidParameterException,
    LimitExceededException,
    ResourceNotFoundException,
)
from userpools.models import AppClient, ClientSecret, UserPool
from userpools.models.client import no_such_client
from userpools.models.stamps import stamps
from userpools.services import client_rules, schema

CLIENTS_PER_POOL = 1_000
SECRETS_PER_CLIENT = 2
# Not part of what is stored and shown as sent.
APART = frozenset({"UserPoolId", "ClientId", "ClientName", "GenerateSecret", "ClientSecret"})


def create(
    pool_id: str, settings: Mapping[str, Any], *, actor: Actor, client_id: str = ""
) -> AppClient:
    """Create a client; `settings` are CreateUserPoolClient's members.

    `client_id` is for restored clients; the API always has a new one made.
    """
    client_rules.check_secret_request(settings)
    given = settings.get("ClientSecret", "")
    confidential = bool(given or settings.get("GenerateSecret"))
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        if pool.clients.count() >= CLIENTS_PER_POOL:
            raise LimitExceededException(
                f"A user pool can have at most {CLIENTS_PER_POOL} app clients."
            )
        client = AppClient(client_id=client_id or ids.new_client_id(), pool=pool, **stamps())
        _apply(client, settings["ClientName"], settings)
        client_rules.check(client, has_secret=confidential)
        client.save(force_insert=True)
        if confidential:
            ClientSecret.issue(client, given)
        pool.touch()
        _record(actor, "CreateUserPoolClient", client, before=None)
    return client


def update(pool_id: str, client_id: str, settings: Mapping[str, Any], *, actor: Actor) -> AppClient:
    """Apply UpdateUserPoolClient's members; what they leave out goes back to its default.

    Source: API reference, UpdateUserPoolClient.
    """
    with transaction.atomic():
        client = locked(pool_id, client_id)
        before = document_of(client)
        _apply(client, settings.get("ClientName", client.name), settings)
        client.modified_at = timezone.now()
        client_rules.check(client, has_secret=client.has_secret)
        client.save()
        client.pool.touch()
        _record(actor, "UpdateUserPoolClient", client, before=before)
    return client


def delete(pool_id: str, client_id: str, *, actor: Actor) -> None:
    """Delete a client with its secrets and every session that was signed in through it."""
    with transaction.atomic():
        client = locked(pool_id, client_id)
        pool, before = client.pool, document_of(client)
        client.sessions.all().delete()
        client.delete()
        pool.touch()
        record_act(
            actor, "DeleteUserPoolClient", pool_id=pool.id, resource=client_id, before=before
        )


def locked(pool_id: str, client_id: str) -> AppClient:
    """Return a client of this pool with its pool, the pool locked until the transaction ends.

    One lock, the pool's, orders all changes of its clients.
    """
    pool = UserPool.objects.locked(pool_id)
    client = pool.clients.filter(client_id=client_id).first()
    if client is None:
        raise no_such_client(client_id)
    client.pool = pool
    return client


def document_of(client: AppClient) -> dict[str, Any]:
    """Return what an audit entry says of a client."""
    return {"ClientName": client.name, **client.configuration}


def _apply(client: AppClient, name: str, settings: Mapping[str, Any]) -> None:
    client.name = name
    client.configuration = {
        member: value for member, value in settings.items() if member not in APART
    }
    # A default permission covers the custom attributes of now, not those to come.
    client.custom_attributes = schema.custom_names(client.pool.schema)


def _record(actor: Actor, action: str, client: AppClient, *, before: dict[str, Any] | None) -> None:
    record_act(
        actor,
        action,
        pool_id=client.pool_id,
        resource=client.client_id,
        before=before,
        after=document_of(client),
    )


# Secrets


def add_secret(
    pool_id: str, client_id: str, value: str = "", *, actor: Actor
) -> tuple[ClientSecret, str]:
    """Add a second secret to a confidential client; return the row and the clear value."""
    with transaction.atomic():
        client = locked(pool_id, client_id)
        count = client.secrets.count()
        if not count:
            raise InvalidParameterException(
                "Client secrets can only be added to an app client that was created with one."
            )
        if count >= SECRETS_PER_CLIENT:
            raise LimitExceededException(
                f"An app client can have at most {SECRETS_PER_CLIENT} secrets."
            )
        secret, clear = ClientSecret.issue(client, value)
        client.pool.touch()
        _record_secret(actor, "AddUserPoolClientSecret", client, secret.id)
    return secret, clear


def delete_secret(pool_id: str, client_id: str, secret_id: str, *, actor: Actor) -> None:
    """Delete a secret; the last one stays."""
    with transaction.atomic():
        client = locked(pool_id, client_id)
        secret = client.secrets.filter(id=secret_id).first()
        if secret is None:
            raise ResourceNotFoundException(f"Client secret {secret_id} does not exist.")
        if client.secrets.count() == 1:
            raise InvalidParameterException("The last secret of an app client cannot be deleted.")
        secret.delete()
        client.pool.touch()
        _record_secret(actor, "DeleteUserPoolClientSecret", client, secret_id)


def _record_secret(actor: Actor, action: str, client: AppClient, secret_id: str) -> None:
    record_act(
        actor,
        action,
        pool_id=client.pool_id,
        resource=client.client_id,
        after={"ClientSecretId": secret_id},
    )
