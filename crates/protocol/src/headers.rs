//! Which names and values are valid, in requests and in answers, for every protocol.
//!
//! One place, so that no two protocols can drift apart in what they let through.

/// Whether `bytes` is a token (RFC 9110 §5.6.2): a method, or a field's name.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, is_token_byte)
}

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2).
pub fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// Whether `bytes` may stand as a field's value (RFC 9110 §5.5): no control but tab.
pub fn is_field_value(bytes: &[u8]) -> bool {
    all(bytes, is_field_value_byte)
}

/// Whether all of `bytes` pass. Looks at every one of them, in any case, since the processor
/// then looks at many at a time, and nearly all that come are good to the end.
pub(crate) fn all(bytes: &[u8], is_good: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(true, |all, &byte| all & is_good(byte))
}

/// Whether `byte` may stand in a field's value: visible, space, tab or above 127.
pub fn is_field_value_byte(byte: u8) -> bool {
    (byte >= 0x20 && byte != 0x7f) || byte == b'\t'
}

/// Whether `value` may stand in `Host` (RFC 9110 §7.2): an authority, or nothing.
pub fn is_host(value: &[u8]) -> bool {
    value.is_empty() || is_authority(value)
}

/// Whether `value` is a host, which must not be empty (RFC 9110 §4.2.1), and maybe a port.
pub fn is_authority(value: &[u8]) -> bool {
    let host_length = match value {
        [b'[', rest @ ..] => match memchr::memchr(b']', rest) {
            Some(end) if is_ip_literal(&rest[..end]) => end + 2,
            _ => return false,
        },
        _ => memchr::memchr(b':', value).unwrap_or(value.len()),
    };
    let (host, port) = value.split_at(host_length);
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => all(digits, |byte| byte.is_ascii_digit()),
        _ => false,
    };
    is_port && !host.is_empty() && (host[0] == b'[' || is_registered_name(host))
}

