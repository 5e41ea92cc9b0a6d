//! Who leads: which one thread drives the event loop.
//!
//! ```text
//!              enter_call                    leave_call: true
//!   leading ───────────────▶ inside a call ───────────────────▶ leading
//!      ▲                         │ usurp (the sentinel, when the call takes long)
//!      │                         ▼
//!      └──── follow ◀── leave_call: false
//! ```
//!
//! The lead is a token: it is made once, and passed on by whoever has it. On the fast way, a
//! call that ends soon, one atomic word is all there is: `enter_call` and `leave_call` against
//! `usurp`. All else happens under one lock.
//!
//! This file knows nothing of sockets and of applications, so that it can be model-checked.

use std::time::Duration;

use crate::sync::{
    Arc, AtomicBool, AtomicU32, AtomicU64, Condvar, Mutex, MutexGuard, Ordering, lock, publish, publish_flag, wait,
    wait_timeout,
};

/// The low bit of the word: whether the leader is inside a call. The rest counts the calls.
const INSIDE: u64 = 1;

/// Calls that must end soon, after one that did not, before the lead is kept through calls again.
const SLOW_CREDIT: u32 = 16;

/// Where a follower waits to be needed.
#[derive(Debug)]
pub(crate) struct Seat {
    errand: Mutex<Option<Errand>>,
    wake: Condvar,
}

/// What a follower is woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// It has the lead now.
    Lead,
    /// Its thread is to end.
    Leave,
}

/// Who got the lead when it was passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Successor {
    /// A follower, which has been woken.
    Follower,
    /// A thread that the caller must start; it begins with the lead.
    NewThread,
    /// The sentinel, which keeps the loop alive and calls nothing.
    Caretaker,
}

/// Looks of the sentinel at an idle loop before it falls asleep. Waking it costs the leader a
/// call to the kernel, so it does not fall asleep between any two requests.
const QUIET_LOOKS: u32 = 50;

/// What the sentinel saw when it looked last.
#[derive(Debug, Default)]
pub(crate) struct LastLook {
    word: u64,
    quiet_looks: u32,
}

/// What the sentinel is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// So many calls have begun since the last look; look again.
    Again { calls: u64 },
    /// The leader is still inside the call that it was inside at the last look; `usurp` takes
    /// the lead from it.
    Inside { call: u64 },
    /// It has the lead, and must be the caretaker.
    Care,
    /// Its thread is to end.
    Leave,
}

#[derive(Debug)]
struct Roster {
    idle: Vec<Arc<Seat>>,
    /// Application threads that exist, idle or not.
    threads: usize,
    /// Those of them that do not count towards `max_threads`.
    detached: usize,
    /// Threads inside a call for which nobody waits any more.
    given_up: usize,
    max_threads: usize,
    /// Whether the lead was passed to the sentinel and not yet taken back.
    has_caretaker: bool,
    is_stopping: bool,
}

/// The lead of one event loop.
#[derive(Debug)]
pub(crate) struct Leadership {
    word: AtomicU64,
    is_sentinel_asleep: AtomicBool,
    /// Above zero while calls are slow: the lead is then passed on before the call.
    slow_credit: AtomicU32,
    /// Whether a thread that could lead waits while the caretaker does.
    is_wanted: AtomicBool,
    roster: Mutex<Roster>,
    sentinel_wake: Condvar,
    all_left: Condvar,
}

impl Leadership {
    /// The lead for up to `max_threads` threads, of which one is to be started with the lead.
    pub(crate) fn new(max_threads: usize) -> Self {
        Self {
            word: AtomicU64::new(0),
            is_sentinel_asleep: AtomicBool::new(false),
            slow_credit: AtomicU32::new(0),
            is_wanted: AtomicBool::new(false),
            roster: Mutex::new(Roster {
                idle: Vec::new(),
                threads: 1,
                detached: 0,
                given_up: 0,
                max_threads,
                has_caretaker: false,
                is_stopping: false,
            }),
            sentinel_wake: Condvar::new(),
            all_left: Condvar::new(),
        }
    }

