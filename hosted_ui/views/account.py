"""/signup, /confirmUser, /resendcode, /forgotPassword, /confirmForgotPassword.

Each is the operation of the API that bears a like name, with the same answers: what a client hides
of who exists, it hides here.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from hosted_ui import forms, members
from hosted_ui.forms import Form
from hosted_ui.place import Place
from hosted_ui.signing_in import take_attempt_from
from hosted_ui.views.pages import page
from hosted_ui.views.visit import SHOWN, UNEQUAL, Visit, status_of
from userpools.auth import recovery
from userpools.auth.sign_up import confirm_sign_up, resend_code, sign_up
from userpools.errors import AwsError
from userpools.messaging.outbox import CodeDelivery
from userpools.models import UserStatus

CONFIRMED = "Your account is confirmed. Sign in to continue."
CREATED = "Your account is ready. Sign in to continue."
CHANGED = "Your password is changed. Sign in to continue."
NO_SIGN_UP = "SignUp is not permitted for this user pool"


class AccountVisit(Visit):
    """A page whose form does one thing; what is refused is shown above the form as it was."""

    def take(self) -> HttpResponse:
        """Do it, within what an address may try."""
        try:
            take_attempt_from(self.client, self.call)
            return self.act()
        except forms.Mismatch:
            return self.again(UNEQUAL)
        except SHOWN as exc:
            return self.refused(exc)

    def act(self) -> HttpResponse:
        """Do what the form asks for; raise what the operation does."""
        raise NotImplementedError

    def form(self) -> Form:
        """Make the page's form."""
        raise NotImplementedError

    def start(self, problem: str = "", *, status: int = 200) -> HttpResponse:
        """Show the form."""
        return self.page(self.form(), problem, status=status)

    def again(self, problem: str) -> HttpResponse:
        """Show the form with what was typed into it."""
        return self.page(forms.kept(self.form(), self.posted), problem, status=400)

    def refused(self, error: AwsError) -> HttpResponse:
        """Show why it was not done."""
        form = forms.kept(self.form(), self.posted)
        return self.page(form, error.message, status=status_of(error))

    def sign_in(self, notice: str) -> HttpResponse:
        """Go on to the login page, the name filled in."""
        form = forms.sign_in_form(self.place.pool, self.username)
        return self.page(form, notice=notice, path="login")


class SignUp(AccountVisit):
    """Making an account."""

    path = "signup"

    def form(self) -> Form:
        """Ask for what the pool demands."""
        return forms.sign_up_form(self.place.pool, self.username)

    def start(self, problem: str = "", *, status: int = 200) -> HttpResponse:
        """Show the form, where people may make accounts."""
        if not forms.may_sign_up(self.place.pool):
            form = forms.sign_in_form(self.place.pool, self.username)
            return self.page(form, NO_SIGN_UP, path="login", status=400)
        return super().start(problem, status=status)

    def act(self) -> HttpResponse:
        """Make the account, and ask for the code that confirms it."""
        if not forms.may_sign_up(self.place.pool):
            return self.start()
        password, attributes = forms.new_password(self.posted), forms.attributes_in(self.posted)
        members.check(
            "SignUp",
            Username=self.username,
            Password=password,
            UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
        )
        done = sign_up(
            self.client,
            username=self.username,
            password=password,
            attributes=attributes,
            origin=self.origin,
            call=self.call,
        )
        if done.user.status == UserStatus.CONFIRMED:
            return self.sign_in(CREATED)
        return Confirm(self.request, self.place).sent(done.delivery)


class Confirm(AccountVisit):
    """Confirming an account by its code."""

    path = "confirmUser"

    def form(self) -> Form:
        """Ask for the code."""
        return forms.confirm_form(self.place.pool, self.username)

    def sent(self, delivery: CodeDelivery | None) -> HttpResponse:
        """Say where the code went, and ask for it."""
        return self.page(self.form(), notice=forms.told(delivery), path=self.path)

    def act(self) -> HttpResponse:
        """Confirm, and go on to the login page."""
        digits = forms.code_in(self.posted)
        members.check("ConfirmSignUp", Username=self.username, ConfirmationCode=digits)
        confirm_sign_up(
            self.client,
            username=self.username,
            digits=digits,
            force_alias=False,
            origin=self.origin,
        )
        return self.sign_in(CONFIRMED)


class Resend(Confirm):
    """Sending another code."""

    path = "resendcode"

    def form(self) -> Form:
        """Ask whose account it is."""
        return forms.resend_form(self.place.pool, self.username)

    def act(self) -> HttpResponse:
        """Send it, and ask for it."""
        members.check("ResendConfirmationCode", Username=self.username)
        delivery = resend_code(self.client, self.username, origin=self.origin, call=self.call)
        return Confirm(self.request, self.place).sent(delivery)


class Forgot(AccountVisit):
    """Asking for a code to set a new password with."""

    path = "forgotPassword"

    def form(self) -> Form:
        """Ask whose password it is."""
        return forms.forgot_form(self.place.pool, self.username)

    def act(self) -> HttpResponse:
        """Send the code, and ask for it with the new password."""
        members.check("ForgotPassword", Username=self.username)
        delivery = recovery.forgot_password(
            self.client, self.username, origin=self.origin, call=self.call
        )
        return Reset(self.request, self.place).sent(delivery)


class Reset(AccountVisit):
    """Setting a new password by a code."""

    path = "confirmForgotPassword"

    def form(self) -> Form:
        """Ask for the code and the new password."""
        return forms.reset_form(self.place.pool, self.username)

    def sent(self, delivery: CodeDelivery) -> HttpResponse:
        """Say where the code went, and ask for it."""
        return self.page(self.form(), notice=forms.told(delivery), path=self.path)

    def act(self) -> HttpResponse:
        """Set the password, and go on to the login page."""
        digits, password = forms.code_in(self.posted), forms.new_password(self.posted)
        members.check(
            "ConfirmForgotPassword",
            Username=self.username,
            ConfirmationCode=digits,
            Password=password,
        )
        recovery.confirm_forgot_password(
            self.client,
            username=self.username,
            digits=digits,
            password=password,
            origin=self.origin,
            call=self.call,
        )
        return self.sign_in(CHANGED)


def _page_of(visit: type[AccountVisit]) -> Callable[..., HttpResponseBase]:
    @page
    def view(request: HttpRequest, place: Place) -> HttpResponse:
        return visit(request, place).serve()

    return view


signup, confirm_user, resend, forgot_password, confirm_forgot_password = map(
    _page_of, (SignUp, Confirm, Resend, Forgot, Reset)
)
