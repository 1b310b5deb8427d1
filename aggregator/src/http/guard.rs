//! The guard: what every request passes before its handler. Its head is not too large, its route
//! has a rule, and its token allows what the rule asks for. And every answer is counted.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::dashboard;
use super::pressure::WritePlace;
use super::problem::Problem;
use crate::auth::{Access, Denied, Scope};
use crate::limits::{MAX_HEADER_BYTES, MAX_HEADERS, MAX_PATH_BYTES, MAX_QUERY_BYTES};

/// What a route asks of a token.
#[derive(Clone, Copy, Debug)]
enum Need {
    /// Not even that there is one.
    Nothing,
    /// The scope; the handler sees to the VPCs.
    Scope(Scope),
    /// The scope, without a limit to certain VPCs.
    Unlimited(Scope),
}

/// One rule for every method and path. What has none is not served: it cannot be forgotten.
const RULES: [(Method, &str, Need); 17] = [
    (Method::GET, "/flows", Need::Scope(Scope::Read)),
    (Method::POST, "/flows", Need::Scope(Scope::Write)),
    (Method::POST, "/v1/batches", Need::Scope(Scope::Write)),
    (Method::GET, "/v1/flows", Need::Scope(Scope::Read)),
    (Method::GET, "/v1/summary", Need::Scope(Scope::Read)),
    (Method::GET, "/v1/hours", Need::Scope(Scope::Read)),
    (Method::GET, "/v1/hints", Need::Scope(Scope::Read)),
    (Method::GET, "/v1/audit", Need::Scope(Scope::Read)),
    (Method::GET, "/v1/completeness", Need::Scope(Scope::Read)),
    (Method::GET, "/v1/stream", Need::Scope(Scope::Read)),
    (Method::GET, "/v1/instances", Need::Unlimited(Scope::Read)),
    (Method::GET, "/metrics", Need::Unlimited(Scope::Read)),
    (Method::GET, "/healthz", Need::Nothing),
    (Method::GET, "/readyz", Need::Nothing),
    (Method::GET, "/openapi.json", Need::Nothing),
    (Method::GET, dashboard::PAGE, Need::Nothing),
    (Method::GET, dashboard::ASSETS, Need::Nothing),
];

/// The middleware. Handlers find an [`Access`] among the request's extensions.
pub(super) async fn guard(
    State(app): State<Arc<App>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let path = path.as_ref().map(MatchedPath::as_str);
    let (mut head, body) = request.into_parts();
    let response = match admit(&app, path, &head).await {
        Ok((access, _place)) => {
            head.extensions.insert(access);
            next.run(Request::from_parts(head, body)).await
        }
        Err(problem) => problem.into_response(),
    };
    // Only known paths become label values: their number is bounded.
    let status = response.status();
    let labels = [path.unwrap_or("other"), status.as_str()];
    app.metrics.http_requests.with_label_values(&labels).inc();
    response
}

/// What the request may do, and its place if it is a write.
async fn admit(
    app: &App,
    path: Option<&str>,
    head: &Parts,
) -> Result<(Access, Option<WritePlace>), Problem> {
    check_head(&head.uri, &head.headers)?;
    // Where nothing is, there is nothing to guard.
    let Some(path) = path else { return Ok((Access::everything(), None)) };
    let need = need_of(&head.method, path)?;
    let access = match need {
        Need::Nothing => return Ok((Access::everything(), None)),
        Need::Scope(_) | Need::Unlimited(_) => authenticate(app, &head.headers)?,
    };
    check(&access, need).inspect_err(|denied| {
        log::debug!("{} {path} by the token {:?}: {denied}", &head.method, access.name());
    })?;
    // The metrics are for who wants to know why nothing else is answered.
    let place = match need {
        Need::Scope(Scope::Write) => Some(app.pressure.admit_write().await?),
        Need::Scope(_) => app.pressure.admit_read().await.map(|()| None)?,
        Need::Nothing | Need::Unlimited(_) => None,
    };
    Ok((access, place))
}

