//! The corpus of raw requests, over a real socket to a real server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

mod support;

#[test]
fn what_the_application_sees_is_what_the_parser_makes_of_the_bytes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/wire/http1");
    let echo = support::whole_connection::Echo::start();
    let mut count = 0;
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "http") {
            let data = std::fs::read(&path).unwrap();
            for cut in [0, data.len() / 3, data.len() / 2, data.len().saturating_sub(1)] {
                echo.check(&data, cut);
            }
            count += 1;
        }
    }
    assert!(count > 100, "only {count} cases were found");
}
