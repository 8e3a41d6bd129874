//! From a name to the addresses that may be connected to.

use std::io;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{AddressRefused, OutboundRules};

/// Who turns names into addresses: the system's resolver, or what a test says.
#[derive(Clone, Default)]
pub(super) enum Names {
    #[default]
    System,
    #[cfg(test)]
    Scripted(std::sync::Arc<super::tests::Script>),
}

impl Names {
    async fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::System => Ok(tokio::net::lookup_host((name, port)).await?.collect()),
            #[cfg(test)]
            Self::Scripted(script) => Ok(script.answer(name, port)),
        }
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Names")
    }
}

/// Why a name gives no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(super) enum NameError {
    /// The resolver knows none.
    #[error(transparent)]
    Unknown(#[from] io::Error),
    /// All that it knows are refused.
    #[error(transparent)]
    Refused(#[from] AddressRefused),
}

impl OutboundRules {
    /// The allowed ones among the addresses of `name`.
    pub(super) async fn addresses(
        &self,
        name: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, NameError> {
        let mut found = self.names.look_up(name, port).await?;
        found.retain(|address| self.allows(address.ip()));
        if found.is_empty() {
            return Err(AddressRefused(name.to_owned()).into());
        }
        Ok(found)
    }

    #[cfg(test)]
    pub(super) fn with_names(mut self, script: std::sync::Arc<super::tests::Script>) -> Self {
        self.names = Names::Scripted(script);
        self
    }
}

/// Resolves names and drops what the rules refuse.
///
/// The addresses it answers with are the ones connected to: there is no second lookup in between.
pub(crate) struct CheckingResolver(pub(crate) OutboundRules);

impl Resolve for CheckingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.0.clone();
        Box::pin(async move {
            match rules.addresses(name.as_str(), 0).await {
                Ok(allowed) => Ok::<Addrs, _>(Box::new(allowed.into_iter())),
                Err(NameError::Unknown(error)) => Err(error.into()),
                Err(NameError::Refused(refused)) => Err(refused.into()),
            }
        })
    }
}
