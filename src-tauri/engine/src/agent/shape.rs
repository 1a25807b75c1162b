//! What `data` of a request must look like, checked and refused as servers do it by JSON Schema.

use serde_json::{Map, Value, json};

/// A property that an action knows.
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
}

/// What a property may be.
pub(super) enum Kind {
    /// A text of so many characters, both ends included.
    Text { min: usize, max: usize },
    /// A whole number from 0 on. `1.0` is one: so JSON Schema has it.
    Offset,
    /// One of these texts.
    OneOf(&'static [&'static str]),
}

/// The data of an action without any.
pub(super) const NOTHING: &[Property] = &[];
pub(super) const LOGIN: &[Property] = &[
    text("username", 1, usize::MAX, true),
    text("password", 1, usize::MAX, true),
    text("2fa_token", 1, usize::MAX, false),
];
pub(super) const SET_PASSWD: &[Property] = &[
    text("username", 1, usize::MAX, true),
    text("old_passwd", 1, usize::MAX, true),
    text("new_passwd", 1, usize::MAX, true),
];
pub(super) const GENERATE_BACKUP: &[Property] = &[text("backup_name", 1, 255, false)];
pub(super) const DOWNLOAD_BACKUP: &[Property] = &[
    text("backup_name", 1, 255, true),
    Property { name: "part", kind: Kind::OneOf(&["archive", "key"]), is_required: true },
    Property { name: "offset", kind: Kind::Offset, is_required: false },
];
pub(super) const DELETE_BACKUP: &[Property] = &[text("backup_name", 1, 255, true)];

const fn text(name: &'static str, min: usize, max: usize, is_required: bool) -> Property {
    Property { name, kind: Kind::Text { min, max }, is_required }
}

/// Why data are refused: the keyword of JSON Schema, its value, and words that quote nothing of the data's values.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) validator: &'static str,
    pub(super) value: Value,
    pub(super) message: String,
}

/// Checks `data`.
pub(super) fn check<'a>(data: &'a Value, properties: &[Property]) -> Result<&'a Map<String, Value>, Refusal> {
    let refuse = |validator, value, message| Err(Refusal { validator, value, message });
    let Value::Object(object) = data else {
        return refuse("type", json!("object"), "data is not of type 'object'".to_owned());
    };
    if let Some(property) = properties.iter().find(|p| p.is_required && !object.contains_key(p.name)) {
        let required: Vec<_> = properties.iter().filter(|p| p.is_required).map(|p| p.name).collect();
        return refuse("required", json!(required), format!("'{}' is a required property", property.name));
    }
    if let Some(name) = object.keys().find(|name| !properties.iter().any(|p| p.name == **name)) {
        let name: String = crate::names::shown(name).chars().take(64).collect();
        let message = format!("Additional properties are not allowed ('{name}' was unexpected)");
        return refuse("additionalProperties", json!(false), message);
    }
    for property in properties {
        if let Some(value) = object.get(property.name) {
            property.check(value)?;
        }
    }
    Ok(object)
}

impl Property {
    fn check(&self, value: &Value) -> Result<(), Refusal> {
        let name = self.name;
        let refuse = |validator, value, message| Err(Refusal { validator, value, message });
        match (&self.kind, value) {
            (Kind::Text { min, max }, Value::String(text)) => {
                let length = text.chars().count();
                if length < *min {
                    return refuse("minLength", json!(min), format!("'{name}' should be non-empty"));
                }
                if length > *max {
                    return refuse("maxLength", json!(max), format!("'{name}' is too long"));
                }
                Ok(())
            }
            (Kind::Text { .. }, _) => refuse("type", json!("string"), format!("'{name}' is not of type 'string'")),
            (Kind::Offset, value) if whole(value).is_some() => Ok(()),
            (Kind::Offset, value) if value.as_f64().is_some_and(|number| number.fract() == 0.0) => {
                refuse("minimum", json!(0), format!("'{name}' is less than the minimum of 0"))
            }
            (Kind::Offset, _) => refuse("type", json!("integer"), format!("'{name}' is not of type 'integer'")),
            (Kind::OneOf(texts), value) if value.as_str().is_some_and(|text| texts.contains(&text)) => Ok(()),
            (Kind::OneOf(texts), _) => refuse("enum", json!(texts), format!("'{name}' is not one of {texts:?}")),
        }
    }
}

/// The whole number from 0 on that a value is. One that is beyond all that is counted here is the greatest of these.
pub(super) fn whole(value: &Value) -> Option<u64> {
    let of_float =
        || value.as_f64().filter(|number| *number >= 0.0 && number.fract() == 0.0).map(|number| number as u64);
    value.as_u64().or_else(of_float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_refused_with_the_keyword_and_its_value() {
        let refused = |data: Value, properties| check(&data, properties).map(drop).map_err(|r| (r.validator, r.value));
        assert_eq!(refused(json!({}), GENERATE_BACKUP), Ok(()));
        assert_eq!(refused(json!({"backup_name": "x"}), GENERATE_BACKUP), Ok(()));
        assert_eq!(refused(json!({"backup_name": "密".repeat(255)}), GENERATE_BACKUP), Ok(()));
        assert_eq!(refused(json!({"backup_name": ""}), GENERATE_BACKUP), Err(("minLength", json!(1))));
        assert_eq!(refused(json!({"backup_name": "x".repeat(256)}), GENERATE_BACKUP), Err(("maxLength", json!(255))));
        assert_eq!(refused(json!({"backup_name": 5}), GENERATE_BACKUP), Err(("type", json!("string"))));
        assert_eq!(refused(json!({"backup_name": null}), GENERATE_BACKUP), Err(("type", json!("string"))));
        assert_eq!(refused(json!({"x": 5}), GENERATE_BACKUP), Err(("additionalProperties", json!(false))));
        assert_eq!(refused(json!([]), GENERATE_BACKUP), Err(("type", json!("object"))));
        assert_eq!(refused(json!({"username": "u"}), LOGIN), Err(("required", json!(["username", "password"]))));
        let part =
            |part: &str, offset| refused(json!({"backup_name": "x", "part": part, "offset": offset}), DOWNLOAD_BACKUP);
        assert_eq!(part("key", json!(0)), Ok(()));
        assert_eq!(part("manifest", json!(0)), Err(("enum", json!(["archive", "key"]))));
        for offset in [json!(1.0), json!(-0.0), json!(1e300)] {
            assert_eq!(part("key", offset), Ok(()));
        }
        assert_eq!((whole(&json!(7.0)), whole(&json!(1e300))), (Some(7), Some(u64::MAX)));
        for offset in [json!(-1), json!(-1.0), json!(-1e300)] {
            assert_eq!(part("key", offset), Err(("minimum", json!(0))));
        }
        assert_eq!(part("key", json!(1.5)), Err(("type", json!("integer"))));
    }
}
