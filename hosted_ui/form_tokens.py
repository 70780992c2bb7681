"""The token of each form: bound to the browser by a cookie, to the pool, and to what the form says.

Django's own middleware knows one cookie for the whole server, and the request's host; pools' pages
share the first and must not trust the second.
"""

import base64
import binascii
import secrets

from django.http import HttpRequest, HttpResponseBase

from hosted_ui import cookies
from hosted_ui.place import Place
from userpools import sealing
from userpools.sealing import Purpose

KIND = "form"
FIELD = "csrf"


class Refused(Exception):
    """A form that was not made for this browser, or was sent from elsewhere."""


def browser_of(request: HttpRequest, place: Place) -> str:
    """Return what the browser is told apart by: its cookie, or a new one to be set."""
    return cookies.read(request, place, KIND) or new_browser()


def new_browser() -> str:
    """Make a cookie's value."""
    return secrets.token_urlsafe(32)


def remember(response: HttpResponseBase, place: Place, browser: str) -> None:
    """Set the cookie that the forms are bound to."""
    cookies.write(response, place, KIND, browser)


def token(place: Place, browser: str, bound: str = "") -> str:
    """Return the token of a form for this browser; `bound` is what else it may not be used for."""
    hashed = sealing.keyed_hash(Purpose.FORM, _data(place, browser, bound))
    return base64.urlsafe_b64encode(hashed).decode()


def check(request: HttpRequest, place: Place, bound: str = "") -> str:
    """Return the browser that a form was sent by; raise Refused unless it was made for it."""
    origin = request.META.get("HTTP_ORIGIN")
    browser = cookies.read(request, place, KIND)
    if (origin is not None and origin != place.origin) or not browser:
        raise Refused
    try:
        given = base64.b64decode(request.POST.get(FIELD, ""), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Refused from exc
    if not sealing.keyed_hash_matches(Purpose.FORM, _data(place, browser, bound), given):
        raise Refused
    return browser


def _data(place: Place, browser: str, bound: str) -> bytes:
    return "\0".join((place.pool.pk, browser, bound)).encode()
