//! A line of JSON as a record: what `decode --json` writes and `encode --json` reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::framing::Control;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// A frame.
    Payload { kind: Option<u8>, bytes: Vec<u8> },
    /// A null.
    Null { kind: Option<u8> },
    /// A control packet.
    Control(Control),
}

impl Record {
    /// Reads a line. The error says what is wrong with it.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(line).map_err(|error| {
            // Every line is the first of its own.
            error.to_string().replace("at line 1 column", "at column")
        })?;
        let Value::Object(mut fields) = value else { return Err("not a JSON object".to_owned()) };
        let kind = match fields.get("type") {
            None | Some(Value::Null) => None,
            // 1.0 is 1 in JSON.
            Some(value) => {
                match value
                    .as_f64()
                    .and_then(|number| (0..=u8::MAX).find(|kind| f64::from(*kind).total_cmp(&number).is_eq()))
                {
                    Some(kind) => Some(kind),
                    None => return Err("type is not a number from 0 to 255".to_owned()),
                }
            }
        };
        let mut given = |name| fields.remove(name).filter(|value| name == "payload" || !value.is_null());
        match (given("payload"), given("payload_base64"), given("control")) {
            (Some(Value::String(text)), None, None) => Ok(Self::Payload { kind, bytes: text.into_bytes() }),
            (Some(Value::Null), None, None) => Ok(Self::Null { kind }),
            (Some(_), None, None) => Err("payload is not a string".to_owned()),
            (None, Some(Value::String(text)), None) => match STANDARD.decode(text) {
                Ok(bytes) => Ok(Self::Payload { kind, bytes }),
                Err(error) => Err(format!("payload_base64: {error}")),
            },
            (None, Some(_), None) => Err("payload_base64 is not a string".to_owned()),
            (None, None, Some(value)) => match value.as_str().and_then(Control::named) {
                Some(control) => Ok(Self::Control(control)),
                None => Err("control is not flush, delim or response-end".to_owned()),
            },
            (None, None, None) => Err("it has no payload and no payload_base64".to_owned()),
            _ => Err("it has more than one of payload, payload_base64 and control".to_owned()),
        }
    }

    /// The type that it names.
    pub(super) fn kind(&self) -> Option<u8> {
        match self {
            Self::Payload { kind, .. } | Self::Null { kind } => *kind,
            Self::Control(_) => None,
        }
    }
}
