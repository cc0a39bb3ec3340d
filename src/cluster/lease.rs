//! The cluster's lock while its API answers: the Lease `sealift` in kube-system. etcd decides who has it.
//!
//! Its `leaseTransitions` are the epoch. Its times are for people: nobody compares two machines' clocks. Whoever wants a
//! Lease that is held watches its resourceVersion, by a clock of their own, for as long as the Lease is good.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};

use crate::error::{Class, Context, Problem, Result};
use crate::model::Holder;
use crate::wire::{LockAnswer, LockRecord, TERM};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "sealift";

/// The annotation with everything that is known of the holder; `holderIdentity` is one line of it for `kubectl get lease`.
const HOLDER: &str = "sealift.io/holder";

/// How often a change is tried anew that somebody else's change came before.
const TRIES: usize = 5;

/// Takes the Lease: when nobody has it, or when its record is still `over`, which its holder let go stale.
///
/// The epoch that begins is newer than all before it, and `at_least` that.
pub(super) async fn acquire(
    client: &Client,
    holder: &Holder,
    at_least: u64,
    over: Option<&LockRecord>,
) -> Result<LockAnswer> {
    let leases = leases(client);
    for _ in 0..TRIES {
        let present = get(&leases).await?;
        if let Some(lease) = &present
            && let Some(theirs) = held_by_other(lease, &holder.run)
            && over != Some(&record(lease))
        {
            return Ok(theirs);
        }
        let epoch = present.as_ref().map_or(0, |lease| epoch(lease) + 1).max(at_least);
        if put(&leases, present, holder, epoch).await?.is_some() {
            return Ok(LockAnswer::Ours { epoch });
        }
    }
    Err(contended())
}

/// Confirms the Lease of this epoch; one that was let go and that nobody had since is taken again.
pub(super) async fn renew(
    client: &Client,
    holder: &Holder,
    epoch: u64,
) -> Result<(LockAnswer, Option<LockRecord>)> {
    let leases = leases(client);
    for _ in 0..TRIES {
        let present = get(&leases).await?;
        if let Some(lease) = &present {
            if let Some(theirs) = held_by_other(lease, &holder.run) {
                return Ok((theirs, None));
            }
            let newest = self::epoch(lease);
            if newest > epoch {
                return Ok((LockAnswer::Passed { epoch: newest }, None));
            }
        }
        if let Some(record) = put(&leases, present, holder, epoch).await? {
            return Ok((LockAnswer::Ours { epoch }, Some(record)));
        }
    }
    Err(contended())
}

/// Lets the Lease go if it is this run's; and only if its record is still `written`, when that is given.
pub(super) async fn release(client: &Client, run: &str, written: Option<&LockRecord>) -> Result<()> {
    let leases = leases(client);
    for _ in 0..TRIES {
        let Some(mut lease) = get(&leases).await? else { return Ok(()) };
        let ours = holder(&lease).is_some_and(|holder| holder.run == run);
        if !ours || written.is_some_and(|written| *written != record(&lease)) {
            return Ok(());
        }
        lease.metadata.annotations.get_or_insert_default().remove(HOLDER);
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
            spec.renew_time = Some(now());
        }
        if replace(&leases, &lease).await?.is_some() {
            return Ok(());
        }
    }
    Err(contended())
}

/// Returns who has the lock now. A holder that has not confirmed it for longer than it is good has it no more.
pub(super) async fn holder_now(client: &Client) -> Result<Option<Holder>> {
    let Some(lease) = get(&leases(client)).await? else { return Ok(None) };
    let renewed = lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref());
    let age = renewed.map_or(0, |renewed| Timestamp::now().as_second() - renewed.0.as_second());
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).map_or(0, i64::from);
    Ok(holder(&lease).filter(|_| age <= seconds))
}

fn leases(client: &Client) -> Api<Lease> {
    Api::namespaced(client.clone(), NAMESPACE)
}

async fn get(leases: &Api<Lease>) -> Result<Option<Lease>> {
    leases.get_opt(NAME).await.problem(Class::Kubernetes, "the API does not show the cluster's lock")
}

