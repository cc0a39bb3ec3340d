//! `care` against real servers: balancing, failing over, probing, tunnelling, reloading, learning.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "care/servers.rs"]
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use sealift::ha::authority::{REGISTRY_NAME, registry_server};
use sealift::ha::balancer::{Balancer, Wanted};
use sealift::ha::care;
use sealift::ha::config::{
    ApiBalancer, CareConfig, CertificateSource, EndpointRefresh, RegistryTunnel, VipPlacement,
};
use sealift::ha::forward::{Dial, Direct};
use sealift::ha::health::Verdict;
use sealift::ha::intermediary::Intermediary;
use sealift::ha::learned::Generation;
use sealift::ha::probe::{Authority, Probe};
use sealift::ha::tunnel::Tunnel;
use secrecy::ExposeSecret;
use servers::{EchoServer, HttpsServer, ask_plainly, authority, issued, machine};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_mins(2);

async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("never came: {what}"))
}

/// Waits until `met`, for what nobody announces.
async fn until(what: &str, met: impl AsyncFn() -> bool) {
    soon(what, async {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        while !met().await {
            ticks.tick().await;
        }
    })
    .await;
}

async fn verdicts(balancer: &Balancer, want: &[(SocketAddr, Verdict)]) {
    let want: BTreeMap<_, _> = want.iter().map(|(a, v)| (a.to_string(), format!("{v:?}"))).collect();
    until(&format!("{want:?}"), async || {
        let state = balancer.pool().state();
        let seen: BTreeMap<_, _> =
            state.iter().map(|s| (s.address.to_string(), format!("{:?}", s.verdict))).collect();
        seen == want
    })
    .await;
}

async fn balancer(listen: SocketAddr, servers: &[SocketAddr], ca: Authority) -> Balancer {
    let probe = Probe::api_server(ca).unwrap();
    let mut balancer = Balancer::new("api", Arc::new(Direct), probe.clone());
    let opened = balancer.open(&[listen]).await.unwrap();
    let wanted = Wanted {
        listen: vec![listen],
        servers: servers.to_vec(),
        preferred: None,
        dial: Arc::new(Direct),
        probe,
    };
    balancer.become_wanted(wanted, opened);
    balancer
}

/// A client of an echo server and who that is.
async fn client(address: SocketAddr) -> (BufReader<TcpStream>, SocketAddr) {
    soon("a greeting", async {
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        (stream, line.trim().parse().unwrap_or_else(|_| panic!("greeted with {line:?}")))
    })
    .await
}

async fn still_carries(stream: &mut BufReader<TcpStream>) -> bool {
    let mut heard = [0; 4];
    stream.write_all(b"ping").await.is_ok()
        && soon("an echo or the end", stream.read_exact(&mut heard)).await.is_ok()
}

#[tokio::test]
async fn connections_spread_fail_over_and_come_back() {
    let mut echoes = vec![];
    for _ in 0..3 {
        echoes.push(EchoServer::start(machine(6443)).await);
    }
    let addresses: Vec<_> = echoes.iter().map(|echo| echo.address).collect();
    let listen = machine(6443);
    let balancer = balancer(listen, &addresses, Authority::Unknown).await;
    verdicts(&balancer, &addresses.iter().map(|a| (*a, Verdict::Up)).collect::<Vec<_>>()).await;

    let mut clients = vec![];
    for _ in 0..6 {
        clients.push(client(listen).await);
    }
    for address in &addresses {
        assert_eq!(clients.iter().filter(|(_, who)| who == address).count(), 2, "uneven");
    }

    echoes[0].kill();
    // At once, before any probe can have seen it, new connections find a server that lives.
    for _ in 0..6 {
        assert_ne!(client(listen).await.1, addresses[0]);
    }
    let down = [(addresses[0], Verdict::Down), (addresses[1], Verdict::Up), (addresses[2], Verdict::Up)];
    verdicts(&balancer, &down).await;
    for (stream, who) in &mut clients {
        assert_eq!(still_carries(stream).await, *who != addresses[0], "{who}");
    }

    echoes[0].revive().await;
    verdicts(&balancer, &addresses.iter().map(|a| (*a, Verdict::Up)).collect::<Vec<_>>()).await;
    drop(clients);
    until("the revived server is used", async || client(listen).await.1 == addresses[0]).await;
}

