"""The one HTTP client: whom it calls, whom it does not, and what it puts up with."""

import gzip
import hashlib
import hmac
import ipaddress
import json
import ssl
import threading
import time

import pytest

from tests.loopback import certificate, dripping, http_server, pem, raw_server
from userpools import outbound
from userpools.outbound import Refused, Unreachable

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def private(settings):
    """Allow private and loopback addresses."""
    settings.POOLHOUSE = {**settings.POOLHOUSE, "OUTBOUND_PRIVATE": True}


@pytest.fixture
def server(private):
    with http_server() as server:
        yield server


@pytest.fixture
def names(monkeypatch):
    """Say which addresses names have."""
    known = {}
    monkeypatch.setattr(outbound, "resolver", lambda host, port: known[host])
    return known


# Addresses

METADATA = ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"]
NEVER = [
    *METADATA,
    "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "fe80::1", "febf::1", "ff02::1", "64:ff9b:1::1",
    # The same, carried in IPv6.
    "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1", "2001:0:808:808:0:0:5601:5601", "::ffff:0.0.0.0",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
    "::1", "fc00::1", "fd12:3456::1", "fec0::1", "2001:db8::1", "2001:20::1", "3fff::1", "100::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::1",
    "2001:0:7f00:1::f7f7:f7f7",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.128.0.1", "192.0.1.1", "223.255.255.255",
    "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
]  # fmt: skip


@pytest.mark.parametrize("address", [*NEVER, *PRIVATE])
def test_no_private_address_is_called(address):
    assert not outbound.may_be_called(ipaddress.ip_address(address), allow_private=False)


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_the_like_are_not_called_even_where_private_addresses_are(address):
    assert not outbound.may_be_called(ipaddress.ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called(address):
    assert outbound.may_be_called(ipaddress.ip_address(address), allow_private=False)


@pytest.mark.parametrize("address", [*PRIVATE, *PUBLIC])
def test_private_addresses_are_called_where_they_are_allowed(address):
    assert outbound.may_be_called(ipaddress.ip_address(address), allow_private=True)


SPELLINGS = [
    "127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "0",
    "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]",
    "localhost", "LOCALHOST",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_this_machine_is_called(host):
    with http_server() as server:
        url = server.url.replace("127.0.0.1", host)
        with pytest.raises(Refused, match="may not be called"):
            outbound.get(url, timeout=5)
    assert not server.requests


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "[fe80::1]", "[::ffff:a9fe:a9fe]"])
def test_no_spelling_of_a_link_local_address_is_called(private, host):
    with pytest.raises(Refused):
        outbound.get(f"http://{host}/latest/meta-data/", timeout=5)


def test_a_name_that_leads_inside_is_refused(names):
    names["inside.example.com"] = ["10.1.2.3"]
    with pytest.raises(Refused, match=r"inside\.example\.com"):
        outbound.get("http://inside.example.com/", timeout=5)


def test_one_private_address_among_public_ones_is_enough_to_refuse(names):
    names["both.example.com"] = ["2606:4700::1111", "8.8.8.8", "127.0.0.1"]
    with pytest.raises(Refused):
        outbound.get("http://both.example.com/", timeout=5)


def test_the_name_is_looked_up_once_and_its_address_is_the_one_that_is_called(server, monkeypatch):
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    monkeypatch.setattr(outbound, "resolver", lambda host, port: next(answers))
    url = server.url.replace("127.0.0.1", "rebinding.example.com")
    assert outbound.get(url, timeout=5).status_code == 200
    assert next(answers) == ["169.254.169.254"]


def test_an_address_that_does_not_accept_is_passed_over(server, names):
    names["two.example.com"] = ["127.0.0.2", "127.0.0.1"]
    url = server.url.replace("127.0.0.1", "two.example.com")
    assert outbound.get(url, timeout=5).status_code == 200


def test_a_name_without_an_address(names):
    names["nothing.example.com"] = []
    with pytest.raises(Unreachable, match="has no address"):
        outbound.get("http://nothing.example.com/", timeout=5)


def test_the_operator_s_own_address_may_be_private():
    with http_server() as server:
        assert outbound.post(server.url, timeout=5, allow_private=True).status_code == 200


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com/", "ftp://example.com/", "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_INFO", "http://", "http:///path", "http://user@example.com/",
        "http://user:password@example.com/", "http://a\\@example.com/", "http://example.com:0/",
        "http://example.com:99999/", "http://exa mple.com/", "http://example.com/\r\nHost: x",
        "http://example.com/\x00", "http://[::1", "http://[fe80::1%25eth0]/", "http://[::1%25lo]/",
        "http://example.com/" + "a" * outbound.LONGEST_URL,
    ],
)  # fmt: skip
def test_what_is_no_plain_url_is_refused(private, url):
    with pytest.raises(Refused):
        outbound.get(url, timeout=5)


