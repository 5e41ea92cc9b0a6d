//! The value of `Date`, made once a second.

use std::time::{Duration, UNIX_EPOCH};

use crate::sys;

/// An IMF-fixdate (RFC 9110 §5.6.7) that is remade when the second has changed.
#[derive(Debug)]
pub(crate) struct DateCache {
    second: u64,
    text: [u8; 29],
}

impl DateCache {
    pub(crate) fn new() -> Self {
        Self { second: u64::MAX, text: [b' '; 29] }
    }

    /// The date now. Reads the clock.
    pub(crate) fn now(&mut self) -> &[u8; 29] {
        self.at(sys::seconds_since_epoch())
    }

    fn at(&mut self, second: u64) -> &[u8; 29] {
        if second != self.second {
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
            if let Ok(text) = text.into_bytes().try_into() {
                self.text = text;
            }
            self.second = second;
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_an_imf_fixdate_and_follows_the_clock() {
        let mut cache = DateCache::new();
        assert_eq!(cache.at(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(cache.at(784_111_778), b"Sun, 06 Nov 1994 08:49:38 GMT");
    }
}