/// What stands between the brackets of a host: an address of IPv6, with a zone as RFC 6874
/// writes it, since clients send those; or an address of the future (RFC 3986 §3.2.2).
fn is_ip_literal(bytes: &[u8]) -> bool {
    if let [b'v' | b'V', rest @ ..] = bytes {
        let Some(dot) = memchr::memchr(b'.', rest) else {
            return false;
        };
        let (version, address) = (&rest[..dot], &rest[dot + 1..]);
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && !address.is_empty()
            && address.iter().all(|&byte| is_unreserved(byte) || is_sub_delimiter(byte) || byte == b':');
    }
    let (address, zone) = match memchr::memchr(b'%', bytes) {
        Some(percent) => bytes.split_at(percent),
        None => (bytes, &b"%25_"[..]),
    };
    let is_zone = matches!(zone, [b'%', b'2', b'5', name @ ..] if !name.is_empty() && name.iter().all(|&byte| is_unreserved(byte)));
    is_zone && std::str::from_utf8(address).is_ok_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

/// `*( unreserved / pct-encoded / sub-delims )` (RFC 3986 §3.2.2); names and IPv4 alike.
fn is_registered_name(mut bytes: &[u8]) -> bool {
    // What nearly all of them are made of.
    if all(bytes, |byte| UNRESERVED[byte as usize]) {
        return true;
    }
    while let [byte, rest @ ..] = bytes {
        bytes = match (byte, rest) {
            (b'%', [high, low, rest @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            _ if is_unreserved(*byte) || is_sub_delimiter(*byte) => rest,
            _ => return false,
        };
    }
    true
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_sub_delimiter(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// A field's standing in CGI's environment, where `-` and `_` are the same letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgiName {
    /// It appears as `HTTP_…`.
    Ordinary,
    /// `Content-Type` and `Content-Length` have variables of their own (RFC 3875 §4.1).
    ContentType,
    ContentLength,
    /// It must not appear: it would pass for another name (`X_Forwarded_For`), for a variable
    /// that steers the application's own clients (`Proxy`, which becomes `HTTP_PROXY`), or it
    /// speaks of this connection's framing, which has been dealt with (`Transfer-Encoding`).
    Hidden,
}

/// Where the field `name` goes in CGI's environment.
pub fn cgi_name(name: &[u8]) -> CgiName {
    if memchr::memchr(b'_', name).is_some() {
        return CgiName::Hidden;
    }
    match name.len() {
        5 if name.eq_ignore_ascii_case(b"proxy") => CgiName::Hidden,
        12 if name.eq_ignore_ascii_case(b"content-type") => CgiName::ContentType,
        14 if name.eq_ignore_ascii_case(b"content-length") => CgiName::ContentLength,
        17 if name.eq_ignore_ascii_case(b"transfer-encoding") => CgiName::Hidden,
        _ => CgiName::Ordinary,
    }
}

/// Splits a comma-separated list (RFC 9110 §5.6.1); empty elements are passed over.
pub(crate) fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim_whitespace).filter(|element| !element.is_empty())
}

/// Takes spaces and tabs off both ends (OWS, RFC 9110 §5.6.3), and nothing else.
pub(crate) fn trim_whitespace(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_unreserved(byte as u8);
        byte += 1;
    }
    table
};

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric()
            || matches!(
                byte as u8,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            );
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_no_separators_and_is_not_empty() {
        assert!(is_token(b"GET"));
        assert!(is_token(b"x-a_b.c~1"));
        for bad in [&b""[..], b"a b", b"a:", b"a\x7f", b"\xc3\xa9", b"a(b", b"a\0"] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_field_value_has_no_control_but_tab() {
        assert!(is_field_value(b"a\tb \xff"));
        for bad in [&b"a\rb"[..], b"a\nb", b"a\0b", b"a\x7fb", b"\x1b[31m"] {
            assert!(!is_field_value(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_at_most_one_port() {
        for good in [
            &b""[..],
            b"example.com",
            b"example.com:80",
            b"127.0.0.1:",
            b"a_b",
            b"%c3%BC.example",
            b"[::1]",
            b"[::1]:8000",
            b"[::ffff:127.0.0.1]",
            b"[fe80::1%25eth0]",
            b"[v1.a:b]",
        ] {
            assert!(is_host(good), "{good:?}");
        }
        for bad in [
            &b"a b"[..],
            b"a/b",
            b"user@a",
            b"a:b",
            b"a:1:2",
            b"a,b\t",
            b"a?b",
            b"a#",
            b":80",
            b"%zz",
            b"a%4",
            b"\xc3\xbc.example",
            b"a\x85",
            b"[::1",
            b"[::1]x",
            b"[]",
            b"[g::]",
            b"[127.0.0.1]",
            b"[fe80::1%eth0]",
            b"[fe80::1%25]",
            b"[v1]",
            b"[v.a]",
            b"a[::1]",
        ] {
            assert!(!is_host(bad), "{bad:?}");
        }
        assert!(!is_authority(b""));
    }

    #[test]
    fn names_that_collide_in_cgi_are_hidden() {
        assert_eq!(cgi_name(b"X_Forwarded_For"), CgiName::Hidden);
        assert_eq!(cgi_name(b"pRoXy"), CgiName::Hidden);
        assert_eq!(cgi_name(b"Content_Length"), CgiName::Hidden);
        assert_eq!(cgi_name(b"content-LENGTH"), CgiName::ContentLength);
        assert_eq!(cgi_name(b"Content-Type"), CgiName::ContentType);
        assert_eq!(cgi_name(b"X-Forwarded-For"), CgiName::Ordinary);
    }

    #[test]
    fn white_space_is_space_and_tab_only() {
        assert_eq!(trim_whitespace(b" \t a \t"), b"a");
        assert_eq!(trim_whitespace(b"\x0ba\xa0"), b"\x0ba\xa0");
    }
}
