//! The name that a client gave by HTTP's own authentication (RFC 7617), which the combined format
//! has a place for. The password goes nowhere.

/// The user's name in the value of `Authorization`; empty where there is none.
pub(super) fn basic_user(value: &[u8]) -> Vec<u8> {
    let Some((scheme, encoded)) = value.split_at_checked(6) else {
        return Vec::new();
    };
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return Vec::new();
    }
    let mut name = decode(encoded);
    match name.iter().position(|&byte| byte == b':') {
        Some(end) => name.truncate(end),
        None => name.clear(),
    }
    name
}

/// Decodes base64 (RFC 4648 §4); empty where it is none.
fn decode(encoded: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for &byte in encoded.iter().filter(|&&byte| !matches!(byte, b'=' | b' ')) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Vec::new(),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_what_stands_before_the_colon() {
        assert_eq!(basic_user(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), b"Aladdin");
        assert_eq!(basic_user(b"bAsIc  YTpi"), b"a");
        assert_eq!(basic_user(b"Basic Onh5"), b"");
    }

    #[test]
    fn what_is_no_name_and_password_is_no_name() {
        for value in [&b"Bearer QWxhZGRpbjpvcGVu"[..], b"Basic", b"Basic QWxhZGRpbg==", b"Basic \xff\x01", b""] {
            assert_eq!(basic_user(value), b"", "{value:?}");
        }
    }
}
