//! The HTTP door: each report is a PUT. Nothing comes in: a thermometer on a battery sleeps between two reports.

use std::future;
use std::sync::Arc;

use super::Access;
use super::door::{Door, DoorError, Farewell, Incoming};
use super::model::Report;
use super::registrar::Registrar;

/// See the module.
#[derive(Debug)]
pub(crate) struct HttpDoor {
    registrar: Registrar,
    device: Arc<str>,
}

impl Door for HttpDoor {
    async fn open(access: Access, device: Arc<str>) -> Result<Self, DoorError> {
        Ok(Self { registrar: Registrar::new(&access)?, device })
    }

    async fn next(&mut self) -> Result<Incoming, DoorError> {
        future::pending().await
    }

    async fn report(&mut self, report: Report) -> Result<(), DoorError> {
        // A report would register a removed device again; other doors hear of the removal, this one has to ask.
        if self.registrar.is_there(&self.device).await? {
            self.registrar.report(&self.device, &report.property, report.payload).await
        } else {
            Err(DoorError::Removed)
        }
    }

    async fn close(self, _farewell: Farewell) {}
}
