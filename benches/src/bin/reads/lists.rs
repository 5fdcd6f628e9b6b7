//! Lists with filter and order, with the indexes that serve them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use spice_benches::report::{line, millis, percentile, rate};
use spice_core::{
    guard::Guards,
    id::{BranchGeneration, LogPosition, Sequence},
    json::Json,
    lineage::{Lineage, View},
    name::BranchName,
    ontology::PropertyType,
    port::{
        documents::{Change, Document, Documents, Search, Shown},
        graph::{Entity, State},
    },
    query::{Filter, Operator, Order},
};
use spice_store_sqlite::{Location, Mode, SqliteDocuments};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::data::{BATCH, Options, PAGE, data, event, moment, product, stream};

const OWN_CHANGES: u64 = 100;

fn branch(at: u64) -> anyhow::Result<(BranchName, BranchGeneration)> {
    Ok(("what-if".parse()?, BranchGeneration(LogPosition(at))))
}

fn views(instances: u64) -> anyhow::Result<[(&'static str, View); 2]> {
    let stream = stream()?;
    let (name, generation) = branch(instances)?;
    let lineage = Lineage::main().branch(name, generation, LogPosition(instances - 1));
    let main = View {
        stream: stream.clone(),
        lineage: Lineage::main(),
    };
    Ok([("main", main), ("branch", View { stream, lineage })])
}

fn document(number: u64, position: u64, sequence: u64) -> anyhow::Result<Document> {
    Ok(Document {
        branch: (BranchName::main(), BranchGeneration::MAIN),
        state: State {
            entity: Entity::Instance(product(number)?),
            sequence: Sequence(sequence),
            position: LogPosition(position),
            event_id: event(position),
            occurred_at: moment(position),
            created_at: moment(number),
            data: Some(data(if sequence == 1 { number } else { position })),
        },
        shown: Shown::Latest,
    })
}

fn filter(property: &str, kind: PropertyType, operator: Operator) -> anyhow::Result<Filter> {
    Ok(Filter {
        property: property.parse()?,
        property_type: kind,
        operator,
    })
}

fn shape(text: Option<&str>, filters: Vec<Filter>, order: Option<&str>) -> anyhow::Result<Search> {
    let order = order.map(|order| -> anyhow::Result<Order> {
        let property = order.trim_start_matches('-');
        Ok(Order {
            property: property.parse()?,
            property_type: if property == "made_at" {
                PropertyType::DateTime
            } else {
                PropertyType::Json
            },
            descending: order.starts_with('-'),
        })
    });
    Ok(Search {
        class: "Product".parse()?,
        text: text.map(str::to_owned),
        filters,
        order: order.transpose()?,
        cursor: None,
        offset: 0,
        limit: PAGE,
    })
}

fn value(value: impl Into<serde_json::Value>) -> Json {
    Json::from(value.into())
}

fn shapes(instances: u64) -> anyhow::Result<Vec<(&'static str, Search)>> {
    let of = |property: &str, operator| filter(property, PropertyType::Json, operator);
    let dear = || of("price", Operator::Gte(value(500)));
    let late = Operator::Gt(value("2026-07-01"));
    let late = || filter("made_at", PropertyType::DateTime, late.clone());
    let two = || of("status", Operator::In(vec![value("sold"), value("stored")]));
    let like = |pattern: &str| of("name", Operator::Like(pattern.parse()?));
    let half = Operator::Gte(value(instances / 2));
    Ok(vec![
        ("list", shape(None, vec![], None)?),
        ("order by name", shape(None, vec![], Some("name"))?),
        (
            "price = 5, by name",
            shape(
                None,
                vec![of("price", Operator::Eq(value(5)))?],
                Some("name"),
            )?,
        ),
        ("price >= 500 (50 %)", shape(None, vec![dear()?], None)?),
        (
            "price >= 500 (50 %), by -name",
            shape(None, vec![dear()?], Some("-name"))?,
        ),
        (
            "number >= half, by number (its end)",
            shape(None, vec![of("number", half)?], Some("number"))?,
        ),
        (
            "stock < 8 (10 %), by -made_at",
            shape(
                None,
                vec![of("stock", Operator::Lt(value(8)))?],
                Some("-made_at"),
            )?,
        ),
        (
            "status in 2 of 3, by -price",
            shape(None, vec![two()?], Some("-price"))?,
        ),
        (
            "status in 2, price >= 500, made_at > July, by name",
            shape(None, vec![two()?, dear()?, late()?], Some("name"))?,
        ),
        (
            "name like 'Product number 9%', by -stock",
            shape(None, vec![like("Product number 9%")?], Some("-stock"))?,
        ),
        (
            "name like '%77%', by price",
            shape(None, vec![like("%77%")?], Some("price"))?,
        ),
        (
            "note exists (100 %), by -price",
            shape(
                None,
                vec![of("note", Operator::Exists(true))?],
                Some("-price"),
            )?,
        ),
        (
            "discount exists not (67 %), by name",
            shape(
                None,
                vec![of("discount", Operator::Exists(false))?],
                Some("name"),
            )?,
        ),
        (
            "price >= 500, by -discount (67 % have none)",
            shape(None, vec![dear()?], Some("-discount"))?,
        ),
        (
            "words 'kept dry' (100 %), price >= 500, by name",
            shape(Some("kept dry"), vec![dear()?], Some("name"))?,
        ),
        (
            "words '12*', price >= 500, by name",
            shape(Some("12*"), vec![dear()?], Some("name"))?,
        ),
    ])
}

pub(crate) async fn run(location: &Location, options: &Options) -> anyhow::Result<()> {
    let documents = SqliteDocuments::open(location, Mode::Threads, Guards::default())?;
    let documents: Arc<dyn Documents> = Arc::new(documents);
    let count = options.instances;
    let started = Instant::now();
    for first in (0..count).step_by(usize::try_from(BATCH)?) {
        let batch = (first..first + BATCH).map(|number| document(number, number, 1));
        write(&*documents, batch.collect::<Result<Vec<_>, _>>()?).await?;
    }
    line(format!(
        "documents written without indexes: {:.0}/s",
        rate(count, started.elapsed())
    ))?;
    let own = (0..OWN_CHANGES).map(|number| -> anyhow::Result<Document> {
        let position = count + 1 + number;
        let changed = document(number * (count / OWN_CHANGES), position, 2)?;
        Ok(Document {
            branch: branch(count)?,
            ..changed
        })
    });
    write(&*documents, own.collect::<Result<Vec<_>, _>>()?).await?;
    let views = views(count)?;
    warm_up(&*documents, &views[0].1, &shapes(count)?).await?;
    let limit = get_page(&*documents, &views[0].1, options).await?;
    line(format!("get of {PAGE} documents: p50 {}", millis(limit)))?;
    measure_lists(&*documents, &views, options, limit, "").await?;
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let again = (0..count / 4).map(|number| document(number * 3, 2 * count + number, 2));
    for batch in again
        .collect::<Result<Vec<_>, _>>()?
        .chunks(usize::try_from(BATCH)?)
    {
        write(&*documents, batch.to_vec()).await?;
    }
    line(format!(
        "documents written again with all indexes: {:.0}/s",
        rate(count / 4, started.elapsed())
    ))?;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write_on(
        documents.clone(),
        count,
        next.clone(),
        stop.clone(),
    ));
    let started = Instant::now();
    measure_lists(&*documents, &views, options, limit, " beside a writer").await?;
    stop.store(true, Ordering::SeqCst);
    writer.await??;
    let written = next.load(Ordering::SeqCst);
    line(format!(
        "the writer beside them: {:.0}/s (aim: 10000/s)",
        rate(written, started.elapsed())
    ))
}

