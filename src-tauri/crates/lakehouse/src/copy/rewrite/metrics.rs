//! What a manifest says of a data file's columns, from the file's own footer.

use super::bounds::{Bound, Width, lower, upper};
use crate::pages::chunks::chunk_range;
use icebridge_model::schema::{Field, Primitive, Type};
use parquet::data_type::AsBytes;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    pub column_sizes: BTreeMap<i32, i64>,
    pub value_counts: BTreeMap<i32, i64>,
    pub null_value_counts: BTreeMap<i32, i64>,
    pub nan_value_counts: BTreeMap<i32, i64>,
    pub lower_bounds: BTreeMap<i32, Vec<u8>>,
    pub upper_bounds: BTreeMap<i32, Vec<u8>>,
}

/// `write.metadata.metrics.*`: how much a table wants to know of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    None,
    Counts,
    Bounds(Width),
}

impl Mode {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        match text.as_str() {
            "none" => Some(Self::None),
            "counts" => Some(Self::Counts),
            "full" => Some(Self::Bounds(None)),
            other => {
                let width = other.strip_prefix("truncate(")?.strip_suffix(')')?.trim().parse().ok()?;
                (width > 0).then_some(Self::Bounds(Some(width)))
            }
        }
    }
}

/// One column of a schema whose metrics are kept.
#[derive(Clone, Debug)]
struct Column {
    primitive: Primitive,
    mode: Mode,
    /// Inside a list or map: only its size is kept.
    repeated: bool,
}

/// The columns of a schema, by field id.
#[derive(Clone, Debug)]
pub struct MetricsPlan {
    columns: BTreeMap<i32, Column>,
}

/// As engines do it: beyond this many columns, metrics cost more than they save, unless a table asks for them.
const INFERRED_COLUMNS: usize = 100;
const DEFAULT_MODE: Mode = Mode::Bounds(Some(16));

impl MetricsPlan {
    pub fn new(fields: &[Field], properties: &BTreeMap<String, String>) -> Self {
        let default = properties.get("write.metadata.metrics.default").and_then(|m| Mode::parse(m));
        let limit = properties.get("write.metadata.metrics.max-inferred-column-defaults");
        let limit = limit.and_then(|n| n.parse().ok()).unwrap_or(INFERRED_COLUMNS);
        let mut plan = Self { columns: BTreeMap::new() };
        plan.add(fields, "", false, &|name, count| {
            let own = properties.get(&format!("write.metadata.metrics.column.{name}")).and_then(|m| Mode::parse(m));
            let inferred = if count < limit { DEFAULT_MODE } else { Mode::None };
            own.or(default).unwrap_or(inferred)
        });
        plan
    }

    fn add(&mut self, fields: &[Field], parent: &str, repeated: bool, mode: &dyn Fn(&str, usize) -> Mode) {
        for field in fields {
            self.add_type(&format!("{parent}{}", field.name), field.id, &field.field_type, repeated, mode);
        }
    }

    fn add_type(&mut self, name: &str, id: i32, of: &Type, repeated: bool, mode: &dyn Fn(&str, usize) -> Mode) {
        match of {
            Type::Primitive(primitive) => {
                let mode = mode(name, self.columns.len());
                self.columns.insert(id, Column { primitive: primitive.clone(), mode, repeated });
            }
            Type::Struct(fields) => self.add(fields, &format!("{name}."), repeated, mode),
            Type::List(list) => self.add_type(&format!("{name}.element"), list.element_id, &list.element, true, mode),
            Type::Map(map) => {
                self.add_type(&format!("{name}.key"), map.key_id, &map.key, true, mode);
                self.add_type(&format!("{name}.value"), map.value_id, &map.value, true, mode);
            }
        }
    }

    /// `nans` are counts of NaN by field id, where the values were decoded.
    pub fn of(&self, file: &ParquetMetaData, nans: &BTreeMap<i32, u64>) -> Metrics {
        let mut out = Metrics::default();
        let mut seen: BTreeMap<i32, Seen> = BTreeMap::new();
        for chunk in file.row_groups().iter().flat_map(|g| g.columns()) {
            let basic = chunk.column_descr().self_type().get_basic_info();
            if !basic.has_id() {
                continue;
            }
            let Some(column) = self.columns.get(&basic.id()).filter(|c| c.mode != Mode::None) else { continue };
            let size = chunk_range(chunk).map_or(0, |range| (range.end - range.start) as i64);
            *out.column_sizes.entry(basic.id()).or_default() += size;
            if !column.repeated {
                seen.entry(basic.id()).or_default().add(column, chunk.num_values(), chunk.statistics());
            }
        }
        for (id, seen) in seen {
            let Some(column) = self.columns.get(&id) else { continue };
            out.value_counts.insert(id, seen.values);
            if let Some(nulls) = seen.nulls {
                out.null_value_counts.insert(id, nulls);
            }
            if let Some(nans) = nans.get(&id) {
                out.nan_value_counts.insert(id, *nans as i64);
            }
            if let (Mode::Bounds(width), Range::Known(low, high)) = (column.mode, seen.range) {
                out.lower_bounds.extend(lower(&low, &column.primitive, width).map(|bytes| (id, bytes)));
                out.upper_bounds.extend(upper(&high, &column.primitive, width).map(|bytes| (id, bytes)));
            }
        }
        out
    }
}

struct Seen {
    values: i64,
    /// None once a chunk did not say.
    nulls: Option<i64>,
    range: Range,
}

enum Range {
    /// Only nulls so far.
    Empty,
    Known(Bound, Bound),
    Unknown,
}

impl Default for Seen {
    fn default() -> Self {
        Self { values: 0, nulls: Some(0), range: Range::Empty }
    }
}

