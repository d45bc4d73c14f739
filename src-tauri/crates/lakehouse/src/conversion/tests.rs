use super::*;
use arrow_array::{FixedSizeBinaryArray, Time64MicrosecondArray, TimestampNanosecondArray};
use arrow_buffer::OffsetBuffer;
use icebridge_model::conversion::{ColumnAt, fields_of};
use serde_json::json;

fn typed(schema: &Schema, path: &str, to: Primitive, form: ValueForm) -> Conversion {
    let found = fields_of(schema).into_iter().find(|one| one.at.path == path).unwrap();
    Conversion::Type { column: found.at, from: found.field_type.clone(), to: Type::Primitive(to), form }
}

fn schema(fields: serde_json::Value) -> Schema {
    serde_json::from_value(json!({"schema-id": 0, "fields": fields})).unwrap()
}

fn batch(schema: &Schema, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(Arc::new(arrow_schema(schema).unwrap()), columns).unwrap()
}

fn strings(array: &ArrayRef) -> Vec<Option<&str>> {
    array.as_string::<i32>().iter().collect()
}

#[test]
fn values_take_the_written_forms() {
    let schema = schema(json!([
        {"id": 1, "name": "u", "required": false, "type": "uuid"}, {"id": 2, "name": "f", "required": true, "type": "fixed[2]"},
        {"id": 3, "name": "t", "required": false, "type": "time"}, {"id": 4, "name": "n", "required": false, "type": "timestamptz_ns"},
        {"id": 5, "name": "x", "required": false, "type": "unknown"}]));
    let uuid = |byte: u8| [byte; 16];
    let zone = TimestampNanosecondArray::from(vec![Some(-1), None]).with_timezone("+00:00");
    let rows = batch(
        &schema,
        vec![
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some(uuid(0xAB)), None].into_iter(), 16).unwrap(),
            ),
            Arc::new(FixedSizeBinaryArray::try_from_iter([[0u8, 255], [1, 2]].into_iter()).unwrap()),
            Arc::new(Time64MicrosecondArray::from(vec![Some(86_399_999_999), None])),
            Arc::new(zone),
            new_null_array(&DataType::Null, 2),
        ],
    );
    let all = [
        typed(&schema, "u", Primitive::String, ValueForm::UuidText),
        typed(&schema, "f", Primitive::Binary, ValueForm::SameBytes),
        typed(&schema, "t", Primitive::String, ValueForm::TimeText),
        typed(&schema, "n", Primitive::String, ValueForm::MomentText),
        typed(&schema, "x", Primitive::String, ValueForm::Null),
    ];
    let made = Converter::new(&schema, &all).unwrap().unwrap().convert(&rows).unwrap();
    assert_eq!(strings(made.column(0)), [Some("abababab-abab-abab-abab-abababababab"), None]);
    assert_eq!(made.column(1).as_binary::<i32>().value(0), [0, 255]);
    assert_eq!(strings(made.column(2)), [Some("23:59:59.999999"), None]);
    assert_eq!(strings(made.column(3)), [Some("1969-12-31T23:59:59.999999999+00:00"), None]);
    assert_eq!(strings(made.column(4)), [None, None]);

    let numbers = [
        typed(&schema, "t", Primitive::Long, ValueForm::Microseconds),
        typed(&schema, "n", Primitive::Long, ValueForm::Nanoseconds),
    ];
    let made = Converter::new(&schema, &numbers).unwrap().unwrap().convert(&rows).unwrap();
    assert_eq!(made.column(2).as_ref(), &Int64Array::from(vec![Some(86_399_999_999), None]) as &dyn Array);
    assert_eq!(made.column(3).as_ref(), &Int64Array::from(vec![Some(-1), None]) as &dyn Array);

    // Where text is read as bytes, the digest is of the same bytes.
    let as_bytes = Converter::of_bytes(&schema, &all).unwrap().unwrap().convert(&rows).unwrap();
    assert_eq!(as_bytes.column(2).as_binary::<i32>().value(0), b"23:59:59.999999");
}

#[test]
fn a_time_beyond_the_day_has_no_text() {
    let schema = schema(json!([{"id": 3, "name": "t", "required": false, "type": "time"}]));
    let text = [typed(&schema, "t", Primitive::String, ValueForm::TimeText)];
    let converter = Converter::new(&schema, &text).unwrap().unwrap();
    let of = |value: i64| batch(&schema, vec![Arc::new(Time64MicrosecondArray::from(vec![value]))]);
    assert_eq!(strings(converter.convert(&of(0)).unwrap().column(0)), [Some("00:00:00.000000")]);
    for beyond in [-1, DAY_MICROS] {
        let refused = converter.convert(&of(beyond)).unwrap_err();
        assert_eq!((refused.code, refused.hint.is_some()), (Code::FileBroken, true));
    }
}

#[test]
fn nested_fields_are_reached_and_become_optional() {
    let schema = schema(json!([{"id": 1, "name": "l", "required": false, "type": {"type": "list", "element-id": 2,
        "element-required": true, "element": {"type": "struct", "fields": [
            {"id": 3, "name": "u", "required": true, "type": "uuid"}]}}}]));
    let at = |path: &str| fields_of(&schema).into_iter().find(|one| one.at.path == path).unwrap().at;
    let all = [
        Conversion::Optional { column: at("l.element") },
        Conversion::Optional { column: at("l.element.u") },
        typed(&schema, "l.element.u", Primitive::String, ValueForm::UuidText),
        Conversion::Rename { column: ColumnAt { ids: vec![1], path: "l".into() }, to: "l_2".into() },
    ];
    let DataType::List(element) = arrow_type(&schema.fields[0].field_type).unwrap() else { unreachable!() };
    let DataType::Struct(inner) = element.data_type().clone() else { unreachable!() };
    let uuids: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter([[1u8; 16], [2; 16]].into_iter()).unwrap());
    let structs: ArrayRef = Arc::new(StructArray::new(inner, vec![uuids], None));
    let list = ListArray::new(element, OffsetBuffer::from_lengths([2, 0]), structs, Some(vec![true, false].into()));
    let converter = Converter::new(&schema, &all).unwrap().unwrap();
    let made = converter.convert(&batch(&schema, vec![Arc::new(list)])).unwrap();
    assert_eq!(made.schema(), Arc::new(arrow_schema(&converted(&schema, &all)).unwrap()));
    assert_eq!(made.schema().field(0).name(), "l_2");
    let within = made.column(0).as_list::<i32>().values().as_struct().column(0).clone();
    assert_eq!(strings(&within)[1], Some("02020202-0202-0202-0202-020202020202"));
    assert!(made.column(0).is_null(1));
}

#[test]
fn without_a_change_of_rows_there_is_nothing_to_convert() {
    let schema = schema(json!([{"id": 1, "name": "a", "required": true, "type": "int"}]));
    assert!(Converter::new(&schema, &[Conversion::SortOrder]).unwrap().is_none());
}
