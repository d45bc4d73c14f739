"""The services are what they claim to be, as others' clients see them: PyIceberg, boto3, psycopg2, secret-tool."""

from __future__ import annotations

import base64
import errno
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import RestCatalog as PyIcebergRest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException, NoSuchTableError

from tests.leakage.canary import credential
from tests.services import faults, full_disk
from tests.services.auth_proxy import AuthProxy, auth_proxy
from tests.services.keychain import Keychain
from tests.services.oauth import CLIENT_CREDENTIALS, TOKEN_EXCHANGE
from tests.services.object_store import ObjectStore
from tests.services.postgres import Postgres, postgres
from tests.services.process import ServiceError, free_port, running
from tests.services.rest_catalog import RestCatalog, rest_catalog

pytest_plugins = ["tests.services.fixtures"]

ROOT = Path(__file__).resolve().parents[1]
ROWS = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "name": ["a", "b", None]})


def guarded_client(proxy: AuthProxy) -> PyIcebergRest:
    """PyIceberg with client credentials."""
    return token_client(proxy.uri, proxy.token_uri, proxy.credential())


def token_client(uri: str, token_uri: str, credential: str) -> PyIcebergRest:
    """PyIceberg which asks for its token at the address it is told."""
    return PyIcebergRest("guarded", uri=uri, credential=credential, **{"oauth2-server-uri": token_uri})


def namespace_of(catalog: Catalog) -> str:
    """A namespace nobody else has: the servers live for a whole module."""
    name = f"ns_{time.monotonic_ns()}"
    catalog.create_namespace(name)
    return name


