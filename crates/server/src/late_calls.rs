//! Calls that are over their time: what the peer waits for is taken from them.
//!
//! ```text
//!   application thread ── CallWatch ── Loan: what the call has, while it may touch it
//!                            ▲
//!   event loop ── CallList ──┘ looks, takes from who is late, and answers in its place
//! ```
//!
//! A call has its time from its begin to its first piece, and anew behind each piece. While it
//! touches the connection, as when it waits for a slow peer, nobody takes that from it.

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uncork_protocol::RequestHead;

use crate::connection::ConnectionInfo;
use crate::logging::Answered;
use crate::request_id::{OwnId, RequestId};
use crate::responder::AnswerFacts;
use crate::slots::SlotKey;
use crate::sync::lock;
use crate::sys;
use crate::transport::Transport;
use crate::turns::{Seen, Turns};

/// No limit.
pub(crate) const FOREVER_NS: u64 = u64::MAX;

/// Between two looks at calls that were taken, and that have not ended.
const STUCK_LOOK_NS: u64 = 1_000_000_000;

/// What a call has, and loses when it is late.
pub(crate) struct Belongings<'a> {
    pub(crate) transport: &'a mut Transport,
    pub(crate) key: SlotKey,
    pub(crate) head: &'a RequestHead,
    pub(crate) info: &'a ConnectionInfo,
    /// What the request is called, unless its client has said it.
    pub(crate) own_id: Option<OwnId>,
    /// When the request was complete, and when the call began.
    pub(crate) complete_ns: u64,
    pub(crate) start_ns: u64,
    /// What was sent of an answer, if anything.
    pub(crate) sent: Option<Sent>,
    /// Whether a peer would take the connection's end for the end of that answer.
    pub(crate) ends_with_connection: bool,
}

/// An answer of which something was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) status: u16,
    /// What the transport was given before the body, and how much there is of that.
    pub(crate) before_body: u64,
    pub(crate) body_bytes: u64,
    /// Whether the peer is to get no more.
    pub(crate) is_whole: bool,
}

/// One application thread, as those see it who look after it.
pub(crate) struct CallWatch {
    turns: Turns,
    /// Since when the call has given nothing, and for how long it may.
    since_ns: AtomicU64,
    limit_ns: AtomicU64,
    /// Null, or what the call has; only touched by whose turn it is.
    belongings: AtomicPtr<Belongings<'static>>,
    thread_ident: u64,
    lateness: Mutex<Lateness>,
}

/// How it stands with a call whose belongings were taken.
#[derive(Debug, Default)]
struct Lateness {
    /// The turn at which it was late; zero for a call that is not.
    number: u64,
    taken_ns: u64,
    /// Whether another thread may serve in this one's place.
    is_replaced: bool,
    /// Whether the thread is still in the application's own code.
    is_in_app: bool,
    /// Whether something was done to it there that has to be undone when it leaves.
    is_marked: bool,
}

impl std::fmt::Debug for CallWatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CallWatch").field("turns", &self.turns).finish_non_exhaustive()
    }
}

impl CallWatch {
    /// For the calling thread.
    fn new() -> Self {
        Self {
            turns: Turns::new(),
            since_ns: AtomicU64::new(0),
            limit_ns: AtomicU64::new(FOREVER_NS),
            belongings: AtomicPtr::new(ptr::null_mut()),
            thread_ident: sys::thread_ident(),
            lateness: Mutex::default(),
        }
    }
}

/// What a call has, as its own thread gets at it.
pub(crate) struct Loan<'a> {
    watch: &'a CallWatch,
    belongings: NonNull<Belongings<'a>>,
    _borrowed: PhantomData<&'a mut Belongings<'a>>,
    sent_before: u64,
    is_claimed: bool,
    /// Whether what is claimed stays so.
    is_kept: bool,
    has_ended: bool,
}

impl std::fmt::Debug for Loan<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Loan").field("watch", &self.watch).finish_non_exhaustive()
    }
}

