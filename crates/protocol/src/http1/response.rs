//! An answer, from what the application gave to bytes.
//!
//! Nothing the application says about framing is taken on trust: names, values and lengths are
//! checked here, and an answer that would let a client misread the connection is refused.

use std::fmt;

use super::head::parse_length;
use crate::headers::{is_field_value, is_token};
use crate::{PeerError, RequestHead, Version};

/// How the end of an answer's body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseFraming {
    /// There is no body: the request was `HEAD`, or the status is `204` or `304` (RFC 9112 §6.3).
    NoBody,
    /// The body has this many bytes.
    Length(u64),
    /// The body comes in chunks and ends with an empty one.
    Chunked,
    /// The body ends where the connection does.
    UntilClose,
}

/// What an application can do wrong in an answer's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppMistake {
    /// Not three digits, a space and a reason; or an interim status.
    Status(String),
    /// Not a token.
    FieldName(String),
    /// The value of the named field holds CR, LF, NUL or another control character.
    FieldValue(String),
    /// `Content-Length` is no number, or is given twice with two values.
    Length,
    /// The named field is the server's to send (PEP 3333, "Other HTTP Features").
    HopByHop(String),
}

impl fmt::Display for AppMistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(
                formatter,
                "the status `{}` is not three digits, a space and a reason, from `200 OK` up",
                status.escape_debug()
            ),
            Self::FieldName(name) => write!(formatter, "the header name `{}` is not a token", name.escape_debug()),
            Self::FieldValue(name) => write!(formatter, "the value of the header `{name}` holds a control character"),
            Self::Length => write!(formatter, "the header `Content-Length` is not one number"),
            Self::HopByHop(name) => write!(formatter, "the header `{name}` is the server's to send (PEP 3333)"),
        }
    }
}

impl std::error::Error for AppMistake {}

/// Writes an answer's head, field by field, into a buffer.
#[derive(Debug)]
pub struct HeadEncoder<'out> {
    out: &'out mut Vec<u8>,
    facts: HeadFacts,
    /// A field to look out for; empty for none.
    looked_for: &'out [u8],
}

/// What an encoded head says that decides how it ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct HeadFacts {
    /// The status code.
    pub status: u16,
    /// Whether there was the field that was looked for.
    pub has_looked_for: bool,
    has_no_body: bool,
    drops_length: bool,
    length: Option<u64>,
    has_date: bool,
    says_close: bool,
}

impl<'out> HeadEncoder<'out> {
    /// Starts a head with `status`, such as `200 OK`; the reason phrase is kept as it is.
    ///
    /// # Errors
    /// `AppMistake::Status`; `out` is as it was.
    pub fn start(out: &'out mut Vec<u8>, status: &[u8]) -> Result<Self, AppMistake> {
        let mistake = || AppMistake::Status(String::from_utf8_lossy(status).into_owned());
        let (code, reason) = status.split_at_checked(3).ok_or_else(mistake)?;
        let is_valid = matches!(code, [b'2'..=b'9', b'0'..=b'9', b'0'..=b'9'])
            && (reason.is_empty() || reason[0] == b' ')
            && is_field_value(reason);
        if !is_valid {
            return Err(mistake());
        }
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status);
        out.extend_from_slice(if reason.is_empty() { b" \r\n" } else { b"\r\n" });
        let facts = HeadFacts {
            status: code.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0')),
            has_no_body: matches!(code, b"204" | b"304"),
            drops_length: code == b"204",
            ..HeadFacts::default()
        };
        Ok(Self { out, facts, looked_for: b"" })
    }

    /// Looks out for a field `name` from here on: see `HeadFacts::has_looked_for`.
    pub fn looking_for(self, name: &'out [u8]) -> Self {
        Self { looked_for: name, ..self }
    }

    /// Adds a field, its name's case kept.
    ///
    /// `Connection` and `Keep-Alive` are read, `close` is obeyed, and they are not sent on.
    ///
    /// # Errors
    /// Any `AppMistake` but `Status`.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), AppMistake> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !is_token(name) {
            return Err(AppMistake::FieldName(text(name)));
        }
        if !is_field_value(value) {
            return Err(AppMistake::FieldValue(text(name)));
        }
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"date") => self.facts.has_date = true,
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.facts.says_close |= value.eq_ignore_ascii_case(b"close");
                return Ok(());
            }
            10 if name.eq_ignore_ascii_case(b"keep-alive") => return Ok(()),
            14 if name.eq_ignore_ascii_case(b"content-length") => return self.content_length(name, value),
            2 | 7 | 17 if is_hop_by_hop(name) => return Err(AppMistake::HopByHop(text(name))),
            length if length == self.looked_for.len() && name.eq_ignore_ascii_case(self.looked_for) => {
                self.facts.has_looked_for = true;
            }
            _ => {}
        }
        write_field(self.out, name, value);
        Ok(())
    }

    fn content_length(&mut self, name: &[u8], value: &[u8]) -> Result<(), AppMistake> {
        let length = parse_length(crate::headers::trim_whitespace(value)).ok_or(AppMistake::Length)?;
        match self.facts.length {
            Some(earlier) if earlier != length => return Err(AppMistake::Length),
            Some(_) => return Ok(()),
            None => self.facts.length = Some(length),
        }
        // RFC 9110 §8.6: not in an answer with the status 204.
        if !self.facts.drops_length {
            write_field(self.out, name, value);
        }
        Ok(())
    }

    /// Ends the fields of the application; `HeadFacts::finish` ends the head, when it is known
    /// how long the body is.
    pub fn facts(self) -> HeadFacts {
        self.facts
    }
}

