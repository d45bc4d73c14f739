"""The inventory of a large metastore beside the vendor's SDK: `cargo xtask bench -- inventory`.

Both list the same tables of a sandbox that takes 50 ms for every answer, each in a process of its own. The SDK does
what a script does with it: catalogs, their schemas, their tables, one request after the other; and once more with a
pool of 16 threads over the schemas, which is the most that a careful script does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benches.run import measured

HERE = Path(__file__).resolve().parent
TOKEN = "dapi-bench"


def sdk(host: str, threads: int) -> dict[str, Any]:
    """List everything with databricks-sdk; how many tables there were."""
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

    client = WorkspaceClient(config=Config(host=host, token=TOKEN, auth_type="pat"))
    schemas = [
        schema
        for catalog in client.catalogs.list()
        if catalog.name and catalog.name != "system"
        for schema in client.schemas.list(catalog.name)
        if schema.name != "information_schema"
    ]

    def tables(schema: Any) -> int:
        return sum(1 for _ in client.tables.list(schema.catalog_name, schema.name, max_results=0))

    with ThreadPoolExecutor(threads) as pool:
        return {"tables": sum(pool.map(tables, schemas))}


def ours(binary: str, host: str, state: Path) -> dict[str, Any]:
    """Refresh twice: from nothing, and when nothing has changed."""
    environment = {"ICEBRIDGE_STATE": str(state), "ICEBRIDGE_SECRET_WORKSPACE_BENCH_TOKEN": TOKEN}
    add = [binary, "workspace", "add", "bench", "--host", host, "--by", "token", "--json"]
    whole = {**os.environ, **environment}
    subprocess.run(add, env=whole, input=f"{TOKEN}\n", text=True, check=True, capture_output=True)
    found = {}
    for name in ("first", "again"):
        output, seconds, peak = measured([binary, "unity", "refresh", "bench", "--json"], HERE.parent, environment)
        summary = json.loads(output)
        found[name] = {"tables": summary["tables"], "seconds": seconds, "peak_bytes": peak}
    return found


def main() -> None:
    """Make the sandbox, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=100_000)
    parser.add_argument("--latency-ms", type=int, default=50)
    parser.add_argument("--sdk", nargs=2, metavar=("HOST", "THREADS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sdk:
        print(json.dumps(sdk(options.sdk[0], int(options.sdk[1]))))
        return
    binary = os.environ["ICEBRIDGE_BIN"]
    command = [binary, "sandbox", "--json", "--tables", str(options.tables), "--latency-ms", str(options.latency_ms)]
    environment = {**os.environ, "ICEBRIDGE_SANDBOX_TOKEN": TOKEN}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        if server.stdout is None:
            raise RuntimeError("no output to read")
        host = json.loads(server.stdout.readline())["url"]
        with tempfile.TemporaryDirectory() as folder:
            results = {f"icebridge, {name}": one for name, one in ours(binary, host, Path(folder)).items()}
        for threads in (16, 1):
            script = [sys.executable, "-m", "benches.inventory", "--sdk", host, str(threads)]
            output, seconds, peak = measured(script, HERE.parent)
            tables = json.loads(output.splitlines()[-1])["tables"]
            results[f"databricks-sdk, {threads} at once"] = {"tables": tables, "seconds": seconds, "peak_bytes": peak}
    finally:
        server.terminate()
        server.wait(10)
    base = results["icebridge, first"]["seconds"]
    print(f"\n{options.tables:,} tables, {options.latency_ms} ms an answer\n")
    print(f"{'':<28}{'tables':>9}{'seconds':>10}{'tables/s':>11}{'x ours':>8}{'peak MB':>9}")
    for name, one in results.items():
        rate, ratio = one["tables"] / one["seconds"], one["seconds"] / base
        row = f"{name:<28}{one['tables']:>9,}{one['seconds']:>10.1f}{rate:>11,.0f}{ratio:>8.2f}"
        print(f"{row}{one['peak_bytes'] / 1e6:>9.0f}")


if __name__ == "__main__":
    main()
