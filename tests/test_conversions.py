"""What Unity Catalog refuses becomes a conversion or a loss that was accepted: written into the plan, made by the copy,
and proved by the digest of the values as they were converted. PyIceberg reads both sides and maps by itself.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import BucketTransform, HourTransform, IdentityTransform
from pyiceberg.types import (
    FixedType,
    IcebergType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimeType,
    UUIDType,
)

from tests.harness import sample, uuids
from tests.harness.cli import Icebridge
from tests.harness.judged import pyiceberg_catalog
from tests.harness.route import Route, Run, connect
from tests.harness.sandbox import Sandbox
from tests.harness.written import named, reading, sqlite_catalog

pytest_plugins = ["tests.harness.sandbox"]

IDS = [uuid.UUID(int=0), uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7"), uuid.UUID(int=(1 << 128) - 1)]
TIMES = [dt.time(0), dt.time(12, 30, 0, 1), dt.time(23, 59, 59, 999_999)]


@pytest.fixture(autouse=True)
def gate(box: Sandbox) -> Iterator[None]:
    """Open for each test."""
    box.turn("gate", open=True, on=["main"])
    yield
    box.turn("gate", open=False, on=["main"])


def unity(box: Sandbox) -> RestCatalog:
    """PyIceberg on the sandbox."""
    return RestCatalog("unity", uri=f"{box.url}/api/2.1/unity-catalog/iceberg-rest", warehouse="main", token=box.token)


def way(icebridge: Icebridge, box: Sandbox, source: Path, schema: str, pattern: str = "odd.*") -> Route:
    """From a SQL catalog to a schema of `main`."""
    icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = box.token
    icebridge.run("workspace", "add", "here", "--host", box.url, "--by", "token", stdin=f"{box.token}\n")
    connect(icebridge, "foreign", "sql", f"sqlite:{source / 'catalog.db'}")
    connect(icebridge, "managed", "unity", "here", target=True, warehouse="main")
    route = Route(icebridge)
    route.rename(pattern, schema)
    return route


def mapped(value: Any, kind: IcebergType, numbers: bool = False) -> Any:
    """A value under the mapping that docs/conversions.md writes down, by PyIceberg's own types."""
    if value is None:
        return None
    if isinstance(kind, UUIDType):
        return str(value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=bytes(value)))
    if isinstance(kind, FixedType):
        return bytes(value)
    if isinstance(kind, TimeType):
        micros = ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
        return micros if numbers else value.isoformat(timespec="microseconds")
    if isinstance(kind, StructType):
        return {field.name: mapped(value[field.name], field.field_type, numbers) for field in kind.fields}
    if isinstance(kind, ListType):
        return [mapped(item, kind.element_type, numbers) for item in value]
    if isinstance(kind, MapType):
        pairs = value.items() if isinstance(value, dict) else value
        return [(mapped(k, kind.key_type, numbers), mapped(v, kind.value_type, numbers)) for k, v in pairs]
    return value


def rows(table: Table, *, convert: bool, numbers: bool = False) -> list[dict[str, Any]]:
    """All rows, in an order of their own; converted here where they are the source's."""
    scan = table.scan()
    struct = scan.projection().as_struct()
    read = scan.to_arrow().to_pylist()
    found = [mapped(row, struct, numbers) if convert else plain_maps(row, struct) for row in read]
    return sorted(found, key=repr)


def plain_maps(row: dict[str, Any], struct: StructType) -> dict[str, Any]:
    """The same shape, with nothing to convert."""
    return dict(mapped(row, struct))


def migrate(route: Route, *options: str) -> tuple[dict[str, dict[str, Any]], Run]:
    """The whole way; the planned tables and the run."""
    route.cli.run("inventory", route.source)
    route.findings(*options, "--accept-all-losses")
    made = route.cli.run("plan", *route.arguments, *options)
    run = route.run(made)
    return {table["source"]: table for table in made["plan"]["tables"]}, run