def ask(uri: str, body: Any = None, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """One request without any client library, whatever its status."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(uri, data, {"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            content = answer.read()
            return answer.status, json.loads(content) if content else None
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read())


def test_rest_catalog_creates_appends_and_reads(local_catalog: RestCatalog) -> None:
    """The plain way through, on the local disk."""
    catalog = PyIcebergRest("open", uri=local_catalog.uri)
    namespace = namespace_of(catalog)
    table = catalog.create_table(f"{namespace}.t", ROWS.schema)
    table.append(ROWS)
    assert catalog.load_table(f"{namespace}.t").scan().to_arrow().to_pylist() == ROWS.to_pylist()
    assert table.location().startswith(local_catalog.warehouse)
    assert catalog.list_tables(namespace) == [(namespace, "t")]


def test_rest_catalog_registers_and_drops(local_catalog: RestCatalog) -> None:
    """One metadata file under a second name, without its data being copied; a drop leaves the files alone."""
    catalog = PyIcebergRest("open", uri=local_catalog.uri)
    namespace = namespace_of(catalog)
    table = catalog.create_table(f"{namespace}.t", ROWS.schema)
    table.append(ROWS)
    twin = catalog.register_table(f"{namespace}.twin", table.metadata_location)
    assert twin.metadata.table_uuid == table.metadata.table_uuid
    catalog.drop_table(f"{namespace}.t")
    with pytest.raises(NoSuchTableError):
        catalog.load_table(f"{namespace}.t")
    assert catalog.load_table(f"{namespace}.twin").scan().to_arrow().num_rows == 3


def test_rest_catalog_keeps_field_ids_of_an_assert_create_commit(local_catalog: RestCatalog) -> None:
    """A commit may create a table with ids of our choosing, unlike the plain create call, which assigns new ones."""
    catalog = PyIcebergRest("open", uri=local_catalog.uri)
    namespace = namespace_of(catalog)
    schema = {
        "type": "struct",
        "schema-id": 0,
        "fields": [
            {"id": 7, "name": "id", "type": "long", "required": True},
            {"id": 3, "name": "name", "type": "string", "required": False},
        ],
    }
    tables = f"{local_catalog.uri}/v1/namespaces/{namespace}/tables"
    status, plain = ask(tables, {"name": "plain", "schema": schema})
    assert status == 200
    assert [field["id"] for field in plain["metadata"]["schemas"][0]["fields"]] == [1, 2]

    commit = {
        "identifier": {"namespace": [namespace], "name": "kept"},
        "requirements": [{"type": "assert-create"}],
        "updates": creating(f"{local_catalog.warehouse}/{namespace}/kept", schema),
    }
    status, kept = ask(f"{tables}/kept", commit)
    assert (status, [field["id"] for field in kept["metadata"]["schemas"][0]["fields"]]) == (200, [7, 3])
    assert kept["metadata"]["last-column-id"] == 7
    status, again = ask(f"{tables}/kept", commit)
    assert (status, again["error"]["type"]) == (409, "CommitFailedException")


def creating(location: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The updates which make a table out of nothing."""
    return [
        {"action": "assign-uuid", "uuid": "0196f7a5-2f0a-7b3c-9d0e-4a5b6c7d8e9f"},
        {"action": "upgrade-format-version", "format-version": 2},
        {"action": "add-schema", "schema": schema, "last-column-id": 7},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": {"spec-id": 0, "fields": []}},
        {"action": "set-default-spec", "spec-id": -1},
        {"action": "add-sort-order", "sort-order": {"order-id": 0, "fields": []}},
        {"action": "set-default-sort-order", "sort-order-id": -1},
        {"action": "set-location", "location": location},
    ]


def test_rest_catalog_stages_without_creating(local_catalog: RestCatalog) -> None:
    """stage-create gives metadata of a table that does not exist yet."""
    catalog = PyIcebergRest("open", uri=local_catalog.uri)
    namespace = namespace_of(catalog)
    with catalog.create_table_transaction(f"{namespace}.staged", ROWS.schema) as transaction:
        assert not catalog.table_exists(f"{namespace}.staged")
        transaction.append(ROWS)
    assert catalog.load_table(f"{namespace}.staged").scan().to_arrow().num_rows == 3


def test_rest_catalog_pages(local_catalog: RestCatalog) -> None:
    """Pages come when asked for by pageSize, with a token that ends as null."""
    catalog = PyIcebergRest("open", uri=local_catalog.uri)
    namespace = namespace_of(catalog)
    for index in range(5):
        catalog.create_table(f"{namespace}.t{index}", ROWS.schema)
    names: list[str] = []
    token: str | None = ""
    pages = 0
    while token is not None:
        uri = f"{local_catalog.uri}/v1/namespaces/{namespace}/tables?pageSize=2&pageToken={token}"
        status, page = ask(uri)
        assert status == 200
        names += [entry["name"] for entry in page["identifiers"]]
        token = page.get("next-page-token")
        pages += 1
    assert (sorted(names), pages) == ([f"t{index}" for index in range(5)], 3)


def test_rest_catalog_keeps_its_tables_over_a_restart(tmp_path: Path) -> None:
    """Killed in mid-air and started again on the same folder, on another port."""
    with rest_catalog(folder=tmp_path) as first:
        catalog = PyIcebergRest("first", uri=first.uri)
        catalog.create_namespace("kept")
        catalog.create_table("kept.t", ROWS.schema).append(ROWS)
        first.server.kill()
    with rest_catalog(folder=tmp_path) as second:
        catalog = PyIcebergRest("second", uri=second.uri)
        assert catalog.load_table("kept.t").scan().to_arrow().num_rows == 3


def test_two_writers_conflict(guarded_catalog: AuthProxy) -> None:
    """The second of two handles on one table state fails, by the real server's judgement."""
    catalog = guarded_client(guarded_catalog)
    namespace = namespace_of(catalog)
    first = catalog.create_table(f"{namespace}.t", ROWS.schema, properties={"commit.retry.num-retries": "0"})
    second = catalog.load_table(f"{namespace}.t")
    first.append(ROWS)
    with pytest.raises(CommitFailedException):
        second.append(ROWS)
    assert guarded_catalog.statuses()[409] == 1
    assert catalog.load_table(f"{namespace}.t").scan().to_arrow().num_rows == 3


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "no bearer token"),
        ({"Authorization": "Bearer wrong"}, "unknown token"),
        ({"Authorization": "Basic aWNlOmJyaWRnZQ=="}, "not a bearer token"),
    ],
)
def test_calls_need_a_good_token(guarded_catalog: AuthProxy, headers: dict[str, str], reason: str) -> None:
    """401 in Iceberg's error shape."""
    status, answer = ask(f"{guarded_catalog.uri}/v1/namespaces", headers=headers)
    expected = {"message": f"Not authorized: {reason}", "type": "NotAuthorizedException", "code": 401}
    assert (status, answer) == (401, {"error": expected})


def test_expired_token_is_refused_and_refreshed(guarded_catalog: AuthProxy) -> None:
    """PyIceberg gets a new token when the old one is refused, and its call goes through."""
    catalog = guarded_client(guarded_catalog)
    before = len(guarded_catalog.issuer.grants)
    guarded_catalog.issuer.expire_all()
    namespace_of(catalog)
    assert len(guarded_catalog.issuer.grants) > before
    assert guarded_catalog.statuses()[401] >= 1


