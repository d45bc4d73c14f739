//! Refusals in the shape of the Iceberg REST specification, which is another than the workspace's.

use crate::base::Refusal;

#[derive(Clone, Debug, PartialEq)]
pub struct IcebergError {
    pub status: u16,
    pub kind: &'static str,
    pub message: String,
    /// The vendor's own code, where the answer has a field for it.
    pub error_code: Option<u32>,
    pub is_conflict: bool,
}

/// The vendor's code of a conflict.
const CONFLICT: u32 = 2010;

impl IcebergError {
    pub fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), error_code: None, is_conflict: false }
    }

    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestException", format!("Malformed request: {}", message.into()))
    }

    pub fn no_table(name: &str) -> Self {
        Self::new(404, "NoSuchTableException", format!("Table does not exist: {name}"))
    }

    /// Another commit came first. The real endpoint says so in either of two ways; `plain` is the specification's.
    pub fn conflict(plain: bool, code_apart: bool, why: &str) -> Self {
        if plain {
            let message = format!("Commit failed: {why}");
            return Self { is_conflict: true, ..Self::new(409, "CommitFailedException", message) };
        }
        let message = "Commit validation failed. Please contact Databricks support for assistance.";
        Self {
            is_conflict: true,
            error_code: code_apart.then_some(CONFLICT),
            ..Self::bad(format!("{message} [ErrorCode: {CONFLICT}]"))
        }
    }

    /// Names the table in a refusal that is no conflict.
    pub fn about(self, table: &str) -> Self {
        if self.is_conflict {
            return self;
        }
        Self { message: format!("{} (table {table})", self.message), ..self }
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
        Self::new(refusal.status, kind, refusal.message)
    }
}

impl From<std::io::Error> for IcebergError {
    fn from(error: std::io::Error) -> Self {
        Refusal::from(error).into()
    }
}
