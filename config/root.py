"""What `/` is: the JSON protocol, the query protocol, or a page for people."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from identitypools.sts.views import query_view
from userpools.awsjson.views import ServiceView
from userpools.views import home

api = ServiceView.as_view()

FORM = "application/x-www-form-urlencoded"


@csrf_exempt  # API calls bear signatures or tokens of their own and no cookie
def root(request: HttpRequest) -> HttpResponseBase:
    """Hand the request to the protocol that it speaks."""
    names_action = "Action=" in request.META.get("QUERY_STRING", "")
    if request.method in {"GET", "HEAD"}:
        return query_view(request) if names_action else home(request)
    if request.method == "POST" and "HTTP_X_AMZ_TARGET" not in request.META:
        media_type = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        if media_type == FORM or names_action:
            return query_view(request)
    response: HttpResponse = api(request)
    return response
