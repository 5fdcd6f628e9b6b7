//! The services of the api, as the interfaces of requests.

/// The service that received a request. Gateway and oms differ in paths, and in the status for a body
/// of the wrong shape (contract §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Surface {
    Gateway,
    Oms,
    Funnel,
    Metrics,
}

impl Surface {
    pub(crate) const ALL: [Self; 4] = [Self::Gateway, Self::Oms, Self::Funnel, Self::Metrics];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Oms => "oms",
            Self::Funnel => "funnel",
            Self::Metrics => "metrics",
        }
    }
}
