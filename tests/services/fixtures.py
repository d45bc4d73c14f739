"""The services as pytest fixtures; a test module gets them with `pytest_plugins = ["tests.services.fixtures"]`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from tests.leakage.canary import credential

from . import full_disk as disks
from .auth_proxy import AuthProxy, auth_proxy
from .azure_store import AzureStore, azure_store
from .google_store import GoogleStore, google_store
from .keychain import Keychain, keychain
from .object_store import ObjectStore, object_store
from .postgres import Postgres, postgres
from .process import ServiceUnavailable
from .rest_catalog import RestCatalog, rest_catalog
from .vending import Vending

T = TypeVar("T")


@contextmanager
def or_skip(service: AbstractContextManager[T]) -> Iterator[T]:
    """Skip with the reason where the machine lacks what the service needs; fail where it is there and broken."""
    with ExitStack() as stack:
        try:
            value = stack.enter_context(service)
        except ServiceUnavailable as reason:
            pytest.skip(str(reason))
        yield value


@pytest.fixture(scope="module")
def s3_store() -> Iterator[ObjectStore]:
    """S3 with an empty bucket."""
    with or_skip(object_store()) as store:
        yield store


@pytest.fixture(scope="module")
def azure() -> Iterator[AzureStore]:
    """Azure storage with an empty container."""
    with or_skip(azure_store()) as store:
        yield store


@pytest.fixture(scope="module")
def google() -> Iterator[GoogleStore]:
    """Google Cloud Storage with an empty bucket."""
    with or_skip(google_store()) as store:
        yield store


@pytest.fixture(scope="module")
def local_catalog() -> Iterator[RestCatalog]:
    """Iceberg's REST catalog with a warehouse on the local disk, without authentication."""
    with or_skip(rest_catalog()) as catalog:
        yield catalog


@pytest.fixture(scope="module")
def s3_catalog(s3_store: ObjectStore) -> Iterator[RestCatalog]:
    """Iceberg's REST catalog with its warehouse in the bucket."""
    with or_skip(rest_catalog(s3_store)) as catalog:
        yield catalog


@pytest.fixture
def guarded_catalog(local_catalog: RestCatalog) -> Iterator[AuthProxy]:
    """The local catalog behind OAuth2; a proxy of its own for each test, so that faults and counts are its own too."""
    with auth_proxy(local_catalog.uri) as proxy:
        yield proxy


@pytest.fixture
def vending_catalog(s3_catalog: RestCatalog, s3_store: ObjectStore) -> Iterator[AuthProxy]:
    """The S3 catalog behind OAuth2, which vends the bucket's credentials to those who ask for delegation."""
    with auth_proxy(s3_catalog.uri, vending=Vending(s3_store.iceberg_properties())) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL cluster that wants a password."""
    with or_skip(postgres(credential("postgres"))) as cluster:
        yield cluster


@pytest.fixture
def keyring() -> Iterator[Keychain]:
    """An empty GNOME keyring."""
    with or_skip(keychain()) as session:
        yield session


@pytest.fixture
def tiny_disk() -> Iterator[Path]:
    """A file system of 2 MB."""
    with or_skip(disks.full_disk()) as path:
        yield path


@pytest.fixture
def frozen_folder() -> Iterator[Path]:
    """A folder that even root can't write; it has one file, `kept.txt`."""
    with or_skip(disks.read_only(seed={"kept.txt": b"as it was"})) as path:
        yield path
