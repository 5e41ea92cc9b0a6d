//! One application thread's pen for the scoreboard.

use std::net::SocketAddr;
use std::sync::Arc;

use uncork_protocol::RequestHead;

use crate::request_id::RequestId;
use crate::scoreboard::{Activity, Outcome, ScoreboardRow, Shown, bump, bump_shared};
use crate::sys;

/// Writes what one thread does; made and dropped there.
#[derive(Debug)]
pub(crate) struct Scorer {
    row: Arc<ScoreboardRow>,
    cell: Option<usize>,
    /// A moment that has passed, as late as is known without looking.
    moment_ns: u64,
    /// When the present request was complete.
    complete_ns: u64,
}

impl Scorer {
    pub(crate) fn new(row: &Arc<ScoreboardRow>) -> Self {
        Self { row: Arc::clone(row), cell: row.take_cell(), moment_ns: sys::monotonic_ns(), complete_ns: 0 }
    }

    /// It is so late, or later.
    pub(crate) fn note_moment(&mut self, now_ns: u64) {
        self.moment_ns = self.moment_ns.max(now_ns);
    }

    /// See `note_moment`; when a call has ended, the moment at which it did.
    pub(crate) fn moment_ns(&self) -> u64 {
        self.moment_ns
    }

    /// A call begins, of a request that was complete at `complete_ns`. It began, as far as is
    /// known, when the last one ended, or when `note_moment` said.
    pub(crate) fn begin(
        &mut self,
        head: &RequestHead,
        id: Option<RequestId<'_>>,
        client: Option<SocketAddr>,
        complete_ns: u64,
    ) {
        let start_ns = self.moment_ns;
        self.complete_ns = complete_ns;
        let queue_ns = start_ns.saturating_sub(complete_ns);
        let Some(index) = self.cell else {
            let (counters, busy) = self.row.without_cell();
            counters.begin(queue_ns, bump_shared);
            bump_shared(busy, 1);
            return;
        };
        let cell = self.row.cell(index);
        cell.counters.begin(queue_ns, bump);
        cell.show(&Shown { start_ns, method: head.method(), target: head.target(), client, id });
    }

    /// The call has ended, now.
    pub(crate) fn end(&mut self, outcome: Outcome, bytes: u64) {
        self.moment_ns = sys::monotonic_ns();
        // How long a connection was used after it was handed over says nothing of answers.
        let is_answer = outcome != Outcome::HandedOver;
        let latency_ns = is_answer.then(|| self.moment_ns.saturating_sub(self.complete_ns));
        let Some(index) = self.cell else {
            let (counters, busy) = self.row.without_cell();
            counters.end(outcome, bytes, latency_ns, bump_shared);
            bump_shared(busy, 1u64.wrapping_neg());
            return;
        };
        let cell = self.row.cell(index);
        cell.counters.end(outcome, bytes, latency_ns, bump);
        cell.note_activity(Activity::Idle);
    }

    /// The call has ended, now, and the loop has counted it when it was late.
    pub(crate) fn end_late(&mut self) {
        self.moment_ns = sys::monotonic_ns();
        match self.cell {
            Some(index) => self.row.cell(index).note_activity(Activity::Idle),
            None => bump_shared(self.row.without_cell().1, 1u64.wrapping_neg()),
        }
    }

    /// When the present call's request was complete.
    pub(crate) fn complete_ns(&self) -> u64 {
        self.complete_ns
    }

    /// What the thread is at inside the call; also by another thread that answers for it.
    pub(crate) fn note_activity(&self, activity: Activity) {
        if let Some(index) = self.cell {
            self.row.cell(index).note_activity(activity);
        }
    }
}

impl Drop for Scorer {
    fn drop(&mut self) {
        self.row.leave_cell(self.cell);
    }
}
