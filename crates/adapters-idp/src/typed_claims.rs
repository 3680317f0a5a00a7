//! From a verified token to the typed claims that the flows judge.

use serde_json::{Map, Value};
use vestibule_domain::claims::Claims;
use vestibule_domain::identifiers::UserId;

use crate::signed_token::{SignedToken, TokenFault, time};

/// Types claims; `answer_scope` counts where the token names no scope itself (RFC 6749, section 5.1).
pub(crate) fn typed(token: &SignedToken, answer_scope: Option<&str>) -> Result<Claims, TokenFault> {
    let text = |name: &str| token.claims.get(name).and_then(Value::as_str);
    let subject = text("sub")
        .and_then(|sub| UserId::parse(sub).ok())
        .ok_or(TokenFault::Claim("sub"))?;
    let mut claims = Claims::new(subject);
    claims.audiences = audiences(&token.claims)?;
    claims.authorized_party = text("azp").or_else(|| text("client_id")).map(Into::into);
    claims.scopes = scopes(&token.claims, answer_scope)?;
    claims.issued_at = time(&token.claims, "iat");
    claims.expires_at = time(&token.claims, "exp");
    claims.is_access_token = says_access_token(token);
    claims.is_bound = token.claims.get("cnf").is_some_and(|cnf| !cnf.is_null());
    claims.role_audiences = role_audiences(&token.claims);
    claims.names = names(&token.claims, claims.subject.as_str());
    Ok(claims)
}

/// `aud`: one text or a list of texts (RFC 7519, section 4.1.3).
pub(crate) fn audiences(claims: &Map<String, Value>) -> Result<Vec<String>, TokenFault> {
    match claims.get("aud") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(many)) => many
            .iter()
            .map(|one| one.as_str().map(Into::into).ok_or(TokenFault::Claim("aud")))
            .collect(),
        Some(_) => Err(TokenFault::Claim("aud")),
    }
}

/// `scope`: words separated by spaces, or a list of words as some servers write it.
fn scopes(claims: &Map<String, Value>, answer_scope: Option<&str>) -> Result<Vec<String>, TokenFault> {
    let words = |text: &str| {
        text.split(' ')
            .filter(|word| !word.is_empty())
            .map(Into::into)
            .collect()
    };
    match claims.get("scope") {
        None | Some(Value::Null) => Ok(answer_scope.map(words).unwrap_or_default()),
        Some(Value::String(text)) => Ok(words(text)),
        Some(Value::Array(many)) => many
            .iter()
            .map(|one| one.as_str().map(Into::into).ok_or(TokenFault::Claim("scope")))
            .collect(),
        Some(_) => Err(TokenFault::Claim("scope")),
    }
}

fn says_access_token(token: &SignedToken) -> bool {
    let header_type = token
        .header
        .get("typ")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let by_header = header_type == "at+jwt" || header_type == "application/at+jwt";
    let by_payload = token
        .claims
        .get("typ")
        .and_then(Value::as_str)
        .is_some_and(|name| matches!(name, "Bearer" | "DPoP"));
    by_header || by_payload
}

fn role_audiences(claims: &Map<String, Value>) -> Vec<String> {
    let has_roles = |access: &Value| {
        access
            .get("roles")
            .is_none_or(|roles| roles.as_array().is_none_or(|r| !r.is_empty()))
    };
    let of_realm = claims
        .get("realm_access")
        .filter(|access| has_roles(access))
        .map(|_| String::new());
    let of_clients = claims
        .get("resource_access")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, access)| has_roles(access))
        .map(|(client, _)| client.clone());
    of_realm.into_iter().chain(of_clients).collect()
}

/// The names of all claims but those that are the subject once more: these say nothing about a person. Keycloak names an
/// anonymous user by its id (`preferred_username`, `upn`).
fn names(claims: &Map<String, Value>, subject: &str) -> Vec<String> {
    claims
        .iter()
        .filter(|(name, value)| *name == "sub" || value.as_str() != Some(subject))
        .map(|(name, _)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token(header: Value, claims: Value) -> SignedToken {
        let object = |value: Value| value.as_object().cloned().unwrap();
        SignedToken {
            header: object(header),
            claims: object(claims),
        }
    }

    #[test]
    fn claims_are_typed() {
        let token = token(
            json!({"typ": "JWT"}),
            json!({
                "sub": "u1", "aud": ["orders", "account"], "azp": "app", "scope": "aud:orders  openid", "iat": 10,
                "exp": 20.7, "typ": "Bearer", "cnf": {"jkt": "x"}, "preferred_username": "u1", "upn": "u1", "name": "Eve",
                "resource_access": {"orders": {"roles": ["r"]}, "empty": {"roles": []}}, "realm_access": {"roles": ["x"]},
            }),
        );
        let claims = typed(&token, Some("ignored")).unwrap();
        assert_eq!(claims.audiences, ["orders", "account"]);
        assert_eq!(claims.authorized_party.as_deref(), Some("app"));
        assert_eq!(claims.scopes, ["aud:orders", "openid"]);
        assert_eq!(claims.issued_at.unwrap().unix_s(), 10);
        assert_eq!(claims.expires_at.unwrap().unix_s(), 20);
        assert!(claims.is_access_token && claims.is_bound);
        assert_eq!(claims.role_audiences, ["", "orders"]);
        assert!(claims.names.iter().any(|name| name == "name"));
        assert!(
            !claims
                .names
                .iter()
                .any(|name| name == "preferred_username" || name == "upn")
        );
    }

    #[test]
    fn a_user_name_that_is_not_the_subject_is_reported() {
        let token = token(json!({}), json!({"sub": "u1", "preferred_username": "eve"}));
        assert!(
            typed(&token, None)
                .unwrap()
                .names
                .iter()
                .any(|name| name == "preferred_username")
        );
    }

    #[test]
    fn the_answers_scope_counts_where_the_token_names_none() {
        for (scope, expected) in [
            (json!({"sub": "u"}), vec!["a", "b"]),
            (json!({"sub": "u", "scope": ""}), vec![]),
        ] {
            assert_eq!(typed(&token(json!({}), scope), Some("a b")).unwrap().scopes, expected);
        }
    }

    #[test]
    fn what_it_is_follows_from_header_or_payload() {
        let table = [
            (json!({"typ": "at+jwt"}), json!({"sub": "u"}), true),
            (json!({"typ": "application/AT+JWT"}), json!({"sub": "u"}), true),
            (json!({"typ": "JWT"}), json!({"sub": "u", "typ": "DPoP"}), true),
            (json!({"typ": "JWT"}), json!({"sub": "u", "typ": "ID"}), false),
            (json!({}), json!({"sub": "u"}), false),
        ];
        for (header, claims, is_access_token) in table {
            assert_eq!(
                typed(&token(header, claims), None).unwrap().is_access_token,
                is_access_token
            );
        }
    }

    #[test]
    fn claims_of_a_wrong_kind_are_refused() {
        let table = [
            (json!({}), "sub"),
            (json!({"sub": ""}), "sub"),
            (json!({"sub": 7}), "sub"),
            (json!({"sub": "two words"}), "sub"),
            (json!({"sub": "u", "aud": 7}), "aud"),
            (json!({"sub": "u", "aud": ["a", 7]}), "aud"),
            (json!({"sub": "u", "scope": {}}), "scope"),
        ];
        for (claims, name) in table {
            assert_eq!(
                typed(&token(json!({}), claims), None).unwrap_err(),
                TokenFault::Claim(name)
            );
        }
    }
}
