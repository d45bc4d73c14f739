"""The sample and odder tables into Unity Catalog by clusters, where a cluster can, with what had to be converted; the
rest by the embedded engine, with the reason. Spark copies, Great Expectations and our own reader compare, PyIceberg
looks at both sides.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import FixedType, ListType, LongType, MapType, NestedField, StringType, StructType, UUIDType

from tests.harness import clusters, sample, uuids
from tests.harness.cli import Icebridge
from tests.harness.judged import pyiceberg_catalog
from tests.harness.sandbox import Sandbox
from tests.harness.written import named, reading, sqlite_catalog
from tests.test_conversions import hourly, migrate, rows, settings, unity, way

pytest_plugins = ["tests.harness.sandbox"]


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Its clusters are Spark."""
    with clusters.spark_workspace() as running:
        yield running


def seen(box: Sandbox, catalog: SqlCatalog, name: str, schema: str) -> None:
    """Let the workspace see a table as one of its foreign catalog: by its metadata, where its files are."""
    table = catalog.load_table(name)
    folder = box.folder / "warehouse" / "glue_lake" / schema / name.rsplit(".", 1)[-1] / "metadata"
    folder.mkdir(parents=True)
    shutil.copyfile(table.metadata_location.removeprefix("file://"), folder / "v1.metadata.json")
    (folder / "version-hint.text").write_text("1", encoding="utf-8")


def odd(catalog: SqlCatalog) -> None:
    """A uuid and a fixed, and NOT NULL at every depth."""
    inner = StructType(NestedField(10, "u", UUIDType(), required=True), NestedField(11, "n", LongType()))
    schema = Schema(
        NestedField(1, "id", LongType(), required=True),
        NestedField(2, "u", UUIDType()),
        NestedField(3, "f", FixedType(2)),
        NestedField(4, "l", ListType(12, StringType(), element_required=True)),
        NestedField(5, "m", MapType(13, StringType(), 14, inner, value_required=True)),
    )
    table = catalog.create_table(named(catalog, "odd.required"), schema)
    key = uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7").bytes
    values = [
        {"id": 1, "u": key, "f": b"\x00\xff", "l": ["a", ""], "m": [("k", {"u": key, "n": None})]},
        {"id": 2, "u": None, "f": None, "l": None, "m": []},
    ]
    table.append(uuids.table(values, table.schema().as_arrow()))


@pytest.mark.timeout(1800)
def test_all_tables_reach_unity_catalog_by_clusters_where_they_can(
    box: Sandbox, icebridge: Icebridge, tmp_path: Path
) -> None:
    icebridge.run("sample", tmp_path / "sample")
    lake = pyiceberg_catalog(tmp_path / "sample" / "lakehouse", "foreign")
    names = [name for name in sample.tables() if name != sample.LEFT_OUT]
    for name in names:
        seen(box, lake, name, "lake")
    own = sqlite_catalog(tmp_path / "own")
    odd(own)
    seen(box, own, "odd.required", "lake")
    route = clusters.route(icebridge, box, "unused")
    route.rename("lake.*", "copied")
    icebridge.run("map", "rule", *route.arguments, "shop.*", "--exclude", "--first")
    plan = clusters.plan(route, clusters.settings(tmp_path))
    planned = {table["source"]: table for table in plan["plan"]["tables"]}
    assert len(planned) == len(names) + 1, plan["plan"]["left_out"]
    on_clusters = {name for name, table in planned.items() if table.get("cluster")}
    for name in set(planned) - on_clusters:
        assert planned[name]["engine_reason"], name
    # Databricks refuses to read it.
    assert "lake.required" not in on_clusters and len(on_clusters) > 5
    assert "IB-F025" in planned["lake.required"]["engine_reason"]
    run = clusters.run(route, plan["path"])
    run.succeeded()
    target = RestCatalog(
        "judge", uri=f"{box.url}/api/2.1/unity-catalog/iceberg-rest", warehouse="main", token=box.token
    )
    for name in names:
        short = name.rsplit(".", 1)[-1]
        validation = run.tables[f"lake.{short}"]["validation"]
        current = sample.tables()[name]["current"]
        assert (validation["rows"], validation["digest"]) == (current["rows"], current["digest"]), name
        assert reading(target.load_table(("copied", short))).digest == validation["digest"], name
    made = target.load_table(("copied", "required"))
    assert rows(made, convert=False) == rows(own.load_table("odd.required"), convert=True)
    fields = {field.name: field.field_type for field in made.schema().fields}
    assert str(fields["u"]) == "string" and not fields["l"].element_required and not fields["m"].value_required
    validation = run.tables["lake.required"]["validation"]
    assert reading(made).digest == validation["digest"]
    assert validation["conversions"] == planned["lake.required"]["conversions"]
    for name in on_clusters:
        checks = {check["name"]: check for check in run.tables[name]["validation"]["checks"]}
        assert checks["great-expectations"]["passed"], name


@pytest.mark.timeout(1800)
def test_clustering_in_place_of_partitions_is_carried_out_by_an_engine(
    box: Sandbox, icebridge: Icebridge, tmp_path: Path
) -> None:
    """The warehouse's statements reach the table itself: as an order of its files, by Iceberg's own library."""
    source = hourly(sqlite_catalog(tmp_path / "source"), "odd.hourly")
    route = way(icebridge, box, tmp_path / "source", "clustered")
    _, run = migrate(route, *settings(tmp_path, partitions="cluster"))
    run.succeeded()
    governance = run.tables["odd.hourly"]["governance"]
    assert not governance.get("not_done") and len(governance["done"]) == 2, governance
    assert governance["done"][1] == "ALTER TABLE `main`.`clustered`.`hourly` CLUSTER BY (`at`, `region`)"
    made = unity(box).load_table(("clustered", "hourly"))
    ordered = [made.schema().find_column_name(field.source_id) for field in made.sort_order().fields]
    assert ordered == ["at", "region"] and made.properties["clusteringColumns"] == '[["at"],["region"]]'
    assert made.properties["delta.enableRowTracking"] == "false"
    assert reading(made) == reading(source)
    ((_, _, partitions, clustered, _),) = clusters.sql(box, "DESCRIBE DETAIL main.clustered.hourly")
    assert (partitions, clustered) == ("[]", '["at","region"]')
    told = dict(clusters.sql(box, "SHOW TBLPROPERTIES main.clustered.hourly"))
    assert told["clusteringColumns"] == made.properties["clusteringColumns"]
    # As in life, a table that has partitions is left as it is.
    unity(box).create_table(
        "clustered.parted",
        made.schema(),
        partition_spec=PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "p")),
    )
    refused = "DELTA_ALTER_TABLE_CLUSTER_BY_ON_PARTITIONED_TABLE_NOT_ALLOWED"
    with pytest.raises(AssertionError, match=refused):
        clusters.sql(box, "ALTER TABLE main.clustered.parted CLUSTER BY (at)")
    clusters.sql(box, "ALTER TABLE main.clustered.hourly CLUSTER BY NONE")
    made = unity(box).load_table(("clustered", "hourly"))
    assert not made.sort_order().fields and "clusteringColumns" not in made.properties