def settings(folder: Path, **choices: Any) -> list[str]:
    """Options with choices among the conversions."""
    path = folder / "settings.json"
    path.write_text(json.dumps({"conversions": choices}), encoding="utf-8")
    return ["--settings", str(path)]


def typed(catalog: Catalog, name: str, **options: Any) -> Table:
    """Every type that is converted, at every depth, with NULLs, the extremes and a column that came late."""
    inner = StructType(
        NestedField(10, "u", UUIDType(), required=True), NestedField(11, "t", TimeType(), required=False)
    )
    schema = Schema(
        NestedField(1, "id", LongType(), required=True),
        NestedField(2, "u", UUIDType(), required=False),
        NestedField(3, "f", FixedType(4), required=False),
        NestedField(4, "t", TimeType(), required=False),
        NestedField(5, "s", inner, required=False),
        NestedField(6, "l", ListType(12, UUIDType(), element_required=True), required=False),
        NestedField(7, "m", MapType(13, StringType(), 14, inner_of(20), value_required=True), required=False),
        NestedField(8, "old", LongType(), required=False),
    )
    table = catalog.create_table(named(catalog, name), schema, **options)
    table.append(typed_rows(table, range(9)))
    with table.update_schema() as change:
        change.rename_column("old", "new")
        change.add_column("late", UUIDType())
    table.append(typed_rows(table, range(9, 18)))
    table.delete("id == 4")
    return table


def inner_of(first: int) -> StructType:
    """A struct inside of a map."""
    return StructType(
        NestedField(first, "f", FixedType(2), required=True), NestedField(first + 1, "t", TimeType(), required=False)
    )


def typed_rows(table: Table, ids: range) -> pa.Table:
    """Rows under the table's schema of today."""
    schema = table.schema().as_arrow()

    def one(n: int) -> dict[str, Any]:
        key, time = IDS[n % 3], TIMES[n % 3]
        value = {
            "id": n,
            "u": None if n % 4 == 3 else key.bytes,
            "f": None if n % 5 == 4 else bytes([n, 0, 255, 10]),
            "t": None if n % 6 == 5 else time,
            "s": None if n % 7 == 6 else {"u": key.bytes, "t": time if n % 2 else None},
            "l": None if n % 3 == 2 else [one.bytes for one in IDS[: n % 4]],
            "m": [(f"k{i}", {"f": bytes([i, n]), "t": time}) for i in range(n % 3)],
            "old": n,
            "new": -n,
            "late": key.bytes if n % 2 else None,
        }
        return {name: value[name] for name in schema.names}

    return uuids.table([one(n) for n in ids], schema)


def test_every_converted_type_arrives_with_the_values_of_the_written_mapping(
    box: Sandbox, icebridge: Icebridge, tmp_path: Path
) -> None:
    catalog = sqlite_catalog(tmp_path / "source")
    source = typed(catalog, "odd.typed")
    route = way(icebridge, box, tmp_path / "source", "typed")
    icebridge.run("inventory", "foreign")
    found = {finding["code"]: finding for finding in route.findings()["odd.typed"]}
    assert found["IB-F012"]["verdict"] == "loses" and "u: uuid becomes string" in found["IB-F012"]["way"]["best"]
    assert "conversions.time = string | bigint" in found["IB-F012"]["way"]["setting"]
    assert found["IB-F013"]["reason"] == "s.u, l.element, m.value, m.value.f"
    # Nothing is accepted by default, and one code is not enough.
    assert icebridge.refuse("plan", *route.arguments, code="loss-not-accepted")
    planned, run = migrate(route)
    run.succeeded()
    converted = planned["odd.typed"]["conversions"]
    assert {one["kind"] for one in converted} == {"type", "optional"}
    validation = run.tables["odd.typed"]["validation"]
    assert validation["conversions"] == converted and validation["proof"] == "digest"
    target = unity(box).load_table(("typed", "typed"))
    assert rows(target, convert=False) == rows(source, convert=True)
    # An independent digest of what PyIceberg reads in the target is the one that the proof names.
    assert reading(target).digest == validation["digest"]
    kinds = {field.name: str(field.field_type) for field in target.schema().fields}
    assert (kinds["u"], kinds["f"], kinds["t"], kinds["late"]) == ("string", "binary", "string", "string")
    assert {field.name: field.field_id for field in target.schema().fields} == {
        field.name: field.field_id for field in source.schema().fields
    }
    icebridge.run("audit", "export", "--out", tmp_path / "bundle")
    assert icebridge.run("audit", "verify", tmp_path / "bundle")["intact"]
    from tests.harness import bundle_verifier

    bundle_verifier.verify(tmp_path / "bundle")
    # A proof that leaves its conversions out is none.
    evidence = next((tmp_path / "bundle" / "tables").iterdir())
    bare = json.loads(evidence.read_text(encoding="utf-8"))
    assert bare["validation"].pop("conversions")
    again = icebridge.run("validate")
    assert again["tables"][0]["validation"]["digest"] == validation["digest"]


