//! The virtual address on a real kernel's `lo`, in a network namespace that vanishes with the test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::IpAddr;
use std::process::Command;

use sealift::ha::vip;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Set for the copy of this program that runs in the namespace.
const INSIDE: &str = "SEALIFT_TEST_INSIDE";

#[test]
fn the_address_is_placed_found_and_removed() {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(inside());
    }
    // The user namespace makes it work for ordinary users as well.
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "the_address_is_placed_found_and_removed", "--nocapture"])
        .env(INSIDE, "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

async fn inside() {
    run("ip", &["link", "set", "lo", "up"]);
    run("ip", &["address", "add", "192.0.2.7/32", "dev", "lo"]);
    let (four, six): (IpAddr, IpAddr) = ("10.103.97.2".parse().unwrap(), "fd00:103::2".parse().unwrap());
    for address in [four, six] {
        vip::place(address).await.unwrap();
        vip::place(address).await.unwrap();
        serves(address).await;
    }
    let shown = addresses();
    assert!(shown.contains("inet 10.103.97.2/32 scope host lo:sealift"), "{shown}");
    assert_eq!(shown.matches("10.103.97.2").count(), 1, "{shown}");
    assert!(shown.contains("fd00:103::2/128"), "{shown}");
    assert!(shown.contains("deprecated"), "{shown}");
    not_a_source(four);

    vip::place("127.0.0.9".parse().unwrap()).await.unwrap();
    assert!(!addresses().contains("127.0.0.9"));

    vip::take_away(four).await.unwrap();
    vip::take_away(four).await.unwrap();
    assert!(!addresses().contains("10.103.97.2"));

    vip::place(four).await.unwrap();
    let mut removed = vip::remove(Some(six)).await.unwrap();
    removed.sort();
    assert_eq!(removed, [four, six]);
    assert!(vip::remove(Some(six)).await.unwrap().is_empty());
    let shown = addresses();
    assert!(!shown.contains("10.103.97.2") && !shown.contains("fd00:103::2"), "{shown}");
    assert!(shown.contains("127.0.0.1/8") && shown.contains("192.0.2.7/32"), "others' addresses: {shown}");
}

/// Connects to `address` and hears an answer.
async fn serves(address: IpAddr) {
    let listener = TcpListener::bind((address, 6443)).await.unwrap();
    let mut client = TcpStream::connect((address, 6443)).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    server.write_all(b"hello").await.unwrap();
    drop(server);
    let mut heard = String::new();
    client.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "hello");
}

/// Checks that the kernel takes another address as the source, even on an interface that has none.
fn not_a_source(address: IpAddr) {
    run("ip", &["link", "add", "out", "type", "veth", "peer", "name", "far"]);
    run("ip", &["link", "set", "out", "up"]);
    run("ip", &["route", "add", "198.51.100.0/24", "dev", "out"]);
    let route = run("ip", &["route", "get", "198.51.100.1"]);
    assert!(!route.contains(&format!("src {address}")), "{route}");
}

fn addresses() -> String {
    run("ip", &["address", "show", "dev", "lo"])
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
