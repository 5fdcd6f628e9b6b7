//! What became of commands.

use axum::http::Method;
use spice_core::error::ErrorCode;

use crate::http::{
    answer::CommandResult,
    commands,
    operation::{Subject, reads},
};

/// At both services.
pub(super) fn subject() -> Subject {
    Subject {
        name: "Commands",
        description: "What became of what was accepted.",
        operations: vec![
            reads(
                Method::GET,
                "/api/v1/commands/{id}/status",
                "getCommandStatus",
                "Tells how far a command is.",
                commands::status,
            )
            .answers::<CommandResult<'static>>(200, "The command.")
            .fails(&[ErrorCode::NotFound]),
        ],
    }
}
