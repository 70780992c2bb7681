"""/login: name and password, then whatever the sign-in engine asks for next, form by form."""

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse

from hosted_ui import browser_session, form_tokens, forms, signing_in
from hosted_ui.forms import Form
from hosted_ui.place import Place
from hosted_ui.signing_in import Entered
from hosted_ui.views import account
from hosted_ui.views.authorize import finish
from hosted_ui.views.pages import SEE_OTHER, page
from hosted_ui.views.visit import (
    CHALLENGE,
    LONGEST_PASSWORD,
    SESSION,
    SHOWN,
    UNEQUAL,
    Visit,
    status_of,
)
from userpools.auth.attempt import Issued
from userpools.errors import (
    AwsError,
    CodeMismatchException,
    EnableSoftwareTokenMFAException,
    InvalidParameterException,
    InvalidPasswordException,
    NotAuthorizedException,
    PasswordHistoryPolicyViolationException,
    PasswordResetRequiredException,
    UserNotConfirmedException,
)
from userpools.models import UserPool

# After these the same step may be tried again; after others the sign-in begins anew.
RETRIED: Final = (
    CodeMismatchException,
    EnableSoftwareTokenMFAException,
    InvalidParameterException,
    InvalidPasswordException,
    PasswordHistoryPolicyViolationException,
)
BEYOND: Final = "This account needs a step that these pages do not have."


@page
def login(request: HttpRequest, place: Place) -> HttpResponse:
    """Show the form, or take what was typed into it."""
    return Login(request, place).serve()


class Login(Visit):
    """One request to the login page."""

    path = "login"

    def start(self, problem: str = "", *, status: int = 200) -> HttpResponse:
        """Show the first form, with the name that was typed or hinted."""
        form = forms.sign_in_form(self.place.pool, self.username)
        return self.page(form, problem, status=status)

    def take(self) -> HttpResponse:
        """Begin a sign-in, or answer its next step."""
        name, session = self.posted.get(CHALLENGE, ""), self.posted.get(SESSION, "")
        try:
            outcome = self._answer(name, session) if name else self._begin()
        except forms.Mismatch:
            return self._again(name, session, UNEQUAL)
        except UserNotConfirmedException:
            return account.Confirm(self.request, self.place).start()
        except PasswordResetRequiredException as exc:
            return account.Forgot(self.request, self.place).start(exc.message)
        except SHOWN as exc:
            return self._refused(name, session, exc)
        if isinstance(outcome, Entered):
            return self._enter(outcome)
        return self._ask(outcome)

    def _begin(self) -> Issued | Entered:
        password = self.posted.get("password", "")
        if len(password) > LONGEST_PASSWORD:
            raise NotAuthorizedException
        return signing_in.begin(self.client, self.call, self.username, password)

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
        return self.page(with_step(form, issued.name, session))

    def _refused(self, name: str, session: str, error: AwsError) -> HttpResponse:
        if name and isinstance(error, RETRIED):
            return self._again(name, session, error.message)
        return self.start(error.message, status=status_of(error))

    def _again(self, name: str, session: str, problem: str) -> HttpResponse:
        """Show the same step again, from what the form itself said of it."""
        form = forms.repeated(name, self.posted)
        if form is None:
            return self.start(problem, status=400)
        return self.page(with_step(form, name, session), problem, status=400)


def with_step(form: Form, name: str, session: str) -> Form:
    """Return the form with the step that it answers."""
    return replace(form, hidden={**form.hidden, CHALLENGE: name, SESSION: session})


def otpauth(pool: UserPool, secret: str) -> str:
    """Return the address by which an authenticator app on the same device takes the key."""
    return f"otpauth://totp/{quote(pool.name)}?secret={secret}&issuer={quote(pool.name)}"
