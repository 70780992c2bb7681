"""The sidebar, and where this server stands."""

from typing import Any

from django.contrib.auth.models import Group as PermissionGroup
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from userpools.admin import markup
from userpools.conf import settings
from userpools.models import (
    AccessKey,
    AppClient,
    AuditEntry,
    AuthEvent,
    Group,
    Message,
    Operator,
    PoolUser,
    ResourceServer,
    SigningKey,
    UserPool,
    UserPoolDomain,
)

Entry = tuple[str, str, type[Model]]
SECTIONS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Directory",
        (
            ("User pools", "pool", UserPool),
            ("App clients", "apps", AppClient),
            ("Resource servers", "api", ResourceServer),
            ("Domains", "public", UserPoolDomain),
            ("Users", "person", PoolUser),
            ("Groups", "groups", Group),
        ),
    ),
    (
        "Activity",
        (
            ("Sign-in events", "login", AuthEvent),
            ("Messages", "mail", Message),
            ("Audit trail", "history", AuditEntry),
        ),
    ),
    (
        "Keys",
        (
            ("Signing keys", "vpn_key", SigningKey),
            ("Access keys", "key", AccessKey),
        ),
    ),
    (
        "Operators",
        (
            ("Operators", "shield_person", Operator),
            ("Permission groups", "lock_person", PermissionGroup),
        ),
    ),
)
SUPERUSERS_ONLY = {Operator, PermissionGroup}
# What applications above add.
_added: list[tuple[str, tuple[Entry, ...]]] = []


def add_for_superusers(title: str, *entries: Entry) -> None:
    """Add a section of another application, as its console pages are loaded."""
    _added.append((title, entries))
    SUPERUSERS_ONLY.update(model for _name, _icon, model in entries)


def may_see(request: HttpRequest, model: type[Model]) -> bool:
    """Say whether the operator may open a model's list."""
    if model in SUPERUSERS_ONLY:
        return bool(request.user.is_superuser)
    meta = model._meta
    return any(
        request.user.has_perm(f"{meta.app_label}.{act}_{meta.model_name}")
        for act in ("view", "change")
    )


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of links that this operator may follow."""
    start = [{"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}]
    sections: list[dict[str, Any]] = [{"title": "", "items": start}]
    for title, entries in (*SECTIONS, *_added):
        items = [
            {"title": name, "icon": icon, "link": markup.list_of(model)}
            for name, icon, model in entries
            if may_see(request, model)
        ]
        if items:
            sections.append({"title": title, "separator": True, "items": items})
    return sections


def environment(_request: HttpRequest) -> list[str] | None:
    """Say that this is no production server."""
    return None if settings.PRODUCTION else ["Development", "info"]
