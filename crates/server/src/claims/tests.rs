use std::net::IpAddr;
use std::time::Duration;

use housewire_core::HubOptions;
use housewire_store::Store;

use super::*;
use crate::accounts::Via;
use crate::auth::Guests;
use crate::clients::Clients;
use crate::hosts::Hosts;

struct Setting {
    hub: Arc<Hub>,
    accounts: Accounts,
    claims: Claims,
    _folder: tempfile::TempDir,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let hub = Arc::new(Hub::new(HubOptions::default()));
        let guests = Guests::new(None, Vec::new(), Hosts::default());
        let clients = Arc::new(Clients::default());
        let accounts =
            Accounts::open(store.accounts().unwrap(), Arc::clone(&hub), clients, guests, Vec::new()).unwrap();
        let claims = Claims::open(store.documents("claim").unwrap(), [7; 32]).unwrap();
        Self { hub, accounts, claims, _folder: folder }
    }

    fn make(&self, purpose: Purpose, life: Option<Duration>) -> String {
        let expires = Expiry(life.map(|life| now().wall.after(life)));
        self.claims.create(purpose, expires, &self.accounts, &by(1)).unwrap().0
    }

    fn show(&self, code: &str, hardware: Option<&str>, host: u8) -> Result<Redeemed, ClaimError> {
        let claimant = Claimant { hardware_id: hardware.map(str::to_owned), model: Some("ESP 32".to_owned()) };
        let none = |_: &str| Err(AccountError::NotFound("no templates here".to_owned()));
        self.claims.redeem(code, &claimant, &self.hub, &self.accounts, none, &by(host))
    }
}

fn by(host: u8) -> Change {
    Change { who: Some("alice".to_owned()), address: Some(IpAddr::from([192, 0, 2, host])), via: Via::Http }
}

fn uses(uses: u32) -> Purpose {
    Purpose { uses, room: Some("Hall".to_owned()), ..Purpose::default() }
}

#[test]
fn a_code_is_used_once() {
    let setting = Setting::new();
    let code = setting.make(uses(1), None);
    let made = setting.show(&code.to_lowercase().replace('-', " "), Some("a4:cf:12:0b:a1:b2"), 2).unwrap();
    assert_eq!((made.device.as_str(), made.is_new), ("esp32-0ba1b2", true));
    assert_eq!(setting.hub.device(&made.device).unwrap().lock().info.room.as_deref(), Some("Hall"));
    assert!(matches!(setting.show(&code, Some("another"), 3), Err(ClaimError::Wrong)));
    assert!(matches!(setting.show(&code, None, 3), Err(ClaimError::Wrong)));
    // The same hardware: the same device with another token, and the one before is gone.
    let again = setting.show(&code, Some("a4:cf:12:0b:a1:b2"), 4).unwrap();
    assert_eq!((&again.device, again.is_new), (&made.device, false));
    let address = IpAddr::from([192, 0, 2, 9]);
    assert!(setting.accounts.by_token(made.token.reveal(), address, Via::Http).is_err());
    assert!(setting.accounts.by_token(again.token.reveal(), address, Via::Http).is_ok());
}

#[test]
fn a_code_for_several_is_used_by_so_many() {
    let setting = Setting::new();
    let code = setting.make(uses(3), None);
    let ids: Vec<_> = (0..3).map(|_| setting.show(&code, None, 2).unwrap().device).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    assert!(matches!(setting.show(&code, None, 2), Err(ClaimError::Wrong)));
    assert_eq!(setting.claims.list()[0].1.left(), 0);
}

#[test]
fn a_code_expires_and_can_be_deleted() {
    let setting = Setting::new();
    let short = setting.make(uses(1), Some(Duration::from_millis(20)));
    let deleted = setting.make(uses(1), None);
    let id = setting.claims.list().last().unwrap().0;
    setting.claims.remove(id, &setting.accounts, &by(1)).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    for code in [&short, &deleted, "AAAA-AAAA", "", "ÄÄÄÄ-ÄÄÄÄ", &"A".repeat(10_000)] {
        assert!(matches!(setting.show(code, None, 2), Err(ClaimError::Wrong)), "{code}");
    }
    assert!(setting.claims.list().is_empty() && setting.hub.devices().is_empty());
    assert!(matches!(setting.claims.remove(id, &setting.accounts, &by(1)), Err(AccountError::NotFound(_))));
}

#[test]
fn whoever_guesses_is_slowed_and_others_are_not() {
    let setting = Setting::new();
    let code = setting.make(uses(1), None);
    let slowed = (0..1_000).find(|_| matches!(setting.show("AAAA-AAAA", None, 2), Err(ClaimError::Slowed(_))));
    assert!(slowed.is_some_and(|tries| (3..100).contains(&tries)), "{slowed:?}");
    assert!(matches!(setting.show(&code, None, 2), Err(ClaimError::Slowed(_))), "also with the right one");
    assert!(setting.show(&code, None, 200).is_ok());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let setting = Setting::new();
    let make = |purpose: Purpose, expires| setting.claims.create(purpose, expires, &setting.accounts, &by(1));
    let fixed = Purpose { device: Some("lamp".to_owned()), ..uses(2) };
    let years = Expiry(Some(now().wall.after(Duration::from_secs(40 * 24 * 3_600))));
    for (purpose, expires) in [
        (uses(0), Expiry::default()),
        (uses(USES_MAX + 1), Expiry::default()),
        (fixed, Expiry::default()),
        (uses(1), years),
        (Purpose { name: Some("x".repeat(300)), ..uses(1) }, Expiry::default()),
    ] {
        assert!(matches!(make(purpose.clone(), expires), Err(AccountError::Unusable(_))), "{purpose:?}");
    }
    let code = setting.make(uses(1), None);
    for hardware in ["", "a\nb", &"x".repeat(65)] {
        assert!(matches!(setting.show(&code, Some(hardware), 2), Err(ClaimError::Account(_))), "{hardware:?}");
    }
    assert!(setting.show(&code, Some("ok"), 2).is_ok());
}

#[test]
fn there_are_only_so_many_and_they_survive() {
    let setting = Setting::new();
    for _ in 0..CLAIMS_MAX {
        setting.make(uses(1), None);
    }
    let more = setting.claims.create(uses(1), Expiry::default(), &setting.accounts, &by(1));
    assert!(matches!(more, Err(AccountError::Full(_))));
    let claims =
        Claims::open(Store::open(tempfile::tempdir().unwrap().path()).unwrap().documents("claim").unwrap(), [7; 32]);
    assert!(claims.unwrap().list().is_empty());
}
