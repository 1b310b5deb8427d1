//! Pages: every flow once, whatever is written meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::client::{Row, a_row, read, read_as, rows, write};
use crate::fas::{Fas, directory};

fn some_rows(count: u32) -> Vec<Row> {
    let row =
        |n: u32| a_row(n % 3, &format!("app-{:02}", n / 7), &format!("d-{n}"), "v", n.into(), 0);
    let mut rows: Vec<Row> = (0..count).map(row).collect();
    rows.sort();
    rows
}

/// Follows cursors to the end; gives the pages.
fn pages(fas: &Fas, query: &str) -> Vec<Vec<Row>> {
    let mut pages = Vec::new();
    let mut path = format!("/v1/flows?{query}");
    loop {
        let answer = read(fas, &path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let document = answer.json();
        pages.push(rows(&document));
        let Value::String(cursor) = &document["next_cursor"] else {
            assert_eq!((&document["next_cursor"], answer.header("link")), (&Value::Null, None));
            return pages;
        };
        let next = format!("/v1/flows?{query}&cursor={cursor}");
        let link = answer.header("link").unwrap();
        assert_eq!(link, format!("<{next}>; rel=\"next\""));
        path = next;
    }
}

#[test]
fn pages_of_any_size_are_the_whole() {
    let data = directory();
    let fas = Fas::start(data.path());
    let all = some_rows(50);
    write(&fas, &all);
    for limit in [1, 7, 10, 49, 50, 51, 10_000] {
        let pages = pages(&fas, &format!("from=0&limit={limit}"));
        assert!(pages[..pages.len() - 1].iter().all(|page| page.len() == limit), "{limit}");
        assert_eq!(pages.concat(), all, "{limit}");
    }
    let some = pages(&fas, "from=0&src_app=app-03&src_app=app-0*&limit=4").concat();
    assert_eq!(some, all);
    let other: Vec<_> = all.iter().filter(|row| row.1 == "app-03").cloned().collect();
    assert_eq!(pages(&fas, "from=0&src_app=app-03&limit=2").concat(), other);
}

#[test]
fn a_page_has_a_thousand_flows_unless_told_otherwise() {
    let data = directory();
    let fas = Fas::start(data.path());
    let all = some_rows(2_001);
    write(&fas, &all);
    let lengths: Vec<_> = pages(&fas, "from=0").iter().map(Vec::len).collect();
    assert_eq!(lengths, [1_000, 1_000, 1]);
}

#[test]
fn lines_have_pages_too_and_go_on_from_a_cursor_without_a_limit() {
    let data = directory();
    let fas = Fas::start(data.path());
    let all = some_rows(9);
    write(&fas, &all);
    let lines = |path: &str| read_as(&fas, path, "application/x-ndjson");
    let first = lines("/v1/flows?from=0&limit=4");
    assert_eq!(first.text().lines().count(), 4);
    let link = first.header("link").unwrap().to_owned();
    let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    let rest = lines(&next.replace("&limit=4", ""));
    assert_eq!((rest.text().lines().count(), rest.header("link")), (5, None));
    let whole = lines("/v1/flows?from=0");
    assert_eq!(whole.text(), format!("{}{}", first.text(), rest.text()));
}

#[test]
fn a_cursor_of_another_query_is_refused() {
    let data = directory();
    let fas = Fas::start(data.path());
    write(&fas, &some_rows(9));
    let cursor = read(&fas, "/v1/flows?from=0&limit=2").json()["next_cursor"].clone();
    let cursor = cursor.as_str().unwrap();
    for (query, status) in [
        ("from=0", 200),
        ("from=0&limit=5", 200),
        ("from=0&to=4294967296", 200),
        ("from=1", 400),
        ("hour=0", 400),
        ("from=0&src_app=a", 400),
    ] {
        let answer = read(&fas, &format!("/v1/flows?{query}&cursor={cursor}"));
        assert_eq!(answer.status, status, "{query}");
    }
}

#[test]
fn pages_are_stable_while_flows_are_written() {
    let data = directory();
    let fas = Fas::start(data.path());
    let before = some_rows(300);
    write(&fas, &before);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0_u32.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                // New keys before, between and after; more bytes for old ones.
                let key = format!("app-{:02}-{n}", n % 50);
                write(
                    &fas,
                    &[a_row(n % 4, &key, "d", "v", 1, 1), before[n as usize % 300].clone()],
                );
            }
        });
        for _ in 0..5 {
            let seen = pages(&fas, "from=0&limit=20").concat();
            let keys: Vec<_> = seen.iter().map(|row| (row.0, &row.1, &row.2, &row.3)).collect();
            assert!(keys.is_sorted_by(|a, b| a < b), "in order, each once");
            for row in &before {
                let key = (row.0, &row.1, &row.2, &row.3);
                assert!(keys.binary_search(&key).is_ok(), "{key:?} was there before");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}