impl HeadFacts {
    /// Ends the head in `out`, and says how the body must be framed and whether the connection
    /// stays.
    ///
    /// `body_length` is the length of the whole body where that is known beforehand; `date`
    /// is an IMF-fixdate (RFC 9110 §5.6.7).
    pub fn finish(
        self,
        out: &mut Vec<u8>,
        request: &RequestHead,
        body_length: Option<u64>,
        may_keep_alive: bool,
        date: &[u8; 29],
    ) -> (ResponseFraming, bool) {
        if !self.has_date {
            out.extend_from_slice(b"Date: ");
            out.extend_from_slice(date);
            out.extend_from_slice(b"\r\n");
        }
        let framing = if self.has_no_body || request.is_head() {
            ResponseFraming::NoBody
        } else if let Some(length) = self.length {
            ResponseFraming::Length(length)
        } else if let Some(length) = body_length {
            out.extend_from_slice(b"Content-Length: ");
            push_decimal(out, length);
            out.extend_from_slice(b"\r\n");
            ResponseFraming::Length(length)
        } else if request.version == Version::Http11 {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            ResponseFraming::Chunked
        } else {
            ResponseFraming::UntilClose
        };
        let keeps_alive =
            may_keep_alive && request.wants_keep_alive && !self.says_close && framing != ResponseFraming::UntilClose;
        if !keeps_alive {
            out.extend_from_slice(b"Connection: close\r\n");
        } else if request.version == Version::Http10 {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
        (framing, keeps_alive)
    }
}

/// Writes a field whose name and value are known to be valid.
pub fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Puts the framing on an answer's body, and holds the application to what it announced.
#[derive(Debug)]
pub struct BodyEncoder {
    framing: ResponseFraming,
    /// Bytes of the body that the application gave, those over its length included.
    given: u64,
}

impl BodyEncoder {
    /// An encoder for a body with this framing.
    pub fn new(framing: ResponseFraming) -> Self {
        Self { framing, given: 0 }
    }

    /// Frames `data`: appends what goes before it to `before`, and returns the part of it to be
    /// sent and what goes behind it. Bytes over the announced length are cut off.
    pub fn encode<'data>(&mut self, data: &'data [u8], before: &mut Vec<u8>) -> (&'data [u8], &'static [u8]) {
        let earlier = self.given;
        self.given = self.given.saturating_add(data.len() as u64);
        match self.framing {
            ResponseFraming::NoBody => (&[], b""),
            ResponseFraming::UntilClose => (data, b""),
            ResponseFraming::Length(length) => {
                let room = usize::try_from(length.saturating_sub(earlier)).unwrap_or(usize::MAX);
                (&data[..room.min(data.len())], b"")
            }
            // An empty chunk would end the body.
            ResponseFraming::Chunked if data.is_empty() => (&[], b""),
            ResponseFraming::Chunked => {
                push_hexadecimal(before, data.len() as u64);
                before.extend_from_slice(b"\r\n");
                (data, b"\r\n")
            }
        }
    }

