//! What becomes of that which Unity Catalog refuses, where there is a form that it takes. Pure: the plan has what the findings
//! say, and a finding can be accepted where there is something here for it.

use super::subject::{Clusters, Target, listed};
use crate::examined::Examined;
use icebridge_model::conversion::{
    Conversion, FieldAt, NanosecondsAs, PartitionFieldAt, PartitionWay, PartitionsAs, TimeAs, ValueForm, converted,
    fields_of,
};
use icebridge_model::facts::TableFacts;
use icebridge_model::finding::WayOut;
use icebridge_model::photon::ClusterMethod;
use icebridge_model::plan::{CopyMode, EngineKind, Settings};
use icebridge_model::schema::{Field, PartitionField, Primitive, Schema, Transform, Type};
use std::collections::HashSet;

/// Databricks clusters by this many columns at most.
const MOST_CLUSTER_COLUMNS: usize = 4;

/// The version that other engines may write.
const WRITTEN_VERSION: u8 = 2;

/// All conversions of a table, in a fixed order. On targets other than Unity Catalog, and where metadata is kept, that is at most
/// the format version.
pub(super) fn of(
    facts: &TableFacts,
    target: &Target,
    mode: CopyMode,
    engine: EngineKind,
    settings: &Settings,
) -> Vec<Conversion> {
    let raised = settings.target_format_version.raises(facts.format_version);
    if !target.is_unity() || mode != CopyMode::Rewrite {
        return raised.filter(|_| may_raise(facts, target, mode)).into_iter().collect();
    }
    // A clone copies the schema as it is.
    let clones = |clusters: &Clusters| clusters.method(facts).0 == ClusterMethod::DeepClone;
    if engine == EngineKind::Photon && target.clusters.as_ref().is_some_and(clones) {
        return Vec::new();
    }
    let (time, nanoseconds, partitions) = settings.conversions.of(&facts.ident);
    let over_rest = engine == EngineKind::Embedded;
    let mut all = Vec::new();
    if over_rest && facts.format_version > WRITTEN_VERSION {
        all.push(Conversion::FormatVersion { from: facts.format_version, to: WRITTEN_VERSION });
    }
    // Over the Iceberg endpoint version 3 is refused, which is a finding.
    all.extend(raised.filter(|_| !over_rest));
    let fields = fields_of(&facts.schema);
    all.extend(fields.iter().filter_map(|field| new_type(field, time, nanoseconds)));
    let optional = fields.iter().filter(|field| field.is_nested() && field.required);
    all.extend(optional.map(|field| Conversion::Optional { column: field.at.clone() }));
    if over_rest {
        renames(&facts.schema.fields, &fields, &mut all);
        let identifier = &facts.schema.identifier_field_ids;
        if !identifier.is_empty() {
            let found = fields.iter().filter(|f| f.at.id().is_some_and(|id| identifier.contains(&id)));
            let mut columns: Vec<_> = found.map(|field| field.at.clone()).collect();
            // Of a key with a column that is gone, what is left need not be unique.
            if columns.len() < identifier.len() {
                columns.clear();
            }
            all.push(Conversion::IdentifierFields { columns });
        }
    }
    let schema = converted(&facts.schema, &all);
    all.extend(partitioning(facts, &schema, over_rest.then_some(&target.examined), partitions));
    if facts.sort_order.fields.iter().any(|f| matches!(f.transform, Transform::Other(_)) || f.source_ids.len() > 1) {
        all.push(Conversion::SortOrder);
    }
    all
}

/// A clone of version 2 is one of version 3 by its metadata alone: what is there stays valid, and is given row ids by the next
/// commit. Version 1 lacks what later versions must have, and metadata that is shared with the source is not changed.
fn may_raise(facts: &TableFacts, target: &Target, mode: CopyMode) -> bool {
    match mode {
        CopyMode::Rewrite => true,
        CopyMode::Clone => !target.is_unity() && facts.format_version == 2,
        CopyMode::Register => false,
    }
}

