//! Which names and values are valid, in requests and in answers, for every protocol.
//!
//! One place, so that no two protocols can drift apart in what they let through.

/// Whether `bytes` is a token (RFC 9110 §5.6.2): a method, or a field's name.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2).
pub fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// Whether `bytes` may stand as a field's value (RFC 9110 §5.5): no control but tab.
pub fn is_field_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| is_field_value_byte(byte))
}

/// Whether `byte` may stand in a field's value: visible, space, tab or above 127.
pub fn is_field_value_byte(byte: u8) -> bool {
    (byte >= 0x20 && byte != 0x7f) || byte == b'\t'
}

/// Whether `value` may stand in `Host` (RFC 9110 §7.2): a host and maybe a port, or nothing.
pub fn is_host(value: &[u8]) -> bool {
    let (host, port) = match value {
        [b'[', rest @ ..] => {
            let Some(end) = memchr::memchr(b']', rest) else {
                return false;
            };
            let (address, after) = (&rest[..end], &rest[end + 1..]);
            let is_address = !address.is_empty()
                && address.iter().all(|&byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'-' | b'_' | b'~' | b'%')
                });
            if !is_address {
                return false;
            }
            match after {
                [] => return true,
                [b':', port @ ..] => (&b""[..], port),
                _ => return false,
            }
        }
        _ => match memchr::memchr(b':', value) {
            Some(colon) => (&value[..colon], &value[colon + 1..]),
            None => (value, &b""[..]),
        },
    };
    port.iter().all(u8::is_ascii_digit)
        && host.iter().all(|&byte| {
            byte.is_ascii_alphanumeric()
                || byte >= 0x80
                || matches!(
                    byte,
                    b'-' | b'.'
                        | b'_'
                        | b'~'
                        | b'%'
                        | b'!'
                        | b'$'
                        | b'&'
                        | b'\''
                        | b'('
                        | b')'
                        | b'*'
                        | b'+'
                        | b','
                        | b';'
                        | b'='
                )
        })
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
        for good in [&b""[..], b"example.com", b"example.com:80", b"[::1]", b"[::1]:8000", b"127.0.0.1:", b"a_b"] {
            assert!(is_host(good), "{good:?}");
        }
        for bad in
            [&b"a b"[..], b"a/b", b"user@a", b"a:b", b"a:1:2", b"[::1", b"[::1]x", b"[]", b"a,b\t", b"a?b", b"a#"]
        {
            assert!(!is_host(bad), "{bad:?}");
        }
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
