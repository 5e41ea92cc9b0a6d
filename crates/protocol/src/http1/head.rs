//! One whole head, from bytes to a `RequestHead`.
//!
//! What must be refused so that no other parser can read the same bytes as another request is
//! checked here.

use super::HeadLimits;
use super::tokens::{TOO_LARGE, split_head};
use crate::PeerError;
use crate::headers::{is_authority, is_host, list_elements, trim_whitespace};
use crate::message::{HeadBuffers, RequestFraming, RequestHead, Span, Version};

/// Parses `bytes`, one whole head from request line to empty line as `HeadScanner` found it.
///
/// # Errors
/// `400`, `414`, `417`, `431`, `501` or `505`, as RFC 9110 and RFC 9112 name them.
pub fn parse_head(bytes: Vec<u8>, limits: &HeadLimits) -> Result<RequestHead, PeerError> {
    parse_head_in(HeadBuffers { bytes, fields: Vec::new() }, limits)
}

/// As `parse_head`, of what `buffers` were filled with.
///
/// # Errors
/// As `parse_head`.
pub fn parse_head_in(buffers: HeadBuffers, limits: &HeadLimits) -> Result<RequestHead, PeerError> {
    let HeadBuffers { bytes, fields } = buffers;
    let raw = split_head(&bytes, fields, limits.max_fields)?;
    let mut facts = Facts::default();
    for field in &raw.fields {
        facts.note(field.name.of_bytes(&bytes), field.value.of_bytes(&bytes))?;
    }
    let target = raw.target.of_bytes(&bytes);
    if target.len() > limits.max_target_bytes {
        return Err(PeerError::new(414, "the request target is too long (RFC 9110 §15.5.15)"));
    }
    let target = split_target(raw.method.of_bytes(&bytes), target)?;
    facts.check_host(raw.version, target.authority)?;
    let framing = facts.framing(raw.version)?;
    let span = |part: &[u8]| Span::of(part, &bytes).ok_or(TOO_LARGE);
    Ok(RequestHead {
        method: raw.method,
        target: raw.target,
        path: span(target.path)?,
        query: span(target.query)?,
        authority: target.authority.map(span).transpose()?,
        version: raw.version,
        framing,
        wants_keep_alive: !facts.says_close && (raw.version == Version::Http11 || facts.says_keep_alive),
        wants_upgrade: facts.says_upgrade
            && facts.has_upgrade
            && raw.version == Version::Http11
            && framing == RequestFraming::None,
        expects_continue: facts.expects_continue && raw.version == Version::Http11 && framing != RequestFraming::None,
        fields: raw.fields,
        bytes,
    })
}

/// What the fields say that this server acts on.
#[derive(Default)]
struct Facts {
    length: Option<u64>,
    /// Whether the last transfer coding so far is `chunked`.
    is_chunked: bool,
    has_unknown_coding: bool,
    hosts: usize,
    says_close: bool,
    says_keep_alive: bool,
    says_upgrade: bool,
    has_upgrade: bool,
    expects_continue: bool,
}

