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
    let plain_length = value.iter().position(|&byte| !UNRESERVED[byte as usize]).unwrap_or(value.len());
    match &value[plain_length..] {
        // Nearly all of them.
        [] if plain_length > 0 => return true,
        [b':', digits @ ..] if plain_length > 0 => return all(digits, |byte| byte.is_ascii_digit()),
        _ => {}
    }
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

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = ONES << 7;

/// Where the first control character of `bytes` lies, tab and DEL among them, at `from` or
/// behind it. Looks at eight bytes at a time.
#[inline]
pub(crate) fn find_control(bytes: &[u8], from: usize) -> Option<usize> {
    // A byte below 0x20 or DEL has its high bit set in this, whatever those above it have.
    find_by_word(bytes, from, |word| {
        let without_delete = word ^ (ONES * 0x7f);
        ((word.wrapping_sub(ONES * 0x20) & !word) | (without_delete.wrapping_sub(ONES) & !without_delete)) & HIGHS
    })
}

/// Where the first byte of `bytes` lies that is not a visible character of ASCII: a space is none.
#[inline]
pub(crate) fn find_not_visible(bytes: &[u8]) -> Option<usize> {
    find_by_word(bytes, 0, |word| {
        let without_delete = word ^ (ONES * 0x7f);
        (word.wrapping_sub(ONES * 0x21) | word | without_delete.wrapping_sub(ONES)) & HIGHS
    })
}

/// Where the first byte lies that `marks` sets a high bit for, at `from` or behind it. `marks` is
/// given eight bytes, the first the lowest. It must be right about the lowest that it marks, and
/// may be wrong above that; it must mark a zero.
#[inline]
fn find_by_word(bytes: &[u8], from: usize, marks: impl Fn(u64) -> u64) -> Option<usize> {
    let mut at = from;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let found = marks(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let tail = bytes.get(at..).filter(|tail| !tail.is_empty())?;
    // Fewer than eight are left; zeros stand for those that are missing.
    let word = match bytes.last_chunk() {
        Some(last) => u64::from_le_bytes(*last) >> (8 * (8 - tail.len())),
        None => tail.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    };
    let offset = (marks(word).trailing_zeros() / 8) as usize;
    (offset < tail.len()).then_some(at + offset)
}

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

    #[test]
    fn what_is_not_a_visible_character_is_found_wherever_it_lies() {
        for byte in (0..=0x20).chain(0x7f..=0xff) {
            for position in 0..20 {
                let mut bytes = *b"!visible~andmorebehind";
                bytes[position] = byte;
                bytes[position + 1] = b' ';
                assert_eq!(find_not_visible(&bytes), Some(position), "{byte} at {position}");
                assert_eq!(find_not_visible(&bytes[..position]), None);
            }
        }
    }
}
