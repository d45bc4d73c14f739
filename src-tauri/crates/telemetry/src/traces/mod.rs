//! Traces for a collector of OpenTelemetry, asked for by its own environment variables; docs/traces.md.
//!
//! The spans are those of the log: a run, a table, its copy, its commit. Nothing is sent unless a variable names a collector,
//! and a collector that is away fails nothing.

mod collector;
mod settings;
#[cfg(test)]
mod tests;
mod told;

use crate::scrub;
use collector::Collector;
use icebridge_model::{Error, Result};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use settings::Settings;
use std::time::Duration;
use told::Told;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

const SERVICE_NAME: &str = "icebridge";
/// How the library names a service that has no name.
const NAMELESS: &str = "unknown_service";
/// What is left at the end of a command is waited for as long, and no longer.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Cheap to clone; every clone is the same.
#[derive(Clone, Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// None where no variable asks for traces.
    pub fn from_environment() -> Result<Option<Self>> {
        match Settings::of(|name| std::env::var(name).ok())? {
            Some(settings) => Self::to(&settings).map(Some),
            None => Ok(None),
        }
    }

    fn to(settings: &Settings) -> Result<Self> {
        for secret in settings.secrets.iter() {
            scrub::learn(secret);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(settings.address.expose())
            .with_http_client(Collector::new(settings)?)
            // The transport repeats what may be repeated.
            .with_retry_policy(opentelemetry_otlp::RetryPolicy::disabled())
            .build()
            .map_err(|e| {
                Error::invalid("the variables of OpenTelemetry cannot be understood")
                    .with_cause_text(scrub::text(&e.to_string()).replace(settings.address.expose(), &settings.origin))
                    .with_hint("See docs/traces.md for those that are known here.")
            })?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(Told(exporter)).with_resource(resource());
        Ok(Self { provider: provider.build() })
    }

    /// Spans for whom [`Self::end`] sends them.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(SERVICE_NAME))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
    }

    /// Sends what is left. Spans that end later are lost.
    pub fn end(&self) {
        // Why not all could be sent, the collector's client has said.
        let _ = self.provider.shutdown_with_timeout(END_WITHIN);
    }
}

/// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before ours.
fn resource() -> Resource {
    let given = Resource::builder().build();
    let name = given.get(&Key::from_static_str("service.name")).map(|name| name.as_str().into_owned());
    let resource = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    match name.filter(|name| !name.starts_with(NAMELESS)) {
        Some(_) => resource.build(),
        None => resource.with_service_name(SERVICE_NAME).build(),
    }
}
