//! Which table properties go along when a table is made anew. One list for the pre-flight, which tells what is lost, and
//! for the writer, which leaves it out, so that the two cannot disagree.
//!
//! An allow-list, because a property of an engine or a catalog can break the new table (`write.data.path` would send its
//! files to the source) or be refused by the target. What no engine is known to read is the owner's own and is carried.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// Written to the new table.
    Carried,
    /// Left out, and told as a loss.
    Lost,
    /// Left out without loss: the new table has its own value, or the value was about the old table alone.
    Superseded,
}

/// `engine_managed`: the target decides itself how it writes and keeps history, as Unity Catalog does.
pub fn carry(key: &str, value: &str, engine_managed: bool) -> Carry {
    if SUPERSEDED.contains(&key) || SUPERSEDED_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
        return Carry::Superseded;
    }
    if !ENGINE_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
        return Carry::Carried;
    }
    if engine_managed {
        return if (key, value) == ("write.parquet.compression-codec", "zstd") {
            Carry::Superseded
        } else {
            Carry::Lost
        };
    }
    if CARRIED.contains(&key) || CARRIED_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
        Carry::Carried
    } else {
        Carry::Lost
    }
}

/// Properties that send new files to another place. A copy of any kind must not keep them: its writers would write into
/// the source's folders.
pub const PLACES: &[&str] = &[
    "write.data.path",
    "write.metadata.path",
    "write.folder-storage.path",
    "write.object-storage.path",
    "write.location-provider.impl",
];

/// Bookkeeping of catalogs and engines about the table that is left behind.
const SUPERSEDED: &[&str] = &[
    "format-version",
    "uuid",
    "owner",
    "provider",
    "location",
    "created-at",
    "created_at",
    "numFiles",
    "numRows",
    "totalSize",
    "rawDataSize",
    "EXTERNAL",
    "bucketing_version",
    "transient_lastDdlTime",
    "metadata_location",
    "previous_metadata_location",
    "table_type",
    "snapshot-count",
    // Files written anew carry field ids.
    "schema.name-mapping.default",
];
const SUPERSEDED_PREFIXES: &[&str] = &["current-", "default-", "icebridge."];

/// What engines and catalogs read.
const ENGINE_PREFIXES: &[&str] = &[
    "write.",
    "read.",
    "commit.",
    "history.",
    "gc.",
    "schema.",
    "compatibility.",
    "encryption.",
    "delta.",
    "spark.",
    "hive.",
    "engine.",
    "iceberg.",
    "flink.",
    "kafka.",
    "connector",
    "nessie.",
    "polaris.",
    "unity.",
    "s3.",
    "adls.",
    "gcs.",
    "client.",
    "io-impl",
];

/// Those of them that mean the same on any Iceberg table.
const CARRIED: &[&str] = &[
    "write.target-file-size-bytes",
    "write.delete.target-file-size-bytes",
    "write.distribution-mode",
    "write.delete.mode",
    "write.update.mode",
    "write.merge.mode",
    "write.delete.isolation-level",
    "write.update.isolation-level",
    "write.merge.isolation-level",
    "write.delete.distribution-mode",
    "write.update.distribution-mode",
    "write.merge.distribution-mode",
    "write.metadata.compression-codec",
    "write.metadata.delete-after-commit.enabled",
    "write.metadata.previous-versions-max",
    "write.object-storage.enabled",
    "write.upsert.enabled",
    "write.wap.enabled",
    "gc.enabled",
];
const CARRIED_PREFIXES: &[&str] = &[
    "write.parquet.",
    "write.metadata.metrics.",
    "write.spark.",
    "read.split.",
    "read.parquet.",
    "commit.retry.",
    "commit.manifest",
    "history.expire.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_never_travel() {
        for key in PLACES {
            assert_eq!(carry(key, "s3://old/place", false), Carry::Lost, "{key}");
            assert_eq!(carry(key, "s3://old/place", true), Carry::Lost, "{key}");
        }
    }

    #[test]
    fn owners_properties_travel_and_engines_by_the_list() {
        for (key, value, elsewhere, managed) in [
            ("team", "sales", Carry::Carried, Carry::Carried),
            ("comment", "x", Carry::Carried, Carry::Carried),
            ("write.parquet.compression-codec", "zstd", Carry::Carried, Carry::Superseded),
            ("write.parquet.compression-codec", "gzip", Carry::Carried, Carry::Lost),
            ("history.expire.max-snapshot-age-ms", "1", Carry::Carried, Carry::Lost),
            ("engine.hive.enabled", "true", Carry::Lost, Carry::Lost),
            ("owner", "root", Carry::Superseded, Carry::Superseded),
            ("write.future.option", "1", Carry::Lost, Carry::Lost),
        ] {
            assert_eq!(carry(key, value, false), elsewhere, "{key}");
            assert_eq!(carry(key, value, true), managed, "{key}");
        }
    }
}
