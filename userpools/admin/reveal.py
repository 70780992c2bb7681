"""Showing a new secret exactly once: the session keeps the row's id, never the secret."""

from typing import TYPE_CHECKING

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from userpools.admin.markup import Fact
from userpools.models import ClientSecret

if TYPE_CHECKING:
    from unfold.admin import ModelAdmin

SECRET_IDS = Prefetch("secrets", queryset=ClientSecret.objects.defer("sealed"))


def promise(request: HttpRequest, kind: str, row_id: str) -> None:
    """Remember that this operator's next look may show the secret of a row."""
    request.session[f"reveal-{kind}"] = row_id


def redeem(request: HttpRequest, kind: str) -> str:
    """Return the row's id and forget it; empty when there is none to be shown."""
    row_id = str(request.session.pop(f"reveal-{kind}", ""))
    # At once, so that two requests side by side cannot both find it.
    request.session.save()
    return row_id


def page(
    request: HttpRequest, model_admin: "ModelAdmin", *, title: str, facts: list[Fact], back: str
) -> HttpResponse:
    """Render the page with the secret; nobody may keep a copy of it."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": title,
        "facts": facts,
        "back": back,
    }
    response = TemplateResponse(request, "admin/userpools/secret.html", context)
    response["Cache-Control"] = "no-store"
    return response
