"""Forms over configuration documents in wire spelling: one field for each member that is shown."""

import copy
import re
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, ClassVar

from django import forms

from userpools.admin import limits
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


def _in_map(path: str) -> str:
    """Return the path of a violation inside a map as the fields spell theirs."""
    return ".".join(map(lower_camel, path.replace(".member.", ".").split(".")))


def input_shape(operation: str) -> Any:
    """Return the shape of an operation's input in the service model."""
    return cognito_idp.model.operation_model(operation).input_shape


class WireForm(forms.ModelForm):
    """A form whose fields name members of a document (`wire`: field to dotted path).

    What no field shows stays as it is; what nobody changed is sent as it was stored, so that a
    describe after a save in the console differs in the changed members alone.
    """

    wire: ClassVar[Mapping[str, str]] = {}
    create_only: ClassVar[frozenset[str]] = frozenset()
    create_operation: ClassVar[str]
    update_operation: ClassVar[str]
    # Operations that take members which the two above do not.
    further_operations: ClassVar[tuple[str, ...]] = ()
    # What a refusal says of a field beside its member's name: words to the field's name.
    refused_words: ClassVar[Mapping[str, str]] = {}
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
        self._limit()

    def _limit(self) -> None:
        """Hold each field to its member's limits in the service model."""
        shapes = [input_shape(name) for name in (self.create_operation, *self.further_operations)]
        for name, path in self.wire.items():
            found = (limits.shape_at(shape, path) for shape in shapes)
            shape = next((each for each in found if each is not None), None)
            if shape is not None and name in self.fields:
                limits.apply(self.fields[name], shape)

    def settings(self) -> Document:
        """Return all members to send to the service."""
        document = copy.deepcopy(self.stored)
        changed = set(self.fields) if self.is_new else set(self.changed_data)
        for name in self.wire.keys() & changed & self.cleaned_data.keys():
            put(document, self.wire[name], self.cleaned_data[name])
        return {name: value for name, value in document.items() if name in self._members}

    @property
    def _shape(self) -> Any:
        return input_shape(self.create_operation if self.is_new else self.update_operation)

    @property
    def _members(self) -> frozenset[str]:
        return frozenset(self._shape.members)

    def clean(self) -> Document | None:
        """Hold the document against the service model, and repeat what the service refused."""
        cleaned = super().clean()
        if self.refusal:
            self.add_error(self._refused(self.refusal), self.refusal)
        if not self.errors:
            self._check(self._shape, self.settings())
        return cleaned

    def _refused(self, message: str) -> str | None:
        """Return the field that a refusal is about: the one whose members it names most exactly."""
        for words, field in self.refused_words.items():
            if words in message:
                return field
        named = set(re.findall(r"\w+", message))
        best: tuple[int, str | None] = (0, None)
        for field, path in self.wire.items():
            *parents, last = path.split(".")
            if {last, lower_camel(last)} & named:
                best = max(best, (1 + len(named.intersection(parents)), field), key=itemgetter(0))
        return best[1]

    def _post_clean(self) -> None:
        """Leave the object alone: its fields are the service's to fill, from the document."""

    def _check(self, shape: Any, document: Document) -> None:
        violations: list[Violation] = []
        for name, path, _required, check in member_checkers("cognito-idp", shape):
            if not is_empty(document.get(name)):
                check(document[name], path, violations)
        fields = {
            ".".join(map(lower_camel, path.split("."))): field for field, path in self.wire.items()
        }
        for path, constraint, _value in violations:
            field = (
                fields.get(path)
                or fields.get(_in_map(path))
                or next(
                    (field for known, field in fields.items() if path.startswith(f"{known}.")), None
                )
            )
            self.add_error(field, constraint if field else f"{path}: {constraint}")
