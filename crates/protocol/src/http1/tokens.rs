//! Splits one whole head into its parts: method, target, version, names and values.
//!
//! Reads each byte once, and lets nothing pass that another parser could read in another way.
//! `HeadScanner` has seen to it that each CR and LF is half of a CRLF.

use crate::PeerError;
use crate::headers::{is_field_value_byte, is_token_byte, trim_whitespace};
use crate::message::{Field, Span, Version};

/// Where the parts of a head lie.
#[derive(Debug)]
pub(super) struct RawHead {
    pub(super) method: Span,
    pub(super) target: Span,
    pub(super) version: Version,
    pub(super) fields: Vec<Field>,
}

/// Fields for which room is made at once: what a browser sends seldom needs more.
const USUAL_FIELDS: usize = 8;

const NOT_A_REQUEST_LINE: PeerError =
    PeerError::bad_request("the request line is not `method target version` (RFC 9112 §3)");
const UNENDED: PeerError = PeerError::bad_request("a head without an end (RFC 9112 §2.1)");

/// Spans hold 32 bits; no limit that can be set comes near.
pub(super) const TOO_LARGE: PeerError = PeerError::new(431, "the head is too large (RFC 6585 §5)");

/// Splits `bytes`, from request line to empty line, of at most `max_fields` field lines.
///
/// # Errors
/// `400`, `431` or `505`, as RFC 9110 and RFC 9112 name them.
pub(super) fn split_head(bytes: &[u8], max_fields: usize) -> Result<RawHead, PeerError> {
    let span = |part: &[u8]| Span::of(part, bytes).ok_or(TOO_LARGE);
    let (line, mut rest) = split_line(bytes)?;
    let (method, target, version) = split_request_line(line)?;
    let mut fields = Vec::with_capacity(USUAL_FIELDS.min(max_fields));
    loop {
        if rest == b"\r\n" {
            break;
        }
        if fields.len() == max_fields {
            return Err(PeerError::new(431, "too many header fields (RFC 6585 §5)"));
        }
        let (name, line) = split_name(rest)?;
        let (value, behind) = split_value(line)?;
        fields.push(Field { name: span(name)?, value: span(value)? });
        rest = behind;
    }
    Ok(RawHead { method: span(method)?, target: span(target)?, version, fields })
}

/// The first line, without its CRLF, and what follows it.
fn split_line(bytes: &[u8]) -> Result<(&[u8], &[u8]), PeerError> {
    let mut from = 0;
    while let Some(at) = find_control(bytes, from) {
        if let Some(rest) = bytes[at..].strip_prefix(b"\r\n") {
            return Ok((&bytes[..at], rest));
        }
        from = at + 1;
    }
    Err(UNENDED)
}

/// Holds the request line to `method SP target SP version` (RFC 9112 §3), one space each, so
/// that no lenience decides where the target ends.
fn split_request_line(line: &[u8]) -> Result<(&[u8], &[u8], Version), PeerError> {
    let first = line.iter().position(|&byte| byte == b' ').ok_or(NOT_A_REQUEST_LINE)?;
    let (method, rest) = (&line[..first], &line[first + 1..]);
    let second = rest.iter().position(|&byte| byte == b' ').ok_or(NOT_A_REQUEST_LINE)?;
    let (target, version) = (&rest[..second], &rest[second + 1..]);
    if version.contains(&b' ') {
        return Err(NOT_A_REQUEST_LINE);
    }
    if method.is_empty() || !method.iter().all(|&byte| is_token_byte(byte)) {
        return Err(PeerError::bad_request("the method is not a token (RFC 9110 §9.1)"));
    }
    if target.is_empty() || find_control(target, 0).is_some() {
        return Err(PeerError::bad_request("a control character in the target, or no target (RFC 9112 §3.2)"));
    }
    // Beyond what a URI may hold, but clients send it.
    if std::str::from_utf8(target).is_err() {
        return Err(PeerError::bad_request("the target is neither ASCII nor UTF-8 (RFC 9112 §3.2)"));
    }
    Ok((method, target, parse_version(version)?))
}

fn parse_version(version: &[u8]) -> Result<Version, PeerError> {
    match version {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Err(PeerError::new(505, "only HTTP/1.0 and HTTP/1.1 are spoken here (RFC 9110 §15.6.6)"))
        }
        _ => Err(PeerError::bad_request("the version is not `HTTP/1.1` (RFC 9112 §2.3)")),
    }
}

/// The name of the field in the first line, and what follows its colon.
fn split_name(bytes: &[u8]) -> Result<(&[u8], &[u8]), PeerError> {
    let colon = bytes.iter().position(|&byte| !is_token_byte(byte)).ok_or(UNENDED)?;
    match bytes[colon..].strip_prefix(b":") {
        Some(rest) if colon > 0 => Ok((&bytes[..colon], rest)),
        _ => Err(PeerError::bad_request(
            "a field's name is not a token, or white space stands before its colon (RFC 9112 §5.1)",
        )),
    }
}

/// A field's value, up to the end of the first line, and what follows that line.
fn split_value(bytes: &[u8]) -> Result<(&[u8], &[u8]), PeerError> {
    let mut from = 0;
    let end = loop {
        let at = find_control(bytes, from).ok_or(UNENDED)?;
        if !is_field_value_byte(bytes[at]) {
            break at;
        }
        from = at + 1;
    };
    let Some(rest) = bytes[end..].strip_prefix(b"\r\n") else {
        return Err(PeerError::bad_request("a control character in a field's value (RFC 9110 §5.5)"));
    };
    Ok((trim_whitespace(&bytes[..end]), rest))
}

/// Where the first control character of `bytes` lies, tab and DEL among them, at `from` or
/// behind it. Looks at eight bytes at a time.
pub(super) fn find_control(bytes: &[u8], from: usize) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    let mut at = from;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let word = u64::from_le_bytes(*word);
        // Sets a byte's high bit if it is below 0x20, or zero; above the first such byte, others
        // may be set as well.
        let is_low = word.wrapping_sub(ONES * 0x20) & !word;
        let without_delete = word ^ (ONES * 0x7f);
        let is_delete = without_delete.wrapping_sub(ONES) & !without_delete;
        let found = (is_low | is_delete) & HIGHS;
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let tail = bytes.get(at..)?;
    tail.iter().position(|&byte| byte < 0x20 || byte == 0x7f).map(|offset| at + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_control_character_is_found_wherever_it_lies() {
        for control in (0..0x20).chain([0x7f]) {
            for position in 0..20 {
                let mut bytes = *b"visible, and \xff\x80\xa0\x8d~~~~~~~~~~~~~~~~~";
                bytes[position] = control;
                bytes[position + 1] = 0x1f;
                assert_eq!(find_control(&bytes, 0), Some(position), "{control} at {position}");
                assert_eq!(find_control(&bytes, position + 1), Some(position + 1));
            }
        }
    }

    #[test]
    fn all_else_is_no_control_character() {
        let bytes: Vec<u8> = (0x20..=0xff).filter(|&byte| byte != 0x7f).collect();
        for start in 0..16 {
            assert_eq!(find_control(&bytes[start..], 0), None);
        }
        assert_eq!(find_control(b"", 0), None);
        assert_eq!(find_control(b"abc", 9), None);
    }
}
