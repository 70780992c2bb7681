"""What every page of a pool has in common: its headers, its error page, its redirects."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.encoding import iri_to_uri
from django.views.decorators.csrf import csrf_exempt

from hosted_ui.oauth.authorization import Answered, Unanswerable
from hosted_ui.place import Place

HEADERS: Final = {
    "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
    "Pragma": "no-cache",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
    " frame-ancestors 'none'; form-action 'self'"
)
SEE_OTHER: Final = 303
# What the error page says for the errors that lead there; it repeats nothing of its address.
ERRORS: Final = {
    "Client does not exist.": "The app that sent you here is not known.",
    "redirect_mismatch": "The app that sent you here asked to be answered at an address that is "
    "not registered for it.",
    "Required String parameter 'redirect_uri' is not present": "The app that sent you here did "
    "not say where to be answered.",
    "login_unavailable": "Sign-in is not available for this app.",
}
ANOTHER: Final = "The request could not be understood."

Page = Callable[[HttpRequest, Place], HttpResponseBase]


def page(serve: Page) -> Callable[..., HttpResponseBase]:
    """Serve a page of a pool; requests that cannot be answered end on the error page."""

    @csrf_exempt  # forms have tokens of their own: hosted_ui/form_tokens.py
    @wraps(serve)
    def view(request: HttpRequest, pool_id: str) -> HttpResponseBase:
        place = Place.of(request, pool_id)
        try:
            response = serve(request, place)
        except Answered as exc:
            response = redirect(exc.location, status=_status(request))
        except Unanswerable as exc:
            response = error_redirect(place, exc, status=_status(request))
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return view


def _status(request: HttpRequest) -> int:
    """303 after a form, so that its fields are not sent on. Source: RFC 9700, section 4.12."""
    return SEE_OTHER if request.method == "POST" else 302


def redirect(location: str, *, status: int = 302) -> HttpResponse:
    """Redirect to an address of ours or one that is registered, of whichever scheme."""
    return HttpResponse(status=status, headers={"Location": iri_to_uri(location)})


def error_redirect(place: Place, problem: Unanswerable, *, status: int) -> HttpResponse:
    """Send to the error page, never to where the request asks to be sent."""
    known = {"client_id": problem.client_id} if problem.client_id else {}
    query = urlencode({"error": problem.error, **known})
    return redirect(place.url("error", query), status=status)


def show(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render one of the pages."""
    return render(request, f"hosted_ui/{template}", context, status=status)


def allow_return(response: HttpResponseBase, redirect_uri: str) -> None:
    """Let the form's answer go back to the application.

    Browsers hold every redirect that follows a form to form-action, the application's own ones too,
    hence the scheme rather than its host.
    """
    scheme = urlsplit(redirect_uri).scheme
    sources = "https:" if scheme == "https" else f"https: {scheme}:"
    response.headers["Content-Security-Policy"] = POLICY + f" {sources}"


@page
def error(request: HttpRequest, place: Place) -> HttpResponseBase:
    """Say what went wrong, in words of our own."""
    text = ERRORS.get(request.GET.get("error", ""), ANOTHER)
    return show(request, "error.html", {"pool": place.pool, "text": text}, status=400)
