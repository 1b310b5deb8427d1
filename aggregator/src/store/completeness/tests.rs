//! Verdicts by example, and that the overview and the report of an hour never differ.

use flow_model::Reporter;
use flow_model::limits::MAX_COUNTER;
use proptest::prelude::*;

use super::*;

const MINUTE_MS: u64 = 60_000;

/// At `hour` and some minutes.
fn at(hour: u64, minutes: u64) -> u64 {
    hour * HOUR_MS + minutes * MINUTE_MS
}

/// An instance that began in hour 10 and was heard of when it said its watermark.
fn progress(watermark_ms: u64) -> Progress {
    Progress {
        sequence: 1,
        reporter: Reporter::Source,
        watermark_ms,
        lost_bytes: 0,
        folded_bytes: 0,
        losses: Vec::new(),
        ended: false,
        clock_offset_ms: Some(0),
        first_hour: 10,
        last_seen_ms: watermark_ms,
    }
}

fn times(now_ms: u64) -> Times {
    Times { now_ms, serving_since_ms: 0, heard_until_ms: 0, remembered_since_ms: 0 }
}

/// The verdict on an hour, as both tell it.
fn judge(hour: Hour, times: Times, all: &[Progress]) -> (Option<bool>, Vec<Reason>) {
    let mut overview = Overview::new(times);
    let mut report = HourReport::of(hour, times, 9);
    for (n, progress) in all.iter().enumerate() {
        overview.add(progress);
        report.add(&n.to_string(), progress);
    }
    let report = report.finish();
    assert_eq!(overview.verdict(hour), report.verdict);
    assert_eq!(report.lost.len() as i64, report.counts.lost.min(9));
    assert_eq!(report.outstanding.len() as i64, report.counts.outstanding.min(9));
    (report.verdict.complete, report.verdict.reasons)
}

const COMPLETE: (Option<bool>, Vec<Reason>) = (Some(true), Vec::new());

fn unwitnessed() -> (Option<bool>, Vec<Reason>) {
    (None, vec![Reason::NotWitnessed])
}

fn incomplete(reason: Reason) -> (Option<bool>, Vec<Reason>) {
    (Some(false), vec![reason])
}

#[test]
fn an_hour_is_complete_when_it_has_ended_and_all_have_vouched_for_it() {
    let vouches = [progress(at(11, 0))];
    assert_eq!(judge(10, times(at(11, 1)), &vouches), COMPLETE);
    let grace_ms = COMPLETE_GRACE.as_millis() as u64;
    assert_eq!(judge(10, times(at(11, 0) + grace_ms), &vouches), COMPLETE);
    let just_before = times(at(11, 0) + grace_ms - 1);
    assert_eq!(judge(10, just_before, &vouches), incomplete(Reason::NotEnded));
    let both = [progress(at(11, 0)), progress(at(11, 0) - 1)];
    assert_eq!(judge(10, times(at(11, 1)), &both), incomplete(Reason::Outstanding));
}

#[test]
fn of_hours_before_all_that_is_known_nobody_can_tell() {
    let known = [progress(at(11, 0))];
    assert_eq!(judge(9, times(at(11, 1)), &known), unwitnessed());
    assert_eq!(judge(9, times(at(11, 1)), &[]), unwitnessed());
    assert_eq!(judge(9, times(at(9, 1)), &[]).0, Some(false), "it has not ended");
    // An instance that began earlier is there to tell, also if it has ended since.
    let ended = Progress { first_hour: 8, ended: true, ..progress(at(8, 30)) };
    let all = [ended, progress(at(11, 0))];
    assert_eq!(judge(9, times(at(11, 1)), &all), COMPLETE);
    assert_eq!(judge(7, times(at(11, 1)), &all), unwitnessed());
}

#[test]
fn who_has_ended_is_not_waited_for() {
    let ended = [Progress { ended: true, ..progress(at(10, 50)) }];
    for hour in 10..20 {
        assert_eq!(judge(hour, times(at(30, 0)), &ended), COMPLETE);
    }
}

