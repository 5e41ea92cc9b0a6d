//! Letting go of the GIL, locks that are taken with it, and text that is bytes.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyString;

/// Runs `body` without the GIL, which the caller has. It must touch no Python object.
pub(crate) fn without_gil<T>(py: Python<'_>, body: impl FnOnce() -> T) -> T {
    /// `Python::detach` only takes what may go to another thread, which is its way to keep
    /// Python objects out.
    struct Stays<T>(T);
    // SAFETY: `detach` runs its argument on this thread and returns the result there.
    unsafe impl<T> Send for Stays<T> {}
    impl<T, F: FnOnce() -> T> Stays<F> {
        fn run(self) -> Stays<T> {
            Stays((self.0)())
        }
    }
    let body = Stays(body);
    py.detach(move || body.run()).0
}

/// The Python thread state of a thread, which it keeps without the GIL.
struct Kept {
    state: ffi::PyGILState_STATE,
    thread: *mut ffi::PyThreadState,
}

thread_local! {
    static KEPT: Cell<Option<Kept>> = const { Cell::new(None) };
    static IS_KEPT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body`, without the GIL, on a thread that keeps its Python thread state from its first
/// `attach_for_long` on, so that taking the GIL is cheap and `threading.local` lasts. The thread
/// does not wait for the GIL before it runs: it may have the lead.
pub(crate) fn run_thread(body: &mut dyn FnMut()) {
    struct Release;
    impl Drop for Release {
        fn drop(&mut self) {
            IS_KEPT.set(false);
            if let Some(Kept { state, thread }) = KEPT.take() {
                // SAFETY: what `keep_thread_state` has got on this thread, given back in turn.
                unsafe {
                    ffi::PyEval_RestoreThread(thread);
                    ffi::PyGILState_Release(state);
                }
            }
        }
    }
    let _release = Release;
    body();
}

/// As `Python::attach`, on a thread of `run_thread`.
pub(crate) fn attach_for_long<T>(body: impl FnOnce(Python<'_>) -> T) -> T {
    if !IS_KEPT.get() {
        keep_thread_state();
    }
    Python::attach(body)
}

#[cold]
fn keep_thread_state() {
    // SAFETY: the interpreter serves, and this thread has no state of it; `run_thread` undoes both.
    let kept = unsafe { Kept { state: ffi::PyGILState_Ensure(), thread: ffi::PyEval_SaveThread() } };
    KEPT.set(Some(kept));
    IS_KEPT.set(true);
}

/// Has `exception`, a class, raised in the Python code of another thread as soon as that runs.
pub(crate) fn raise_in_thread(exception: &Bound<'_, PyAny>, thread_ident: u64) {
    // SAFETY: the GIL is held, as `exception` shows; a thread that is not there is passed over.
    unsafe { ffi::PyThreadState_SetAsyncExc(thread_ident as std::ffi::c_long, exception.as_ptr()) };
}

/// Takes back what `raise_in_thread` has asked for, in the calling thread, if it was not raised.
pub(crate) fn take_back_raised(_py: Python<'_>) {
    // SAFETY: the GIL is held; null takes back what the calling thread was to raise.
    unsafe { ffi::PyThreadState_SetAsyncExc(ffi::PyThread_get_thread_ident() as _, std::ptr::null_mut()) };
}

/// Locks `mutex`, and waits for it without the GIL: whoever has it may need the GIL to go on, and
/// loses that whenever a Python object is made, since a collection may start there and run
/// anything. Without a GIL, a collection would wait for the waiting thread.
pub(crate) fn lock<'a, T>(py: Python<'_>, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
    mutex.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
}

/// `bytes` as a `str` of the code points 0 to 255, as PEP 3333 wants them.
pub(crate) fn latin1<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    let length = bytes.len() as ffi::Py_ssize_t;
    // SAFETY: pointer and length are those of a slice; the result is a new reference to a `str`.
    unsafe {
        let text = ffi::PyUnicode_DecodeLatin1(bytes.as_ptr().cast(), length, std::ptr::null());
        Bound::from_owned_ptr(py, text).cast_into_unchecked()
    }
}

/// The bytes of `text`, whose code points must be 0 to 255; `None` when one is not.
pub(crate) fn latin1_bytes<'a>(text: &'a Bound<'_, PyString>) -> Option<&'a [u8]> {
    let text = text.as_ptr();
    // SAFETY: `text` is a `str`, made ready, as CPython 3.11 may need it. What is of kind 1 has
    // as many bytes as code points, and they stay as they are while it lives.
    unsafe {
        if ffi::PyUnicode_READY(text) != 0 {
            ffi::PyErr_Clear();
            return None;
        }
        if ffi::PyUnicode_KIND(text) != ffi::PyUnicode_1BYTE_KIND {
            return None;
        }
        let length = ffi::PyUnicode_GET_LENGTH(text) as usize;
        Some(std::slice::from_raw_parts(ffi::PyUnicode_DATA(text).cast(), length))
    }
}
