//! The rule table. A code is never renamed, reused or given another meaning: it stands in scripts, plans and bundles.
//! Blocks are IB-F001…, losses IB-F101…, notes IB-F201…; a new rule takes the next free number. docs/findings.md tells the
//! same to people; a test holds the two together.
//!
//! Rules on Unity Catalog rest on its public documentation and on reports; none was tried on a live workspace. They block.

use super::conditions::{clusters, examined, losses, notes, reading, target};
use super::subject::Context;
use icebridge_model::finding::Verdict::{self, Blocks, Loses, Note};

pub(super) struct Rule {
    pub code: &'static str,
    pub verdict: Verdict,
    pub title: &'static str,
    pub fix: &'static str,
    pub link: &'static str,
    /// The reason on this table, with names and numbers; none if the rule does not apply.
    pub reason: fn(&Context) -> Option<String>,
}

const fn rule(
    code: &'static str,
    verdict: Verdict,
    title: &'static str,
    link: &'static str,
    fix: &'static str,
    reason: fn(&Context) -> Option<String>,
) -> Rule {
    Rule { code, verdict, title, fix, link, reason }
}

const SPEC: &str = "https://iceberg.apache.org/spec/";
const SPEC_VERSIONS: &str = "https://iceberg.apache.org/spec/#format-versioning";
const SPEC_TYPES: &str = "https://iceberg.apache.org/spec/#schemas-and-data-types";
const SPEC_TRANSFORMS: &str = "https://iceberg.apache.org/spec/#partition-transforms";
const SPEC_EVOLUTION: &str = "https://iceberg.apache.org/spec/#partition-evolution";
const SPEC_PROJECTION: &str = "https://iceberg.apache.org/spec/#column-projection";
const SPEC_DELETES: &str = "https://iceberg.apache.org/spec/#delete-formats";
const SPEC_MANIFESTS: &str = "https://iceberg.apache.org/spec/#manifests";
const SPEC_COMMIT: &str = "https://iceberg.apache.org/spec/#commit-conflict-resolution-and-retry";
const SPEC_REFS: &str = "https://iceberg.apache.org/spec/#snapshot-references";
const SPEC_SNAPSHOTS: &str = "https://iceberg.apache.org/spec/#snapshots";
const SPEC_STATISTICS: &str = "https://iceberg.apache.org/spec/#table-statistics";
const SPEC_LINEAGE: &str = "https://iceberg.apache.org/spec/#row-lineage";
const SPEC_ENCRYPTION: &str = "https://iceberg.apache.org/docs/latest/encryption/";
const SPEC_NAME_MAPPING: &str = "https://iceberg.apache.org/spec/#name-mapping-serialization";
const PROPERTIES: &str = "https://iceberg.apache.org/docs/latest/configuration/#table-properties";
const MAINTENANCE: &str = "https://iceberg.apache.org/docs/latest/maintenance/";
const REGISTER: &str = "https://iceberg.apache.org/docs/latest/spark-procedures/#register_table";
const UNITY: &str = "https://docs.databricks.com/aws/en/iceberg/";
const UNITY_FILTERS: &str = "https://docs.databricks.com/aws/en/data-governance/unity-catalog/filters-and-masks/";
const UNITY_USAGE: &str = "https://docs.databricks.com/aws/en/admin/usage/budget-policies";
const UNITY_FOREIGN: &str = "https://docs.databricks.com/aws/en/query-federation/hms-federation-concepts";
const UNITY_SERVERLESS: &str = "https://docs.databricks.com/aws/en/compute/serverless/";
const UNITY_TAGS: &str = "https://docs.databricks.com/aws/en/admin/tag-policies/";
const UNITY_BILLING: &str = "https://docs.databricks.com/aws/en/admin/system-tables/billing";
const UNITY_CLUSTERING: &str = "https://docs.databricks.com/aws/en/tables/clustering";
const SPEC_IDENTIFIERS: &str = "https://iceberg.apache.org/spec/#identifier-field-ids";
const UNITY_V3: &str = "https://docs.databricks.com/aws/en/iceberg/iceberg-v3";
const UNITY_REST: &str = "https://docs.databricks.com/aws/en/external-access/iceberg";
const UNITY_NAMES: &str = "https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-names";

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    rule("IB-F001", Blocks, "The table could not be read", SPEC,
        "Mend the cause named in the reason, then take the inventory again.", reading::problem),
    rule("IB-F002", Blocks, "The mapping gives no usable target name", UNITY_NAMES,
        "Change the mapping: another rule, another case rule, or an override for this table.", target::conflict),
    rule("IB-F003", Blocks, "The target already has a table of this name", UNITY_NAMES,
        "Map the table to another name, or drop the target table if it is not wanted.", target::exists),
    rule("IB-F004", Blocks, "Data files that are not Parquet", SPEC,
        "Rewrite the data files as Parquet at the source (rewrite_data_files with write.format.default=parquet).", reading::formats),
    rule("IB-F005", Blocks, "Encrypted table", SPEC_ENCRYPTION,
        "Write a copy without table encryption at the source and migrate that.", reading::encrypted),
    rule("IB-F006", Blocks, "Unknown format version", SPEC_VERSIONS,
        "Use a version of IceBridge that knows this format version.", reading::format_version),
    rule("IB-F007", Blocks, "Column types that cannot be read and compared", SPEC_TYPES,
        "Drop or convert the columns at the source, or leave the table out.", reading::types),
    rule("IB-F008", Blocks, "Partition transforms that cannot be written", SPEC_TRANSFORMS,
        "Clone the table (clone keeps what it does not understand), or change the partition spec at the source. On Unity Catalog it can be accepted: such fields are left out.", reading::transforms),
    rule("IB-F009", Blocks, "Delete files that the target would ignore", UNITY,
        "Rewrite the table: IceBridge applies the deletes. Or compact it at the source (rewrite_data_files).", target::ignored_deletes),
    rule("IB-F010", Blocks, "The target cannot adopt metadata", REGISTER,
        "Use rewrite, or a target that registers tables (embedded, SQL, or a REST catalog with the register endpoint).", target::cannot_adopt),
    rule("IB-F011", Blocks, "Binary partition column", UNITY,
        "Accept it: the table is clustered by its other partition columns, or the field is left out.", target::binary_partition),
    rule("IB-F012", Blocks, "Column types that Unity Catalog does not have", UNITY,
        "Accept it: uuid is kept as string, fixed as binary, time as string or bigint, timestamps of nanoseconds as bigint or string, unknown as string.", target::unity_types),
    rule("IB-F013", Blocks, "Required fields inside of structs, lists and maps", UNITY,
        "Accept it: these fields become optional.", target::required_nested),
    rule("IB-F014", Blocks, "Partition transforms that Unity Catalog refuses", UNITY,
        "Accept it: they are tried as they are, else the table is clustered by their columns, else they are left out.", target::expression_partition),
    rule("IB-F015", Blocks, "Nested target namespace", UNITY_NAMES,
        "Use {namespace_flat} in the mapping: Unity Catalog has one level of schemas.", target::nested_namespace),
    rule("IB-F016", Blocks, "Identifier fields", UNITY_REST,
        "Accept it: the target refuses to create tables that have them. They are dropped, and their values are checked to be unique.", target::identifier_fields),
    rule("IB-F017", Blocks, "Format version 3 cannot be written from outside", UNITY_V3,
        "Accept it if the source is version 3: the table is written as version 2, without row ids and default values. Or let a cluster copy it, which writes version 3. If version 3 was only asked for, keep the source's version (target_format_version).", target::unity_v3),
    rule("IB-F018", Blocks, "More than one sort or partition source per field", SPEC_TRANSFORMS,
        "Clone the table, or change the sort order at the source. On Unity Catalog it can be accepted: the table has no sort order then.", reading::sort_transforms),
    rule("IB-F019", Blocks, "Deletes that clusters would not apply", UNITY,
        "Let the embedded engine copy the table: it applies them. Or compact it at the source (rewrite_data_files).", clusters::ignored_deletes),
    rule("IB-F020", Blocks, "No cluster can copy this table", UNITY,
        "Let the embedded engine copy it, or give the settings a volume and the catalog under which the workspace sees the source.", clusters::out_of_reach),
    rule("IB-F021", Blocks, "Files of earlier snapshots are gone", SPEC_SNAPSHOTS,
        "Rewrite the table, which needs its current snapshot alone. Or restore the files at the source, or expire the snapshots that need them (expire_snapshots); an inventory with --whole-history looks for every file.", reading::history),
    rule("IB-F022", Blocks, "Data files that do not fit the table's schema", SPEC_TYPES,
        "Rewrite these files at the source with an engine that reads them (rewrite_data_files), or change the columns' types there.", reading::unfit_files),
    rule("IB-F024", Blocks, "Columns whose names differ by case alone", UNITY_NAMES,
        "Accept it: all but the first get a number. Or rename them at the source (ALTER TABLE … RENAME COLUMN).", target::same_but_for_case),
    rule("IB-F025", Blocks, "Columns that clusters cannot read", UNITY,
        "Let the embedded engine copy the table: it reads and converts them.", clusters::unreadable),
    rule("IB-F026", Blocks, "Format version 3 in a mode that keeps the metadata", SPEC_VERSIONS,
        "Rewrite the table (mode rewrite; on clusters any method but deep_clone), or keep the source's version (target_format_version).", target::version_kept),

    rule("IB-F023", Blocks, "The target's storage cannot be reached", SPEC,
        "Do what the reason names: another warehouse or schema, other credentials for the storage, or the network. Then check the target again (icebridge catalog check).", target::out_of_reach),
    rule("IB-F030", Blocks, "A cluster would not see all of the table", UNITY_FILTERS,
        "Let the embedded engine copy the table: it reads the source's files themselves. Or except who migrates from the filter, mask or policy.", clusters::restricted),
    rule("IB-F031", Blocks, "The Iceberg endpoint makes no tables", UNITY_REST,
        "Let a cluster copy the table: it needs no endpoint. If the workspace takes tables by now, examine it again (icebridge workspace doctor).", examined::makes_no_tables),
    rule("IB-F032", Blocks, "No snapshot that a cluster could read", UNITY_FOREIGN,
        "Let the embedded engine copy the table. Or let clusters read it as it is (photon.unversioned), while nobody writes to it.", examined::no_pin),
    rule("IB-F033", Blocks, "No compute for the copy", UNITY_SERVERLESS,
        "Take clusters where they reach the catalog, or the settings that serverless compute does not have out of the plan's. Or ask an administrator for serverless compute, and examine the workspace again (icebridge workspace doctor).", examined::no_compute),
    rule("IB-F101", Loses, "Branches and tags", SPEC_REFS,
        "Clone the table if they are needed; otherwise accept the loss.", losses::refs),
    rule("IB-F102", Loses, "Snapshot history", SPEC_SNAPSHOTS,
        "Clone the table if time travel into the past is needed; otherwise accept the loss.", losses::history),
    rule("IB-F103", Loses, "Partition evolution", SPEC_EVOLUTION,
        "Clone the table to keep every file under its own spec; otherwise accept that all rows take the current one.", losses::partition_evolution),
    rule("IB-F104", Loses, "Statistics files", SPEC_STATISTICS,
        "Accept the loss and compute statistics anew in the target.", losses::statistics),
    rule("IB-F105", Loses, "Row lineage", SPEC_LINEAGE,
        "Clone the table if readers follow row ids; otherwise accept that rows get new ones.", losses::row_lineage),
    rule("IB-F106", Loses, "Table properties", PROPERTIES,
        "Accept the loss, and set by hand what the target should have.", losses::properties),
    rule("IB-F107", Loses, "Sort order", UNITY,
        "Accept the loss; in Unity Catalog cluster the table instead (CLUSTER BY).", losses::sort_order),
    rule("IB-F108", Loses, "Independence from the source", REGISTER,
        "Use clone for a copy of its own; otherwise accept that the source's files must stay and that its maintenance (expire_snapshots, remove_orphan_files) can destroy the target.", losses::independence),
    rule("IB-F109", Loses, "Properties that send new files to the source's folders", PROPERTIES,
        "Accept the loss: the copy must not write into the source.", losses::places),
    rule("IB-F110", Loses, "Partition transforms on a cluster", UNITY_CLUSTERING,
        "Accept that Databricks clusters by the columns instead; or partition the source by plain columns.", clusters::transforms_become_clustering),
    rule("IB-F111", Loses, "Identifier fields on a cluster", SPEC_IDENTIFIERS,
        "Accept the loss. Their values are looked after: they must be unique in the copy.", clusters::identifier_fields),
    rule("IB-F112", Loses, "NOT NULL", UNITY,
        "Use the method insert_select, which keeps it; otherwise accept the loss.", clusters::nullability),
    rule("IB-F113", Loses, "Deletes that name no data file of the table", SPEC_DELETES,
        "Check at the source whether rows came back that were deleted (a table that was moved without its delete files, say). Accept it if the rows are what you want; compacting the source's deletes (rewrite_position_delete_files) removes such entries.", losses::dangling_deletes),
    rule("IB-F114", Loses, "Several metadata files could be the table's", SPEC_COMMIT,
        "Use the table's catalog as the source, or the one metadata.json that you know is right. Accept it where the newest is right: a failed commit leaves a file that looks the same.", losses::rival_metadata),
    rule("IB-F115", Loses, "Statistics files outside the table's location", SPEC_STATISTICS,
        "Accept the loss and compute statistics anew in the target: a clone leaves them behind, since they could be any file.", losses::outside_statistics),
    rule("IB-F116", Loses, "Timestamps in another unit than the table's", SPEC_TYPES,
        "Compare a few values at the source. Accept it if the files are right: the copy has what their own footers say, as PyIceberg and DuckDB read them, and Spark takes the numbers for microseconds.", losses::other_units),
    rule("IB-F117", Loses, "Partition columns that the data files hold too, otherwise", SPEC_PROJECTION,
        "Compare the column at the source in the engines that read it. Accept it if the files are right: the copy has their values, as PyIceberg and DuckDB read them, and Spark shows the partition's.", losses::partition_columns),
    rule("IB-F118", Loses, "Partition values of type fixed, for readers in Java", SPEC_MANIFESTS,
        "Accept it if Spark and other engines in Java need not read the copy: Iceberg's Java library has such values in manifests in another form than Avro's, and fails on these. Clone keeps the source's manifests.", losses::fixed_partition_values),
    rule("IB-F119", Loses, "Policies not known where a cluster alone compares", UNITY_FILTERS,
        "Have somebody who may see the policies look whether one applies to who migrates, and accept it if none does. Or let the embedded engine copy the table, or have it read here too (read_here_up_to_bytes).", clusters::policies_unknown_to_both),

    rule("IB-F201", Note, "Empty table", SPEC,
        "Nothing to do: schema, partitioning and properties are migrated.", notes::empty),
    rule("IB-F202", Note, "Many small files", MAINTENANCE,
        "Rewrite packs them; or compact at the source first (rewrite_data_files).", notes::small_files),
    rule("IB-F203", Note, "Long history", MAINTENANCE,
        "Expire old snapshots at the source first if the history is not needed (expire_snapshots).", notes::long_history),
    rule("IB-F204", Note, "Files outside the table's location", SPEC,
        "Nothing to do: they are read where they are, and a copy has them inside its own folder.", notes::outside),
    rule("IB-F205", Note, "Nested namespace flattened", UNITY_NAMES,
        "Change the mapping if another name reads better.", notes::flattened),
    rule("IB-F206", Note, "Delete files", SPEC_DELETES,
        "Nothing to do.", notes::deletes),
    rule("IB-F207", Note, "Imported files without field ids", SPEC_NAME_MAPPING,
        "Nothing to do: the name mapping is applied.", notes::name_mapping),
    rule("IB-F208", Note, "Format version 1 becomes 2", SPEC_VERSIONS,
        "Nothing to do: every reader of today reads version 2. Clone keeps version 1.", notes::upgraded),
    rule("IB-F209", Note, "Only a folder says what the table's metadata is", SPEC_COMMIT,
        "Use the table's catalog as the source where there is one: a commit that failed and a table that was dropped leave files that look the same.", notes::unconfirmed),
    rule("IB-F210", Note, "Manifests without field ids", SPEC_MANIFESTS,
        "Rewrite the table if engines that find fields by id alone shall read it, such as PyIceberg and DuckDB: clone keeps its manifests as they are.", notes::manifests_without_ids),
    rule("IB-F211", Note, "A clone takes deleted rows along", SPEC_SNAPSHOTS,
        "Rewrite the table if nobody shall be able to read them in the copy: it takes the current rows alone, with all deletes applied. Or expire the snapshots and compact the deletes at the source first.", notes::deleted_rows),
    rule("IB-F212", Note, "Data files that engines read differently", SPEC_PROJECTION,
        "Nothing to do for the copy, which has the same files: engines that differ on the source differ on it too. Rewrite the table if all of them shall read the same.", notes::read_differently),
    rule("IB-F220", Note, "Tags that serverless compute does not take", UNITY_USAGE,
        "Give the settings a usage policy (budget_policy): usage of serverless compute carries its tags alone. The bill of a plan is found by its runs.", clusters::tags_on_serverless),
    rule("IB-F221", Note, "No DEEP CLONE", UNITY,
        "Nothing to do. If the workspace clones foreign tables by now, examine it again (icebridge workspace doctor).", examined::clone_refused),
    rule("IB-F222", Note, "Read as it is", UNITY_FOREIGN,
        "Keep writers off the source while it is copied: a table that has moved on is not migrated.", examined::read_as_it_is),
    rule("IB-F223", Note, "Copied on serverless compute", UNITY_SERVERLESS,
        "Nothing to do. Machines, pools and policies of the settings mean nothing there.", examined::on_serverless),
    rule("IB-F224", Note, "Costs stay an estimate", UNITY_BILLING,
        "Ask for SELECT on system.billing.usage and system.billing.list_prices, or have somebody look who has it.", examined::no_bill),
    rule("IB-F225", Note, "Governed tags that may be refused", UNITY_TAGS,
        "Change the value at the source, or ask for ASSIGN on the tag policy. The table is migrated in any case; the run names each tag that was refused, with its statement.", notes::governed_tags),
    rule("IB-F226", Note, "Policies that are not known", UNITY_FILTERS,
        "Have somebody who may see the policies look whether one applies to who migrates, or let the embedded engine copy the table: it reads the source's files themselves.", clusters::policies_unknown),
];
