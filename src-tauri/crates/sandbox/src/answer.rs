//! What goes back to a client: JSON, or a refusal in the shape of the real one.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

pub type Answer = Result<Json<Value>, Refusal>;

/// An error as the workspace words it. Its body is written by [`finish`], which knows the request's id.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: StatusCode,
    /// Nearly always a word; but a rejected token is answered with a number here, and clients have broken on that.
    pub code: Value,
    pub message: String,
    /// Unity Catalog repeats its code as a reason among the details.
    pub domain: Option<&'static str>,
    pub retry_after: Option<u64>,
}

impl Refusal {
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code: code.into(),
            message: message.into(),
            domain: None,
            retry_after: None,
        }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_PARAMETER_VALUE", message)
    }

    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BAD_REQUEST", message)
    }

    pub fn absent(message: impl Into<String>) -> Self {
        Self::new(404, "RESOURCE_DOES_NOT_EXIST", message)
    }

    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(403, "PERMISSION_DENIED", message)
    }

    pub fn broken(message: impl Into<String>) -> Self {
        Self::new(500, "INTERNAL_ERROR", message)
    }

    /// One of Unity Catalog's own codes.
    pub fn unity(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { domain: Some("unity-catalog.databricks.com"), ..Self::new(status, code, message) }
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

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes a refusal's body and the request id that every answer has.
pub fn finish(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        *response.body_mut() = Body::from(refusal.body(request_id).to_string());
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = refusal.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Ok(phrase) = HeaderValue::from_str(&refusal.message)
            && refusal.code.is_number()
        {
            headers.insert("x-databricks-reason-phrase", phrase);
        }
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
