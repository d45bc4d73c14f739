//! The sandbox's own pages.

use axum::response::Html;

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
