//! Letting go of the GIL, and text that is bytes.

use std::borrow::Cow;

use pyo3::ffi;
use pyo3::prelude::*;
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

/// Runs `body`, without the GIL, on a thread that keeps its Python thread state all the while,
/// so that taking the GIL is cheap and `threading.local` lasts.
pub(crate) fn run_attached_thread(body: &mut dyn FnMut()) {
    Python::attach(|py| without_gil(py, body));
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
pub(crate) fn latin1_bytes<'a>(text: &'a Bound<'_, PyString>) -> Option<Cow<'a, [u8]>> {
    // Lone surrogates, which `to_str` refuses, have no place in a header either.
    let utf8 = text.to_str().ok()?;
    // SAFETY: `text` is a `str`, and its length is only read.
    let length = unsafe { ffi::PyUnicode_GET_LENGTH(text.as_ptr()) };
    if length as usize == utf8.len() {
        return Some(Cow::Borrowed(utf8.as_bytes()));
    }
    utf8.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect::<Option<Vec<u8>>>().map(Cow::Owned)
}
