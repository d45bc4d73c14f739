use icebridge_model::{Code, Error};

pub(super) fn broken(message: impl Into<String>) -> Error {
    Error::new(Code::MetadataBroken, message).with_hint(
        "The file is damaged or was written by a writer that does not follow the Avro specification. Check it at the source.",
    )
}
