//! Payloads that come in CBOR: a byte string is those bytes, a text string its UTF-8, anything else what it is in JSON.
//!
//! Everything is looked at before it is used: its depth, its texts, its end. Nothing is reserved because a length is announced.

use std::borrow::Cow;

use minicbor::Decoder;
use minicbor::data::Type;
use serde::Serialize;

use crate::limits::JSON_DEPTH_MAX;
use crate::refusal::Refusal;
use crate::view::json::{write_bytes, write_text};
use crate::ws::cbor::{has_next, wrong};

/// Steps over one item; an error if it is not well-formed, or nested too deep.
pub(super) fn skip(decoder: &mut Decoder<'_>) -> Result<(), Refusal> {
    skip_at(decoder, 0)
}

fn skip_at(decoder: &mut Decoder<'_>, depth: usize) -> Result<(), Refusal> {
    let left = match decoder.datatype().map_err(wrong)? {
        Type::Array | Type::ArrayIndef => (decoder.array().map_err(wrong)?, 1),
        Type::Map | Type::MapIndef => (decoder.map().map_err(wrong)?, 2),
        Type::Tag => {
            decoder.tag().map_err(wrong)?;
            (Some(1), 1)
        }
        Type::Break => return Err(wrong("a break without a beginning")),
        _ => return decoder.skip().map_err(wrong),
    };
    let (mut left, items_each) = left;
    if depth >= JSON_DEPTH_MAX {
        return Err(too_deep());
    }
    while has_next(decoder, &mut left)? {
        for _ in 0..items_each {
            skip_at(decoder, depth + 1)?;
        }
    }
    Ok(())
}

fn too_deep() -> Refusal {
    wrong(format_args!("it is nested deeper than {JSON_DEPTH_MAX} levels"))
}

/// The payload that an item stands for, which was stepped over before.
pub(super) fn payload_of(item: &[u8]) -> Result<Cow<'_, [u8]>, Refusal> {
    let mut decoder = Decoder::new(item);
    match decoder.datatype().map_err(wrong)? {
        Type::Bytes => decoder.bytes().map(Cow::Borrowed).map_err(wrong),
        Type::String => decoder.str().map(|text| Cow::Borrowed(text.as_bytes())).map_err(wrong),
        _ => {
            let mut json = Vec::with_capacity(item.len());
            write_json(&mut decoder, &mut json)?;
            Ok(Cow::Owned(json))
        }
    }
}

/// Appends an item as JSON. Its depth is known to be bounded.
fn write_json(decoder: &mut Decoder<'_>, json: &mut Vec<u8>) -> Result<(), Refusal> {
    match decoder.datatype().map_err(wrong)? {
        Type::Bool => json.extend_from_slice(if decoder.bool().map_err(wrong)? { b"true" } else { b"false" }),
        Type::Null => {
            decoder.null().map_err(wrong)?;
            json.extend_from_slice(b"null");
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
            let number = i128::from(decoder.int().map_err(wrong)?);
            json.extend_from_slice(number.to_string().as_bytes());
        }
        Type::F16 => write_number(f64::from(decoder.f16().map_err(wrong)?), json)?,
        // As short as its own precision allows, not as that of a double.
        Type::F32 => {
            let number = decoder.f32().map_err(wrong)?;
            write_finite(number, number.is_finite(), json)?;
        }
        Type::F64 => write_number(decoder.f64().map_err(wrong)?, json)?,
        Type::String => write_text(decoder.str().map_err(wrong)?, json),
        Type::Bytes => write_bytes(decoder.bytes().map_err(wrong)?, json),
        Type::Array | Type::ArrayIndef => {
            let mut left = decoder.array().map_err(wrong)?;
            write_entries(decoder, &mut left, json, b"[]", |decoder, json| write_json(decoder, json))?;
        }
        Type::Map | Type::MapIndef => {
            let mut left = decoder.map().map_err(wrong)?;
            write_entries(decoder, &mut left, json, b"{}", |decoder, json| {
                let key = decoder.str().map_err(|_| wrong("payload: the key of a map is a text string"))?;
                write_text(key, json);
                json.push(b':');
                write_json(decoder, json)
            })?;
        }
        kind => {
            let why = "payload: JSON has nothing for it; publish it as a byte string";
            return Err(wrong(format_args!("{why} ({kind})")));
        }
    }
    Ok(())
}

fn write_entries<'a>(
    decoder: &mut Decoder<'a>,
    left: &mut Option<u64>,
    json: &mut Vec<u8>,
    [open, close]: &[u8; 2],
    write: impl Fn(&mut Decoder<'a>, &mut Vec<u8>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    json.push(*open);
    let mut is_first = true;
    while has_next(decoder, left)? {
        if !std::mem::take(&mut is_first) {
            json.push(b',');
        }
        write(decoder, json)?;
    }
    json.push(*close);
    Ok(())
}

fn write_number(number: f64, json: &mut Vec<u8>) -> Result<(), Refusal> {
    write_finite(number, number.is_finite(), json)
}

fn write_finite(number: impl Serialize, is_finite: bool, json: &mut Vec<u8>) -> Result<(), Refusal> {
    if !is_finite {
        return Err(wrong("payload: JSON has no such number; publish it as a byte string"));
    }
    serde_json::to_writer(json, &number).map_err(wrong)
}
