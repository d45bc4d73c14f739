//! Enums of the API that will grow: a value newer than this program is kept as its text, never an error.

/// An enum of the values a field is known to hold, and `Other` for the rest.
macro_rules! open_enum {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($variant,)*
            /// A value newer than this program, as it was given.
            Other(String),
        }

        impl $name {
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        /// What a field that is absent stands for: no value that is known.
        impl Default for $name {
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)*
                    _ => Self::Other(text),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(from).map(Self::from)
            }
        }
    )*};
}

pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    open_enum! {
        Colour { Red = "RED", Green = "GREEN" }
    }

    #[test]
    fn an_unknown_value_comes_back_as_it_was() {
        let read: Vec<Colour> = serde_json::from_str(r#"["RED", "ULTRAVIOLET"]"#).unwrap();
        assert_eq!(read, [Colour::Red, Colour::Other("ULTRAVIOLET".into())]);
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["RED","ULTRAVIOLET"]"#);
    }
}