impl Seen {
    fn add(&mut self, column: &Column, values: i64, statistics: Option<&Statistics>) {
        self.values += values;
        let nulls = statistics.and_then(Statistics::null_count_opt).map(|n| n as i64);
        self.nulls = self.nulls.zip(nulls).map(|(a, b)| a + b);
        if nulls == Some(values) {
            return;
        }
        let range = std::mem::replace(&mut self.range, Range::Unknown);
        let Some((low, high)) = statistics.and_then(|s| min_max(&column.primitive, s)) else { return };
        self.range = match range {
            Range::Unknown => Range::Unknown,
            Range::Empty => Range::Known(low, high),
            Range::Known(least, greatest) => Range::Known(
                if low.order(&least) == Ordering::Less { low } else { least },
                if high.order(&greatest) == Ordering::Greater { high } else { greatest },
            ),
        };
    }
}

/// None where the statistics do not say, or say it in an order that is not the type's.
fn min_max(primitive: &Primitive, statistics: &Statistics) -> Option<(Bound, Bound)> {
    use Primitive as P;
    // Engines disagree about the order of uuids; no bound is right for all of them.
    if *primitive == P::Uuid {
        return None;
    }
    let decimal = matches!(primitive, P::Decimal { .. });
    let integer = |n: i64| if decimal { Bound::Decimal(n.into()) } else { Bound::Integer(n) };
    let bytes = |b: &[u8]| {
        if decimal { crate::scalar::unscaled(b).map(Bound::Decimal) } else { Some(Bound::Bytes(b.to_vec())) }
    };
    // The old fields compare bytes as signed.
    let signed_bytes = statistics.is_min_max_deprecated();
    let (low, high) = match statistics {
        Statistics::Boolean(s) => (Bound::Boolean(*s.min_opt()?), Bound::Boolean(*s.max_opt()?)),
        Statistics::Int32(s) => (integer((*s.min_opt()?).into()), integer((*s.max_opt()?).into())),
        Statistics::Int64(s) => (integer(*s.min_opt()?), integer(*s.max_opt()?)),
        Statistics::Float(s) => (Bound::Float((*s.min_opt()?).into()), Bound::Float((*s.max_opt()?).into())),
        Statistics::Double(s) => (Bound::Float(*s.min_opt()?), Bound::Float(*s.max_opt()?)),
        Statistics::ByteArray(s) if !signed_bytes => (bytes(s.min_opt()?.as_bytes())?, bytes(s.max_opt()?.as_bytes())?),
        Statistics::FixedLenByteArray(s) if !signed_bytes => {
            (bytes(s.min_opt()?.as_bytes())?, bytes(s.max_opt()?.as_bytes())?)
        }
        _ => return None,
    };
    // Writers that let a NaN into the statistics made them worthless, and a zero may stand for either sign.
    if low.is_nan() || high.is_nan() {
        return None;
    }
    let signed = |bound, zero: f64| if bound == Bound::Float(0.0) { Bound::Float(zero) } else { bound };
    Some((signed(low, -0.0), signed(high, 0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
    use icebridge_model::schema::Schema;
    use parquet::arrow::ArrowWriter;
    use serde_json::json;
    use std::sync::Arc;

    fn schema() -> Schema {
        serde_json::from_value(json!({"fields": [
            {"id": 1, "name": "i", "required": false, "type": "int"},
            {"id": 2, "name": "s", "required": false, "type": "string"},
            {"id": 3, "name": "d", "required": false, "type": "double"}]}))
        .unwrap()
    }

    fn metrics(properties: &[(&str, &str)]) -> Metrics {
        let schema = schema();
        let arrow = Arc::new(crate::arrow_types::arrow_schema(&schema).unwrap());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![Some(5), None, Some(-7)])),
            Arc::new(StringArray::from(vec!["abcdefghijklmnopqrstuvwxyz", "b", "zzzzzzzzzzzzzzzzzzzz"])),
            Arc::new(Float64Array::from(vec![f64::NAN, 0.0, 2.5])),
        ];
        let batch = RecordBatch::try_new(arrow.clone(), columns).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), arrow, None).unwrap();
        writer.write(&batch).unwrap();
        let file = writer.finish().unwrap();
        let properties = properties.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        MetricsPlan::new(&schema.fields, &properties).of(&file, &BTreeMap::from([(3, 1)]))
    }

    #[test]
    fn counts_and_bounds_are_true() {
        let m = metrics(&[]);
        assert_eq!(m.value_counts, BTreeMap::from([(1, 3), (2, 3), (3, 3)]));
        assert_eq!(m.null_value_counts, BTreeMap::from([(1, 1), (2, 0), (3, 0)]));
        assert_eq!(m.nan_value_counts, BTreeMap::from([(3, 1)]));
        assert_eq!(m.lower_bounds[&1], (-7i32).to_le_bytes());
        assert_eq!(m.upper_bounds[&1], 5i32.to_le_bytes());
        assert_eq!(m.lower_bounds[&2], b"abcdefghijklmnop");
        assert_eq!(m.upper_bounds[&2], b"zzzzzzzzzzzzzzz{");
        assert_eq!(m.lower_bounds[&3], (-0.0f64).to_le_bytes());
        assert_eq!(m.upper_bounds[&3], 2.5f64.to_le_bytes());
        assert!(m.column_sizes.values().all(|size| *size > 0));
    }

    #[test]
    fn a_table_says_how_much_it_wants() {
        let m = metrics(&[("write.metadata.metrics.default", "none"), ("write.metadata.metrics.column.s", "counts")]);
        assert_eq!(m.value_counts.keys().collect::<Vec<_>>(), [&2]);
        assert!(m.lower_bounds.is_empty());
        assert_eq!(metrics(&[("write.metadata.metrics.default", "truncate(2)")]).upper_bounds[&2], b"z{");
    }
}