    /// The leader is about to leave the loop and to make a call. Returns the call's number.
    pub(crate) fn enter_call(&self) -> u64 {
        let call = (self.word.load(Ordering::Relaxed) & !INSIDE) + 2;
        // Against `look`, where the sentinel falls asleep: either the sentinel sees this call,
        // or this thread sees that the sentinel is asleep.
        publish(&self.word, call | INSIDE);
        if self.is_sentinel_asleep.load(Ordering::SeqCst) {
            self.wake_sentinel();
        }
        call
    }

    /// The call has ended. Returns whether the caller still has the lead.
    pub(crate) fn leave_call(&self, call: u64) -> bool {
        self.word.compare_exchange(call | INSIDE, call, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether the leader is inside `call` still, and has the lead.
    pub(crate) fn is_inside(&self, call: u64) -> bool {
        self.word.load(Ordering::SeqCst) == call | INSIDE
    }

    /// The sentinel takes the lead from a leader that is inside `call`; it then has the lead,
    /// and must pass it on. `false` when the call has ended meanwhile.
    pub(crate) fn usurp(&self, call: u64) -> bool {
        self.leave_call(call)
    }

    /// Whether calls have been slow of late, so that the lead is better passed on beforehand.
    pub(crate) fn are_calls_slow(&self) -> bool {
        self.slow_credit.load(Ordering::Relaxed) > 0
    }

    /// Says that a call was slow, so that for a while the lead is passed on before each.
    pub(crate) fn note_slow_call(&self) {
        self.slow_credit.store(SLOW_CREDIT, Ordering::Relaxed);
    }

    /// Says that a call that was made without the lead was fast.
    pub(crate) fn note_fast_call(&self) {
        // Two threads may take the same step down; the credit is a rule of thumb.
        let credit = self.slow_credit.load(Ordering::Relaxed);
        self.slow_credit.store(credit.saturating_sub(1), Ordering::Relaxed);
    }

    /// Says that there is nothing to be gained by passing on the lead before calls.
    pub(crate) fn forget_slow_calls(&self) {
        self.slow_credit.store(0, Ordering::Relaxed);
    }

    /// Passes on the lead, which the caller has.
    pub(crate) fn pass(&self) -> Successor {
        let mut roster = lock(&self.roster);
        if let Some(seat) = roster.idle.pop() {
            seat.send_on(Errand::Lead);
            return Successor::Follower;
        }
        if roster.may_grow() {
            roster.threads += 1;
            return Successor::NewThread;
        }
        self.appoint_caretaker(roster);
        Successor::Caretaker
    }

    /// Passes the lead, which the caller has, to the sentinel, since the thread that `pass`
    /// asked for can't be started.
    pub(crate) fn pass_to_caretaker(&self) {
        let mut roster = lock(&self.roster);
        roster.threads -= 1;
        self.appoint_caretaker(roster);
    }

    fn appoint_caretaker(&self, mut roster: MutexGuard<'_, Roster>) {
        roster.has_caretaker = true;
        self.is_sentinel_asleep.store(false, Ordering::SeqCst);
        self.sentinel_wake.notify_one();
    }

    /// Waits to be needed, without the lead. `poke` wakes a caretaker that has the lead, which
    /// the caller could take. After `patience` without need, the thread is to leave.
    pub(crate) fn follow(&self, seat: &Arc<Seat>, patience: Duration, poke: impl FnOnce()) -> Errand {
        let mut roster = lock(&self.roster);
        if roster.is_stopping {
            return Errand::Leave;
        }
        roster.idle.push(Arc::clone(seat));
        if roster.has_caretaker {
            self.is_wanted.store(true, Ordering::SeqCst);
            poke();
        }
        drop(roster);
        loop {
            if let Some(errand) = seat.wait(patience) {
                return errand;
            }
            let mut roster = lock(&self.roster);
            // Not in the list any more: an errand is on its way.
            if let Some(position) = roster.idle.iter().position(|other| Arc::ptr_eq(other, seat)) {
                roster.idle.swap_remove(position);
                return Errand::Leave;
            }
        }
    }

    /// A thread leaves for good.
    pub(crate) fn leave(&self) {
        let mut roster = lock(&self.roster);
        roster.threads -= 1;
        self.all_left.notify_all();
    }

    /// Whether somebody waits to take the lead from the caretaker.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::SeqCst)
    }

    /// The caretaker passes on the lead, to a follower or a new thread, if it can. Returns to whom.
    pub(crate) fn end_care(&self) -> Option<Successor> {
        let mut roster = lock(&self.roster);
        self.is_wanted.store(false, Ordering::SeqCst);
        let successor = if let Some(seat) = roster.idle.pop() {
            seat.send_on(Errand::Lead);
            Successor::Follower
        } else if roster.may_grow() {
            roster.threads += 1;
            Successor::NewThread
        } else {
            return None;
        };
        roster.has_caretaker = false;
        Some(successor)
    }

    /// The calling thread is going to be inside its call for as long as a peer likes, and makes
    /// room for another one, unless `limit` threads have done so already. `poke` as in `follow`.
    pub(crate) fn detach(&self, limit: usize, poke: impl FnOnce()) -> bool {
        let mut roster = lock(&self.roster);
        if roster.detached >= limit {
            return false;
        }
        roster.detached += 1;
        if roster.has_caretaker {
            self.is_wanted.store(true, Ordering::SeqCst);
            poke();
        }
        true
    }

    /// The calling thread, detached before, counts again.
    pub(crate) fn reattach(&self) {
        lock(&self.roster).detached -= 1;
    }

    /// Another thread is inside a call for which nobody waits any more: it makes room for another
    /// one, as in `detach`, and its end is not waited for. Returns whether there was room.
    pub(crate) fn give_up(&self, limit: usize, poke: impl FnOnce()) -> bool {
        let is_replaced = self.detach(limit, poke);
        lock(&self.roster).given_up += 1;
        self.all_left.notify_all();
        is_replaced
    }

    /// The calling thread, given up before, has come back.
    pub(crate) fn come_back(&self, is_replaced: bool) {
        let mut roster = lock(&self.roster);
        roster.given_up -= 1;
        roster.detached -= usize::from(is_replaced);
    }

    /// Whether threads that were given up have not come back.
    pub(crate) fn has_given_up(&self) -> bool {
        lock(&self.roster).given_up > 0
    }

    /// Waits until all is over, as `stop` says; `false` when `timeout` ran out.
    pub(crate) fn wait_for_stop(&self, timeout: Duration) -> bool {
        let mut roster = lock(&self.roster);
        let mut has_timed_out = false;
        while !roster.is_stopping && !has_timed_out {
            (roster, has_timed_out) = wait_timeout(&self.all_left, roster, timeout);
        }
        roster.is_stopping
    }

    /// Sends every follower and the sentinel home; called by whoever has the lead, for good.
    pub(crate) fn stop(&self) {
        let mut roster = lock(&self.roster);
        roster.is_stopping = true;
        for seat in roster.idle.drain(..) {
            seat.send_on(Errand::Leave);
        }
        self.sentinel_wake.notify_all();
        self.all_left.notify_all();
    }

    /// Waits until every thread has left, but those that were given up; `false` when `timeout` ran out.
    pub(crate) fn wait_until_all_left(&self, timeout: Duration) -> bool {
        let mut roster = lock(&self.roster);
        let mut has_timed_out = timeout.is_zero();
        while roster.threads > roster.given_up && !has_timed_out {
            (roster, has_timed_out) = wait_timeout(&self.all_left, roster, timeout);
        }
        roster.threads <= roster.given_up
    }

    /// The sentinel waits for `tick`, or, when it is asleep, to be woken; then it looks whether
    /// the leader is still inside the call that it was inside at the last look.
    pub(crate) fn watch(&self, last: &mut LastLook, tick: Duration) -> Watch {
        let mut roster = lock(&self.roster);
        loop {
            if roster.has_caretaker {
                return Watch::Care;
            }
            if roster.is_stopping {
                return Watch::Leave;
            }
            if self.is_sentinel_asleep.load(Ordering::SeqCst) {
                roster = wait(&self.sentinel_wake, roster);
                continue;
            }
            let (again, has_timed_out) = wait_timeout(&self.sentinel_wake, roster, tick);
            roster = again;
            if has_timed_out && !roster.has_caretaker && !roster.is_stopping {
                break;
            }
        }
        drop(roster);
        self.look(last)
    }

    fn look(&self, last: &mut LastLook) -> Watch {
        let word = self.word.load(Ordering::SeqCst);
        if word != last.word {
            let calls = (word >> 1) - (last.word >> 1);
            *last = LastLook { word, quiet_looks: 0 };
            return Watch::Again { calls };
        }
        if word & INSIDE != 0 {
            return Watch::Inside { call: word & !INSIDE };
        }
        last.quiet_looks += 1;
        if last.quiet_looks >= QUIET_LOOKS {
            last.quiet_looks = 0;
            publish_flag(&self.is_sentinel_asleep, true);
            if self.word.load(Ordering::SeqCst) != word {
                self.is_sentinel_asleep.store(false, Ordering::SeqCst);
            }
        }
        Watch::Again { calls: 0 }
    }

    fn wake_sentinel(&self) {
        let _roster = lock(&self.roster);
        self.is_sentinel_asleep.store(false, Ordering::SeqCst);
        self.sentinel_wake.notify_one();
    }
}

impl Roster {
    fn may_grow(&self) -> bool {
        self.threads - self.detached < self.max_threads && !self.is_stopping
    }
}

impl Seat {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { errand: Mutex::new(None), wake: Condvar::new() })
    }

    fn send_on(&self, errand: Errand) {
        *lock(&self.errand) = Some(errand);
        self.wake.notify_one();
    }

    fn wait(&self, patience: Duration) -> Option<Errand> {
        let mut errand = lock(&self.errand);
        let mut has_timed_out = false;
        while errand.is_none() && !has_timed_out {
            (errand, has_timed_out) = wait_timeout(&self.wake, errand, patience);
        }
        errand.take()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_micros(1);
    const NEVER: Duration = Duration::from_secs(60);

    /// The sentinel's part, until it has the lead.
    fn usurp(leadership: &Leadership, last: &mut LastLook) {
        let has_lead = (0..1000).any(|_| match leadership.watch(last, TICK) {
            Watch::Inside { call } => leadership.usurp(call),
            _ => false,
        });
        assert!(has_lead, "the sentinel never saw the leader held up");
    }

    #[test]
    fn a_short_call_keeps_the_lead() {
        let leadership = Leadership::new(2);
        let call = leadership.enter_call();
        assert_eq!(leadership.watch(&mut LastLook::default(), TICK), Watch::Again { calls: 1 });
        assert!(leadership.leave_call(call));
    }

    #[test]
    fn a_leader_that_is_held_up_loses_the_lead_once() {
        let leadership = Leadership::new(2);
        let mut last = LastLook::default();
        let call = leadership.enter_call();
        usurp(&leadership, &mut last);
        assert!(!leadership.leave_call(call));
        assert!(!leadership.usurp(call));
        assert_eq!(leadership.watch(&mut last, TICK), Watch::Again { calls: 0 });
    }

    #[test]
    fn slow_calls_are_forgotten_after_some_fast_ones() {
        let leadership = Leadership::new(2);
        assert!(!leadership.are_calls_slow());
        leadership.note_slow_call();
        for _ in 0..SLOW_CREDIT {
            assert!(leadership.are_calls_slow());
            leadership.note_fast_call();
        }
        assert!(!leadership.are_calls_slow());
    }

    #[test]
    fn an_old_call_does_not_pass_for_a_new_one() {
        let leadership = Leadership::new(2);
        let mut last = LastLook::default();
        let old = leadership.enter_call();
        usurp(&leadership, &mut last);
        let new = leadership.enter_call();
        assert!(!leadership.leave_call(old));
        assert!(leadership.leave_call(new));
    }

    #[test]
    fn the_lead_goes_to_a_follower_then_to_a_new_thread_then_to_the_sentinel() {
        let leadership = Arc::new(Leadership::new(2));
        let seat = Seat::new();
        let follower = std::thread::spawn({
            let (leadership, seat) = (Arc::clone(&leadership), Arc::clone(&seat));
            move || leadership.follow(&seat, NEVER, || ())
        });
        while lock(&leadership.roster).idle.is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(leadership.pass(), Successor::Follower);
        assert_eq!(follower.join().unwrap(), Errand::Lead);
        assert_eq!(leadership.pass(), Successor::NewThread);
        assert_eq!(leadership.pass(), Successor::Caretaker);
        assert_eq!(leadership.watch(&mut LastLook::default(), TICK), Watch::Care);
    }

    #[test]
    fn a_thread_that_comes_free_takes_the_lead_from_the_caretaker() {
        let leadership = Arc::new(Leadership::new(1));
        assert_eq!(leadership.pass(), Successor::Caretaker);
        let (poked, was_poked) = std::sync::mpsc::channel();
        let follower = std::thread::spawn({
            let leadership = Arc::clone(&leadership);
            move || leadership.follow(&Seat::new(), NEVER, move || poked.send(()).unwrap())
        });
        was_poked.recv().unwrap();
        assert!(leadership.is_wanted());
        assert_eq!(leadership.end_care(), Some(Successor::Follower));
        assert_eq!(leadership.end_care(), None);
        assert_eq!(follower.join().unwrap(), Errand::Lead);
    }

    #[test]
    fn a_detached_thread_makes_room_for_another() {
        let leadership = Leadership::new(1);
        assert_eq!(leadership.pass(), Successor::Caretaker);
        let mut was_poked = false;
        assert!(!leadership.detach(0, || unreachable!("there is no room")));
        assert!(leadership.detach(1, || was_poked = true));
        assert!(was_poked && leadership.is_wanted());
        assert_eq!(leadership.end_care(), Some(Successor::NewThread));
        leadership.reattach();
        assert_eq!(leadership.pass(), Successor::Caretaker);
    }

    #[test]
    fn a_thread_that_was_given_up_is_replaced_and_not_waited_for() {
        let leadership = Leadership::new(1);
        assert_eq!(leadership.pass(), Successor::Caretaker);
        assert!(leadership.give_up(1, || ()) && leadership.is_wanted());
        assert_eq!(leadership.end_care(), Some(Successor::NewThread));
        assert!(!leadership.wait_until_all_left(Duration::ZERO));
        leadership.leave();
        assert!(leadership.wait_until_all_left(Duration::ZERO) && leadership.has_given_up());
        leadership.come_back(true);
        assert!(!leadership.wait_until_all_left(Duration::ZERO) && !leadership.has_given_up());
    }

    #[test]
    fn an_idle_follower_leaves_and_stop_sends_everybody_home() {
        let leadership = Leadership::new(2);
        assert_eq!(leadership.follow(&Seat::new(), Duration::from_millis(1), || ()), Errand::Leave);
        leadership.stop();
        assert_eq!(leadership.follow(&Seat::new(), NEVER, || ()), Errand::Leave);
        assert_eq!(leadership.watch(&mut LastLook::default(), TICK), Watch::Leave);
        assert!(!leadership.wait_until_all_left(Duration::ZERO));
        leadership.leave();
        assert!(leadership.wait_until_all_left(Duration::ZERO));
    }

    #[test]
    fn a_sleeping_sentinel_is_woken_by_the_next_call() {
        let leadership = Arc::new(Leadership::new(2));
        let mut last = LastLook::default();
        while !leadership.is_sentinel_asleep.load(Ordering::SeqCst) {
            leadership.watch(&mut last, TICK);
        }
        let sentinel = std::thread::spawn({
            let leadership = Arc::clone(&leadership);
            move || usurp(&leadership, &mut last)
        });
        let call = leadership.enter_call();
        sentinel.join().unwrap();
        assert!(!leadership.leave_call(call));
    }
}

