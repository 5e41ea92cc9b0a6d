//! Reads the one settings object.

use std::os::fd::RawFd;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use uncork_server::{AccessLogSettings, LogFormat, ServerSettings, TlsConfig};

/// The fields of `uncork.worker.WorkerSettings`, by their names there.
#[derive(FromPyObject)]
pub(crate) struct WorkerSettings {
    pub(crate) is_multiprocess: bool,
    max_threads: usize,
    max_queue: usize,
    queue_timeout_seconds: f64,
    max_connections: usize,
    keep_alive_requests: Option<u64>,
    max_head_bytes: usize,
    max_target_bytes: usize,
    max_trailer_bytes: usize,
    max_headers: usize,
    max_body: Option<u64>,
    streams_bodies: bool,
    body_buffer_bytes: usize,
    output_buffer_bytes: usize,
    keep_alive_seconds: f64,
    head_timeout_seconds: f64,
    body_timeout_seconds: f64,
    write_timeout_seconds: f64,
    request_timeout_seconds: Option<f64>,
    request_timeouts: Vec<(String, Option<f64>)>,
    request_grace_seconds: f64,
    min_rate: u64,
    access_log: Option<RawFd>,
    access_log_format: String,
    access_log_waits: bool,
    pub(crate) request_id_header: String,
    has_request_ids: bool,
    pub(crate) shows_request_ids: bool,
    pub(crate) own_prefix: String,
    certificate: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

impl WorkerSettings {
    /// The server's settings.
    ///
    /// # Errors
    /// `ValueError`: one of them is out of range.
    pub(crate) fn to_server_settings(&self) -> PyResult<ServerSettings> {
        Ok(ServerSettings {
            max_threads: positive("max_threads", self.max_threads)?,
            max_queue: self.max_queue,
            queue_timeout: duration("queue_timeout_seconds", self.queue_timeout_seconds)?,
            max_connections: positive("max_connections", self.max_connections)?,
            keep_alive_requests: self.keep_alive_requests,
            max_head_bytes: positive("max_head_bytes", self.max_head_bytes)?,
            max_target_bytes: positive("max_target_bytes", self.max_target_bytes)?,
            max_trailer_bytes: self.max_trailer_bytes,
            max_fields: positive("max_headers", self.max_headers)?,
            max_body_bytes: self.max_body,
            streams_bodies: self.streams_bodies,
            body_buffer_bytes: self.body_buffer_bytes,
            output_buffer_bytes: self.output_buffer_bytes,
            keep_alive: duration("keep_alive_seconds", self.keep_alive_seconds)?,
            head_timeout: duration("head_timeout_seconds", self.head_timeout_seconds)?,
            body_timeout: duration("body_timeout_seconds", self.body_timeout_seconds)?,
            write_timeout: duration("write_timeout_seconds", self.write_timeout_seconds)?,
            request_timeout: limit("request_timeout_seconds", self.request_timeout_seconds)?,
            request_timeouts: self
                .request_timeouts
                .iter()
                .map(|(pattern, seconds)| Ok((pattern.clone(), limit("request_timeouts", *seconds)?)))
                .collect::<PyResult<_>>()?,
            request_grace: duration("request_grace_seconds", self.request_grace_seconds)?,
            min_rate: self.min_rate,
            access_log: self.to_access_log()?,
            request_id_header: self.has_request_ids.then(|| self.request_id_header.clone()),
            shows_request_ids: self.shows_request_ids,
            own_prefix: self.own_prefix.clone(),
        })
    }

    fn to_access_log(&self) -> PyResult<Option<AccessLogSettings>> {
        let format = match self.access_log_format.as_str() {
            "combined" => LogFormat::Combined,
            "json" => LogFormat::Json,
            "terminal" => LogFormat::Terminal { has_colour: false },
            "terminal-in-colour" => LogFormat::Terminal { has_colour: true },
            other => return Err(PyValueError::new_err(format!("`access_log_format`: there is no form `{other}`"))),
        };
        let waits_when_full = self.access_log_waits;
        Ok(self.access_log.map(|descriptor| AccessLogSettings { descriptor, format, waits_when_full }))
    }

    /// The certificate and key, if TLS is to be spoken.
    ///
    /// # Errors
    /// `ValueError`: they can't be used.
    pub(crate) fn to_tls(&self) -> PyResult<Option<TlsConfig>> {
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => TlsConfig::from_pem(certificate, key)
                .map(Some)
                .map_err(|error| PyValueError::new_err(error.to_string())),
            (None, None) => Ok(None),
            _ => Err(PyValueError::new_err("`certificate` and `key` go together")),
        }
    }
}

fn positive(name: &str, value: usize) -> PyResult<usize> {
    if value == 0 {
        return Err(PyValueError::new_err(format!("`{name}` must be at least 1")));
    }
    Ok(value)
}

/// A year stands for ever: later moments are out of some clocks' range.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

fn duration(name: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds.min(LONGEST))
        .map_err(|_| PyValueError::new_err(format!("`{name}` must be a number of seconds, not {seconds}")))
}

fn limit(name: &str, seconds: Option<f64>) -> PyResult<Option<Duration>> {
    seconds.map(|seconds| duration(name, seconds)).transpose()
}
