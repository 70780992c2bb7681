"""The addresses of the issuer that identity pools are."""

from django.urls import path

from identitypools import views

urlpatterns = [
    path("identity/.well-known/openid-configuration", views.discovery, name="identity_discovery"),
    path("identity/.well-known/jwks_uri", views.jwks, name="identity_jwks"),
]
