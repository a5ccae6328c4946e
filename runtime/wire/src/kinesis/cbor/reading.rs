//! CBOR to the values that JSON gives: an object whose members are then checked like any other.
//!
//! The walk follows the shape of the input, so hostile nesting costs no stack: what the shape does not know is
//! skipped. Byte strings become base64 where a blob is expected; anywhere else they are noted, and refused later,
//! in AWS's order of checks.

use minicbor::{
    Decoder,
    data::{Tag, Type},
};
use serde_json::{Map, Number, Value};

use super::{
    super::{
        documents::seconds,
        schema::{Member, Shape},
    },
    MOMENT_TAG,
};
use crate::limits::LIST_ITEMS_KEPT_MAX;

/// A body that is well-formed.
#[derive(Debug)]
pub(in crate::kinesis) struct Body {
    pub(in crate::kinesis) object: Map<String, Value>,
    /// The text of the `SerializationException` for the first byte string in a place that takes none.
    pub(in crate::kinesis) misplaced: Option<String>,
}

/// What is wrong with a body that cannot be read is not told by AWS either.
#[derive(Debug)]
pub(super) struct Malformed;

impl From<minicbor::decode::Error> for Malformed {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

/// Reads a body as an object of such members. `None` when it is no CBOR, or not one map.
pub(in crate::kinesis) fn read_body(body: &[u8], members: &[Member]) -> Option<Body> {
    let mut reader = Reader {
        decoder: Decoder::new(body),
        misplaced: None,
    };
    let object = reader.structure(members).ok()?;
    (reader.decoder.position() == body.len()).then_some(Body {
        object,
        misplaced: reader.misplaced,
    })
}

/// Whether a container has another item, and counts it; `left` is what its head said, absent up to a break.
pub(super) fn goes_on(
    decoder: &mut Decoder<'_>,
    left: &mut Option<u64>,
) -> Result<bool, Malformed> {
    match left {
        Some(0) => Ok(false),
        Some(count) => {
            *count -= 1;
            Ok(true)
        }
        None if decoder.datatype()? == Type::Break => {
            decoder.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

struct Reader<'b> {
    decoder: Decoder<'b>,
    misplaced: Option<String>,
}

impl Reader<'_> {
    fn structure(&mut self, members: &[Member]) -> Result<Map<String, Value>, Malformed> {
        self.map(|name| {
            let member = members.iter().find(|member| member.name == name)?;
            Some(member.shape)
        })
    }

    /// A map whose values have the shapes that `shape_of` gives their names; others are skipped.
    fn map<'s>(
        &mut self,
        shape_of: impl Fn(&str) -> Option<&'s Shape>,
    ) -> Result<Map<String, Value>, Malformed> {
        let mut object = Map::new();
        let mut left = self.decoder.map()?;
        while goes_on(&mut self.decoder, &mut left)? {
            let name = self.text()?;
            match shape_of(&name) {
                Some(shape) => {
                    let value = self.value(shape)?;
                    if object.len() < LIST_ITEMS_KEPT_MAX {
                        object.insert(name, value);
                    }
                }
                None => self.decoder.skip()?,
            }
        }
        Ok(object)
    }

    fn list(&mut self, member: &Shape) -> Result<Vec<Value>, Malformed> {
        let mut items = Vec::new();
        let mut left = self.decoder.array()?;
        while goes_on(&mut self.decoder, &mut left)? {
            let item = self.value(member)?;
            if items.len() < LIST_ITEMS_KEPT_MAX {
                items.push(item);
            }
        }
        Ok(items)
    }

    fn value(&mut self, shape: &Shape) -> Result<Value, Malformed> {
        loop {
            return match self.decoder.datatype()? {
                Type::Null | Type::Undefined => {
                    self.decoder.skip()?;
                    Ok(Value::Null)
                }
                Type::Bool => Ok(Value::Bool(self.decoder.bool()?)),
                Type::U8 | Type::U16 | Type::U32 | Type::U64 => Ok(self.decoder.u64()?.into()),
                Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
                    let whole = i128::from(self.decoder.int()?);
                    Ok(i64::try_from(whole).unwrap_or(i64::MIN).into())
                }
                Type::F32 => float(self.decoder.f32()?.into()),
                Type::F64 => float(self.decoder.f64()?),
                Type::Bytes | Type::BytesIndef => self.bytes(shape),
                Type::String | Type::StringIndef => Ok(Value::String(self.text()?)),
                Type::Array | Type::ArrayIndef => self.array(shape),
                Type::Map | Type::MapIndef => self.object(shape),
                Type::Tag if self.decoder.tag()? == Tag::new(MOMENT_TAG) => self.moment(),
                // A tag of no meaning here stands before its value.
                Type::Tag => continue,
                Type::F16 | Type::Simple | Type::Break | Type::Unknown(_) => Err(Malformed),
            };
        }
    }

