//! The values that occur in a class, as an answer.

use crate::{
    http::{
        answer::{self, Answer},
        call::Call,
        parameters::{known, path},
    },
    read::wait::Needs,
};

pub(crate) async fn sample_values(call: Call) -> Answer {
    let class_name = call.get(&path::CLASS)?;
    let limit = call.get(&known::SAMPLE_LIMIT)?;
    let reading = call.reading(Needs::GRAPH).await?;
    let class = reading.class(&class_name).await?;
    let property = call.get(&known::PROPERTY)?;
    let sample = reading.sample(&class, property, limit).await?;
    answer::ok(&sample)
}
