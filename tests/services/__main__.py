"""Serve for tests in other languages: `python -m tests.services rest s3 postgres` prints one line of JSON with the
addresses, and stops everything when its standard input ends, as it does when the asking process dies.

`rest` is behind OAuth2 and vends credentials if `s3` is named too; steer it by POST to `<rest.uri>/_control/<order>`:
`faults` with a list such as [{"kind": "lost_answer", "nth": 2}], `expire`, `counts`, `clear`.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack

from .auth_proxy import auth_proxy
from .object_store import ObjectStore, object_store
from .postgres import postgres
from .process import ServiceUnavailable
from .rest_catalog import rest_catalog
from .vending import Vending

SKIP_EXIT_CODE = 77


def main() -> int:
    """Start what is asked for, tell where, wait for the end of standard input."""
    parser = argparse.ArgumentParser(description="Start real servers for tests and print their addresses as JSON.")
    parser.add_argument("services", nargs="+", choices=["rest", "s3", "postgres"])
    parser.add_argument("--token-seconds", type=float, default=3600.0, help="how long the catalog's tokens live")
    parser.add_argument("--prefix", help="the prefix which the catalog's /v1/config tells")
    parser.add_argument("--pg-password", help="demand this password instead of trusting everybody")
    options = parser.parse_args()
    wanted = set(options.services)
    told: dict[str, object] = {}
    with ExitStack() as stack:
        try:
            store: ObjectStore | None = None
            if "s3" in wanted:
                store = stack.enter_context(object_store())
                told["s3"] = {
                    "endpoint": store.endpoint,
                    "bucket": store.bucket,
                    "region": store.region,
                    "access_key": store.access_key,
                    "secret_key": store.secret_key,
                }
            if "rest" in wanted:
                catalog = stack.enter_context(rest_catalog(store))
                vending = Vending(store.iceberg_properties()) if store else None
                proxy = stack.enter_context(
                    auth_proxy(catalog.uri, lifetime=options.token_seconds, vending=vending, prefix=options.prefix)
                )
                told["rest"] = {
                    "uri": proxy.uri,
                    "token_uri": proxy.token_uri,
                    "open_uri": catalog.uri,
                    "client_id": proxy.issuer.client_id,
                    "client_secret": proxy.issuer.client_secret,
                    "warehouse": catalog.warehouse,
                }
            if "postgres" in wanted:
                cluster = stack.enter_context(postgres(options.pg_password))
                told["postgres"] = {"dsn": cluster.dsn}
        except ServiceUnavailable as reason:
            print(json.dumps({"unavailable": str(reason)}), flush=True)
            return SKIP_EXIT_CODE
        print(json.dumps(told), flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
