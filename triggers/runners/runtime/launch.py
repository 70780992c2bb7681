"""Limits itself and becomes the program in its arguments; started by the process runner.

A step of its own because a server with threads cannot safely run Python between fork and exec.
Arguments: a JSON object of limits by their names in the module `resource`, then the command.
"""

import ctypes
import json
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1

limits, command = json.loads(sys.argv[1]), sys.argv[2:]
# The function dies with the server, however that ends.
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
for name, value in limits.items():
    kind = getattr(resource, name)
    _, hard = resource.getrlimit(kind)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (most, most))
os.execv(command[0], command)  # noqa: S606