#[tokio::test]
async fn either_end_may_finish_first() {
    let echo = EchoServer::start(machine(6443)).await;
    let listen = machine(6443);
    let _balancer = balancer(listen, &[echo.address], Authority::Unknown).await;
    let (mut stream, _) = client(listen).await;
    // More than all buffers on the way hold together is refused by nobody.
    let sent = vec![b'x'; 200_000];
    stream.write_all(&sent).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    soon("the rest", stream.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard.len(), sent.len() + b"goodbye".len());
    assert!(heard.ends_with(b"goodbye"), "what the server said after the client had finished is lost");
}

#[tokio::test]
async fn who_says_no_is_alive_and_who_cannot_prove_its_name_is_not() {
    let (ours, foreign) = (authority(), authority());
    let mut servers = vec![];
    for identity in [issued(&ours, "kubernetes"), issued(&foreign, "kubernetes"), issued(&ours, "etcd")] {
        servers.push(HttpsServer::start(machine(6443), &identity).await);
    }
    for status in [401, 403, 200] {
        servers.push(HttpsServer::start(machine(6443), &issued(&ours, "kubernetes")).await);
        servers[servers.len() - 1].answer(status);
    }
    servers[0].answer(500);
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let balancer = balancer(machine(6443), &addresses, Authority::Pem(ours.certificate_pem)).await;
    let fit = [Verdict::Down, Verdict::Down, Verdict::Down, Verdict::Up, Verdict::Up, Verdict::Up];
    verdicts(&balancer, &addresses.iter().copied().zip(fit).collect::<Vec<_>>()).await;
    assert_eq!(*balancer.pool().in_use().borrow(), addresses[3..].iter().copied().collect::<BTreeSet<_>>());
    assert!(servers[3].asked().iter().all(|path| path == "/readyz"));
    assert!(servers[1].asked().is_empty() && servers[2].asked().is_empty(), "a stranger was asked");

    servers[0].answer(200);
    verdicts(
        &balancer,
        &[
            vec![(addresses[0], Verdict::Up)],
            addresses[1..].iter().copied().zip(fit[1..].iter().copied()).collect(),
        ]
        .concat(),
    )
    .await;
    assert_eq!(servers[0].open(), 1, "the connection is held, not opened for each question");
}

#[tokio::test]
async fn the_last_server_keeps_its_connections() {
    let ours = authority();
    let identity = issued(&ours, "kubernetes");
    let one = HttpsServer::start(machine(6443), &identity).await;
    let two = HttpsServer::start(machine(6443), &identity).await;
    let listen = machine(6443);
    let balancer = balancer(listen, &[one.address, two.address], Authority::Pem(ours.certificate_pem)).await;
    verdicts(&balancer, &[(one.address, Verdict::Up), (two.address, Verdict::Up)]).await;

    one.answer(503);
    verdicts(&balancer, &[(one.address, Verdict::Down), (two.address, Verdict::Up)]).await;
    let mut client = TcpStream::connect(listen).await.unwrap();
    until("the connection is carried", async || balancer.pool().state()[1].open == 1).await;
    two.answer(503);
    verdicts(&balancer, &[(one.address, Verdict::Down), (two.address, Verdict::Down)]).await;
    assert_eq!(*balancer.pool().in_use().borrow(), BTreeSet::from([two.address]));
    assert_eq!(balancer.pool().state()[1].open, 1, "the last server lost its connection");

    one.answer(200);
    verdicts(&balancer, &[(one.address, Verdict::Up), (two.address, Verdict::Down)]).await;
    let ended = soon("the end of the connection", client.read_u8()).await;
    assert!(ended.is_err(), "clients are to go to the server that is up");
}

