//! Finds where a head ends, and refuses line ends that are not CRLF.
//!
//! Remembers how far it has looked, so that a head which comes byte by byte costs no more
//! than one which comes whole.

use super::HeadLimits;
use crate::PeerError;
use crate::headers::find_control;

/// Empty lines that may stand before a request line (RFC 9112 §2.2 asks for at least one).
const MAX_LEADING_EMPTY_LINES: usize = 4;

/// Looks for the empty line that ends a head, over as many calls as the head needs.
#[derive(Debug, Default)]
pub struct HeadScanner {
    /// Bytes looked at: `0 <= scanned <= input.len()` of the last call.
    scanned: usize,
    /// Where the line that is being looked at begins: `0 <= line_start <= scanned`.
    line_start: usize,
    /// Where the request line begins, behind empty lines.
    head_start: usize,
}

/// Where a whole head lies in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadRange {
    pub start: usize,
    /// Behind the empty line.
    pub end: usize,
}

impl HeadScanner {
    /// Looks at `input`, which is that of the last call with more bytes behind it.
    ///
    /// Returns where the head lies, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// `400` for a CR or LF that is not a CRLF, `414` or `431` for a head over the limit.
    pub fn scan(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Option<HeadRange>, PeerError> {
        let mut next = self.scanned;
        while let Some(position) = find_control(input, next) {
            let control = input[position];
            if !matches!(control, b'\r' | b'\n') {
                next = position + 1;
                continue;
            }
            let follower = input.get(position + 1);
            let last = if control == b'\r' && follower == Some(&b'\n') { position + 1 } else { position };
            // Before any other fault: a head that comes in pieces is refused here too.
            if last >= self.head_start + limits.max_head_bytes {
                return Err(self.too_large(input, limits));
            }
            match follower {
                // That of a CRLF was passed over with its CR.
                _ if control == b'\n' => {
                    return Err(PeerError::bad_request("an LF without a CR (RFC 9112 §2.2)"));
                }
                Some(b'\n') => {}
                Some(_) => return Err(PeerError::bad_request("a CR without an LF (RFC 9112 §2.2)")),
                None => {
                    self.scanned = position;
                    return self.more(input, limits);
                }
            }
            next = position + 2;
            let is_empty_line = position == self.line_start;
            self.line_start = next;
            if !is_empty_line {
                continue;
            }
            if position > self.head_start {
                return Ok(Some(HeadRange { start: self.head_start, end: next }));
            }
            self.head_start = next;
            if self.head_start > 2 * MAX_LEADING_EMPTY_LINES {
                return Err(PeerError::bad_request("empty lines instead of a request line (RFC 9112 §2.2)"));
            }
        }
        self.scanned = input.len();
        self.more(input, limits)
    }

    fn more(&self, input: &[u8], limits: &HeadLimits) -> Result<Option<HeadRange>, PeerError> {
        if input.len() - self.head_start > limits.max_head_bytes {
            return Err(self.too_large(input, limits));
        }
        Ok(None)
    }

    fn too_large(&self, input: &[u8], limits: &HeadLimits) -> PeerError {
        let request_line_end = memchr::memchr(b'\r', &input[self.head_start..]).unwrap_or(usize::MAX);
        if request_line_end > limits.max_head_bytes {
            PeerError::new(414, "the request target is too long (RFC 9110 §15.5.15)")
        } else {
            PeerError::new(431, "the header fields are too large (RFC 6585 §5)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { max_head_bytes: 64, max_target_bytes: 64, max_fields: 8 };

    /// Scans whole and byte by byte, and holds the two against each other.
    fn scan(input: &[u8]) -> Result<Option<HeadRange>, PeerError> {
        let whole = HeadScanner::default().scan(input, &LIMITS);
        let mut scanner = HeadScanner::default();
        let mut last = Ok(None);
        for end in 1..=input.len() {
            last = scanner.scan(&input[..end], &LIMITS);
            if last != Ok(None) {
                break;
            }
        }
        assert_eq!(whole, last, "whole and byte by byte differ for {input:?}");
        whole
    }

    #[test]
    fn a_head_ends_behind_its_empty_line() {
        assert_eq!(scan(b"GET / HTTP/1.1\r\nA: b\r\n\r\n"), Ok(Some(HeadRange { start: 0, end: 24 })));
        assert_eq!(scan(b"GET / HTTP/1.1\r\nA: b\r\n"), Ok(None));
        assert_eq!(scan(b""), Ok(None));
    }

    #[test]
    fn what_follows_a_head_is_left_alone() {
        let range = HeadScanner::default().scan(b"GET / HTTP/1.1\r\n\r\n\n\r\0", &LIMITS);
        assert_eq!(range, Ok(Some(HeadRange { start: 0, end: 18 })));
    }

    #[test]
    fn a_few_empty_lines_may_come_first() {
        assert_eq!(scan(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"), Ok(Some(HeadRange { start: 4, end: 22 })));
        assert_eq!(scan(&b"\r\n".repeat(5)).unwrap_err().status, 400);
    }

    #[test]
    fn bare_cr_and_bare_lf_are_refused() {
        for bad in [&b"GET / HTTP/1.1\n"[..], b"\n", b"GET / HTTP/1.1\r\nA: b\rc", b"A\r\r\n", b"A\r\n\n"] {
            assert_eq!(scan(bad).unwrap_err().status, 400, "{bad:?}");
        }
    }

    #[test]
    fn the_limit_tells_a_long_target_from_large_fields() {
        assert_eq!(scan(&[b'a'; 65]).unwrap_err().status, 414);
        assert_eq!(scan(&[b'a'; 64]), Ok(None));
        let fields = [&b"GET / HTTP/1.1\r\n"[..], &[b'a'; 60]].concat();
        assert_eq!(scan(&fields).unwrap_err().status, 431);
        let just_fits = [&b"GET / HTTP/1.1\r\n"[..], &[b'a'; 44], b"\r\n\r\n"].concat();
        assert_eq!(scan(&just_fits), Ok(Some(HeadRange { start: 0, end: 64 })));
    }

    #[test]
    fn a_fault_behind_the_limit_is_refused_for_the_limit() {
        for fault in [&b"\n"[..], b"\rx", b"\r\n\r\n"] {
            assert_eq!(scan(&[&[b'a'; 65][..], fault].concat()).unwrap_err().status, 414, "{fault:?}");
            let fields = [b"GET / HTTP/1.1\r\n", &[b'a'; 48][..], fault].concat();
            assert_eq!(scan(&fields).unwrap_err().status, 431, "{fault:?}");
        }
    }
}