fn new_type(field: &FieldAt, time: TimeAs, nanoseconds: NanosecondsAs) -> Option<Conversion> {
    let Type::Primitive(primitive) = field.field_type else { return None };
    let (to, form) = match primitive {
        Primitive::Uuid => (Primitive::String, ValueForm::UuidText),
        Primitive::Fixed(_) => (Primitive::Binary, ValueForm::SameBytes),
        Primitive::Time if time == TimeAs::String => (Primitive::String, ValueForm::TimeText),
        Primitive::Time => (Primitive::Long, ValueForm::Microseconds),
        Primitive::TimestampNs | Primitive::TimestamptzNs if nanoseconds == NanosecondsAs::String => {
            (Primitive::String, ValueForm::MomentText)
        }
        Primitive::TimestampNs | Primitive::TimestamptzNs => (Primitive::Long, ValueForm::Nanoseconds),
        Primitive::Unknown => (Primitive::String, ValueForm::Null),
        _ => return None,
    };
    let (from, to) = (field.field_type.clone(), Type::Primitive(to));
    Some(Conversion::Type { column: field.at.clone(), from, to, form })
}

/// Unity Catalog does not tell names apart by case: of those that differ by it alone, all but the first get a number.
fn renames(fields: &[Field], known: &[FieldAt], all: &mut Vec<Conversion>) {
    let mut taken: HashSet<String> = HashSet::new();
    let own: HashSet<String> = fields.iter().map(|field| field.name.to_lowercase()).collect();
    for field in fields {
        if !taken.insert(field.name.to_lowercase()) {
            let free = (2..).map(|n| format!("{}_{n}", field.name)).find(|name| {
                let lower = name.to_lowercase();
                !own.contains(&lower) && taken.insert(lower)
            });
            if let (Some(to), Some(at)) = (free, known.iter().find(|one| one.at.id() == Some(field.id))) {
                all.push(Conversion::Rename { column: at.at.clone(), to });
            }
        }
        inside(&field.field_type, known, all);
    }
}

fn inside(field_type: &Type, known: &[FieldAt], all: &mut Vec<Conversion>) {
    match field_type {
        Type::Primitive(_) => {}
        Type::Struct(fields) => renames(fields, known, all),
        Type::List(list) => inside(&list.element, known, all),
        Type::Map(map) => {
            inside(&map.key, known, all);
            inside(&map.value, known, all);
        }
    }
}

/// Why a partition field may be refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// The target may take it after all.
    Perhaps,
    /// It cannot be written, or not as a value of the column's new type.
    Surely,
}

/// `endpoint`: what is known of the Iceberg endpoint, if the table goes over it.
fn partitioning(
    facts: &TableFacts,
    schema: &Schema,
    endpoint: Option<&Examined>,
    choice: PartitionsAs,
) -> Option<Conversion> {
    let spec = facts.partition_spec();
    let found: Vec<(&PartitionField, Refused)> = spec
        .fields
        .iter()
        .filter_map(|field| Some((field, refused(field, schema)?)))
        .filter(|(_, refused)| endpoint.is_some() || *refused == Refused::Surely)
        .collect();
    if found.is_empty() {
        return None;
    }
    let fields = found.iter().map(|(field, _)| PartitionFieldAt {
        field_id: field.field_id,
        name: field.name.clone(),
        transform: field.transform.to_string(),
    });
    let mut ways = Vec::new();
    // On a cluster the job chooses by itself, of the fields that are left.
    if let Some(examined) = endpoint {
        let may_be_taken = |(field, refused): &(&PartitionField, Refused)| {
            *refused == Refused::Perhaps && examined.refuses_transform(&field.transform.to_string()).is_none()
        };
        if choice == PartitionsAs::Try && found.iter().all(may_be_taken) {
            ways.push(PartitionWay::AsIs);
        }
        let columns = cluster_columns(&spec.fields, schema);
        if choice != PartitionsAs::None && !columns.is_empty() {
            ways.push(PartitionWay::Cluster { columns });
        }
    }
    ways.push(PartitionWay::LeftOut);
    Some(Conversion::Partitioning { fields: fields.collect(), ways })
}

fn refused(field: &PartitionField, schema: &Schema) -> Option<Refused> {
    use Transform as T;
    if field.transform == T::Void {
        return None;
    }
    let source = schema.find(field.source_id).map(|(_, found)| found.clone());
    let Some(Type::Primitive(source)) = source.filter(|_| field.source_ids.len() < 2) else {
        return Some(Refused::Surely);
    };
    match (&field.transform, &source) {
        (T::Other(_), _) | (_, Primitive::Binary | Primitive::Fixed(_)) => Some(Refused::Surely),
        (T::Identity, _) => None,
        (T::Year | T::Month | T::Day | T::Hour, Primitive::Date | Primitive::Timestamp | Primitive::Timestamptz) => {
            Some(Refused::Perhaps)
        }
        (T::Year | T::Month | T::Day | T::Hour, _) => Some(Refused::Surely),
        _ => Some(Refused::Perhaps),
    }
}

