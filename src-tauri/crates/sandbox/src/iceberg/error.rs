//! Refusals in the shape of the Iceberg REST specification, which is another than the workspace's.

use crate::base::Refusal;

#[derive(Clone, Debug, PartialEq)]
pub struct IcebergError {
    pub status: u16,
    pub kind: &'static str,
    pub message: String,
}

impl IcebergError {
    pub fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into() }
    }

    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestException", format!("Malformed request: {}", message.into()))
    }

    pub fn no_table(name: &str) -> Self {
        Self::new(404, "NoSuchTableException", format!("Table does not exist: {name}"))
    }

    /// Another commit came first. The real endpoint says so in either of two ways; `plain` is the specification's.
    pub fn conflict(plain: bool, why: &str) -> Self {
        match plain {
            true => Self::new(409, "CommitFailedException", format!("Commit failed: {why}")),
            false => Self::bad(format!("Commit validation failed. {why} [ErrorCode: 2010]")),
        }
    }
}

impl From<Refusal> for IcebergError {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.code.as_str().unwrap_or_default();
        let kind = match (refusal.status, code) {
            (404, "CATALOG_DOES_NOT_EXIST") => "NotFoundException",
            (404, "SCHEMA_DOES_NOT_EXIST") => "NoSuchNamespaceException",
            (404, _) => "NoSuchTableException",
            (409, _) => "AlreadyExistsException",
            (403, _) => "ForbiddenException",
            (500.., _) => "ServerErrorException",
            _ => "BadRequestException",
        };
        Self { status: refusal.status, kind, message: refusal.message }
    }
}

impl From<std::io::Error> for IcebergError {
    fn from(error: std::io::Error) -> Self {
        Refusal::from(error).into()
    }
}
