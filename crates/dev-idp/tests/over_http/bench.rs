//! A running server, a clock to move, and a raw HTTP client that follows nothing and keeps nothing.

use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;
use url::form_urlencoded;
use vestibule_dev_idp::client::{DEVICE_ENROLLMENT, PRIVATE_REDIRECT_URI};
use vestibule_dev_idp::{Clock as _, DevIdp, Endpoint, ManualClock, Settings};

use crate::device::{Device, sha256_base64url};

pub(crate) const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more-0123";
pub(crate) const WIDE_SCOPE: &str = "openid aud:orders aud:billing";
/// When the servers' clocks start.
pub(crate) const START: u64 = 1_800_000_000;

pub(crate) struct Bench {
    pub(crate) idp: DevIdp,
    pub(crate) clock: Arc<ManualClock>,
    http: reqwest::Client,
}

/// Parameters of a request, to be changed before it is sent.
#[derive(Clone)]
pub(crate) struct Parameters(Vec<(String, String)>);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) id: String,
    pub(crate) body: Value,
}

impl Bench {
    pub(crate) async fn in_memory() -> Self {
        Self::start(Settings::in_memory()).await
    }

    pub(crate) async fn start(settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let idp = DevIdp::start(settings.clock(clock.clone())).await.unwrap();
        Self {
            idp,
            clock,
            http: http_client(),
        }
    }

    pub(crate) fn url(&self, tenant: &str, endpoint: Endpoint) -> String {
        format!("{}{}", self.idp.issuer(tenant), endpoint.path())
    }

    pub(crate) async fn get(&self, tenant: &str, endpoint: Endpoint) -> Answer {
        self.send(self.http.get(self.url(tenant, endpoint))).await
    }

    pub(crate) async fn get_json(&self, tenant: &str, endpoint: Endpoint) -> Value {
        self.get(tenant, endpoint).await.json()
    }

    /// GET of the authorization endpoint, with a proof of the device when there is one.
    pub(crate) async fn authorize(&self, tenant: &str, device: Option<&Device>, parameters: &Parameters) -> Answer {
        let url = self.url(tenant, Endpoint::Authorization);
        let proof = device.map(|device| device.proof("GET", &url, self.clock.now()));
        self.authorize_with(tenant, proof, parameters).await
    }

    pub(crate) async fn authorize_with(&self, tenant: &str, proof: Option<String>, parameters: &Parameters) -> Answer {
        let url = format!("{}?{}", self.url(tenant, Endpoint::Authorization), parameters.encoded());
        let mut request = self.http.get(url).header("accept", "application/json");
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        self.send(request).await
    }

    /// POST of a form, with a proof of the device when there is one.
    pub(crate) async fn post(
        &self,
        tenant: &str,
        endpoint: Endpoint,
        device: Option<&Device>,
        form: &Parameters,
    ) -> Answer {
        let url = self.url(tenant, endpoint);
        let proof = device.map(|device| device.proof("POST", &url, self.clock.now()));
        self.post_with(tenant, endpoint, proof, form).await.unwrap()
    }

    pub(crate) async fn post_with(
        &self,
        tenant: &str,
        endpoint: Endpoint,
        proof: Option<String>,
        form: &Parameters,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.post(self.url(tenant, endpoint)).body(form.encoded());
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        read(request.send().await?).await
    }

    pub(crate) async fn code(&self, tenant: &str, device: &Device) -> String {
        let answer = self
            .authorize(tenant, Some(device), &Parameters::enrolling(device))
            .await;
        answer
            .redirected("code")
            .unwrap_or_else(|| panic!("no code: {} {:?}", answer.status, answer.headers))
    }

    pub(crate) async fn redeem(&self, tenant: &str, device: &Device, code: &str) -> Answer {
        self.post(tenant, Endpoint::Token, Some(device), &Parameters::redeeming(code))
            .await
    }

    pub(crate) async fn enroll(&self, tenant: &str, device: &Device) -> Tokens {
        let code = self.code(tenant, device).await;
        self.redeem(tenant, device, &code).await.tokens()
    }

    pub(crate) async fn refresh(&self, tenant: &str, device: &Device, refresh: &str, scope: Option<&str>) -> Answer {
        let mut form = Parameters::refreshing(refresh);
        if let Some(scope) = scope {
            form = form.with("scope", scope);
        }
        self.post(tenant, Endpoint::Token, Some(device), &form).await
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        read(request.send().await.unwrap()).await.unwrap()
    }

    pub(crate) const fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

impl Parameters {
    pub(crate) fn enrolling(device: &Device) -> Self {
        let challenge = sha256_base64url(VERIFIER);
        Self::of(&[
            ("client_id", DEVICE_ENROLLMENT),
            ("redirect_uri", PRIVATE_REDIRECT_URI),
            ("response_type", "code"),
            ("scope", WIDE_SCOPE),
            ("state", "state-1"),
            ("nonce", "nonce-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("dpop_jkt", &device.jkt()),
            ("prompt", "none"),
        ])
    }

    pub(crate) fn redeeming(code: &str) -> Self {
        Self::of(&[
            ("client_id", DEVICE_ENROLLMENT),
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", PRIVATE_REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ])
    }

    pub(crate) fn refreshing(refresh: &str) -> Self {
        Self::of(&[
            ("client_id", DEVICE_ENROLLMENT),
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh),
        ])
    }

    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn twice(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(key, _)| key != name);
        self
    }

    pub(crate) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }

    /// A member of a JSON body; empty where there is none.
    pub(crate) fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn tokens(&self) -> Tokens {
        assert_eq!(self.status, 200, "{}", self.body);
        let text = |name| self.member(name);
        Tokens {
            access: text("access_token"),
            refresh: text("refresh_token"),
            id: text("id_token"),
            body: self.json(),
        }
    }

    /// (status, error, error_description) of a refusal in JSON.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        (self.status, self.member("error"), self.member("error_description"))
    }

    /// A parameter of the redirect.
    pub(crate) fn redirected(&self, name: &str) -> Option<String> {
        let location = self.headers.get("location")?.to_str().unwrap();
        let (_, query) = location.split_once('?')?;
        let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }
}

pub(crate) fn http_client() -> reqwest::Client {
    // A pooled connection that the server has just closed would look like a lost answer.
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

async fn read(response: reqwest::Response) -> reqwest::Result<Answer> {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer {
        status,
        headers,
        body: response.text().await?,
    })
}
