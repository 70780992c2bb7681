"""Stands in for a service that sends text messages: it prints what it is given.

    SMS_TOKEN=... python sms-gateway.py 8101

It takes what sms-challenge/create.js posts: {"to": ..., "text": ...}, with the token as bearer. It
needs Python's standard library alone.
"""

import hmac
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AUTHORIZATION = f"Bearer {os.environ['SMS_TOKEN']}".encode()


class Gateway(BaseHTTPRequestHandler):
    """Prints text messages."""

    def do_POST(self) -> None:
        """Check the token and print."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        given = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, AUTHORIZATION):
            self.send_error(401)
            return
        message = json.loads(body)
        sys.stdout.write(f"To {message['to']}: {message['text']}\n")
        sys.stdout.flush()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing besides."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Gateway).serve_forever()
