//! Reads types from JSON as services write them: a number may stand as text and a text as a number, a flag as text, and a
//! null within an object is as good as nothing. What still does not fit is named by its place, never by its value, which
//! may be a secret.

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Element(usize),
}

/// Why a value does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Missing(&'static str),
    /// Another type than the one that is named.
    Wrong(String),
    Other,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(field) => write!(f, "lacks `{field}`"),
            Self::Wrong(expected) => write!(f, "is not {expected}"),
            Self::Other => f.write_str("is not as expected"),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    /// The text may repeat a value.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Other
    }
    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        // As the derived readers name what they expect.
        let expected = expected.to_string();
        Self::Wrong(match expected.as_str() {
            "a string" | "a borrowed string" => "a text".into(),
            "a boolean" => "true or false".into(),
            "f64" | "f32" => "a number".into(),
            "i64" | "u64" | "i32" | "u32" => "a whole number".into(),
            "a sequence" => "a list".into(),
            other if other == "a map" || other.starts_with("struct ") => "an object".into(),
            _ => expected,
        })
    }
}

/// Where the reader is, and where it failed first, which is the innermost place.
#[derive(Debug, Default)]
pub(super) struct Trace {
    at: RefCell<Vec<Step>>,
    failed_at: RefCell<Option<Vec<Step>>>,
}

impl Trace {
    pub fn failed_at(self) -> Vec<Step> {
        self.failed_at.into_inner().unwrap_or_default()
    }

    fn within<T>(&self, step: Step, read: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        self.at.borrow_mut().push(step);
        let read = read();
        if read.is_err() {
            self.failed_at.borrow_mut().get_or_insert_with(|| self.at.borrow().clone());
        }
        self.at.borrow_mut().pop();
        read
    }
}

#[derive(Clone, Copy)]
pub(super) struct Soft<'a> {
    pub value: &'a Value,
    pub trace: &'a Trace,
}

impl Soft<'_> {
    /// The whole number that it stands for, whatever it is written as.
    fn whole(&self) -> Option<Value> {
        let float = |number: f64| {
            let exact = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
            #[expect(clippy::cast_possible_truncation, reason = "whole, and within what a float holds exactly")]
            exact.then(|| Value::from(number as i64))
        };
        match self.value {
            Value::Number(number) if number.is_i64() || number.is_u64() => Some(self.value.clone()),
            Value::Number(number) => float(number.as_f64()?),
            Value::String(text) => {
                let text = text.trim();
                let signed = text.parse::<i64>().ok().map(Value::from);
                signed.or_else(|| text.parse::<u64>().ok().map(Value::from)).or_else(|| float(text.parse().ok()?))
            }
            _ => None,
        }
    }
}

/// A whole number, which the visitor itself fits into its type.
macro_rules! whole {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.whole() {
                Some(Value::Number(number)) => match (number.as_u64(), number.as_i64()) {
                    (Some(number), _) => visitor.visit_u64(number),
                    (None, Some(number)) => visitor.visit_i64(number),
                    (None, None) => self.deserialize_any(visitor),
                },
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Soft<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (_, _, number) => visitor.visit_f64(number.unwrap_or_default()),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Elements { items, next: 0, trace: self.trace }),
            Value::Object(fields) => visitor.visit_map(Fields::of(fields, self.trace)),
        }
    }

    whole! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let number = match self.value {
            Value::String(text) => text.trim().parse::<f64>().ok().filter(|number| number.is_finite()),
            other => other.as_f64(),
        };
        match number {
            Some(number) => visitor.visit_f64(number),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::String(text) if text.eq_ignore_ascii_case("true") => visitor.visit_bool(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => visitor.visit_bool(false),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Bool(_) | Value::Number(_) => visitor.visit_string(self.value.to_string()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        // What it is taken for does not matter: no answer of ours holds values in its variants.
        self.value.deserialize_enum(name, variants, visitor).map_err(|_| Fault::Other)
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Elements<'a> {
    items: &'a [Value],
    next: usize,
    trace: &'a Trace,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(value) = self.items.get(self.next) else { return Ok(None) };
        let (at, trace) = (self.next, self.trace);
        self.next += 1;
        trace.within(Step::Element(at), || seed.deserialize(Soft { value, trace })).map(Some)
    }
}

struct Fields<'a> {
    left: Box<dyn Iterator<Item = (&'a String, &'a Value)> + 'a>,
    value: Option<(&'a String, &'a Value)>,
    trace: &'a Trace,
}

impl<'a> Fields<'a> {
    fn of(fields: &'a Map<String, Value>, trace: &'a Trace) -> Self {
        Self { left: Box::new(fields.iter().filter(|(_, value)| !value.is_null())), value: None, trace }
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.value = self.left.next();
        let Some((name, _)) = self.value else { return Ok(None) };
        seed.deserialize(name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((name, value)) = self.value.take() else { return Err(Fault::Other) };
        let trace = self.trace;
        trace.within(Step::Field(name.clone()), || seed.deserialize(Soft { value, trace }))
    }
}
