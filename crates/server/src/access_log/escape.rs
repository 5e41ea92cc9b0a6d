//! What peers sent, made fit for one line of a log: no byte of theirs ends a line or a field, or
//! speaks to a terminal.

/// Where a text that is too long is cut.
const CUT: &[u8] = b"...";

/// Writes `bytes` between the quotes of a log line, or onto a terminal: what is not a visible
/// character of ASCII, and quotes and backslashes, as `\xHH`, as nginx has it. What would take
/// more than `limit` bytes is cut.
pub(super) fn push_visible(out: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    if bytes.len() <= limit && all_plain(bytes) {
        return out.extend_from_slice(bytes);
    }
    let start = out.len();
    for &byte in bytes {
        let is_cut = if is_plain(byte) {
            push_within(out, start, limit, &[byte])
        } else {
            push_within(out, start, limit, &hexadecimal(byte))
        };
        if is_cut {
            return;
        }
    }
}

/// Writes `bytes` between the quotes of a JSON string (RFC 8259 §7). Text stays text, but for what
/// ends lines or turns them round; a byte that is not of UTF-8 becomes the text `\xHH`. What would
/// take more than `limit` bytes is cut.
pub(super) fn push_json(out: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    if bytes.len() <= limit && all_plain(bytes) {
        return out.extend_from_slice(bytes);
    }
    let start = out.len();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if push_character(out, start, limit, character) {
                return;
            }
        }
        for &byte in chunk.invalid() {
            let [_, x, high, low] = hexadecimal(byte);
            if push_within(out, start, limit, &[b'\\', b'\\', x, high, low]) {
                return;
            }
        }
    }
}

fn push_character(out: &mut Vec<u8>, start: usize, limit: usize, character: char) -> bool {
    match character {
        '"' => push_within(out, start, limit, b"\\\""),
        '\\' => push_within(out, start, limit, b"\\\\"),
        _ if is_of_lines(character) => {
            let code = character as u32 as u16;
            let [high, low] = code.to_be_bytes().map(hexadecimal);
            push_within(out, start, limit, &[b'\\', b'u', high[2], high[3], low[2], low[3]])
        }
        _ => push_within(out, start, limit, character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Whether `character` may end a line for somebody, steer a terminal, or turn the direction of the
/// text round it.
fn is_of_lines(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Appends `piece`, unless more than `limit` bytes would stand behind `start`; then the cut is
/// marked, and `true` returned.
fn push_within(out: &mut Vec<u8>, start: usize, limit: usize, piece: &[u8]) -> bool {
    if out.len() - start + piece.len() > limit {
        out.extend_from_slice(CUT);
        return true;
    }
    out.extend_from_slice(piece);
    false
}

/// Whether all of `bytes` stand for themselves everywhere. Looks at all in any case, since the
/// processor then looks at many at a time.
fn all_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |all, &byte| all & is_plain(byte))
}

fn is_plain(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) & (byte != b'"') & (byte != b'\\')
}

fn hexadecimal(byte: u8) -> [u8; 4] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [b'\\', b'x', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visible(bytes: &[u8], limit: usize) -> String {
        let mut out = Vec::new();
        push_visible(&mut out, bytes, limit);
        String::from_utf8(out).unwrap()
    }

    fn json(bytes: &[u8], limit: usize) -> String {
        let mut out = Vec::new();
        push_json(&mut out, bytes, limit);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_plain_stays_as_it_is() {
        let plain = b"/a-path?with=a%20query&and='more'";
        assert_eq!(visible(plain, 100).as_bytes(), plain);
        assert_eq!(json(plain, 100).as_bytes(), plain);
    }

    #[test]
    fn no_byte_ends_a_line_or_a_field_or_steers_a_terminal() {
        assert_eq!(
            visible(b"a\r\nb\"c\\d\x1b[31m\x7f\xc3\xa4\0\t", 100),
            "a\\x0D\\x0Ab\\x22c\\x5Cd\\x1B[31m\\x7F\\xC3\\xA4\\x00\\x09"
        );
        assert_eq!(
            json("a\r\nb\"c\\d\x1b\u{9b}\u{85}\u{2028}\u{202e}ä".as_bytes(), 100),
            "a\\u000D\\u000Ab\\\"c\\\\d\\u001B\\u009B\\u0085\\u2028\\u202Eä"
        );
        assert_eq!(json(b"\xff\xc3", 100), "\\\\xFF\\\\xC3");
    }

    #[test]
    fn what_is_too_long_is_cut_between_two_characters() {
        assert_eq!(visible(b"abcdef", 4), "abcd...");
        assert_eq!(visible(b"ab\ncd", 4), "ab...");
        assert_eq!(json("aää".as_bytes(), 4), "aä...");
        assert_eq!(json(b"a\nb", 6), "a...");
    }
}