#[test]
fn who_is_silent_is_lost_for_the_hours_in_which_it_may_have_been() {
    let (silent, other) = (progress(at(10, 50)), progress(at(30, 0)));
    let all = [silent, other];
    let bound = at(10, 50) + LOST_AFTER.as_millis() as u64;
    assert_eq!(judge(10, times(bound), &all), incomplete(Reason::Outstanding));
    for hour in [10, 11] {
        let lost = judge(hour, times(at(30, 0)), &all);
        assert_eq!(lost, incomplete(Reason::Lost), "{hour}: it may have lived until 11:05");
    }
    assert_eq!(judge(12, times(at(30, 0)), &all), COMPLETE);
    let alone = judge(12, times(at(30, 0)), &all[..1]);
    assert_eq!(alone, incomplete(Reason::Lost), "there is nobody who vouches for the hour");
}

#[test]
fn nobody_is_lost_because_we_were_away() {
    let (silent, now) = (progress(at(10, 50)), at(20, 1));
    let times = Times { serving_since_ms: at(20, 0), ..times(now) };
    assert_eq!(judge(15, times, &[silent]), incomplete(Reason::Outstanding));
}

#[test]
fn an_hour_that_was_complete_stays_so_over_a_restart() {
    // One ended without a word; another went on until we went away.
    let (dead, alive) = (progress(at(10, 50)), progress(at(20, 0)));
    let all = [dead, Progress { first_hour: 10, ..alive }];
    assert_eq!(judge(15, times(at(20, 1)), &all), COMPLETE);
    for minutes in [0, 5, 20, 600] {
        let times = Times {
            serving_since_ms: at(20, 10),
            heard_until_ms: at(20, 0),
            ..times(at(20, 10 + minutes))
        };
        assert_eq!(judge(15, times, &all), COMPLETE, "{minutes}");
    }
    // Who was heard just before is given time.
    let times =
        Times { serving_since_ms: at(23, 0), heard_until_ms: at(20, 0), ..times(at(23, 5)) };
    assert_eq!(judge(21, times, &all[1..]), incomplete(Reason::Outstanding));
}

#[test]
fn a_wrong_clock_makes_no_difference_between_hour_and_watermark() {
    // Its clock is two hours behind: its hour 10 is our hour 12.
    let offset_ms = -2 * HOUR_MS as i64;
    let slow = |watermark_ms, last_seen_ms| Progress {
        clock_offset_ms: Some(offset_ms),
        last_seen_ms,
        ..progress(watermark_ms)
    };
    let (all, now) = ([slow(at(10, 50), at(12, 50))], times(at(12, 51)));
    assert_eq!(judge(10, now, &all), incomplete(Reason::Outstanding));
    assert_eq!(judge(9, now, &all), unwitnessed());
    assert_eq!(judge(10, times(at(13, 1)), &[slow(at(11, 0), at(13, 0))]), COMPLETE);
    let others = [slow(at(10, 50), at(12, 50)), progress(at(30, 0))];
    assert_eq!(judge(11, times(at(30, 0)), &others), incomplete(Reason::Lost));
    assert_eq!(judge(12, times(at(30, 0)), &others), COMPLETE, "by its own clock it was 11");
}

#[test]
fn a_watermark_is_worth_no_more_than_the_clock_that_was_set_back() {
    let (vouched_ms, seen_ms) = (at(14, 0), at(14, 30));
    let set_back = |hours: i64, last_seen_ms| Progress {
        clock_offset_ms: Some(-hours * HOUR_MS as i64),
        last_seen_ms,
        ..progress(vouched_ms)
    };
    let now = times(seen_ms + MINUTE_MS);
    assert_eq!(judge(10, now, &[set_back(4, seen_ms)]), incomplete(Reason::Outstanding));
    assert_eq!(judge(10, now, &[set_back(3, seen_ms)]), COMPLETE);
    let silent = Progress { clock_offset_ms: None, ..set_back(4, seen_ms) };
    assert_eq!(judge(10, now, &[silent]), COMPLETE, "who tells no clock is believed");
}