async fn write(documents: &dyn Documents, batch: Vec<Document>) -> anyhow::Result<()> {
    let (stream, zero) = (stream()?, LogPosition::ZERO);
    let generation = documents.sink(&stream).await?.generation;
    let changes: Vec<_> = batch.into_iter().map(Change::from).collect();
    documents
        .apply(&stream, &generation, zero, zero.into(), &changes)
        .await?;
    Ok(())
}

/// Half of the events create instances, half change existing ones; 10,000 per second.
async fn write_on(
    documents: Arc<dyn Documents>,
    count: u64,
    next: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let mut ticks = interval(Duration::from_millis(50));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.load(Ordering::SeqCst) {
        ticks.tick().await;
        let first = next.load(Ordering::SeqCst);
        let batch = (first..first + 500).map(|number| {
            let position = 3 * count + number;
            if number % 2 == 0 {
                document(count + number / 2, position, 1)
            } else {
                document(number * 31 % count, position, position)
            }
        });
        write(&*documents, batch.collect::<Result<Vec<_>, _>>()?).await?;
        next.fetch_add(500, Ordering::SeqCst);
    }
    Ok(())
}

/// Asks for every list until indexes serve it; a list is slow until its index exists.
async fn warm_up(
    documents: &dyn Documents,
    view: &View,
    shapes: &[(&str, Search)],
) -> anyhow::Result<()> {
    let started = Instant::now();
    let first = ask_all(documents, view, shapes).await?;
    line(format!(
        "the slowest list before there are indexes: {}",
        millis(first)
    ))?;
    for _ in 0..100 {
        sleep(Duration::from_millis(500)).await;
        if ask_all(documents, view, shapes).await? < first / 4 {
            return line(format!(
                "all indexes are there after {}",
                millis(started.elapsed())
            ));
        }
    }
    anyhow::bail!("no indexes after {}", millis(started.elapsed()))
}

