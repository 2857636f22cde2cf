//! Claim codes over HTTP: made and listed by people, shown by devices that are nobody yet.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use housewire_core::{DeviceId, Filter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{Expiry, Kind};
use crate::caller::Caller;
use crate::claims::{Claim, ClaimError, Claimant, Purpose, Redeemed};
use crate::http::body::Upload;
use crate::http::describe::{BadRequest, BodyAnswers, Forbidden, NoRoom, NotFound, Slowed, Unusable, WrongCode};
use crate::http::house::keep_policies;
use crate::http::identify;
use crate::http::path::NumberPath;
use crate::http::problem::Problem;
use crate::http::tokens::must_hand_out;
use crate::refusal::Refusal;
use crate::shard::now;

/// What a code is for.
#[derive(Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = NewClaim)]
struct NewClaim {
    /// What its devices are called.
    name: Option<String>,
    /// Where they are.
    room: Option<String>,
    /// What they are: the name of a template.
    template: Option<String>,
    /// The id of the one device that it is for.
    device: Option<String>,
    /// For how many devices it is.
    #[schema(minimum = 1, maximum = 1000)]
    uses: u32,
    /// `1h` if not said; 30 days at the most.
    expires: Option<String>,
}

impl Default for NewClaim {
    fn default() -> Self {
        Self { name: None, room: None, template: None, device: None, uses: 1, expires: None }
    }
}

/// A code as it is listed.
#[derive(Serialize, ToSchema)]
#[schema(as = Claim)]
pub(crate) struct ClaimJson {
    id: u32,
    name: Option<String>,
    room: Option<String>,
    template: Option<String>,
    device: Option<String>,
    uses: u32,
    /// How many more devices may show it.
    left: u32,
    #[schema(format = DateTime)]
    created: String,
    #[schema(format = DateTime)]
    expires: String,
    /// Who made it.
    by: Option<String>,
    /// The devices that showed it.
    devices: Vec<String>,
}

/// A code, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewClaimCode)]
pub(crate) struct NewClaimJson {
    #[schema(example = "K7QM-2XRD")]
    code: String,
    #[serde(flatten)]
    #[schema(inline)]
    claim: ClaimJson,
}

impl ClaimJson {
    fn new(id: u32, claim: &Claim) -> Self {
        let Purpose { name, room, template, device, uses } = claim.purpose.clone();
        Self {
            id,
            name,
            room,
            template,
            device,
            uses,
            left: claim.left(),
            created: claim.created().to_string(),
            expires: claim.expires().to_string(),
            by: claim.by.clone(),
            devices: claim.claimed.iter().map(|claimed| claimed.device.clone()).collect(),
        }
    }
}

/// What a device shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClaimShown)]
struct Shown {
    #[schema(example = "K7QM-2XRD")]
    code: String,
    /// What tells it from others for ever, such as its MAC address: with it the same device gets the same name again.
    #[schema(max_length = 64, example = "a4:cf:12:0b:a1:b2")]
    hardware_id: Option<String>,
    /// What it is.
    #[schema(max_length = 64, example = "esp")]
    model: Option<String>,
}

/// Who the device is from now on.
#[derive(Serialize, ToSchema)]
#[schema(as = Claimed)]
struct ClaimedJson {
    #[schema(example = "esp-0ba1b2")]
    device: String,
    /// To be kept by the device; it is in this answer and nowhere else.
    token: String,
    /// What its topics begin with.
    #[schema(example = "devices/esp-0ba1b2/")]
    topics: String,
}

/// `GET /api/claims`
#[utoipa::path(
    get, path = "/api/claims", operation_id = "listClaims", tag = "Tokens",
    summary = "Lists the claim codes that live, without the codes",
    description = "For administrators, and people who may do all that any device may.",
    responses((status = 200, description = "They, in the order in which they were made.", body = [ClaimJson]), Forbidden),
)]
pub(crate) async fn list(caller: Caller) -> Result<Json<Vec<ClaimJson>>, Problem> {
    must_claim(&caller, None)?;
    let house = caller.shard.house.clone();
    let claims = caller.accounts(move |_| Ok(house.claims.list())).await?;
    Ok(Json(claims.iter().map(|(id, claim)| ClaimJson::new(*id, claim)).collect()))
}