impl Facts {
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), PeerError> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                self.hosts += 1;
                if !is_host(value) {
                    return Err(PeerError::bad_request("`Host` is not a host (RFC 9110 §7.2)"));
                }
            }
            6 if name.eq_ignore_ascii_case(b"expect") => self.note_expect(value)?,
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.has_upgrade = true,
            10 if name.eq_ignore_ascii_case(b"connection") => self.note_connection(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.note_length(value)?,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.note_coding(value)?,
            _ => {}
        }
        Ok(())
    }

    fn note_expect(&mut self, value: &[u8]) -> Result<(), PeerError> {
        for expectation in list_elements(value) {
            if !expectation.eq_ignore_ascii_case(b"100-continue") {
                return Err(PeerError::new(417, "the only expectation met here is `100-continue` (RFC 9110 §10.1.1)"));
            }
            self.expects_continue = true;
        }
        Ok(())
    }

    fn note_connection(&mut self, value: &[u8]) {
        for option in list_elements(value) {
            self.says_close |= option.eq_ignore_ascii_case(b"close");
            self.says_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.says_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    /// RFC 9112 §6.3 lets a list of equal values pass; RFC 9110 §8.6 lets it be refused, and
    /// nobody but an attacker sends one.
    fn note_length(&mut self, value: &[u8]) -> Result<(), PeerError> {
        if self.length.is_some() {
            return Err(PeerError::bad_request("`Content-Length` is given twice (RFC 9112 §6.3)"));
        }
        self.length = Some(
            parse_length(value).ok_or(PeerError::bad_request("`Content-Length` is not a number (RFC 9110 §8.6)"))?,
        );
        Ok(())
    }

    /// Stricter than a list need be (RFC 9110 §5.6.1.2): an empty element is refused, since
    /// proxies have read `,chunked` as a coding that they do not know, and passed it on.
    fn note_coding(&mut self, value: &[u8]) -> Result<(), PeerError> {
        for coding in value.split(|&byte| byte == b',').map(trim_whitespace) {
            if coding.is_empty() {
                return Err(PeerError::bad_request("`Transfer-Encoding` has an empty element (RFC 9112 §6.1)"));
            }
            if self.is_chunked {
                return Err(PeerError::bad_request(
                    "`chunked` is given twice, or is not the last transfer coding (RFC 9112 §6.1)",
                ));
            }
            self.is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.has_unknown_coding |= !self.is_chunked;
        }
        Ok(())
    }

    fn check_host(&self, version: Version, authority: Option<&[u8]>) -> Result<(), PeerError> {
        if self.hosts > 1 {
            return Err(PeerError::bad_request("`Host` is given twice (RFC 9112 §3.2)"));
        }
        if self.hosts == 0 && version == Version::Http11 {
            return Err(PeerError::bad_request("`Host` is missing (RFC 9112 §3.2)"));
        }
        match authority {
            Some(authority) if !is_authority(authority) => {
                Err(PeerError::bad_request("the target's authority is not a host (RFC 9112 §3.2.2)"))
            }
            _ => Ok(()),
        }
    }

    fn framing(&self, version: Version) -> Result<RequestFraming, PeerError> {
        if self.is_chunked || self.has_unknown_coding {
            return self.coded_framing(version);
        }
        Ok(match self.length {
            None | Some(0) => RequestFraming::None,
            Some(length) => RequestFraming::Length(length),
        })
    }

    fn coded_framing(&self, version: Version) -> Result<RequestFraming, PeerError> {
        if self.length.is_some() {
            return Err(PeerError::bad_request(
                "both `Transfer-Encoding` and `Content-Length` are given (RFC 9112 §6.3)",
            ));
        }
        if version == Version::Http10 {
            return Err(PeerError::bad_request("`Transfer-Encoding` in HTTP/1.0 (RFC 9112 §6.1)"));
        }
        if !self.is_chunked {
            return Err(PeerError::bad_request("the last transfer coding is not `chunked` (RFC 9112 §6.3)"));
        }
        if self.has_unknown_coding {
            return Err(PeerError::new(501, "the only transfer coding understood here is `chunked` (RFC 9112 §6.1)"));
        }
        Ok(RequestFraming::Chunked)
    }
}

/// `1*DIGIT` that fits 63 bits; no sign, no space, no underscore (RFC 9110 §8.6).
pub(crate) fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let length = value.iter().try_fold(0u64, |sum, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })?;
    (length <= i64::MAX as u64).then_some(length)
}

struct Target<'bytes> {
    path: &'bytes [u8],
    query: &'bytes [u8],
    authority: Option<&'bytes [u8]>,
}

/// Takes the target apart, in the form that its first bytes show (RFC 9112 §3.2).
fn split_target<'bytes>(method: &[u8], target: &'bytes [u8]) -> Result<Target<'bytes>, PeerError> {
    if method == b"CONNECT" {
        return Err(PeerError::new(501, "`CONNECT` is for proxies (RFC 9110 §9.3.6)"));
    }
    if target[0] == b'/' {
        return split_query(target, None);
    }
    if target == b"*" {
        if method == b"OPTIONS" {
            return split_query(target, None);
        }
        return Err(PeerError::bad_request("the target `*` is for `OPTIONS` (RFC 9112 §3.2.4)"));
    }
    let rest = strip_prefix_ignore_case(target, b"http://").or_else(|| strip_prefix_ignore_case(target, b"https://"));
    let Some(rest) = rest else {
        return Err(PeerError::bad_request("the target is neither a path nor a URL (RFC 9112 §3.2)"));
    };
    let authority_end = rest.iter().position(|&byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    split_query(path, Some(authority))
}

