use super::told::Told;
use crate::scrub;
use icebridge_model::secret::Secret;
use opentelemetry::trace::{Status, TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use std::sync::{Arc, Mutex};
use tracing_subscriber::layer::SubscriberExt;

#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// What a collector gets of this work, the spans that end first first.
fn told(work: impl FnOnce()) -> Vec<SpanData> {
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(Told(kept.clone())).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    let spans = kept.0.lock().unwrap();
    spans.clone()
}

#[test]
fn no_secret_is_in_a_span_or_its_events() {
    scrub::learn(&Secret::new("canary-in-a-server's-answer"));
    let spans = told(|| {
        let span = tracing::info_span!("call", uri = "http://me:hunter2@h/", password = "hunter2");
        span.in_scope(|| {
            tracing::info!(header = ?("authorization", "Bearer hunter2hunter2"), "password=hunter2");
            tracing::warn!(code = "x", error = "refused: canary-in-a-server's-answer", "failed");
        });
    });
    let text = format!("{spans:?}");
    assert!(!text.contains("hunter2") && !text.contains("canary"), "{text}");
    assert!(text.contains("http://***@h/"), "{text}");
}

#[test]
fn long_values_are_cut_as_in_the_log() {
    let long = "ä".repeat(1 << 20);
    let spans = told(|| {
        tracing::info_span!("table", table = long).in_scope(|| tracing::warn!(code = "x", error = long, "{long}"));
    });
    assert!(format!("{spans:?}").len() < 64 << 10);
}

#[test]
fn what_failed_is_the_span_around_the_event_with_a_code() {
    let spans = told(|| {
        let run = tracing::info_span!("run").entered();
        tracing::info_span!("table", table = "a").in_scope(|| {
            tracing::warn!(code = "file-missing", error = "a file is gone", "the table failed");
        });
        tracing::info_span!("table", table = "b").in_scope(|| {
            tracing::warn!("a rename was slow");
            tracing::info!(code = "file-missing", error = "tried again", "a file is gone");
        });
        drop(run);
    });
    let statuses = spans.iter().map(|span| (&*span.name, span.status.clone())).collect::<Vec<_>>();
    assert_eq!(
        statuses,
        [("table", Status::error("a file is gone")), ("table", Status::Unset), ("run", Status::Unset)]
    );
}
