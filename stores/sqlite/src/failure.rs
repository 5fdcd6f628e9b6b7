//! Failures inside a transaction, and their errors for the callers of a port.

use rusqlite::ErrorCode;
use spice_core::{error::StoreError, port::Store};

/// The result of work inside a transaction.
pub(crate) type Attempt<T> = Result<T, Failure>;

/// Why work inside a transaction failed; the transaction is rolled back.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite reported an error.
    Sqlite(rusqlite::Error),
    /// The stored data cannot be read.
    Damaged(String),
    /// The file cannot be read now.
    Unavailable(String),
    /// The request can never succeed.
    Rejected(String),
    /// A list was continued at a cursor that it did not return.
    UnknownCursor,
    /// Another owner has taken over.
    Fenced(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Failure {
    /// Reports a stored text that is not valid.
    pub(crate) fn unreadable(error: impl std::fmt::Display) -> Self {
        Self::Damaged(error.to_string())
    }

    /// Converts the failure to an error of the ports.
    pub(crate) fn into_store_error(self, store: Store) -> StoreError {
        match self {
            Self::Fenced(reason) => StoreError::Fenced { store, reason },
            Self::Damaged(reason) => StoreError::Damaged { store, reason },
            Self::Unavailable(reason) => StoreError::Unavailable { store, reason },
            Self::Rejected(reason) => StoreError::Rejected { store, reason },
            Self::UnknownCursor => StoreError::UnknownCursor { store },
            Self::Sqlite(error) => classify(&error, store),
        }
    }

    /// Returns whether the file itself may be damaged.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Sqlite(error) => {
                matches!(classify(error, Store::Registry), StoreError::Damaged { .. })
            }
            _ => false,
        }
    }

    /// Returns whether only the row that was being written is at fault.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Rejected(_) => true,
            Self::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation)
            ),
            _ => false,
        }
    }
}

fn classify(error: &rusqlite::Error, store: Store) -> StoreError {
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged { store, reason }
        }
        Some(
            ErrorCode::TooBig
            | ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::ApiMisuse
            | ErrorCode::ParameterOutOfRange,
        ) => StoreError::Rejected { store, reason },
        Some(ErrorCode::Unknown) | None => of_rusqlite(error, store, reason),
        Some(_) => StoreError::Unavailable { store, reason },
    }
}

fn of_rusqlite(error: &rusqlite::Error, store: Store, reason: String) -> StoreError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        | rusqlite::Error::InvalidColumnType(..) => StoreError::Damaged { store, reason },
        _ => StoreError::Rejected { store, reason },
    }
}
