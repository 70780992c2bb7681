"""The one HTTP client that leaves the machine.

Where customers name an address, a server that fetches it must not become their way into its own
network. So: the name is looked up once, every address is judged, and the connection goes to an
address that was judged (TLS still verifies the name); no redirects, proxies, cookies or compressed
answers; one time-out over everything, name lookup and dripping answers included.
"""

import hashlib
import hmac
import ipaddress
import logging
import re
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from http.client import HTTPException
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.util import parse_url

from userpools.conf import settings

USER_AGENT = "Poolhouse"
LONGEST_URL = 8192
LARGEST_HEAD = 64 * 1024
LARGEST_BODY = 1024 * 1024
CONNECT_SECONDS = 5.0
# Of a name's addresses, how many are tried until one accepts the connection.
MOST_TRIED = 3

_PIECE = 64 * 1024
_PORTS = {"http": 80, "https": 443}
_UNFIT = re.compile(r"[\x00-\x20\x7f-\x9f\\]")

# It would log URLs, whose queries may bear secrets.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class OutboundError(Exception):
    """A request that was not made or not answered; the text names no more of the URL than its host.

    It may be told to whoever named the URL.
    """


class Refused(OutboundError):
    """The URL or the address behind it is none that may be called; trying again is no use."""


class Unreachable(OutboundError):
    """Nothing usable came back: lookup, connection, TLS, time, size or form failed.

    Where it was the time, `__cause__` is a TimeoutError.
    """


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status. The names of headers are matched in any case."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; ValueError if it is none."""
        return orjson.loads(self.body)


class Auth(Protocol):
    """Proves to the other side who asks."""

    def headers(self, body: bytes) -> Mapping[str, str]:
        """Return the headers that go with a request of this body."""


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """A user name and a password. Source: RFC 7617."""

    username: str
    password: str = field(repr=False)

    def headers(self, body: bytes) -> Mapping[str, str]:
        """Return the Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return {"Authorization": f"Basic {b64encode(pair).decode()}"}


@dataclass(frozen=True, slots=True)
class HmacAuth:
    """A shared secret that signs the time and the body, and is never sent.

    The signature is HMAC-SHA256, in hexadecimal, of the timestamp, a full stop and the body.
    """

    secret: str = field(repr=False)

    def headers(self, body: bytes) -> Mapping[str, str]:
        """Return the time, in epoch seconds, and the signature."""
        timestamp = str(int(time.time()))
        signature = hmac.new(
            self.secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256
        ).hexdigest()
        return {
            "X-Poolhouse-Timestamp": timestamp,
            "X-Poolhouse-Signature": f"sha256={signature}",
        }


def get(
    url: str,
    *,
    timeout: float,
    max_bytes: int = LARGEST_BODY,
    https_only: bool = False,
    headers: Mapping[str, str] | None = None,
    auth: Auth | None = None,
    allow_private: bool = False,
) -> Answer:
    """Fetch a URL within `timeout` seconds in all; raise Refused or Unreachable.

    `allow_private` is for addresses that the operator's own settings name: it does what
    POOLHOUSE_OUTBOUND_PRIVATE=allow does for all.
    """
    return _answer(
        "GET", _target(url, https_only=https_only), b"", headers or {}, auth, timeout, max_bytes,
        allow_private=allow_private,
    )  # fmt: skip


def post(
    url: str,
    *,
    json: Any = None,
    data: Mapping[str, str] | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float,
    max_bytes: int = LARGEST_BODY,
    https_only: bool = False,
    auth: Auth | None = None,
    allow_private: bool = False,
) -> Answer:
    """Send a document, a form (a mapping) or bytes; otherwise as `get`."""
    kind, body = _encoded(json, data)
    return _answer(
        "POST", _target(url, https_only=https_only), body, {**kind, **(headers or {})}, auth,
        timeout, max_bytes, allow_private=allow_private,
    )  # fmt: skip


def _encoded(json: Any, data: Mapping[str, str] | bytes | None) -> tuple[dict[str, str], bytes]:
    if json is not None:
        return {"Content-Type": "application/json"}, orjson.dumps(json)
    if isinstance(data, Mapping):
        kind = "application/x-www-form-urlencoded"
        return {"Content-Type": kind}, urlencode(data).encode()
    return {}, data or b""


# What may be called


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in the parts that a request is made of. `authority` is what the Host header says."""

    scheme: str
    host: str
    port: int
    authority: str
    path: str


