//! What goes back to a client: JSON, or a refusal in the shape of the real one.

use crate::base::Refusal;
use crate::iceberg::IcebergError;
use crate::state::sign_in::OAuthError;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

pub type Answer = Result<Json<Value>, Refusal>;
pub type IcebergAnswer = Result<Json<Value>, IcebergError>;

/// Nothing to say.
pub fn done() -> Answer {
    Ok(Json(json!({})))
}

pub fn page(fields: Map<String, Value>) -> Answer {
    Ok(Json(Value::Object(fields)))
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl IntoResponse for Refusal {
    /// Its body is written by [`finish`], which knows the request's id.
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(self.status);
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for IcebergError {
    fn into_response(self) -> Response<Body> {
        let mut body = json!({"error": {"message": self.message, "type": self.kind, "code": self.status}});
        if let Some(code) = self.error_code {
            body["error"]["error_code"] = code.into();
        }
        (status(self.status), Json(body)).into_response()
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response<Body> {
        (status(self.0), Json(json!({"error": self.1, "error_description": self.2}))).into_response()
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