def test_https_alone_where_that_is_asked_for(server):
    with pytest.raises(Refused, match="https"):
        outbound.get(server.url, timeout=5, https_only=True)
    assert not server.requests


# What is sent


def test_a_request_says_what_it_must_and_no_more(server):
    outbound.get(f"{server.url}/a%20b?c=d#e", timeout=5)
    (request,) = server.requests
    assert request.method == "GET"
    assert request.path == "/a%20b?c=d"
    assert dict(request.headers) == {
        "Host": server.url.removeprefix("http://"),
        "User-Agent": "Poolhouse",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def test_proxies_of_the_environment_are_not_asked(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert outbound.get(server.url, timeout=5).status_code == 200


def test_cookies_are_not_kept(server):
    server.headers["Set-Cookie"] = "a=b"
    outbound.get(server.url, timeout=5)
    outbound.get(server.url, timeout=5)
    assert "Cookie" not in server.requests[1].headers


def test_a_document_is_posted(server):
    outbound.post(server.url, json={"a": "ü"}, headers={"X-One": "1"}, timeout=5)
    (request,) = server.requests
    assert json.loads(request.body) == {"a": "ü"}
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-One"] == "1"


def test_a_form_is_posted(server):
    outbound.post(server.url, data={"a": "b c", "d": "+1"}, timeout=5)
    (request,) = server.requests
    assert request.body == b"a=b+c&d=%2B1"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_bytes_are_posted_as_they_are(server):
    outbound.post(server.url, data=b"\x00raw", headers={"Content-Type": "x/y"}, timeout=5)
    assert server.requests[0].body == b"\x00raw"


def test_a_header_on_two_lines_is_not_sent(server):
    with pytest.raises(Unreachable):
        outbound.get(server.url, headers={"X-One": "1\r\nX-Two: 2"}, timeout=5)
    assert not server.requests


def test_a_password_goes_by_basic_authentication(server):
    outbound.post(server.url, timeout=5, auth=outbound.BasicAuth("Aladdin", "open sesame"))
    # Source: RFC 7617, section 2.
    assert server.requests[0].headers["Authorization"] == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_a_secret_signs_time_and_body_and_is_not_sent(server):
    outbound.post(server.url, json={"a": 1}, timeout=5, auth=outbound.HmacAuth("shared"))
    (request,) = server.requests
    timestamp = request.headers["X-Poolhouse-Timestamp"]
    assert abs(int(timestamp) - time.time()) < 60
    signed = timestamp.encode() + b"." + request.body
    expected = hmac.new(b"shared", signed, hashlib.sha256).hexdigest()
    assert request.headers["X-Poolhouse-Signature"] == f"sha256={expected}"
    assert "shared" not in str(request.headers)
    assert "shared" not in repr(outbound.HmacAuth("shared"))


# What comes back


def test_an_answer_is_status_headers_and_body(server):
    server.status, server.body = 503, b'{"a": 1}'
    server.headers["X-Thing"] = "yes"
    answer = outbound.get(server.url, timeout=5)
    assert answer.status_code == 503
    assert answer.headers["x-thing"] == "yes"
    assert answer.body == b'{"a": 1}'
    assert answer.json() == {"a": 1}


def test_a_redirect_is_an_answer_and_not_followed(server):
    server.status = 302
    server.headers["Location"] = f"{server.url}/other"
    answer = outbound.get(server.url, timeout=5)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{server.url}/other")
    assert len(server.requests) == 1


def test_a_body_of_just_the_limit_is_read(server):
    server.body = b"x" * 1000
    assert outbound.get(server.url, timeout=5, max_bytes=1000).body == server.body
    with pytest.raises(Unreachable, match="more than 999 bytes"):
        outbound.get(server.url, timeout=5, max_bytes=999)


def endless(start):
    def talk(connection):
        connection.recv(65536)
        connection.sendall(start)
        while True:
            connection.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")

    return talk


@pytest.mark.parametrize(
    "start",
    [
        OK + b"\r\n",
        OK + b"Content-Length: 99999999999\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_an_endless_body_ends_at_the_limit(private, start):
    with raw_server(endless(start)) as url, pytest.raises(Unreachable, match="more than"):
        outbound.get(url, timeout=10, max_bytes=100_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip"])
def test_a_compressed_answer_is_refused_before_it_unfolds(server, encoding):
    server.body = gzip.compress(b"\0" * 1_000_000)
    server.headers["Content-Encoding"] = encoding
    with pytest.raises(Unreachable, match="compressed"):
        outbound.get(server.url, timeout=5)


def says(text):
    def talk(connection):
        connection.recv(65536)
        connection.sendall(text)

    return talk


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"220 mail.example.com ESMTP\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        OK + b"Content-Length: 10\r\n\r\nshort",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        OK + b"X: 1\r\n" * 200 + b"\r\n",
        OK + b"X: " + b"1" * 70_000 + b"\r\n\r\n",
        OK + b"".join(b"X-%d: %s\r\n" % (n, b"1" * 60_000) for n in range(2)) + b"\r\n",
    ],
    ids=range(10),
)
def test_a_malformed_or_oversized_answer_is_none(private, text):
    with raw_server(says(text)) as url, pytest.raises(Unreachable):
        outbound.get(url, timeout=5)


# Time


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (OK, b"X-Slow: "),
        (OK, b"\r\n"),
        (OK, b"Content-Length: 1000000\r\n\r\n"),
        (OK, b"Transfer-Encoding: chunked\r\n\r\n"),
        (OK, b"Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: "),
    ],
    ids=["status", "header", "body", "length", "chunk", "trailer"],
)
def test_a_dripping_answer_ends_at_the_total_time_out(private, parts):
    with raw_server(dripping(*parts)) as url:
        started = time.monotonic()
        with pytest.raises(Unreachable, match=r"in 0\.3 s"):
            outbound.get(url, timeout=0.3)
        assert time.monotonic() - started < 2
        for thread in threading.enumerate():
            if thread.name == "outbound":
                thread.join(5)
                assert not thread.is_alive()


def test_a_server_that_says_nothing(private):
    silence = threading.Event()
    with raw_server(lambda connection: silence.wait(10)) as url:
        with pytest.raises(Unreachable):
            outbound.get(url, timeout=0.2)
        silence.set()


def test_a_slow_name_lookup_counts_too(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(outbound, "resolver", lambda host, port: over.wait(10) and [])
    with pytest.raises(Unreachable, match=r"slow\.example\.com"):
        outbound.get("http://slow.example.com/", timeout=0.2)
    over.set()


def test_nobody_listens(private):
    with http_server() as server:
        pass
    with pytest.raises(Unreachable):
        outbound.get(server.url, timeout=5)


def test_an_error_tells_the_host_and_nothing_else_of_the_url(private):
    with raw_server(says(b"")) as url, pytest.raises(Unreachable) as caught:
        outbound.get(f"{url}/hook?token=secret", timeout=5)
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


# TLS


@pytest.fixture
def authority():
    return certificate("Test authority")


@pytest.fixture
def trusted(authority, tmp_path, monkeypatch):
    """Trust the authority and nobody else."""
    path = tmp_path / "authority.pem"
    path.write_bytes(pem(authority[1]))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    outbound.trust.cache_clear()
    yield
    outbound.trust.cache_clear()


@pytest.fixture
def tls_server(authority, tmp_path, private):
    """Serve `provider.example.com` over TLS; `server_names` is what clients asked for."""
    key, own = certificate(
        "provider.example.com",
        issuer=authority,
        addresses=[ipaddress.ip_address("127.0.0.1")],
    )
    path = tmp_path / "server.pem"
    path.write_bytes(pem(key) + pem(own))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    asked = []
    context.sni_callback = lambda line, name, context: asked.append(name)
    with http_server(context) as server:
        server.server_names = asked
        yield server


def named(server, name):
    return server.url.replace("127.0.0.1", name)


def test_tls_verifies_the_name_while_the_address_is_pinned(trusted, tls_server, names):
    names["provider.example.com"] = ["127.0.0.1"]
    answer = outbound.get(named(tls_server, "provider.example.com"), timeout=5, https_only=True)
    assert answer.status_code == 200
    assert tls_server.server_names == ["provider.example.com"]
    port = tls_server.url.rpartition(":")[2]
    assert tls_server.requests[0].headers["Host"] == f"provider.example.com:{port}"


def test_a_certificate_for_another_name_is_refused(trusted, tls_server, names):
    names["other.example.com"] = ["127.0.0.1"]
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        outbound.get(named(tls_server, "other.example.com"), timeout=5)
    assert not tls_server.requests


def test_an_address_in_the_url_must_be_in_the_certificate(trusted, tls_server, names):
    names["127.0.0.1"], names["127.0.0.2"] = ["127.0.0.1"], ["127.0.0.1"]
    assert outbound.get(tls_server.url, timeout=5).status_code == 200
    with pytest.raises(Unreachable, match="TLS"):
        outbound.get(named(tls_server, "127.0.0.2"), timeout=5)


def test_an_unknown_authority_is_refused(tls_server, names):
    names["provider.example.com"] = ["127.0.0.1"]
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        outbound.get(named(tls_server, "provider.example.com"), timeout=5)


def test_a_server_that_does_not_finish_the_handshake(private):
    over = threading.Event()
    with raw_server(lambda connection: over.wait(10)) as url:
        started = time.monotonic()
        with pytest.raises(Unreachable):
            outbound.get(url.replace("http", "https"), timeout=0.3)
        assert time.monotonic() - started < 2
        over.set()


def test_plain_http_behind_an_https_url(server):
    with pytest.raises(Unreachable):
        outbound.get(server.url.replace("http", "https"), timeout=5)
    assert not server.requests
