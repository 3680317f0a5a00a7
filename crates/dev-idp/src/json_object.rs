//! Members of a JSON object that are there only sometimes.

use serde_json::Value;

/// Sets a member. A value that is no object stays as it is.
pub(crate) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value.into());
    }
}
