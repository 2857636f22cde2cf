//! Firmware as devices are told of it, over MQTT and HTTP alike.

use serde::Serialize;
use utoipa::ToSchema;

use crate::firmware::Offer;

/// What a device is to fetch.
#[derive(Serialize, ToSchema)]
#[schema(as = FirmwareOffer)]
pub(crate) struct OfferView<'o> {
    #[schema(example = "lamp")]
    name: &'o str,
    #[schema(example = "1.2.0")]
    version: &'o str,
    /// In bytes.
    size: u64,
    /// In hexadecimal digits.
    sha256: &'o str,
    md5: &'o str,
    /// Where it is on this hub: a path, behind the address that the device has of it.
    #[schema(example = "/api/firmware/lamp/1.2.0/file")]
    url: String,
}

impl<'o> From<&'o Offer> for OfferView<'o> {
    fn from(offer: &'o Offer) -> Self {
        Self {
            name: &offer.name,
            version: &offer.version,
            size: offer.file.size,
            sha256: &offer.file.sha256,
            md5: &offer.file.md5,
            // Neither has a character that would have to be escaped in a path.
            url: format!("/api/firmware/{}/{}/file", offer.name, offer.version),
        }
    }
}
