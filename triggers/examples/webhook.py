"""A webhook that confirms everybody who signs up with an address of one domain.

    WEBHOOK_SECRET=... python webhook.py 8100

It needs Python's standard library alone, and shows all that a webhook must do: check the request's
signature and time, answer with the event, sign the answer.
"""

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = os.environ["WEBHOOK_SECRET"].encode()
# Between the two clocks, in seconds.
WINDOW = 300
DOMAIN = os.environ.get("CONFIRMED_DOMAIN", "example.com")


def sign(kind: str, request_id: str, timestamp: str, body: bytes) -> str:
    """Sign a "request" or an "answer"."""
    signed = f"{kind}.{request_id}.{timestamp}.".encode() + body
    return "sha256=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()


def decide(event: dict[str, Any]) -> dict[str, Any]:
    """Answer an event."""
    email = event["request"]["userAttributes"].get("email", "")
    if event["triggerSource"].startswith("PreSignUp_"):
        event["response"]["autoConfirmUser"] = email.endswith(f"@{DOMAIN}")
    return event


class Webhook(BaseHTTPRequestHandler):
    """Serves the events of a pool."""

    def do_POST(self) -> None:
        """Check, decide, sign."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request_id = self.headers["X-Poolhouse-Request-Id"]
        timestamp = self.headers["X-Poolhouse-Timestamp"]
        wanted = sign("request", request_id, timestamp, body)
        given = self.headers["X-Poolhouse-Signature"]
        if not hmac.compare_digest(wanted, given) or abs(time.time() - int(timestamp)) > WINDOW:
            self.send_error(403)
            return
        try:
            status, answer = 200, decide(json.loads(body))
        except Exception as error:
            status, answer = 400, {"errorMessage": str(error), "errorType": type(error).__name__}
        document = json.dumps(answer).encode()
        now = str(int(time.time()))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(document)))
        self.send_header("X-Poolhouse-Timestamp", now)
        self.send_header("X-Poolhouse-Signature", sign("answer", request_id, now, document))
        self.end_headers()
        self.wfile.write(document)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Webhook).serve_forever()
