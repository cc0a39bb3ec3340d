//! A real OpenSSH server on a port of this machine, with users, sudo and mounts of its own.
//!
//! It runs in a private mount namespace, in which /etc/passwd, /etc/sudoers, /tmp, /home and others are not this
//! machine's: nothing outside is changed, and all is gone when the server ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The password of every user.
pub(crate) const PASSWORD: &str = "correct horse";

/// [`PASSWORD`] as crypt(3) writes it.
const CRYPTED: &str = "$5$sealift$CouD.itIBuLxEP.x6IxnuTNnQ9yuVQY.61JdjAvthu6";

/// The users besides root: name and login shell.
const USERS: [(&str, &str); 8] = [
    ("alice", "/bin/sh"),
    ("bob", "/bin/sh"),
    ("mallory", "/bin/sh"),
    ("carol", "/usr/bin/tcsh"),
    ("fay", "/usr/bin/fish"),
    ("noel", "/bin/bash"),
    ("nora", "/usr/sbin/nologin"),
    ("otto", "/bin/sh"),
];

const SUDOERS: &str = "Defaults env_reset, use_pty, lecture=always
root ALL=(ALL:ALL) ALL
alice,carol,fay,noel,nora ALL=(ALL:ALL) NOPASSWD: ALL
bob ALL=(ALL:ALL) ALL
otto ALL=(ALL:ALL) NOPASSWD: /bin/true
";

/// What may be said about a server before it starts.
pub(crate) struct Setup {
    sshd: String,
    script: String,
    sudoers: String,
    host_keys: Vec<&'static str>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self {
            sshd: String::new(),
            script: String::new(),
            sudoers: SUDOERS.into(),
            host_keys: vec!["ed25519"],
        }
    }

    /// Adds a line to sshd_config; the first value of a keyword holds.
    pub(crate) fn sshd(mut self, line: &str) -> Self {
        self.sshd.push_str(line);
        self.sshd.push('\n');
        self
    }

    /// Adds a line that is run as root in the server's namespace before the server starts.
    pub(crate) fn prepare(mut self, line: &str) -> Self {
        self.script.push_str(line);
        self.script.push('\n');
        self
    }

    pub(crate) fn sudoers(mut self, line: &str) -> Self {
        self.sudoers.push_str(line);
        self.sudoers.push('\n');
        self
    }

    /// Replaces the types of the host keys.
    pub(crate) fn host_keys(mut self, types: &[&'static str]) -> Self {
        self.host_keys = types.to_vec();
        self
    }

    pub(crate) fn start(self) -> Server {
        Server::start(&self)
    }
}

/// A running server. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    /// A directory for the files of the test.
    pub(crate) directory: tempfile::TempDir,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(setup: &Setup) -> Self {
        for program in ["/usr/sbin/sshd", "/usr/bin/sudo", "/usr/bin/tcsh", "/usr/bin/fish"] {
            assert!(
                Path::new(program).exists() && rustix::process::geteuid().is_root(),
                "{program} is needed, and root: apt-get install openssh-server sudo tcsh fish"
            );
        }
        let directory =
            tempfile::Builder::new().prefix("ssh-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for name in ["client", "sudo"] {
            make_key(&directory.path().join(name), "ed25519", "");
        }
        for kind in &setup.host_keys {
            make_key(&directory.path().join(format!("host_{kind}")), kind, "");
        }
        let port = free_port();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("sshd_config"), sshd_config(setup, port)).unwrap();
        fs::write(
            path("pam"),
            "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_unix.so\n",
        )
        .unwrap();
        fs::write(path("sudoers"), &setup.sudoers).unwrap();
        fs::write(path("passwd"), passwd()).unwrap();
        fs::write(path("shadow"), shadow()).unwrap();
        fs::write(path("group"), group()).unwrap();
        fs::write(path("setup.sh"), script(&setup.script)).unwrap();
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "sh", "-eu"])
            .arg(path("setup.sh"))
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = follow(&mut child);
        let server = Self { child, port, directory, log };
        server.await_log("Server listening");
        server
    }

    /// Waits until the server logs a line with `words` in it.
    pub(crate) fn await_log(&self, words: &str) {
        await_true(|| self.logged(words), || format!("no `{words}` in {}", self.log()));
    }

    pub(crate) fn logged(&self, words: &str) -> bool {
        self.log.lock().unwrap().iter().any(|line| line.contains(words))
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Returns a file of the test.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file of the test.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Returns a path as the server sees it.
    pub(crate) fn inside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.child.id()))
    }

    /// Lets a public key log in as any user.
    pub(crate) fn authorize(&self, public: &Path) {
        let file = self.inside("/run/test/authorized_keys");
        let text = fs::read_to_string(&file).unwrap() + &fs::read_to_string(public).unwrap();
        fs::write(file, text).unwrap();
    }

    /// Returns the public host key of a type, as `ssh-ed25519 AAAA...`.
    pub(crate) fn host_key(&self, kind: &str) -> String {
        let text = fs::read_to_string(self.file(&format!("host_{kind}.pub"))).unwrap();
        text.split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    /// Returns what an agent that was brought there left behind.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        ["/tmp", "/var/tmp", "/dev/shm", "/home/alice"]
            .iter()
            .flat_map(|directory| fs::read_dir(self.inside(directory)).unwrap().flatten())
            .map(|entry| entry.path())
            .filter(|path| path.file_name().unwrap().to_string_lossy().contains("sealift"))
            .collect()
    }

    /// Waits until nothing is left behind.
    pub(crate) fn await_tidy(&self) {
        await_true(|| self.leftovers().is_empty(), || format!("left behind: {:?}", self.leftovers()));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            // The test harness shows this with the failure.
            println!("sshd said:\n{}", self.log());
        }
    }
}

