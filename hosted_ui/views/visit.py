"""One request to a page with a form: who asks, in which browser, for which application."""

from dataclasses import replace
from typing import Final

from django.http import HttpRequest, HttpResponse

from hosted_ui import form_tokens
from hosted_ui.forms import Form
from hosted_ui.oauth import authorization
from hosted_ui.place import Place
from hosted_ui.views.authorize import require_login
from hosted_ui.views.pages import allow_return, show
from userpools.awsjson.service import Call
from userpools.errors import (
    AliasExistsException,
    AwsError,
    CodeDeliveryFailureException,
    CodeMismatchException,
    EnableSoftwareTokenMFAException,
    ExpiredCodeException,
    InvalidEmailRoleAccessPolicyException,
    InvalidLambdaResponseException,
    InvalidParameterException,
    InvalidPasswordException,
    InvalidSmsRoleAccessPolicyException,
    LimitExceededException,
    NotAuthorizedException,
    PasswordHistoryPolicyViolationException,
    PasswordResetRequiredException,
    TooManyFailedAttemptsException,
    UnexpectedLambdaException,
    UserLambdaValidationException,
    UsernameExistsException,
    UserNotConfirmedException,
    UserNotFoundException,
)
from userpools.lambda_triggers import Origin

# What a person is told; anything else is a fault.
SHOWN: Final = (
    AliasExistsException,
    CodeDeliveryFailureException,
    CodeMismatchException,
    EnableSoftwareTokenMFAException,
    ExpiredCodeException,
    InvalidEmailRoleAccessPolicyException,
    InvalidLambdaResponseException,
    InvalidParameterException,
    InvalidPasswordException,
    InvalidSmsRoleAccessPolicyException,
    LimitExceededException,
    NotAuthorizedException,
    PasswordHistoryPolicyViolationException,
    PasswordResetRequiredException,
    TooManyFailedAttemptsException,
    UnexpectedLambdaException,
    UserLambdaValidationException,
    UsernameExistsException,
    UserNotConfirmedException,
    UserNotFoundException,
)
STALE: Final = "This page was open for too long, or in another tab. Please try again."
UNEQUAL: Final = "The two passwords differ."
CHALLENGE, SESSION = "challenge", "session"
LONGEST_NAME: Final = 2048
LONGEST_PASSWORD: Final = 256
TOO_MANY: Final = 429


class Visit:
    """One request to a page with a form; `path` is the page's own."""

    path: str

    def __init__(self, request: HttpRequest, place: Place) -> None:
        self.request = request
        self.place = place
        self.asked = authorization.read(place, request.GET)
        require_login(self.asked)
        self.client = self.asked.client
        # No name, password or code has a NUL, which no database takes.
        self.posted = {name: str(text).replace("\0", "") for name, text in request.POST.items()}
        self.browser = form_tokens.browser_of(request, place)

    def serve(self) -> HttpResponse:
        """Show the page, or take what was typed into it."""
        if self.request.method == "POST":
            return self.checked()
        if self.request.method in {"GET", "HEAD"}:
            return self.start()
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})

    def checked(self) -> HttpResponse:
        """Take a form that was made for this browser; show the page anew for any other."""
        bound = _bound(self.posted.get(CHALLENGE, ""), self.posted.get(SESSION, ""))
        try:
            self.browser = form_tokens.check(self.request, self.place, bound)
        except form_tokens.Refused:
            return self.start(STALE, status=403)
        return self.take()

    def start(self, problem: str = "", *, status: int = 200) -> HttpResponse:
        """Show the page as it is first seen, with what was typed."""
        raise NotImplementedError

    def take(self) -> HttpResponse:
        """Do what the form asks for."""
        raise NotImplementedError

    @property
    def username(self) -> str:
        """The name that was typed, or that the application hints at."""
        return (self.posted.get("username") or self.asked.login_hint).strip()[:LONGEST_NAME]

    @property
    def call(self) -> Call:
        """What the engine is told of the request."""
        return self.place.call(self.request, "HostedUI")

    @property
    def origin(self) -> Origin:
        """What functions are told of it."""
        return Origin(self.client, self.request.META.get("HTTP_USER_AGENT", ""))

    def page(
        self, form: Form, problem: str = "", *, notice: str = "", path: str = "", status: int = 200
    ) -> HttpResponse:
        """Render a form with its token; it is sent to its own page unless `path` says another."""
        hidden = dict(form.hidden)
        bound = _bound(hidden.get(CHALLENGE, ""), hidden.get(SESSION, ""))
        token = form_tokens.token(self.place, self.browser, bound)
        response = show(
            self.request,
            "form.html",
            {
                "pool": self.place.pool,
                "client": self.client,
                "form": replace(form, hidden={**hidden, form_tokens.FIELD: token}),
                "problem": problem,
                "notice": notice,
                "action": self.address(path or self.path),
                "focus": next((each.name for each in form.fields if not each.value), ""),
                "links": [(text, self.address(where)) for text, where in form.links],
            },
            status=status,
        )
        form_tokens.remember(response, self.place, self.browser)
        allow_return(response, self.asked.answer.redirect_uri)
        return response

    def address(self, path: str) -> str:
        """Return the address of a page for the same application's request."""
        return self.place.url(path, self.asked.query)


def status_of(error: AwsError) -> int:
    """Return the status of a page that shows an error."""
    return TOO_MANY if isinstance(error, LimitExceededException) else 400


def _bound(name: str, session: str) -> str:
    return f"{name}:{session}"
