"""/logout: ends the browser's session, then goes where the client registered."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from hosted_ui import browser_session, form_tokens
from hosted_ui.oauth import authorization
from hosted_ui.oauth.authorization import Unanswerable
from hosted_ui.place import Place
from hosted_ui.views.pages import page, redirect
from userpools.errors import ResourceNotFoundException
from userpools.models import AppClient

MISSING = "Required String parameter 'redirect_uri' is not present"


@page
def logout(request: HttpRequest, place: Place) -> HttpResponseBase:
    """End the session; logout_uri wins over redirect_uri. Tokens live on, as the service has it."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    # Before the session ends: a link that leads nowhere must not sign anybody out.
    location = _destination(request, place)
    browser_session.end(request, place)
    response = redirect(location)
    browser_session.forget(response, place)
    form_tokens.remember(response, place, form_tokens.new_browser())
    return response


def _destination(request: HttpRequest, place: Place) -> str:
    client_id = request.GET.get("client_id", "")
    try:
        client = AppClient.cached_in(place.pool.pk, client_id)
    except ResourceNotFoundException as exc:
        raise Unanswerable("Client does not exist.") from exc
    targets = request.GET.getlist("logout_uri")
    if targets:
        if len(targets) > 1 or not client.post_logout_redirect_uri_allowed(targets[0]):
            raise Unanswerable("redirect_mismatch", client_id)
        return targets[0]
    if not request.GET.get("redirect_uri"):
        raise Unanswerable(MISSING, client_id)
    asked = authorization.read(place, request.GET)
    return place.url("login", asked.query)
