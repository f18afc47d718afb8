//! The states, and how they change.

use std::time::Duration;

use acceptance::{TestResult, World, guid};
use sandbox::{Endpoint, Message};
use serde_json::{Value, json};

use crate::{accepted, ago, assert_counts, recipients, remediation, seed, status};

/// With pages of 100 and of 1,000 rows. The test triggers the effect in the sandbox.
pub(crate) async fn eight_hundred_recipients_go_from_pending_to_settled(world: &World) -> TestResult {
    for (rows, pages) in [(100, 8), (1000, 1)] {
        world.sandbox.clear();
        world.sandbox.limit_pages(rows)?;
        let (id, recipients) = (guid(), recipients(800));
        let message = |effect_after_ms| Message { effect_after_ms, ..Message::new(&id, recipients.clone()) };
        seed(world, [message(3_600_000)])?;
        let request = accepted(world, remediation(&id, &recipients)).await?;

        let response = status(world, &request).await?;
        assert_counts(&response, "pending", [0, 800, 0, 0, 0]);
        assert_eq!(response.header("retry-after"), Some("300"));
        let items = response.json()["items"].clone();
        assert_eq!(
            items[799],
            json!({
                "networkMessageId": id, "recipientEmailAddress": recipients[799],
                "state": "notYet", "location": "inbox_folder",
            })
        );
        assert_eq!(world.sandbox.recorded_at(Endpoint::AnalyzedEmails).len(), pages, "pages of {rows}");

        // Half of them show the effect now, then all.
        let shown = |recipients: &[String]| Message {
            location: "deletedFolder".to_owned(),
            ..Message::new(&id, recipients.to_vec())
        };
        seed(world, [shown(&recipients[..400])])?;
        assert_counts(&status(world, &request).await?, "pending", [400, 400, 0, 0, 0]);
        seed(world, [shown(&recipients)])?;
        let response = status(world, &request).await?;
        assert_counts(&response, "settled", [800, 0, 0, 0, 0]);

        let line = world.gateway.wait_for_line(|line| line.contains(response.request_id())).await?;
        let line: Value = serde_json::from_str(&line)?;
        let states = json!({ "observed": 800, "notYet": 0, "unclear": 0, "unreachable": 0, "notFound": 0 });
        assert_eq!((&line["states"], &line["emails"]), (&states, &json!(800)));
        assert_eq!((&line["route"], &line["status"]), (&json!("/remediate/status"), &json!(200)));
    }
    Ok(())
}

/// Each open fact about a soft delete, one at a time. No pair is observed without evidence.
pub(crate) async fn each_variant_of_a_soft_delete_has_its_state(world: &World) -> TestResult {
    let success = Some("Success");
    for (location, shows, event, is_settled, counts) in [
        ("inbox_folder", None, None, true, [1, 0, 0, 0, 0]),
        ("inbox_folder", Some("deletedFolder"), None, true, [1, 0, 0, 0, 0]),
        ("inbox_folder", Some("nothing"), None, false, [0, 1, 0, 0, 0]),
        ("junkFolder", Some("nothing"), None, false, [0, 1, 0, 0, 0]),
        ("inbox_folder", Some("others"), None, false, [0, 0, 1, 0, 0]),
        ("inbox_folder", Some("unknown"), None, false, [0, 0, 1, 0, 0]),
        ("inbox_folder", Some("aNewLocation"), None, false, [0, 0, 1, 0, 0]),
        ("inbox_folder", Some("others"), success, true, [1, 0, 0, 0, 0]),
        ("inbox_folder", Some("nothing"), success, true, [1, 0, 0, 0, 0]),
        ("inbox_folder", Some("nothing"), Some("Failed"), false, [0, 1, 0, 0, 0]),
        ("inbox_folder", Some("others"), Some("Failed"), false, [0, 0, 1, 0, 0]),
        ("onprem_external", Some("nothing"), None, true, [0, 0, 0, 1, 0]),
        ("dropped", Some("nothing"), success, true, [0, 0, 0, 1, 0]),
    ] {
        let (id, recipients) = (guid(), recipients(1));
        let [shows, event] = [shows, event].map(|text| text.map(str::to_owned));
        let message = Message {
            location: location.to_owned(),
            shows: shows.clone(),
            event: event.clone(),
            ..Message::new(&id, recipients.clone())
        };
        seed(world, [message])?;
        let request = accepted(world, remediation(&id, &recipients)).await?;
        let response = status(world, &request).await?;
        assert_counts(&response, if is_settled { "settled" } else { "pending" }, counts);
    }
    // A message that Graph does not list.
    let request = accepted(world, remediation(&guid(), &recipients(2))).await?;
    let response = status(world, &request).await?;
    assert_counts(&response, "pending", [0, 0, 0, 0, 2]);
    assert_eq!(response.json()["items"][0]["location"], Value::Null);
    Ok(())
}