    /// Takes note of `length` bytes of data that are sent as they are by other means. Returns how
    /// many of them fit the announced length; `None` where data can't be sent as they are.
    pub fn note_unframed(&mut self, length: u64) -> Option<u64> {
        let earlier = self.given;
        let fitting = match self.framing {
            ResponseFraming::NoBody => 0,
            ResponseFraming::UntilClose => length,
            ResponseFraming::Length(announced) => length.min(announced.saturating_sub(earlier)),
            ResponseFraming::Chunked => return None,
        };
        self.given = earlier.saturating_add(length);
        Some(fitting)
    }

    /// Bytes of the body that were given and fit: what a peer gets that takes it all.
    pub fn fitting(&self) -> u64 {
        match self.framing {
            ResponseFraming::NoBody => 0,
            ResponseFraming::Length(length) => self.given.min(length),
            ResponseFraming::Chunked | ResponseFraming::UntilClose => self.given,
        }
    }

    /// What goes behind the last data.
    pub fn end(&self) -> &'static [u8] {
        match self.framing {
            ResponseFraming::Chunked => b"0\r\n\r\n",
            _ => b"",
        }
    }

    /// Whether there is no body, so that all data are thrown away.
    pub fn is_without_data(&self) -> bool {
        self.framing == ResponseFraming::NoBody
    }

    /// Whether all of a body whose length was announced has been given.
    pub fn is_complete(&self) -> bool {
        matches!(self.framing, ResponseFraming::Length(length) if self.given >= length)
    }

    /// Whether the peer takes the connection's end for the body's, however it comes about.
    pub fn ends_with_connection(&self) -> bool {
        self.framing == ResponseFraming::UntilClose
    }

    /// How the application broke its own `Content-Length`: what it announced and what it gave.
    pub fn broken_length(&self) -> Option<(u64, u64)> {
        match self.framing {
            ResponseFraming::Length(length) if length != self.given => Some((length, self.given)),
            _ => None,
        }
    }
}

/// Writes a whole answer that refuses a request, to be followed by the connection's end; returns
/// how long its body is. `is_to_head` leaves that out, which an answer to `HEAD` has not. `own` is
/// the name and value of one more field.
pub fn peer_error_response(
    out: &mut Vec<u8>,
    error: &PeerError,
    is_to_head: bool,
    date: &[u8; 29],
    own: Option<(&[u8], &[u8])>,
) -> usize {
    let reason = reason_phrase(error.status);
    let body = format!("{} {reason}: {}\n", error.status, error.explanation);
    let retry = if error.status == 503 { "Retry-After: 1\r\n" } else { "" };
    out.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", error.status).as_bytes());
    out.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\nDate: ");
    out.extend_from_slice(date);
    out.extend_from_slice(format!("\r\nContent-Length: {}\r\n{retry}", body.len()).as_bytes());
    if let Some((name, value)) = own {
        write_field(out, name, value);
    }
    out.extend_from_slice(b"Connection: close\r\n\r\n");
    if is_to_head {
        return 0;
    }
    out.extend_from_slice(body.as_bytes());
    body.len()
}

/// The usual reason phrase of a status that uncork itself sends.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "Error",
    }
}

/// The fields that speak of one connection only, but `Connection` and `Keep-Alive`
/// (RFC 9110 §7.6.1).
fn is_hop_by_hop(name: &[u8]) -> bool {
    [&b"te"[..], b"trailer", b"upgrade", b"transfer-encoding"].iter().any(|hop| name.eq_ignore_ascii_case(hop))
}

fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