def test_times_become_numbers_where_that_is_chosen(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    catalog = sqlite_catalog(tmp_path / "source")
    source = typed(catalog, "odd.typed")
    route = way(icebridge, box, tmp_path / "source", "numbers")
    _, run = migrate(route, *settings(tmp_path, time="bigint"))
    run.succeeded()
    target = unity(box).load_table(("numbers", "typed"))
    assert str(target.schema().find_field("t").field_type) == "long"
    assert rows(target, convert=False) == rows(source, convert=True, numbers=True)


@pytest.mark.parametrize(
    ("column", "transform"),
    [("u", IdentityTransform()), ("u", BucketTransform(4)), ("t", IdentityTransform()), ("f", IdentityTransform())],
)
def test_tables_partitioned_by_a_converted_column_are_partitioned_anew(
    box: Sandbox, icebridge: Icebridge, tmp_path: Path, column: str, transform: Any
) -> None:
    catalog = sqlite_catalog(tmp_path / "source")
    schema = Schema(
        NestedField(1, "id", LongType(), required=False),
        NestedField(2, "u", UUIDType(), required=False),
        NestedField(3, "t", TimeType(), required=False),
        NestedField(4, "f", FixedType(2), required=False),
    )
    spec = PartitionSpec(PartitionField(schema.find_field(column).field_id, 1000, transform, "part"))
    # PyIceberg cannot write partitions of uuids: such a spec comes after the rows.
    spec = spec if column != "u" else PartitionSpec()
    source = catalog.create_table(named(catalog, "odd.parted"), schema, partition_spec=spec)
    values = [
        {"id": n, "u": None if n == 7 else IDS[n % 3].bytes, "t": None if n == 7 else TIMES[n % 3], "f": b"ab"}
        for n in range(12)
    ]
    source.append(uuids.table(values, source.schema().as_arrow()))
    if column == "u":
        with source.update_spec() as change:
            change.add_field("u", transform, "part")
    name = f"parted_{column}_{type(transform).__name__.lower()[:4]}"
    route = way(icebridge, box, tmp_path / "source", name)
    _, run = migrate(route)
    run.succeeded()
    target = unity(box).load_table((name, "parted"))
    assert rows(target, convert=False) == rows(source, convert=True)
    # Binary partitions nothing in Unity Catalog; the others are as they were, over the new values.
    assert [str(field.transform) for field in target.spec().fields] == ([] if column == "f" else [str(transform)])
    if column == "u":
        found = target.scan(row_filter=f"u == '{IDS[1]}'").to_arrow()
        assert sorted(found["id"].to_pylist()) == [1, 4, 10]


def hourly(catalog: Catalog, name: str) -> Table:
    """By the hour, and by a plain column."""
    schema = Schema(
        NestedField(1, "id", LongType(), required=False),
        NestedField(2, "at", TimestampType(), required=False),
        NestedField(3, "region", StringType(), required=False),
    )
    table = catalog.create_table(named(catalog, name), schema)
    start = dt.datetime(2026, 1, 1)
    values = [{"id": n, "at": start + dt.timedelta(minutes=40 * n), "region": f"r{n % 2}"} for n in range(9)]
    table.append(uuids.table(values, table.schema().as_arrow()))
    # PyIceberg cannot write partitions of hours by itself: the spec comes after the rows.
    with table.update_spec() as change:
        change.add_field("at", HourTransform(), "at_hour")
        change.add_field("region", IdentityTransform(), "region")
    return table


def transforms(box: Sandbox, schema: str, table: str) -> list[str]:
    """The target's spec."""
    return [str(field.transform) for field in unity(box).load_table((schema, table)).spec().fields]


def test_partition_transforms_are_kept_where_the_target_takes_them(
    box: Sandbox, icebridge: Icebridge, tmp_path: Path
) -> None:
    source = hourly(sqlite_catalog(tmp_path / "source"), "odd.hourly")
    route = way(icebridge, box, tmp_path / "source", "kept")
    _, run = migrate(route)
    run.succeeded()
    assert run.tables["odd.hourly"]["outcome"]["partitioning"] == {"way": "as_is"}
    assert transforms(box, "kept", "hourly") == ["hour", "identity"]
    assert reading(unity(box).load_table(("kept", "hourly"))) == reading(source)


def test_partition_transforms_that_are_refused_become_clustering_and_the_target_is_not_asked_again(
    box: Sandbox, icebridge: Icebridge, tmp_path: Path
) -> None:
    catalog = sqlite_catalog(tmp_path / "source")
    sources = {name: hourly(catalog, f"odd.{name}") for name in ("one", "two")}
    route = way(icebridge, box, tmp_path / "source", "refused")
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"max_parallel_tables": 1}), encoding="utf-8")
    icebridge.run("inventory", route.source)
    route.findings("--settings", str(path), "--accept-all-losses")
    made_plan = icebridge.run("plan", *route.arguments, "--settings", str(path))
    # As a workspace does that takes no expressions: with a 400, and nothing that says why but words. The first table is
    # staged, made empty, looked for, and made empty once more; a second that is asked for so would be taken as it is.
    with box.fault(
        "/api/*/namespaces/refused/tables", "error", method="POST", count=4, status=400, code="BadRequestException"
    ):
        run = route.run(made_plan)
    run.succeeded()
    for name, source in sources.items():
        made = run.tables[f"odd.{name}"]
        assert made["outcome"]["partitioning"] == {"way": "cluster", "columns": ["at", "region"]}, name
        assert transforms(box, "refused", name) == []
        assert reading(unity(box).load_table(("refused", name))) == reading(source)
        words = [*made["governance"]["done"], *(one["statement"] for one in made["governance"].get("not_done", []))]
        assert any(text.endswith("CLUSTER BY (`at`, `region`)") for text in words), words


