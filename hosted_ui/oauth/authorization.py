"""Authorization requests: read, refused on a page or by a redirect, and answered.

Nothing is redirected anywhere before client and redirect URI are known to belong together. Source:
RFC 6749, section 4.1.2.1; RFC 9700, section 4.11.
"""

import time
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict
from oauthlib.oauth2.rfc6749 import errors

from hosted_ui.oauth import codes, issuing
from hosted_ui.oauth.server import SERVER
from hosted_ui.oauth.validator import POOL
from hosted_ui.place import Place
from userpools.errors import ResourceNotFoundException
from userpools.models import AppClient, BrowserSession
from userpools.tokens.claims import epoch

# The service's names for what oauthlib calls otherwise.
NAMES = {"unsupported_response_type": "invalid_request"}


class Unanswerable(Exception):
    """There is no redirect URI to answer to; `error` is for the error page."""

    def __init__(self, error: str, client_id: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.client_id = client_id


@dataclass(frozen=True, slots=True)
class Return:
    """Where an answer goes, and how."""

    redirect_uri: str
    in_fragment: bool
    state: str | None

    def location(self, answer: dict[str, str]) -> str:
        """Return the redirect URI with the answer and the state, otherwise as it was registered."""
        given = {**answer, **({} if self.state is None else {"state": self.state})}
        if self.in_fragment:
            return f"{self.redirect_uri}#{urlencode(given)}"
        joint = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{joint}{urlencode(given)}"

    def error(self, error: str, description: str = "") -> str:
        """Return the address that an error is answered to."""
        described = {"error_description": description} if description else {}
        return self.location({"error": NAMES.get(error, error), **described})


class Answered(Exception):
    """The request ends with a redirect that says why."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A valid request. `query` is all of it, for the pages that carry it along."""

    client: AppClient
    answer: Return
    scopes: tuple[str, ...]
    nonce: str
    code_challenge: str
    resource: str
    prompt: frozenset[str]
    max_age: int | None
    login_hint: str
    query: str

    @property
    def is_silent(self) -> bool:
        """Whether no page may be shown."""
        return "none" in self.prompt

    def accepts(self, session: BrowserSession) -> bool:
        """Say whether the browser's session will do without a sign-in."""
        if self.prompt & {"login", "select_account"}:
            return False
        age = int(time.time()) - epoch(session.auth_time)
        return self.max_age is None or age <= self.max_age


def read(place: Place, query: QueryDict) -> AuthorizationRequest:
    """Validate a request; raise Unanswerable, or Answered with where to say what is wrong."""
    text = query.urlencode()
    try:
        _, info = SERVER.validate_authorization_request(
            f"{place.base}/oauth2/authorize?{text}", headers={POOL: place.pool.pk}
        )
    except errors.FatalClientError as exc:
        raise _unanswerable(place, query, exc) from exc
    except errors.OAuth2Error as exc:
        back = _return(exc.redirect_uri, exc.response_type, query)
        raise Answered(back.error(exc.error, exc.description or "")) from exc
    request = info["request"]
    max_age = query.get("max_age")
    return AuthorizationRequest(
        client=request.client,
        answer=_return(request.redirect_uri, request.response_type, query),
        scopes=tuple(request.scopes),
        nonce=query.get("nonce", ""),
        code_challenge=request.code_challenge or "",
        resource=query.get("resource", ""),
        prompt=frozenset(query.get("prompt", "").split()),
        max_age=int(max_age[:9]) if max_age else None,
        login_hint=query.get("login_hint", ""),
        query=text,
    )


def _return(redirect_uri: str, response_type: str | None, query: QueryDict) -> Return:
    return Return(redirect_uri, response_type == "token", query.get("state"))


def _unanswerable(place: Place, query: QueryDict, error: errors.FatalClientError) -> Unanswerable:
    client_id = query.get("client_id", "")
    try:
        AppClient.cached_in(place.pool.pk, client_id)
    except ResourceNotFoundException:
        return Unanswerable("Client does not exist.")
    if isinstance(error, errors.MismatchingRedirectURIError | errors.InvalidRedirectURIError):
        return Unanswerable("redirect_mismatch", client_id)
    if isinstance(error, errors.MissingRedirectURIError):
        return Unanswerable("Required String parameter 'redirect_uri' is not present", client_id)
    return Unanswerable("invalid_request", client_id)


def answer(asked: AuthorizationRequest, session: BrowserSession, *, user_agent: str) -> str:
    """Return where the browser takes the code or the tokens; writes what they stand for.

    Raises what a pre token generation function does.
    """
    back = asked.answer
    if back.in_fragment:
        made = issuing.implicit(
            asked.client,
            session,
            granted=list(asked.scopes),
            nonce=asked.nonce,
            resource=asked.resource,
            user_agent=user_agent,
        )
        tokens = {
            "id_token": made.id_token,
            "access_token": made.access_token,
            "expires_in": str(made.expires_in),
            "token_type": "Bearer",
        }
        return back.location({name: value for name, value in tokens.items() if value})
    code = codes.issue(
        asked.client,
        session,
        scopes=asked.scopes,
        redirect_uri=back.redirect_uri,
        code_challenge=asked.code_challenge,
        nonce=asked.nonce,
        resource=asked.resource,
    )
    return back.location({"code": code})
