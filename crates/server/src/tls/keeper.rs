//! Certificates as they lie on disk: made when there are none, renewed before they end, read again when somebody says so.
//!
//! Two files of our own. `ca.pem` is the local CA with its key; clients trust it, so a damaged one ends the start and is never replaced.
//! `server.pem` is the hub's certificate with its key; a damaged one is made anew. `ca.crt` is a copy of the CA's certificate, to be
//! handed on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use housewire_core::Timestamp;
use housewire_store::{Secrecy, Vault};
use rustls::pki_types::CertificateDer;
use tracing::{info, warn};

use crate::config::{OwnFiles, TlsConfig};
use crate::names::HostName;
use crate::tls::authority::Authority;
use crate::tls::clock::{self, Validity};
use crate::tls::error::TlsError;
use crate::tls::identity::{Identity, certificates};
use crate::tls::setup::{ClientRoots, Origin, Setup};

const AUTHORITY: &str = "ca.pem";
const AUTHORITY_COPY: &str = "ca.crt";
const SERVER: &str = "server.pem";

/// A certificate of somebody else is ours to show and his to renew; who runs the hub hears of its end so early …
const WARN_BEFORE: Duration = Duration::from_secs(14 * 86_400);
/// … and so often.
const WARN_EVERY: Duration = Duration::from_secs(86_400);

/// See the module.
pub(super) struct Keeper {
    vault: Vault,
    config: TlsConfig,
    authority: Arc<Authority>,
    identity: Identity,
    origin: Origin,
    /// Whose certificates clients may show, besides the local CA's.
    further: Vec<CertificateDer<'static>>,
    warned: Option<Timestamp>,
}

impl Keeper {
    pub(super) fn open(
        vault: Vault,
        config: TlsConfig,
        names: &BTreeSet<HostName>,
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        if !clock::is_plausible(now) {
            warn!(
                "the machine's clock says {now}, which cannot be right: certificates made now are provisional. Let it get the time from \
                 the network (NTP)"
            );
        }
        let authority = Arc::new(open_authority(&vault, names)?);
        let further = read_further(&config)?;
        let (identity, origin) = match &config.own {
            Some(OwnFiles { certificate, key }) => (Identity::own(certificate, key)?, Origin::Own),
            None => (open_server(&vault, &authority, names, now)?, Origin::Local),
        };
        let mut keeper = Self { vault, config, authority, identity, origin, further, warned: None };
        if let Err(unusable) = keeper.setup() {
            match keeper.config.own.clone() {
                Some(own) => return Err(keeper.blame(own, &unusable)),
                None => keeper.renew(names, now)?,
            }
        }
        // Notices what has changed while the hub was off.
        keeper.tend(names, now)?;
        Ok(keeper)
    }

    pub(super) fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// What handshakes go by from now on.
    pub(super) fn setup(&self) -> Result<Setup, TlsError> {
        let roots =
            ClientRoots { auth: self.config.client_auth, local: self.authority.certificate(), further: &self.further };
        Setup::new(&self.identity, self.origin, &roots)
    }

    /// Renews the hub's certificate if it does not fit the names any more, or ends before long; whether it did. Warns of the end of one
    /// that is not ours to renew.
    pub(super) fn tend(&mut self, names: &BTreeSet<HostName>, now: Timestamp) -> Result<bool, TlsError> {
        if self.origin == Origin::Own {
            self.warn_of_end(now);
            return Ok(false);
        }
        let why = if !self.identity.facts.names.is_superset(names) {
            "the machine has a name or an address that the one before does not have"
        } else if clock::is_due(self.validity(), now) {
            "the one before would end, or was made while the clock was wrong"
        } else {
            return Ok(false);
        };
        self.renew(names, now)?;
        info!(
            certificate = %self.identity.facts.fingerprint, until = %self.identity.facts.not_after,
            "the hub has a new certificate: {why}"
        );
        Ok(true)
    }

