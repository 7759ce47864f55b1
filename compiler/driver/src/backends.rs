//! The backends that there are. This is the only list.

use treville_cleartext::Cleartext;
use treville_porthos::{Porthos, PorthosPacked};
use treville_protocol::{BackendInfo, Protocol};
use treville_securenn::SecureNn;

use crate::failure::Failure;

/// A backend by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// One process, ring-exact.
    Cleartext,
    /// Semi-honest 3PC with a helper.
    Porthos,
    /// The same, with packed digits.
    PorthosPacked,
    /// The baseline that Porthos is compared with.
    SecureNn,
}

/// Something to be done with the type of a backend.
pub trait WithBackend {
    /// What it yields.
    type Output;
    /// Does it.
    fn run<P: Protocol>(self) -> Self::Output;
}

impl Backend {
    /// All of them.
    pub const ALL: &[Backend] = &[Backend::Cleartext, Backend::Porthos, Backend::PorthosPacked, Backend::SecureNn];

    /// The backend of this name.
    pub fn by_name(name: &str) -> Result<Self, Failure> {
        let names = || Self::ALL.iter().map(|b| b.info().name).collect::<Vec<_>>().join(", ");
        Self::ALL
            .iter()
            .copied()
            .find(|b| b.info().name == name)
            .ok_or_else(|| Failure::usage(format!("there is no backend `{name}`; there are: {}", names())))
    }

    /// Calls `action` with the backend's type.
    pub fn with<A: WithBackend>(self, action: A) -> A::Output {
        match self {
            Backend::Cleartext => action.run::<Cleartext>(),
            Backend::Porthos => action.run::<Porthos>(),
            Backend::PorthosPacked => action.run::<PorthosPacked>(),
            Backend::SecureNn => action.run::<SecureNn>(),
        }
    }

    /// What it says of itself.
    pub fn info(self) -> &'static BackendInfo {
        struct Info;
        impl WithBackend for Info {
            type Output = &'static BackendInfo;
            fn run<P: Protocol>(self) -> Self::Output {
                P::info()
            }
        }
        self.with(Info)
    }

    /// The crate's name and place in the workspace, and the type, for generated packages.
    pub fn source(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Backend::Cleartext => ("treville-cleartext", "backends/cleartext", "treville_cleartext::Cleartext"),
            Backend::Porthos => ("treville-porthos", "backends/porthos", "treville_porthos::Porthos"),
            Backend::PorthosPacked => ("treville-porthos", "backends/porthos", "treville_porthos::PorthosPacked"),
            Backend::SecureNn => ("treville-securenn", "backends/securenn", "treville_securenn::SecureNn"),
        }
    }
}
