"""`manage.py functions`: customers' functions, test events and the records of runs."""

import base64
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from triggers import custom_sender
from triggers import functions as service
from triggers.functions import Settings
from triggers.models import Function, Invocation, Outcome
from userpools.local_api import actor
from userpools.management.commands._base import (
    FAILED,
    NounCommand,
    Result,
    argument,
    json_object,
    pairs,
    verb,
)
from userpools.models import UserPool

NAME = argument("name", metavar="NAME_OR_ARN")
TARGET_HELP = (
    "process: the handler file's absolute path; http: a URL; lambda: an endpoint other than the"
    " server's; python: a dotted path."
)


class Command(NounCommand):
    """Functions."""

    help = "List, create, delete and try functions; read what became of their runs."

    @verb("List the functions.")
    def list(self, _options: dict[str, Any]) -> Result:
        return [
            {
                "Name": function.name,
                "Runner": function.runner,
                "Target": function.target,
                "Enabled": function.enabled,
                "Pools": sorted(pool.pk for pool in function.pools.all()),
                "Arn": function.arn,
            }
            for function in Function.objects.prefetch_related("pools")
        ]

    @verb(
        "Create a function; name its ARN in a pool's LambdaConfig afterwards.",
        argument("name"),
        argument("--runner", required=True, help="process, http, lambda or python."),
        argument("--target", default="", help=TARGET_HELP),
        argument("--handler", default="handler", help="Name within the handler file."),
        argument("--arn", default="", help="Another ARN than the one made of the name."),
        argument(
            "--pool",
            action="append",
            default=[],
            dest="pools",
            metavar="POOL_ID",
            help="A pool that may use it; may be given several times.",
        ),
        argument("--secret", help="What signs a webhook: @FILE or @-."),
        argument("--env", action="append", metavar="NAME=VALUE", help="Environment variable."),
        argument("--timeout", type=float, default=5.0, help="Seconds, at most 5 in a sign-in."),
        argument("--memory", type=int, default=256, help="Megabytes of a handler file's process."),
        argument("--network", action="store_true", help="Let a handler file use the network."),
        argument("--async", action="store_true", dest="is_async", help="Run it later, where the"
                 " trigger allows that."),
    )  # fmt: skip
    def create(self, options: dict[str, Any]) -> Result:
        pools = [UserPool.objects.get(pk=pool) for pool in options["pools"]]
        columns = {
            "name": options["name"],
            "runner": options["runner"],
            "target": options["target"],
            "handler": options["handler"],
            "timeout": options["timeout"],
            "memory_mb": options["memory"],
            "may_use_network": options["network"],
            "is_async": options["is_async"],
        }
        environment = pairs(options["env"]) if options["env"] else None
        given = Settings(columns, pools, self._secret(options["secret"]), environment)
        return service.document_of(service.create(given, arn=options["arn"], actor=actor()))

    @staticmethod
    def _secret(text: str | None) -> str | None:
        """Read a secret; on the command line itself other users of the machine could see it."""
        if text is None:
            return None
        if not text.startswith("@"):
            raise CommandError("Give the secret as @FILE, or as @- for the standard input.")
        try:
            return (sys.stdin.read() if text == "@-" else Path(text[1:]).read_text("utf-8")).strip()
        except (OSError, UnicodeError) as exc:
            raise CommandError(f"The secret cannot be read: {exc}") from exc

    @verb("Delete a function.", NAME, argument("--yes", action="store_true"))
    def delete(self, options: dict[str, Any]) -> Result:
        function = service.find(options["name"])
        if not options["yes"]:
            raise CommandError("Pools that name the function fail from then on: add --yes.")
        service.delete(function, actor=actor())
        return f"Deleted {function.arn}."

    @verb(
        "Run a function once with a test event; nothing is written down.",
        NAME,
        argument("--event", help="JSON, @FILE or @- (default: a sign-up)."),
    )
    def invoke(self, options: dict[str, Any]) -> Result:
        function = service.find(options["name"])
        event = json_object(options["event"]) or service.sample_event(function.pools.first())
        trial = service.try_out(function, event)
        if trial.log:
            self.note(trial.log.rstrip("\n"))
        if trial.outcome != Outcome.SUCCEEDED:
            raise CommandError(
                f"{trial.outcome.label} after {trial.duration_ms:g} ms: {trial.error}",
                returncode=FAILED,
            )
        return {"DurationMs": trial.duration_ms, "Answer": trial.answer}

    @verb(
        "Show the last runs, newest first.",
        argument("name", metavar="NAME_OR_ARN", nargs="?"),
        argument("--limit", type=int, default=20),
    )
    def logs(self, options: dict[str, Any]) -> Result:
        runs = Invocation.objects.all()
        if options["name"]:
            runs = runs.filter(function=service.find(options["name"]))
        return [
            {
                "Started": run.started_at.isoformat(timespec="milliseconds"),
                "Source": run.trigger_source,
                "Pool": run.pool_id,
                "Outcome": run.outcome,
                "Tries": run.tries,
                "DurationMs": run.duration_ms,
                "Error": run.error or None,
                "Log": run.log or None,
                "Arn": run.arn,
            }
            for run in runs[: options["limit"]]
        ]

    @verb(
        "Print the key that encrypts codes for a pool's custom senders; it is a secret.",
        argument("pool", metavar="POOL_ID"),
    )
    def sender_key(self, options: dict[str, Any]) -> Result:
        pool = UserPool.objects.get(pk=options["pool"])
        key_arn = str(pool.lambda_config.get("KMSKeyID") or "")
        if custom_sender.uses_kms(key_arn):
            raise CommandError(f"Codes of this pool are encrypted by KMS, with {key_arn}.")
        return {
            "KeyNamespace": custom_sender.KEY_NAMESPACE,
            "KeyName": pool.pk,
            "Key": base64.b64encode(custom_sender.local_key(pool.pk)).decode(),
            "WrappingSuite": "AES256_GCM_IV12_TAG16_NO_PADDING",
        }
