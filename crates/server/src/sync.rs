//! The primitives under `leadership` and `turns`, real ones or those of the model checker.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc, Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};
use std::sync::PoisonError;
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc, Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};
use std::time::Duration;

/// Stores, and orders the store before the caller's later loads. Of two threads that each
/// publish one word and then load the other's with `SeqCst`, one at least sees the other's.
pub(crate) fn publish(word: &AtomicU64, value: u64) {
    word.store(value, Ordering::SeqCst);
    fence_for_the_model();
}

/// As `publish`, of a flag.
pub(crate) fn publish_flag(flag: &AtomicBool, value: bool) {
    flag.store(value, Ordering::SeqCst);
    fence_for_the_model();
}

/// The model checker takes `SeqCst` stores and loads for `AcqRel` ones, and only believes fences.
fn fence_for_the_model() {
    #[cfg(loom)]
    loom::sync::atomic::fence(Ordering::SeqCst);
}

/// Lets other threads go on.
pub(crate) fn yield_now() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::thread::yield_now();
}

/// Locks, also after a panic elsewhere: what the locks here guard is changed in single steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits to be notified.
pub(crate) fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Waits to be notified, up to `timeout`. Returns whether that ran out.
pub(crate) fn wait_timeout<'a, T>(
    condition: &Condvar,
    guard: MutexGuard<'a, T>,
    timeout: Duration,
) -> (MutexGuard<'a, T>, bool) {
    let (guard, result) = condition.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner);
    (guard, result.timed_out())
}
