//! Which listener stands at which port, all on loopback.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::town::{HOSPITALS, Hospital};
use crate::trouble::Trouble;

/// The highest offset that is added to the base.
const SPAN: u16 = 34;

/// The ports of one town.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    base: u16,
}

impl Ports {
    /// The ports from `base` on.
    pub(crate) fn from(base: u16) -> Result<Self, Trouble> {
        if !(1024..=u16::MAX - SPAN).contains(&base) {
            return Err(Trouble::new(
                format!("--port-base {base} leaves no room"),
                format!("choose one from 1024 to {}", u16::MAX - SPAN),
            )
            .exiting(2));
        }
        Ok(Self { base })
    }

    pub(crate) fn registry(self) -> SocketAddr {
        self.at(0)
    }

    pub(crate) fn federation(self, hospital: &Hospital) -> SocketAddr {
        self.at(hospital.offset + 1)
    }

    pub(crate) fn hospital(self, hospital: &Hospital) -> SocketAddr {
        self.at(hospital.offset + 2)
    }

    pub(crate) fn patient(self, hospital: &Hospital) -> SocketAddr {
        self.at(hospital.offset + 3)
    }

    pub(crate) fn metrics(self, hospital: &Hospital) -> SocketAddr {
        self.at(hospital.offset + 4)
    }

    /// Where browsers of staff reach a hospital. Its own host name: cookies know hosts, not ports.
    pub(crate) fn staff_pages(self, hospital: &Hospital) -> String {
        let port = self.hospital(hospital).port();
        format!("http://staff.{}.localhost:{port}", hospital.id)
    }

    /// Where phones reach a hospital.
    pub(crate) fn people_pages(self, hospital: &Hospital) -> String {
        let port = self.patient(hospital).port();
        format!("http://phone.{}.localhost:{port}", hospital.id)
    }

    fn at(self, offset: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.base.saturating_add(offset)))
    }

    /// Says which port is taken, before anything is started.
    pub(crate) fn all_free(self) -> Result<(), Trouble> {
        free(self.registry(), "the registry")?;
        for hospital in &HOSPITALS {
            for (address, whose) in [
                (self.federation(hospital), "federation listener"),
                (self.hospital(hospital), "hospital listener"),
                (self.patient(hospital), "patient listener"),
                (self.metrics(hospital), "metrics listener"),
            ] {
                free(address, &format!("{}'s {whose}", hospital.id))?;
            }
        }
        Ok(())
    }
}

fn free(address: SocketAddr, whose: &str) -> Result<(), Trouble> {
    TcpListener::bind(address).map(drop).map_err(|error| {
        Trouble::new(
            format!("{address} is needed for {whose}, and cannot be had: {error}"),
            format!(
                "end the program that listens there (`ss -ltnp 'sport = :{}'` shows it), or choose \
                 other ports with --port-base",
                address.port()
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_listener() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let text = free(address, "minato's hospital listener")
            .unwrap_err()
            .to_string();
        assert!(text.contains(&address.to_string()) && text.contains("minato's hospital listener"));
        assert!(text.contains("next: ") && text.contains("--port-base"));
    }

    #[test]
    fn a_base_at_the_end_is_refused() {
        assert!(Ports::from(65_530).is_err());
        assert!(Ports::from(80).is_err());
        assert!(Ports::from(7300).is_ok());
    }
}
