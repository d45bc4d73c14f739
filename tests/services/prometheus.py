"""A Prometheus on loopback that scrapes one address, and its own checker of what is scraped."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from .process import LOOPBACK, Server, free_port, need, running

PACKAGE = "prometheus"
JOB = "icebridge"
SECONDS = 30


@dataclass(frozen=True)
class Prometheus:
    """A running one."""

    url: str
    server: Server

    def query(self, query: str) -> list[dict[str, Any]]:
        """What a query finds now; a query that it does not understand is an error."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=SECONDS)
        body = answer.json()
        assert body["status"] == "success", (query, body)
        return list(body["data"]["result"])

    def scrapes(self) -> float:
        """How often it has scraped; fails where what came back was not understood."""
        targets = requests.get(f"{self.url}/api/v1/targets", timeout=SECONDS).json()["data"]["activeTargets"]
        assert all(target["lastError"] == "" for target in targets), targets
        found = self.query(f'count_over_time(up{{job="{JOB}"}}[5m])')
        return float(found[0]["value"][1]) if found else 0.0


@contextmanager
def prometheus(folder: Path, address: str) -> Iterator[Prometheus]:
    """One that scrapes `address` ten times a second."""
    config = folder / "prometheus.yml"
    config.write_text(
        f"scrape_configs:\n  - job_name: {JOB}\n    scrape_interval: 100ms\n    scrape_timeout: 100ms\n"
        f'    static_configs:\n      - targets: ["{address}"]\n',
        encoding="utf-8",
    )
    port = free_port()
    command = [
        need("prometheus", PACKAGE),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    with running(command) as server:
        url = f"http://{LOOPBACK}:{port}"

        def ready() -> bool:
            try:
                return requests.get(f"{url}/-/ready", timeout=SECONDS).ok
            except requests.ConnectionError:
                return False

        server.wait_for(ready, SECONDS)
        yield Prometheus(url, server)


def complaints(text: str) -> str:
    """What `promtool check metrics` has against a scrape; empty if nothing."""
    done = subprocess.run(
        [need("promtool", PACKAGE), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr or f"exit code {done.returncode}"