@pytest.mark.parametrize(
    ("choice", "way_taken", "left"), [("none", "left_out", ["identity"]), ("cluster", "cluster", [])]
)
def test_partition_transforms_are_not_tried_where_something_else_is_chosen(
    box: Sandbox, icebridge: Icebridge, tmp_path: Path, choice: str, way_taken: str, left: list[str]
) -> None:
    source = hourly(sqlite_catalog(tmp_path / "source"), "odd.hourly")
    route = way(icebridge, box, tmp_path / "source", f"chosen_{choice}")
    _, run = migrate(route, *settings(tmp_path, partitions=choice))
    run.succeeded()
    assert run.tables["odd.hourly"]["outcome"]["partitioning"]["way"] == way_taken
    assert transforms(box, f"chosen_{choice}", "hourly") == left
    assert reading(unity(box).load_table((f"chosen_{choice}", "hourly"))) == reading(source)


def test_identifier_fields_are_dropped_and_their_values_must_be_unique(
    box: Sandbox, icebridge: Icebridge, tmp_path: Path
) -> None:
    catalog = sqlite_catalog(tmp_path / "source")
    schema = Schema(
        NestedField(1, "id", LongType(), required=True),
        NestedField(2, "s", StructType(NestedField(3, "u", UUIDType(), required=True)), required=True),
        identifier_field_ids=[1, 3],
    )
    for name, ids in (("unique", [1, 2, 3]), ("repeated", [1, 1, 2])):
        table = catalog.create_table(named(catalog, f"odd.{name}"), schema)
        values = [{"id": n, "s": {"u": IDS[0].bytes}} for n in ids]
        table.append(uuids.table(values, table.schema().as_arrow()))
    route = way(icebridge, box, tmp_path / "source", "identified")
    _, run = migrate(route)
    tables = run.tables
    assert tables["odd.unique"]["state"] == "migrated", tables["odd.unique"]["error"]
    checks = {check["name"]: check for check in tables["odd.unique"]["validation"]["checks"]}
    assert checks["unique:id, s.u"]["source"] == "unique"
    failed = run.failed("odd.repeated", "validation-failed")
    assert "unique:id, s.u" in failed["message"]
    checks = {check["name"]: check for check in tables["odd.repeated"]["validation"]["checks"]}
    assert checks["unique:id, s.u"]["source"] == "1 rows repeat an identifier" and checks["digest"]["passed"]
    assert unity(box).load_table(("identified", "unique")).schema().identifier_field_ids == []


