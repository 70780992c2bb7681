"""The addresses of a pool's pages and OAuth endpoints, below its id."""

from django.urls import path

from hosted_ui.views import account, authorize, endpoints, login, logout, pages

urlpatterns = [
    path(".well-known/openid-configuration", endpoints.discovery, name="discovery"),
    path("oauth2/authorize", authorize.authorize, name="authorize"),
    path("oauth2/token", endpoints.token, name="token"),
    path("oauth2/userInfo", endpoints.user_info, name="user-info"),
    path("oauth2/revoke", endpoints.revoke, name="revoke"),
    path("login", login.login, name="login"),
    path("logout", logout.logout, name="logout"),
    path("signup", account.signup, name="signup"),
    path("confirmUser", account.confirm_user, name="confirm-user"),
    path("resendcode", account.resend, name="resend-code"),
    path("forgotPassword", account.forgot_password, name="forgot-password"),
    path("confirmForgotPassword", account.confirm_forgot_password, name="reset-password"),
    path("error", pages.error, name="error"),
]
