"""Form fields in the console's clothes, and those that show lists and maps as text."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordToggleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from userpools.models import UserPool

Choices = Iterable[tuple[str, str]]


def is_empty(value: object) -> bool:
    """Say whether a form left a value out; False and 0 are values."""
    return value is None or (isinstance(value, str | list | tuple | dict) and not value)


def range_text(least: object, most: object, unit: str = "") -> str:
    """Return limits in words: "6 to 99 characters."."""
    low, high = (None if each is None else _grouped(str(each)) for each in (least, most))
    if low is None and high is None:
        return ""
    if high is None:
        span = f"At least {low}"
    elif low is None or (low == "0" and unit):
        span = f"At most {high}"
    else:
        span = high if low == high else f"{low} to {high}"
    return f"{span} {unit}".rstrip() + "."


def _grouped(number: str) -> str:
    return f"{int(number):,}" if number.lstrip("-").isdigit() else number


def text(label: str, help_text: str = "", *, mono: bool = False, **kwargs: Any) -> forms.CharField:
    """Make a line of text, optional unless said."""
    attrs = {"class": "ph-mono", "spellcheck": "false"} if mono else {}
    kwargs = {"required": False, "strip": True, **kwargs}
    return forms.CharField(
        label=label, help_text=help_text, widget=UnfoldAdminTextInputWidget(attrs=attrs), **kwargs
    )


def area(label: str, help_text: str = "", *, rows: int = 4, **kwargs: Any) -> forms.CharField:
    """Make a text of several lines."""
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": rows}),
        **kwargs,
    )


def number(label: str, help_text: str = "", **kwargs: Any) -> forms.IntegerField:
    """Make a whole number."""
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"class": "ph-number"}),
        **{"required": False, **kwargs},
    )


def switch(label: str, help_text: str = "", **kwargs: Any) -> forms.BooleanField:
    """Make a yes or no."""
    return forms.BooleanField(
        label=label,
        help_text=help_text,
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        **kwargs,
    )


def choice(label: str, choices: Choices, help_text: str = "", **kwargs: Any) -> forms.ChoiceField:
    """Make a choice of one."""
    return forms.ChoiceField(
        label=label,
        choices=list(choices),
        help_text=help_text,
        widget=UnfoldAdminSelectWidget(),
        **kwargs,
    )


def choices(
    label: str, options: Choices, help_text: str = "", **kwargs: Any
) -> forms.MultipleChoiceField:
    """Make check boxes."""
    return forms.MultipleChoiceField(
        label=label,
        choices=list(options),
        help_text=help_text,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        **kwargs,
    )


def password(label: str, help_text: str = "") -> forms.CharField:
    """Make a password that can be shown and pasted, and is never sent back."""
    return forms.CharField(
        label=label,
        help_text=help_text,
        strip=False,
        max_length=256,
        widget=UnfoldAdminPasswordToggleWidget(attrs={"autocomplete": "new-password"}),
    )


def pool() -> forms.ModelChoiceField:
    """Make a choice of a user pool."""
    return forms.ModelChoiceField(
        UserPool.objects.order_by("name"),
        label="User pool",
        widget=UnfoldAdminSelectWidget(),
        empty_label="Choose a pool",
    )


class LinesField(forms.CharField):
    """A list of strings, one a line."""

    def __init__(self, *, rows: int = 3, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(
            attrs={"rows": rows, "class": "ph-mono", "spellcheck": "false"}
        )
        super().__init__(**{"required": False, "widget": widget, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        """Show a list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Read the lines, without blank ones."""
        if isinstance(value, list):
            return value
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the lists."""
        return not self.disabled and (initial or []) != self.to_python(data)


class TagsField(LinesField):
    """A map of strings, `key = value` on each line."""

    def prepare_value(self, value: Any) -> Any:
        """Show the map as lines."""
        if isinstance(value, dict):
            return "\n".join(f"{key} = {value[key]}" for key in sorted(value))
        return value

    def to_python(self, value: Any) -> Any:
        """Read the lines; the first equals sign divides."""
        if isinstance(value, dict):
            return value
        tags = {}
        for line in super().to_python(value):
            key, equals, content = (part.strip() for part in line.partition("="))
            if not equals or not key:
                raise forms.ValidationError(f"“{line}” is not of the form key = value.")
            tags[key] = content
        return tags

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the maps; lines that cannot be read are a change."""
        try:
            return not self.disabled and (initial or {}) != self.to_python(data)
        except forms.ValidationError:
            return True


class DocumentField(forms.TypedChoiceField):
    """A choice between whole documents: what people choose is a sentence, what is kept is JSON."""

    def __init__(
        self,
        options: Sequence[tuple[str, str, Any]],
        *,
        same: Callable[[Any], Any] = lambda document: document,
        **kwargs: Any,
    ) -> None:
        self.documents: Mapping[str, Any] = {key: document for key, _label, document in options}
        self.same = same
        super().__init__(
            choices=[(key, label) for key, label, _document in options],
            coerce=self._document,
            empty_value=None,
            widget=UnfoldAdminSelectWidget(),
            **{"required": False, **kwargs},
        )

    def _document(self, value: Any) -> Any:
        return self.documents.get(value) if isinstance(value, str) else value

    def prepare_value(self, value: Any) -> Any:
        """Find the choice whose document this is."""
        if isinstance(value, str):
            return value
        wanted = self.same(value) if value else None
        return next(
            (
                key
                for key, document in self.documents.items()
                if (self.same(document) if document else None) == wanted
            ),
            "",
        )

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the choices."""
        return not self.disabled and self.prepare_value(initial) != (data or "")
