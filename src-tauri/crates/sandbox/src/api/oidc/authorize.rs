//! The page in the browser. The request is checked when the page is shown and again when the person has decided, so that
//! nothing need be remembered in between.

use crate::base::{Params, param};
use crate::state::sign_in::{Rejected, accept, check_request};
use crate::web::{Identity, escaped, html};
use axum::Form;
use axum::extract::{OriginalUri, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::Url;

const FIELDS: [&str; 7] =
    ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"];

fn check(state: &Identity, params: &Params) -> Result<Url, Rejected> {
    check_request(state.tokens.lock().client(param(params, "client_id")), params)
}

fn reject(rejected: Rejected, state: &str) -> Response {
    match rejected {
        Rejected::Shown(message) => {
            (StatusCode::BAD_REQUEST, html("Sign-in failed", &escaped(message))).into_response()
        }
        Rejected::SentBack(mut url, code, description) => {
            let pairs = [("error", code), ("error_description", description), ("state", state)];
            url.query_pairs_mut().extend_pairs(pairs);
            redirect(&url)
        }
    }
}

fn redirect(url: &Url) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(location) = HeaderValue::from_str(url.as_str()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

pub async fn page(
    State(state): State<Identity>,
    OriginalUri(uri): OriginalUri,
    Query(params): Query<Params>,
) -> Response {
    if let Err(rejected) = check(&state, &params) {
        return reject(rejected, param(&params, "state"));
    }
    let field = |name: &&str| format!("<input type=hidden name={name} value=\"{}\">", escaped(param(&params, name)));
    let hidden: String = FIELDS.iter().map(field).collect();
    let principals = state.common.principals.lock();
    let buttons: String = principals
        .users()
        .map(|user| {
            let (name, display) = (escaped(&user.name), escaped(&user.display));
            format!("<p><button name=person value=\"{name}\" id=\"{name}\">Sign in as {display} ({name})</button></p>")
        })
        .collect();
    let body = format!(
        "<p>The application <b>{}</b> asks for access to the sandbox workspace: {}.</p>\
         <form method=post action=\"{}\">{hidden}{buttons}\
         <p><button name=person value=\"\" id=deny>Refuse</button></p></form>",
        escaped(param(&params, "client_id")),
        escaped(param(&params, "scope")),
        escaped(uri.path()),
    );
    html("Sign in to the sandbox", &body).into_response()
}

pub async fn decide(State(state): State<Identity>, Form(params): Form<Params>) -> Response {
    let back = param(&params, "state");
    let mut url = match check(&state, &params) {
        Ok(url) => url,
        Err(rejected) => return reject(rejected, back),
    };
    let person = param(&params, "person");
    let known = state.common.principals.lock().users().any(|user| user.name == person);
    if !known {
        return reject(Rejected::SentBack(Box::new(url), "access_denied", "The user refused the request"), back);
    }
    let code = accept(&mut state.tokens.lock(), &params, person, state.common.now());
    url.query_pairs_mut().append_pair("code", &code).append_pair("state", back);
    redirect(&url)
}
