//! What is written where.
//!
//! The file gets everything from `info` on of IceBridge itself and warnings of its libraries, and besides what was asked for.
//! Standard error gets what was asked for, or the program's usual level.

use icebridge_model::logs::LogLevel;
use icebridge_model::{Error, Result};
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// Levels by target: `info`, `icebridge_core=debug,warn`.
pub const LOG_VARIABLE: &str = "ICEBRIDGE_LOG";

/// How the targets of our own crates begin.
pub const OURS: &str = "icebridge";

#[derive(Clone, Debug)]
pub struct Levels {
    /// None: nothing.
    pub(crate) stderr: Option<Wanted>,
    pub(crate) file: Wanted,
}

impl Levels {
    /// `option` is `--log`, and goes before `variable`, the text of `ICEBRIDGE_LOG`. `usual` is for standard error where neither
    /// is given.
    pub fn choose(usual: Option<LogLevel>, option: Option<LogLevel>, variable: Option<&str>) -> Result<Self> {
        let asked = match (option, variable.map(str::trim).filter(|text| !text.is_empty())) {
            (Some(level), _) => Some(of_level(level)),
            (None, Some(text)) => Some(text.parse::<Targets>().map_err(|e| {
                Error::invalid("the log levels cannot be understood")
                    .about(format!("{LOG_VARIABLE}={text}"))
                    .with_cause(e)
                    .with_hint("Write a level, or levels by module: `debug`, or `warn,icebridge_core=debug`.")
            })?),
            (None, None) => None,
        };
        let stderr = asked.clone().or(usual.map(of_level)).map(|targets| Wanted(vec![targets]));
        Ok(Self { stderr, file: Wanted(std::iter::once(of_level(LogLevel::Info)).chain(asked).collect()) })
    }

    /// Where what was asked for is not understood.
    pub fn usual(usual: Option<LogLevel>) -> Self {
        Self { stderr: usual.map(|level| Wanted(vec![of_level(level)])), file: Wanted(vec![of_level(LogLevel::Info)]) }
    }
}

/// A level is ours; of libraries, warnings are enough.
fn of_level(level: LogLevel) -> Targets {
    let filter = filter_of(level);
    Targets::new().with_target(OURS, filter).with_default(filter.min(LevelFilter::WARN))
}

fn filter_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// What any of these wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted(Vec<Targets>);

impl Wanted {
    /// Our spans are always wanted: they carry the ids of the events in them, whatever the events' level is.
    pub fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let carries_ids = metadata.is_span() && metadata.target().starts_with(OURS);
        (carries_ids && *metadata.level() <= tracing::Level::INFO)
            || self.0.iter().any(|targets| targets.would_enable(metadata.target(), metadata.level()))
    }

    pub fn most_verbose(&self) -> LevelFilter {
        let levels =
            self.0.iter().flat_map(|targets| targets.iter().map(|(_, level)| level).chain(targets.default_level()));
        levels.max().unwrap_or(LevelFilter::OFF).max(LevelFilter::INFO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    fn wants(wanted: &Wanted, target: &str, level: Level) -> bool {
        wanted.0.iter().any(|targets| targets.would_enable(target, &level))
    }

    #[test]
    fn the_file_has_info_whatever_was_asked_for() {
        let quiet = Levels::choose(None, None, None).unwrap();
        assert!(quiet.stderr.is_none());
        assert!(wants(&quiet.file, "icebridge_core::run", Level::INFO));
        assert!(!wants(&quiet.file, "icebridge_core::run", Level::DEBUG));
        assert!(wants(&quiet.file, "hyper", Level::WARN) && !wants(&quiet.file, "hyper", Level::INFO));

        let errors = Levels::choose(Some(LogLevel::Warn), Some(LogLevel::Error), Some("trace")).unwrap();
        let stderr = errors.stderr.unwrap();
        assert!(!wants(&stderr, "icebridge_core", Level::WARN), "the option goes before the variable");
        assert!(wants(&errors.file, "icebridge_core", Level::INFO));

        let debug = Levels::choose(None, None, Some("warn,icebridge_core=debug")).unwrap();
        assert!(wants(&debug.file, "icebridge_core::run", Level::DEBUG));
        assert!(!wants(&debug.file, "icebridge_store", Level::DEBUG));
        assert_eq!(debug.file.most_verbose(), LevelFilter::DEBUG);
        assert!(!wants(&debug.stderr.unwrap(), "icebridge_store", Level::INFO));
    }

    #[test]
    fn what_cannot_be_understood_is_an_error() {
        let error = Levels::choose(None, None, Some("icebridge=loud")).unwrap_err();
        assert_eq!(error.object.as_deref(), Some("ICEBRIDGE_LOG=icebridge=loud"));
        assert!(Levels::choose(None, None, Some("  ")).unwrap().stderr.is_none());
    }
}
