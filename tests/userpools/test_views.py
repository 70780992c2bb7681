import json

import jwt
import pytest
from botocore.awsrequest import AWSRequest
from django.db import DatabaseError, connection
from structlog.testing import capture_logs

from tests import in_process
from userpools import sealing, views
from userpools.models import IssuerProfile, UserPool
from userpools.tokens import keys


@pytest.fixture
def fetch(application, db):
    """Send a request without a signature."""

    def fetch(path, method="GET", *, data=b"", **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = AWSRequest(method, f"{in_process.ENDPOINT}{path}", data=data, headers=names)
        return in_process.answer(application, request.prepare())

    return fetch


# Keys and discovery


@pytest.mark.parametrize("document", ["jwks.json", "openid-configuration"])
def test_documents_of_an_unknown_pool_are_not_found(fetch, document):
    response = fetch(f"/us-east-1_Unknown00/.well-known/{document}")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(response.content)["message"]


@pytest.mark.parametrize(
    "path", ["/us-east-1_%00/", "/x/", "/us-east-1_ /", "/_/", f"/us-east-1_{'x' * 99}/"]
)
def test_what_could_not_be_a_pool_is_not_found(fetch, path):
    assert fetch(f"{path}.well-known/jwks.json").status_code == 404


@pytest.mark.parametrize("document", ["jwks.json", "openid-configuration"])
def test_documents_are_read_only(fetch, pool, document):
    assert fetch(f"/{pool.pk}/.well-known/{document}", "POST").status_code == 405


@pytest.mark.parametrize("document", ["jwks.json", "openid-configuration"])
def test_documents_may_be_kept_and_read_by_any_origin(fetch, pool, document):
    headers = fetch(f"/{pool.pk}/.well-known/{document}").headers
    assert headers["Content-Type"] == "application/json"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cache-Control"].startswith("public, max-age=")


def test_both_keys_of_a_pool_are_published_and_nothing_private(fetch, pool):
    response = fetch(f"/{pool.pk}/.well-known/jwks.json")
    document = json.loads(response.content)
    assert {key["kid"] for key in document["keys"]} == {row.kid for row in pool.signing_keys.all()}
    assert len(document["keys"]) == 2
    for key in document["keys"]:
        assert set(key) == {"alg", "e", "kid", "kty", "n", "use"}
    assert jwt.PyJWKSet.from_dict(document).keys


def test_a_rotated_key_is_published_beside_the_old_one(fetch, pool):
    keys.rotate(pool)
    document = json.loads(fetch(f"/{pool.pk}/.well-known/jwks.json").content)
    assert len(document["keys"]) == 4


def test_keys_of_a_pool_in_memory_need_no_query(fetch, pool, django_assert_num_queries):
    fetch(f"/{pool.pk}/.well-known/jwks.json")
    with django_assert_num_queries(0):
        assert fetch(f"/{pool.pk}/.well-known/jwks.json").status_code == 200


def test_the_issuer_may_be_the_original_s_and_the_keys_are_here(fetch, pool):
    UserPool.objects.filter(pk=pool.pk).update(issuer_profile=IssuerProfile.AWS)
    pool.touch()
    document = json.loads(fetch(f"/{pool.pk}/.well-known/openid-configuration").content)
    assert document["issuer"] == f"https://cognito-idp.{pool.region}.amazonaws.com/{pool.pk}"
    assert document["jwks_uri"] == f"{in_process.ENDPOINT}/{pool.pk}/.well-known/jwks.json"


# Health


def test_a_living_process_says_so_without_the_database(fetch, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = fetch("/healthz")
    assert (response.status_code, response.content) == (200, b'{"status":"ok"}')


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_come_under_any_host_name(fetch, settings, path):
    settings.ALLOWED_HOSTS = ["login.example.com"]
    assert fetch(path).status_code == 200


def test_a_database_that_is_down_makes_the_server_unready(fetch, monkeypatch):
    def down(*_args):
        raise DatabaseError("password=secret")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", down)
        response = fetch("/readyz")
    assert response.status_code == 503
    assert json.loads(response.content)["reasons"] == ["The database does not answer."]


def test_a_missing_migration_makes_the_server_unready(fetch, monkeypatch):
    monkeypatch.setattr(views._Migrations, "applied", False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'userpools'")
    response = fetch("/readyz")
    assert response.status_code == 503
    assert "migrate" in json.loads(response.content)["reasons"][0]


def test_a_missing_master_key_makes_the_server_unready(fetch):
    ring = sealing.ring()
    sealing.install(None)
    try:
        response = fetch("/readyz")
    finally:
        sealing.install(ring)
    assert response.status_code == 503
    assert "master key" in json.loads(response.content)["reasons"][0]


def test_a_ready_server_says_so(fetch):
    response = fetch("/readyz")
    assert response.status_code == 200
    assert json.loads(response.content) == {"status": "ok", "reasons": []}


# The root


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {}),
        ("POST", {"Content_Type": "application/json"}),
        ("POST", {"Content_Type": "text/html", "X_Amz_Target": "Nothing.Nothing"}),
    ],
)
def test_a_post_that_is_no_known_protocol_gets_the_json_one(fetch, method, headers):
    response = fetch("/", method, data=b"{}", **headers)
    assert response.status_code == 400
    assert json.loads(response.content)["__type"] == "UnknownOperationException"


def test_other_methods_are_refused(fetch):
    assert fetch("/", "DELETE").status_code == 405


def test_a_browser_s_preflight_is_answered(fetch):
    response = fetch("/", "OPTIONS", Origin="https://app.example.com")
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_a_form_gets_the_query_protocol(fetch):
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    response = fetch("/", "POST", data=b"Action=GetCallerIdentity", **form)
    assert response.status_code == 403
    assert b"<Code>MissingAuthenticationToken</Code>" in response.content


def test_a_target_goes_before_a_form(fetch):
    headers = {
        "Content_Type": "application/x-www-form-urlencoded",
        "X_Amz_Target": "AWSCognitoIdentityProviderService.ListUserPools",
    }
    assert b"UnknownOperation" in fetch("/", "POST", data=b"{}", **headers).content


@pytest.mark.parametrize("path", ["/", "/?utm_source=mail"])
def test_people_get_a_page(fetch, path):
    response = fetch(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert b"Open the console" in response.content
    assert f'endpoint_url="{in_process.ENDPOINT}"'.encode() in response.content
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


# The log


def test_a_page_s_log_line_has_its_request_id_and_no_path_or_query(fetch):
    with capture_logs() as lines:
        response = fetch("/admin/login/?next=secret")
    (line,) = [line for line in lines if line["event"] == "request"]
    assert "secret" not in str(line)
    assert line["route"] == "admin/login/"
    assert line["status"] == 200
    assert len(response.headers["X-Request-Id"]) == 36


def test_a_page_that_is_not_there_is_logged_too(fetch):
    with capture_logs() as lines:
        assert fetch("/nowhere").status_code == 404
    assert [line["route"] for line in lines if line["event"] == "request"] == ["/nowhere"]
