"""An S3 endpoint (moto's server) with one bucket, in a process of its own as a real one would be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from tests.leakage.canary import MARK
from tests.leakage.leaks import heard

from .process import Server, running

START_SECONDS = 60
# moto takes any key; these are as long as real ones, and of the same letters.
ACCESS_KEY = f"AKIA{MARK.upper()}"
SECRET_KEY = f"secret/key+{MARK}".ljust(40, "0")


@dataclass
class ObjectStore:
    """A running S3 endpoint, to be addressed path-style: 127.0.0.1 has no bucket subdomains."""

    endpoint: str
    bucket: str
    server: Server
    region: str = "us-east-1"
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY

    def client(self, service: str = "s3") -> Any:
        """A boto3 client of the endpoint (moto serves glue and others on the same port)."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, read_timeout=20),
        )

    def create_bucket(self, name: str) -> None:
        """Add another bucket."""
        self.client().create_bucket(Bucket=name)

    def uri(self, key: str = "") -> str:
        """The s3:// address of a key in the bucket."""
        return f"s3://{self.bucket}/{key}".rstrip("/")

    def keys(self, prefix: str = "") -> list[str]:
        """All keys under a prefix."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def iceberg_properties(self) -> dict[str, str]:
        """The properties by which Iceberg's Java, Python and Rust clients alike find the endpoint."""
        return {
            "s3.endpoint": self.endpoint,
            "s3.path-style-access": "true",
            "s3.access-key-id": self.access_key,
            "s3.secret-access-key": self.secret_key,
            "s3.region": self.region,
            "client.region": self.region,
        }


@contextmanager
def object_store(bucket: str = "lake") -> Iterator[ObjectStore]:
    """Serve S3 with an empty bucket; moto picks a free port and prints it."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with running(command, env={"PYTHONUNBUFFERED": "1"}) as server:
        endpoint = server.wait_for_line(r"Running on (http://[\d.]+:\d+)", START_SECONDS).group(1)
        store = ObjectStore(endpoint, bucket, server)
        store.create_bucket(bucket)
        yield store
        for key in store.keys() if server.process.poll() is None else []:
            heard(store.client().get_object(Bucket=bucket, Key=key)["Body"].read(), "objects in S3", key)
