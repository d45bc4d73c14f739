//! What leaves the machine of a span: scrubbed like a log line, and whether what it is about failed.

use crate::layer::cut_text;
use crate::scrub;
use opentelemetry::trace::Status;
use opentelemetry::{Array, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use std::borrow::Cow;
use std::time::Duration;

/// Every failure that a person is told has a code, in the log as anywhere: a warning that has one says that what its span is
/// about failed.
const CODE: &str = "code";
const ERROR: &str = "error";
const LEVEL: &str = "level";
const SEVERE: [&str; 2] = ["WARN", "ERROR"];

#[derive(Debug)]
pub struct Told<E>(pub E);

impl<E: SpanExporter> SpanExporter for Told<E> {
    fn export(&self, mut batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        batch.iter_mut().for_each(tell);
        self.0.export(batch)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

fn tell(span: &mut SpanData) {
    span.attributes.iter_mut().for_each(hide);
    for event in &mut span.events.events {
        event.name = Cow::Owned(told(&event.name));
        event.attributes.iter_mut().for_each(hide);
    }
    if span.status == Status::Unset
        && let Some(why) = span.events.events.iter().rev().find_map(|event| failure(&event.attributes))
    {
        span.status = Status::error(why);
    }
    if let Status::Error { description } = &mut span.status {
        *description = Cow::Owned(told(description));
    }
}

fn told(text: &str) -> String {
    let mut text = scrub::text(text);
    cut_text(&mut text);
    text
}

fn failure(attributes: &[KeyValue]) -> Option<String> {
    let named = |name: &str| attributes.iter().find(|pair| pair.key.as_str() == name).map(|pair| pair.value.as_str());
    let code = named(CODE)?;
    SEVERE.contains(&&*named(LEVEL)?).then_some(())?;
    Some(named(ERROR).map_or_else(|| code.to_string(), |error| error.to_string()))
}

fn hide(pair: &mut KeyValue) {
    let name = pair.key.as_str();
    let hidden = |text: &StringValue| -> StringValue {
        let mut value = serde_json::Value::from(text.as_str());
        scrub::named(name, &mut value);
        let mut text = value.as_str().unwrap_or(scrub::HIDDEN).to_string();
        cut_text(&mut text);
        text.into()
    };
    match &mut pair.value {
        Value::String(text) => *text = hidden(text),
        Value::Array(Array::String(texts)) => texts.iter_mut().for_each(|text| *text = hidden(text)),
        _ => {}
    }
}