def _target(url: str, *, https_only: bool) -> Target:
    """Take a URL apart; raise Refused for all but plain http and https."""
    if len(url) > LONGEST_URL or _UNFIT.search(url):
        raise Refused("The URL is too long or contains characters that URLs do not.")
    try:
        parts = parse_url(url)
    except LocationParseError as exc:
        raise Refused("The URL is malformed.") from exc
    if parts.scheme not in _PORTS or (https_only and parts.scheme != "https"):
        raise Refused("The URL must be an https one." if https_only else "The URL must be http(s).")
    if parts.auth is not None:
        raise Refused("The URL must not contain a user name or password.")
    host = (parts.host or "").strip("[]")
    if not host or "%" in host or parts.port == 0:
        raise Refused("The URL names no host.")
    authority = f"{parts.host}:{parts.port}" if parts.port else str(parts.host)
    port = parts.port or _PORTS[parts.scheme]
    return Target(parts.scheme, host, port, authority, parts.request_uri)


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


# Not even where private addresses are allowed.
_NEVER = _networks(
    # This network; link-local, where clouds serve their machines' credentials; multicast; reserved.
    "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
    "::/128", "fe80::/10", "ff00::/8",
    # What else such metadata services listen at.
    "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::/32", "fd20:ce::/64",
    # NAT64 with a prefix of the network's own: what it leads to cannot be told.
    "64:ff9b:1::/48",
)  # fmt: skip
# Source: IANA, "IPv4 Special-Purpose Address Registry".
_PRIVATE = _networks(
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
)  # fmt: skip
# Source: IANA, "IPv6 Global Unicast Address Assignments" and "Special-Purpose Address Registry".
_PUBLIC_V6 = _networks("2000::/3")
_PRIVATE_V6 = _networks("2001::/23", "2001:db8::/32", "3fff::/20")
# IPv6 addresses that stand for the IPv4 address in their last 32 bits: mapped, compatible, NAT64.
_CARRIERS = _networks("::ffff:0:0/96", "::/96", "64:ff9b::/96")
_LOOPBACK_V6 = ipaddress.IPv6Address("::1")


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _carried(address: Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address leads to by its form."""
    if not isinstance(address, ipaddress.IPv6Address) or address == _LOOPBACK_V6:
        return []
    if _within(address, _CARRIERS):
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.sixtofour is not None:
        return [address.sixtofour]
    return list(address.teredo or ())


def may_be_called(address: Address, *, allow_private: bool) -> bool:
    """Judge an address, and what it carries."""
    if carried := _carried(address):
        return all(may_be_called(each, allow_private=allow_private) for each in carried)
    if _within(address, _NEVER):
        return False
    if allow_private:
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return not _within(address, _PRIVATE)
    return _within(address, _PUBLIC_V6) and not _within(address, _PRIVATE_V6)


Resolver = Callable[[str, int], list[str]]


def system_resolver(host: str, port: int) -> list[str]:
    """Look a name up as this machine does; addresses, however they are spelt, come out as such."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


resolver: Resolver = system_resolver


def _judged(target: Target, *, allow_private: bool) -> list[str]:
    """Look the host up; raise Refused if a single one of its addresses may not be called."""
    try:
        addresses = resolver(target.host, target.port)
    except (OSError, UnicodeError) as exc:
        raise Unreachable(f"{target.host} has no address.") from exc
    if not addresses:
        raise Unreachable(f"{target.host} has no address.")
    for address in addresses:
        if not may_be_called(ipaddress.ip_address(address), allow_private=allow_private):
            raise Refused(f"{target.host} has an address that may not be called.")
    return addresses[:MOST_TRIED]


@lru_cache(maxsize=1)
def trust() -> ssl.SSLContext:
    """Return whom TLS trusts: the machine's certificate store, or what SSL_CERT_FILE names."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


# The exchange


def _answer(
    method: str,
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    auth: Auth | None,
    timeout: float,
    max_bytes: int,
    *,
    allow_private: bool,
) -> Answer:
    """Make a request in a thread of its own: nothing else bounds a name lookup or a dripping head.

    The thread ends soon after it is abandoned, as its connection is cut.
    """
    exchange = _Exchange(
        target=target,
        method=method,
        headers={**headers, **(auth.headers(body) if auth else {})},
        body=body,
        max_bytes=max_bytes,
        deadline=time.monotonic() + timeout,
        allow_private=allow_private or settings.OUTBOUND_PRIVATE,
    )
    outcome: Future[Answer] = Future()
    threading.Thread(target=exchange.run, args=(outcome,), name="outbound", daemon=True).start()
    try:
        return outcome.result(timeout)
    except TimeoutError as exc:
        exchange.abandon()
        raise Unreachable(f"{target.host} did not answer in {timeout:g} s.") from exc


@dataclass(slots=True)
class _Exchange:
    """One request under way."""

    target: Target
    method: str
    headers: dict[str, str]
    body: bytes
    max_bytes: int
    deadline: float
    allow_private: bool
    line: socket.socket | None = None
    abandoned: bool = False

    def run(self, outcome: Future[Answer]) -> None:
        """Settle `outcome`."""
        try:
            outcome.set_result(self._perform())
        except BaseException as exc:  # raised again where the outcome is awaited
            outcome.set_exception(exc)

    def abandon(self) -> None:
        """Cut the connection, now or as soon as there is one."""
        self.abandoned = True
        if self.line is not None:
            try:
                # Not the override of SSLSocket, which changes what the other thread reads from.
                socket.socket.shutdown(self.line, socket.SHUT_RDWR)
            except OSError:
                return  # it ended by itself

    def _perform(self) -> Answer:
        addresses = _judged(self.target, allow_private=self.allow_private)
        host = self.target.host
        try:
            connection = self._connected(addresses)
            try:
                return self._exchanged(connection)
            finally:
                connection.close()
        except TimeoutError as exc:
            raise Unreachable(f"{host} did not answer in time.") from exc
        except NewConnectionError as exc:  # refused at once, although urllib3 calls it a time-out
            raise Unreachable(f"{host} did not accept the connection.") from exc
        except (ConnectTimeoutError, ReadTimeoutError) as exc:
            raise Unreachable(f"{host} did not answer in time.") from TimeoutError(str(exc))
        except ssl.SSLError as exc:
            raise Unreachable(f"TLS with {host} failed: {exc.reason}") from exc
        except (OSError, HTTPException, HTTPError, ValueError) as exc:
            raise Unreachable(f"{host} did not answer: {type(exc).__name__}") from exc

    def _connected(self, addresses: list[str]) -> HTTPConnection:
        """Connect to the first address that accepts."""
        *others, last = addresses
        for address in others:
            try:
                return self._connected_to(address)
            except (NewConnectionError, ConnectTimeoutError):
                continue
        return self._connected_to(last)

    def _connected_to(self, address: str) -> HTTPConnection:
        target = self.target
        seconds = min(CONNECT_SECONDS, self._remaining())
        connection = (
            HTTPSConnection(
                address,
                target.port,
                timeout=seconds,
                server_hostname=target.host,
                ssl_context=trust(),
            )
            if target.scheme == "https"
            else HTTPConnection(address, target.port, timeout=seconds)
        )
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        self.line = connection.sock
        if self.abandoned:
            connection.close()
            raise TimeoutError
        return connection

    def _exchanged(self, connection: HTTPConnection) -> Answer:
        connection.timeout = self._remaining()
        connection.request(
            self.method,
            self.target.path,
            body=self.body or None,
            headers={
                "User-Agent": USER_AGENT,
                "Accept-Encoding": "identity",
                **self.headers,
                "Host": self.target.authority,
                "Connection": "close",
                **({"Content-Length": str(len(self.body))} if self.method == "POST" else {}),
            },
            preload_content=False,
            decode_content=False,
        )
        response = connection.getresponse()
        try:
            if sum(len(name) + len(value) for name, value in response.headers.items()) > (
                LARGEST_HEAD
            ):
                raise Unreachable(f"{self.target.host} answered with too many headers.")
            # Not asked for, and a small body may unfold to any size.
            if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
                raise Unreachable(f"{self.target.host} answered in a compressed form.")
            return Answer(response.status, response.headers, self._read(response))
        finally:
            response.close()

    def _read(self, response: Any) -> bytes:
        body = bytearray()
        while piece := response.read(_PIECE):
            body += piece
            if len(body) > self.max_bytes:
                raise Unreachable(
                    f"{self.target.host} answered with more than {self.max_bytes} bytes."
                )
        return bytes(body)

    def _remaining(self) -> float:
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        return remaining
