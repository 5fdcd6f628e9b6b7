//! The classes of errors.

use spice_core::error::exit_code_of_status;

#[test]
fn an_exit_code_is_the_class_of_an_http_status() {
    for (statuses, code) in [
        (&[400, 413, 415, 422][..], 2),
        (&[404], 3),
        (&[409], 4),
        (&[401, 403], 5),
        (&[429, 502, 503, 504], 6),
        (&[405, 500, 501, 505], 1),
    ] {
        for status in statuses {
            assert_eq!(exit_code_of_status(*status), code, "{status}");
        }
    }
}
