//! A server: its threads, and how they take turns.

use std::io;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Registry, Waker};

use crate::access_log::AccessLog;
use crate::app::{Application, Request};
use crate::connection::{Connection, Serving};
use crate::event_loop::{Ending, EventLoop, Next, Outside, Returned};
use crate::held::{CallPace, HeldSockets};
use crate::late_calls::{Belongings, CallList, CallWatch, LateCall, Loan};
use crate::leadership::{Errand, Leadership, Seat, Successor};
use crate::listener::Listener;
use crate::logging::{Answered, Logging};
use crate::request_id::{OwnId, RequestId, RequestIds};
use crate::responder::{CallEnd, HoldIf, Host, Responder, ThreadScratch};
use crate::scoreboard::{Activity, Phase, ScoreboardRow};
use crate::scorer::Scorer;
use crate::sentinel::{Judgement, Sentinel};
use crate::settings::ServerSettings;
use crate::sync::lock;
use crate::sys::{self, CpuClock};
use crate::tls::TlsConfig;
use crate::transport::Transport;
use crate::trouble::Trouble;

/// A call made without the lead that waits no longer than this speaks for keeping the lead
/// again. CPU time does not count: it would not have been saved by another thread.
const FAST_CALL: Duration = Duration::from_micros(200);

/// Threads that may wait for peers which take nothing, and be replaced meanwhile, for each thread
/// that the settings allow. Such a thread costs little but its stack.
const SLOW_READERS_FOR_A_THREAD: usize = 4;

/// Threads that may be late, and be replaced, for each thread that the settings allow.
const LATE_THREADS_FOR_A_THREAD: usize = 2;

/// How often it is asked for the interpreter while calls run.
const INTERPRETER_LOOK: Duration = Duration::from_secs(1);

/// How long a thread waits to be needed before it ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves one application in one process.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    application: Arc<dyn Application>,
    settings: Arc<ServerSettings>,
    leadership: Leadership,
    /// Only who has the lead locks it, so that the lock is free whenever it is asked for.
    event_loop: Mutex<EventLoop>,
    waker: Waker,
    registry: Registry,
    returned: Mutex<Vec<Returned>>,
    has_returned: AtomicBool,
    /// Whether the leader is, or is about to be, asleep in the kernel.
    is_blocked: AtomicBool,
    ending: AtomicU8,
    /// The CPU clock of the thread that leads, or led last.
    leader_clock: AtomicI64,
    held: Arc<HeldSockets>,
    row: Arc<ScoreboardRow>,
    logging: Logging,
    calls: Arc<CallList>,
}

/// What one application thread keeps from request to request.
struct AppThread {
    scratch: ThreadScratch,
    scorer: Scorer,
    watch: Arc<CallWatch>,
    pace: CallPace,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("leadership", &self.leadership).finish_non_exhaustive()
    }
}

impl Server {
    /// A server for `application` on the sockets `listeners`, which stay the caller's. With
    /// `tls`, those that are not unix sockets speak it. What it does can be seen in `row`, if there
    /// is one.
    ///
    /// # Errors
    /// One of them is not a listening stream socket, or there is no room for the loop's own.
    pub fn new(
        application: impl Application,
        listeners: &[RawFd],
        settings: ServerSettings,
        tls: Option<TlsConfig>,
        row: Option<ScoreboardRow>,
    ) -> io::Result<Self> {
        sys::share_heaps();
        let row = Arc::new(row.map_or_else(ScoreboardRow::private, Ok)?);
        let settings = Arc::new(settings);
        let is_tls = tls.is_some();
        let listeners =
            listeners.iter().map(|&descriptor| Listener::duplicate(descriptor, is_tls)).collect::<io::Result<_>>()?;
        let logging = Logging {
            ids: settings.request_id_header.as_deref().map(|header| Arc::new(RequestIds::new(header))),
            shows_ids: settings.shows_request_ids,
            access_log: settings.access_log.map(AccessLog::new).transpose()?.map(Arc::new),
            unlogged_prefix: settings.own_prefix.as_bytes().into(),
        };
        let calls = Arc::new(CallList::new(settings.request_grace));
        let held = Arc::new(HeldSockets::default());
        let (event_loop, waker, registry) = EventLoop::new(
            listeners,
            Arc::clone(&settings),
            tls,
            Arc::clone(&row),
            logging.clone(),
            Arc::clone(&calls),
            Arc::clone(&held),
        )?;
        Ok(Self {
            shared: Arc::new(Shared {
                application: Arc::new(application),
                leadership: Leadership::new(settings.max_threads),
                settings,
                event_loop: Mutex::new(event_loop),
                waker,
                registry,
                returned: Mutex::new(Vec::new()),
                has_returned: AtomicBool::new(false),
                is_blocked: AtomicBool::new(false),
                ending: AtomicU8::new(Ending::No as u8),
                leader_clock: AtomicI64::new(CpuClock::PROCESS.number()),
                held,
                row,
                logging,
                calls,
            }),
        })
    }

