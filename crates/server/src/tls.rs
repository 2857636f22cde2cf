//! TLS for every transport: which certificate the hub shows, which ones of clients it takes, the handshake, and who renews what.
//!
//! Belongs here: the local CA, its certificates, files of the configuration, the handshake, and MQTT's bytes inside of TLS. What is
//! spoken in a connection is told by `listener`, as without TLS; how files are kept belongs to `store`, and who a client's
//! certificate makes of it to `auth`.

mod authority;
mod carry;
mod client;
mod clock;
mod error;
mod facts;
mod handshake;
mod identity;
mod keeper;
mod setup;
mod trusted;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use housewire_core::{DeviceId, Timestamp};
use housewire_store::Vault;
use parking_lot::{Mutex, RwLock};
use tokio::net::TcpStream;
use tracing::{error, info};

use self::authority::Authority;
pub(crate) use self::authority::DeviceCertificate;
pub(crate) use self::carry::carry;
pub(crate) use self::client::{ClientCertificate, IssuedBy};
pub(crate) use self::clock::{FIRST as FIRST_TIME, is_plausible};
pub use self::error::TlsError;
pub(crate) use self::facts::Facts;
#[cfg(test)]
pub(crate) use self::facts::Fingerprint;
use self::handshake::Handshakes;
pub(crate) use self::handshake::{HandshakeError, Inside, Secured};
use self::keeper::Keeper;
use self::setup::Setup;
pub(crate) use self::setup::Shown;
pub(crate) use self::trusted::{TrustError, client_config};
use crate::config::{TlsConfig, TlsMode};
use crate::names::{self, HostName};
use crate::peer::Peer;
use crate::shard::now;

/// How often it is looked whether the certificate still fits.
const TEND_EVERY: Duration = Duration::from_secs(60);

/// Why MQTT without TLS is refused.
pub(crate) const PLAIN_MQTT_REFUSED: &str = "This hub takes clients of other machines with TLS only: use port 8883, or TLS on the one port, and the CA from /ca.crt.";

/// Whether somebody who comes like this would have to come by TLS.
pub(crate) fn must_be_secure(mode: TlsMode, peer: &Peer) -> bool {
    mode == TlsMode::Only && !peer.is_secure() && !peer.is_on_this_machine()
}

/// Where the same is found by TLS, if it was asked for with this `Host`: at the same place, as the one port speaks both.
pub(crate) fn https_base(host: &str) -> Option<String> {
    let host: axum::http::uri::Authority = host.parse().ok()?;
    (!host.as_str().contains('@')).then(|| format!("https://{host}"))
}

/// TLS as it is served; see the module.
pub(crate) struct Tls {
    /// What handshakes go by from now on; those under way, and connections, keep what they began with.
    current: RwLock<Arc<Setup>>,
    /// Held by whoever reads or makes certificates, who may wait for the disk.
    keeper: Mutex<Keeper>,
    authority: Arc<Authority>,
    /// Names of the hub that the configuration adds.
    names: Vec<HostName>,
    handshakes: Handshakes,
    full: AtomicU64,
    resumed: AtomicU64,
    failed: AtomicU64,
}

/// Handshakes so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) full: u64,
    /// Of clients that took up an earlier connection.
    pub(crate) resumed: u64,
    /// Also those that nobody waited for any longer.
    pub(crate) failed: u64,
}

/// A handshake, counted when it is over, however that comes.
struct Attempt<'a> {
    counter: &'a AtomicU64,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Tls {
    /// Reads or makes what is needed. Waits for the disk.
    pub(crate) fn start(vault: Vault, config: &TlsConfig, names: &[HostName]) -> Result<Self, TlsError> {
        let keeper = Keeper::open(vault, config.clone(), &names::of_machine(names), now().wall)?;
        let setup = keeper.setup()?;
        let authority = Arc::clone(keeper.authority());
        info!(
            certificate = %setup.shown.facts.fingerprint,
            until = %setup.shown.facts.not_after,
            authority = %authority.facts.fingerprint,
            "TLS is served with a certificate of {}", setup.shown.origin.describe(),
        );
        Ok(Self {
            current: RwLock::new(Arc::new(setup)),
            keeper: Mutex::new(keeper),
            authority,
            names: names.to_owned(),
            handshakes: Handshakes::start()?,
            full: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// Meets a client that began like TLS, on a thread beside the shard: the arithmetic of a handshake would keep everybody else
    /// waiting. Takes as long as the client lets it; whoever drops this ends it.
    pub(crate) async fn accept(&self, socket: TcpStream) -> Result<Secured, HandshakeError> {
        let setup = Arc::clone(&self.current.read());
        let mut attempt = Attempt { counter: &self.failed };
        let secured = self.handshakes.carry_out(handshake::meet(setup, socket)).await?;
        attempt.counter = if secured.is_resumed() { &self.resumed } else { &self.full };
        Ok(secured)
    }

    pub(crate) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts { full: read(&self.full), resumed: read(&self.resumed), failed: read(&self.failed) }
    }

    /// What is shown to whoever comes next.
    pub(crate) fn shown(&self) -> Shown {
        self.current.read().shown.clone()
    }

    /// The local CA's certificate.
    pub(crate) fn authority(&self) -> &Facts {
        &self.authority.facts
    }

    pub(crate) fn authority_pem(&self) -> String {
        self.authority.pem()
    }

    pub(crate) fn authority_der(&self) -> Vec<u8> {
        self.authority.certificate().to_vec()
    }

    /// Makes a certificate for a device; see [`Authority::issue_device`]. Not for a shard: it takes a millisecond on a small machine.
    pub(crate) fn issue_device(
        &self,
        device: &DeviceId,
        request: Option<&str>,
        now: Timestamp,
    ) -> Result<DeviceCertificate, TlsError> {
        self.authority.issue_device(device, request, now)
    }

    /// Renews what has to be renewed. Waits for the disk.
    fn tend(&self, now: Timestamp) {
        let mut keeper = self.keeper.lock();
        let tended = keeper.tend(&names::of_machine(&self.names), now).and_then(|is_new| {
            if is_new {
                self.install(keeper.setup()?);
            }
            Ok(())
        });
        if let Err(failed) = tended {
            error!("{failed}; the certificate from before is shown on");
        }
    }

    /// Reads files of the configuration again, and renews what has to be renewed. What cannot be used changes nothing. Waits for the
    /// disk.
    pub(crate) fn reload(&self) {
        {
            let mut keeper = self.keeper.lock();
            match keeper.reread() {
                Ok(None) => {}
                Ok(Some(setup)) => {
                    info!(
                        certificate = %setup.shown.facts.fingerprint, until = %setup.shown.facts.not_after,
                        "the files of [tls] were read again; who connects from now on gets them"
                    );
                    self.install(setup);
                }
                Err(failed) => {
                    error!("{failed} Nothing was changed: what was read before is used on.");
                }
            }
        }
        self.tend(now().wall);
    }

    fn install(&self, setup: Setup) {
        *self.current.write() = Arc::new(setup);
    }
}

/// Sees to it that there is always a certificate that fits; runs until its runtime ends.
pub(crate) async fn run(tls: Arc<Tls>) {
    loop {
        tokio::time::sleep(TEND_EVERY).await;
        let tls = Arc::clone(&tls);
        // A panic in it is a bug, and not worth the hub: the certificate lasts for a while.
        if tokio::task::spawn_blocking(move || tls.tend(now().wall)).await.is_err() {
            error!("looking after the certificate failed, which is a bug; it is tried again, please report this");
        }
    }
}

#[cfg(test)]
mod tests;