async fn ask_all(
    documents: &dyn Documents,
    view: &View,
    shapes: &[(&str, Search)],
) -> anyhow::Result<Duration> {
    let mut slowest = Duration::ZERO;
    for (_, search) in shapes {
        let asked = Instant::now();
        documents.search(view, search).await?;
        slowest = slowest.max(asked.elapsed());
    }
    Ok(slowest)
}

async fn get_page(
    documents: &dyn Documents,
    view: &View,
    options: &Options,
) -> anyhow::Result<Duration> {
    let mut taken = Vec::new();
    for sample in 0..options.samples as u64 {
        let numbers =
            (0..PAGE as u64).map(|at| product((sample * 7_919 + at * 104_729) % options.instances));
        let instances = numbers.collect::<Result<Vec<_>, _>>()?;
        let asked = Instant::now();
        documents.get(view, &instances).await?;
        taken.push(asked.elapsed());
    }
    Ok(percentile(&mut taken, 0.5))
}

async fn measure_lists(
    documents: &dyn Documents,
    views: &[(&str, View)],
    options: &Options,
    limit: Duration,
    beside: &str,
) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for (on, view) in views {
        for (what, search) in shapes(options.instances)? {
            let mut taken = Vec::with_capacity(options.samples);
            let mut page = search.clone();
            let mut total = 0;
            for sample in 0..options.samples {
                if sample % 8 == 0 {
                    page.cursor = None;
                }
                let asked = Instant::now();
                let answer = documents.search(view, &page).await?;
                taken.push(asked.elapsed());
                (page.cursor, total) = (answer.cursor, answer.total);
            }
            all.extend_from_slice(&taken);
            let (half, most) = (percentile(&mut taken, 0.5), percentile(&mut taken, 0.99));
            line(format!(
                "{on}{beside}: {what}: {total} pass, p50 {}, p99 {} ({:.0} x a get)",
                millis(half),
                millis(most),
                half.as_secs_f64() / limit.as_secs_f64()
            ))?;
        }
    }
    line(format!(
        "all lists{beside}: p99 {} (aim: 30 ms)",
        millis(percentile(&mut all, 0.99))
    ))
}
