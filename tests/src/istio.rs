//! `IstioMesh`: two sidecars as Istio configures them, the resources of `envoy/istio` applied to
//! them as Istio does it, an aggregator and two apps. Istio itself has no part in it.

mod resources;

use tempfile::TempDir;

use crate::app::{HttpApp, TcpApp};
use crate::client::{HttpClient, TcpConnection};
use crate::fas::Fas;
use crate::ports::free_port;
use crate::sample::Sample;
use crate::sidecar::{Settings, Sidecar};

pub use resources::Resources;

/// The ports in the configuration of a sidecar.
const ADMIN: u16 = 15_000;
const OUTBOUND: [u16; 3] = [15_001, 15_002, 15_003];
const INBOUND: [u16; 2] = [15_006, 15_007];
const PEER_INBOUND: [u16; 2] = [15_016, 15_017];
const APPS: [u16; 2] = [9_080, 9_090];

/// A running mesh: the workload `productpage` calls the workload `reviews`.
pub struct IstioMesh {
    // In the order in which they are to stop.
    productpage: Sidecar,
    reviews: Sidecar,
    fas: Fas,
    outbound: [u16; 3],
    _apps: (HttpApp, TcpApp),
    _directory: TempDir,
}

impl IstioMesh {
    /// Starts everything, with `resources` applied to both sidecars.
    pub fn start(resources: &Resources) -> Self {
        let directory = TempDir::with_prefix("flow-istio-").expect("a directory can be made");
        let fas = Fas::start(free_port(), directory.path());
        let (apps, inbound, outbound) = (free_ports(), free_ports(), free_ports());
        let start = |app: &str, outbound: [u16; 3], inbound: [u16; 2], peer: [u16; 2]| {
            let admin_port = free_port();
            let sample = bootstrap(app).put_port(ADMIN, admin_port);
            let sample = put_ports(sample, OUTBOUND, outbound);
            let sample = put_ports(sample, INBOUND, inbound);
            let sample = put_ports(put_ports(sample, PEER_INBOUND, peer), APPS, apps);
            let settings = Settings {
                name: app.to_owned(),
                sample: resources.apply(&sample, fas.port()),
                admin_port,
                workers: 1,
                log_format: None,
                has_hot_restart: false,
                has_dynamic_listeners: false,
                clock: None,
            };
            Sidecar::start(settings, directory.path())
        };
        let running = (HttpApp::start(apps[0]), TcpApp::start(apps[1]));
        let reviews = start("reviews", free_ports(), inbound, free_ports());
        let productpage = start("productpage", outbound, free_ports(), inbound);
        Self { productpage, reviews, fas, outbound, _apps: running, _directory: directory }
    }

    /// A new HTTP client of `productpage`, which calls `reviews`.
    pub fn http(&self) -> HttpClient {
        HttpClient::new(self.outbound[0])
    }

    /// A new TCP connection of `productpage` to the service `reviews-db`.
    pub fn tcp(&self) -> TcpConnection {
        TcpConnection::open(self.outbound[1])
    }

    /// A new connection of `productpage` to nothing that the mesh knows.
    pub fn elsewhere(&self) -> TcpConnection {
        TcpConnection::open(self.outbound[2])
    }

    /// The sidecar of the workload `productpage`.
    pub fn productpage(&self) -> &Sidecar {
        &self.productpage
    }

    /// The sidecar of the workload `productpage`, to be ended.
    pub fn productpage_mut(&mut self) -> &mut Sidecar {
        &mut self.productpage
    }

    /// The aggregator.
    pub fn fas(&self) -> &Fas {
        &self.fas
    }

    /// The aggregator, to be stopped or started again.
    pub fn fas_mut(&mut self) -> &mut Fas {
        &mut self.fas
    }

    /// Ends both sidecars, with the pushes that they still make.
    pub fn stop_sidecars(&mut self) {
        self.productpage.stop();
        self.reviews.stop();
    }
}

/// What Istio gives a sidecar of the workload `app`, without any of our resources.
pub fn bootstrap(app: &str) -> Sample {
    Sample::of("sidecar.yaml", include_str!("istio/sidecar.yaml")).put("APP", app)
}

fn free_ports<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| free_port())
}

fn put_ports<const N: usize>(sample: Sample, old: [u16; N], new: [u16; N]) -> Sample {
    old.into_iter().zip(new).fold(sample, |sample, (old, new)| sample.put_port(old, new))
}
