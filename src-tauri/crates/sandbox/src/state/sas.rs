//! Shared access signatures of Azure storage, for one container, as its documentation has them
//! (https://learn.microsoft.com/rest/api/storageservices/create-service-sas).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use icebridge_model::secret::Secret;
use ring::hmac;

/// With this version the text to sign has sixteen lines.
const VERSION: &str = "2022-11-02";
/// In the order that the service wants.
const PERMISSIONS: &str = "racwdl";
/// Clocks differ: it is valid from before now.
const BEFORE_MS: i64 = 5 * 60 * 1000;

/// None if the key is none.
pub fn signature(account: &str, container: &str, key: &Secret, now: i64, ends: i64) -> Option<Secret> {
    let key = STANDARD.decode(key.expose().trim()).ok()?;
    let time = |ms: i64| {
        let second = jiff::Timestamp::from_second(ms.div_euclid(1000)).ok()?;
        Some(second.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    let (from, to) = (time(now.saturating_sub(BEFORE_MS))?, time(ends)?);
    let resource = format!("/blob/{account}/{container}");
    let lines = [PERMISSIONS, &from, &to, &resource, "", "", "", VERSION, "c", "", "", "", "", "", "", ""];
    let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), lines.join("\n").as_bytes());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([("sv", VERSION), ("sr", "c"), ("sp", PERMISSIONS), ("st", &from), ("se", &to)]);
    query.append_pair("sig", &STANDARD.encode(signed.as_ref()));
    Some(Secret::new(query.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature is of Microsoft's own library: azure-storage-blob, `generate_container_sas`, told to write this version.
    #[test]
    fn it_is_what_microsofts_library_signs() {
        let key = Secret::new(STANDARD.encode(b"key"));
        let made = signature("acct", "lake", &key, 300_000, 3_600_999).unwrap();
        let pairs: Vec<_> = url::form_urlencoded::parse(made.expose().as_bytes()).into_owned().collect();
        let value = |name: &str| pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        assert_eq!(value("sig"), Some("HSR6fOmTiXazsbmkcet3RcTxxXMzOBU8PANLpNMnFmA="));
        assert_eq!((value("st"), value("se")), (Some("1970-01-01T00:00:00Z"), Some("1970-01-01T01:00:00Z")));
        assert!(signature("acct", "lake", &Secret::new("no base64"), 0, 1).is_none());
    }
}