def test_tokens_expire_by_time(local_catalog: RestCatalog) -> None:
    """expires_in is told and kept."""
    with auth_proxy(local_catalog.uri, lifetime=0.3) as proxy:
        headers = {"Authorization": f"Bearer {proxy.issuer.mint()}"}
        assert ask(f"{proxy.uri}/v1/config", headers=headers)[0] == 200
        time.sleep(0.4)
        status, answer = ask(f"{proxy.uri}/v1/config", headers=headers)
        assert (status, answer["error"]["message"]) == (401, "Not authorized: expired token")


def test_token_endpoint_takes_body_basic_and_exchange(guarded_catalog: AuthProxy) -> None:
    """Every way in which Iceberg's clients ask for a token, and a wrong secret."""
    issuer = guarded_catalog.issuer
    in_body = {"grant_type": CLIENT_CREDENTIALS, "client_id": issuer.client_id, "client_secret": issuer.client_secret}
    status, answer = issuer.token(in_body, None)
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "bearer", 3600)
    basic = f"Basic {base64.b64encode(guarded_catalog.credential().encode()).decode()}"
    assert issuer.token({"grant_type": CLIENT_CREDENTIALS}, basic)[0] == 200
    exchange = {"grant_type": TOKEN_EXCHANGE, "subject_token": str(answer["access_token"])}
    assert issuer.token(exchange, None)[0] == 200
    issuer.expire_all()
    assert issuer.token(exchange, None)[0] == 401
    assert issuer.token(exchange, basic)[0] == 200
    status, refusal = issuer.token({**in_body, "client_secret": credential("wrong")}, None)
    assert (status, refusal["error"]) == (401, "invalid_client")
    assert issuer.token({"grant_type": "password"}, None)[0] == 400


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.conflict(nth=2), CommitFailedException),
        (faults.lost_answer(nth=2), CommitStateUnknownException),
        (faults.cut(nth=2, match=faults.COMMIT), Exception),
        (faults.databricks_conflict(nth=2), Exception),
    ],
    ids=["conflict", "lost-answer", "cut", "databricks-conflict"],
)
def test_second_commit_fails_as_ordered(
    guarded_catalog: AuthProxy, fault: faults.Fault, error: type[Exception]
) -> None:
    """The first commit passes, the second fails, and only a lost answer has left its rows in the table."""
    catalog = guarded_client(guarded_catalog)
    table = catalog.create_table(
        f"{namespace_of(catalog)}.t", ROWS.schema, properties={"commit.retry.num-retries": "0"}
    )
    guarded_catalog.faults.add(fault)
    table.append(ROWS)
    with once_only(guarded_catalog), pytest.raises(error):
        table.append(ROWS)
    rows = catalog.load_table(".".join(table.name())).scan().to_arrow().num_rows
    assert rows == (6 if fault.forward else 3)


@contextmanager
def once_only(proxy: AuthProxy) -> Iterator[None]:
    """Keep a client that retries by itself from getting through: the fault stays for what follows in the block."""
    extra = faults.Fault(match=faults.COMMIT, nth=2, times=100, status=503)
    proxy.faults.add(extra)
    yield
    proxy.faults.clear()


def test_busy_answers_carry_retry_after(guarded_catalog: AuthProxy) -> None:
    """429 and 503 say when to come back, and are over after the ordered number."""
    guarded_catalog.faults.add(faults.rate_limited(retry_after=7), faults.unavailable(nth=2, retry_after=3))
    uri = f"{guarded_catalog.uri}/v1/config"
    headers = {"Authorization": f"Bearer {guarded_catalog.issuer.mint()}"}
    seen: list[tuple[int, str | None]] = []
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(urllib.request.Request(uri, headers=headers), timeout=10)
        seen.append((refusal.value.code, refusal.value.headers["Retry-After"]))
        refusal.value.close()
    assert seen == [(429, "7"), (503, "3")]
    assert ask(uri, headers=headers)[0] == 200


def test_other_processes_steer_the_proxy_over_http(guarded_catalog: AuthProxy) -> None:
    """Orders and counts as a Rust test gives and gets them."""
    control = f"{guarded_catalog.uri}/_control"
    headers = {"Authorization": f"Bearer {guarded_catalog.issuer.mint()}"}
    assert ask(f"{control}/faults", [{"kind": "unavailable", "times": 2}])[0] == 200
    for expected in (503, 503, 200):
        assert ask(f"{guarded_catalog.uri}/v1/config", headers=headers)[0] == expected
    _, counts = ask(f"{control}/counts")
    assert counts["requests"] == {"GET /v1/config": 3}
    assert counts["statuses"] == {"503": 2, "200": 1}
    ask(f"{control}/expire", {})
    assert ask(f"{guarded_catalog.uri}/v1/config", headers=headers)[0] == 401
    assert ask(f"{control}/faults", [{"kind": "nonsense"}])[0] == 400


