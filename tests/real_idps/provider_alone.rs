//! What the provider itself does, asked directly over HTTP: without this, the tests of the adapter would prove less
//! than they seem to.

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use serde_json::Value;
use url::{Url, form_urlencoded};
use vestibule_tests::servers::{Form, OidcProvider};

const REDIRECT_URI: &str = "dev.vestibule.app:/enrolled";
// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[tokio::test]
async fn a_code_that_comes_twice_is_refused_and_takes_its_grant_with_it() {
    let server = OidcProvider::start(Form::OneRedirect).unwrap();
    let endpoint = Endpoint::new(&server);
    let code = endpoint.code().await;
    let redeem = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];

    let (status, first) = endpoint.token(&redeem).await;
    assert_eq!(status, 200, "{first}");
    let (status, again) = endpoint.token(&redeem).await;
    assert_eq!((status, text(&again, "error")), (400, "invalid_grant"));

    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&first, "refresh_token")),
    ];
    let (status, after) = endpoint.token(&refresh).await;
    assert_eq!((status, text(&after, "error")), (400, "invalid_grant"));
}

#[tokio::test]
async fn hops_lead_nowhere_without_their_cookies() {
    let server = OidcProvider::start(Form::Hops).unwrap();
    let endpoint = Endpoint::new(&server);

    let first = endpoint.authorize().await;
    let location = first.headers()[LOCATION].to_str().unwrap();
    assert!(location.starts_with("/interaction/"), "{location}");
    let page = format!("{}{location}", endpoint.issuer);

    let answer = endpoint.http.get(&page).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get(LOCATION)), (400, None));

    let cookies: Vec<_> = first
        .headers()
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|set| set.to_str().ok()?.split(';').next())
        .collect();
    let answer = endpoint
        .http
        .get(&page)
        .header(COOKIE, cookies.join("; "))
        .send()
        .await
        .unwrap();
    let back = answer.headers()[LOCATION].to_str().unwrap();
    assert!(back.starts_with(&endpoint.issuer), "{back}");
    let answer = endpoint.http.get(back).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().get(LOCATION)), (400, None));
}

/// The provider as a device sees it, without a proof.
struct Endpoint {
    issuer: String,
    http: reqwest::Client,
}

impl Endpoint {
    fn new(server: &OidcProvider) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            issuer: server.issuer(),
            http,
        }
    }

    async fn authorize(&self) -> Response {
        let parameters = [
            ("client_id", OidcProvider::DEVICE_CLIENT),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid"),
            ("state", "s"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("prompt", "none"),
        ];
        let url = Url::parse_with_params(&format!("{}/auth", self.issuer), parameters).unwrap();
        self.http.get(url).send().await.unwrap()
    }

    async fn code(&self) -> String {
        let answer = self.authorize().await;
        let location = Url::parse(answer.headers()[LOCATION].to_str().unwrap()).unwrap();
        let code = location.query_pairs().find(|(name, _)| name == "code");
        code.unwrap_or_else(|| panic!("no code in {location}")).1.into_owned()
    }

    async fn token(&self, parameters: &[(&str, &str)]) -> (u16, Value) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let body = form
            .append_pair("client_id", OidcProvider::DEVICE_CLIENT)
            .extend_pairs(parameters)
            .finish();
        let request = self.http.post(format!("{}/token", self.issuer)).body(body);
        let answer = request
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .send()
            .await
            .unwrap();
        (
            answer.status().as_u16(),
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap(),
        )
    }
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_default()
}
