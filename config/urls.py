"""Every address of the server."""

from django.contrib import admin
from django.urls import include, path

from .root import root

urlpatterns = [
    path("", root, name="root"),
    path("", include("userpools.urls")),
    path("", include("identitypools.urls")),
    path("<pool_id:pool_id>/", include("hosted_ui.urls")),
    path("admin/", admin.site.urls),
]