fn push_hexadecimal(out: &mut Vec<u8>, number: u64) {
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    for shift in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(number >> (shift * 4)) as usize & 0xf]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HeadLimits, parse_head};
    use super::*;

    const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";

    fn request(line: &str) -> RequestHead {
        let limits = HeadLimits { max_head_bytes: 1024, max_target_bytes: 256, max_fields: 8 };
        parse_head(format!("{line}\r\nHost: h\r\n\r\n").into_bytes(), &limits).unwrap()
    }

    fn encode(
        line: &str,
        status: &str,
        fields: &[(&str, &str)],
        length: Option<u64>,
    ) -> Result<(String, ResponseFraming, bool), AppMistake> {
        let mut out = Vec::new();
        let mut head = HeadEncoder::start(&mut out, status.as_bytes())?;
        for (name, value) in fields {
            head.field(name.as_bytes(), value.as_bytes())?;
        }
        let facts = head.facts();
        let (framing, keeps_alive) = facts.finish(&mut out, &request(line), length, true, DATE);
        Ok((String::from_utf8(out).unwrap(), framing, keeps_alive))
    }

    #[test]
    fn the_reason_and_the_case_of_names_are_kept() {
        let (text, framing, keeps_alive) =
            encode("GET / HTTP/1.1", "200 Script output follows", &[("x-amz-Meta-k", "v"), ("Date", "now")], Some(3))
                .unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 200 Script output follows\r\nx-amz-Meta-k: v\r\nDate: now\r\nContent-Length: 3\r\n\r\n"
        );
        assert_eq!((framing, keeps_alive), (ResponseFraming::Length(3), true));
    }

    #[test]
    fn the_framing_follows_request_status_and_length() {
        for (line, status, fields, length, expected, keeps) in [
            ("GET / HTTP/1.1", "200 OK", &[][..], None, ResponseFraming::Chunked, true),
            ("GET / HTTP/1.0", "200 OK", &[], None, ResponseFraming::UntilClose, false),
            ("GET / HTTP/1.1", "200 OK", &[("Content-Length", "5")], Some(9), ResponseFraming::Length(5), true),
            ("HEAD / HTTP/1.1", "200 OK", &[("Content-Length", "5")], Some(0), ResponseFraming::NoBody, true),
            ("GET / HTTP/1.1", "204 No Content", &[], Some(0), ResponseFraming::NoBody, true),
            ("GET / HTTP/1.1", "304 Not Modified", &[], None, ResponseFraming::NoBody, true),
            ("GET / HTTP/1.1", "200 OK", &[("connection", "Close")], Some(1), ResponseFraming::Length(1), false),
        ] {
            let (_, framing, keeps_alive) = encode(line, status, fields, length).unwrap();
            assert_eq!((framing, keeps_alive), (expected, keeps), "{line} {status}");
        }
    }

    #[test]
    fn a_field_that_is_looked_for_is_found_whatever_its_case() {
        let mut out = Vec::new();
        let mut head = HeadEncoder::start(&mut out, b"204 No Content").unwrap().looking_for(b"X-Request-ID");
        head.field(b"X-Request-IS", b"1").unwrap();
        assert!(!head.facts.has_looked_for);
        head.field(b"x-request-id", b"1").unwrap();
        let facts = head.facts();
        assert!(facts.has_looked_for);
        assert_eq!(facts.status, 204);
    }

    #[test]
    fn a_204_says_nothing_of_length() {
        let (text, ..) = encode("GET / HTTP/1.1", "204 No Content", &[("Content-Length", "0")], None).unwrap();
        assert!(!text.contains("Content-Length"), "{text}");
    }

    #[test]
    fn what_would_split_an_answer_is_refused() {
        let name = |text: &str| text.to_owned();
        for (status, field, expected) in [
            ("200 OK\r\nA: b", ("A", "b"), AppMistake::Status(name("200 OK\r\nA: b"))),
            ("99 Low", ("A", "b"), AppMistake::Status(name("99 Low"))),
            ("100 Continue", ("A", "b"), AppMistake::Status(name("100 Continue"))),
            ("200OK", ("A", "b"), AppMistake::Status(name("200OK"))),
            ("", ("A", "b"), AppMistake::Status(name(""))),
            ("200 OK", ("A\r\nB", "b"), AppMistake::FieldName(name("A\r\nB"))),
            ("200 OK", ("", "b"), AppMistake::FieldName(name(""))),
            ("200 OK", ("A", "b\nc"), AppMistake::FieldValue(name("A"))),
            ("200 OK", ("A", "b\rc"), AppMistake::FieldValue(name("A"))),
            ("200 OK", ("A", "b\0c"), AppMistake::FieldValue(name("A"))),
            ("200 OK", ("Content-Length", "-1"), AppMistake::Length),
            ("200 OK", ("Transfer-encoding", "chunked"), AppMistake::HopByHop(name("Transfer-encoding"))),
        ] {
            assert_eq!(encode("GET / HTTP/1.1", status, &[field], None).unwrap_err(), expected);
        }
        assert_eq!(
            encode("GET / HTTP/1.1", "200 OK", &[("Content-Length", "1"), ("content-length", "2")], None).unwrap_err(),
            AppMistake::Length
        );
    }

    fn body(framing: ResponseFraming, pieces: &[&[u8]]) -> (Vec<u8>, BodyEncoder) {
        let mut encoder = BodyEncoder::new(framing);
        let mut out = Vec::new();
        for piece in pieces {
            let (data, behind) = encoder.encode(piece, &mut out);
            out.extend_from_slice(data);
            out.extend_from_slice(behind);
        }
        out.extend_from_slice(encoder.end());
        (out, encoder)
    }

    #[test]
    fn chunks_carry_their_size_and_empty_ones_are_not_sent() {
        let long = [b'x'; 0x1f];
        let (bytes, _) = body(ResponseFraming::Chunked, &[b"ab", b"", &long]);
        assert_eq!(bytes, [&b"2\r\nab\r\n1f\r\n"[..], &long, b"\r\n0\r\n\r\n"].concat());
    }

    #[test]
    fn an_announced_length_is_kept_to() {
        let (bytes, encoder) = body(ResponseFraming::Length(3), &[b"ab", b"cd"]);
        assert_eq!(encoder.fitting(), 3);
        assert_eq!((bytes, encoder.broken_length()), (b"abc".to_vec(), Some((3, 4))));
        let (bytes, encoder) = body(ResponseFraming::Length(3), &[b"ab"]);
        assert_eq!((bytes, encoder.broken_length()), (b"ab".to_vec(), Some((3, 2))));
        let (bytes, encoder) = body(ResponseFraming::NoBody, &[b"ab"]);
        assert_eq!((bytes, encoder.broken_length()), (b"".to_vec(), None));
    }

    #[test]
    fn data_that_go_another_way_are_counted_too() {
        let mut encoder = BodyEncoder::new(ResponseFraming::Length(5));
        assert_eq!((encoder.note_unframed(3), encoder.note_unframed(4)), (Some(3), Some(2)));
        assert_eq!(encoder.broken_length(), Some((5, 7)));
        assert_eq!(BodyEncoder::new(ResponseFraming::NoBody).note_unframed(3), Some(0));
        assert_eq!(BodyEncoder::new(ResponseFraming::UntilClose).note_unframed(3), Some(3));
        assert_eq!(BodyEncoder::new(ResponseFraming::Chunked).note_unframed(3), None);
    }

    #[test]
    fn an_error_is_a_whole_answer() {
        let mut out = Vec::new();
        peer_error_response(&mut out, &PeerError::bad_request("no"), false, DATE, None);
        let text = String::from_utf8(out.clone()).unwrap();
        assert!(text.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{text}");
        assert!(text.ends_with("Content-Length: 20\r\nConnection: close\r\n\r\n400 Bad Request: no\n"), "{text}");
        out.clear();
        let own = Some((&b"X-Request-ID"[..], &b"7"[..]));
        assert_eq!(peer_error_response(&mut out, &PeerError::bad_request("no"), true, DATE, own), 0);
        assert!(out.ends_with(b"Content-Length: 20\r\nX-Request-ID: 7\r\nConnection: close\r\n\r\n"));
    }
}
