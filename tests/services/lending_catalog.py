"""A REST catalog that shows what a SQL catalog has, and lends what opens its files. It takes no tables."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from pyiceberg.catalog.sql import SqlCatalog

from .http_server import Handler, Reply, serving

TABLE = re.compile(r"^/v1/namespaces/([^/]+)/tables/([^/]+)$")
TABLES = re.compile(r"^/v1/namespaces/([^/]+)/tables$")


@dataclass
class LendingCatalog:
    """The running catalog and how often it lent."""

    uri: str
    catalog: SqlCatalog
    # The properties of a table's files: old servers put them into `config`, newer ones beside it, for a prefix.
    lend: Callable[[], dict[str, str]]
    prefix: str | None = None
    lent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str) -> Any:
        """What is at a path; None if there is nothing."""
        if path == "/v1/config":
            return {"defaults": {}, "overrides": {}}
        if path == "/v1/namespaces":
            return {"namespaces": [list(name) for name in self.catalog.list_namespaces()]}
        if found := TABLES.match(path):
            names = self.catalog.list_tables(unquote(found[1]))
            return {"identifiers": [{"namespace": list(name[:-1]), "name": name[-1]} for name in names]}
        if found := TABLE.match(path):
            with self._lock:
                table = self.catalog.load_table((unquote(found[1]), unquote(found[2])))
                self.lent += 1
                config = self.lend()
            answer: dict[str, Any] = {
                "metadata-location": table.metadata_location,
                "metadata": json.loads(table.metadata.model_dump_json()),
            }
            if self.prefix is None:
                return {**answer, "config": config}
            return {**answer, "storage-credentials": [{"prefix": self.prefix, "config": config}]}
        return None


@contextmanager
def lending_catalog(
    catalog: SqlCatalog, lend: Callable[[], dict[str, str]], prefix: str | None = None
) -> Iterator[LendingCatalog]:
    """Serve it."""

    shown = LendingCatalog("", catalog, lend, prefix)

    class Shows(Handler):
        def do_GET(self) -> None:
            found = shown.answer(urlsplit(self.path).path)
            missing = {"error": {"code": 404, "type": "NoSuchTableException", "message": "there is no such thing"}}
            content = json.dumps(missing if found is None else found).encode()
            self.send(Reply(404 if found is None else 200, {"Content-Type": "application/json"}, content))

    with serving(Shows) as shown.uri:
        yield shown
