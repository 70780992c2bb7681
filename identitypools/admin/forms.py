"""What the forms of these pages share."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

from userpools.policies import Policy, PolicyError, TrustPolicy

if TYPE_CHECKING:
    from django.db.models import Model

    ModelForm = forms.ModelForm[Model]
else:
    ModelForm = forms.ModelForm


class DocumentField(forms.CharField):
    """A JSON document as text, shown with indents."""

    def __init__(self, *, kind: type = dict, rows: int = 10, **kwargs: Any) -> None:
        self.kind = kind
        widget = UnfoldAdminTextareaWidget(
            attrs={"rows": rows, "class": "ph-mono", "spellcheck": "false"}
        )
        super().__init__(**{"required": False, "widget": widget, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        """Show a document as text; what was typed stays as it is."""
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        """Read the text."""
        if isinstance(value, self.kind):
            return value
        text = str(value or "").strip()
        if not text:
            return self.kind()
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise forms.ValidationError(f"This is no JSON: {exc}") from exc
        if not isinstance(document, self.kind):
            wanted = "an object" if self.kind is dict else "a list"
            raise forms.ValidationError(f"The document must be {wanted}.")
        return document

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the documents."""
        try:
            return not self.disabled and (initial or self.kind()) != self.to_python(data)
        except forms.ValidationError:
            return True


class PolicyField(DocumentField):
    """A policy document that is wholly evaluated here, or refused with the reason."""

    def __init__(self, *, is_trust: bool = False, **kwargs: Any) -> None:
        self.is_trust = is_trust
        super().__init__(**{"rows": 18, "required": True, **kwargs})

    def to_python(self, value: Any) -> Any:
        """Read and compile the document."""
        document = super().to_python(value)
        if document:
            try:
                (TrustPolicy.parse if self.is_trust else Policy.for_roles)(document)
            except PolicyError as exc:
                raise forms.ValidationError(str(exc)) from exc
        return document


class ServiceForm(ModelForm):
    """A form whose object a service fills; what it refused stands above the fields."""

    refusal = ""

    def clean(self) -> dict[str, Any] | None:
        """Repeat what the service refused."""
        cleaned = super().clean()
        if self.refusal:
            self.add_error(None, self.refusal)
        return cleaned

    def _post_clean(self) -> None:
        """Leave the object alone: its fields are the service's to fill."""