    /// Reads the configuration's files again; `None` if it names none. What cannot be used changes nothing.
    pub(super) fn reread(&mut self) -> Result<Option<Setup>, TlsError> {
        if self.config.own.is_none() && self.config.client_ca.is_none() {
            return Ok(None);
        }
        let further = read_further(&self.config)?;
        let identity = match &self.config.own {
            Some(OwnFiles { certificate, key }) => Identity::own(certificate, key)?,
            None => self.identity.clone(),
        };
        let before = (std::mem::replace(&mut self.further, further), std::mem::replace(&mut self.identity, identity));
        match self.setup() {
            Ok(setup) => {
                self.warned = None;
                Ok(Some(setup))
            }
            Err(unusable) => {
                (self.further, self.identity) = before;
                Err(match self.config.own.clone() {
                    Some(own) => self.blame(own, &unusable),
                    None => unusable,
                })
            }
        }
    }

    fn renew(&mut self, names: &BTreeSet<HostName>, now: Timestamp) -> Result<(), TlsError> {
        self.identity = make_server(&self.vault, &self.authority, names, now)?;
        Ok(())
    }

    fn validity(&self) -> Validity {
        Validity { not_before: self.identity.facts.not_before, not_after: self.identity.facts.not_after }
    }

    fn warn_of_end(&mut self, now: Timestamp) {
        let left = clock::left(self.validity(), now);
        let is_new = self.warned.is_none_or(|warned| now.since(warned) >= WARN_EVERY);
        if left > WARN_BEFORE || !is_new || !clock::is_plausible(now) {
            return;
        }
        self.warned = Some(now);
        let until = self.identity.facts.not_after;
        warn!("the certificate in tls.certificate ends {until}; put a new one in its place and send the hub SIGHUP");
    }

    /// Which file is wrong if certificate and key of somebody else do not go together.
    fn blame(&self, own: OwnFiles, error: &TlsError) -> TlsError {
        let why = match error {
            TlsError::Setup(why) => why.clone(),
            other => other.to_string(),
        };
        TlsError::Unusable { path: own.certificate, key: "tls.certificate", why: format!("with tls.key: {why}") }
    }
}

fn read_further(config: &TlsConfig) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path = config.client_ca.as_deref();
    path.map_or(Ok(Vec::new()), |path| certificates(path, "tls.client_ca"))
}

fn open_authority(vault: &Vault, names: &BTreeSet<HostName>) -> Result<Authority, TlsError> {
    let authority = match vault.read(AUTHORITY)? {
        Some(file) => {
            Authority::from_file(&file).map_err(|why| TlsError::Authority { path: vault.path(AUTHORITY), why })?
        }
        None => {
            let is_host = |name: &&HostName| matches!(name, HostName::Dns(name) if name != "localhost" && !name.ends_with(".local"));
            let host = names.iter().find(is_host).map_or_else(|| "this machine".to_owned(), ToString::to_string);
            let authority = Authority::create(&host)?;
            vault.write(AUTHORITY, authority.to_file().as_bytes(), Secrecy::Secret)?;
            info!(fingerprint = %authority.facts.fingerprint, "made a local CA, '{}'", authority.facts.subject);
            authority
        }
    };
    let public = authority.pem();
    if vault.read(AUTHORITY_COPY).ok().flatten().as_deref() != Some(public.as_bytes()) {
        // Nobody needs it to be served: the same is at /ca.crt.
        if let Err(error) = vault.write(AUTHORITY_COPY, public.as_bytes(), Secrecy::Public) {
            warn!("{error}; the copy of the CA's certificate is missing or old");
        }
    }
    Ok(authority)
}

fn open_server(
    vault: &Vault,
    authority: &Authority,
    names: &BTreeSet<HostName>,
    now: Timestamp,
) -> Result<Identity, TlsError> {
    let Some(file) = vault.read(SERVER)? else { return make_server(vault, authority, names, now) };
    match Identity::from_file(&file) {
        Some(identity) if authority.has_signed(&identity.chain[0]) => Ok(identity),
        _ => {
            let path = vault.path(SERVER);
            warn!("{} is damaged, or not of this hub's CA: a new certificate is made", path.display());
            make_server(vault, authority, names, now)
        }
    }
}

/// One that cannot be stored is used all the same: it serves until the next start.
fn make_server(
    vault: &Vault,
    authority: &Authority,
    names: &BTreeSet<HostName>,
    now: Timestamp,
) -> Result<Identity, TlsError> {
    let identity = authority.issue_server(names, now)?;
    if let Err(error) = vault.write(SERVER, identity.to_file().as_bytes(), Secrecy::Secret) {
        warn!("{error}; the hub's new certificate is used, but the next start will have to make another");
    }
    Ok(identity)
}

#[cfg(test)]
mod tests;