/// A pair that has not changed stays pending for any time since the acceptance.
pub(crate) async fn unclear_or_not_found_status_settles_after_four_hours(world: &World) -> TestResult {
    let before = ago(Duration::from_secs(4 * 3600 + 1))?;
    let within = ago(Duration::from_mins(4 * 60 - 1))?;
    let of_location = |location: &str, counts| {
        let (id, recipients) = (guid(), recipients(1));
        let message = Message { location: location.to_owned(), ..Message::new(&id, recipients.clone()) };
        (message, remediation(&id, &recipients), counts)
    };
    for (message, mut request, counts) in [
        of_location("others", [0, 0, 1, 0, 0]),
        of_location("quarantine", [0, 0, 1, 0, 0]),
        of_location("inbox_folder", [0, 1, 0, 0, 0]),
    ] {
        let is_open = counts[1] > 0;
        seed(world, [message])?;
        assert_counts(&status(world, &request).await?, "pending", counts);
        request["acceptedAt"] = within.clone();
        assert_counts(&status(world, &request).await?, "pending", counts);
        request["acceptedAt"] = before.clone();
        assert_counts(&status(world, &request).await?, if is_open { "pending" } else { "settled" }, counts);
    }
    let mut request = remediation(&guid(), &recipients(1));
    request["acceptedAt"] = before;
    assert_counts(&status(world, &request).await?, "settled", [0, 0, 0, 0, 1]);
    Ok(())
}

pub(crate) async fn rows_match_in_any_spelling_and_late_rows_are_not_found(world: &World) -> TestResult {
    let (id, recipients) = (guid(), ["A@Contoso.com", "b@contoso.com", "c@contoso.com"].map(str::to_owned));
    let at = |location: &str, recipient: &str, appears_after_ms| Message {
        location: location.to_owned(),
        appears_after_ms,
        ..Message::new(&id.to_uppercase(), [recipient])
    };
    seed(
        world,
        [
            at("DeletedFolder", "a@contoso.com", 0),
            at("Inbox", "B@CONTOSO.COM", 0),
            at("inbox_folder", "c@contoso.com", 3_600_000),
        ],
    )?;
    let response = status(world, &remediation(&id, &recipients)).await?;
    assert_counts(&response, "pending", [1, 1, 0, 0, 1]);
    let items = response.json()["items"].clone();
    let item = |recipient: &str, state: &str, location: Value| json!({ "networkMessageId": id, "recipientEmailAddress": recipient, "state": state, "location": location });
    assert_eq!(
        items,
        json!([item("b@contoso.com", "notYet", json!("Inbox")), item("c@contoso.com", "notFound", Value::Null)])
    );
    Ok(())
}

pub(crate) async fn twenty_messages_cause_twenty_list_requests(world: &World) -> TestResult {
    let ids: Vec<String> = (0..20).map(|_| guid()).collect();
    seed(world, ids.iter().map(|id| Message::new(id, ["hannah.jarvis@contoso.com"])))?;
    let mut request = acceptance::payload();
    let email = |id| json!({ "networkMessageId": id, "recipientEmailAddress": "hannah.jarvis@contoso.com" });
    request["analyzedEmails"] = ids.iter().map(email).collect();
    assert_counts(&status(world, &request).await?, "pending", [0, 20, 0, 0, 0]);
    assert_eq!(world.sandbox.recorded_at(Endpoint::AnalyzedEmails).len(), 20);
    assert!(world.sandbox.recorded_at(Endpoint::Remediate).is_empty(), "a status removes nothing");
    Ok(())
}
