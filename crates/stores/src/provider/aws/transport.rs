//! The SDKs' way to the network: the process's shared HTTP client, and which endpoint a service has.
//!
//! The SDKs bring an HTTP stack of their own (`default-https-client`). It was not taken: a second pool of connections, a second
//! TLS set-up, no bound on the size of an answer. What goes through here obeys [`net::client`](crate::net::client): answers of
//! at most [`limits::ANSWER_BYTES`](crate::base::limits::ANSWER_BYTES), time-outs, no redirects.

use std::{collections::BTreeMap, time::Duration};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

use crate::{
    base::{Error, Kind, Result},
    net::client::{self, Answer},
};

/// The shared HTTP client, in the form that the SDKs take.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: reqwest::Client,
    reach: Reach,
}

/// Where a transport may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Where a store may be.
    Stores,
    /// Where the process gets its own identity, too: link-local addresses, which no tenant can set.
    Platform,
}

impl Transport {
    pub(super) fn new(client: reqwest::Client) -> Self {
        Self { client, reach: Reach::Stores }
    }

    /// The same, for the identity of the process.
    pub(super) fn of_platform(&self) -> Self {
        Self { reach: Reach::Platform, ..self.clone() }
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let timeout = settings.read_timeout();
        SharedHttpConnector::new(Connector { transport: self.clone(), timeout })
    }
}

/// One call's connector: the transport, and the time-out if the caller has a shorter one (the instance metadata service has).
#[derive(Debug)]
struct Connector {
    transport: Transport,
    timeout: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (Transport { client, reach }, timeout) = (self.transport.clone(), self.timeout);
        HttpConnectorFuture::new(async move {
            let request = outgoing(request, timeout).map_err(carry)?;
            let answer = match reach {
                Reach::Stores => client::send(&client, request).await,
                Reach::Platform => client::send_to_platform(&client, request).await,
            };
            incoming(answer.map_err(carry)?).map_err(carry)
        })
    }
}

/// Our error inside the SDK's; `error::failure` takes it out again unchanged.
fn carry(error: Error) -> ConnectorError {
    ConnectorError::other(Box::new(error), None)
}

fn outgoing(request: HttpRequest, timeout: Option<Duration>) -> Result<reqwest::Request> {
    let unbuilt = || Error::new(Kind::Bug, "the request of the SDK does not fit the HTTP client");
    let request = request.try_into_http1x().map_err(|error| unbuilt().because(error))?;
    let (parts, body) = request.into_parts();
    let body = body.bytes().ok_or_else(unbuilt)?.to_vec();
    let url = reqwest::Url::parse(&parts.uri.to_string())
        .map_err(|error| Error::new(Kind::Invalid, "the endpoint is not a URL").because(error))?;
    let mut request = reqwest::Request::new(parts.method, url);
    *request.headers_mut() = parts.headers;
    *request.body_mut() = Some(body.into());
    *request.timeout_mut() = timeout;
    Ok(request)
}

fn incoming(mut answer: Answer) -> Result<HttpResponse> {
    let malformed = || Error::new(Kind::Malformed, "the answer is not HTTP that the SDK reads");
    let status = StatusCode::try_from(answer.status.as_u16()).map_err(|error| malformed().because(error))?;
    // Boxed once more, because the SDK prints in-memory bodies at trace level before it knows that they are secret.
    let body = SdkBody::from_body_1_x(SdkBody::from(std::mem::take(&mut *answer.body)));
    let mut response = HttpResponse::new(status, body);
    for (name, value) in &answer.headers {
        let value = value.to_str().map_err(|error| malformed().because(error))?.to_string();
        response.headers_mut().append(name.as_str().to_string(), value);
    }
    Ok(response)
}

/// The services that are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    SecretsManager,
    ParameterStore,
    CertificateManager,
    Sts,
}

impl Service {
    /// The name under which its calls are counted.
    pub(super) fn counted_as(self) -> &'static str {
        match self {
            Self::SecretsManager => "AWS/SecretsManager",
            Self::ParameterStore => "AWS/ParameterStore",
            Self::CertificateManager => "AWS/CertificateManager",
            Self::Sts => "AWS/STS",
        }
    }

    /// The variables that may hold its endpoint: ESO's own, then the SDKs' (`AWS_ENDPOINT_URL` holds for all services).
    fn variables(self) -> [&'static str; 3] {
        let (eso, sdk) = match self {
            Self::SecretsManager => ("AWS_SECRETSMANAGER_ENDPOINT", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            Self::ParameterStore => ("AWS_SSM_ENDPOINT", "AWS_ENDPOINT_URL_SSM"),
            Self::CertificateManager => ("AWS_ACM_ENDPOINT", "AWS_ENDPOINT_URL_ACM"),
            Self::Sts => ("AWS_STS_ENDPOINT", "AWS_ENDPOINT_URL_STS"),
        };
        [eso, sdk, "AWS_ENDPOINT_URL"]
    }

    /// The endpoint that the environment names, if it names one.
    pub(super) fn endpoint(self, variables: &BTreeMap<String, String>) -> Option<String> {
        let named = |name: &&str| variables.get(*name).filter(|value| !value.is_empty()).cloned();
        let [eso, service, all] = self.variables();
        if is_true(variables, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            return named(&eso);
        }
        [eso, service, all].iter().find_map(named)
    }
}

/// True if a variable says `true`, in the SDKs' reading.
pub(super) fn is_true(variables: &BTreeMap<String, String>, name: &str) -> bool {
    variables.get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::scripted::{Exchange, Reply, Scripted};

    /// The request of a container for its identity, sent through a proxy on loopback, which stands for the link-local address.
    async fn ask_the_platform(transport: impl Fn(Transport) -> Transport) -> (bool, usize) {
        let url = "http://169.254.170.23/v1/credentials";
        let proxy = Scripted::start([Exchange::get(url).answers(Reply::json(200, "{}")).repeated()]).await;
        let client = reqwest::Client::builder().proxy(reqwest::Proxy::http(proxy.url()).unwrap());
        let transport = transport(Transport::new(client.build().unwrap()));
        let connector = Connector { transport, timeout: None };
        let mut request = HttpRequest::empty();
        request.set_uri(url).unwrap();
        (connector.call(request).await.is_ok(), proxy.requests().len())
    }

    #[tokio::test]
    async fn only_the_identity_of_the_process_may_come_from_a_link_local_address() {
        assert_eq!(ask_the_platform(|transport| transport).await, (false, 0));
        assert_eq!(ask_the_platform(|transport| transport.of_platform()).await, (true, 1));
    }

    #[test]
    fn an_endpoint_comes_from_the_most_particular_variable() {
        let variables = |names: &[&str]| -> BTreeMap<String, String> {
            names.iter().map(|name| ((*name).to_string(), format!("http://{name}"))).collect()
        };
        let all = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM", "AWS_SSM_ENDPOINT"];
        for named in 1..=3 {
            let endpoint = Service::ParameterStore.endpoint(&variables(&all[..named]));
            assert_eq!(endpoint, Some(format!("http://{}", all[named - 1])));
        }
        assert_eq!(Service::SecretsManager.endpoint(&variables(&["AWS_ENDPOINT_URL_SSM"])), None);
    }

    #[test]
    fn the_sdk_variables_can_be_switched_off() {
        let variables = BTreeMap::from([
            ("AWS_ENDPOINT_URL".to_string(), "http://all".to_string()),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS".to_string(), "TRUE".to_string()),
        ]);
        assert_eq!(Service::Sts.endpoint(&variables), None);
    }
}
