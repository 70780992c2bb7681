"""Resource servers: created, changed and deleted here, for the API, the console and commands."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from userpools.audit import Actor, record_act
from userpools.errors import (
    InvalidParameterException,
    LimitExceededException,
    ResourceNotFoundException,
)
from userpools.models import ResourceServer, UserPool
from userpools.models.stamps import stamps

SERVERS_PER_POOL = 25
# Scopes of these stand for rights over the pool itself.
RESERVED = ("aws.cognito", "poolhouse")


def find(pool: UserPool, identifier: str) -> ResourceServer:
    """Return the pool's resource server; ResourceNotFoundException if there is none."""
    server = ResourceServer.objects.filter(pool_id=pool.pk, identifier=identifier).first()
    if server is None:
        raise ResourceNotFoundException(f"Resource server {identifier} does not exist.")
    return server


def create(pool_id: str, settings: Mapping[str, Any], *, actor: Actor) -> ResourceServer:
    """Create a resource server of CreateResourceServer's members."""
    server = ResourceServer(
        pool_id=pool_id,
        identifier=settings["Identifier"],
        name=settings["Name"],
        scopes=_scopes(settings),
        **stamps(),
    )
    if server.identifier.lower().startswith(RESERVED):
        raise InvalidParameterException(f"{server.identifier} is a reserved identifier.")
    try:
        with transaction.atomic():
            pool = UserPool.objects.locked(pool_id)
            if pool.resource_servers.count() >= SERVERS_PER_POOL:
                raise LimitExceededException(
                    f"A user pool can have at most {SERVERS_PER_POOL} resource servers."
                )
            server.save(force_insert=True)
            pool.touch()
            _record(actor, "CreateResourceServer", server, after=document_of(server))
    except IntegrityError as exc:
        raise InvalidParameterException(
            f"{server.identifier} already exists in user pool {pool_id}."
        ) from exc
    return server


def update(pool_id: str, settings: Mapping[str, Any], *, actor: Actor) -> ResourceServer:
    """Replace name and scopes; without Scopes there are none.

    Clients keep a scope that is gone in their settings, and no token gets it.
    """
    scopes = _scopes(settings)
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        server = find(pool, settings["Identifier"])
        before = document_of(server)
        server.name, server.scopes = settings["Name"], scopes
        server.modified_at = timezone.now()
        server.save()
        pool.touch()
        _record(actor, "UpdateResourceServer", server, before=before, after=document_of(server))
    return server


def delete(pool_id: str, identifier: str, *, actor: Actor) -> None:
    """Delete a resource server; no token gets its scopes from now on."""
    with transaction.atomic():
        pool = UserPool.objects.locked(pool_id)
        server = find(pool, identifier)
        _record(actor, "DeleteResourceServer", server, before=document_of(server))
        server.delete()
        pool.touch()


def document_of(server: ResourceServer) -> dict[str, Any]:
    """Return a resource server as UpdateResourceServer takes it, and as an audit entry shows it."""
    return {"Identifier": server.identifier, "Name": server.name, "Scopes": server.scopes}


def _scopes(settings: Mapping[str, Any]) -> list[dict[str, str]]:
    scopes: Sequence[Mapping[str, str]] = settings.get("Scopes") or []
    names = [scope["ScopeName"] for scope in scopes]
    twice = sorted(name for name in set(names) if names.count(name) > 1)
    if twice:
        raise InvalidParameterException(f"Duplicate scope names: {', '.join(twice)}.")
    return [
        {"ScopeName": scope["ScopeName"], "ScopeDescription": scope["ScopeDescription"]}
        for scope in scopes
    ]


def _record(
    actor: Actor,
    action: str,
    server: ResourceServer,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record_act(
        actor,
        action,
        pool_id=server.pool_id,
        resource=server.identifier,
        before=before,
        after=after,
    )