def test_prefix_is_told_and_demanded(local_catalog: RestCatalog) -> None:
    """As Unity Catalog does: /v1/config names a prefix, without which no path is known."""
    with auth_proxy(local_catalog.uri, prefix="catalogs/main") as proxy:
        catalog = guarded_client(proxy)
        namespace = namespace_of(catalog)
        assert proxy.counts()["POST /v1/catalogs/main/namespaces"] == 1
        headers = {"Authorization": f"Bearer {proxy.issuer.mint()}"}
        assert ask(f"{proxy.uri}/v1/namespaces/{namespace}", headers=headers)[0] == 404


def test_vended_credentials_open_the_bucket(vending_catalog: AuthProxy, s3_store: ObjectStore) -> None:
    """A client that knows no key of the bucket reads and writes with what the catalog gives it."""
    catalog = guarded_client(vending_catalog)
    table = catalog.create_table(f"{namespace_of(catalog)}.t", ROWS.schema)
    table.append(ROWS)
    assert table.scan().to_arrow().num_rows == 3
    assert table.location().startswith(s3_store.uri("warehouse"))
    assert any(key.endswith(".parquet") for key in s3_store.keys("warehouse/"))
    namespace, name = table.name()
    uri = f"{vending_catalog.uri}/v1/namespaces/{namespace}/tables/{name}"
    headers = {"Authorization": f"Bearer {vending_catalog.issuer.mint()}"}
    assert not ask(uri, headers=headers)[1].get("storage-credentials")
    _, answer = ask(uri, headers={**headers, "X-Iceberg-Access-Delegation": "vended-credentials"})
    first = answer["storage-credentials"][0]["config"]
    assert first["s3.access-key-id"] == answer["config"]["s3.access-key-id"] == s3_store.access_key
    _, renewed = ask(f"{uri}/credentials", headers=headers)
    assert renewed["storage-credentials"][0]["config"]["s3.session-token"] != first["s3.session-token"]


def test_boto3_on_the_object_store(s3_store: ObjectStore) -> None:
    """Write, list, range read, server-side copy and multipart upload."""
    client = s3_store.client()
    client.put_object(Bucket="lake", Key="a/one", Body=b"0123456789")
    client.copy_object(Bucket="lake", Key="a/two", CopySource={"Bucket": "lake", "Key": "a/one"})
    assert s3_store.keys("a/") == ["a/one", "a/two"]
    assert client.get_object(Bucket="lake", Key="a/two", Range="bytes=2-4")["Body"].read() == b"234"
    upload = client.create_multipart_upload(Bucket="lake", Key="a/big")["UploadId"]
    part = {"Bucket": "lake", "Key": "a/big", "UploadId": upload, "PartNumber": 1}
    etag = client.upload_part(**part, Body=b"x" * 1024)["ETag"]
    done = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    client.complete_multipart_upload(Bucket="lake", Key="a/big", UploadId=upload, MultipartUpload=done)
    assert client.head_object(Bucket="lake", Key="a/big")["ContentLength"] == 1024


def test_sql_catalog_on_postgres(postgres_server: Postgres, tmp_path: Path) -> None:
    """PyIceberg's SQL catalog, and a conflict which the database decides."""
    catalog = SqlCatalog("sql", uri=postgres_server.sqlalchemy, warehouse=f"file://{tmp_path}")
    catalog.create_namespace("ns")
    first = catalog.create_table("ns.t", ROWS.schema, properties={"commit.retry.num-retries": "0"})
    second = catalog.load_table("ns.t")
    first.append(ROWS)
    with pytest.raises(CommitFailedException):
        second.append(ROWS)
    assert catalog.load_table("ns.t").scan().to_arrow().num_rows == 3
    catalog.engine.dispose()


def test_postgres_demands_its_password(postgres_server: Postgres) -> None:
    """A wrong password is refused; a cluster without one trusts."""
    wrong = postgres_server.dsn.replace(postgres_server.password, credential("wrong"))
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(wrong)
    with postgres() as trusting:
        psycopg2.connect(trusting.dsn).close()