#[tokio::test]
async fn servers_are_verified_as_soon_as_the_authority_is_there() {
    let (ours, foreign) = (authority(), authority());
    let stranger = HttpsServer::start(machine(6443), &issued(&foreign, "kubernetes")).await;
    let friend = HttpsServer::start(machine(6443), &issued(&ours, "kubernetes")).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.crt");
    let servers = [stranger.address, friend.address];
    let balancer = balancer(machine(6443), &servers, Authority::File(ca.clone())).await;
    verdicts(&balancer, &[(stranger.address, Verdict::Up), (friend.address, Verdict::Up)]).await;
    std::fs::write(&ca, &ours.certificate_pem).unwrap();
    verdicts(&balancer, &[(stranger.address, Verdict::Down), (friend.address, Verdict::Up)]).await;
}

async fn registry_balancer(listen: SocketAddr, servers: &[SocketAddr], ca_pem: &str) -> Balancer {
    let dial = Arc::new(Tunnel::new(ca_pem, REGISTRY_NAME).unwrap());
    let probe = Probe::registry(Authority::Pem(ca_pem.to_owned()), REGISTRY_NAME).unwrap();
    let mut balancer = Balancer::new("registry", dial.clone(), probe.clone());
    let opened = balancer.open(&[listen]).await.unwrap();
    let preferred = servers.first().map(SocketAddr::ip);
    let wanted = Wanted { listen: vec![listen], servers: servers.to_vec(), preferred, dial, probe };
    balancer.become_wanted(wanted, opened);
    balancer
}

#[tokio::test]
async fn the_tunnel_reaches_the_own_registry_first_and_any_other_then() {
    let ours = authority();
    let mut registries = vec![];
    for _ in 0..3 {
        let address = machine(5443);
        let identity = registry_server(&ours, address.ip(), &[], SystemTime::now()).unwrap();
        registries.push(HttpsServer::start(address, &identity).await);
    }
    registries[1].answer(401);
    let addresses: Vec<_> = registries.iter().map(|registry| registry.address).collect();
    let listen = machine(5000);
    let balancer = registry_balancer(listen, &addresses, &ours.certificate_pem).await;
    verdicts(&balancer, &addresses.iter().map(|a| (*a, Verdict::Up)).collect::<Vec<_>>()).await;

    for _ in 0..5 {
        let answer = soon("an answer", ask_plainly(listen, "/v2/pause/manifests/3.10")).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with(&format!("I am {}", addresses[0])), "{answer}");
    }
    assert!(registries[0].asked().contains(&"/v2/pause/manifests/3.10".to_owned()));

    registries[0].kill();
    let answer = soon("an answer", ask_plainly(listen, "/v2/")).await.unwrap();
    assert!(addresses[1..].iter().any(|other| answer.ends_with(&format!("I am {other}"))), "{answer}");
    registries[1].kill();
    let answer = soon("an answer", ask_plainly(listen, "/v2/")).await.unwrap();
    assert!(answer.ends_with(&format!("I am {}", addresses[2])), "any one registry is enough: {answer}");
}

#[tokio::test]
async fn a_server_that_hangs_is_noticed_before_anybody_is_asked_again() {
    let ours = authority();
    let mut registries = vec![];
    for _ in 0..2 {
        let identity = issued(&ours, REGISTRY_NAME);
        registries.push(HttpsServer::start(machine(5443), &identity).await);
    }
    let (hangs, well) = (registries[0].address, registries[1].address);
    let balancer = registry_balancer(machine(5000), &[hangs, well], &ours.certificate_pem).await;
    verdicts(&balancer, &[(hangs, Verdict::Up), (well, Verdict::Up)]).await;
    registries[0].freeze();
    verdicts(&balancer, &[(hangs, Verdict::Down), (well, Verdict::Up)]).await;
    assert_eq!(registries[1].asked(), ["/v2/"], "no PING was missed, a question was");
}

