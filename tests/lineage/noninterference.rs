//! Change every secret, and not one byte of an export changes: random views over tables with secrets.
//!
//! `ACCTEXPORT_VIEWS` is the number of views, 5,000 by default: a minute or two on two cores. `ACCTEXPORT_SEED` is the first of
//! their seeds; another one gives other views. `ACCTEXPORT_EXAMPLES` is the number of barred and refused views that are printed. A
//! view that interferes is reduced to the smallest that still does, and printed; it then belongs to [`cases`].

mod cases;
mod choices;
mod expression;
mod query;
mod run;
mod schema;
mod tenants;

use cases::CASES;
use run::{Base, Tally, View};
use schema::Secrets;
use tenants::{Base as Tenants, Others};

/// Views of one transaction.
const BATCH: usize = 40;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Tries views until so many were registered; the seed of each is that of the first and its number.
fn search(seed: u64, wanted: usize) -> Tally {
    let mut base = Base::new();
    let mut tally = Tally::default();
    let mut next = seed;
    while tally.registered < wanted {
        let mut views: Vec<View> = (next..).take(BATCH).map(View::random).collect();
        // One way to change the secrets for each batch, and all of them absent.
        let changed = [Secrets::ALL[1 + next as usize / BATCH % 3], Secrets::Absent];
        if let Some((place, ..)) = base.batch(&views, &changed, &mut tally) {
            let seed = next + place as u64;
            let view = base.reduce(views.swap_remove(place));
            let mut fresh = Base::new();
            let shown = fresh.all(std::slice::from_ref(&view));
            panic!("seed {seed} interferes; the smallest view is\n{}\n{shown:#?}", view.query.sql);
        }
        next += BATCH as u64;
    }
    tally
}

#[test]
fn no_export_depends_on_a_secret() {
    let seed = number("ACCTEXPORT_SEED", 20_261_129);
    let views = number("ACCTEXPORT_VIEWS", 5000) as usize;
    println!("seed {seed}, {views} views");
    // The server is that of the suite, which a thread has by its name.
    let name = std::thread::current().name().unwrap().to_owned();
    let halves = [0, 1].map(|half| {
        let thread = std::thread::Builder::new().name(name.clone());
        thread.spawn(move || search(seed + (half << 32), views.div_ceil(2))).unwrap()
    });
    let mut tally = Tally::default();
    for half in halves {
        tally.add(half.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
    }
    println!(
        "{} views registered, {} of them with rows chosen by a secret; {} fields exported, {} barred; {} of {} fields without a secret barred; {} exports compared; refused: {:?}",
        tally.registered, tally.chosen, tally.exported, tally.barred, tally.free_barred, tally.free, tally.exports, tally.refused
    );
    for example in tally.examples.iter().take(number("ACCTEXPORT_EXAMPLES", 5) as usize) {
        println!("{example}");
    }
    // The search is worth something: it sees many fields that leave, and many that do not.
    assert!(
        tally.exported > 3 * views && tally.barred > views / 4,
        "{} fields of {views} views exported, {} barred",
        tally.exported,
        tally.barred
    );
    assert!(
        tally.free_barred * 20 <= tally.free,
        "{} of {} are barred in vain",
        tally.free_barred,
        tally.free
    );
    let odd: usize = tally
        .refused
        .iter()
        .filter(|(code, _)| !matches!(code.as_str(), "42501" | "22023"))
        .map(|(_, n)| n)
        .sum();
    assert!(odd * 20 <= tally.registered, "too many are no views: {:?}", tally.refused);
}

/// Views that interfered once.
#[test]
fn views_that_interfered_do_not_any_more() {
    let mut base = Base::new();
    for case in CASES {
        let view = View::given(case);
        if let Some((_, secrets, before, after)) = base.all(&[view]) {
            panic!("{case}\n{secrets:?}:\n{before}\n---- and then\n{after}");
        }
    }
}

/// The same for tenants: whatever becomes of the rows of the others, all that one sees stays as it is.
#[test]
fn nothing_that_a_tenant_sees_depends_on_the_others() {
    for indexes in [false, true] {
        let mut base = Tenants::new(indexes);
        base.fill(Others::Some, true);
        let before = base.seen();
        assert!(before.contains("p199@a.example") && !before.contains("b.example,"), "{before}");
        for (others, analyze) in Others::ALL.into_iter().flat_map(|others| [(others, false), (others, true)])
        {
            base.fill(others, analyze);
            let after = base.seen();
            let mut lines = before.lines().zip(after.lines());
            if let Some((line, other)) = lines.find(|(line, other)| line != other) {
                panic!("indexes: {indexes}, {others:?}, analyzed: {analyze}\n{line}\n---- and then\n{other}");
            }
            assert_eq!(before.len(), after.len());
        }
    }
}
