//! Whose turn it is to touch what a call has: its own thread's, or that of whoever takes it away.
//!
//! ```text
//!            begin            claim
//!   nobody ────────▶ resting ───────▶ used          the call's own thread
//!      ▲                │  ▲── rest ───┘
//!      │           take │
//!      └── end ─────────┴▶ taking ──▶ taken         whoever takes it, once
//! ```
//!
//! All of it is one atomic word, which counts the turns too: so nobody takes what was touched
//! since he looked. This file knows nothing of connections, so that it can be model-checked.

use crate::sync::{AtomicU64, Ordering, yield_now};

const STATES: u64 = 7;
const TURN: u64 = 8;

const NOBODY: u64 = 0;
/// The thread has it, and does not touch it.
const RESTING: u64 = 1;
/// The thread touches it.
const USED: u64 = 2;
/// Somebody else carries it off.
const TAKING: u64 = 3;
/// It is gone.
const TAKEN: u64 = 4;

/// The turns of one thread.
#[derive(Debug)]
pub(crate) struct Turns {
    word: AtomicU64,
}

/// What somebody else sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Nobody,
    Resting(Rest),
    Used,
    Taken,
}

/// A turn at which nobody touched anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rest(u64);

impl Rest {
    /// No other turn of the same thread has this number.
    pub(crate) fn number(self) -> u64 {
        self.0 / TURN
    }
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { word: AtomicU64::new(NOBODY) }
    }

    /// The thread has something from now on.
    pub(crate) fn begin(&self) {
        self.enter_turn(RESTING);
    }

    /// The thread is going to touch what it has; `false`: it was taken.
    pub(crate) fn claim(&self) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        let used = word - word % TURN + USED;
        word & STATES == RESTING && self.word.compare_exchange(word, used, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// The thread has touched what it had claimed.
    pub(crate) fn rest(&self) {
        self.enter_turn(RESTING);
    }

    /// The thread has nothing from now on; `true`: it was taken. Waits while it is being taken.
    pub(crate) fn end(&self) -> bool {
        loop {
            let word = self.word.load(Ordering::Acquire);
            match word & STATES {
                RESTING if !self.claim() => {}
                TAKING => yield_now(),
                state => {
                    self.enter_turn(NOBODY);
                    return state == TAKEN;
                }
            }
        }
    }

    fn enter_turn(&self, state: u64) {
        let word = self.word.load(Ordering::Relaxed);
        self.word.store(word - word % TURN + TURN + state, Ordering::Release);
    }

    /// Looks from outside; what was stored before the turn began is seen too.
    pub(crate) fn look(&self) -> Seen {
        let word = self.word.load(Ordering::Acquire);
        match word & STATES {
            NOBODY => Seen::Nobody,
            RESTING => Seen::Resting(Rest(word)),
            USED => Seen::Used,
            _ => Seen::Taken,
        }
    }

    /// Whether what the thread has was taken from it.
    pub(crate) fn is_taken(&self) -> bool {
        self.word.load(Ordering::Relaxed) & STATES >= TAKING
    }

    /// Takes what the thread has, unless it was touched since; then `carry` runs, and nobody else
    /// touches it any more.
    pub(crate) fn take<T>(&self, rest: Rest, carry: impl FnOnce() -> T) -> Option<T> {
        let turn = rest.0 - rest.0 % TURN;
        self.word.compare_exchange(rest.0, turn + TAKING, Ordering::Acquire, Ordering::Relaxed).ok()?;
        let carried = carry();
        self.word.store(turn + TAKEN, Ordering::Release);
        Some(carried)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn rest_of(turns: &Turns) -> Rest {
        match turns.look() {
            Seen::Resting(rest) => rest,
            seen => panic!("{seen:?}"),
        }
    }

    #[test]
    fn what_rests_can_be_taken_once_and_is_gone_for_the_thread() {
        let turns = Turns::new();
        assert_eq!(turns.look(), Seen::Nobody);
        turns.begin();
        let rest = rest_of(&turns);
        assert_eq!(turns.take(rest, || 1), Some(1));
        assert_eq!(turns.take(rest, || 2), None);
        assert!(turns.is_taken() && !turns.claim());
        assert!(turns.end());
        assert_eq!(turns.look(), Seen::Nobody);
    }

    #[test]
    fn what_was_touched_since_the_look_is_not_taken() {
        let turns = Turns::new();
        turns.begin();
        let rest = rest_of(&turns);
        assert!(turns.claim());
        assert_eq!(turns.look(), Seen::Used);
        assert_eq!(turns.take(rest, || ()), None);
        turns.rest();
        assert_eq!(turns.take(rest, || ()), None);
        assert!(!turns.end());
    }

    #[test]
    fn a_later_call_is_not_taken_for_an_earlier_one() {
        let turns = Turns::new();
        turns.begin();
        let rest = rest_of(&turns);
        turns.end();
        turns.begin();
        assert_ne!(rest_of(&turns).number(), rest.number());
        assert_eq!(turns.take(rest, || ()), None);
    }
}

/// Every interleaving; see `leadership`.
#[cfg(all(test, loom))]
mod model {
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// What a call has: that two touch it at once, the model checker sees.
    #[derive(Debug)]
    struct Thing {
        turns: Turns,
        touched: UnsafeCell<u32>,
    }

    // SAFETY: for the model checker to find out.
    unsafe impl Sync for Thing {}
    // SAFETY: likewise.
    unsafe impl Send for Thing {}

    impl Thing {
        fn touch(&self) {
            // SAFETY: for the model checker to find out.
            self.touched.with_mut(|touched| unsafe { *touched += 1 });
        }
    }

    #[test]
    fn two_never_touch_it_at_once_and_both_know_who_has_it() {
        loom::model(|| {
            let thing = Arc::new(Thing { turns: Turns::new(), touched: UnsafeCell::new(0) });
            let taker = thread::spawn({
                let thing = Arc::clone(&thing);
                move || match thing.turns.look() {
                    Seen::Resting(rest) => thing.turns.take(rest, || thing.touch()).is_some(),
                    _ => false,
                }
            });
            thing.turns.begin();
            thing.touch_if_claimed();
            thing.touch_if_claimed();
            let was_taken = thing.turns.end();
            // The value is the thread's own again, or gone and nobody else touches it.
            thing.touch();
            assert_eq!(taker.join().unwrap(), was_taken);
        });
    }

    impl Thing {
        fn touch_if_claimed(&self) {
            if self.turns.claim() {
                self.touch();
                self.turns.rest();
            }
        }
    }
}
