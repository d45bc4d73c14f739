//! How new Parquet files are written: the plan's codec, and what the table's own properties ask for.

use icebridge_model::plan::Settings;
use icebridge_model::schema::Schema;
use icebridge_model::{Error, Result};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::Value;
use std::collections::BTreeMap;

/// A row group is held in memory until it is whole; the bound keeps several writers below the memory goal.
const MAX_ROW_GROUP: usize = 32 << 20;
const PAGE_BYTES: usize = 1 << 20;
const PAGE_ROWS: usize = 20_000;
const DICTIONARY_BYTES: usize = 2 << 20;
/// Longer than any bound a manifest takes by default, short enough for a footer.
const STATISTICS_BYTES: usize = 64;

#[derive(Clone, Debug)]
pub struct FileOptions {
    pub properties: WriterProperties,
    /// Encoded bytes at which a row group is ended.
    pub row_group_bytes: usize,
}

impl FileOptions {
    pub fn new(
        settings: &Settings,
        table: &BTreeMap<String, String>,
        schema: &Schema,
        schema_json: &Value,
    ) -> Result<Self> {
        let number = |key: &str, default: usize| {
            table.get(key).and_then(|n| n.trim().parse::<usize>().ok()).filter(|n| *n > 0).unwrap_or(default)
        };
        // "full" bounds need full statistics.
        let full = table
            .iter()
            .any(|(key, value)| key.starts_with("write.metadata.metrics.") && value != "counts" && value != "none");
        let mut builder = WriterProperties::builder()
            .set_compression(compression(&settings.codec, settings.codec_level)?)
            .set_data_page_size_limit(number("write.parquet.page-size-bytes", PAGE_BYTES))
            .set_data_page_row_count_limit(number("write.parquet.page-row-limit", PAGE_ROWS))
            .set_dictionary_page_size_limit(number("write.parquet.dict-size-bytes", DICTIONARY_BYTES))
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_statistics_truncate_length((!full).then_some(STATISTICS_BYTES))
            .set_max_row_group_row_count(None)
            .set_key_value_metadata(Some(vec![schema_in_footer(schema_json)]));
        for (path, _, _) in schema.walk() {
            let asked = table.get(&format!("write.parquet.bloom-filter-enabled.column.{path}"));
            if asked.is_some_and(|v| v.eq_ignore_ascii_case("true")) {
                let column = ColumnPath::new(path.split('.').map(str::to_string).collect());
                builder = builder.set_column_bloom_filter_enabled(column.clone(), true);
                let fpp = table.get(&format!("write.parquet.bloom-filter-fpp.column.{path}"));
                if let Some(fpp) = fpp.and_then(|f| f.parse::<f64>().ok()).filter(|f| *f > 0.0 && *f < 1.0) {
                    builder = builder.set_column_bloom_filter_fpp(column, fpp);
                }
            }
        }
        let row_group_bytes = number("write.parquet.row-group-size-bytes", MAX_ROW_GROUP).min(MAX_ROW_GROUP);
        Ok(Self { properties: builder.build(), row_group_bytes })
    }
}

/// As Iceberg's own writers do it: the file says which schema it was written with.
pub fn schema_in_footer(schema_json: &Value) -> KeyValue {
    KeyValue::new("iceberg.schema".to_string(), schema_json.to_string())
}

fn compression(codec: &str, level: i32) -> Result<Compression> {
    let refused = |e: parquet::errors::ParquetError| {
        Error::invalid(format!("the codec {codec} has no level {level}"))
            .with_hint("zstd has the levels 1 to 22, gzip 0 to 9, brotli 0 to 11.")
            .with_cause(e)
    };
    // A negative level fits none of these.
    let positive = u32::try_from(level).unwrap_or(u32::MAX);
    Ok(match codec.to_ascii_lowercase().as_str() {
        "zstd" => Compression::ZSTD(ZstdLevel::try_new(level).map_err(refused)?),
        "gzip" => Compression::GZIP(GzipLevel::try_new(positive).map_err(refused)?),
        "brotli" => Compression::BROTLI(BrotliLevel::try_new(positive).map_err(refused)?),
        "snappy" => Compression::SNAPPY,
        "lz4" => Compression::LZ4_RAW,
        "uncompressed" | "none" => Compression::UNCOMPRESSED,
        _ => {
            return Err(Error::invalid(format!("the Parquet codec `{codec}` is not known"))
                .with_hint("Choose zstd, snappy, gzip, lz4, brotli or uncompressed in the plan's settings."));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_and_levels_are_checked() {
        for (codec, level) in [("zstd", 3), ("ZSTD", 22), ("snappy", 99), ("gzip", 9), ("lz4", 3), ("uncompressed", 3)]
        {
            assert!(compression(codec, level).is_ok(), "{codec} {level}");
        }
        for (codec, level) in [("zstd", 99), ("gzip", 12), ("gzip", -1), ("lzo", 3)] {
            assert!(compression(codec, level).is_err(), "{codec} {level}");
        }
    }
}