/// Waits for a condition that another process brings about, and fails after 20 s.
pub(crate) fn await_true(condition: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{}", otherwise());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Makes a key pair with OpenSSH's own tool.
pub(crate) fn make_key(path: &Path, kind: &str, passphrase: &str) {
    keygen(&["-t", kind, "-N", passphrase, "-C", "test", "-f", path.to_str().unwrap()]);
}

/// Runs ssh-keygen.
pub(crate) fn keygen(arguments: &[&str]) -> String {
    let output = Command::new("ssh-keygen").arg("-q").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns a port that nothing listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Makes an executable file.
pub(crate) fn make_executable(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn follow(child: &mut Child) -> Arc<Mutex<Vec<String>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()).lines(), log.clone());
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line)));
    log
}

fn sshd_config(setup: &Setup, port: u16) -> String {
    let host_keys = lines(setup.host_keys.iter().map(|kind| format!("HostKey /run/test/host_{kind}")));
    format!(
        "{}\nListenAddress 127.0.0.1\nPort {port}\n{host_keys}PidFile none\nUsePAM yes\nPermitRootLogin yes\n\
         PasswordAuthentication yes\nKbdInteractiveAuthentication no\nPrintMotd no\nLogLevel VERBOSE\n\
         AuthorizedKeysFile /run/test/authorized_keys\n",
        setup.sshd
    )
}

fn script(extra: &str) -> String {
    let homes = lines(
        USERS.iter().map(|(name, _)| format!("mkdir -m 755 /home/{name}; chown {name}:{name} /home/{name}")),
    );
    format!(
        "mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /run/test /run/lock
cp host_* sshd_config sudoers pam passwd shadow group /run/test/
chmod 440 /run/test/sudoers
chmod 640 /run/test/shadow
chmod 600 /run/test/host_*
: > /run/test/authorized_keys
mount --bind /run/test/passwd /etc/passwd
mount --bind /run/test/shadow /etc/shadow
mount --bind /run/test/group /etc/group
mount --bind /run/test/sudoers /etc/sudoers
mount --bind /run/test/pam /etc/pam.d/sshd
mount --bind /run/test/pam /etc/pam.d/sudo
mount -t tmpfs -o mode=755 tmpfs /home
mount -t tmpfs -o mode=755 tmpfs /usr/local/lib
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
{homes}hide() {{ printf 'hidden' > /run/test/hidden; chmod 644 /run/test/hidden; mount --bind /run/test/hidden \"$(command -v \"$1\")\"; }}
mount -t tmpfs -o mode=1777 tmpfs /tmp
cd /
{extra}exec /usr/sbin/sshd -D -e -f /run/test/sshd_config
"
    )
}

fn passwd() -> String {
    let users = USERS.iter().zip(7001..);
    fs::read_to_string("/etc/passwd").unwrap()
        + &lines(users.map(|((name, shell), id)| format!("{name}:x:{id}:{id}::/home/{name}:{shell}")))
}

fn shadow() -> String {
    let users = USERS.iter().map(|(name, _)| *name);
    lines(["root"].into_iter().chain(users).map(|name| format!("{name}:{CRYPTED}:19000:0:99999:7:::")))
        + "sshd:*:19000::::::\n"
}

fn group() -> String {
    let users = USERS.iter().zip(7001..);
    fs::read_to_string("/etc/group").unwrap() + &lines(users.map(|((name, _), id)| format!("{name}:x:{id}:")))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |text, line| text + &line + "\n")
}
