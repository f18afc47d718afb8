use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Value, json};

use super::support::gateway::{Gateway, api_key, code, payload};
use super::support::runtime::TestRuntime;
use super::support::{
    CRON_KEY, FixedEnvironment, OTHER_TENANT, SCRIPT_KEYS, TENANT, sha256, variables, variables_with,
};
use crate::caches::*;
use crate::config::{LEDGER, RATE_LIMITER, VARIABLES, Variables};
use crate::graph::settings::GraphSettings;
use crate::secret::Secret;

/// Environment that counts its reads.
#[derive(Clone)]
struct CountingEnvironment {
    variables: Rc<Variables>,
    reads: Rc<Cell<usize>>,
}

impl CountingEnvironment {
    fn new(variables: Variables) -> Self {
        Self { variables: Rc::new(variables), reads: Rc::default() }
    }

    /// Returns the same values in another object of the platform.
    fn again(&self) -> Self {
        Self::new((*self.variables).clone())
    }
}

impl Environment for CountingEnvironment {
    fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.variables, &other.variables)
    }

    fn variables(&self) -> Variables {
        self.reads.set(self.reads.get() + 1);
        (*self.variables).clone()
    }

    async fn count_request(&self, _: &str) -> Option<bool> {
        Some(true)
    }
}

fn is_kept<K>(one: Option<&Rc<Configured<K>>>, other: Option<&Rc<Configured<K>>>) -> bool {
    one.zip(other).is_some_and(|(one, other)| Rc::ptr_eq(one, other))
}

/// The same object is not read again. Another object with the same values is read once and evicts nothing.
#[test]
fn unchanged_environment_is_read_once_and_keeps_its_configuration() {
    let runtime = TestRuntime::default();
    let caches = IsolateCaches::<CountingEnvironment, ()>::default();
    let first = CountingEnvironment::new(variables());
    let configured = caches.configured(&runtime, &first);
    for environment in [first.clone(), first.again(), first.again()] {
        let reads = environment.reads.get();
        for _ in 0..3 {
            assert!(is_kept(configured.as_ref(), caches.configured(&runtime, &environment).as_ref()));
        }
        let is_first = environment.is_same(&first);
        assert_eq!(environment.reads.get(), reads + usize::from(!is_first));
    }
}

/// The test has a different, valid value for each variable.
#[test]
fn each_changed_variable_creates_another_configuration() {
    let runtime = TestRuntime::default();
    for name in VARIABLES {
        let before = variables();
        let mut after = before.clone();
        match name {
            "TENANT_ID" | "CLIENT_ID" => drop(after.insert(name, json!("99999999-0000-0000-0000-000000000009"))),
            "CLIENT_SECRET" => drop(after.insert(name, json!("another"))),
            "AUDIENCE" => drop(after.insert(name, json!("api://another"))),
            "CALLERS" => {
                let callers = json!([{ "name": "cron", "api_key_sha256": [sha256(CRON_KEY)], "actions": ["moveToJunk"], "recipient_domains": ["*"] }]);
                after.insert(name, callers);
            }
            "PROTECTED_RECIPIENTS" => drop(after.insert(name, json!(["contoso.com"]))),
            "GRAPH_VERSION" => drop(after.insert(name, json!("v1.0"))),
            "GRAPH_URL" | "LOGIN_URL" => drop(after.insert(name, json!("https://another.example"))),
            "LEDGER_JURISDICTION" => drop(after.insert(name, json!("eu"))),
            "STOPPED" => drop(after.insert(name, json!("true"))),
            // These two must be errors: two credentials, and no ledger.
            "CLIENT_CERTIFICATE" => drop(after.insert(name, json!("PEM"))),
            LEDGER => drop(after.remove(name)),
            RATE_LIMITER => drop(after.insert(name, json!(true))),
            other => panic!("{other} has no other value here"),
        }
        let is_faulty = name == "CLIENT_CERTIFICATE" || name == LEDGER;
        for (from, to) in [(&before, &after), (&after, &before)] {
            let caches = IsolateCaches::<CountingEnvironment, ()>::default();
            let old = caches.configured(&runtime, &CountingEnvironment::new(from.clone()));
            let new = caches.configured(&runtime, &CountingEnvironment::new(to.clone()));
            assert!(!is_kept(old.as_ref(), new.as_ref()), "{name}");
            assert_eq!(new.is_none(), is_faulty && to == &after, "{name}");
        }
    }
}

/// An error is logged once per environment, and applies only to that environment.
#[test]
fn invalid_environment_is_logged_once_and_affects_no_other() {
    let runtime = TestRuntime::default();
    let caches = IsolateCaches::<CountingEnvironment, ()>::default();
    let (good, faulty) = (
        CountingEnvironment::new(variables()),
        CountingEnvironment::new(variables_with("TENANT_ID", json!("no GUID"))),
    );
    for _ in 0..2 {
        assert!(caches.configured(&runtime, &faulty).is_none());
        assert!(caches.configured(&runtime, &faulty.again()).is_none());
        assert!(caches.configured(&runtime, &good).is_some());
    }
    assert_eq!(runtime.take_log().len(), 1);
}

