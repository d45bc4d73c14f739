//! What becomes of that which the target refuses, as it is typed: `time=string`, or `web.events:time=string` for one table.

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use icebridge_model::TableIdent;
use icebridge_model::conversion::{ConversionSettings, NanosecondsAs, PartitionsAs, TimeAs};
use std::ffi::OsStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Time(TimeAs),
    Nanoseconds(NanosecondsAs),
    Partitions(PartitionsAs),
}

const CHOICES: [(&str, &str, Choice); 7] = [
    ("time=string", "HH:MM:SS.ffffff (default)", Choice::Time(TimeAs::String)),
    ("time=bigint", "Microseconds since midnight", Choice::Time(TimeAs::Bigint)),
    ("nanoseconds=bigint", "Nanoseconds since 1970 (default)", Choice::Nanoseconds(NanosecondsAs::Bigint)),
    ("nanoseconds=string", "Text with nine digits behind the point", Choice::Nanoseconds(NanosecondsAs::String)),
    ("partitions=try", "As they are, else clustering, else left out (default)", Choice::Partitions(PartitionsAs::Try)),
    ("partitions=cluster", "Clustering by their columns, else left out", Choice::Partitions(PartitionsAs::Cluster)),
    ("partitions=none", "Left out", Choice::Partitions(PartitionsAs::None)),
];

/// A choice for all tables, or for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convert {
    table: Option<TableIdent>,
    choice: Choice,
}

impl Convert {
    pub fn on(&self, settings: &mut ConversionSettings) {
        let Some(table) = &self.table else {
            match self.choice {
                Choice::Time(time) => settings.time = time,
                Choice::Nanoseconds(nanoseconds) => settings.nanoseconds = nanoseconds,
                Choice::Partitions(partitions) => settings.partitions = partitions,
            }
            return;
        };
        let own = settings.tables.entry(table.to_string()).or_default();
        match self.choice {
            Choice::Time(time) => own.time = Some(time),
            Choice::Nanoseconds(nanoseconds) => own.nanoseconds = Some(nanoseconds),
            Choice::Partitions(partitions) => own.partitions = Some(partitions),
        }
    }
}

/// Shells complete the choices, and an error lists them.
#[derive(Clone, Debug)]
pub struct ConvertParser;

impl TypedValueParser for ConvertParser {
    type Value = Convert;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let text = value.to_string_lossy();
        // No choice has a colon in it, and a table may.
        let (table, word) = match text.rsplit_once(':') {
            Some((table, word)) => (Some(table), word),
            None => (None, text.as_ref()),
        };
        let refused = |kind: ErrorKind| {
            let mut error = clap::Error::new(kind).with_cmd(command);
            if let Some(argument) = argument {
                error.insert(ContextKind::InvalidArg, ContextValue::String(argument.to_string()));
            }
            error.insert(ContextKind::InvalidValue, ContextValue::String(text.to_string()));
            error
        };
        let Some((.., choice)) = CHOICES.iter().find(|(known, ..)| *known == word) else {
            let mut error = refused(ErrorKind::InvalidValue);
            let words = CHOICES.iter().map(|(word, ..)| (*word).to_string()).collect();
            error.insert(ContextKind::ValidValue, ContextValue::Strings(words));
            return Err(error);
        };
        let table = table.map(TableIdent::parse).transpose().map_err(|_| refused(ErrorKind::ValueValidation))?;
        Ok(Convert { table, choice: *choice })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(CHOICES.iter().map(|(word, help, _)| PossibleValue::new(*word).help(*help))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Arguments, Command};
    use clap::Parser;

    fn settings(words: &[&str]) -> Result<ConversionSettings, clap::Error> {
        let line = [&["icebridge", "plan"], words].concat();
        match Arguments::try_parse_from(line)?.command {
            Command::Plan(plan) => Ok(plan.settings.settings().unwrap().conversions),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_choice_is_for_all_tables_or_for_one() {
        assert!(settings(&[]).unwrap().is_standard());
        let all = settings(&["--convert", "time=bigint", "--convert", "partitions=none,web.events:partitions=cluster"]);
        let all = all.unwrap();
        let of = |name: &str| all.of(&TableIdent::new(["web"], name));
        assert_eq!(of("events"), (TimeAs::Bigint, NanosecondsAs::Bigint, PartitionsAs::Cluster));
        assert_eq!(of("clicks").2, PartitionsAs::None);
    }

    #[test]
    fn a_choice_that_is_none_is_answered_with_all_of_them() {
        for wrong in ["time=text", "uuid=string", "web.events:time", "time"] {
            let error = crate::usage::error(&settings(&["--convert", wrong]).unwrap_err());
            let told = format!("{} {}", error.message, error.hint.unwrap_or_default());
            for (word, ..) in CHOICES {
                assert!(told.contains(word), "{wrong}: {told}");
            }
        }
        let error = settings(&["--convert", "events.:time=string"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ValueValidation, "{error}");
    }
}
