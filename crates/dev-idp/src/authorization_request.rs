//! What a client asks at the authorization endpoint (RFC 6749, section 4.1.1; RFC 7636), or pushes (RFC 9126).

use serde::{Deserialize, Serialize};

use crate::call::{Call, ProofRule};
use crate::client::{self, Client};
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::scope;

/// Characters of an S256 challenge, and of a thumbprint: a SHA-256 in base64url.
const HASH_CHARS: usize = 43;

/// A checked request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) scope: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) code_challenge: String,
    pub(crate) dpop_jkt: Option<String>,
    /// `prompt=none`: nobody is there to be asked.
    pub(crate) silent: bool,
}

/// Where an answer may be sent. Until this is known, an error is shown and not redirected.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) client: Client,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
}

/// Finds the client and checks its redirect URI.
pub(crate) fn destination(parameters: &Parameters) -> Result<Destination, Refusal> {
    parameters.check_unique()?;
    let client = client::find(parameters.required("client_id")?)
        .ok_or_else(|| Refusal::bad_request("invalid_client", "Client not found."))?;
    let redirect_uri = parameters
        .optional("redirect_uri")
        .filter(|uri| client::accepts_redirect_uri(uri))
        .ok_or_else(|| Refusal::invalid_request("Invalid parameter: redirect_uri"))?
        .to_owned();
    Ok(Destination {
        client,
        redirect_uri,
        state: parameters.optional("state").map(str::to_owned),
    })
}

/// Checks the rest.
pub(crate) fn check(
    call: &Call,
    destination: &Destination,
    parameters: &Parameters,
) -> Result<AuthorizationRequest, Refusal> {
    check_response(parameters)?;
    let code_challenge = challenge(parameters)?;
    let dpop_jkt = parameters.optional("dpop_jkt").map(str::to_owned);
    if dpop_jkt.as_ref().is_some_and(|jkt| jkt.len() != HASH_CHARS) {
        return Err(Refusal::invalid_request("Invalid parameter: dpop_jkt"));
    }
    Ok(AuthorizationRequest {
        client_id: destination.client.id.to_owned(),
        redirect_uri: destination.redirect_uri.clone(),
        state: destination.state.clone(),
        scope: scope_of(parameters)?,
        nonce: parameters.optional("nonce").map(str::to_owned),
        code_challenge,
        dpop_jkt: dpop_jkt.filter(|_| call.proof_rule(destination.client) != ProofRule::Ignored),
        silent: prompts_none(parameters),
    })
}

/// The policy of the client: a code must be bound to a key. Checked when the DPoP header of a pushed request had its say.
pub(crate) fn check_binding(call: &Call, client: Client, request: &AuthorizationRequest) -> Result<(), Refusal> {
    match call.proof_rule(client) {
        ProofRule::Mandatory if request.dpop_jkt.is_none() => Err(Refusal::missing("dpop_jkt")),
        ProofRule::Mandatory | ProofRule::Voluntary | ProofRule::Ignored => Ok(()),
    }
}

fn check_response(parameters: &Parameters) -> Result<(), Refusal> {
    if parameters.required("response_type")? != "code" {
        return Err(Refusal::bad_request(
            "unsupported_response_type",
            "Response type is not supported",
        ));
    }
    if parameters.optional("request").is_some() {
        return Err(Refusal::bad_request(
            "request_not_supported",
            "Request objects are not supported",
        ));
    }
    match parameters.optional("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => Err(Refusal::invalid_request("Invalid parameter: response_mode")),
    }
}

fn challenge(parameters: &Parameters) -> Result<String, Refusal> {
    if parameters.required("code_challenge_method")? != "S256" {
        return Err(Refusal::invalid_request("Invalid parameter: code_challenge_method"));
    }
    let challenge = parameters.required("code_challenge")?;
    if challenge.len() == HASH_CHARS {
        Ok(challenge.to_owned())
    } else {
        Err(Refusal::invalid_request("Invalid parameter: code_challenge"))
    }
}

/// A scope left out is an empty one; one that is there must not be empty.
fn scope_of(parameters: &Parameters) -> Result<Vec<String>, Refusal> {
    match parameters.optional("scope") {
        None => Ok(Vec::new()),
        Some(words) => scope::parse(words).ok_or_else(|| Refusal::invalid_scope(words)),
    }
}

fn prompts_none(parameters: &Parameters) -> bool {
    parameters
        .optional("prompt")
        .is_some_and(|prompt| prompt.split(' ').any(|word| word == "none"))
}