    fn text(&mut self) -> Result<String, Malformed> {
        if self.decoder.datatype()? == Type::String {
            return Ok(self.decoder.str()?.to_owned());
        }
        let parts: Result<String, _> = self.decoder.str_iter()?.collect();
        Ok(parts?)
    }

    fn bytes(&mut self, shape: &Shape) -> Result<Value, Malformed> {
        let wanted = match shape {
            Shape::Blob { .. } => {
                let parts: Result<Vec<&[u8]>, _> = self.decoder.bytes_iter()?.collect();
                let encoded = base64_simd::STANDARD.encode_to_string(parts?.concat());
                return Ok(Value::String(encoded));
            }
            Shape::Boolean => "an Boolean",
            Shape::Timestamp => "milliseconds since epoch",
            Shape::Integer { .. } => "an Integer",
            Shape::Text { .. } => "an String",
            Shape::List { .. } => "a List",
            Shape::Map { .. } => "a Map",
            Shape::Structure { .. } => "a Structure",
        };
        self.decoder.skip()?;
        self.misplaced.get_or_insert_with(|| {
            format!("class java.nio.HeapByteBuffer can not be converted to {wanted}")
        });
        Ok(Value::Null)
    }

    fn array(&mut self, shape: &Shape) -> Result<Value, Malformed> {
        if let Shape::List { member, .. } = shape {
            return Ok(Value::Array(self.list(member)?));
        }
        // Only its type matters: it is refused later.
        self.decoder.skip()?;
        Ok(Value::Array(Vec::new()))
    }

    fn object(&mut self, shape: &Shape) -> Result<Value, Malformed> {
        let object = match shape {
            Shape::Structure { members, .. } => self.structure(members)?,
            Shape::Map { value, .. } => self.map(|_| Some(*value))?,
            Shape::Boolean
            | Shape::Timestamp
            | Shape::Integer { .. }
            | Shape::Blob { .. }
            | Shape::Text { .. }
            | Shape::List { .. } => {
                self.decoder.skip()?;
                Map::new()
            }
        };
        Ok(Value::Object(object))
    }

    /// Whole milliseconds as AWS's clients send them; a fraction is taken as RFC 8949's seconds.
    fn moment(&mut self) -> Result<Value, Malformed> {
        let kind = self.decoder.datatype()?;
        if kind == Type::F32 {
            return float(self.decoder.f32()?.into());
        }
        if kind == Type::F64 {
            return float(self.decoder.f64()?);
        }
        let ms = i128::from(self.decoder.int()?);
        // What lies before 1970 counts as 1970, as in JSON.
        float(seconds(u64::try_from(ms).unwrap_or_default()))
    }
}

/// JSON has no infinite numbers and no numbers that are none, and AWS takes none either.
fn float(number: f64) -> Result<Value, Malformed> {
    Number::from_f64(number).map(Value::Number).ok_or(Malformed)
}
