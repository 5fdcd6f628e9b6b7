//! The gate before each handler: who calls, and whether the rule of the call lets them. It refuses
//! before anything is looked up, so the answer is the same whether a database exists or not.

use std::net::{IpAddr, Ipv4Addr};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use spice_core::{
    access::{Caller, Role},
    error::ErrorCode,
    name::DatabaseName,
};

use crate::{
    access::{Admission, Denial},
    http::{
        Service,
        call::Call,
        failure::Failure,
        parameters::{Accepted, path},
        serve::Peer,
    },
};

/// Who may make a call. Every call has one: it cannot be described without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Anybody, without a token: health, and the description of the service. Nothing of a database
    /// is shown.
    Open,
    /// A principal with this role. The call is about no database, or its handler leaves out and
    /// refuses those that the caller does not see.
    Anywhere(Role),
    /// A principal with this role, of the database in the path.
    Database(Role),
    /// A principal with this role, of every database.
    Every(Role),
}

/// Reads of the database in the path.
pub(crate) const VIEWER: Rule = Rule::Database(Role::Viewer);
/// Changes in the database in the path.
pub(crate) const EDITOR: Rule = Rule::Database(Role::Editor);
/// Decisions about the database in the path as a whole.
pub(crate) const ADMIN: Rule = Rule::Database(Role::Admin);

impl Rule {
    /// The role that it asks for.
    pub(crate) fn role(self) -> Option<Role> {
        match self {
            Self::Open => None,
            Self::Anywhere(role) | Self::Database(role) | Self::Every(role) => Some(role),
        }
    }
}

/// What stands before the handler of a call.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) service: Service,
    pub(crate) rule: Rule,
    pub(crate) accepted: Accepted,
}

/// Lets a request through to its handler, or answers 401 or 403.
pub(crate) async fn enter(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let admission = match gate.admit(&parts).await {
        Ok(admission) => admission,
        Err(refused) => return *refused,
    };
    // No handler needs the token, so none can show it.
    parts.headers.remove(AUTHORIZATION);
    parts.extensions.insert(gate.accepted);
    parts.extensions.insert(admission);
    next.run(Request::from_parts(parts, body)).await
}

impl Gate {
    async fn admit(&self, request: &Parts) -> Result<Admission, Box<Response>> {
        let access = &self.service.api.settings.access;
        let Some(role) = self.rule.role() else {
            return Ok(Admission::of(access.caller_without_token()));
        };
        let peer = request.extensions.get::<Peer>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
        let admitted = access.admit(token(&request.headers), peer).await;
        let admission = admitted.map_err(|denial| Box::new(deny(denial)))?;
        self.permit(&admission.caller, role, request.uri.path())
            .map_err(|failure| Box::new(failure.into_response()))?;
        Ok(admission)
    }

    fn permit(&self, caller: &Caller, role: Role, path: &str) -> Result<(), Failure> {
        let permitted = match self.rule {
            Rule::Database(_) => {
                let database = path::database(self.accepted.template, path)?;
                require_role(caller, role).and_then(|()| require_sight(caller, &database))
            }
            Rule::Every(_) if !caller.sees_all() => Err(forbidden(
                "the call is about every database, and the principal has only some",
            )),
            _ => require_role(caller, role),
        };
        if permitted.is_err() {
            self.service.api.settings.access.note_forbidden();
        }
        permitted
    }
}

impl Call {
    /// Refuses a caller without a role that only some bodies of the call need.
    pub(crate) fn require_role(&self, role: Role) -> Result<(), Failure> {
        require_role(&self.caller, role).inspect_err(|_| self.api.settings.access.note_forbidden())
    }

    /// Refuses a database that is not in the path and that the caller does not see.
    pub(crate) fn require_sight(&self, database: &DatabaseName) -> Result<(), Failure> {
        require_sight(&self.caller, database)
            .inspect_err(|_| self.api.settings.access.note_forbidden())
    }
}

fn require_role(caller: &Caller, role: Role) -> Result<(), Failure> {
    if caller.has(role) {
        return Ok(());
    }
    Err(forbidden(format!("the call needs the role {role}")).with("role", role.as_str()))
}

fn require_sight(caller: &Caller, database: &DatabaseName) -> Result<(), Failure> {
    if caller.sees(database) {
        return Ok(());
    }
    let message = format!("the principal may not use the database {database}");
    Err(forbidden(message).with("database", database.as_str()))
}

fn forbidden(message: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::Forbidden, message)
}

/// The bearer token of a request (RFC 6750).
fn token(headers: &HeaderMap) -> Result<&str, Denial> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Denial::Missing)?;
    if values.next().is_some() {
        return Err(Denial::Malformed);
    }
    let text = value.to_str().map_err(|_| Denial::Malformed)?;
    let (scheme, token) = text.split_once(' ').ok_or(Denial::Malformed)?;
    let token = token.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(token)
    } else {
        Err(Denial::Malformed)
    }
}

fn deny(denial: Denial) -> Response {
    let code = match denial {
        Denial::Slowed => ErrorCode::RateLimited,
        Denial::Missing | Denial::Malformed | Denial::Unknown => ErrorCode::Unauthenticated,
    };
    let mut response = Failure::new(code, denial.to_string())
        .with("reason", denial.as_str())
        .into_response();
    let challenge = match denial {
        Denial::Slowed => return response,
        Denial::Missing => "Bearer realm=\"spice\"",
        Denial::Malformed => "Bearer realm=\"spice\", error=\"invalid_request\"",
        Denial::Unknown => "Bearer realm=\"spice\", error=\"invalid_token\"",
    };
    let challenge = HeaderValue::from_static(challenge);
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(values: &[&str]) -> Result<String, Denial> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        token(&headers).map(str::to_owned)
    }

    #[test]
    fn one_bearer_token_is_read() {
        for right in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(presented(&[right]).as_deref(), Ok("abc"), "{right}");
        }
        assert_eq!(presented(&[]), Err(Denial::Missing));
        for wrong in ["", "Bearer", "Bearer ", "Basic abc", "abc", "Bearerabc"] {
            assert_eq!(presented(&[wrong]), Err(Denial::Malformed), "{wrong}");
        }
        let twice = ["Bearer abc", "Bearer abc"];
        assert_eq!(presented(&twice), Err(Denial::Malformed));
    }
}
