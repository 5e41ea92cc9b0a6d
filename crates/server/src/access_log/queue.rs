//! Records on their way from the threads that serve to the one that writes.
//!
//! One lock, held for a copy of some hundred bytes; two buffers that change places. The writer is
//! woken once for many records: it lets some come before it takes them.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::record::{Entry, pack};
use crate::sync::{Condvar, Mutex, lock, wait, wait_timeout};

/// Bytes of records that may wait: some twenty thousand requests.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// With so many waiting, the writer is woken at once. They fit a processor's cache.
const WAKE_BYTES: usize = 128 * 1024;

/// How long the writer lets records come before it takes them.
const GATHERING: Duration = Duration::from_millis(10);

/// Between two reports of lines that are lost.
const SILENCE: Duration = Duration::from_secs(10);

/// Lines that were lost.
#[derive(Debug)]
pub(super) struct Loss {
    pub(super) lines: u64,
    /// Why they could not be written; `None` when there was no room for them.
    pub(super) error: Option<io::Error>,
}

/// What the writer is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Errand {
    Write,
    /// Somebody must be told of a loss.
    Tell,
    End,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    to_writer: Condvar,
    has_room: Condvar,
    has_ended: Condvar,
    waits_when_full: bool,
}

#[derive(Debug)]
struct State {
    records: Vec<u8>,
    /// How many those are.
    count: u64,
    /// How many the writer has taken and not written.
    in_hand: u64,
    is_writer_asleep: bool,
    target: Option<OwnedFd>,
    lost: u64,
    error: Option<io::Error>,
    told_at: Option<Instant>,
    /// Whether who finds it full must not wait any more.
    is_hurried: bool,
    is_ending: bool,
    has_ended: bool,
}

impl Queue {
    pub(super) fn new(waits_when_full: bool) -> Self {
        Self {
            state: Mutex::new(State {
                records: Vec::new(),
                count: 0,
                in_hand: 0,
                is_writer_asleep: false,
                target: None,
                lost: 0,
                error: None,
                told_at: None,
                is_hurried: false,
                is_ending: false,
                has_ended: false,
            }),
            to_writer: Condvar::new(),
            has_room: Condvar::new(),
            has_ended: Condvar::new(),
            waits_when_full,
        }
    }

    /// Takes in what is said of a request. Where there is no room, waits for it or loses the
    /// record, as was set; returns a loss that is due to be told.
    pub(super) fn push(&self, entry: &Entry<'_>) -> Option<Loss> {
        let mut state = lock(&self.state);
        while state.records.len() >= MOST_BYTES {
            if !self.waits_when_full || state.is_hurried {
                state.lost += 1;
                return state.due_loss(Instant::now());
            }
            state = wait(&self.has_room, state);
        }
        let before = state.records.len();
        pack(&mut state.records, entry);
        state.count += 1;
        let is_much = before < WAKE_BYTES && state.records.len() >= WAKE_BYTES;
        if std::mem::take(&mut state.is_writer_asleep) || is_much {
            drop(state);
            self.to_writer.notify_one();
        }
        None
    }

    /// The writer waits for something to do. With `Errand::Write`, the records are in `taken`,
    /// and a new target in `target` if there is one.
    pub(super) fn next(&self, taken: &mut Vec<u8>, target: &mut Option<OwnedFd>) -> Errand {
        let mut state = lock(&self.state);
        state.in_hand = 0;
        // The two buffers stay as large as is needed, and no larger.
        if taken.capacity() > WAKE_BYTES && taken.len() < taken.capacity() / 8 {
            *taken = Vec::new();
        }
        taken.clear();
        while state.records.is_empty() && state.target.is_none() && !state.is_ending {
            if state.is_loss_due(Instant::now()) {
                return Errand::Tell;
            }
            state.is_writer_asleep = true;
            state = if state.lost > 0 {
                wait_timeout(&self.to_writer, state, SILENCE).0
            } else {
                wait(&self.to_writer, state)
            };
        }
        state.is_writer_asleep = false;
        if !state.is_ending && state.target.is_none() && state.records.len() < WAKE_BYTES {
            state = wait_timeout(&self.to_writer, state, GATHERING).0;
        }
        *target = state.target.take();
        if state.records.is_empty() && target.is_none() {
            return Errand::End;
        }
        std::mem::swap(&mut state.records, taken);
        state.in_hand = std::mem::take(&mut state.count);
        if self.waits_when_full {
            drop(state);
            self.has_room.notify_all();
        }
        Errand::Write
    }

    /// Of what the writer has taken, so many lines are written, or, with an error, lost.
    pub(super) fn settle(&self, lines: u64, result: io::Result<()>) {
        let mut state = lock(&self.state);
        state.in_hand = state.in_hand.saturating_sub(lines);
        if let Err(error) = result {
            state.lost += lines;
            state.error = Some(error);
        }
    }

    /// A loss that nobody was told of, if it is time.
    pub(super) fn due_loss(&self, now: Instant) -> Option<Loss> {
        lock(&self.state).due_loss(now)
    }

    /// Lines are written to `target` from now on.
    pub(super) fn change_target(&self, target: OwnedFd) {
        lock(&self.state).target = Some(target);
        self.to_writer.notify_one();
    }

    /// Nobody waits for room any more.
    pub(super) fn hurry(&self) {
        lock(&self.state).is_hurried = true;
        self.has_room.notify_all();
    }

    /// Waits up to `timeout` until the writer has written what there is, and ended. Returns what
    /// was lost and not told, what is not written by now included.
    pub(super) fn end(&self, timeout: Duration) -> Option<Loss> {
        let mut state = lock(&self.state);
        state.is_hurried = true;
        state.is_ending = true;
        self.has_room.notify_all();
        self.to_writer.notify_one();
        let deadline = Instant::now() + timeout;
        while !state.has_ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = wait_timeout(&self.has_ended, state, left).0;
        }
        state.lost += std::mem::take(&mut state.count) + std::mem::take(&mut state.in_hand);
        state.take_loss()
    }

    pub(super) fn note_end(&self) {
        lock(&self.state).has_ended = true;
        self.has_ended.notify_all();
    }
}

impl State {
    fn is_loss_due(&self, now: Instant) -> bool {
        self.lost > 0 && self.told_at.is_none_or(|told| now.saturating_duration_since(told) >= SILENCE)
    }

    fn due_loss(&mut self, now: Instant) -> Option<Loss> {
        if !self.is_loss_due(now) {
            return None;
        }
        self.told_at = Some(now);
        self.take_loss()
    }

    fn take_loss(&mut self) -> Option<Loss> {
        let lines = std::mem::take(&mut self.lost);
        (lines > 0).then(|| Loss { lines, error: self.error.take() })
    }
}