fn check_head(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let too_long = |what, most| {
        let detail = format!("the {what} must be at most {most} bytes");
        Err(Problem::new(StatusCode::URI_TOO_LONG, detail))
    };
    if uri.path().len() > MAX_PATH_BYTES {
        return too_long("path", MAX_PATH_BYTES);
    }
    if uri.query().is_some_and(|query| query.len() > MAX_QUERY_BYTES) {
        return too_long("query string", MAX_QUERY_BYTES);
    }
    let sizes = headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    if headers.len() > MAX_HEADERS || sizes.sum::<usize>() > MAX_HEADER_BYTES {
        let detail =
            format!("there may be {MAX_HEADERS} headers, of {MAX_HEADER_BYTES} bytes together");
        return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail));
    }
    Ok(())
}

fn need_of(method: &Method, path: &str) -> Result<Need, Problem> {
    // A HEAD is a GET whose answer is not sent.
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let mut allow = Vec::new();
    for (allowed, _, need) in RULES.iter().filter(|(_, ruled, _)| *ruled == path) {
        if allowed == method {
            return Ok(*need);
        }
        allow.push(if *allowed == Method::GET { "GET, HEAD" } else { allowed.as_str() });
    }
    if allow.is_empty() {
        log::error!("the route {path} has no rule, and is not served");
        return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the route has no rule"));
    }
    Err(Problem::method_not_allowed(method, allow.join(", ")))
}

fn authenticate(app: &App, headers: &HeaderMap) -> Result<Access, Problem> {
    let Some(tokens) = &app.tokens else { return Ok(Access::everything()) };
    let refused = |detail| Problem::new(StatusCode::UNAUTHORIZED, detail);
    let token = bearer(headers)
        .ok_or_else(|| refused("a token is needed, in one header: authorization: Bearer TOKEN"))?;
    tokens.get().find(token).ok_or_else(|| refused("the token is not known"))
}

/// The token of the one `authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.as_bytes().split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn check(access: &Access, need: Need) -> Result<(), Denied> {
    match need {
        Need::Nothing => Ok(()),
        Need::Scope(scope) => access.check_scope(scope),
        Need::Unlimited(scope) => {
            access.check_scope(scope)?;
            access.check_unlimited()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_method_without_a_rule_is_not_allowed_and_a_path_without_one_is_not_served() {
        assert!(matches!(need_of(&Method::HEAD, "/flows"), Ok(Need::Scope(Scope::Read))));
        let refused = need_of(&Method::DELETE, "/flows").unwrap_err().into_response();
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.headers()[header::ALLOW], "GET, HEAD, POST");
        let forgotten = need_of(&Method::GET, "/v1/forgotten").unwrap_err().into_response();
        assert_eq!(forgotten.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn a_bearer_token_stands_in_one_header() {
        let headers = |values: &[&'static str]| -> HeaderMap {
            values
                .iter()
                .map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value)))
                .collect()
        };
        assert_eq!(bearer(&headers(&["Bearer fas_x"])), Some(&b"fas_x"[..]));
        assert_eq!(bearer(&headers(&["bEARER  fas_x "])), Some(&b"fas_x"[..]));
        for none in [&[][..], &["fas_x"], &["Basic fas_x"], &["Bearer"], &["Bearer a", "Bearer a"]]
        {
            assert_eq!(bearer(&headers(none)), None, "{none:?}");
        }
    }

    #[test]
    fn a_head_has_bounds() {
        let uri = |path: usize, query: usize| {
            Uri::try_from(format!("/{}?{}", "p".repeat(path - 1), "q".repeat(query))).unwrap()
        };
        let none = HeaderMap::new();
        assert!(check_head(&uri(MAX_PATH_BYTES, MAX_QUERY_BYTES), &none).is_ok());
        assert!(check_head(&uri(MAX_PATH_BYTES + 1, 0), &none).is_err());
        assert!(check_head(&uri(1, MAX_QUERY_BYTES + 1), &none).is_err());
        let header = |size: usize| -> HeaderMap {
            let value = HeaderValue::try_from("x".repeat(size - 1)).unwrap();
            [(header::HeaderName::from_static("n"), value)].into_iter().collect()
        };
        assert!(check_head(&uri(1, 0), &header(MAX_HEADER_BYTES)).is_ok());
        assert!(check_head(&uri(1, 0), &header(MAX_HEADER_BYTES + 1)).is_err());
        let mut many = HeaderMap::new();
        for _ in 0..=MAX_HEADERS {
            many.append("n", HeaderValue::from_static(""));
        }
        assert!(check_head(&uri(1, 0), &many).is_err());
    }
}
