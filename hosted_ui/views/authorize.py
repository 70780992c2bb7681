"""/oauth2/authorize: silently by the browser's session, or by way of the login page."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from hosted_ui import browser_session
from hosted_ui.oauth import authorization
from hosted_ui.oauth.authorization import AuthorizationRequest, Unanswerable
from hosted_ui.place import Place
from hosted_ui.views.pages import page, redirect
from userpools.errors import (
    InvalidLambdaResponseException,
    UnexpectedLambdaException,
    UserLambdaValidationException,
)
from userpools.models import BrowserSession


@page
def authorize(request: HttpRequest, place: Place) -> HttpResponseBase:
    """Answer an authorization request, or ask the person to sign in first."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    asked = authorization.read(place, request.GET)
    session = browser_session.current(request, place)
    if session is not None and asked.accepts(session):
        return finish(request, asked, session)
    if asked.is_silent:
        return redirect(asked.answer.error("login_required"))
    require_login(asked)
    return redirect(place.url("login", asked.query))


def require_login(asked: AuthorizationRequest) -> None:
    """Raise Unanswerable where the client has no way for people to sign in."""
    if "COGNITO" not in (asked.client.setting("SupportedIdentityProviders") or ()):
        raise Unanswerable("login_unavailable", asked.client.client_id)


def finish(
    request: HttpRequest, asked: AuthorizationRequest, session: BrowserSession, *, status: int = 302
) -> HttpResponse:
    """Send the browser back with what it asked for, or with what a function said of it."""
    try:
        location = authorization.answer(
            asked, session, user_agent=request.META.get("HTTP_USER_AGENT", "")
        )
    except (
        UserLambdaValidationException,
        UnexpectedLambdaException,
        InvalidLambdaResponseException,
    ) as exc:
        location = asked.answer.error("invalid_request", exc.message)
    return redirect(location, status=status)
