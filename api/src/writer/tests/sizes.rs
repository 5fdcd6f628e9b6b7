//! How large a batch may become.

use bytes::Bytes;
use spice_core::envelope::Kind;

use super::*;

const MOST: usize = 8 << 10;
/// The longest text of one property.
const PART: usize = 4_000;

fn described(id: &str, bytes: usize) -> Action {
    let mut data = json!({"product_id": id});
    for (number, start) in (0..bytes).step_by(PART).enumerate() {
        let length = PART.min(bytes - start);
        data[format!("part{number}")] = "x".repeat(length).into();
    }
    change(&json!({"type": "CREATE_INSTANCE", "class": "Product", "data": data}))
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_a_maximum_size_or_holds_one_command() {
    let bench = Bench::new();
    let settings = WriterSettings {
        batch_bytes: MOST,
        ..WriterSettings::default()
    };
    let writer = bench.writer_set(bench.registry.clone(), settings);
    submit(&writer, 1, create_database()).await.unwrap();
    let mut class = json!({"id": "Product", "label": "Product", "properties": [
        {"name": "product_id", "type": "string", "primaryKey": true},
    ]});
    let properties = class["properties"].as_array_mut().unwrap();
    properties.extend((0..5).map(|it| json!({"name": format!("part{it}"), "type": "string"})));
    let class = Action::CreateClass {
        branch: BranchName::main(),
        definition: class.into(),
    };
    submit(&writer, 2, class).await.unwrap();
    bench.log.hook.sent.lock().unwrap().clear();
    let sizes = [10, 3_000, 10, 20_000, 10, 10, 1_000, 1_000, 9_000, 10];
    let sent = (0..)
        .zip(sizes)
        .map(|(number, size)| submit(&writer, 10 + number, described(&format!("p{number}"), size)));
    let answers = futures::future::join_all(sent).await;
    let positions: Vec<_> = answers.into_iter().map(|it| it.unwrap().position).collect();
    assert!(positions.is_sorted(), "in the order in which they came");
    let sent = bench.log.hook.sent.lock().unwrap().clone();
    assert!(sent.len() < sizes.len(), "small ones share a batch");
    for batch in sent {
        let bytes: usize = batch.lines.iter().map(Bytes::len).sum();
        let lines = batch.lines.iter();
        let envelopes = lines.map(|line| Envelope::from_line(line).unwrap());
        let commands = envelopes.filter(|it| it.metadata.kind == Kind::Command);
        let commands = commands.count();
        assert!(
            bytes <= MOST || commands == 1,
            "{commands} in {bytes} bytes"
        );
    }
    bench.envelopes().await;
}
