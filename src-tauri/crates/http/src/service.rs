//! How failures of one kind of server are reported, and the refusals that it is asked to explain.

use icebridge_model::Code;

/// One kind of server, as error messages speak of it.
#[derive(Debug)]
pub struct Service {
    /// With its article: `the catalog`.
    pub name: &'static str,
    /// The code of a server that does not answer.
    pub unreachable: Code,
    pub unreachable_hint: &'static str,
    /// What to do about a certificate that is not trusted.
    pub certificate_hint: &'static str,
    /// What to do about a proxy that asks for a password.
    pub proxy_hint: &'static str,
    /// The code of a server that answers, and not as it should.
    pub refused: Code,
    /// The sentence for an answer that such a server does not give, such as a sign-in page.
    pub not_this_service: &'static str,
    pub not_this_service_hint: &'static str,
    /// What an answer without content stands for.
    pub empty_answer: &'static str,
    /// What a refusal means, by its status and kind.
    pub explain: fn(&Refusal) -> Explanation,
}

/// What one refusal means to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub code: Code,
    pub message: &'static str,
    pub hint: &'static str,
}

/// An answer that says no.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: u16,
    /// The server's own code, such as `RESOURCE_DOES_NOT_EXIST` or `NoSuchTableException`; empty if it gives none.
    pub kind: String,
    pub message: String,
    pub request_id: Option<String>,
    /// Method and address, without the query.
    pub call: String,
    pub(crate) service: &'static Service,
}
