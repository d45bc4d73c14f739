//! What OpenTelemetry's own environment variables ask for, as far as the library does not read them itself.
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>

use icebridge_http::{header, origin_of};
use icebridge_model::secret::Secret;
use icebridge_model::{Code, Error, Result};
use std::path::PathBuf;
use std::time::Duration;

/// Where a collector on this machine listens.
const USUAL_COLLECTOR: &str = "http://localhost:4318";
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);
/// A collector that takes longer is not waited for: what is kept for it meanwhile is bounded.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
const PATH: &str = "/v1/traces";
const PROTOCOL: &str = "http/protobuf";
const COMPRESSIONS: [&str; 2] = ["gzip", "none"];

#[derive(Debug)]
pub struct Settings {
    /// Scheme, host and port: what may be shown of the address.
    pub origin: String,
    /// The whole address: a path or query of it may be a secret.
    pub address: Secret,
    /// Values of the headers that go with each request.
    pub secrets: Vec<Secret>,
    pub timeout: Duration,
    /// Certificates that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
}

impl Settings {
    /// None where nobody asks for traces.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let given = |name: &str| variable(name).map(|text| text.trim().to_string()).filter(|text| !text.is_empty());
        let ours = |end: &str| {
            given(&format!("OTEL_EXPORTER_OTLP_TRACES_{end}")).or_else(|| given(&format!("OTEL_EXPORTER_OTLP_{end}")))
        };
        if given("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let exporter = exporter(given("OTEL_TRACES_EXPORTER").as_deref())?;
        let of_traces = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let of_all = given("OTEL_EXPORTER_OTLP_ENDPOINT");
        let address = match (exporter, of_traces, of_all) {
            (Exporter::None, ..) | (Exporter::Unsaid, None, None) => return Ok(None),
            (_, Some(address), _) => address,
            (_, None, address) => {
                let base = address.unwrap_or_else(|| USUAL_COLLECTOR.to_string());
                format!("{}{PATH}", base.trim_end_matches('/'))
            }
        };
        if let Some(other) = ours("PROTOCOL").filter(|text| text != PROTOCOL) {
            return Err(Error::new(Code::Unsupported, format!("traces are sent by {PROTOCOL} alone"))
                .about(other)
                .with_hint(format!(
                    "Set OTEL_EXPORTER_OTLP_PROTOCOL={PROTOCOL}, and the collector's address for it (its port is usually 4318)."
                )));
        }
        if let Some(other) = ours("COMPRESSION").filter(|text| !COMPRESSIONS.contains(&text.as_str())) {
            return Err(Error::new(Code::Unsupported, "traces are not compressed this way")
                .about(other)
                .with_hint("Set OTEL_EXPORTER_OTLP_COMPRESSION to gzip, or to none."));
        }
        if ours("CLIENT_CERTIFICATE").or_else(|| ours("CLIENT_KEY")).is_some() {
            return Err(Error::new(
                Code::Unsupported,
                "a certificate of our own cannot be shown to the collector of traces",
            )
            .with_hint("Send the traces to a collector on this machine, which passes them on."));
        }
        Ok(Some(Self {
            origin: origin(&address)?,
            address: Secret::new(address),
            secrets: ours("HEADERS").map(|text| header_values(&text)).unwrap_or_default(),
            timeout: ours("TIMEOUT").map_or(Ok(USUAL_TIMEOUT), |text| timeout(&text))?,
            ca_file: ours("CERTIFICATE").map(PathBuf::from),
        }))
    }
}

enum Exporter {
    Unsaid,
    None,
    Otlp,
}

fn exporter(text: Option<&str>) -> Result<Exporter> {
    let Some(text) = text else { return Ok(Exporter::Unsaid) };
    let names = text.split(',').map(str::trim).collect::<Vec<_>>();
    if names.contains(&"otlp") {
        return Ok(Exporter::Otlp);
    }
    if names == ["none"] {
        return Ok(Exporter::None);
    }
    Err(Error::new(Code::Unsupported, "there is no such exporter of traces here")
        .about(format!("OTEL_TRACES_EXPORTER={text}"))
        .with_hint("Use `otlp`, or `none`."))
}

