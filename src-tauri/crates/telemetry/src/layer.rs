//! Makes a line of every event, with the ids of the spans around it, and scrubs it.

use crate::bounds::{LONGEST_LINE, LONGEST_VALUE};
use crate::levels::Wanted;
use crate::scrub;
use icebridge_model::logs::{LogLevel, LogLine};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

/// Takes lines that are scrubbed already.
pub trait Sink: Send + Sync + 'static {
    fn accept(&self, line: &LogLine);
}

pub struct LineLayer<K> {
    sink: K,
}

impl<K: Sink> LineLayer<K> {
    pub fn new(sink: K) -> Self {
        Self { sink }
    }
}

type Fields = BTreeMap<String, Value>;

/// A span's fields, for one of the layers: each has its own filter, and so its own spans.
struct SpanFields<K>(Fields, PhantomData<fn() -> K>);

impl<S, K> Layer<S> for LineLayer<K>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    K: Sink,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::new();
        attributes.record(&mut Collect(&mut fields));
        span.extensions_mut().insert(SpanFields::<K>(fields, PhantomData));
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(SpanFields(fields, _)) = span.extensions_mut().get_mut::<SpanFields<K>>() {
            record.record(&mut Collect(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let (mut fields, mut spans) = (Fields::new(), Vec::new());
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            spans.push(span.name());
            if let Some(SpanFields(of_span, _)) = span.extensions().get::<SpanFields<K>>() {
                fields.extend(of_span.clone());
            }
        }
        event.record(&mut Collect(&mut fields));
        self.sink.accept(&line(event.metadata(), &spans.join(":"), fields));
    }
}

fn line(metadata: &Metadata<'_>, span: &str, mut fields: Fields) -> LogLine {
    for (name, value) in &mut fields {
        scrub::named(name, value);
        cut(value);
    }
    let mut take = |name: &str| match fields.remove(name)? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    let message = take("message").unwrap_or_default();
    let (run, table, step) = (take("run"), take("table"), take("step"));
    fields.retain(|_, value| value.as_str() != Some(""));
    let mut line = LogLine {
        at: format!("{:.6}", Timestamp::now()),
        level: level(*metadata.level()),
        process: std::process::id(),
        target: metadata.target().to_string(),
        message,
        run,
        table,
        step,
        span: span.to_string(),
        fields,
    };
    if line.fields.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>() > LONGEST_LINE {
        line.fields = [("left_out".to_string(), Value::from("the fields are too long"))].into();
    }
    line
}

fn size(value: &Value) -> usize {
    value.as_str().map_or(0, str::len)
}

fn cut(value: &mut Value) {
    if let Value::String(text) = value {
        cut_text(text);
    }
}

pub(crate) fn cut_text(text: &mut String) {
    if text.len() > LONGEST_VALUE {
        text.truncate(text.floor_char_boundary(LONGEST_VALUE));
        text.push_str("… (cut)");
    }
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

struct Collect<'a>(&'a mut Fields);

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_string(), value.into());
    }
}

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

impl<S> Filter<S> for Wanted {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most_verbose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Levels;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<LogLine>>>);

    impl Sink for Kept {
        fn accept(&self, line: &LogLine) {
            self.0.lock().unwrap().push(line.clone());
        }
    }

    fn heard(option: Option<LogLevel>, work: impl FnOnce()) -> Vec<LogLine> {
        let kept = Kept::default();
        let levels = Levels::choose(None, option, None).unwrap();
        let wanted = levels.stderr.unwrap_or(levels.file);
        let subscriber = tracing_subscriber::registry().with(LineLayer::new(kept.clone()).with_filter(wanted));
        tracing::subscriber::with_default(subscriber, work);
        let lines = kept.0.lock().unwrap();
        lines.clone()
    }

    #[test]
    fn a_line_has_the_ids_of_the_spans_around_it() {
        let lines = heard(None, || {
            let run = tracing::info_span!(target: "icebridge_core", "run", run = "0199", plan = "abc").entered();
            let table =
                tracing::info_span!(target: "icebridge_core", "table", table = "a.b", rows = tracing::field::Empty);
            table.record("rows", 12_u64);
            table.in_scope(|| tracing::info!(target: "icebridge_core", attempt = 2, step = %"copy", "copied"));
            drop(run);
            tracing::info!(target: "icebridge_core", "outside");
            tracing::debug!(target: "icebridge_core", "not wanted");
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        let line = &lines[0];
        assert_eq!(
            (line.run.as_deref(), line.table.as_deref(), line.step.as_deref()),
            (Some("0199"), Some("a.b"), Some("copy"))
        );
        assert_eq!((line.message.as_str(), line.span.as_str()), ("copied", "run:table"));
        assert_eq!((&line.fields["attempt"], &line.fields["rows"]), (&Value::from(2), &Value::from(12)));
        assert_eq!(lines[1].run, None);
    }

    #[test]
    fn an_error_keeps_its_ids_where_only_errors_are_wanted() {
        let lines = heard(Some(LogLevel::Error), || {
            let _run = tracing::info_span!(target: "icebridge_core", "run", run = "0199").entered();
            tracing::warn!(target: "icebridge_core", "not wanted");
            tracing::error!(target: "icebridge_core", "wanted");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].run.as_deref(), Some("0199"));
    }

    #[test]
    fn secrets_of_messages_fields_and_spans_are_scrubbed() {
        let lines = heard(None, || {
            let _run =
                tracing::info_span!(target: "icebridge_core", "run", run = "1", uri = "http://u:hunter2@h/").entered();
            tracing::info!(target: "icebridge_core", client_secret = "hunter2", header = ?("authorization", "Bearer hunter2hunter2"), "password=hunter2");
        });
        let text = serde_json::to_string(&lines).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("http://***@h/"), "{text}");
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let lines = heard(None, || tracing::info!(target: "icebridge_core", "{}", "ä".repeat(LONGEST_VALUE)));
        assert!(lines[0].message.len() < LONGEST_VALUE + 20 && lines[0].message.ends_with("ä… (cut)"));
    }
}