/// Every interleaving of the hand-over, with `RUSTFLAGS="--cfg loom" cargo test -p uncork-server --lib --release`.
#[cfg(all(test, loom))]
mod model {
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    use super::*;

    const TICK: Duration = Duration::from_micros(1);

    /// Counts who is in the loop at once.
    #[derive(Debug, Default)]
    struct Loop {
        inside: AtomicUsize,
        turns: AtomicUsize,
    }

    impl Loop {
        fn turn(&self) {
            assert_eq!(self.inside.fetch_add(1, Ordering::SeqCst), 0, "two leaders in the loop");
            self.turns.fetch_add(1, Ordering::SeqCst);
            self.inside.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_call_ends_with_exactly_one_leader() {
        loom::model(|| {
            let leadership = Arc::new(Leadership::new(2));
            let event_loop = Arc::new(Loop::default());
            let sentinel = thread::spawn({
                let (leadership, event_loop) = (Arc::clone(&leadership), Arc::clone(&event_loop));
                move || {
                    let mut last = LastLook::default();
                    let usurped = (0..2).any(|_| match leadership.look(&mut last) {
                        Watch::Inside { call } => leadership.usurp(call),
                        _ => false,
                    });
                    if usurped {
                        event_loop.turn();
                    }
                    usurped
                }
            });
            event_loop.turn();
            let call = leadership.enter_call();
            let kept = leadership.leave_call(call);
            if kept {
                event_loop.turn();
            }
            let usurped = sentinel.join().unwrap();
            assert_ne!(kept, usurped, "the lead was lost, or doubled");
        });
    }

    #[test]
    fn a_sentinel_that_falls_asleep_does_not_miss_the_call_that_it_must_watch() {
        loom::model(|| {
            let leadership = Arc::new(Leadership::new(2));
            let sentinel = thread::spawn({
                let leadership = Arc::clone(&leadership);
                move || {
                    // One look short of falling asleep.
                    let mut last = LastLook { word: 0, quiet_looks: QUIET_LOOKS - 1 };
                    leadership.look(&mut last);
                }
            });
            leadership.enter_call();
            sentinel.join().unwrap();
            assert!(!leadership.is_sentinel_asleep.load(Ordering::SeqCst), "asleep while a call runs");
        });
    }

    #[test]
    fn the_lead_passed_on_reaches_the_follower_that_comes_or_the_caretaker_who_gives_it_up() {
        loom::model(|| {
            let leadership = Arc::new(Leadership::new(1));
            let event_loop = Arc::new(Loop::default());
            let poked = Arc::new(AtomicBool::new(false));
            let follower = thread::spawn({
                let (leadership, event_loop, poked) =
                    (Arc::clone(&leadership), Arc::clone(&event_loop), Arc::clone(&poked));
                move || {
                    let errand = leadership.follow(&Seat::new(), TICK, || poked.store(true, Ordering::SeqCst));
                    assert_eq!(errand, Errand::Lead);
                    event_loop.turn();
                }
            });
            event_loop.turn();
            if leadership.pass() == Successor::Caretaker {
                event_loop.turn();
                while !leadership.is_wanted() {
                    thread::yield_now();
                }
                assert!(poked.load(Ordering::SeqCst) || leadership.is_wanted());
                assert_eq!(leadership.end_care(), Some(Successor::Follower));
            }
            follower.join().unwrap();
            assert!(event_loop.turns.load(Ordering::SeqCst) >= 2);
        });
    }

    #[test]
    fn stop_sends_home_a_follower_that_is_just_coming() {
        loom::model(|| {
            let leadership = Arc::new(Leadership::new(2));
            let follower = thread::spawn({
                let leadership = Arc::clone(&leadership);
                move || leadership.follow(&Seat::new(), TICK, || ())
            });
            leadership.stop();
            assert_eq!(follower.join().unwrap(), Errand::Leave);
        });
    }
}
