//! An error as the workspace phrases it.

use serde_json::{Value, json};
use std::fmt;

#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    /// Nearly always text; a rejected token has a number here, and clients have broken on that.
    pub code: Value,
    pub message: String,
    /// Unity Catalog repeats its code as a reason among the details.
    pub domain: Option<&'static str>,
    pub retry_after: Option<u64>,
}

impl Refusal {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), domain: None, retry_after: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_PARAMETER_VALUE", message)
    }

    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BAD_REQUEST", message)
    }

    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(400, "MALFORMED_REQUEST", message)
    }

    pub fn absent(message: impl Into<String>) -> Self {
        Self::new(404, "RESOURCE_DOES_NOT_EXIST", message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NOT_FOUND", message)
    }

    pub fn missing_field(name: &str) -> Self {
        Self::invalid(format!("Missing required field: {name}"))
    }

    pub fn broken(message: impl Into<String>) -> Self {
        Self::new(500, "INTERNAL_ERROR", message)
    }

    /// One of Unity Catalog's own codes.
    pub fn unity(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { domain: Some("unity-catalog.databricks.com"), ..Self::new(status, code, message) }
    }

    /// `privilege` as the API spells it, with underscores.
    pub fn lacks(privilege: &str, securable: &impl fmt::Display) -> Self {
        let message = format!("User does not have {} on {securable}.", privilege.replace('_', " "));
        Self::unity(403, "PERMISSION_DENIED", message)
    }

    /// A token that is not known: the real code here is a number.
    pub fn token(status: u16, message: &str) -> Self {
        Self { code: status.into(), ..Self::new(status, "", message) }
    }

    pub fn body(&self, request_id: &str) -> Value {
        let mut details = Vec::new();
        if let (Some(domain), Some(reason)) = (self.domain, self.code.as_str()) {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain, "metadata": {}
            }));
        }
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.RequestInfo", "request_id": request_id, "serving_data": ""
        }));
        json!({"error_code": self.code, "message": self.message, "details": details})
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::broken(format!("The sandbox's folder failed: {error}"))
    }
}
