#!/usr/bin/env python
"""Run Poolhouse's commands: `manage.py quickstart`, `manage.py serve`, `manage.py help`."""

import os
import sys


def main() -> None:
    """Choose the settings and hand over to Django."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    asks_for_help = not {"-h", "--help"}.isdisjoint(sys.argv)
    serving = command in {"serve", "worker"} and not asks_for_help
    default = "config.settings.production" if serving else "config.settings.development"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", default)
    if command in {"quickstart", "serve"}:
        from config import arguments  # noqa: PLC0415 - `config` wants the settings' name

        arguments.apply(sys.argv[2:])
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as exc:
        # What is missing, in one line; DJANGO_SETTINGS_MODULE tells whose settings they are.
        sys.exit(f"{os.environ['DJANGO_SETTINGS_MODULE']}: {exc}")


if __name__ == "__main__":
    main()
