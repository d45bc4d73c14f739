//! Answers as protocol buffers write JSON: what is empty, false, 0 or null is left out.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use http_body_util::BodyExt;
use serde_json::Value;

/// Parts of the API that are not protocol buffers.
const OTHERS: [&str; 2] = ["/api/2.1/unity-catalog/iceberg-rest/", "/api/2.0/preview/scim/"];
/// Fields that are maps: their values stay, whatever they are.
const MAPS: [&str; 8] =
    ["properties", "options", "custom_tags", "default_tags", "tags", "spark_conf", "spark_env_vars", "parameters"];

pub fn applies_to(path: &str) -> bool {
    path.starts_with("/api/") && !OTHERS.iter().any(|other| path.starts_with(other))
}

pub async fn sparse(response: Response<Body>) -> Response<Body> {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let bytes = match serde_json::from_slice::<Value>(&bytes) {
        Ok(mut value) => {
            thin(&mut value);
            value.to_string().into_bytes()
        }
        Err(_) => bytes.to_vec(),
    };
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Response::from_parts(parts, Body::from(bytes))
}

fn is_usual(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

fn thin(value: &mut Value) {
    match value {
        // The elements of a list stay, as the rows of a result must.
        Value::Array(all) => all.iter_mut().for_each(thin),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if !(value.is_object() && MAPS.contains(&name.as_str())) {
                    thin(value);
                }
            }
            fields.retain(|_, value| !is_usual(value));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_has_its_usual_value_is_left_out_at_any_depth() {
        let mut value = json!({
            "a": 0, "b": false, "c": "", "d": null, "e": [], "f": {"g": {"h": 0}}, "i": "0", "j": -1,
            "rows": [["1", null], [null, ""]], "list": [{"a": 0}, 0], "properties": {"x": "", "y": "1"}, "options": {},
        });
        thin(&mut value);
        let expected = json!({
            "i": "0", "j": -1, "rows": [["1", null], [null, ""]], "list": [{}, 0], "properties": {"x": "", "y": "1"},
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn other_formats_keep_their_fields() {
        assert!(applies_to("/api/2.1/unity-catalog/tables"));
        for other in ["/api/2.1/unity-catalog/iceberg-rest/v1/config", "/api/2.0/preview/scim/v2/Me", "/oidc/v1/token"]
        {
            assert!(!applies_to(other), "{other}");
        }
    }
}
