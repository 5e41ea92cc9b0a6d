//! Letting go of the GIL, and text that is bytes.

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

/// Appends `text`, whose code points must be 0 to 255, to `out`; `false` when one is not.
pub(crate) fn push_latin1(text: &Bound<'_, PyString>, out: &mut Vec<u8>) -> PyResult<bool> {
    let Ok(text) = text.to_str() else {
        // Lone surrogates have no place in a header either.
        return Ok(false);
    };
    if text.is_ascii() {
        out.extend_from_slice(text.as_bytes());
        return Ok(true);
    }
    for character in text.chars() {
        let Ok(byte) = u8::try_from(u32::from(character)) else {
            return Ok(false);
        };
        out.push(byte);
    }
    Ok(true)
}
