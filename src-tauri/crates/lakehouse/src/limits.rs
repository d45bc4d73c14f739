//! Every bound on what is read whole or built in memory from foreign bytes, in one place. Each is far above what real
//! lakes have, and each can be raised by an environment variable, which its error names.

use icebridge_model::{Code, Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// A table's or view's metadata.json, after inflation.
    MetadataJson,
    /// The values in one JSON document: a small text can hold many.
    JsonValues,
    VersionHint,
    ManifestList,
    Manifest,
    /// The live and deleted entries of one manifest, or the manifests of one manifest list.
    ManifestEntries,
    /// The header of an Avro file: schema, table schema, partition spec.
    AvroHeader,
    /// One block of an Avro file, after inflation.
    AvroBlock,
    /// All blocks of an Avro file together, after inflation.
    AvroFile,
    /// The values in one record of an Avro file.
    AvroRecordValues,
    /// A delete file that is written anew in a copy.
    DeleteFile,
    /// The footer of a Puffin file, after inflation.
    PuffinFooter,
    /// A deletion vector in memory.
    DeletionVector,
    /// The positions that position delete files name, in memory.
    DeletePositions,
    ParquetFooter,
    /// The columns of a Parquet file, with what nests in them.
    ParquetColumns,
    /// One page of a Parquet file, after inflation.
    ParquetPage,
    /// The columns that are read of one row group: as they lie in the file, and the largest page of each after inflation.
    ParquetRowGroup,
    /// The files and folders straight in one folder.
    FolderEntries,
    /// The file that says which state stages in a folder.
    OwnerMark,
    /// Which files of a rewritten copy hold the rows of which files of its source.
    UnitMap,
    /// A plan file.
    Plan,
    /// A mapping as CSV.
    MappingCsv,
    /// A file of settings or prices.
    Settings,
}

const MIB: u64 = 1 << 20;

impl Limit {
    /// In the order of the variants.
    const ALL: [Self; 24] = [
        Self::MetadataJson,
        Self::JsonValues,
        Self::VersionHint,
        Self::ManifestList,
        Self::Manifest,
        Self::ManifestEntries,
        Self::AvroHeader,
        Self::AvroBlock,
        Self::AvroFile,
        Self::AvroRecordValues,
        Self::DeleteFile,
        Self::PuffinFooter,
        Self::DeletionVector,
        Self::DeletePositions,
        Self::ParquetFooter,
        Self::ParquetColumns,
        Self::ParquetPage,
        Self::ParquetRowGroup,
        Self::FolderEntries,
        Self::OwnerMark,
        Self::UnitMap,
        Self::Plan,
        Self::MappingCsv,
        Self::Settings,
    ];

    /// Name, unit and default.
    fn facts(self) -> (&'static str, &'static str, u64) {
        match self {
            Self::MetadataJson => ("metadata-json", "bytes", 256 * MIB),
            Self::JsonValues => ("json-values", "values", 16_000_000),
            Self::VersionHint => ("version-hint", "bytes", 4096),
            Self::ManifestList => ("manifest-list", "bytes", 128 * MIB),
            Self::Manifest => ("manifest", "bytes", 256 * MIB),
            Self::ManifestEntries => ("manifest-entries", "entries", 4_000_000),
            Self::AvroHeader => ("avro-header", "bytes", 32 * MIB),
            Self::AvroBlock => ("avro-block", "bytes", 256 * MIB),
            Self::AvroFile => ("avro-file", "bytes", 2048 * MIB),
            Self::AvroRecordValues => ("avro-record-values", "values", 4_000_000),
            Self::DeleteFile => ("delete-file", "bytes", 1024 * MIB),
            Self::PuffinFooter => ("puffin-footer", "bytes", 64 * MIB),
            Self::DeletionVector => ("deletion-vector", "bytes", 512 * MIB),
            Self::DeletePositions => ("delete-positions", "positions", 2_000_000_000),
            Self::ParquetFooter => ("parquet-footer", "bytes", 128 * MIB),
            Self::ParquetColumns => ("parquet-columns", "columns", 200_000),
            Self::ParquetPage => ("parquet-page", "bytes", 512 * MIB),
            Self::ParquetRowGroup => ("parquet-row-group", "bytes", 4096 * MIB),
            Self::FolderEntries => ("folder-entries", "entries", 1_000_000),
            Self::OwnerMark => ("owner-mark", "bytes", 4096),
            Self::UnitMap => ("unit-map", "bytes", 2048 * MIB),
            Self::Plan => ("plan", "bytes", 1024 * MIB),
            Self::MappingCsv => ("mapping-csv", "bytes", 256 * MIB),
            Self::Settings => ("settings", "bytes", 4 * MIB),
        }
    }

    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// The environment variable that sets the limit: a whole number, also with K, M or G behind it.
    fn variable(self) -> String {
        format!("ICEBRIDGE_LIMIT_{}", self.name().to_ascii_uppercase().replace('-', "_"))
    }

    pub fn get(self) -> u64 {
        static SET: std::sync::OnceLock<Vec<u64>> = std::sync::OnceLock::new();
        let all = SET.get_or_init(|| {
            let set = |limit: Self| {
                let text = std::env::var(limit.variable()).ok()?;
                let number = parse(&text);
                if number.is_none() {
                    tracing::warn!(variable = limit.variable(), text, "this is no limit; the usual one holds");
                }
                number
            };
            Self::ALL.iter().map(|limit| set(*limit).unwrap_or(limit.facts().2)).collect()
        });
        all.get(self as usize).copied().unwrap_or(self.facts().2)
    }

    pub fn as_usize(self) -> usize {
        usize::try_from(self.get()).unwrap_or(usize::MAX)
    }

    pub fn check(self, found: u64) -> Result<()> {
        if found > self.get() { Err(self.exceeded()) } else { Ok(()) }
    }

    pub fn exceeded(self) -> Error {
        let (name, unit, _) = self.facts();
        Error::new(Code::LimitExceeded, format!("this holds more than {} {unit}, the limit `{name}`", self.get())).with_hint(
            format!(
                "Check at the source that the file is what it should be. If it is, set {}, which takes a number such as {} \
                 or 4G, and try again.",
                self.variable(),
                self.get().saturating_mul(2)
            ),
        )
    }
}

fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let (digits, shift) = match text.chars().last()?.to_ascii_uppercase() {
        'K' => (&text[..text.len() - 1], 10),
        'M' => (&text[..text.len() - 1], 20),
        'G' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits.trim().parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_have_a_unit() {
        assert_eq!(parse("4096"), Some(4096));
        assert_eq!(parse(" 3 G "), Some(3 << 30));
        assert_eq!(parse("2m"), Some(2 << 20));
        for wrong in ["", "G", "-1", "1.5G", "99999999999G", "ä"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_limit_has_a_name_of_its_own_and_says_how_to_raise_it() {
        let names: std::collections::BTreeSet<_> = Limit::ALL.iter().map(|limit| limit.name()).collect();
        assert_eq!(names.len(), Limit::ALL.len());
        assert!(Limit::ALL.iter().enumerate().all(|(at, limit)| *limit as usize == at));
        let error = Limit::ManifestList.check(u64::MAX).unwrap_err();
        assert_eq!(error.code, Code::LimitExceeded);
        assert!(error.hint.unwrap().contains("ICEBRIDGE_LIMIT_MANIFEST_LIST"));
        assert!(Limit::ManifestList.check(Limit::ManifestList.get()).is_ok());
    }
}
