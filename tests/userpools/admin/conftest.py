"""What the console's tests share: signed-in browsers, and objects made through the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from userpools.models import AuditEntry, Operator, PoolUser, UserPool


@pytest.fixture(autouse=True)
def _nothing_cached() -> None:
    cache.clear()


@pytest.fixture
def browser(operator: Operator) -> Client:
    """A browser in which a superuser is signed in."""
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def browser_of(db: None) -> Callable[..., Client]:
    """Sign an operator in who has the permissions given (`view_userpool`) and nothing more."""

    def sign_in(*permissions: str, name: str = "clerk") -> Client:
        operator = Operator.objects.create_user(name, password="operator-password-2", is_staff=True)
        operator.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(operator)
        return client

    return sign_in


@pytest.fixture
def ana(pool: UserPool, user: str) -> PoolUser:
    return PoolUser.objects.get(pool=pool, username=user)


def page(model: str, obj: Any = None, *, act: str = "") -> str:
    """Return the address of a list, an object's page, or one of its acts."""
    if obj is None:
        return reverse(f"admin:userpools_{model}_changelist")
    if act:
        return reverse(f"admin:userpools_{model}_act", args=[quoted(obj), act])
    return reverse(f"admin:userpools_{model}_change", args=[quoted(obj)])


def quoted(obj: Any) -> str:
    from django.contrib.admin.utils import quote  # noqa: PLC0415

    return str(quote(str(obj.pk)))


def last_act() -> AuditEntry:
    return AuditEntry.objects.latest("pk")


def form_data(response: Any) -> dict[str, Any]:
    """Return what a browser would send if the form of a page were submitted untouched."""
    context = response.context
    form = context["adminform"].form if context.get("adminform") else context["form"]
    return {
        name: part
        for bound in form
        if not bound.field.disabled
        for name, part in _parts(bound, bound.value())
        if part is not None and part is not False and part != ""
    }


def _parts(bound: Any, value: Any) -> list[tuple[str, Any]]:
    widget = bound.field.widget
    if hasattr(widget, "widgets"):
        values = widget.decompress(value)
        return [
            (f"{bound.html_name}{suffix}", part)
            for suffix, part in zip(widget.widgets_names, values, strict=True)
        ]
    if value is True:
        return [(bound.html_name, "on")]
    return [(bound.html_name, value)]