#[tokio::test]
async fn the_tunnel_gives_a_stranger_nothing() {
    let (ours, foreign) = (authority(), authority());
    let address = machine(5443);
    let stranger = HttpsServer::start(
        address,
        &registry_server(&foreign, address.ip(), &[], SystemTime::now()).unwrap(),
    )
    .await;
    let misnamed = HttpsServer::start(machine(5443), &issued(&ours, "registry.example")).await;
    let listen = machine(5000);
    let servers = [stranger.address, misnamed.address];
    let balancer = registry_balancer(listen, &servers, &ours.certificate_pem).await;
    verdicts(&balancer, &[(stranger.address, Verdict::Down), (misnamed.address, Verdict::Down)]).await;
    let answer = soon("an end", ask_plainly(listen, "/v2/")).await;
    assert!(answer.as_ref().map_or(true, String::is_empty), "{answer:?}");
    assert!(stranger.asked().is_empty() && misnamed.asked().is_empty());
}

/// Asks once by a connection that stays, and returns the body, or none if it was ended instead.
async fn ask_on(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin), asked: &str) -> Option<String> {
    let head = format!("{asked} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("I am here") {
        if soon("an answer", stream.read_buf(&mut answer)).await.unwrap() == 0 {
            assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
            return None;
        }
    }
    Some(String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn what_only_asks_is_asked_again_when_somebody_elses_registry_ends_its_connection() {
    let ours = authority();
    let registry = HttpsServer::start(machine(5443), &issued(&ours, "registry.example")).await;
    registry.say("I am here");
    let way = Intermediary::new(&ours.certificate_pem, "registry.example").unwrap();
    let mut client = way.dial(registry.address).await.unwrap();
    assert!(ask_on(&mut client, "POST /v2/a").await.is_some());
    registry.hang_up();
    let answer = ask_on(&mut client, "GET /v2/b").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(registry.asked(), ["/v2/a", "/v2/b", "/v2/b"]);
    // Whether this can be asked again, only the client knows.
    registry.hang_up();
    assert_eq!(ask_on(&mut client, "POST /v2/c").await, None);
    assert_eq!(registry.asked()[3..], ["/v2/c"]);
}

#[tokio::test]
async fn a_host_that_is_an_address_of_ipv6_is_reached() {
    let ours = authority();
    let registry = machine(5443);
    let tokens = SocketAddr::from((Ipv6Addr::LOCALHOST, free_port()));
    let _tokens = HttpsServer::start(tokens, &issued(&ours, "::1")).await;
    let way = Intermediary::new(&ours.certificate_pem, "registry.example").unwrap();
    way.reach(&tokens.to_string().parse().unwrap(), registry).await.unwrap();
}

fn free_port() -> u16 {
    std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// What all of this program logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn all() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
        log
    }

    fn says(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.0.lock().unwrap()).contains(text)
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A machine's `care` and what it needs: the configuration's folder and its end.
struct Machine {
    folder: tempfile::TempDir,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<sealift::error::Result<()>>,
}

impl Machine {
    fn start(config: &CareConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        config.save(&folder.path().join("config.json")).unwrap();
        Self::start_in(folder)
    }

    fn start_in(folder: tempfile::TempDir) -> Self {
        let (path, stop) = (folder.path().join("config.json"), CancellationToken::new());
        let token = stop.clone();
        let running = tokio::spawn(async move { care::run(&path, token).await });
        Self { folder, stop, running }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Ends it as systemd would, and returns its folder.
    async fn stop(self) -> tempfile::TempDir {
        self.stop.cancel();
        soon("the end of care", self.running).await.unwrap().unwrap();
        self.folder
    }
}

fn config(listen: SocketAddr, servers: &[SocketAddr]) -> CareConfig {
    CareConfig {
        cluster: "test".into(),
        generation: Generation(1),
        own_address: [10, 0, 0, 9].into(),
        api: Some(ApiBalancer {
            listen: listen.ip(),
            port: listen.port(),
            servers: servers.to_vec(),
            ca: None,
            on_this_machine: VipPlacement::Loopback,
        }),
        registry: None,
        refresh: None,
    }
}

async fn greets(listen: SocketAddr) -> Option<SocketAddr> {
    let mut stream = BufReader::new(TcpStream::connect(listen).await.ok()?);
    let mut line = String::new();
    soon("a greeting or an end", stream.read_line(&mut line)).await.ok()?;
    line.trim().parse().ok()
}

#[tokio::test]
async fn a_changed_configuration_is_followed_and_a_wrong_one_is_not() {
    let (one, two) = (EchoServer::start(machine(6443)).await, EchoServer::start(machine(6443)).await);
    let (listen, elsewhere) = (machine(6443), machine(6443));
    let log = Log::all();
    let mut config = config(listen, &[one.address]);
    let care = Machine::start(&config);
    until("the first server is reached", async || greets(listen).await == Some(one.address)).await;
    let (mut stream, _) = client(listen).await;

    // What is wrong changes nothing: no JSON, no servers, an endpoint that somebody else has.
    std::fs::write(care.path("config.json"), "{").unwrap();
    let path = care.path("config.json").display().to_string();
    until("the file is refused", async || log.says(&format!("{path} does not hold what it should"))).await;
    let mut taken = config.clone();
    taken.generation = Generation(2);
    taken.registry = Some(RegistryTunnel {
        listen: vec![one.address],
        servers: vec![machine(5443)],
        ca_pem: authority().certificate_pem,
        server_name: REGISTRY_NAME.into(),
        owner: sealift::ha::config::Owner::Cluster,
    });
    taken.api.as_mut().unwrap().servers = vec![two.address];
    taken.save(&care.path("config.json")).unwrap();
    until("the endpoint is refused", async || log.says(&format!("cannot listen at {}", one.address))).await;
    assert_eq!(greets(listen).await, Some(one.address), "a configuration was taken over by half");
    assert!(still_carries(&mut stream).await);

    config.generation = Generation(3);
    config.api.as_mut().unwrap().servers = vec![two.address];
    config.api.as_mut().unwrap().listen = elsewhere.ip();
    config.save(&care.path("config.json")).unwrap();
    until("the second server is reached", async || greets(elsewhere).await == Some(two.address)).await;
    assert!(!still_carries(&mut stream).await, "the connection to a removed server stayed");
    assert!(TcpStream::connect(listen).await.is_err(), "the old endpoint is still open");
    care.stop().await;
    assert!(TcpStream::connect(elsewhere).await.is_err(), "an endpoint outlived care");
}

#[tokio::test]
async fn a_wrong_configuration_at_the_start_is_an_error_that_says_why() {
    let echo = EchoServer::start(machine(6443)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let problem = care::run(&path, CancellationToken::new()).await.unwrap_err();
    assert!(problem.message.contains("cannot read"), "{problem}");
    config(echo.address, &[machine(6443)]).save(&path).unwrap();
    let problem = care::run(&path, CancellationToken::new()).await.unwrap_err();
    assert!(problem.to_string().contains(&format!("cannot listen at {}", echo.address)), "{problem}");
}

fn endpoints(servers: &[SocketAddr]) -> String {
    let addresses: Vec<_> = servers.iter().map(|s| serde_json::json!({ "ip": s.ip() })).collect();
    let subsets = serde_json::json!([{
        "addresses": addresses, "ports": [{ "name": "https", "port": 6443 }]
    }]);
    let subsets = if servers.is_empty() { serde_json::json!([]) } else { subsets };
    serde_json::json!({
        "kind": "Endpoints", "apiVersion": "v1", "metadata": { "name": "kubernetes" }, "subsets": subsets
    })
    .to_string()
}

fn refresh(folder: &Path, ours: &sealift::ha::authority::Identity) -> EndpointRefresh {
    let refresh = EndpointRefresh { client_cert: folder.join("kubelet.pem"), ca: folder.join("ca.crt") };
    let kubelet = issued(ours, "system:node:worker-1");
    let both = format!("{}{}", kubelet.certificate_pem, kubelet.key_pem.expose_secret());
    std::fs::write(&refresh.client_cert, both).unwrap();
    std::fs::write(&refresh.ca, &ours.certificate_pem).unwrap();
    refresh
}

#[tokio::test]
async fn control_planes_are_learned_and_survive_a_reboot_with_a_stale_file() {
    let ours = authority();
    let pki = tempfile::tempdir().unwrap();
    let identity = issued(&ours, "kubernetes");
    let (old, new) = (machine(6443), machine(6443));
    let mut old = HttpsServer::start_for_clients_of(&ours, old, &identity).await;
    let new = HttpsServer::start_for_clients_of(&ours, new, &identity).await;
    let registry = SocketAddr::new(new.address.ip(), 5443);
    let registry =
        HttpsServer::start(registry, &registry_server(&ours, registry.ip(), &[], SystemTime::now()).unwrap())
            .await;
    old.say(&endpoints(&[new.address]));
    new.say(&endpoints(&[]));

    let (listen, pulls) = (machine(6443), machine(5000));
    let mut config = config(listen, &[old.address]);
    config.api.as_mut().unwrap().ca = Some(CertificateSource::File(pki.path().join("ca.crt")));
    config.registry = Some(RegistryTunnel {
        listen: vec![pulls],
        servers: vec![SocketAddr::new(old.address.ip(), 5443)],
        ca_pem: ours.certificate_pem.clone(),
        server_name: REGISTRY_NAME.into(),
        owner: sealift::ha::config::Owner::Cluster,
    });
    config.refresh = Some(refresh(pki.path(), &ours));
    let care = Machine::start(&config);

    let learned = care.path("learned.json");
    until("something is learned", async || learned.exists()).await;
    let asked = "/api/v1/namespaces/default/endpoints/kubernetes with a certificate";
    assert!(old.asked().iter().any(|path| path == asked), "{:?}", old.asked());
    let text = std::fs::read_to_string(&learned).unwrap();
    assert!(text.contains(&new.address.to_string()), "{text}");
    until("the registry beside it is used", async || {
        ask_plainly(pulls, "/v2/").await.is_ok_and(|answer| answer.contains(&registry.address.to_string()))
    })
    .await;
    until("the new server is watched", async || new.asked().contains(&"/readyz".to_owned())).await;

    // The machine goes down, the old control plane too, and the file still names that one alone.
    let folder = care.stop().await;
    old.kill();
    let care = Machine::start_in(folder);
    until("the list is read from the new server", async || new.asked().iter().any(|path| path == asked))
        .await;
    assert_eq!(std::fs::read_to_string(&learned).unwrap(), text, "an empty list was believed");
    care.stop().await;
}

#[tokio::test]
async fn a_control_plane_pulls_from_its_own_registry() {
    let ours = authority();
    let mut registries = vec![];
    for _ in 0..3 {
        registries.push(HttpsServer::start(machine(5443), &issued(&ours, REGISTRY_NAME)).await);
    }
    let (own, pulls) = (registries[1].address, machine(5000));
    let care = Machine::start(&CareConfig {
        own_address: own.ip(),
        api: None,
        registry: Some(RegistryTunnel {
            listen: vec![pulls],
            servers: registries.iter().map(|registry| registry.address).collect(),
            ca_pem: ours.certificate_pem,
            server_name: REGISTRY_NAME.into(),
            owner: sealift::ha::config::Owner::Cluster,
        }),
        ..config(pulls, &[])
    });
    until("all are watched", async || registries.iter().all(|r| r.asked() == ["/v2/"])).await;
    for _ in 0..5 {
        let answer = soon("an answer", ask_plainly(pulls, "/v2/")).await.unwrap();
        assert!(answer.ends_with(&format!("I am {own}")), "{answer}");
    }
    care.stop().await;
}
