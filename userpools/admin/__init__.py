"""The console: one module for each resource, over the services that the API uses too."""

from django.contrib import admin

# django-oauth-toolkit registers its models for its own forms; ours are in the modules below.
from oauth2_provider import admin as _oauth_admin  # noqa: F401
from oauth2_provider import models as oauth

for _model in (
    oauth.get_application_model(),
    oauth.get_access_token_model(),
    oauth.get_grant_model(),
    oauth.get_id_token_model(),
    oauth.get_refresh_token_model(),
    oauth.get_device_grant_model(),
):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)

from userpools.admin import (  # noqa: E402
    access_keys,
    audit_entries,
    auth_events,
    clients,
    domains,
    groups,
    messages,
    operators,
    pools,
    resource_servers,
    signing_keys,
    users,
)

__all__ = [
    "access_keys",
    "audit_entries",
    "auth_events",
    "clients",
    "domains",
    "groups",
    "messages",
    "operators",
    "pools",
    "resource_servers",
    "signing_keys",
    "users",
]