fn cluster_columns(fields: &[PartitionField], schema: &Schema) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    let sources = fields
        .iter()
        .filter(|field| field.transform != Transform::Void)
        .flat_map(|field| if field.source_ids.is_empty() { vec![field.source_id] } else { field.source_ids.clone() });
    for id in sources {
        let column = schema.fields.iter().find(|field| field.id == id);
        let takes = |field: &&Field| match &field.field_type {
            Type::Primitive(primitive) => {
                !matches!(primitive, Primitive::Binary | Primitive::Fixed(_) | Primitive::Boolean | Primitive::Other(_))
            }
            _ => false,
        };
        if let Some(name) = column.filter(takes).map(|field| field.name.clone())
            && !columns.contains(&name)
            && columns.len() < MOST_CLUSTER_COLUMNS
        {
            columns.push(name);
        }
    }
    columns
}

/// The way out that the conversions are of what a rule says; none if it blocks.
pub(super) fn way(code: &str, conversions: &[Conversion]) -> Option<WayOut> {
    let all_of = |wanted: fn(&Conversion) -> bool| {
        let shown: Vec<String> = conversions.iter().filter(|one| wanted(one)).map(ToString::to_string).collect();
        listed(&shown)
    };
    let way = |best: String| WayOut { best, others: Vec::new(), setting: String::new() };
    match code {
        "IB-F012" => {
            let best = all_of(|one| matches!(one, Conversion::Type { .. }))?;
            Some(types(way(best), conversions))
        }
        "IB-F013" => all_of(|one| matches!(one, Conversion::Optional { .. })).map(way),
        "IB-F008" | "IB-F011" | "IB-F014" => partitions(conversions),
        "IB-F016" => all_of(|one| matches!(one, Conversion::IdentifierFields { .. })).map(way),
        "IB-F017" => all_of(|one| matches!(one, Conversion::FormatVersion { .. })).map(way),
        "IB-F018" => all_of(|one| matches!(one, Conversion::SortOrder)).map(way),
        "IB-F024" => all_of(|one| matches!(one, Conversion::Rename { .. })).map(way),
        _ => None,
    }
}

/// Whether a rule that blocks has a way out on some target.
pub(super) fn may_have_way(code: &str) -> bool {
    const CODES: [&str; 9] =
        ["IB-F008", "IB-F011", "IB-F012", "IB-F013", "IB-F014", "IB-F016", "IB-F017", "IB-F018", "IB-F024"];
    CODES.contains(&code)
}

fn types(way: WayOut, conversions: &[Conversion]) -> WayOut {
    let has = |wanted: ValueForm| {
        conversions.iter().any(|one| matches!(one, Conversion::Type { form, .. } if *form == wanted))
    };
    let (mut others, mut settings) = (Vec::new(), Vec::new());
    for (taken, other, word) in [
        (ValueForm::TimeText, ValueForm::Microseconds, "time"),
        (ValueForm::Microseconds, ValueForm::TimeText, "time"),
        (ValueForm::Nanoseconds, ValueForm::MomentText, "nanoseconds"),
        (ValueForm::MomentText, ValueForm::Nanoseconds, "nanoseconds"),
    ] {
        if has(taken) {
            let is_number = matches!(other, ValueForm::Microseconds | ValueForm::Nanoseconds);
            let value = if is_number { "bigint" } else { "string" };
            others.push(format!("{word} as {value} ({})", other.in_words()));
            settings.push(format!("conversions.{word} = string | bigint"));
        }
    }
    WayOut { others, setting: settings.join("; "), ..way }
}

fn partitions(conversions: &[Conversion]) -> Option<WayOut> {
    let found = conversions.iter().find(|one| matches!(one, Conversion::Partitioning { .. }))?;
    let Conversion::Partitioning { ways, .. } = found else { return None };
    let others = ways.iter().skip(1).map(ToString::to_string).collect();
    let setting = match ways.len() {
        1 => String::new(),
        _ => "conversions.partitions = try | cluster | none".into(),
    };
    Some(WayOut { best: found.to_string(), others, setting })
}