/// Writes the Lease as `holder`'s and returns its new record; `None` if somebody else was faster.
async fn put(
    leases: &Api<Lease>,
    present: Option<Lease>,
    holder: &Holder,
    epoch: u64,
) -> Result<Option<LockRecord>> {
    let transitions = i32::try_from(epoch).problem(
        Class::Kubernetes,
        "the cluster's lock has changed hands more often than a Lease can count",
    )?;
    let existed = present.is_some();
    let mut lease = present.unwrap_or_default();
    lease.metadata = ObjectMeta {
        name: Some(NAME.to_owned()),
        namespace: Some(NAMESPACE.to_owned()),
        managed_fields: None,
        ..lease.metadata
    };
    let described = serde_json::to_string(holder).problem(Class::Internal, "cannot write the holder down")?;
    lease.metadata.annotations.get_or_insert_default().insert(HOLDER.to_owned(), described);
    let before = lease.spec.take().unwrap_or_default();
    let goes_on = before.lease_transitions == Some(transitions) && before.holder_identity.is_some();
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(holder.to_string()),
        lease_duration_seconds: Some(TERM.as_secs() as i32),
        lease_transitions: Some(transitions),
        acquire_time: before.acquire_time.filter(|_| goes_on).or_else(|| Some(now())),
        renew_time: Some(now()),
        ..before
    });
    if existed {
        return replace(leases, &lease).await;
    }
    match leases.create(&PostParams::default(), &lease).await {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        created => created
            .map(|lease| Some(record(&lease)))
            .problem(Class::Kubernetes, "the API does not keep the cluster's lock"),
    }
}

/// Replaces the version that was read, and only that one.
async fn replace(leases: &Api<Lease>, lease: &Lease) -> Result<Option<LockRecord>> {
    match leases.replace(NAME, &PostParams::default(), lease).await {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
        replaced => replaced
            .map(|lease| Some(record(&lease)))
            .problem(Class::Kubernetes, "the API does not keep the cluster's lock"),
    }
}

/// Returns who has the Lease, if that is another run.
fn held_by_other(lease: &Lease, run: &str) -> Option<LockAnswer> {
    let holder = Box::new(holder(lease).filter(|holder| holder.run != run)?);
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(TERM.as_secs());
    Some(LockAnswer::Theirs { holder, record: record(lease), seconds, epoch: epoch(lease) })
}

fn holder(lease: &Lease) -> Option<Holder> {
    let spec = lease.spec.as_ref()?;
    let identity = spec.holder_identity.as_deref().filter(|identity| !identity.is_empty())?;
    let described = lease.metadata.annotations.as_ref().and_then(|annotations| annotations.get(HOLDER));
    let described = described.and_then(|text| serde_json::from_str(text).ok());
    Some(described.unwrap_or_else(|| stranger(identity, spec)))
}

/// Somebody who took the Lease without sealift, for instance a person with kubectl who wants it left alone.
fn stranger(identity: &str, spec: &LeaseSpec) -> Holder {
    Holder {
        user: identity.to_owned(),
        host: "unknown".to_owned(),
        process: 0,
        address: None,
        run: identity.to_owned(),
        command: "unknown".to_owned(),
        since: spec.acquire_time.as_ref().map_or_else(|| "unknown".to_owned(), |time| time.0.to_string()),
    }
}

fn epoch(lease: &Lease) -> u64 {
    let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
    transitions.and_then(|transitions| u64::try_from(transitions).ok()).unwrap_or_default()
}

fn record(lease: &Lease) -> LockRecord {
    LockRecord(lease.metadata.resource_version.clone().unwrap_or_default())
}

fn now() -> MicroTime {
    MicroTime(Timestamp::now())
}

