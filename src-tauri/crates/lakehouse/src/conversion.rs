//! Rows as the plan's conversions make them: the same function for what is written and for what the source is measured by.

use crate::arrow_types::{arrow_fields, arrow_schema, arrow_type};
use crate::shown;
use crate::text::schema_as_bytes;
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Time64MicrosecondType, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, Int64Array, ListArray, MapArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
    new_null_array,
};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType, SchemaRef};
use icebridge_model::conversion::{Conversion, ValueForm, converted};
use icebridge_model::schema::{Field, Primitive, Schema, Type};
use icebridge_model::{Code, Error, Result};
use std::collections::HashMap;
use std::sync::Arc;

const DAY_MICROS: i64 = 86_400_000_000;

/// Makes converted rows of those that were read under the source's schema.
#[derive(Clone, Debug)]
pub struct Converter {
    /// By the field's id: the type that it had, and the form that its values take.
    forms: Arc<HashMap<i32, (Type, ValueForm)>>,
    fields: Arc<Vec<Field>>,
    output: SchemaRef,
}

impl Converter {
    /// None if rows stay as they are, names and nullability included.
    pub fn new(source: &Schema, conversions: &[Conversion]) -> Result<Option<Self>> {
        Self::to(converted(source, conversions), conversions)
    }

    /// As [`Self::new`], for rows that have the bytes of text in its place.
    pub fn of_bytes(source: &Schema, conversions: &[Conversion]) -> Result<Option<Self>> {
        Self::to(schema_as_bytes(&converted(source, conversions)), conversions)
    }

    fn to(to: Schema, conversions: &[Conversion]) -> Result<Option<Self>> {
        let shaped = |one: &Conversion| one.changes_rows() || matches!(one, Conversion::Optional { .. });
        if !conversions.iter().any(shaped) {
            return Ok(None);
        }
        let forms = conversions.iter().filter_map(|one| match one {
            Conversion::Type { column, form, from, .. } => Some((column.id()?, (from.clone(), *form))),
            _ => None,
        });
        Ok(Some(Self {
            forms: Arc::new(forms.collect()),
            output: Arc::new(arrow_schema(&to)?),
            fields: Arc::new(to.fields),
        }))
    }

    pub fn arrow_schema(&self) -> SchemaRef {
        self.output.clone()
    }

    /// `batch` has the columns of the source's schema in its order.
    pub fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.fields.iter().zip(batch.columns()).map(|(field, array)| {
            self.column(field.id, array, &field.field_type).map_err(|e| e.about(format!("column {}", field.name)))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(self.output.clone(), columns, &options).map_err(unfit)
    }

    fn column(&self, id: i32, array: &ArrayRef, to: &Type) -> Result<ArrayRef> {
        if let Some((from, form)) = self.forms.get(&id) {
            return values(array, from, *form, &arrow_type(to)?);
        }
        match to {
            Type::Primitive(_) => Ok(array.clone()),
            Type::Struct(fields) => {
                let within = array.as_struct();
                let columns = fields.iter().zip(within.columns()).map(|(f, a)| self.column(f.id, a, &f.field_type));
                let columns = columns.collect::<Result<Vec<_>>>()?;
                let nulls = within.nulls().cloned();
                let built = StructArray::try_new_with_length(arrow_fields(fields)?, columns, nulls, within.len());
                built.map(|a| Arc::new(a) as ArrayRef).map_err(unfit)
            }
            Type::List(list) => {
                let DataType::List(element) = arrow_type(to)? else { return Err(no_list()) };
                let within = array.as_list::<i32>();
                let items = self.column(list.element_id, within.values(), &list.element)?;
                let built = ListArray::try_new(element, within.offsets().clone(), items, within.nulls().cloned());
                built.map(|a| Arc::new(a) as ArrayRef).map_err(unfit)
            }
            Type::Map(map) => {
                let DataType::Map(entries, _) = arrow_type(to)? else { return Err(no_list()) };
                let DataType::Struct(pair) = entries.data_type() else { return Err(no_list()) };
                let within = array.as_map();
                let keys = self.column(map.key_id, within.keys(), &map.key)?;
                let items = self.column(map.value_id, within.values(), &map.value)?;
                let both = StructArray::try_new(pair.clone(), vec![keys, items], None).map_err(unfit)?;
                let nulls = within.nulls().cloned();
                let built = MapArray::try_new(entries, within.offsets().clone(), both, nulls, false);
                built.map(|a| Arc::new(a) as ArrayRef).map_err(unfit)
            }
        }
    }
}

fn no_list() -> Error {
    Error::internal("a nested type without its Arrow form")
}

fn unfit(error: ArrowError) -> Error {
    Error::new(Code::FileBroken, "the rows do not fit the converted schema").with_cause(error)
}

/// `to` is text, or the bytes of it where text is read as bytes.
fn values(array: &ArrayRef, from: &Type, form: ValueForm, to: &DataType) -> Result<ArrayRef> {
    let made: ArrayRef = match form {
        ValueForm::Null => return Ok(new_null_array(to, array.len())),
        ValueForm::SameBytes => array.clone(),
        ValueForm::UuidText => {
            let bytes = array.as_fixed_size_binary_opt().ok_or_else(|| not_of(array, from))?;
            Arc::new(bytes.iter().map(|value| value.map(shown::uuid)).collect::<StringArray>())
        }
        ValueForm::Microseconds => {
            let times = array.as_primitive_opt::<Time64MicrosecondType>().ok_or_else(|| not_of(array, from))?;
            Arc::new(times.iter().collect::<Int64Array>())
        }
        ValueForm::TimeText => {
            let times = array.as_primitive_opt::<Time64MicrosecondType>().ok_or_else(|| not_of(array, from))?;
            Arc::new(texts(times.iter(), time_text)?)
        }
        ValueForm::Nanoseconds => {
            let moments = array.as_primitive_opt::<TimestampNanosecondType>().ok_or_else(|| not_of(array, from))?;
            Arc::new(moments.iter().collect::<Int64Array>())
        }
        ValueForm::MomentText => {
            let moments = array.as_primitive_opt::<TimestampNanosecondType>().ok_or_else(|| not_of(array, from))?;
            let Type::Primitive(primitive) = from else { return Err(not_of(array, from)) };
            Arc::new(texts(moments.iter(), |value| Ok(shown::moment(primitive, value)))?)
        }
    };
    if made.data_type() == to { Ok(made) } else { cast(&made, to).map_err(unfit) }
}

fn texts(
    values: impl ExactSizeIterator<Item = Option<i64>>,
    text: impl Fn(i64) -> Result<String>,
) -> Result<StringArray> {
    let mut out = StringBuilder::with_capacity(values.len(), values.len() * 15);
    for value in values {
        match value {
            Some(value) => out.append_value(text(value)?),
            None => out.append_null(),
        }
    }
    Ok(out.finish())
}

/// Text has no form for a time that is not of a day.
fn time_text(value: i64) -> Result<String> {
    if !(0..DAY_MICROS).contains(&value) {
        return Err(Error::new(Code::FileBroken, format!("the time {value} is not within a day"))
            .with_hint("Let times become numbers, which take any: the setting `conversions.time` as `bigint`."));
    }
    Ok(shown::moment(&Primitive::Time, value))
}

fn not_of(array: &ArrayRef, from: &Type) -> Error {
    Error::internal(format!("a column of {from} was read as {}", array.data_type()))
}

#[cfg(test)]
mod tests;
