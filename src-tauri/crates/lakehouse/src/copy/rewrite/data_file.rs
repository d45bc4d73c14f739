//! A data file of the new table: what its checkpoint remembers and its manifest says.

use super::metrics::Metrics;
use super::partition::Tuple;
use crate::partition::PartitionValue;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataFile {
    /// Relative to the table.
    pub path: String,
    pub size: u64,
    pub records: u64,
    #[serde(serialize_with = "write_tuple", deserialize_with = "read_tuple")]
    pub partition: Tuple,
    pub metrics: Metrics,
    pub split_offsets: Vec<i64>,
    /// The rows are in the table's sort order.
    pub sorted: bool,
}

/// The JSON shape of a partition value in a checkpoint.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredValue {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(u32),
    Double(u64),
    /// As text: JSON's numbers end at 64 bits.
    Decimal(String),
    String(String),
    Bytes(Vec<u8>),
}

fn write_tuple<S: Serializer>(tuple: &Tuple, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tuple.iter().map(|value| match value {
        None => StoredValue::Null,
        Some(PartitionValue::Boolean(b)) => StoredValue::Boolean(*b),
        Some(PartitionValue::Integer(n)) => StoredValue::Integer(*n),
        Some(PartitionValue::Float(bits)) => StoredValue::Float(*bits),
        Some(PartitionValue::Double(bits)) => StoredValue::Double(*bits),
        Some(PartitionValue::Decimal(n)) => StoredValue::Decimal(n.to_string()),
        Some(PartitionValue::String(text)) => StoredValue::String(text.clone()),
        Some(PartitionValue::Bytes(bytes)) => StoredValue::Bytes(bytes.clone()),
    }))
}

fn read_tuple<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tuple, D::Error> {
    let kept = Vec::<StoredValue>::deserialize(deserializer)?;
    let value = |kept| {
        Ok(match kept {
            StoredValue::Null => None,
            StoredValue::Boolean(b) => Some(PartitionValue::Boolean(b)),
            StoredValue::Integer(n) => Some(PartitionValue::Integer(n)),
            StoredValue::Float(bits) => Some(PartitionValue::Float(bits)),
            StoredValue::Double(bits) => Some(PartitionValue::Double(bits)),
            StoredValue::Decimal(text) => Some(PartitionValue::Decimal(text.parse().map_err(D::Error::custom)?)),
            StoredValue::String(text) => Some(PartitionValue::String(text)),
            StoredValue::Bytes(bytes) => Some(PartitionValue::Bytes(bytes)),
        })
    };
    kept.into_iter().map(value).collect()
}
