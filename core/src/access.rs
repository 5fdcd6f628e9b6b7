//! Access: who calls, and what they may do. It does not know where principals come from (a file of
//! tokens now, single sign-on later), nor which call needs which role: the table of calls says that.

mod glob;
mod principal;
mod token;

pub use self::{
    glob::{DatabaseGlob, InvalidGlob},
    principal::{Caller, InvalidRole, Principal, Role},
    token::{InvalidDigest, TokenDigest},
};