def test_names_that_differ_by_case_alone_get_numbers(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    catalog = sqlite_catalog(tmp_path / "source")
    schema = Schema(
        NestedField(1, "id", LongType(), required=False),
        NestedField(2, "ID", StringType(), required=False),
        NestedField(3, "id_2", LongType(), required=False),
    )
    table = catalog.create_table(named(catalog, "odd.cased"), schema)
    table.append(uuids.table([{"id": 1, "ID": "a", "id_2": 2}], table.schema().as_arrow()))
    route = way(icebridge, box, tmp_path / "source", "cased")
    planned, run = migrate(route)
    run.succeeded()
    assert [str(one["kind"]) for one in planned["odd.cased"]["conversions"]] == ["rename"]
    target = unity(box).load_table(("cased", "cased"))
    assert target.scan().to_arrow().to_pylist() == [{"id": 1, "ID_3": "a", "id_2": 2}]


def test_the_whole_sample_reaches_unity_catalog(box: Sandbox, icebridge: Icebridge, tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    icebridge.run("sample", folder)
    icebridge.environment["ICEBRIDGE_SECRET_WORKSPACE_HERE_TOKEN"] = box.token
    icebridge.run("workspace", "add", "here", "--host", box.url, "--by", "token", stdin=f"{box.token}\n")
    connect(icebridge, "unity", "unity", "here", target=True, warehouse="main")
    route = Route(icebridge, source="sample", target="unity")
    route.rename("*", "{namespace_flat}")
    icebridge.run("inventory", "sample")
    found = route.findings("--accept-all-losses")
    blocked = {name for name, all_of in found.items() if any(one["verdict"] == "blocks" for one in all_of)}
    assert blocked == {sample.LEFT_OUT}
    made = icebridge.run("plan", *route.arguments)
    run = route.run(made)
    run.succeeded()
    assert set(run.tables) == set(sample.tables()) - {sample.LEFT_OUT}
    source, target = pyiceberg_catalog(folder / "lakehouse", "foreign"), unity(box)
    for planned in made["plan"]["tables"]:
        table = target.load_table(tuple(planned["target"].split(".")))
        validation = run.tables[planned["source"]]["validation"]
        assert validation.get("conversions", []) == planned.get("conversions", [])
        assert reading(table).digest == validation["digest"], planned["source"]
        current = sample.tables()[planned["source"]]["current"]
        if not any(one["kind"] == "type" for one in planned.get("conversions", [])):
            assert (validation["rows"], validation["digest"]) == (current["rows"], current["digest"])
        elif not any(tag in sample.BEYOND_PYICEBERG for tag in sample.tables()[planned["source"]]["tags"]):
            assert rows(table, convert=False) == rows(source.load_table(planned["source"]), convert=True)
