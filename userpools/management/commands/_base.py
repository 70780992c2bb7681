"""What the commands share: verbs as sub-commands, `--json`, errors as exit codes."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError

from userpools.awsjson.errors import AwsError
from userpools.services import rekey

# 0: done; 1: refused or failed; 2: the command line is wrong (argparse).
FAILED = 1
# What Django reads off the command line before a command sees it.
DJANGOS_OWN = frozenset({"--settings", "--pythonpath"})

Result = dict[str, Any] | list[dict[str, Any]] | str | None
Method = Callable[..., Result]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a verb, as argparse takes it."""

    names: tuple[str, ...]
    options: dict[str, Any]


def argument(*names: str, **options: Any) -> Argument:
    """Describe an argument of a verb."""
    if taken := DJANGOS_OWN & set(names):
        raise ValueError(f"{min(taken)} never reaches a command: Django takes it.")
    return Argument(names, options)


@dataclass(frozen=True, slots=True)
class Verb:
    """What is typed after a noun."""

    summary: str
    arguments: tuple[Argument, ...]
    needs_database: bool


def verb(
    summary: str, *arguments: Argument, needs_database: bool = True
) -> Callable[[Method], Method]:
    """Make a method a verb of its command; its name with hyphens is what is typed.

    Before a verb that needs the database, the master key given must be the database's own.
    """

    def mark(method: Method) -> Method:
        method.verb = Verb(summary, arguments, needs_database)  # type: ignore[attr-defined]
        return method

    return mark


def json_value(text: str) -> Any:
    """Read a JSON document given as text, as `@file`, or as `@-` for the standard input."""
    try:
        return json.loads(_text_of(text))
    except (OSError, ValueError) as exc:
        raise CommandError(f"Not a JSON document: {exc}") from exc


def _text_of(text: str) -> str:
    if text == "@-":
        return sys.stdin.read()
    if text.startswith("@"):
        with open(text[1:], encoding="utf-8") as file:
            return file.read()
    return text


def json_object(text: str | None) -> dict[str, Any]:
    """Read an object; none given is an empty one."""
    value = json_value(text) if text else {}
    if not isinstance(value, dict):
        raise CommandError("A JSON object is wanted.")
    return value


def pairs(items: list[str] | None) -> dict[str, str]:
    """Read `name=value` items."""
    wrong = [item for item in items or [] if "=" not in item]
    if wrong:
        raise CommandError(f"Write it as NAME=VALUE: {wrong[0]}")
    return dict(item.split("=", 1) for item in items or [])


class NounCommand(BaseCommand):
    """A noun; its verbs are the methods that `verb` marks. A verb's result is printed."""

    # A noun must work where a server must not start, to put it right.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Give each verb a parser of its own."""
        parsers = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        for name, method in self.verbs().items():
            marked: Verb = method.verb  # type: ignore[attr-defined]
            one = parsers.add_parser(name, help=marked.summary, description=marked.summary)
            one.add_argument("--json", action="store_true", dest="as_json", help="Print JSON.")
            for each in marked.arguments:
                one.add_argument(*each.names, **each.options)

    def verbs(self) -> dict[str, Method]:
        """Return the bound verbs by what is typed."""
        names = (name for name in dir(type(self)) if hasattr(getattr(type(self), name), "verb"))
        return {name.replace("_", "-"): getattr(self, name) for name in names}

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the verb, print its result, and turn expected errors into an exit code."""
        method = self.verbs()[options["verb"]]
        try:
            if method.verb.needs_database:  # type: ignore[attr-defined]
                rekey.verify()
            result = method(options)
        except AwsError as exc:
            raise CommandError(f"{exc.code}: {exc.message}", returncode=FAILED) from exc
        except (rekey.MasterKeyError, ObjectDoesNotExist) as exc:
            raise CommandError(str(exc), returncode=FAILED) from exc
        except ValidationError as exc:
            raise CommandError("; ".join(exc.messages), returncode=FAILED) from exc
        except (OperationalError, ProgrammingError) as exc:
            raise CommandError(
                f"The database does not answer as it should: {exc}Run `manage.py migrate` first?"
            ) from exc
        self.present(result, as_json=options["as_json"])

    def present(self, result: Result, *, as_json: bool) -> None:
        """Print a result: as JSON, or a list as a table and an object as lines `name: value`."""
        if result is None:
            return
        if as_json:
            self.stdout.write(json.dumps(result, indent=2, ensure_ascii=False, default=str))
        elif isinstance(result, str):
            self.stdout.write(result)
        elif isinstance(result, list):
            self._table(result)
        else:
            for name, value in result.items():
                self.stdout.write(f"{name}: {_cell(value)}")

    def _table(self, rows: list[dict[str, Any]]) -> None:
        names = list(rows[0]) if rows else []
        lines = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
        for line in lines if rows else []:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())

    def note(self, text: str) -> None:
        """Say something beside the result, on the error stream: `--json` stays JSON."""
        self.stderr.write(text, self.style.SUCCESS)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
