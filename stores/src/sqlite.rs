//! Stores on SQLite.
