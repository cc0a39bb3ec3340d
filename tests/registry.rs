//! The registry that cluster images carry, with TLS and a password as on a control plane: listed, and given images.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "tokens/mod.rs"]
mod tokens;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use sealift::error::{Class, Problem};
use sealift::ha::authority::{Identity, REGISTRY_NAME, registry_authority, registry_server};
use sealift::ha::balancer::{Balancer, Wanted};
use sealift::ha::config::{Owner, RegistryTunnel};
use sealift::image::build::{BuildOptions, build};
use sealift::image::collect::{EngineSource, RegistrySource, Sources};
use sealift::image::kubefile::Arguments;
use sealift::image::outgoing::{Outgoing, gather};
use sealift::image::{ServedRegistry, Store, archive, deliver, refuse_open_realm, replicate};
use sealift::model::{Arch, Digest, ExternalName, RegistryDoor};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokens::TokenService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

const NAME: &str = "quay.io/team/app:1";

#[tokio::test]
async fn what_is_put_there_is_served_and_only_what_is_missing_is_put() {
    let registry = Registry::start().await;
    let operator = Operator::new();
    let (app, other) =
        (operator.image(NAME, &["base", "app"]).await, operator.image("app:2", &["base", "new"]).await);
    let served = registry.served();
    assert_eq!(served.list().await.unwrap(), []);
    assert_eq!(served.digest("team/app", "1").await.unwrap(), None);

    assert_eq!(operator.push(&served, &app).await, app.blobs.len(), "two layers and the configuration");
    assert_eq!(operator.push(&served, &app).await, 0, "all is there");
    // Under another name the blobs are missing once more: a registry serves a repository its own only.
    operator.push(&served, &other).await;
    let listed = served.list().await.unwrap();
    let told: Vec<_> = listed
        .iter()
        .map(|repository| (repository.name.as_str(), repository.tags.iter().collect::<Vec<_>>()))
        .collect();
    assert_eq!(
        told,
        [
            ("library/app", vec![(&"2".to_owned(), &other.manifest.digest)]),
            ("team/app", vec![(&"1".to_owned(), &app.manifest.digest)]),
        ]
    );

    // What comes back is what went there, to the byte.
    let (manifest, media_type) = served.manifest("team/app", &app.manifest.digest).await.unwrap();
    assert_eq!((manifest, media_type), (app.manifest.content.clone(), app.manifest.media_type.clone()));
    for (blob, size) in &app.blobs {
        let pieces: Vec<Bytes> = served.blob("team/app", blob).await.unwrap().try_collect().await.unwrap();
        let content = pieces.concat();
        assert_eq!((&Digest::of(&content), content.len() as u64), (blob, *size));
    }
}

#[tokio::test]
async fn a_tag_moves_to_what_is_put_there_last() {
    let registry = Registry::start().await;
    let operator = Operator::new();
    let served = registry.served();
    let old = operator.image(NAME, &["old"]).await;
    operator.push(&served, &old).await;
    let new = operator.image(NAME, &["new"]).await;
    assert_ne!(old.manifest.digest, new.manifest.digest);
    operator.push(&served, &new).await;
    assert_eq!(served.digest("team/app", "1").await.unwrap(), Some(new.manifest.digest.clone()));
    assert!(!served.put_manifest(&new.manifest).await.unwrap(), "there is nothing to do");
    // The old one is still to be had by its digest.
    served.manifest("team/app", &old.manifest.digest).await.unwrap();
}

#[tokio::test]
async fn a_registry_that_comes_later_catches_up() {
    let (old, new) = (Registry::start().await, Registry::start().await);
    let operator = Operator::new();
    let (app, other) = (operator.image(NAME, &["app"]).await, operator.image("other:2", &["other"]).await);
    for image in [&app, &other] {
        operator.push(&old.served(), image).await;
    }
    operator.push(&new.served(), &other).await;
    let moved = Arc::new(AtomicU64::new(0));
    assert_eq!(replicate(&old.served(), &new.served(), &moved).await.unwrap(), 1);
    let moved = moved.load(Ordering::Relaxed);
    assert_eq!(new.served().list().await.unwrap(), old.served().list().await.unwrap());
    let pieces = new.served().blob("team/app", &app.blobs[0].0).await.unwrap();
    let pieces: Vec<Bytes> = pieces.try_collect().await.unwrap();
    assert_eq!(Digest::of(pieces.concat()), app.blobs[0].0);
    assert!(moved >= pieces.concat().len() as u64, "{moved} bytes were counted");
    assert_eq!(replicate(&old.served(), &new.served(), &Arc::default()).await.unwrap(), 0);
}

