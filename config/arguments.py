"""Options of the quickstart that settings depend on, written where settings are read from."""

import argparse
import os
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def apply(arguments: list[str]) -> None:
    """Let `--data-dir` and `--port` say where the data are and what URL this server has.

    A PUBLIC_URL that names another machine stays. Mistakes are left for the command to report.
    """
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--data-dir")
    parser.add_argument("--port", type=int)
    try:
        options, _ = parser.parse_known_args(arguments)
    except argparse.ArgumentError:
        return
    if options.data_dir:
        os.environ["POOLHOUSE_DATA_DIR"] = os.path.abspath(options.data_dir)
    host = urlsplit(os.environ.get("PUBLIC_URL", "")).hostname
    if options.port and (host is None or host in LOOPBACK):
        os.environ["PUBLIC_URL"] = f"http://127.0.0.1:{options.port}"
