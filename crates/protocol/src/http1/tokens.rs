//! Splits one whole head into its parts: method, target, version, names and values.
//!
//! Reads each byte once, and lets nothing pass that another parser could read in another way.
//! `HeadScanner` has seen to it that each CR and LF is half of a CRLF.

use crate::PeerError;
use crate::headers::{find_control, find_not_visible, is_field_value_byte, is_token_byte, trim_whitespace};
use crate::message::{Field, Span, Version};

/// Where the parts of a head lie.
#[derive(Debug)]
pub(super) struct RawHead {
    pub(super) method: Span,
    pub(super) target: Span,
    pub(super) version: Version,
    pub(super) fields: Vec<Field>,
}

/// Method, target and version.
type RequestLine<'bytes> = (&'bytes [u8], &'bytes [u8], Version);

/// Fields for which room is made at once: what a browser sends seldom needs more.
const USUAL_FIELDS: usize = 8;

const NOT_A_REQUEST_LINE: PeerError =
    PeerError::bad_request("the request line is not `method target version` (RFC 9112 §3)");
const UNENDED: PeerError = PeerError::bad_request("a head without an end (RFC 9112 §2.1)");

/// Spans hold 32 bits; no limit that can be set comes near.
pub(super) const TOO_LARGE: PeerError = PeerError::new(431, "the head is too large (RFC 6585 §5)");

/// Splits `bytes`, from request line to empty line, of at most `max_fields` field lines, which
/// are kept in `fields`, in place of what that holds.
///
/// # Errors
/// `400`, `431` or `505`, as RFC 9110 and RFC 9112 name them.
pub(super) fn split_head(bytes: &[u8], mut fields: Vec<Field>, max_fields: usize) -> Result<RawHead, PeerError> {
    let span = |part: &[u8]| Span::of(part, bytes).ok_or(TOO_LARGE);
    let ((method, target, version), mut rest) = match split_usual_request_line(bytes) {
        Some(parts) => parts,
        None => {
            let (line, rest) = split_line(bytes)?;
            (split_request_line(line)?, rest)
        }
    };
    fields.clear();
    fields.reserve(USUAL_FIELDS.min(max_fields));
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

/// Method, target, version, and what follows the first line, if that is a request line of visible
/// ASCII that nothing is wrong with. What is not is looked at again by `split_request_line`.
fn split_usual_request_line(bytes: &[u8]) -> Option<(RequestLine<'_>, &[u8])> {
    let first = bytes.iter().position(|&byte| !is_token_byte(byte)).filter(|&at| at > 0 && bytes[at] == b' ')?;
    let behind = &bytes[first + 1..];
    let second = find_not_visible(behind).filter(|&at| at > 0 && behind[at] == b' ')?;
    let (version, rest) = behind[second + 1..].split_first_chunk::<10>()?;
    let version = match version {
        b"HTTP/1.1\r\n" => Version::Http11,
        b"HTTP/1.0\r\n" => Version::Http10,
        _ => return None,
    };
    Some(((&bytes[..first], &behind[..second], version), rest))
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
fn split_request_line(line: &[u8]) -> Result<RequestLine<'_>, PeerError> {
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
