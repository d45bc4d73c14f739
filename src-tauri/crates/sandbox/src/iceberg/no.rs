//! Refusals in the shape of the Iceberg REST specification, which is another than the workspace's.

use crate::answer::Refusal;
use axum::Json;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::json;

pub type Answer = Result<Json<serde_json::Value>, No>;

#[derive(Clone, Debug, PartialEq)]
pub struct No {
    pub status: u16,
    pub kind: &'static str,
    pub message: String,
}

impl No {
    pub fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into() }
    }

    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestException", format!("Malformed request: {}", message.into()))
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "ForbiddenException", message)
    }

    pub fn no_table(name: &str) -> Self {
        Self::new(404, "NoSuchTableException", format!("Table does not exist: {name}"))
    }

    /// Somebody was faster. The real endpoint says so in either of two ways; `plain` is the specification's.
    pub fn conflict(plain: bool, why: &str) -> Self {
        match plain {
            true => Self::new(409, "CommitFailedException", format!("Commit failed: {why}")),
            false => Self::bad(format!("Commit validation failed. {why} [ErrorCode: 2010]")),
        }
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.code.as_str().unwrap_or_default();
        let kind = match (refusal.status.as_u16(), code) {
            (404, "CATALOG_DOES_NOT_EXIST") => "NotFoundException",
            (404, "SCHEMA_DOES_NOT_EXIST") => "NoSuchNamespaceException",
            (404, _) => "NoSuchTableException",
            (409, _) => "AlreadyExistsException",
            (403, _) => "ForbiddenException",
            (500.., _) => "ServerErrorException",
            _ => "BadRequestException",
        };
        Self { status: refusal.status.as_u16(), kind, message: refusal.message }
    }
}

impl From<std::io::Error> for No {
    fn from(error: std::io::Error) -> Self {
        Refusal::from(error).into()
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = json!({"error": {"message": self.message, "type": self.kind, "code": self.status}});
        (status, Json(body)).into_response()
    }
}