impl<'a> Loan<'a> {
    /// A call begins, which may take `limit_ns` until it gives something.
    pub(crate) fn begin(watch: &'a CallWatch, belongings: &'a mut Belongings<'_>, limit_ns: u64) -> Self {
        watch.since_ns.store(belongings.start_ns, Ordering::Relaxed);
        watch.limit_ns.store(limit_ns, Ordering::Relaxed);
        let sent_before = belongings.transport.given();
        let belongings = NonNull::from(belongings);
        watch.belongings.store(belongings.cast().as_ptr(), Ordering::Relaxed);
        watch.turns.begin();
        Self {
            watch,
            belongings: belongings.cast(),
            _borrowed: PhantomData,
            sent_before,
            is_claimed: false,
            is_kept: false,
            has_ended: false,
        }
    }

    /// What the transport had sent when the call began, and what waited to be.
    pub(crate) fn sent_before(&self) -> u64 {
        self.sent_before
    }

    /// What the call has, to be touched until `rest`; `None` when it was late.
    pub(crate) fn claim(&mut self) -> Option<&mut Belongings<'a>> {
        self.is_claimed = self.is_claimed || self.watch.turns.claim();
        if !self.is_claimed {
            return None;
        }
        // SAFETY: it is this thread's turn, and what `begin` has borrowed is borrowed still.
        Some(unsafe { self.belongings.as_mut() })
    }

    /// It is not touched any more for now; the call's time begins anew.
    pub(crate) fn rest(&mut self) {
        if self.is_claimed && !self.is_kept {
            self.is_claimed = false;
            self.watch.since_ns.store(sys::coarse_monotonic_ns(), Ordering::Relaxed);
            self.watch.turns.rest();
        }
    }

    /// As `claim`, to the call's end: it can't be late any more. `false` when it was.
    pub(crate) fn keep(&mut self) -> bool {
        self.is_kept = true;
        self.claim().is_some()
    }

    /// Whether it was taken.
    pub(crate) fn is_late(&self) -> bool {
        !self.is_claimed && self.watch.turns.is_taken()
    }

    /// The thread leaves the application's own code of a call that was late. Returns whether it
    /// was marked there: see `LateCall::mark`.
    pub(crate) fn leave_app_late(&self) -> bool {
        let mut lateness = lock(&self.watch.lateness);
        lateness.is_in_app = false;
        std::mem::take(&mut lateness.is_marked)
    }

    /// The call has ended. Returns, if it was late, whether its thread was replaced.
    pub(crate) fn end(&mut self) -> Option<bool> {
        self.has_ended = true;
        if !self.watch.turns.end() {
            return None;
        }
        Some(std::mem::take(&mut *lock(&self.watch.lateness)).is_replaced)
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.end();
        }
    }
}

/// A call that was late: for the operator, and for whoever wants to end it.
pub struct LateCall {
    pub head: RequestHead,
    /// `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// Since its begin.
    pub age: Duration,
    /// Whether a part of an answer was sent before; else the peer has got a 504.
    pub is_sent: bool,
    /// What its request is called, unless the client has said it.
    pub id: Option<RequestId<'static>>,
    watch: Arc<CallWatch>,
    number: u64,
}

impl std::fmt::Debug for LateCall {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LateCall").field("number", &self.number).finish_non_exhaustive()
    }
}

impl LateCall {
    /// What Python calls `threading.get_ident()` in its thread.
    pub fn thread_ident(&self) -> u64 {
        self.watch.thread_ident
    }

    /// Whether its thread is still in the application's own code of that very call.
    pub fn is_in_app(&self) -> bool {
        let lateness = lock(&self.watch.lateness);
        lateness.number == self.number && lateness.is_in_app
    }

    /// Does something to the thread, while it is still in the application's own code of that very
    /// call; the thread learns of it when it leaves that (`Responder::leave_app`).
    pub fn mark(&self, action: impl FnOnce()) {
        let mut lateness = lock(&self.watch.lateness);
        if lateness.number == self.number && lateness.is_in_app {
            lateness.is_marked = true;
            action();
        }
    }
}

/// What was taken from a call.
pub(crate) struct Taken {
    pub(crate) transport: Transport,
    pub(crate) key: SlotKey,
    pub(crate) info: ConnectionInfo,
    pub(crate) ends_with_connection: bool,
    /// What was answered so far.
    pub(crate) answered: Answered,
    pub(crate) call: LateCall,
}

/// What a look at all calls has come to.
#[derive(Default)]
pub(crate) struct Looked {
    pub(crate) taken: Vec<Taken>,
    /// Threads whose call was late, and has not ended since for longer than it is given.
    pub(crate) stuck: usize,
    /// When there may be something to be seen of the calls that run.
    pub(crate) next_ns: Option<u64>,
}

