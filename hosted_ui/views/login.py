"""/login: name and password, then whatever the sign-in engine asks for next, form by form."""

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from hosted_ui import browser_session, form_tokens, forms, signing_in
from hosted_ui.forms import Field, Form
from hosted_ui.oauth import authorization
from hosted_ui.oauth.authorization import AuthorizationRequest
from hosted_ui.place import Place
from hosted_ui.signing_in import Entered
from hosted_ui.views.authorize import finish, require_login
from hosted_ui.views.pages import SEE_OTHER, allow_return, page, show
from userpools.auth.attempt import Issued
from userpools.awsjson.service import Call
from userpools.errors import (
    AwsError,
    CodeDeliveryFailureException,
    CodeMismatchException,
    EnableSoftwareTokenMFAException,
    ExpiredCodeException,
    InvalidLambdaResponseException,
    InvalidParameterException,
    InvalidPasswordException,
    LimitExceededException,
    NotAuthorizedException,
    PasswordHistoryPolicyViolationException,
    PasswordResetRequiredException,
    UnexpectedLambdaException,
    UserLambdaValidationException,
    UserNotConfirmedException,
    UserNotFoundException,
)
from userpools.models import AppClient, UserPool

# What a person is told; anything else is a fault.
SHOWN: Final = (
    CodeDeliveryFailureException,
    CodeMismatchException,
    EnableSoftwareTokenMFAException,
    ExpiredCodeException,
    InvalidLambdaResponseException,
    InvalidParameterException,
    InvalidPasswordException,
    LimitExceededException,
    NotAuthorizedException,
    PasswordHistoryPolicyViolationException,
    PasswordResetRequiredException,
    UnexpectedLambdaException,
    UserLambdaValidationException,
    UserNotConfirmedException,
    UserNotFoundException,
)
# After these the same step may be tried again; after others the sign-in begins anew.
RETRIED: Final = (
    CodeMismatchException,
    EnableSoftwareTokenMFAException,
    InvalidParameterException,
    InvalidPasswordException,
    PasswordHistoryPolicyViolationException,
)
STALE: Final = "This page was open for too long, or in another tab. Please try again."
UNEQUAL: Final = "The two passwords differ."
BEYOND: Final = "This account needs a step that these pages do not have."
CHALLENGE, SESSION = "challenge", "session"
LONGEST_NAME: Final = 2048
LONGEST_PASSWORD: Final = 256


@page
def login(request: HttpRequest, place: Place) -> HttpResponseBase:
    """Show the form, or take what was typed into it."""
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
    asked = authorization.read(place, request.GET)
    require_login(asked)
    visit = Visit(request, place, asked)
    return visit.take() if request.method == "POST" else visit.start()


