use icebridge_model::{Code, Error};

pub(super) fn broken(message: impl Into<String>) -> Error {
    Error::new(Code::FileBroken, message)
        .with_hint("Check the file at the source; compacting the table there writes its delete files anew.")
}