    /// Starts the first application thread, the sentinel, and what writes the access log. To be
    /// called once.
    ///
    /// # Errors
    /// A thread can't be started.
    pub fn start(&self) -> io::Result<()> {
        self.shared.row.enter(Phase::Serving);
        self.shared.row.beat(sys::monotonic_ns());
        if let Some(log) = &self.shared.logging.access_log {
            let shared = Arc::clone(&self.shared);
            log.start(move |trouble| shared.tell(trouble))?;
        }
        spawn_application_thread(&self.shared)?;
        if self.shared.row.is_watched() {
            let shared = Arc::clone(&self.shared);
            thread::Builder::new().name("uncork-beat".into()).spawn(move || shared.watch_interpreter())?;
        }
        let shared = Arc::clone(&self.shared);
        thread::Builder::new().name("uncork-sentinel".into()).spawn(move || shared.stand_guard()).map(drop)
    }

    /// Stops accepting, and ends when the last request has been answered. Does not block.
    pub fn drain(&self) {
        self.end(Ending::Draining);
    }

    /// Closes every connection that no thread has, and ends. Does not block.
    pub fn stop(&self) {
        self.end(Ending::Now);
    }

    /// Writes the access log to `descriptor` from now on; it stays the caller's. Without such a
    /// log, does nothing.
    ///
    /// # Errors
    /// It is not open, or there is no room for another.
    pub fn reopen_access_log(&self, descriptor: RawFd) -> io::Result<()> {
        self.shared.logging.access_log.as_ref().map_or(Ok(()), |log| log.reopen(descriptor))
    }

    /// Writes what is left of the access log, for up to `timeout`, when nothing more is served.
    pub fn end_access_log(&self, timeout: Duration) {
        let log = self.shared.logging.access_log.as_ref();
        if let Some(trouble) = log.and_then(|log| log.end(timeout)) {
            self.shared.application.on_trouble(&trouble);
        }
    }

    fn end(&self, ending: Ending) {
        if let (Ending::Now, Some(log)) = (ending, &self.shared.logging.access_log) {
            log.hurry();
        }
        self.shared.ending.fetch_max(ending as u8, Ordering::SeqCst);
        self.shared.wake_leader();
    }

    /// Waits until every application thread has ended, but those that are late; `false` when
    /// `timeout` ran out.
    pub fn join(&self, timeout: Duration) -> bool {
        self.shared.leadership.wait_until_all_left(timeout)
    }

    /// Whether threads are left inside calls that are late.
    pub fn has_late_threads(&self) -> bool {
        self.shared.leadership.has_given_up()
    }
}

fn spawn_application_thread(shared: &Arc<Shared>) -> io::Result<()> {
    let shared = Arc::clone(shared);
    thread::Builder::new().name("uncork-app".into()).spawn(move || shared.take_part()).map(drop)
}

