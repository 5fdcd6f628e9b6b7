//! The listener answers HTTP.

use spice_crds::ResourceStatus;

use super::*;
use crate::metrics::Ending;

async fn get(address: std::net::SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn metrics_and_health_are_served() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let metrics = Arc::new(Metrics::new("1.2.3".into(), Arc::default()));
    metrics.end::<spice_crds::Database>(Ending::Settled, Duration::from_millis(3));
    let (is_ready, ready) = watch::channel(false);
    let published = Arc::new(Published::default());
    let served = Served {
        metrics,
        published: published.clone(),
        longest_silence: Duration::from_mins(1),
        ready,
    };
    let serving = tokio::spawn(serve(listener, served));
    let answer = get(address, "GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    is_ready.send_replace(true);
    for (path, status) in [("/readyz", "200"), ("/livez?verbose", "200"), ("/x", "404")] {
        let answer = get(address, &format!("GET {path} HTTP/1.1\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}");
    }
    let answer = get(address, "POST /livez HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    let answer = get(address, "GET /metrics HTTP/1.1\r\n\r\n").await;
    for wanted in [
        "content-type: text/plain; version=0.0.4",
        "spice_operator_reconcile_total{kind=\"Database\",outcome=\"settled\"} 1",
        "spice_build_info{version=\"1.2.3\"} 1",
    ] {
        assert!(answer.contains(wanted), "{wanted} in {answer}");
    }
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_not_alive() {
    let published = Arc::new(Published::default());
    let (_is_ready, ready) = watch::channel(true);
    let served = Served {
        metrics: Arc::new(Metrics::new(String::new(), Arc::default())),
        published: published.clone(),
        longest_silence: Duration::from_mins(1),
        ready,
    };
    let live = async || respond("GET /livez HTTP/1.1", &served).await.status;
    published.remember("u", Some("2"), ResourceStatus::default());
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(live().await, "200 OK");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(live().await, "503 Service Unavailable");
    published.see("u", Some("2"));
    assert_eq!(live().await, "200 OK");
}

#[tokio::test(start_paused = true)]
async fn a_dead_watch_ends_liveness() {
    let beats = Arc::new(crate::beat::Beats::default());
    let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
        std::future::pending::<Result<http::Response<kube::client::Body>, std::io::Error>>().await
    });
    let client = kube::Client::new(service, "team");
    let _watch = beats.observe(client, "Branch");
    let served = Served {
        metrics: Arc::new(Metrics::new("1.2.3".into(), beats)),
        published: Arc::default(),
        longest_silence: QUIET,
        ready: watch::channel(true).1,
    };
    let ask = async || respond("GET /livez HTTP/1.1", &served).await;
    tokio::time::advance(QUIET).await;
    assert_eq!(ask().await.status, "200 OK");
    tokio::time::advance(Duration::from_secs(1)).await;
    let answer = ask().await;
    assert_eq!(answer.status, "503 Service Unavailable");
    assert!(answer.body.contains("Branch"), "{}", answer.body);
}
