"""The addresses of user pools outside the API."""

from django.urls import path, register_converter

from userpools import views


class PoolId:
    """A pool's id in a path; the pattern of UserPoolIdType in the service model."""

    regex = r"[\w-]{1,45}_[0-9A-Za-z]{1,45}"

    def to_python(self, value: str) -> str:
        """Keep the text."""
        return value

    def to_url(self, value: str) -> str:
        """Keep the text."""
        return value


register_converter(PoolId, "pool_id")

urlpatterns = [
    path("<pool_id:pool_id>/.well-known/jwks.json", views.jwks, name="jwks"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