class Visit:
    """One request to the login page."""

    def __init__(self, request: HttpRequest, place: Place, asked: AuthorizationRequest) -> None:
        self.request = request
        self.place = place
        self.asked = asked
        self.client: AppClient = asked.client
        self.posted: dict[str, str] = {name: str(text) for name, text in request.POST.items()}
        self.browser = form_tokens.browser_of(request, place)

    @property
    def call(self) -> Call:
        """What the engine is told of the request."""
        return self.place.call(self.request, "Login")

    def start(self, problem: str = "", *, status: int = 200) -> HttpResponse:
        """Show the first form, with the name that was typed or hinted."""
        typed = self.posted.get("username") or self.asked.login_hint
        form = first_form(self.place.pool, typed[:LONGEST_NAME])
        return self.page(form, problem, status=status)

    def take(self) -> HttpResponse:
        """Take a form that was made for this browser, and go on."""
        name, session = self.posted.get(CHALLENGE, ""), self.posted.get(SESSION, "")
        try:
            self.browser = form_tokens.check(self.request, self.place, _bound(name, session))
        except form_tokens.Refused:
            return self.start(STALE, status=403)
        try:
            outcome = self._answer(name, session) if name else self._begin()
        except forms.Mismatch:
            return self._again(name, session, UNEQUAL)
        except SHOWN as exc:
            return self._refused(name, session, exc)
        if isinstance(outcome, Entered):
            return self._enter(outcome)
        return self._ask(outcome)

    def _begin(self) -> Issued | Entered:
        username = self.posted.get("username", "").strip()
        password = self.posted.get("password", "")
        if len(username) > LONGEST_NAME or len(password) > LONGEST_PASSWORD:
            raise NotAuthorizedException
        return signing_in.begin(self.client, self.call, username, password)

    def _answer(self, name: str, session: str) -> Issued | Entered:
        if name == "MFA_SETUP" and self.posted.get("code"):
            code = self.posted["code"].replace(" ", "")
            session = signing_in.prove_app(self.call, self.client, session, code)
        responses = forms.responses(name, self.posted)
        return signing_in.answer(self.client, self.call, session, name, responses)

    def _enter(self, entered: Entered) -> HttpResponse:
        """Send the browser back to the application, with a session of its own here."""
        # Whatever session the browser brought along is not the one it leaves with.
        browser_session.end(self.request, self.place)
        response = finish(self.request, self.asked, entered.session, status=SEE_OTHER)
        browser_session.remember(response, self.place, entered.session)
        form_tokens.remember(response, self.place, form_tokens.new_browser())
        return response

    def _ask(self, issued: Issued) -> HttpResponse:
        make = forms.FORMS.get(issued.name)
        if make is None:
            return self.start(BEYOND, status=400)
        session, form = issued.session, make(issued)
        if issued.name == "MFA_SETUP" and forms.may_set_up_app(issued):
            secret, session = signing_in.new_app(self.call, self.client, session)
            form = forms.app_form(secret, otpauth(self.place.pool, secret))
        return self.page(with_step(form, issued.name, session), "")

    def _refused(self, name: str, session: str, error: AwsError) -> HttpResponse:
        limited = isinstance(error, LimitExceededException)
        if name and isinstance(error, RETRIED):
            return self._again(name, session, error.message)
        return self.start(error.message, status=429 if limited else 400)

    def _again(self, name: str, session: str, problem: str) -> HttpResponse:
        """Show the same step again, from what the form itself said of it."""
        form = forms.repeated(name, self.posted)
        if form is None:
            return self.start(problem, status=400)
        return self.page(with_step(form, name, session), problem, status=400)

    def page(self, form: Form, problem: str, *, status: int = 200) -> HttpResponse:
        """Render a form with its token."""
        hidden = dict(form.hidden)
        token = form_tokens.token(
            self.place,
            self.browser,
            _bound(hidden.get(CHALLENGE, ""), hidden.get(SESSION, "")),
        )
        response = show(
            self.request,
            "form.html",
            {
                "pool": self.place.pool,
                "client": self.client,
                "form": replace(form, hidden={**hidden, form_tokens.FIELD: token}),
                "problem": problem,
                "action": self.place.url("login", self.asked.query),
            },
            status=status,
        )
        form_tokens.remember(response, self.place, self.browser)
        allow_return(response, self.asked.answer.redirect_uri)
        return response


def first_form(pool: UserPool, username: str) -> Form:
    """Make the form of name and password, named as the pool's people sign in."""
    label, kind = name_label(pool)
    return Form(
        "Sign in",
        "",
        (
            Field("username", label, kind, "username", value=username),
            Field("password", "Password", "password", "current-password"),
        ),
        "Sign in",
    )


def name_label(pool: UserPool) -> tuple[str, str]:
    """Return what the name field is called, and its kind."""
    attributes = set(pool.username_attributes)
    if attributes == {"email"}:
        return "Email", "email"
    if attributes == {"phone_number"}:
        return "Phone number", "tel"
    if attributes:
        return "Email or phone number", "text"
    if "email" in pool.alias_attributes:
        return "Email or username", "text"
    return "Username", "text"


def with_step(form: Form, name: str, session: str) -> Form:
    """Return the form with the step that it answers."""
    return replace(form, hidden={**form.hidden, CHALLENGE: name, SESSION: session})


def otpauth(pool: UserPool, secret: str) -> str:
    """Return the address by which an authenticator app on the same device takes the key."""
    return f"otpauth://totp/{quote(pool.name)}?secret={secret}&issuer={quote(pool.name)}"


def _bound(name: str, session: str) -> str:
    return f"{name}:{session}"
