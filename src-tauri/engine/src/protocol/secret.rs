//! Texts that nobody may see: passwords, tokens, second factors.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

/// A password or token. Wiped when dropped; shows nothing of itself but in the message that it is sent in.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

/// On purpose: a token goes with every request.
impl Clone for Secret {
    fn clone(&self) -> Self {
        Self::from(self.expose())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Secret;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::from(text))
            }
            fn visit_string<E: de::Error>(self, text: String) -> Result<Secret, E> {
                Ok(Secret::from(text))
            }
        }
        deserializer.deserialize_string(Text)
    }
}

/// Wipes every text in `value`: for JSON that may hold secrets before it is known which they are.
pub fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(object) => object.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_shows_nothing_and_travels_whole() {
        let secret: Secret = serde_json::from_str(r#""pass \" 密码""#).unwrap();
        assert_eq!(secret.expose(), "pass \" 密码");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(serde_json::to_value(&secret).unwrap(), json!("pass \" 密码"));
    }

    #[test]
    fn wiping_empties_every_text() {
        let mut value = json!({"a": "x", "b": [{"c": "y"}, 1, null]});
        wipe(&mut value);
        assert_eq!(value, json!({"a": "", "b": [{"c": ""}, 1, null]}));
    }
}