fn split_query<'bytes>(target: &'bytes [u8], authority: Option<&'bytes [u8]>) -> Result<Target<'bytes>, PeerError> {
    let (path, query) = match memchr::memchr2(b'?', b'#', target) {
        Some(mark) if target[mark] == b'?' => (&target[..mark], &target[mark + 1..]),
        Some(_) => return Err(FRAGMENT),
        None => (target, &target[target.len()..]),
    };
    if !query.is_empty() && query.contains(&b'#') {
        return Err(FRAGMENT);
    }
    Ok(Target { path, query, authority })
}

const FRAGMENT: PeerError = PeerError::bad_request("a fragment in the target (RFC 9112 §3.2)");

fn strip_prefix_ignore_case<'bytes>(bytes: &'bytes [u8], prefix: &[u8]) -> Option<&'bytes [u8]> {
    let (start, rest) = bytes.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { max_head_bytes: 8192, max_target_bytes: 64, max_fields: 8 };

    fn parse(head: &str) -> Result<RequestHead, PeerError> {
        parse_head(head.as_bytes().to_vec(), &LIMITS)
    }

    /// Parses a head whose request line and `Host` are fine and whose other lines are `fields`.
    fn with_fields(fields: &str) -> Result<RequestHead, PeerError> {
        parse(&format!("POST /a HTTP/1.1\r\nHost: h\r\n{fields}\r\n"))
    }

    fn status(result: Result<RequestHead, PeerError>) -> u16 {
        result.map(|head| panic!("not refused: {head:?}")).unwrap_err().status
    }

    #[test]
    fn a_plain_head_is_taken_apart() {
        let head = parse("GET /a%20b?c=d?e HTTP/1.1\r\nHost: example.com\r\nX-A:  b c \t\r\n\r\n").unwrap();
        assert_eq!(head.method(), b"GET");
        assert_eq!(head.target(), b"/a%20b?c=d?e");
        assert_eq!(head.path(), b"/a%20b");
        assert_eq!(head.query(), b"c=d?e");
        assert_eq!(head.version, Version::Http11);
        assert_eq!(head.framing, RequestFraming::None);
        assert!(head.wants_keep_alive);
        let fields: Vec<_> = head.fields().collect();
        assert_eq!(fields, [(&b"Host"[..], &b"example.com"[..]), (b"X-A", b"b c")]);
    }

    #[test]
    fn an_absolute_target_names_the_host() {
        let head = parse("GET http://a.example:81?x HTTP/1.1\r\nHost: b\r\n\r\n").unwrap();
        assert_eq!(head.authority(), Some(&b"a.example:81"[..]));
        assert_eq!((head.path(), head.query()), (&b""[..], &b"x"[..]));
    }

    #[test]
    fn targets_that_no_origin_server_takes_are_refused() {
        for (line, expected) in [
            ("GET a HTTP/1.1", 400),
            ("GET * HTTP/1.1", 400),
            ("GET http:///a HTTP/1.1", 400),
            ("GET http://u@h/ HTTP/1.1", 400),
            ("GET http://:80/ HTTP/1.1", 400),
            ("GET /a#b HTTP/1.1", 400),
            ("CONNECT a:80 HTTP/1.1", 501),
            ("GET  / HTTP/1.1", 400),
            ("GET / HTTP/1.1 ", 400),
            ("GET\t/ HTTP/1.1", 400),
            ("GET / HTTP/2.0", 505),
            ("GET / HTTP/1.2", 505),
            ("GET / http/1.1", 400),
            ("GET / HTTP/1.10", 400),
            ("GET /", 400),
            ("G(T / HTTP/1.1", 400),
            (" GET / HTTP/1.1", 400),
        ] {
            assert_eq!(status(parse(&format!("{line}\r\nHost: h\r\n\r\n"))), expected, "{line}");
        }
        assert_eq!(parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").unwrap().path(), b"*");
    }

    #[test]
    fn host_is_required_once_and_valid() {
        assert_eq!(status(parse("GET / HTTP/1.1\r\n\r\n")), 400);
        assert_eq!(status(parse("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")), 400);
        assert_eq!(status(parse("GET / HTTP/1.1\r\nHost: a b\r\n\r\n")), 400);
        assert!(parse("GET / HTTP/1.0\r\n\r\n").is_ok());
    }

    #[test]
    fn framing_that_two_parsers_could_read_differently_is_refused() {
        for (fields, expected) in [
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", 400),
            ("Content-Length: 1, 1\r\n", 400),
            ("Content-Length: +1\r\n", 400),
            ("Content-Length: 0x1\r\n", 400),
            ("Content-Length: 1_0\r\n", 400),
            ("Content-Length: \r\n", 400),
            ("Content-Length: 99999999999999999999\r\n", 400),
            ("Content-Length : 1\r\n", 400),
            ("Transfer-Encoding: xchunked\r\n", 400),
            ("Transfer-Encoding: gzip\r\n", 400),
            ("Transfer-Encoding: gzip\r\nContent-Length: 1\r\n", 400),
            ("Transfer-Encoding: gzip, chunked\r\n", 501),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 501),
            ("Transfer-Encoding: chunked, gzip, chunked\r\n", 400),
            ("Transfer-Encoding: ,chunked\r\n", 400),
            ("Transfer-Encoding: chunked,\r\n", 400),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", 400),
            ("Transfer-Encoding: chunked, identity\r\n", 400),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: \r\n", 400),
            ("Transfer-Encoding: \x0bchunked\r\n", 400),
            (" folded: x\r\n", 400),
            ("A: b\r\n c\r\n", 400),
            ("A: b\0c\r\n", 400),
            ("A\r\n", 400),
            (": b\r\n", 400),
        ] {
            assert_eq!(status(with_fields(fields)), expected, "{fields:?}");
        }
        let old = parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(status(old), 400);
    }

    #[test]
    fn framing_follows_the_fields() {
        assert_eq!(with_fields("Content-Length: 017\r\n").unwrap().framing, RequestFraming::Length(17));
        assert_eq!(with_fields("Content-Length: 0\r\n").unwrap().framing, RequestFraming::None);
        assert_eq!(with_fields("transfer-encoding: Chunked\r\n").unwrap().framing, RequestFraming::Chunked);
    }

    #[test]
    fn keep_alive_is_the_default_of_1_1_and_asked_for_in_1_0() {
        assert!(!with_fields("Connection: foo, Close\r\n").unwrap().wants_keep_alive);
        assert!(!parse("GET / HTTP/1.0\r\n\r\n").unwrap().wants_keep_alive);
        assert!(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").unwrap().wants_keep_alive);
    }

    #[test]
    fn an_upgrade_is_offered_by_two_fields_together_and_without_a_body() {
        assert!(with_fields("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n").unwrap().wants_upgrade);
        for fields in [
            "Upgrade: websocket\r\n",
            "Connection: Upgrade\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n",
        ] {
            assert!(!with_fields(fields).unwrap().wants_upgrade, "{fields}");
        }
    }

    #[test]
    fn only_a_request_with_a_body_waits_for_continue() {
        assert!(!with_fields("Expect: 100-continue\r\n").unwrap().expects_continue);
        assert!(with_fields("Expect: 100-Continue\r\nContent-Length: 3\r\n").unwrap().expects_continue);
        assert!(with_fields("Expect: , 100-continue\r\nContent-Length: 3\r\n").unwrap().expects_continue);
        assert!(!with_fields("Expect:\r\nContent-Length: 3\r\n").unwrap().expects_continue);
        assert_eq!(status(with_fields("Expect: 200-ok\r\n")), 417);
        assert_eq!(status(with_fields("Expect: 100-continue, 200-ok\r\n")), 417);
    }

    #[test]
    fn a_long_target_is_refused() {
        let with_target =
            |length: usize| parse(&format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(length - 1)));
        assert!(with_target(64).is_ok());
        assert_eq!(status(with_target(65)), 414);
    }

    #[test]
    fn too_many_fields_are_refused() {
        assert!(with_fields(&"A: b\r\n".repeat(7)).is_ok());
        assert_eq!(status(with_fields(&"A: b\r\n".repeat(8))), 431);
    }
}