impl Shared {
    /// The life of an application thread, from its first lead on.
    fn take_part(self: &Arc<Self>) {
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.application.run_thread(&mut || {
                let seat = Seat::new();
                let mut thread = AppThread {
                    scratch: ThreadScratch::new(),
                    scorer: Scorer::new(&self.row),
                    watch: self.calls.join(),
                    pace: CallPace::default(),
                };
                let clock = CpuClock::of_this_thread();
                loop {
                    self.leader_clock.store(clock.number(), Ordering::Relaxed);
                    thread.scorer.note_moment(sys::monotonic_ns());
                    self.lead(&mut thread);
                    match self.leadership.follow(&seat, PATIENCE, || self.wake_leader()) {
                        Errand::Lead => {}
                        Errand::Leave => return self.calls.leave(&thread.watch),
                    }
                }
            });
        }));
        self.leadership.leave();
        // A panic here is a fault of ours in the loop: the whole server must end, not hang.
        if result.is_err() {
            self.ending.store(Ending::Now as u8, Ordering::SeqCst);
            self.leadership.stop();
        }
    }

    /// Leads, until the lead is lost or passed on, or the loop has ended.
    fn lead(self: &Arc<Self>, thread: &mut AppThread) {
        let mut event_loop = self.lock_loop();
        loop {
            let connection = match event_loop.next(&**self, false) {
                Next::Call(connection) => connection,
                Next::Tell(trouble) => {
                    self.tell(trouble);
                    continue;
                }
                Next::Late(calls) => {
                    self.tell_late(calls);
                    continue;
                }
                Next::Ended | Next::PassLead => return self.leadership.stop(),
            };
            thread.scorer.note_moment(event_loop.now_ns());
            let complete_ns = event_loop.complete_ns(&connection);
            if self.leadership.are_calls_slow() {
                drop(event_loop);
                return self.call_without_lead(connection, thread, complete_ns);
            }
            let begin_ns = thread.scorer.moment_ns();
            self.held.push_overdue(begin_ns);
            let has_company = thread.pace.is_worth_holding_for(event_loop.waiting());
            let call = self.leadership.enter_call();
            drop(event_loop);
            let returned = self.call(connection, thread, complete_ns, Some(Led { call, has_company }));
            thread.pace.note(thread.scorer.moment_ns() - begin_ns);
            if !self.leadership.leave_call(call) {
                if let Some(returned) = returned {
                    // It may be a while until the connection is closed, which would have done this.
                    returned.connection.transport.push();
                    self.give_back(returned);
                }
                return;
            }
            event_loop = self.lock_loop();
            if let Some(returned) = returned {
                event_loop.take_back(returned);
            }
        }
    }

    fn call_without_lead(self: &Arc<Self>, connection: Box<Connection>, thread: &mut AppThread, complete_ns: u64) {
        self.pass_lead();
        let (start, cpu_start) = (Instant::now(), CpuClock::THIS_THREAD.now());
        thread.scorer.note_moment(self.row.ns(start));
        let returned = self.call(connection, thread, complete_ns, None);
        let cpu = CpuClock::THIS_THREAD.now().zip(cpu_start).map_or(Duration::ZERO, |(end, start)| end - start);
        if start.elapsed().saturating_sub(cpu) > FAST_CALL {
            self.leadership.note_slow_call();
        } else {
            self.leadership.note_fast_call();
        }
        if let Some(returned) = returned {
            self.give_back(returned);
        }
    }

    fn pass_lead(self: &Arc<Self>) {
        if self.leadership.pass() == Successor::NewThread {
            self.start_successor();
        }
    }

    /// Starts the thread that has the lead from its first moment on.
    fn start_successor(self: &Arc<Self>) {
        if spawn_application_thread(self).is_err() {
            self.leadership.pass_to_caretaker();
        }
    }

    /// `led`: if the lead is kept during the call. `None`: it was late, and the loop has the
    /// connection.
    fn call(
        &self,
        mut connection: Box<Connection>,
        thread: &mut AppThread,
        complete_ns: u64,
        led: Option<Led>,
    ) -> Option<Returned> {
        let may_keep_alive = self.ending() == Ending::No
            && !self.settings.keep_alive.is_zero()
            && self.settings.keep_alive_requests.is_none_or(|limit| connection.requests < limit);
        let mut answered = Answered::NOTHING;
        if let Some(serving) = connection.serving() {
            let id = self.logging.name(Some(serving.head));
            thread.scorer.begin(serving.head, id, serving.info.peer, complete_ns);
            let called_ns = thread.scorer.moment_ns();
            let host = CallHost { shared: self, scorer: &thread.scorer, watch: &thread.watch, led };
            let (end, own_id) = self.answer(serving, id, &mut thread.scratch, &host, may_keep_alive);
            match end {
                CallEnd::InTime { facts, outcome, bytes } => {
                    thread.scorer.end(outcome, bytes);
                    let ended_ns = thread.scorer.moment_ns();
                    answered = Answered { facts, complete_ns, called_ns, ended_ns, own_id };
                }
                CallEnd::Late { is_replaced } => {
                    thread.scorer.end_late();
                    self.leadership.come_back(is_replaced);
                    return None;
                }
            }
        }
        Some(Returned { connection, answered })
    }

    fn answer<'a>(
        &self,
        serving: Serving<'a>,
        id: Option<RequestId<'a>>,
        scratch: &mut ThreadScratch,
        host: &CallHost<'_>,
        may_keep_alive: bool,
    ) -> (CallEnd, Option<OwnId>) {
        let Serving { key, head, body, coming, info, transport, input } = serving;
        let shown = self.logging.shown(id);
        let own_id = id.and_then(RequestId::own);
        let mut belongings = Belongings {
            transport,
            key,
            head,
            info,
            own_id,
            complete_ns: host.scorer.complete_ns(),
            start_ns: host.scorer.moment_ns(),
            sent: None,
            ends_with_connection: false,
        };
        let loan = Loan::begin(host.watch, &mut belongings, self.settings.call_limit_ns(head.path()));
        let mut responder = Responder::new(head, loan, &self.settings, scratch, input, host, may_keep_alive)
            .with_coming_body(coming)
            .with_id(self.logging.field(shown.as_ref()));
        let request = Request { head, body, connection: info, id };
        if catch_unwind(AssertUnwindSafe(|| self.application.call(request, &mut responder))).is_err() {
            responder.fail();
        }
        if responder.is_handed_over() {
            self.leadership.reattach();
        }
        (responder.end(), own_id)
    }

    /// Gives a connection back to a loop that somebody else leads.
    fn give_back(&self, returned: Returned) {
        lock(&self.returned).push(returned);
        // Sequentially consistent, against `may_block`: either the leader sees the flag before
        // it blocks, or this thread sees that it is about to, and wakes it.
        self.has_returned.store(true, Ordering::SeqCst);
        if self.is_blocked.load(Ordering::SeqCst) {
            self.wake_leader();
        }
    }

    fn wake_leader(&self) {
        // The only error is a full counter, with which the leader wakes as well.
        let _ = self.waker.wake();
    }

    /// Tells the operator, on a thread of its own: the loop waits for no interpreter.
    fn tell(self: &Arc<Self>, trouble: Trouble) {
        let shared = Arc::clone(self);
        let report = move || shared.application.on_trouble(&trouble);
        // Where there is no room for a thread, nobody can be told.
        let _ = thread::Builder::new().name("uncork-report".into()).spawn(report);
    }

    /// Tells of calls that were late, on a thread of its own too.
    fn tell_late(self: &Arc<Self>, calls: Vec<LateCall>) {
        let shared = Arc::clone(self);
        let report = move || calls.iter().for_each(|call| shared.application.on_late_call(call));
        let _ = thread::Builder::new().name("uncork-report".into()).spawn(report);
    }

    /// The life of the thread that shows whether the interpreter can be had, while calls run.
    fn watch_interpreter(&self) {
        while !self.leadership.wait_for_stop(INTERPRETER_LOOK) {
            if self.calls.is_any_running() {
                self.row.note_interpreter_asked(sys::monotonic_ns());
                self.application.prove_alive();
                self.row.note_interpreter_asked(0);
            }
        }
    }

    fn lock_loop(&self) -> MutexGuard<'_, EventLoop> {
        lock(&self.event_loop)
    }

    /// The sentinel's life.
    fn stand_guard(self: &Arc<Self>) {
        let mut sentinel = Sentinel::new();
        loop {
            let clock = || CpuClock::from_number(self.leader_clock.load(Ordering::Relaxed));
            let judgement = sentinel.watch(&self.leadership, clock);
            self.held.push_each();
            match judgement {
                Judgement::Nothing => {}
                Judgement::TookLead => self.pass_lead(),
                Judgement::HasLead => {
                    if !self.take_care() {
                        return;
                    }
                }
                Judgement::Leave => return,
            }
        }
    }

    /// Keeps the loop alive while every thread is inside the application; `false` at its end.
    fn take_care(self: &Arc<Self>) -> bool {
        let mut event_loop = self.lock_loop();
        loop {
            match event_loop.next(&**self, true) {
                Next::PassLead => {
                    match self.leadership.end_care() {
                        None => continue,
                        Some(Successor::NewThread) => {
                            drop(event_loop);
                            self.start_successor();
                        }
                        Some(_) => {}
                    }
                    return true;
                }
                Next::Tell(trouble) => self.tell(trouble),
                Next::Late(calls) => self.tell_late(calls),
                Next::Ended | Next::Call(_) => {
                    self.leadership.stop();
                    return false;
                }
            }
        }
    }
}

