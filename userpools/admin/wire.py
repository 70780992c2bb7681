"""Forms over configuration documents in wire spelling: one field for each member that is shown."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from userpools.admin.fields import is_empty
from userpools.awsjson.service import cognito_idp
from userpools.awsjson.validation import Violation, lower_camel, member_checkers
from userpools.models import Operator

Document = dict[str, Any]


def member(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path; None when it is absent."""
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def put(document: Document, path: str, value: Any) -> None:
    """Set the value at a dotted path; an empty one removes the member and parents left empty."""
    *parents, last = path.split(".")
    chain = [document]
    for name in parents:
        inner = chain[-1].get(name)
        chain[-1][name] = dict(inner) if isinstance(inner, Mapping) else {}
        chain.append(chain[-1][name])
    if is_empty(value):
        chain[-1].pop(last, None)
    else:
        chain[-1][last] = value
    for parent, name in zip(reversed(chain[:-1]), reversed(parents), strict=True):
        if not parent[name]:
            del parent[name]


class WireForm(forms.ModelForm):
    """A form whose fields name members of a document (`wire`: field to dotted path).

    What no field shows stays as it is; what nobody changed is sent as it was stored, so that a
    describe after a save in the console differs in the changed members alone.
    """

    wire: ClassVar[Mapping[str, str]] = {}
    create_only: ClassVar[frozenset[str]] = frozenset()
    create_operation: ClassVar[str]
    update_operation: ClassVar[str]
    # Reads an object's settings as its update operation takes them, create-only ones too.
    document_of: ClassVar[Any]
    refusal = ""
    operator: Operator

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        instance = kwargs.get("instance")
        self.is_new = instance is None or instance._state.adding
        self.stored: Document = {} if self.is_new else self.document_of(instance)
        known = {
            name: value
            for name, path in self.wire.items()
            if (value := member(self.stored, path)) is not None
        }
        super().__init__(*args, **{**kwargs, "initial": {**known, **(kwargs.get("initial") or {})}})
        if not self.is_new:
            for name in self.create_only & self.fields.keys():
                self.fields[name].disabled = True

    def settings(self) -> Document:
        """Return all members to send to the service."""
        document = copy.deepcopy(self.stored)
        changed = set(self.fields) if self.is_new else set(self.changed_data)
        for name in self.wire.keys() & changed & self.cleaned_data.keys():
            put(document, self.wire[name], self.cleaned_data[name])
        return {name: value for name, value in document.items() if name in self._members}

    @property
    def _shape(self) -> Any:
        name = self.create_operation if self.is_new else self.update_operation
        return cognito_idp.model.operation_model(name).input_shape

    @property
    def _members(self) -> frozenset[str]:
        return frozenset(self._shape.members)

    def clean(self) -> Document | None:
        """Hold the document against the service model, and repeat what the service refused."""
        cleaned = super().clean()
        if self.refusal:
            self.add_error(None, self.refusal)
        if not self.errors:
            self._check()
        return cleaned

    def _post_clean(self) -> None:
        """Leave the object alone: its fields are the service's to fill, from the document."""

    def _check(self) -> None:
        document = self.settings()
        violations: list[Violation] = []
        for name, path, _required, check in member_checkers("cognito-idp", self._shape):
            if not is_empty(document.get(name)):
                check(document[name], path, violations)
        fields = {
            ".".join(map(lower_camel, path.split("."))): field for field, path in self.wire.items()
        }
        for path, constraint, _value in violations:
            field = fields.get(path) or next(
                (field for known, field in fields.items() if path.startswith(f"{known}.")), None
            )
            self.add_error(field, constraint if field else f"{path}: {constraint}")
