//! Connections, external locations and storage credentials.

use crate::base::Page;
use crate::unity::connections;
use crate::web::{Answer, page};
use axum::Json;
use axum::extract::Path;

pub async fn list(asked: Page) -> Answer {
    page(asked.of("connections", &connections::connections(), asked.unity(100)))
}

pub async fn get(Path(name): Path<String>) -> Answer {
    connections::connection(&name).map(Json)
}

pub async fn locations(asked: Page) -> Answer {
    page(asked.of("external_locations", &connections::locations(), asked.unity(100)))
}

pub async fn location(Path(name): Path<String>) -> Answer {
    connections::location(&name).map(Json)
}

pub async fn credentials(asked: Page) -> Answer {
    page(asked.of("storage_credentials", &connections::credentials(), asked.unity(100)))
}
