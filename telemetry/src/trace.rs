//! Spans: one for each command, one for each append, one for each batch of a worker. A span that no
//! subscriber wants costs one check of its level. With the feature `otel`, the span of a command
//! continues the trace of its W3C `traceparent`, and appends and batches are linked to their commands.

use std::fmt::Display;

use tracing::{Span, debug_span, field::Empty};

/// The target of all spans, for filters.
pub const TARGET: &str = "spice_span";

/// The span of a command, from the request to the answer. It continues the trace of `traceparent`. If
/// it is exported, `traceparent` is replaced by its own.
pub fn command(
    database: &dyn Display,
    command: Option<&'static str>,
    traceparent: &mut Option<String>,
) -> Span {
    let span = debug_span!(
        target: TARGET,
        "command",
        otel.kind = "server",
        %database,
        command,
        position = Empty,
        code = Empty,
    );
    #[cfg(feature = "otel")]
    if !span.is_disabled() {
        context::continue_trace(&span, traceparent);
    }
    #[cfg(not(feature = "otel"))]
    let _ = traceparent;
    span
}

/// The span of the append of one batch of commands.
pub fn append(log: &dyn Display, commands: usize) -> Span {
    debug_span!(target: TARGET, "append", %log, commands)
}

/// The span of a batch that a worker applies to a sink.
pub fn batch(worker: &'static str, log: &dyn Display, first: u64, events: usize) -> Span {
    debug_span!(target: TARGET, "batch", otel.kind = "consumer", worker, %log, first, events)
}

/// Links a span to the sampled spans of these `traceparent` values, each once. The values are read
/// only if the span is enabled.
pub fn link<T: AsRef<str>>(span: &Span, traceparents: impl IntoIterator<Item = T>) {
    #[cfg(feature = "otel")]
    if !span.is_disabled() {
        context::link(span, traceparents);
    }
    #[cfg(not(feature = "otel"))]
    let _ = (span, traceparents);
}

#[cfg(feature = "otel")]
mod context {
    use std::collections::HashSet;

    use opentelemetry::{
        Context,
        trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
    };
    use tracing::Span;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    pub(super) fn continue_trace(span: &Span, traceparent: &mut Option<String>) {
        if let Some(parent) = traceparent.as_deref().and_then(parse) {
            let parent = Context::new().with_remote_span_context(parent);
            if span.set_parent(parent).is_err() {
                // The span is only logged: nothing exports it.
                return;
            }
        }
        let own = span.context();
        let own = own.span().span_context().clone();
        if own.is_valid() {
            *traceparent = Some(render(&own));
        }
    }

    pub(super) fn link<T: AsRef<str>>(span: &Span, traceparents: impl IntoIterator<Item = T>) {
        let mut linked = HashSet::new();
        for traceparent in traceparents {
            if let Some(context) = parse(traceparent.as_ref())
                && context.is_sampled()
                && linked.insert((context.trace_id(), context.span_id()))
            {
                span.add_link(context);
            }
        }
    }

    /// Reads `version-trace-span-flags`; a later version may have more parts.
    pub(super) fn parse(text: &str) -> Option<SpanContext> {
        let mut parts = text.split('-');
        let _version = parts.next()?;
        let trace = TraceId::from_hex(parts.next()?).ok()?;
        let span = SpanId::from_hex(parts.next()?).ok()?;
        let flags = u8::from_str_radix(parts.next()?, 16).ok()?;
        let flags = TraceFlags::new(flags);
        let context = SpanContext::new(trace, span, flags, true, TraceState::default());
        context.is_valid().then_some(context)
    }

    pub(super) fn render(context: &SpanContext) -> String {
        let (trace, span) = (context.trace_id(), context.span_id());
        let sampled = context.trace_flags() & TraceFlags::SAMPLED;
        format!("00-{trace}-{span}-{sampled:02x}")
    }
}

#[cfg(all(test, feature = "otel"))]
mod tests {
    use super::context::{parse, render};

    #[test]
    fn a_traceparent_is_read_and_written() {
        let right = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (text, same) in [
            (right, Some(right)),
            (
                "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more",
                Some(right),
            ),
            ("", None),
            ("00-0af7651916cd43dd8448eb211c80319c", None),
            (
                "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                None,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                None,
            ),
            ("00-x-y-01", None),
        ] {
            let context = parse(text);
            assert_eq!(context.as_ref().map(render).as_deref(), same, "{text}");
        }
    }
}
