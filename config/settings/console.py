"""How the console looks: django-unfold's settings. Its pages are in `userpools.admin`."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static


def _file(path: str) -> Callable[[HttpRequest], str]:
    def address(_request: HttpRequest) -> str:
        return static(path)

    return address


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Poolhouse",
    "SITE_HEADER": "Poolhouse",
    "SITE_SUBHEADER": "Identity server",
    "SITE_URL": None,
    "SITE_ICON": {
        "light": _file("userpools/mark.svg"),
        "dark": _file("userpools/mark-dark.svg"),
    },
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": _file("userpools/favicon.svg")},
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "userpools.admin.navigation.environment",
    "DASHBOARD_CALLBACK": "userpools.admin.dashboard.dashboard",
    "STYLES": [_file("userpools/console.css")],
    "SCRIPTS": [_file("userpools/console.js")],
    "BORDER_RADIUS": "10px",
    # The accent is 600 on light grounds and 500 on dark ones, as on the hosted pages.
    "COLORS": {
        "primary": {
            "50": "#f3f7ff",
            "100": "#e8f0ff",
            "200": "#c9dcff",
            "300": "#a3c3ff",
            "400": "#84aeff",
            "500": "#6ea0ff",
            "600": "#0b5fff",
            "700": "#084dd1",
            "800": "#0b3fa5",
            "900": "#103781",
            "950": "#0d2250",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "userpools.admin.navigation.sidebar",
    },
}