/// It proves a name, which nobody here can look up, and is where the door says.
#[tokio::test]
async fn somebody_elses_registry_is_found_by_its_name_and_given_what_lies_in_a_storage() {
    let (old, new) = (Registry::start().await, Registry::start().await);
    let operator = Operator::new();
    let (app, other) = (operator.image(NAME, &["app"]).await, operator.image("other:2", &["other"]).await);
    for image in [&app, &other] {
        operator.push(&old.served(), image).await;
    }
    let content = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(old.directory.path().join("data/docker"), content.path().join("docker"))
        .unwrap();

    let called = |domain: &str, password: &str| RegistryDoor {
        external: Some(ExternalName { domain: domain.to_owned(), elsewhere: vec![] }),
        password: password.to_owned(),
        ..new.door.clone()
    };
    let theirs = ServedRegistry::behind(&called(REGISTRY_NAME, "s3cret")).unwrap();
    assert!(theirs.lets_pull().await.unwrap());
    let stranger = ServedRegistry::behind(&called(REGISTRY_NAME, "other")).unwrap();
    assert!(!stranger.lets_pull().await.unwrap());
    let unproven = ServedRegistry::behind(&called("other.example", "s3cret")).unwrap();
    let problem = unproven.lets_pull().await.unwrap_err();
    assert!(problem.to_string().contains("certificate"), "{problem}");

    assert_eq!(deliver(content.path(), &theirs, |_| {}).await.unwrap(), 2);
    assert_eq!(theirs.list().await.unwrap(), old.served().list().await.unwrap());
    let pieces = theirs.blob("team/app", &app.blobs[0].0).await.unwrap();
    let pieces: Vec<Bytes> = pieces.try_collect().await.unwrap();
    assert_eq!(Digest::of(pieces.concat()), app.blobs[0].0);
    assert_eq!(deliver(content.path(), &theirs, |_| {}).await.unwrap(), 0, "it is all there");
    let nothing = tempfile::tempdir().unwrap();
    assert_eq!(deliver(nothing.path(), &theirs, |_| {}).await.unwrap(), 0);
}

