//! The page in the browser. What is asked for is checked when the page is shown and again when the person has decided, so that
//! nothing need be remembered in between.

use super::grants::{Code, Grant};
use crate::world::{Shared, locked};
use axum::Form;
use axum::extract::{OriginalUri, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use std::collections::HashMap;
use url::Url;

const FIELDS: [&str; 7] =
    ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"];

type Asked = HashMap<String, String>;

/// Why nobody is sent back: to whom is unclear. Or what they are told where they are sent.
enum Wrong {
    Shown(&'static str),
    Sent(Box<Url>, &'static str, &'static str),
}

fn of<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.get(name).map_or("", String::as_str)
}

/// The address to send the person back to.
fn check(world: &Shared, asked: &Asked) -> Result<Url, Wrong> {
    let Some(client) = locked(&world.oidc).client(of(asked, "client_id")).cloned() else {
        return Err(Wrong::Shown("OAuth application with client_id is not available in this account."));
    };
    let redirect = of(asked, "redirect_uri");
    let allowed = if client.redirect_urls.is_empty() {
        redirect
            .strip_prefix("http://localhost:")
            .and_then(|port| port.parse::<u16>().ok())
            .is_some_and(|port| (8020..=8040).contains(&port))
    } else {
        client.redirect_urls.iter().any(|one| one == redirect)
    };
    let url = Url::parse(redirect).ok().filter(|_| allowed);
    let url = url.ok_or(Wrong::Shown("The redirect_uri is not registered with this OAuth application."))?;
    let wrong = |code, words| Err(Wrong::Sent(Box::new(url.clone()), code, words));
    if of(asked, "response_type") != "code" {
        return wrong("unsupported_response_type", "response_type must be code");
    }
    if of(asked, "code_challenge").len() != 43 || of(asked, "code_challenge_method") != "S256" {
        return wrong("invalid_request", "PKCE with code_challenge_method S256 is required");
    }
    if !of(asked, "scope").split_whitespace().any(|scope| scope != "offline_access") {
        return wrong("invalid_scope", "no scope was asked for");
    }
    Ok(url)
}

fn answer_wrong(wrong: Wrong, state: &str) -> Response {
    match wrong {
        Wrong::Shown(words) => (StatusCode::BAD_REQUEST, html("Sign-in failed", &escaped(words))).into_response(),
        Wrong::Sent(mut url, code, words) => {
            url.query_pairs_mut()
                .append_pair("error", code)
                .append_pair("error_description", words)
                .append_pair("state", state);
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

pub async fn page(State(world): State<Shared>, OriginalUri(uri): OriginalUri, Query(asked): Query<Asked>) -> Response {
    if let Err(wrong) = check(&world, &asked) {
        return answer_wrong(wrong, of(&asked, "state"));
    }
    let hidden: String = FIELDS
        .iter()
        .map(|name| format!("<input type=hidden name={name} value=\"{}\">", escaped(of(&asked, name))))
        .collect();
    let people: String = locked(&world.people)
        .users()
        .map(|person| {
            let (name, display) = (escaped(&person.name), escaped(&person.display));
            format!("<p><button name=person value=\"{name}\" id=\"{name}\">Sign in as {display} ({name})</button></p>")
        })
        .collect();
    let body = format!(
        "<p>The application <b>{}</b> asks for access to the sandbox workspace: {}.</p>\
         <form method=post action=\"{}\">{hidden}{people}\
         <p><button name=person value=\"\" id=deny>Refuse</button></p></form>",
        escaped(of(&asked, "client_id")),
        escaped(of(&asked, "scope")),
        escaped(uri.path()),
    );
    html("Sign in to the sandbox", &body).into_response()
}

pub async fn decide(State(world): State<Shared>, Form(asked): Form<Asked>) -> Response {
    let mut url = match check(&world, &asked) {
        Ok(url) => url,
        Err(wrong) => return answer_wrong(wrong, of(&asked, "state")),
    };
    let state = of(&asked, "state");
    let person = of(&asked, "person");
    if locked(&world.people).users().all(|one| one.name != person) {
        return answer_wrong(Wrong::Sent(Box::new(url), "access_denied", "The user refused the request"), state);
    }
    let grant = Grant {
        client_id: of(&asked, "client_id").to_owned(),
        person: person.to_owned(),
        scope: of(&asked, "scope").to_owned(),
        session: world.ids.uuid(),
        expires: 0,
    };
    let code = Code {
        grant,
        redirect_uri: of(&asked, "redirect_uri").to_owned(),
        challenge: of(&asked, "code_challenge").to_owned(),
    };
    let code = locked(&world.oidc).code(code, world.clock.now());
    url.query_pairs_mut().append_pair("code", &code).append_pair("state", state);
    redirect(&url)
}

pub fn html(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>\
         <style>body{{font:16px sans-serif;max-width:44em;margin:3em auto;padding:0 1em}}button{{font:inherit;padding:.5em 1em}}\
         code{{background:#eee;padding:.1em .3em}}</style><h1>{title}</h1>{body}</html>"
    ))
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
