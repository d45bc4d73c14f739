"""Azure's blob storage (Azurite, Microsoft's own emulator): one account, one container, and no endpoint for folders."""

from __future__ import annotations

import base64
import datetime as dt
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from tests.leakage.canary import MARK
from tests.leakage.leaks import heard

from .process import Server, ServiceError, cache_dir, need, running

VERSION = "3.37.0"
INSTALL_SECONDS = 600
START_SECONDS = 60
ACCOUNT = "lakeaccount"
# As long as a real one.
ACCOUNT_KEY = base64.b64encode(f"account-key-{MARK}".ljust(64, "0").encode()).decode()


@dataclass
class AzureStore:
    """A running emulator. Paths name the account as in real life; a property says where its endpoint is."""

    endpoint: str
    container: str
    server: Server | None = None
    account: str = ACCOUNT
    key: str = ACCOUNT_KEY

    def uri(self, key: str = "", scheme: str = "abfss", host: str = "dfs.core.windows.net") -> str:
        """The address of a key in the container."""
        return f"{scheme}://{self.container}@{self.account}.{host}/{key}".rstrip("/")

    @property
    def connection_string(self) -> str:
        """By which Microsoft's own clients find the emulator."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={self.key};"
            f"BlobEndpoint={self.endpoint};"
        )

    def client(self) -> ContainerClient:
        """Microsoft's client of the container."""
        return ContainerClient.from_connection_string(self.connection_string, self.container)

    def etags(self, prefix: str = "") -> dict[str, str]:
        """What lies in the container."""
        return {blob.name: blob.etag for blob in self.client().list_blobs(name_starts_with=prefix or None)}

    def pyiceberg(self) -> dict[str, str]:
        """The properties by which PyIceberg finds the emulator."""
        return {
            "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
            "adls.account-name": self.account,
            "adls.account-key": self.key,
            "adls.connection-string": self.connection_string,
        }

    def iceberg_properties(self) -> dict[str, str]:
        """The properties by which Iceberg's Java library finds the emulator."""
        return {
            "adls.auth.shared-key.account.name": self.account,
            "adls.auth.shared-key.account.key": self.key,
            f"adls.connection-string.{self.account}.dfs.core.windows.net": self.endpoint,
        }

    def properties(self) -> dict[str, str]:
        """Ours, without the key."""
        return {"adls.endpoint": self.endpoint}

    def sas(self, seconds: float) -> str:
        """A signature for the container that ends in so many seconds."""
        now = dt.datetime.now(dt.UTC)
        return generate_container_sas(
            self.account,
            self.container,
            account_key=self.key,
            permission=ContainerSasPermissions(read=True, write=True, delete=True, list=True, add=True, create=True),
            start=now - dt.timedelta(minutes=5),
            expiry=now + dt.timedelta(seconds=seconds),
        )


@contextmanager
def azure_store(container: str = "lake") -> Iterator[AzureStore]:
    """Serve an empty container; Azurite picks a free port and prints it."""
    command = [need("node", "nodejs"), str(azurite()), "--inMemoryPersistence", "--disableTelemetry"]
    # Silent: a SAS is part of every address by Azure's own protocol, and the emulator would print them whole.
    command += ["--skipApiVersionCheck", "--blobHost", "127.0.0.1", "--blobPort", "0", "--silent"]
    with running(command, env={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{ACCOUNT_KEY}"}) as server:
        address = server.wait_for_line(r"listens on (http://127\.0\.0\.1:\d+)", START_SECONDS).group(1)
        store = AzureStore(f"{address}/{ACCOUNT}", container, server)
        client = store.client()
        client.create_container()
        yield store
        for blob in client.list_blobs() if server.process.poll() is None else []:
            heard(client.download_blob(blob.name).readall(), "blobs in Azure storage", blob.name)


def azurite() -> Path:
    """The emulator's program, fetched once from npm and kept in the cache."""
    target = cache_dir() / "azurite" / VERSION
    program = target / "node_modules/azurite/dist/src/blob/main.js"
    target.parent.mkdir(parents=True, exist_ok=True)
    # Parallel test runs share the cache: one fetches, the others wait; the rename makes it all or nothing.
    with (target.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.is_file():
            partial = target.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            command = [need("npm", "npm"), "install", "--prefix", str(partial), "--no-audit", "--no-fund"]
            command += ["--ignore-scripts", "--loglevel=error", f"azurite@{VERSION}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
            if done.returncode != 0:
                raise ServiceError(f"npm could not fetch Azurite:\n{(done.stdout + done.stderr)[-4_000:]}")
            shutil.rmtree(target, ignore_errors=True)
            os.replace(partial, target)
    return program
