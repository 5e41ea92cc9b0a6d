//! Deadlines, one for each connection at the most.
//!
//! A deadline that moves into the future, as most do at each request, costs nothing: its old
//! entry stays, and is put back where it belongs when it comes up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Entries of keys that have gone, up to which it is no use to look for them.
const SLACK: usize = 1024;

/// Entries `(when, key)`, earliest first.
#[derive(Debug)]
pub(crate) struct Timers<Key> {
    heap: BinaryHeap<Reverse<(Instant, Key)>>,
}

impl<Key: Ord + Copy> Timers<Key> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new() }
    }

    /// Adds an entry. `armed` is the time of the key's earliest entry and is kept true.
    pub(crate) fn arm(&mut self, key: Key, deadline: Instant, armed: &mut Option<Instant>) {
        if armed.is_none_or(|earlier| deadline < earlier) {
            self.heap.push(Reverse((deadline, key)));
            *armed = Some(deadline);
        }
    }

    /// Throws out the entries that are not live, at the most one for each of `live` keys, when the
    /// others may outnumber them: connections that come and go would leave theirs until they are due.
    pub(crate) fn tidy(&mut self, live: usize, mut is_live: impl FnMut(Instant, Key) -> bool) {
        if self.heap.len() > 2 * live + SLACK {
            self.heap.retain(|Reverse((when, key))| is_live(*when, *key));
            self.heap.shrink_to(2 * self.heap.len() + SLACK);
        }
    }

    /// How long to wait for the earliest entry; `None` when there is none.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Duration> {
        self.heap.peek().map(|Reverse((when, _))| when.saturating_duration_since(now))
    }

    /// Takes the next entry whose time has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Key)> {
        let Reverse((when, _)) = self.heap.peek()?;
        if *when > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_keys_that_have_gone_do_not_pile_up() {
        let start = Instant::now();
        let mut timers = Timers::new();
        let (mut first, mut second) = (None, None);
        timers.arm(1, start + Duration::from_secs(2), &mut first);
        timers.arm(2, start + Duration::from_secs(1), &mut second);
        for key in 3..100_000 {
            timers.arm(key, start + Duration::from_secs(3), &mut None);
            timers.tidy(2, |_, key| key <= 2);
            assert!(timers.heap.len() <= 2 * 2 + SLACK);
        }
        assert!(timers.heap.capacity() <= 4 * SLACK);
        let between = start + Duration::from_millis(2500);
        assert_eq!(timers.pop_due(between), Some((start + Duration::from_secs(1), 2)));
        assert_eq!(timers.pop_due(between), Some((start + Duration::from_secs(2), 1)));
        assert_eq!(timers.pop_due(between), None);
    }

    #[test]
    fn entries_come_up_in_order_and_in_time() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut timers = Timers::new();
        let (mut armed_one, mut armed_two) = (None, None);
        timers.arm(1, at(30), &mut armed_one);
        timers.arm(2, at(10), &mut armed_two);
        timers.arm(1, at(50), &mut armed_one);
        assert_eq!(armed_one, Some(at(30)));
        assert_eq!(timers.poll_timeout(start), Some(Duration::from_millis(10)));
        assert_eq!(timers.pop_due(at(9)), None);
        assert_eq!(timers.pop_due(at(40)), Some((at(10), 2)));
        assert_eq!(timers.pop_due(at(40)), Some((at(30), 1)));
        assert_eq!(timers.pop_due(at(40)), None);
        assert_eq!(timers.poll_timeout(start), None);
    }
}
