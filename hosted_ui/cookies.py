"""Cookies of the hosted pages: of one pool, out of scripts' reach, not sent from other sites."""

from django.http import HttpRequest, HttpResponseBase

from hosted_ui.place import Place


def read(request: HttpRequest, place: Place, kind: str) -> str:
    """Return a cookie's value; empty where there is none."""
    return request.COOKIES.get(place.cookie_name(kind), "")


def write(
    response: HttpResponseBase, place: Place, kind: str, value: str, *, seconds: int | None = None
) -> None:
    """Set a cookie, for so long or until the browser is closed."""
    response.set_cookie(
        place.cookie_name(kind),
        value,
        max_age=seconds,
        path="/",
        secure=place.is_secure,
        httponly=True,
        samesite="Lax",
    )


def drop(response: HttpResponseBase, place: Place, kind: str) -> None:
    """Take a cookie away."""
    write(response, place, kind, "", seconds=0)
