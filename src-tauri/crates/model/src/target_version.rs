//! The format version that tables have in the target.

use crate::conversion::Conversion;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TargetVersion {
    /// The source's; a rewrite makes version 2 of version 1.
    #[default]
    Keep,
    /// Version 3, also of tables that have an earlier one.
    Three,
}

impl TargetVersion {
    pub fn is_keep(&self) -> bool {
        *self == Self::Keep
    }

    /// What a table of this version has to be raised by; none if it has what is wanted.
    pub fn raises(self, from: u8) -> Option<Conversion> {
        (self == Self::Three && from < 3).then_some(Conversion::FormatVersion { from, to: 3 })
    }
}

impl Serialize for TargetVersion {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep => to.serialize_str("keep"),
            Self::Three => to.serialize_u8(3),
        }
    }
}

impl<'de> Deserialize<'de> for TargetVersion {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u8),
            Word(String),
        }
        match Written::deserialize(from) {
            Ok(Written::Number(3)) => Ok(Self::Three),
            Ok(Written::Word(word)) if word == "3" => Ok(Self::Three),
            Ok(Written::Word(word)) if word == "keep" => Ok(Self::Keep),
            _ => Err(serde::de::Error::custom("the target's format version is \"keep\" or 3")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Settings;

    #[test]
    fn the_choice_is_keep_or_3_and_changes_no_plan_that_makes_none() {
        let read = |text: &str| serde_json::from_str::<Settings>(text).map(|settings| settings.target_format_version);
        for text in [r#"{"target_format_version": 3}"#, r#"{"target_format_version": "3"}"#] {
            assert_eq!(read(text).unwrap(), TargetVersion::Three);
        }
        assert_eq!(read(r#"{"target_format_version": "keep"}"#).unwrap(), TargetVersion::Keep);
        for wrong in ["2", "4", "\"newest\"", "null"] {
            let error = read(&format!(r#"{{"target_format_version": {wrong}}}"#)).unwrap_err().to_string();
            assert!(error.contains("\"keep\" or 3"), "{error}");
        }
        let written =
            |settings: Settings| serde_json::to_value(settings).unwrap().get("target_format_version").cloned();
        assert_eq!(written(Settings::default()), None);
        let three = Settings { target_format_version: TargetVersion::Three, ..Settings::default() };
        assert_eq!(written(three), Some(3.into()));
        assert_eq!(TargetVersion::Three.raises(3), None);
        assert_eq!(TargetVersion::Keep.raises(1), None);
    }
}