/// The server, as one call of the application has to do with it.
struct CallHost<'a> {
    shared: &'a Shared,
    scorer: &'a Scorer,
    watch: &'a CallWatch,
    led: Option<Led>,
}

/// A call during which the lead is kept.
#[derive(Debug, Clone, Copy)]
struct Led {
    /// Its number.
    call: u64,
    /// Whether other requests wait behind it, so that its answer may wait for theirs.
    has_company: bool,
}

impl std::fmt::Debug for CallHost<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CallHost").field("led", &self.led).finish_non_exhaustive()
    }
}

impl Host for CallHost<'_> {
    fn on_handed_over(&self, transport: &mut Transport) {
        // An error means that the loop does not know the socket, which is what is wanted.
        let _ = transport.deregister(&self.shared.registry);
        self.note_activity(Activity::HandedOver);
        self.shared.leadership.detach(usize::MAX, || self.shared.wake_leader());
    }

    fn on_waiting_for_peer(&self) -> bool {
        let limit = self.shared.settings.max_threads.saturating_mul(SLOW_READERS_FOR_A_THREAD);
        self.shared.leadership.detach(limit, || self.shared.wake_leader())
    }

    fn on_waited_for_peer(&self) {
        self.shared.leadership.reattach();
    }

    fn note_activity(&self, activity: Activity) {
        self.scorer.note_activity(activity);
    }

    /// Only for the leader, at which the sentinel looks soon, and again and again.
    fn may_hold(&self, condition: HoldIf) -> bool {
        let is_met = |led: Led| match condition {
            HoldIf::Never => false,
            HoldIf::Leading => true,
            HoldIf::InCompany => led.has_company,
        };
        self.led.is_some_and(|led| is_met(led) && self.shared.leadership.is_inside(led.call))
    }

    fn has_held(&self, socket: RawFd) {
        self.shared.held.add(socket, self.scorer.moment_ns());
        // The sentinel may have looked for the last time before it was there.
        if !self.has_lead() {
            self.shared.held.push_all();
        }
    }

    fn has_lead(&self) -> bool {
        self.led.is_some_and(|led| self.shared.leadership.is_inside(led.call))
    }

    fn end_holding(&self, socket: RawFd) {
        self.shared.held.forget(socket);
    }
}

impl Outside for Shared {
    fn has_returned(&self) -> bool {
        self.has_returned.load(Ordering::SeqCst)
    }

    fn take_returned(&self, into: &mut Vec<Returned>) {
        self.has_returned.store(false, Ordering::SeqCst);
        into.append(&mut lock(&self.returned));
    }

    fn may_block(&self) -> bool {
        self.is_blocked.store(true, Ordering::SeqCst);
        !self.has_returned.load(Ordering::SeqCst)
    }

    fn has_blocked(&self) {
        self.is_blocked.store(false, Ordering::SeqCst);
    }

    fn ending(&self) -> Ending {
        match self.ending.load(Ordering::SeqCst) {
            0 => Ending::No,
            1 => Ending::Draining,
            _ => Ending::Now,
        }
    }

    fn is_lead_wanted(&self) -> bool {
        self.leadership.is_wanted()
    }

    fn replace_late_thread(&self) -> bool {
        let limit = self.settings.max_threads.saturating_mul(SLOW_READERS_FOR_A_THREAD + LATE_THREADS_FOR_A_THREAD);
        self.leadership.give_up(limit, || self.wake_leader())
    }
}
