"""Runs one Python handler file: started by the process runner, alone and without the server's code.

Events come and answers go, a JSON document on each line, over the descriptor that the first
argument names. Standard output and error are the handler's own log.
"""

import importlib.util
import json
import os
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any


class Context:
    """What the handler learns besides the event; the names are AWS Lambda's."""

    def __init__(self, call: dict[str, Any]) -> None:
        self.function_name = call["functionName"]
        self.invoked_function_arn = call["arn"]
        self.aws_request_id = call["id"]
        self.memory_limit_in_mb = call["memory"]
        self._deadline = call["deadline"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the call is ended."""
        return max(0, int(self._deadline - time.time() * 1000))


def load(file: str, name: str) -> Any:
    """Import the file, whose folder comes first on the path."""
    path = Path(file)
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    handler = getattr(module, name, None)
    if not callable(handler):
        raise AttributeError(f"Handler '{name}' missing on module '{path.stem}'")
    return handler


def failure(error: BaseException) -> dict[str, Any]:
    """Describe an error as AWS Lambda does."""
    return {"errorMessage": str(error), "errorType": type(error).__name__}


def answer(handler: Any, call: dict[str, Any]) -> str:
    """Run the handler; return the line to send."""
    try:
        result = handler(call["event"], Context(call))
        return json.dumps({"id": call["id"], "result": result})
    except Exception as error:  # whatever it is, the caller is told
        traceback.print_exc()
        return json.dumps({"id": call["id"], "error": failure(error)})


def main() -> None:
    """Load the handler and serve until the line is closed."""
    descriptor, file, name = sys.argv[1:4]
    # Both by lines, so that the log is in order.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    line = socket.socket(fileno=int(descriptor))
    problem: BaseException | None = None
    handler = None
    try:
        handler = load(file, name)
    except Exception as error:  # told at the first call
        traceback.print_exc()
        problem = error
    for text in line.makefile("r", encoding="utf-8"):
        call = json.loads(text)
        if problem is not None:
            reply = json.dumps({"id": call["id"], "error": failure(problem)})
        else:
            reply = answer(handler, call)
        sys.stdout.flush()
        sys.stderr.flush()
        line.sendall(reply.encode() + b"\n")
    os._exit(0)


if __name__ == "__main__":
    main()
