//! Answers that wait a moment for others, so that a client which waits for many is woken once.
//!
//! To send a small answer is mostly to wake whoever waits for it. While requests wait for the leader,
//! it gives answers to the kernel with more to come, and has them sent together: when none waits any
//! more, or when the first of them has waited for long enough. Pieces of one answer are held back in
//! the same way. The sentinel has sent what is left, should a call take long.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::lock;
use crate::sys;

/// How long an answer waits for others, as long as calls are short.
const PATIENCE_NS: u64 = 750_000;

/// Requests that must wait behind an answer for it to be held back: behind the last ones, there
/// is nothing to be waited for.
const LEAST_COMPANY: usize = 4;

/// How long calls usually take where answers are held back. Longer ones are worth a call to the
/// kernel, and a client that waits; with shorter ones, it hardly falls asleep between two answers.
const SHORTEST_CALL_NS: u64 = 15_000;
const LONGEST_CALL_NS: u64 = 250_000;

/// The sockets for which the kernel holds back bytes.
#[derive(Debug, Default)]
pub(crate) struct HeldSockets {
    /// The lock is kept while one is pushed, so that its number can't come to mean another socket.
    sockets: Mutex<VecDeque<RawFd>>,
    /// Since when the first of them has waited; zero without any.
    since_ns: AtomicU64,
}

impl HeldSockets {
    /// Bytes for `socket` were held back, at `now_ns` or later.
    pub(crate) fn add(&self, socket: RawFd, now_ns: u64) {
        let mut sockets = lock(&self.sockets);
        if sockets.is_empty() {
            self.since_ns.store(now_ns.max(1), Ordering::Relaxed);
        }
        if sockets.back() != Some(&socket) {
            sockets.push_back(socket);
        }
    }

    /// Nothing is held back for `socket` any more, which was the last one.
    pub(crate) fn forget(&self, socket: RawFd) {
        let mut sockets = lock(&self.sockets);
        if sockets.back() == Some(&socket) {
            sockets.pop_back();
        }
        self.note_empty(&sockets);
    }

    /// Has sent what is held back.
    pub(crate) fn push_all(&self) {
        // Who has added something knows; what others add, they have sent themselves.
        if self.since_ns.load(Ordering::Relaxed) > 0 {
            self.push_each();
        }
    }

    /// Has sent what is held back when the first of it has waited for long enough.
    pub(crate) fn push_overdue(&self, now_ns: u64) {
        let since_ns = self.since_ns.load(Ordering::Relaxed);
        if since_ns > 0 && now_ns.saturating_sub(since_ns) >= PATIENCE_NS {
            self.push_each();
        }
    }

    /// As `push_all`, whoever has held it back. That one waits for one call to the kernel at the most.
    pub(crate) fn push_each(&self) {
        while self.push_one() {}
    }

    fn push_one(&self) -> bool {
        let mut sockets = lock(&self.sockets);
        if let Some(socket) = sockets.pop_front() {
            sys::push(socket);
        }
        self.note_empty(&sockets);
        !sockets.is_empty()
    }

    fn note_empty(&self, sockets: &VecDeque<RawFd>) {
        if sockets.is_empty() {
            self.since_ns.store(0, Ordering::Relaxed);
        }
    }
}

/// How long the calls of a leader usually take.
#[derive(Debug, Default)]
pub(crate) struct CallPace {
    usual_ns: u64,
}

impl CallPace {
    pub(crate) fn note(&mut self, took_ns: u64) {
        self.usual_ns = (7 * self.usual_ns + took_ns.min(8 * LONGEST_CALL_NS)) / 8;
    }

    /// Whether an answer may wait for those to the `waiting` requests behind it.
    pub(crate) fn is_worth_holding_for(&self, waiting: usize) -> bool {
        waiting >= LEAST_COMPANY && (SHORTEST_CALL_NS..=LONGEST_CALL_NS).contains(&self.usual_ns)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{ErrorKind, Read};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use rustix::net::{SendFlags, send};

    use super::*;

    /// A socket with a byte that the kernel holds back, and its peer.
    fn held_byte() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        send(&ours, b"x", SendFlags::MORE).unwrap();
        (ours, peer)
    }

    fn has_come(peer: &TcpStream) -> bool {
        peer.set_nonblocking(true).unwrap();
        let result = peer.peek(&mut [0; 1]);
        peer.set_nonblocking(false).unwrap();
        !matches!(result, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    #[test]
    fn what_is_held_is_sent_together() {
        let held = HeldSockets::default();
        let mut pairs = [held_byte(), held_byte()];
        pairs.iter().for_each(|(ours, _)| held.add(ours.as_raw_fd(), 1));
        held.push_all();
        for (_, peer) in &mut pairs {
            peer.read_exact(&mut [0; 1]).unwrap();
        }
        assert!(lock(&held.sockets).is_empty() && held.since_ns.load(Ordering::Relaxed) == 0);
    }

    #[test]
    fn the_first_to_wait_says_when_all_are_overdue() {
        let held = HeldSockets::default();
        let (first, second) = (held_byte(), held_byte());
        held.add(first.0.as_raw_fd(), 1000);
        held.add(second.0.as_raw_fd(), 1000 + PATIENCE_NS - 1);
        held.push_overdue(1000 + PATIENCE_NS - 1);
        assert_eq!(lock(&held.sockets).len(), 2);
        held.push_overdue(1000 + PATIENCE_NS);
        assert!(lock(&held.sockets).is_empty());
        assert!(has_come(&first.1) && has_come(&second.1));
    }

    #[test]
    fn pieces_for_one_peer_are_one_and_can_be_forgotten() {
        let held = HeldSockets::default();
        held.add(7, 1);
        held.add(7, 2);
        assert_eq!(lock(&held.sockets).len(), 1);
        held.forget(8);
        assert_eq!(lock(&held.sockets).len(), 1);
        held.forget(7);
        assert!(lock(&held.sockets).is_empty() && held.since_ns.load(Ordering::Relaxed) == 0);
    }

    #[test]
    fn answers_are_held_where_calls_are_neither_trifles_nor_long_and_others_wait() {
        let worth = |took_ns, waiting| {
            let mut pace = CallPace::default();
            (0..100).for_each(|_| pace.note(took_ns));
            pace.is_worth_holding_for(waiting)
        };
        assert!(worth(60_000, LEAST_COMPANY));
        assert!(!worth(60_000, LEAST_COMPANY - 1));
        assert!(!worth(5_000, 50) && !worth(1_000_000, 50));
        assert!(!CallPace::default().is_worth_holding_for(50));
    }

    #[test]
    fn one_long_call_ends_the_holding_for_a_while() {
        let mut pace = CallPace::default();
        (0..100).for_each(|_| pace.note(60_000));
        pace.note(20_000_000);
        assert!(!pace.is_worth_holding_for(50));
        (0..20).for_each(|_| pace.note(60_000));
        assert!(pace.is_worth_holding_for(50));
    }
}