fn contended() -> Problem {
    Problem::new(Class::Busy, "others change the cluster's lock all the time")
        .remedy("run the same command again")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::FakeApi;

    const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/sealift";

    fn run(run: &str) -> Holder {
        Holder {
            user: "root".to_owned(),
            host: "desk".to_owned(),
            process: 1,
            address: None,
            run: run.to_owned(),
            command: "apply".to_owned(),
            since: "2026-01-01T00:00:00Z".to_owned(),
        }
    }

    fn theirs(answer: LockAnswer) -> (String, LockRecord) {
        match answer {
            LockAnswer::Theirs { holder, record, seconds, .. } => {
                assert_eq!(seconds, 30);
                (holder.run, record)
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_second_is_told_and_every_holder_begins_an_epoch() {
        let api = FakeApi::default();
        let client = api.client();
        assert_eq!(acquire(&client, &run("one"), 4, None).await.unwrap(), LockAnswer::Ours { epoch: 4 });
        assert_eq!(theirs(acquire(&client, &run("two"), 1, None).await.unwrap()).0, "one");
        release(&client, "two", None).await.unwrap();
        assert_eq!(theirs(acquire(&client, &run("two"), 1, None).await.unwrap()).0, "one");
        release(&client, "one", None).await.unwrap();
        assert_eq!(acquire(&client, &run("two"), 1, None).await.unwrap(), LockAnswer::Ours { epoch: 5 });
        let spec = &api.object(PATH).unwrap()["spec"];
        assert_eq!((&spec["leaseTransitions"], &spec["leaseDurationSeconds"]), (&json!(5), &json!(30)));
        assert!(spec["holderIdentity"].as_str().unwrap().starts_with("root@desk"), "{spec}");
    }

    #[tokio::test]
    async fn only_the_record_that_was_seen_stale_is_replaced() {
        let client = FakeApi::default().client();
        acquire(&client, &run("one"), 1, None).await.unwrap();
        let (_, stale) = theirs(acquire(&client, &run("two"), 1, None).await.unwrap());
        renew(&client, &run("one"), 1).await.unwrap();
        let (_, newer) = theirs(acquire(&client, &run("two"), 1, Some(&stale)).await.unwrap());
        let taken = acquire(&client, &run("two"), 1, Some(&newer)).await.unwrap();
        assert_eq!(taken, LockAnswer::Ours { epoch: 2 });
        assert_eq!(theirs(renew(&client, &run("one"), 1).await.unwrap().0).0, "two");
        release(&client, "two", None).await.unwrap();
        assert_eq!(renew(&client, &run("one"), 1).await.unwrap().0, LockAnswer::Passed { epoch: 2 });
    }

    #[tokio::test]
    async fn what_its_agent_let_go_is_taken_again_when_nobody_had_it_since() {
        let client = FakeApi::default().client();
        acquire(&client, &run("one"), 1, None).await.unwrap();
        let (_, written) = renew(&client, &run("one"), 1).await.unwrap();
        let (_, later) = renew(&client, &run("one"), 1).await.unwrap();
        release(&client, "one", written.as_ref()).await.unwrap();
        assert_eq!(
            theirs(acquire(&client, &run("two"), 1, None).await.unwrap()).0,
            "one",
            "it was confirmed since"
        );
        release(&client, "one", later.as_ref()).await.unwrap();
        assert_eq!(renew(&client, &run("one"), 1).await.unwrap().0, LockAnswer::Ours { epoch: 1 });
        assert_eq!(theirs(acquire(&client, &run("two"), 1, None).await.unwrap()).0, "one");
    }

    #[tokio::test]
    async fn of_two_who_write_at_once_one_wins() {
        let api = FakeApi::default();
        let client = api.client();
        let other = |run: &str, version: &str| {
            json!({"metadata": {"name": "sealift", "namespace": "kube-system", "resourceVersion": version},
                "spec": {"holderIdentity": run, "leaseTransitions": 7, "leaseDurationSeconds": 30}})
        };
        api.intrude(PATH, other("bob with kubectl", ""));
        assert_eq!(theirs(acquire(&client, &run("one"), 1, None).await.unwrap()).0, "bob with kubectl");
        api.intrude(PATH, other("", ""));
        release(&client, "bob with kubectl", None).await.unwrap();
        api.intrude(PATH, other("carol", ""));
        assert_eq!(theirs(acquire(&client, &run("one"), 1, None).await.unwrap()).0, "carol");
    }
}
