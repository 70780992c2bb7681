"""The form of a function."""

from typing import TYPE_CHECKING, Any

from django import forms

from triggers.functions import Settings
from triggers.models import Function
from userpools.admin import fields
from userpools.conf import settings
from userpools.models import UserPool

KEPT = "•" * 8
COLUMNS = (
    "name", "runner", "target", "handler", "timeout", "memory_mb", "may_use_network", "enabled",
    "is_async",
)  # fmt: skip
KINDS = {
    "process": "Handler file (Node or Python)",
    "http": "Webhook",
    "lambda": "AWS Lambda or a server that speaks its API",
    "python": "Python of this deployment",
}


if TYPE_CHECKING:
    FunctionModelForm = forms.ModelForm[Function]
else:
    FunctionModelForm = forms.ModelForm


class FunctionForm(FunctionModelForm):
    """A function's settings; secrets go in and never come out."""

    refusal = ""

    runner = fields.choice("Runner", (), "What runs it.")
    target = fields.text(
        "Target",
        "Handler file: its absolute path. Webhook: its URL. Lambda: an endpoint other than the "
        "server's, or nothing. Python: a dotted path.",
        mono=True,
        max_length=2048,
    )
    secret = fields.text(
        "Secret",
        "What signs a webhook's requests and answers. Empty: keep the one there is.",
        mono=True,
        max_length=256,
    )
    environment = fields.TagsField(
        label="Environment",
        help_text="NAME = value on each line, for handler files. "
        f"Values are never shown; {KEPT} keeps one.",
        rows=4,
    )
    arn = fields.text(
        "ARN",
        "What pools name in LambdaConfig. Empty: made of the name.",
        mono=True,
        max_length=131,
    )
    pools = forms.ModelMultipleChoiceField(
        UserPool.objects.order_by("name"),
        label="User pools that may use it",
        required=False,
        widget=fields.UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    class Meta:
        model = Function
        fields = (*COLUMNS, "pools")
        labels = {
            "memory_mb": "Memory",
            "may_use_network": "May use the network",
            "is_async": "Runs later",
        }
        help_texts = {
            "name": "1 to 64 letters, digits, hyphens and underscores.",
            "handler": "The name that a handler file exports.",
            "timeout": "Seconds; within a sign-in 5 at most.",
            "memory_mb": "Megabytes of a handler file's process.",
            "may_use_network": "Handler files alone; the others run where they run.",
            "is_async": "After confirmation and sign-in nobody waits for the answer.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        function: Function | None = kwargs.get("instance")
        initial = dict(kwargs.get("initial") or {})
        if function is not None and not function._state.adding:
            initial |= {
                "arn": function.arn,
                "environment": dict.fromkeys(function.environment, KEPT),
            }
        super().__init__(*args, **{**kwargs, "initial": initial})
        runner: Any = self.fields["runner"]
        runner.choices = [(kind, KINDS.get(kind, kind)) for kind in settings.TRIGGER_RUNNERS]
        if function is not None and not function._state.adding:
            self.fields["arn"].disabled = True
        self.fields["pools"].help_text = "Other pools fail when they name it."

    def clean_name(self) -> str:
        """Hold the name to the model's rule, which the ARN made of it would blame on itself."""
        name = str(self.cleaned_data["name"])
        Function._meta.get_field("name").run_validators(name)
        return name

    def clean(self) -> dict[str, Any] | None:
        """Repeat what the service refused."""
        cleaned = super().clean()
        if self.refusal:
            self.add_error(None, self.refusal)
        return cleaned

    def _post_clean(self) -> None:
        """Leave the object alone: its fields are the service's to fill."""

    def settings(self) -> Settings:
        """Return what the service takes."""
        given = self.cleaned_data
        known = {} if self.instance._state.adding else self.instance.environment
        environment = {
            name: known.get(name, "") if value == KEPT else value
            for name, value in given["environment"].items()
        }
        columns = {name: given[name] for name in COLUMNS}
        return Settings(columns, given["pools"], given["secret"] or None, environment)