/// `POST /api/claims`
#[utoipa::path(
    post, path = "/api/claims", operation_id = "createClaim", tag = "Tokens",
    summary = "Makes a claim code",
    description = "For administrators, and people who may do all that its devices may. A device shows it at `POST /api/claim` and gets a \
                   token. The code is in this answer and nowhere else.",
    request_body(content = NewClaim, example = json!({"room": "Cellar", "template": "thermometer", "uses": 5, "expires": "1h"})),
    responses((status = 201, description = "The code.", body = NewClaimJson), BodyAnswers, Forbidden, NotFound, Unusable, NoRoom),
)]
pub(crate) async fn create(caller: Caller, upload: Upload) -> Result<Response, Problem> {
    let new = match upload.bytes.is_empty() {
        true => NewClaim::default(),
        false => upload.json::<NewClaim>("what the code is for, or no body")?,
    };
    let NewClaim { name, room, template, device, uses, expires } = new;
    let id = device.as_deref().map(DeviceId::parse).transpose().map_err(Refusal::from)?;
    must_claim(&caller, id.as_ref())?;
    let expires = expires.map(|text| Expiry::parse(&text, now().wall)).transpose()?.unwrap_or_default();
    let purpose = Purpose { name, room, template, device, uses };
    let (house, by) = (caller.shard.house.clone(), caller.change());
    let made = caller.accounts(move |accounts| {
        if let Some(template) = &purpose.template {
            house.templates.get(template)?;
        }
        house.claims.create(purpose, expires, accounts, &by)
    });
    let (code, id, claim) = made.await?;
    let made = NewClaimJson { code, claim: ClaimJson::new(id, &claim) };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// `DELETE /api/claims/{id}`
#[utoipa::path(
    delete, path = "/api/claims/{id}", operation_id = "deleteClaim", tag = "Tokens",
    summary = "Deletes a claim code",
    description = "Devices that showed it keep their tokens.",
    params(NumberPath),
    responses((status = 204, description = "It opens nothing any more."), BadRequest, Forbidden, NotFound, NoRoom),
)]
pub(crate) async fn remove(caller: Caller, NumberPath(id): NumberPath) -> Result<StatusCode, Problem> {
    must_claim(&caller, None)?;
    let (house, by) = (caller.shard.house.clone(), caller.change());
    caller.accounts(move |accounts| house.claims.remove(id, accounts, &by)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/claim`: for whoever has a code, and is nobody yet.
#[utoipa::path(
    post, path = "/api/claim", operation_id = "claim", tag = "Tokens",
    summary = "Makes a device of whoever shows a claim code",
    description = "For anybody. Whoever guesses is slowed, by address, as with passwords. The same `hardware_id` with the same code gets a new \
                   token for the same device for as long as the code lives, and the one before ends.",
    request_body(content = Shown),
    responses(
        (status = 201, description = "Who it is now.", body = ClaimedJson),
        BodyAnswers, WrongCode, NotFound, Unusable, Slowed, NoRoom,
    ),
    security(()),
)]
pub(crate) async fn claim(caller: Caller, upload: Upload) -> Result<Response, Problem> {
    let shown = upload.json("a code, and what tells this device from others")?;
    let Shown { code, hardware_id, model } = shown;
    let (house, by, hub) = (caller.shard.house.clone(), caller.change(), caller.hub().clone());
    let redeemed = caller.accounts(move |accounts| {
        let template = |name: &str| Ok(house.templates.get(name)?.sheet);
        Ok(house.claims.redeem(&code, &Claimant { hardware_id, model }, &hub, accounts, template, &by))
    });
    let Redeemed { device, token, template, is_new } = redeemed.await?.map_err(refusal)?;
    caller.registry_saved().await?;
    if let Some(template) = template.filter(|_| is_new) {
        keep_policies(&caller, &device, &template.history).await?;
    }
    let topics = format!("devices/{device}/");
    let answer = ClaimedJson { device: device.to_string(), token: token.reveal().to_owned(), topics };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

fn refusal(error: ClaimError) -> Problem {
    match error {
        ClaimError::Wrong => Problem::new(StatusCode::FORBIDDEN, "wrong_code", error.to_string()),
        ClaimError::Slowed(slowed) => identify::refusal(slowed),
        ClaimError::Account(error) => error.into(),
        ClaimError::Refused(refusal) => refusal.into(),
    }
}

/// A code is a token to be: it is made by whoever may hand out tokens of its device, or of any.
fn must_claim(caller: &Caller, device: Option<&DeviceId>) -> Result<(), Problem> {
    if let Some(device) = device {
        return must_hand_out(caller, device);
    }
    let any = Filter::parse("devices/#").expect("a constant that parses");
    let may = caller.login.kind == Kind::Person && caller.principal().permissions().allow_all_within(&any);
    if may { Ok(()) } else { Ok(caller.must_administer()?) }
}