def test_keyring_roundtrip(keyring: Keychain) -> None:
    """What one session stores, the next one finds; with the keyring locked and nobody to ask there is no answer."""
    label = ["--label=test", "service", "icebridge"]
    stored = keyring.run(["secret-tool", "store", *label], stdin=credential("stored"))
    assert stored.returncode == 0, stored.stderr
    found = keyring.run(["secret-tool", "lookup", "service", "icebridge"])
    assert (found.returncode, found.stdout) == (0, credential("stored"))
    locked = keyring.run(["secret-tool", "store", *label], stdin=credential("other"), locked=True)
    assert locked.returncode != 0


def test_tiny_disk_fills_up(tiny_disk: Path) -> None:
    """ENOSPC from the kernel after two megabytes, and room again after a release."""
    with pytest.raises(OSError, match="No space left") as failure:
        (tiny_disk / "big").write_bytes(b"x" * (3 << 20))
    assert failure.value.errno == errno.ENOSPC
    (tiny_disk / "big").unlink()
    full_disk.fill(tiny_disk, leave=8192)
    with pytest.raises(OSError, match="No space left"):
        (tiny_disk / "small").write_bytes(b"x" * 65_536)
    full_disk.release(tiny_disk)
    (tiny_disk / "small").write_bytes(b"x" * 65_536)


def test_frozen_folder_refuses_root(frozen_folder: Path) -> None:
    """EROFS for everybody, while reading goes on."""
    assert (frozen_folder / "kept.txt").read_bytes() == b"as it was"
    with pytest.raises(OSError, match="Read-only file system"):
        (frozen_folder / "new").write_bytes(b"")


def test_disk_and_file_limits_of_a_command(tmp_path: Path) -> None:
    """A full disk that only one command sees, and a limit on file size for those who may mount nothing."""
    write = ["dd", "if=/dev/zero", f"of={tmp_path}/out", "bs=64k", "count=64"]
    limited = subprocess.run(full_disk.with_file_limit(write, 1 << 20), capture_output=True, text=True, timeout=20)
    assert "File too large" in limited.stderr
    assert (tmp_path / "out").stat().st_size == 1 << 20
    own = subprocess.run(full_disk.with_full_disk(write, tmp_path), capture_output=True, text=True, timeout=20)
    if "unshare" in own.stderr or "mount" in own.stderr:
        pytest.skip(own.stderr.strip())
    assert "No space left" in own.stderr
    assert (tmp_path / "out").stat().st_size == 1 << 20


def test_a_server_that_fails_shows_its_log() -> None:
    """The message has what the program said; nothing waits for the limit."""
    begin = time.monotonic()
    with (
        running(["sh", "-c", "echo no such luck; exit 3"]) as server,
        pytest.raises(ServiceError, match="no such luck"),
    ):
        server.wait_for(lambda: False, 30)
    assert time.monotonic() - begin < 10
    assert free_port() > 0


def test_serving_for_other_languages_ends_with_its_standard_input() -> None:
    """One line of JSON, and everything gone when the asker is."""
    command = [sys.executable, "-m", "tests.services", "rest", "s3", "--token-seconds", "5"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as serving:
        assert serving.stdin is not None and serving.stdout is not None
        told = json.loads(serving.stdout.readline())
        rest = told["rest"]
        catalog = token_client(rest["uri"], rest["token_uri"], f"{rest['client_id']}:{rest['client_secret']}")
        table = catalog.create_table(f"{namespace_of(catalog)}.t", ROWS.schema)
        table.append(ROWS)
        assert table.scan().to_arrow().num_rows == 3
        serving.stdin.close()
        assert serving.wait(30) == 0
    for uri in (rest["uri"], rest["open_uri"], told["s3"]["endpoint"]):
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(uri, timeout=5)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_servers_die_with_a_killed_test_run(tmp_path: Path) -> None:
    """Even SIGKILL of the asker leaves no server behind."""
    command = [sys.executable, "-m", "tests.services", "s3"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env
    ) as serving:
        assert serving.stdout is not None
        told = json.loads(serving.stdout.readline())
        children = Path(f"/proc/{serving.pid}/task/{serving.pid}/children").read_text().split()
        serving.kill()
        serving.wait(10)
    limit = time.monotonic() + 10
    while any(Path(f"/proc/{child}/cmdline").exists() and alive(int(child)) for child in children):
        assert time.monotonic() < limit, told
        time.sleep(0.05)
    assert children


def alive(pid: int) -> bool:
    """Whether a process runs, a zombie not counting."""
    try:
        os.kill(pid, 0)
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