#[test]
fn what_was_given_up_is_missing_and_what_was_folded_is_not() {
    let loss = |hour, lost_bytes| Loss { hour, lost_bytes, folded_bytes: 7 };
    let losses = vec![loss(10, 0), loss(11, 5)];
    let all = [Progress { losses, ..progress(at(30, 0)) }];
    assert_eq!(judge(10, times(at(30, 0)), &all), COMPLETE);
    assert_eq!(judge(11, times(at(30, 0)), &all), incomplete(Reason::LostBytes));
    let mut report = HourReport::of(11, times(at(30, 0)), 1);
    report.add("i", &all[0]);
    let report = report.finish();
    assert_eq!((report.loss.lost_bytes, report.loss.folded_bytes), (5, 7));
}

#[test]
fn what_may_be_forgotten_is_not_said_to_be_complete() {
    let times = Times { remembered_since_ms: at(10, 0), ..times(at(30, 0)) };
    let unknown = vec![Reason::NotRemembered, Reason::NotWitnessed];
    assert_eq!(judge(10, times, &[]), (None, unknown));
    let ended = Progress { first_hour: 9, ended: true, ..progress(at(9, 30)) };
    assert_eq!(judge(11, times, &[ended]), COMPLETE);
    let (complete, reasons) = judge(10, times, &[progress(at(10, 45))]);
    assert_eq!((complete, reasons), (Some(false), vec![Reason::NotRemembered, Reason::Lost]));
}

#[test]
fn the_furthest_behind_and_the_furthest_off_are_named_first() {
    let mut report = HourReport::of(10, times(at(10, 59)), 2);
    for (id, minutes, offset_ms) in [("a", 58, 0), ("b", 51, 20_000), ("c", 55, -90_000)] {
        let progress = Progress { clock_offset_ms: Some(offset_ms), ..progress(at(10, minutes)) };
        report.add(id, &progress);
    }
    let report = report.finish();
    let ids = |list: &[Witness]| list.iter().map(|witness| witness.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&report.outstanding), ["b", "c"]);
    assert_eq!(ids(&report.skewed), ["c", "b"]);
    assert_eq!((report.counts.outstanding, report.skewed_count), (3, 2));
}

fn any_progress() -> impl Strategy<Value = Progress> {
    let time = || prop_oneof![8 => at(8, 0)..at(16, 0), 1 => Just(0), 1 => Just(MAX_COUNTER)];
    let offset =
        prop::option::of(prop_oneof![-3 * HOUR_MS as i64..3 * HOUR_MS as i64, any::<i64>()]);
    let losses = prop::collection::btree_map(8_u32..14, 0_u64..3, 0..3);
    (time(), 8_u32..16, time(), any::<bool>(), offset, losses).prop_map(
        |(watermark_ms, first_hour, last_seen_ms, ended, clock_offset_ms, losses)| {
            let loss = |(hour, lost_bytes)| Loss { hour, lost_bytes, folded_bytes: 1 };
            let losses = losses.into_iter().map(loss).collect();
            Progress {
                ended,
                clock_offset_ms,
                first_hour,
                last_seen_ms,
                losses,
                ..progress(watermark_ms)
            }
        },
    )
}

proptest! {
    #[test]
    fn the_overview_says_what_the_reports_say(
        all in prop::collection::vec(any_progress(), 0..6),
        now_ms in at(8, 0)..at(20, 0),
        serving_since_ms in at(6, 0)..at(16, 0),
        hour in prop_oneof![7_u32..20, Just(0), Just(Hour::MAX)],
    ) {
        let times =
            Times { now_ms, serving_since_ms, heard_until_ms: 0, remembered_since_ms: 0 };
        let (complete, _) = judge(hour, times, &all);
        // Whatever else: no hour is complete while one that has not ended is behind in it.
        let is_behind = |one: &Progress| {
            let heard_ms = one.last_seen_ms.max(serving_since_ms);
            let is_live = heard_ms.saturating_add(LOST_AFTER.as_millis() as u64) >= now_ms;
            !one.ended && is_live && one.watermark_ms < (u64::from(hour) + 1) * HOUR_MS
        };
        if all.iter().any(is_behind) {
            prop_assert_eq!(complete, Some(false));
        }
    }
}
