//! `/openapi.json`: the interface described (OpenAPI 3.1), made from the declarations beside the
//! handlers and the bounds that they enforce. `tests/golden/openapi.json` holds it in place.

pub(super) mod answers;
pub(super) mod bodies;
pub(super) mod errors;
pub(super) mod parameters;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::Components;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{batches, flows, health, problem, reads, stream};
use crate::query;

/// The name of the security scheme.
const BEARER: &str = "bearer";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Flow Aggregation Service",
        description = "Which app moved how many bytes to which app, hour by hour.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        flows::write,
        batches::write,
        reads::hour::read,
        reads::flows::read,
        reads::summary::read,
        reads::hours::read,
        reads::hints::read,
        reads::audit::read,
        reads::completeness::read,
        reads::instances::read,
        stream::follow,
        health::alive,
        health::ready,
        health::metrics,
        read,
    ),
    components(schemas(
        bodies::NameText,
        bodies::FlowObject,
        bodies::FlowList,
        bodies::BatchObject,
        bodies::HourGroup,
        bodies::FlowRow,
        bodies::Receipt,
        answers::FlowPage,
        flows::Accepted,
        problem::Problem,
        query::SummaryReport,
        query::Hours,
        query::Hints,
        query::Audit,
        query::HourCompleteness,
        query::Instances,
    )),
    security(("bearer" = [])),
    tags(
        (name = "reads", description = "Aggregates."),
        (name = "writes", description = "Deltas that add up."),
        (name = "operation", description = "What the machinery around the service asks."),
    ),
    modifiers(&Shared),
)]
struct Interface;

/// What all operations refer to.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        components.responses.extend(errors::components());
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("Needed where the service was given tokens."));
        components.add_security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
    }
}

/// The description as text. It does not depend on settings.
static TEXT: LazyLock<String> =
    LazyLock::new(|| Interface::openapi().to_pretty_json().unwrap_or_default());

/// This description.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "describe", tag = "operation",
    responses((status = 200, description = "The description.", body = Object), errors::OpenErrors),
    security(()),
)]
pub(super) async fn read() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

#[cfg(test)]
mod tests;
