"""What all pages of the console have in common."""

from functools import cached_property
from typing import Any

from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.views import ChangeList

from userpools.admin import markup
from userpools.admin.acts import Headlined
from userpools.admin.bulk import MOST_AT_ONCE, BulkActsMixin
from userpools.admin.markup import Card, Fact
from userpools.errors import AwsError
from userpools.models import AuditEntry

# Nobody turns more pages than this makes; a search is the way to a row beyond.
MOST_COUNTED = MOST_AT_ONCE


class BoundedPaginator(Paginator):
    """Counts no further than MOST_COUNTED, so that a list of a million rows opens at once."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or MOST_COUNTED when there are more."""
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


class CountedList(ChangeList):
    """A list that knows its whole size wherever it shows all of its rows."""

    def get_results(self, request: HttpRequest) -> None:
        """Take the count of the rows for the whole, unless something narrows them."""
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


class ConsoleAdmin(BulkActsMixin, ModelAdmin):
    """A model in the console. Deletions are acts, so Django's own delete pages stay shut.

    Every change is written to the audit trail by the service that makes it; Django's own log,
    which knows neither before nor after, is left alone.
    """

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = BoundedPaginator
    list_per_page = 50
    list_filter_submit = True
    actions = None
    empty_value_display = markup.DASH
    empty_title = "Nothing here yet"
    empty_text = ""
    change_form_outer_before_template = "admin/userpools/summary.html"
    change_form_outer_after_template = "admin/userpools/cards.html"

    @display(description="Name", ordering="name")
    def shown_name(self, obj: Any) -> SafeString | str:
        """Return the name, which links to the object."""
        return str(obj.name)

    @display(description="User pool", ordering="pool__name")
    def shown_pool(self, obj: Any) -> SafeString:
        """Return the pool, as a link."""
        return markup.link(obj.pool, obj.pool.name)

    @display(description="Created", ordering="created_at")
    def shown_created(self, obj: Any) -> SafeString:
        """Return when it was made."""
        return markup.when(obj.created_at)

    @display(description="Changed", ordering="modified_at")
    def shown_changed(self, obj: Any) -> SafeString:
        """Return when it was last changed."""
        return markup.when(obj.modified_at)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list's class."""
        return CountedList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Title the list after what it lists."""
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def summary(self, request: HttpRequest, obj: Any) -> list[Fact]:
        """Return what a page says first: what is this, and is it healthy."""
        return []

    def cards(self, request: HttpRequest, obj: Any) -> list[Card]:
        """Return what belongs to the object."""
        return []

    def audit_query(self, obj: Any) -> str:
        """Return the query string that finds the object's entries in the audit trail."""
        return urlencode({"q": str(obj.pk)})

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return what the page of an object shows besides its form."""
        may_audit = request.user.has_perm("userpools.view_auditentry")
        return {
            "summary": self.summary(request, obj),
            "cards": self.cards(request, obj),
            "buttons": self.buttons(request, obj, dangerous=False),
            "dangers": self.buttons(request, obj, dangerous=True),
            "audit_address": markup.list_of(AuditEntry, self.audit_query(obj)) if may_audit else "",
        }

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Model | None = None,
    ) -> HttpResponse:
        """Add summary, cards and acts to the page of an object."""
        if obj is not None and change:
            context.update(self.page_context(request, obj))
        context["show_save_and_add_another"] = False
        return super().render_change_form(
            request, context, add=add, change=change, form_url=form_url, obj=obj
        )

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Shut Django's delete pages: they would go round the services."""
        return False

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send to the object's entries in the audit trail."""
        obj = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            raise Http404
        return HttpResponseRedirect(markup.list_of(AuditEntry, self.audit_query(obj)))

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        """Write nothing: the service has audited it."""

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:  # type: ignore[override]
        """Write nothing: the service has audited it."""


class SuperusersOnly:
    """Pages that nobody but a superuser opens."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Superusers alone."""
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers alone."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers alone."""
        return bool(request.user.is_superuser)


class RecordAdmin(ConsoleAdmin):
    """Objects that nobody edits: a page of facts, and acts where there are any."""

    # Whether the page bears the object's name; long ones say what the summary says anyway.
    is_named = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing is added by hand."""
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the record."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": self.headline(obj),
            "original": Headlined(obj, self.headline(obj)) if self.is_named else None,
            "media": self.media,
            **self.page_context(request, obj),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/userpools/record.html", context)


class ServiceAdmin(ConsoleAdmin):
    """Objects whose form a service saves; what it refuses becomes an error of the form."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Serve the form; after a refusal, serve it again with the service's words."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except AwsError as error:
            # The transaction is rolled back; the second pass stops at the form, which says why.
            request.refusal = error.message  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Tell the form who fills it in, and what a service has refused."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.refusal = getattr(request, "refusal", "")
        form.operator = request.user
        return form

    def store(self, request: HttpRequest, obj: Any, form: Any, *, change: bool) -> Model:
        """Create or change the object through its service, and return it as saved."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the service; what it refuses, `changeform_view` hands to the form."""
        self.adopt(obj, self.store(request, obj, form, change=change))

    def adopt(self, obj: Model, saved: Model) -> None:
        """Make the object that Django goes on with the one that the service saved."""
        for each in obj._meta.concrete_fields:
            setattr(obj, each.attname, getattr(saved, each.attname))
        obj._state.adding = False
