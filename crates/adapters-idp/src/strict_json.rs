//! JSON in which no name stands twice, at any depth (RFC 7515, section 4; RFC 7519, section 4).
//!
//! A doubled member is read by one parser as the first and by another as the last value. What two programs can read
//! differently is refused here.

use core::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a document was refused. Never repeats a value of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotStrictJson {
    /// It is not JSON, or a member stands twice in one object.
    #[error("is not JSON, or names a member twice")]
    Malformed,
    /// It is JSON, but not an object.
    #[error("is not a JSON object")]
    NotAnObject,
}

/// Parses one JSON object without doubled members.
pub(crate) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, NotStrictJson> {
    match serde_json::from_slice::<Strict>(bytes) {
        Ok(Strict(Value::Object(object))) => Ok(object),
        Ok(Strict(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_))) => {
            Err(NotStrictJson::NotAnObject)
        }
        Err(_) => Err(NotStrictJson::Malformed),
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_whole_or_refused() {
        let table: [(&str, Result<usize, NotStrictJson>); 9] = [
            (r#"{"a":1,"b":[1,-2,3.5,"x",null,true,{"c":{}}]}"#, Ok(2)),
            ("{}", Ok(0)),
            (r#"{"a":1,"a":1}"#, Err(NotStrictJson::Malformed)),
            (r#"{"a":1,"\u0061":2}"#, Err(NotStrictJson::Malformed)),
            (r#"{"a":{"b":1,"b":2}}"#, Err(NotStrictJson::Malformed)),
            (r#"{"a":[{"b":1,"b":2}]}"#, Err(NotStrictJson::Malformed)),
            (r#"{"a":1}{"#, Err(NotStrictJson::Malformed)),
            (r#"["a"]"#, Err(NotStrictJson::NotAnObject)),
            ("", Err(NotStrictJson::Malformed)),
        ];
        for (text, expected) in table {
            assert_eq!(
                parse_object(text.as_bytes()).map(|object| object.len()),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(parse_object(deep.as_bytes()), Err(NotStrictJson::Malformed));
    }

    proptest::proptest! {
        #[test]
        fn what_it_reads_is_what_everybody_reads(text in r#"\{("[ab]":([0-9]|"x"|\[1,2\]|\{"c":null\}),?){0,3}\}?"#) {
            if let Ok(object) = parse_object(text.as_bytes()) {
                proptest::prop_assert_eq!(Value::Object(object), serde_json::from_str::<Value>(&text).unwrap());
            }
        }
    }
}
