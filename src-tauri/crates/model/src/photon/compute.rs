//! What the copies run on: serverless compute, or classic clusters of our own.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ComputeChoice {
    /// Serverless where the workspace offers it, else classic; classic as well where a setting is one of clusters.
    #[default]
    Automatic,
    Serverless,
    Classic,
}

impl ComputeChoice {
    pub fn is_automatic(&self) -> bool {
        *self == Self::Automatic
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Serverless => "serverless",
            Self::Classic => "classic",
        }
    }
}

/// Plans of every version call it `serverless`: true or false. Until there was a choice, each had one of the two.
impl Serialize for ComputeChoice {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Automatic => to.serialize_str(self.as_str()),
            Self::Serverless => to.serialize_bool(true),
            Self::Classic => to.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for ComputeChoice {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "true, false, \"automatic\", \"serverless\" or \"classic\"")]
        enum Written {
            Flag(bool),
            Word(Word),
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Word {
            Automatic,
            Serverless,
            Classic,
        }
        Ok(match Written::deserialize(from)? {
            Written::Word(Word::Automatic) => Self::Automatic,
            Written::Flag(true) | Written::Word(Word::Serverless) => Self::Serverless,
            Written::Flag(false) | Written::Word(Word::Classic) => Self::Classic,
        })
    }
}