/// An address with a password is refused as all are: the password would be in whatever shows the address.
fn origin(address: &str) -> Result<String> {
    let refused = |why: &str| {
        Error::invalid(format!("the address of the collector of traces {why}"))
            .with_hint("Set OTEL_EXPORTER_OTLP_ENDPOINT to an address such as http://localhost:4318, and secrets in OTEL_EXPORTER_OTLP_HEADERS.")
    };
    let origin = origin_of(address).filter(|origin| origin.starts_with("http://") || origin.starts_with("https://"));
    let origin = origin.ok_or_else(|| refused("cannot be understood"))?;
    let authority = address.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(refused("has a user or a password"));
    }
    Ok(origin)
}

fn timeout(text: &str) -> Result<Duration> {
    match text.parse().map(Duration::from_millis) {
        Ok(Duration::ZERO) | Err(_) => Err(Error::invalid("this is no number of milliseconds")
            .about(format!("OTEL_EXPORTER_OTLP_TIMEOUT={text}"))
            .with_hint("Give a whole number above 0, such as 10000.")),
        Ok(timeout) => Ok(timeout.min(LONGEST_TIMEOUT)),
    }
}

/// `key1=value1,key2=value2`, percent-encoded.
fn header_values(text: &str) -> Vec<Secret> {
    let values = text.split(',').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value.trim());
    values.flat_map(|value| [Secret::new(value), Secret::new(decoded(value))]).collect()
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// None of these can be said by a variable: they belong to the request itself.
pub fn is_of_the_request(name: &header::HeaderName) -> bool {
    [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::HOST, header::TRANSFER_ENCODING, header::CONNECTION]
        .contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Option<Settings>> {
        Settings::of(|name| pairs.iter().find(|(of, _)| *of == name).map(|(_, text)| text.to_string()))
    }

    fn address(pairs: &[(&str, &str)]) -> Option<String> {
        of(pairs).unwrap().map(|settings| settings.address.expose().to_string())
    }

    const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

    #[test]
    fn nobody_is_sent_traces_who_was_not_named() {
        assert_eq!(address(&[]), None);
        assert_eq!(address(&[(ENDPOINT, "  ")]), None);
        assert_eq!(address(&[(ENDPOINT, "http://h"), ("OTEL_SDK_DISABLED", "TRUE")]), None);
        assert_eq!(address(&[(ENDPOINT, "http://h"), ("OTEL_TRACES_EXPORTER", "none")]), None);
        assert_eq!(address(&[("OTEL_SERVICE_NAME", "mine")]), None);
    }

    #[test]
    fn the_address_is_made_as_the_specification_says() {
        assert_eq!(address(&[(ENDPOINT, "http://h:4318")]).as_deref(), Some("http://h:4318/v1/traces"));
        assert_eq!(address(&[(ENDPOINT, "https://h/otlp/")]).as_deref(), Some("https://h/otlp/v1/traces"));
        let of_traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/as/it/is");
        assert_eq!(address(&[(ENDPOINT, "http://h"), of_traces]).as_deref(), Some("http://t/as/it/is"));
        assert_eq!(address(&[("OTEL_TRACES_EXPORTER", "otlp")]).as_deref(), Some("http://localhost:4318/v1/traces"));
    }

    #[test]
    fn what_cannot_be_done_is_said_without_a_secret() {
        for (name, text) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://me:hunter2@h/"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "hunter2"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "file:///hunter2"),
        ] {
            let error = of(&[(ENDPOINT, "http://h"), (name, text)]).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn values_of_headers_are_secrets_in_both_forms() {
        let settings =
            of(&[(ENDPOINT, "http://h"), ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x=c==")]).unwrap().unwrap();
        let secrets = settings.secrets.iter().map(Secret::expose).collect::<Vec<_>>();
        assert_eq!(secrets, ["a%20b", "a b", "c==", "c=="]);
        assert_eq!(settings.timeout, USUAL_TIMEOUT);
        assert_eq!(
            of(&[(ENDPOINT, "http://h"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "99999999")]).unwrap().unwrap().timeout,
            LONGEST_TIMEOUT
        );
    }
}