/// Clients get a token at the registry's own name, by another port, which nobody here can look up either.
#[tokio::test]
async fn a_registry_with_a_token_service_at_its_name_is_filled_and_pulled_from_by_way_of_care() {
    let authority = registry_authority("test", SystemTime::now()).unwrap();
    let beside = registry_server(&authority, [127, 0, 0, 1].into(), &[], SystemTime::now()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let service = TokenService::start(listener, &beside, "sealift", "s3cret");
    let registry = Registry::start_with(&authority, |directory| {
        let certificate = directory.join("tokens.crt");
        fs::write(&certificate, service.certificate()).unwrap();
        let realm = format!("{REGISTRY_NAME}:{}", at.port());
        TokenService::configuration(&realm, &certificate.display().to_string())
    });
    let door = |password: &str| RegistryDoor {
        external: Some(ExternalName { domain: REGISTRY_NAME.to_owned(), elsewhere: vec![] }),
        password: password.to_owned(),
        ..registry.door.clone()
    };
    let theirs = ServedRegistry::behind(&door("s3cret")).unwrap();
    let began = Instant::now();
    while let Err(problem) = theirs.lets_pull().await {
        assert!(began.elapsed() < PATIENCE, "{problem}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    refuse_open_realm(&door("s3cret")).await.unwrap();
    assert!(!ServedRegistry::behind(&door("other")).unwrap().lets_pull().await.unwrap());

    let old = Registry::start().await;
    let operator = Operator::new();
    let app = operator.image(NAME, &["base", "app"]).await;
    operator.push(&old.served(), &app).await;
    assert_eq!(deliver(&old.directory.path().join("data"), &theirs, |_| {}).await.unwrap(), 1);

    assert_eq!(theirs.list().await.unwrap(), old.served().list().await.unwrap());

    // A machine's own clients speak plain HTTP, with whatever listens at the port of theirs.
    let care = care(&registry.door).await;
    let client = plain_client();
    let user = RegistryAuth::Basic("sealift".to_owned(), "s3cret".to_owned());
    let image = Reference::with_tag(care.at.to_string(), "team/app".to_owned(), "1".to_owned());
    let accepted = [app.manifest.media_type.as_str()];
    assert_pulls(&client, &user, &image, &app).await;
    // Where a blob goes is said with the registry's own name and protocol.
    let new = Reference::with_tag(care.at.to_string(), "team/new".to_owned(), "1".to_owned());
    client.auth(&new, &user, RegistryOperation::Push).await.unwrap();
    let content = b"new".repeat(100_000);
    client.push_blob(&new, content.clone(), &Digest::of(&content).to_string()).await.unwrap();
    assert_eq!(theirs.missing("team/new", &[Digest::of(&content)]).await.unwrap(), []);
    let stranger = RegistryAuth::Basic("sealift".to_owned(), "other".to_owned());
    plain_client().pull_manifest_raw(&image, &stranger, &accepted).await.unwrap_err();
    assert!(service.given().contains(&"repository:team/app:pull".to_owned()), "{:?}", service.given());

    // It is no way to anywhere else.
    let elsewhere =
        format!("http://{}/sealift.io/realm/{REGISTRY_NAME}:{}/v2/", care.at, registry.door.at.port());
    let answer = ask_plainly(care.at, &elsewhere).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

/// The other kind: clients show the registry itself their password.
#[tokio::test]
async fn a_registry_that_asks_for_passwords_itself_is_pulled_from_by_way_of_care() {
    let registry = Registry::start().await;
    let operator = Operator::new();
    let app = operator.image(NAME, &["base", "app"]).await;
    operator.push(&registry.served(), &app).await;
    let care = care(&registry.door).await;
    let answer = ask_plainly(care.at, "/v2/").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.to_lowercase().contains("www-authenticate: basic realm=\"registry\"\r\n"), "{answer}");

    let image = Reference::with_tag(care.at.to_string(), "team/app".to_owned(), "1".to_owned());
    let user = |password: &str| RegistryAuth::Basic("sealift".to_owned(), password.to_owned());
    assert_pulls(&plain_client(), &user("s3cret"), &image, &app).await;
    let accepted = [app.manifest.media_type.as_str()];
    plain_client().pull_manifest_raw(&image, &user("other"), &accepted).await.unwrap_err();
}

async fn assert_pulls(client: &Client, user: &RegistryAuth, image: &Reference, want: &Outgoing) {
    let accepted = [want.manifest.media_type.as_str()];
    let (manifest, digest) = client.pull_manifest_raw(image, user, &accepted).await.unwrap();
    assert_eq!((&*manifest, digest), (want.manifest.content.as_bytes(), want.manifest.digest.to_string()));
    for (blob, _) in &want.blobs {
        let layer = OciDescriptor { digest: blob.to_string(), ..OciDescriptor::default() };
        let pieces = client.pull_blob_stream(image, &layer).await.unwrap().stream;
        let pieces: Vec<Bytes> = pieces.try_collect().await.unwrap();
        assert_eq!(Digest::of(pieces.concat()), *blob);
    }
}

#[tokio::test]
async fn a_registry_that_has_passwords_brought_in_the_clear_is_refused() {
    let authority = registry_authority("test", SystemTime::now()).unwrap();
    let registry = Registry::start_with(&authority, |directory| {
        let certificate = directory.join("tokens.crt");
        fs::write(&certificate, &authority.certificate_pem).unwrap();
        let mut told = TokenService::configuration("hub.example", &certificate.display().to_string());
        told["token"]["realm"] = "http://hub.example/token".into();
        told
    });
    let door = RegistryDoor {
        external: Some(ExternalName { domain: REGISTRY_NAME.to_owned(), elsewhere: vec![] }),
        ..registry.door.clone()
    };
    let began = Instant::now();
    let problem = loop {
        match refuse_open_realm(&door).await {
            Err(problem) => break problem,
            Ok(()) => assert!(began.elapsed() < PATIENCE, "it is not refused"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(problem.class, Class::Config);
    assert!(problem.to_string().contains("http://hub.example/token"), "{problem}");
    assert!(problem.remedies[0].contains("https://"), "{problem}");
}

/// What listens for a registry on a machine of a cluster.
struct Care {
    at: SocketAddr,
    _balancer: Balancer,
}

async fn care(door: &RegistryDoor) -> Care {
    let at = free_address();
    let tunnel = RegistryTunnel {
        listen: vec![at],
        servers: vec![door.at],
        ca_pem: door.authority.clone(),
        server_name: REGISTRY_NAME.to_owned(),
        owner: Owner::SomebodyElse,
    };
    let (dial, probe) = (tunnel.dial().unwrap(), tunnel.probe().unwrap());
    let mut balancer = Balancer::new("registry", dial.clone(), probe.clone());
    let opened = balancer.open(&[at]).await.unwrap();
    let wanted = Wanted { listen: vec![at], servers: vec![door.at], preferred: None, dial, probe };
    balancer.become_wanted(wanted, opened);
    Care { at, _balancer: balancer }
}

fn plain_client() -> Client {
    let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
    Client::try_from(config).unwrap()
}

async fn ask_plainly(at: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let asked = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_registry_heeds_who_may_log_in_while_it_runs() {
    let registry = Registry::start().await;
    let door = |username: &str, password: &str| RegistryDoor {
        username: username.to_owned(),
        password: password.to_owned(),
        ..registry.door.clone()
    };
    let (old, new) = (registry.door.clone(), door("sealift2", "other"));
    let admitted = async |door: &RegistryDoor| ServedRegistry::behind(door).unwrap().admits().await.unwrap();
    assert_eq!((admitted(&old).await, admitted(&new).await), (true, false));
    for (users, want) in [(vec![&old, &new], (true, true)), (vec![&new], (false, true))] {
        write_users(registry.directory.path(), &users);
        assert_eq!((admitted(&old).await, admitted(&new).await), want);
    }
}

#[tokio::test]
async fn many_repositories_are_all_listed() {
    let registry = Registry::start().await;
    let operator = Operator::new();
    let served = registry.served();
    let app = operator.image(NAME, &["app"]).await;
    operator.push(&served, &app).await;
    // More than one answer holds; they are laid down as an image's registry content is.
    let repositories = registry.directory.path().join("data/docker/registry/v2/repositories");
    for number in 0..600 {
        let copy = repositories.join(format!("many/r{number:03}"));
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        let copied = Command::new("cp").arg("-r").arg(repositories.join("team/app")).arg(&copy).status();
        assert!(copied.unwrap().success());
    }
    // One without any tag, as an image that is named by its digest.
    fs::remove_dir_all(repositories.join("many/r007/_manifests/tags")).unwrap();
    let listed = served.list().await.unwrap();
    assert_eq!(listed.len(), 601);
    for repository in &listed {
        let tags = usize::from(repository.name != "many/r007");
        assert_eq!(repository.tags.len(), tags, "{repository:?}");
    }
}

#[tokio::test]
async fn what_is_not_whole_is_not_taken() {
    let registry = Registry::start().await;
    let operator = Operator::new();
    let served = registry.served();
    let app = operator.image(NAME, &["app"]).await;
    let (blob, size) = app.blobs[0].clone();
    let wrong = stream::iter([Ok(Bytes::from(vec![0; usize::try_from(size).unwrap()]))]);
    served.put_blob("team/app", &blob, size, wrong).await.unwrap_err();
    let cut = stream::iter([
        Ok(Bytes::from_static(b"half")),
        Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the operator was cut off")),
    ]);
    let problem = served.put_blob("team/app", &blob, size, cut).await.unwrap_err();
    assert!(problem.to_string().contains(&blob.to_string()), "{problem}");
    assert_eq!(served.missing("team/app", std::slice::from_ref(&blob)).await.unwrap(), [blob]);
    // Nor is a manifest whose blobs are not there.
    let problem = served.put_manifest(&app.manifest).await.unwrap_err();
    assert!(problem.to_string().contains("team/app:1"), "{problem}");
    assert_eq!(served.digest("team/app", "1").await.unwrap(), None);
}

#[tokio::test]
async fn who_has_the_wrong_password_or_authority_is_told_so() {
    let registry = Registry::start().await;
    let refused = |door: RegistryDoor| async move {
        let problem: Problem = ServedRegistry::behind(&door).unwrap().list().await.unwrap_err();
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
        problem
    };
    let problem = refused(RegistryDoor { password: "hunter2".to_owned(), ..registry.door.clone() }).await;
    assert_eq!(problem.class, Class::Machine);
    assert!(problem.to_string().to_lowercase().contains("authori"), "{problem}");
    let foreign = registry_authority("other", SystemTime::now()).unwrap().certificate_pem;
    let problem = refused(RegistryDoor { authority: foreign, ..registry.door.clone() }).await;
    assert!(problem.to_string().contains("certificate"), "{problem}");
    let nobody = free_address();
    let problem = refused(RegistryDoor { at: nobody, ..registry.door.clone() }).await;
    assert!(problem.to_string().contains(&nobody.to_string()), "{problem}");
}

/// An operator with a store.
struct Operator {
    home: TempDir,
    store: Store,
}

impl Operator {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        Self { home, store }
    }

    /// Builds an image with a layer for each text, carries it by hand in an archive, and makes it ready to be pushed.
    async fn image(&self, name: &str, layers: &[&str]) -> Outgoing {
        let context = self.home.path().join("context");
        fs::create_dir_all(&context).unwrap();
        let mut kubefile = vec!["FROM scratch".to_owned()];
        for text in layers {
            fs::write(context.join(text), text.repeat(100_000)).unwrap();
            kubefile.push(format!("COPY {text} ."));
        }
        fs::write(context.join("Kubefile"), kubefile.join("\n")).unwrap();
        let alone = Sources { engine: EngineSource::Unused, registries: RegistrySource::Unused };
        let options = BuildOptions {
            name: name.parse().unwrap(),
            context,
            file: None,
            arguments: Arguments { arch: Arch::THIS, build_args: [].into() },
            labels: [].into(),
            annotations: [].into(),
            environment: [].into(),
            epoch: 0,
            sources: alone.clone(),
        };
        let image = build(&self.store, options).await.unwrap().image;
        let path = self.home.path().join("image.tar");
        archive::save(&self.store, &[image], &path).unwrap();
        let names = [path.display().to_string()];
        gather(&self.store, &alone, Arch::THIS, &names).await.unwrap().remove(0)
    }

    /// Pushes what is missing, and returns how many blobs that were.
    async fn push(&self, registry: &ServedRegistry, image: &Outgoing) -> usize {
        let repository = &image.manifest.repository;
        let blobs: Vec<Digest> = image.blobs.iter().map(|(digest, _)| digest.clone()).collect();
        let missing = registry.missing(repository, &blobs).await.unwrap();
        for (blob, size) in image.blobs.iter().filter(|(blob, _)| missing.contains(blob)) {
            let content = Bytes::from(fs::read(self.store.blob_path(blob)).unwrap());
            registry.put_blob(repository, blob, *size, stream::iter([Ok(content)])).await.unwrap();
        }
        registry.put_manifest(&image.manifest).await.unwrap();
        missing.len()
    }
}

/// A real registry.
struct Registry {
    directory: TempDir,
    process: Child,
    door: RegistryDoor,
}

impl Registry {
    /// Starts one that asks everybody for a password.
    async fn start() -> Self {
        let authority = registry_authority("test", SystemTime::now()).unwrap();
        let registry = Self::start_with(
            &authority,
            |directory| json!({"htpasswd": {"realm": "registry", "path": directory.join("htpasswd")}}),
        );
        let began = Instant::now();
        while let Err(problem) = registry.served().list().await {
            assert!(began.elapsed() < PATIENCE, "{problem}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        registry
    }

    /// Starts one of `authority` that asks for what `authentication` says, and does not wait for it.
    fn start_with(authority: &Identity, authentication: impl FnOnce(&Path) -> Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let door = RegistryDoor {
            at: free_address(),
            authority: authority.certificate_pem.clone(),
            username: "sealift".to_owned(),
            password: "s3cret".to_owned(),
            external: None,
        };
        configure(directory.path(), &door, authority, &authentication(directory.path()));
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let process = Command::new(program().join("registry"))
            .args(["serve", "config.yml"])
            .current_dir(directory.path())
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { directory, process, door }
    }

    fn served(&self) -> ServedRegistry {
        ServedRegistry::behind(&self.door).unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configure(directory: &Path, door: &RegistryDoor, authority: &Identity, authentication: &Value) {
    let own = registry_server(authority, door.at.ip(), &[], SystemTime::now()).unwrap();
    fs::write(directory.join("registry.crt"), own.certificate_pem).unwrap();
    fs::write(directory.join("registry.key"), own.key_pem.expose_secret()).unwrap();
    write_users(directory, &[door]);
    let config = json!({
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": true}},
        "storage": {"filesystem": {"rootdirectory": directory.join("data")}, "delete": {"enabled": true}},
        "http": {"addr": door.at, "tls": {"certificate": "registry.crt", "key": "registry.key"}},
        "auth": authentication,
    });
    // What is JSON is YAML as well.
    fs::write(directory.join("config.yml"), config.to_string()).unwrap();
}

/// Replaces the file, as the agent does.
fn write_users(directory: &Path, users: &[&RegistryDoor]) {
    let line =
        |user: &&RegistryDoor| format!("{}:{}\n", user.username, bcrypt::hash(&user.password, 4).unwrap());
    fs::write(directory.join("new"), users.iter().map(line).collect::<String>()).unwrap();
    fs::rename(directory.join("new"), directory.join("htpasswd")).unwrap();
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The directory of the registry that cluster images carry.
fn program() -> PathBuf {
    let parts = Path::new(env!("CARGO_MANIFEST_DIR")).join("images/kubernetes/parts.sh");
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let made = Command::new(parts).args([arch, "registry"]).stdin(Stdio::null()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    PathBuf::from(String::from_utf8(made.stdout).unwrap().trim())
}
