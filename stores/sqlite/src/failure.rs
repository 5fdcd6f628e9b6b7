//! What can go wrong inside a transaction, and what it means to the callers of a port.

use rusqlite::ErrorCode;
use spice_core::error::StoreError;

/// The result of work inside a transaction.
pub(crate) type Attempt<T> = Result<T, Failure>;

/// Why work inside a transaction failed; the transaction is rolled back.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite said no.
    Sqlite(rusqlite::Error),
    /// What is stored cannot be read.
    Damaged(String),
    /// What was asked can never be done.
    Rejected(String),
    /// A list was asked to continue at a cursor that it did not give out.
    UnknownCursor,
    /// Somebody else has taken over.
    Fenced(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Failure {
    /// A stored text that is not what it should be.
    pub(crate) fn unreadable(error: impl std::fmt::Display) -> Self {
        Self::Damaged(error.to_string())
    }

    /// The same failure in the words of the ports.
    pub(crate) fn into_store_error(self, store: &'static str) -> StoreError {
        match self {
            Self::Fenced(reason) => StoreError::Fenced { store, reason },
            Self::Damaged(reason) => StoreError::Damaged { store, reason },
            Self::Rejected(reason) => StoreError::Rejected { store, reason },
            Self::UnknownCursor => StoreError::UnknownCursor { store },
            Self::Sqlite(error) => classify(&error, store),
        }
    }

    /// Whether the file itself is in doubt.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Sqlite(error) => matches!(classify(error, ""), StoreError::Damaged { .. }),
            _ => false,
        }
    }

    /// Whether only the one row that was being written is at fault.
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

fn classify(error: &rusqlite::Error, store: &'static str) -> StoreError {
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

fn of_rusqlite(error: &rusqlite::Error, store: &'static str, reason: String) -> StoreError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        | rusqlite::Error::InvalidColumnType(..) => StoreError::Damaged { store, reason },
        _ => StoreError::Rejected { store, reason },
    }
}