/// Two alternating environments both stay cached. A third environment evicts the one that was used least recently.
#[test]
fn third_environment_evicts_the_least_recently_used_of_two() {
    let runtime = TestRuntime::default();
    let caches = IsolateCaches::<CountingEnvironment, ()>::default();
    let environments =
        ["beta", "v1.0"].map(|version| CountingEnvironment::new(variables_with("GRAPH_VERSION", json!(version))));
    let configured = environments.clone().map(|environment| caches.configured(&runtime, &environment));
    assert!(!is_kept(configured[0].as_ref(), configured[1].as_ref()));
    for _ in 0..3 {
        for (environment, configured) in environments.iter().zip(&configured) {
            assert!(is_kept(configured.as_ref(), caches.configured(&runtime, environment).as_ref()));
        }
    }
    caches.configured(&runtime, &CountingEnvironment::new(variables_with("STOPPED", json!(true))));
    assert!(is_kept(configured[1].as_ref(), caches.configured(&runtime, &environments[1]).as_ref()));
    assert!(!is_kept(configured[0].as_ref(), caches.configured(&runtime, &environments[0]).as_ref()));
}

#[test]
fn graph_access_is_cached_for_the_last_two_settings() {
    let runtime = TestRuntime::default();
    let caches = IsolateCaches::<CountingEnvironment, ()>::default();
    let line =
        |name: &'static str, value: Value| GraphSettings::line(&runtime.check(&variables_with(name, value)).unwrap());
    let [old, new, third] = ["old", "new", "third"].map(|secret| line("CLIENT_SECRET", json!(secret)));
    let access = |line: &Secret| caches.graph_access(line.expose().as_bytes(), None).unwrap();
    let (with_old, with_new) = (access(&old), access(&new));
    assert!(!Rc::ptr_eq(&with_old, &with_new));
    for _ in 0..2 {
        assert!(Rc::ptr_eq(&with_old, &access(&old)) && Rc::ptr_eq(&with_new, &access(&new)));
    }
    access(&third);
    assert!(Rc::ptr_eq(&with_new, &access(&new)));
    assert!(!Rc::ptr_eq(&with_old, &access(&old)));
    assert!(caches.graph_access(b"{}", None).is_none());
    assert!(caches.graph_access(&[0xff], None).is_none());
}

/// A change of the list of tenants removes the cached values of all tenants, at the latest with the second change.
#[test]
fn graph_access_is_cached_per_tenant_of_the_settings() {
    let runtime = TestRuntime::default();
    let caches = IsolateCaches::<CountingEnvironment, ()>::default();
    let third = "99999999-0000-4000-8000-000000000009";
    let line = |tenants: &[&str]| {
        let callers: Vec<_> = tenants.iter().enumerate().map(|(index, tenant)| {
            json!({ "name": format!("of-{index}"), "tenant_id": tenant, "api_key_sha256": [sha256(&format!("key-{index}"))], "actions": ["softDelete"], "recipient_domains": ["*"] })
        }).collect();
        GraphSettings::line(&runtime.check(&variables_with("CALLERS", json!(callers))).unwrap())
    };
    let access = |line: &Secret, tenant: Option<&str>| caches.graph_access(line.expose().as_bytes(), tenant);
    let both = line(&[TENANT, OTHER_TENANT, OTHER_TENANT, third]);
    let tenants = [None, Some(OTHER_TENANT), Some(third)];
    let kept = tenants.map(|tenant| access(&both, tenant).unwrap());
    for (tenant, kept) in tenants.into_iter().zip(&kept) {
        assert!(Rc::ptr_eq(kept, &access(&both, tenant).unwrap()), "{tenant:?}");
        assert_eq!(kept.settings.tenant_id.to_string(), tenant.unwrap_or(TENANT));
    }
    for [one, other] in [[0, 1], [1, 2], [2, 0]] {
        assert!(!Rc::ptr_eq(&kept[one], &kept[other]), "two tenants share a token");
    }
    let fewer = line(&[OTHER_TENANT]);
    for other in [third, "", " ", OTHER_TENANT.split_at(1).1, &OTHER_TENANT.to_uppercase()] {
        assert!(access(&fewer, Some(other)).is_none(), "{other}: no caller has this tenant");
    }
    assert!(access(&fewer, Some(TENANT)).is_none(), "the default tenant has one name");
    assert!(!Rc::ptr_eq(&kept[1], &access(&fewer, Some(OTHER_TENANT)).unwrap()));
    access(&line(&[TENANT]), None).unwrap();
    assert!(!Rc::ptr_eq(&kept[1], &access(&both, Some(OTHER_TENANT)).unwrap()));
}

/// An isolate uses a changed environment from the next request on, and the old one again if the change is undone.
#[test]
fn configuration_change_and_its_undo_apply_from_the_next_request() {
    let rotated = json!([
        { "name": "cron", "api_key_sha256": [sha256(SCRIPT_KEYS[0])], "actions": ["softDelete"], "recipient_domains": ["*"] },
    ]);
    let removed = json!([
        { "name": "script", "api_key_sha256": SCRIPT_KEYS.map(sha256), "actions": ["softDelete"], "recipient_domains": ["*"] },
    ]);
    let mut gateway = Gateway::default();
    let good = payload("softDelete", &["hannah@contoso.com"]);
    for (name, value, expected) in [
        ("STOPPED", json!("true"), "stopped"),
        ("STOPPED", json!("maybe"), "misconfigured"),
        ("CALLERS", removed, "invalidCredentials"),
        ("CALLERS", rotated, "invalidCredentials"),
        ("TENANT_ID", json!("no GUID"), "misconfigured"),
    ] {
        for (variables, expected) in [(variables_with(name, value), expected), (variables(), "accepted")] {
            gateway.environment = FixedEnvironment::new(variables);
            let response = gateway.remediate(api_key(CRON_KEY), &good);
            assert_eq!(code(&response), expected, "{name}");
        }
    }
}