/// The calls of all threads.
#[derive(Debug)]
pub(crate) struct CallList {
    threads: Mutex<Vec<Arc<CallWatch>>>,
    grace_ns: u64,
}

impl CallList {
    /// `grace`: how long a call may take to end when it was late.
    pub(crate) fn new(grace: Duration) -> Self {
        Self { threads: Mutex::default(), grace_ns: nanoseconds(grace) }
    }

    /// The calling thread takes part.
    pub(crate) fn join(&self) -> Arc<CallWatch> {
        let watch = Arc::new(CallWatch::new());
        lock(&self.threads).push(Arc::clone(&watch));
        watch
    }

    pub(crate) fn leave(&self, watch: &Arc<CallWatch>) {
        lock(&self.threads).retain(|other| !Arc::ptr_eq(other, watch));
    }

    /// Whether any call runs.
    pub(crate) fn is_any_running(&self) -> bool {
        lock(&self.threads).iter().any(|watch| watch.turns.look() != Seen::Nobody)
    }

    /// Looks at all calls, and takes from those that are late. `replace` is called for each of
    /// them, and says whether another thread may serve in its place.
    pub(crate) fn look(&self, now_ns: u64, replace: impl Fn() -> bool) -> Looked {
        let mut looked = Looked::default();
        for watch in lock(&self.threads).iter() {
            let next_ns = match watch.turns.look() {
                Seen::Nobody | Seen::Used => None,
                Seen::Taken => {
                    let lateness = lock(&watch.lateness);
                    let is_stuck = lateness.number > 0 && now_ns >= lateness.taken_ns.saturating_add(self.grace_ns);
                    looked.stuck += usize::from(is_stuck);
                    Some(if is_stuck { now_ns + STUCK_LOOK_NS } else { lateness.taken_ns + self.grace_ns })
                }
                Seen::Resting(rest) => {
                    let since_ns = watch.since_ns.load(Ordering::Relaxed);
                    let due_ns = since_ns.saturating_add(watch.limit_ns.load(Ordering::Relaxed));
                    if now_ns < due_ns {
                        (due_ns != FOREVER_NS).then_some(due_ns)
                    } else {
                        let taken = watch.turns.take(rest, || carry_off(watch, rest.number(), now_ns, replace()));
                        looked.taken.extend(taken);
                        Some(now_ns + self.grace_ns)
                    }
                }
            };
            looked.next_ns = [looked.next_ns, next_ns].into_iter().flatten().min();
        }
        looked
    }
}

/// Takes what a call has, whose turn it is the caller's to have.
fn carry_off(watch: &Arc<CallWatch>, number: u64, now_ns: u64, is_replaced: bool) -> Taken {
    *lock(&watch.lateness) = Lateness { number, taken_ns: now_ns, is_replaced, is_in_app: true, is_marked: false };
    // SAFETY: the turn is one's only, and the call does not end before it is over (`Turns::end`):
    // what the call has borrowed is borrowed still.
    let belongings = unsafe { &mut *watch.belongings.load(Ordering::Relaxed) };
    let Belongings { key, head, info, own_id, complete_ns, start_ns, .. } = *belongings;
    let Belongings { sent, ends_with_connection, .. } = *belongings;
    let transport = std::mem::replace(belongings.transport, Transport::gone());
    let facts = sent.map_or(AnswerFacts::NOTHING, |Sent { status, before_body, body_bytes, is_whole }| {
        let body_bytes = transport.given().saturating_sub(before_body).min(body_bytes);
        AnswerFacts { keeps_alive: None, status, body_bytes, is_whole }
    });
    Taken {
        transport,
        key,
        info: info.clone(),
        ends_with_connection,
        answered: Answered { facts, complete_ns, called_ns: start_ns, ended_ns: now_ns, own_id },
        call: LateCall {
            head: head.clone(),
            peer: info.peer,
            age: Duration::from_nanos(now_ns.saturating_sub(start_ns)),
            is_sent: sent.is_some(),
            id: own_id.map(RequestId::Own),
            watch: Arc::clone(watch),
            number,
        },
    }
}

/// As a number; of more than some centuries, those.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(FOREVER_NS)
}
