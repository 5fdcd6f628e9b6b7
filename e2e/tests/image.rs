//! `image/pack`: the same program gives the same bytes, whenever and wherever it is packed, and the
//! image has what the program needs and a user who is not root.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{fs, path::Path, process::Stdio};

use serde_json::Value;
use spice_e2e::{binaries::run, embedded::spice, workspace};
use tokio::process::Command;

/// The limit for the compressed image.
const LIMIT: u64 = 60 << 20;

async fn pack(program: &Path, image: &Path) {
    let mut pack = Command::new(workspace().join("image/pack"));
    pack.arg(image).arg("localhost/spice:dev").arg(program);
    pack.env_remove("SOURCE_DATE_EPOCH");
    run(pack).await.unwrap();
}

async fn tar(arguments: &[&str], folder: &Path) -> String {
    let mut tar = Command::new("tar");
    tar.args(arguments).current_dir(folder).env("TZ", "UTC");
    run(tar).await.unwrap()
}

/// A JSON document of the layout.
fn document(folder: &Path, path: &str) -> Value {
    let text = fs::read_to_string(folder.join(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn blob(descriptor: &Value) -> String {
    let digest = descriptor["digest"].as_str().unwrap();
    format!("blobs/{}", digest.replace(':', "/"))
}

#[tokio::test]
async fn the_same_program_gives_the_same_image() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (
        folder.path().join("first.tar"),
        folder.path().join("second.tar"),
    );
    let binary = spice().await.unwrap();
    pack(binary, &first).await;
    // A copy with another time, in another folder.
    let copy = folder.path().join("spice");
    fs::copy(binary, &copy).unwrap();
    pack(&copy, &second).await;
    let image = fs::read(&first).unwrap();
    assert!(image == fs::read(&second).unwrap(), "the images differ");
    let size = fs::metadata(&first).unwrap().len();
    assert!(size < LIMIT, "{size} bytes");

    let layout = folder.path().join("layout");
    fs::create_dir(&layout).unwrap();
    tar(&["-xf", "../first.tar"], &layout).await;
    let index = document(&layout, "index.json");
    let manifest = &index["manifests"][0];
    let name = &manifest["annotations"]["io.containerd.image.name"];
    assert_eq!(name, "localhost/spice:dev");
    let manifest = document(&layout, &blob(manifest));
    let config = document(&layout, &blob(&manifest["config"]));
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"][0], "/usr/bin/spice");
    let layer = blob(&manifest["layers"][0]);
    let listed = tar(&["--full-time", "-tvzf", &layer], &layout).await;
    for file in [
        "usr/bin/spice",
        "etc/ssl/certs/ca-certificates.crt",
        "etc/passwd",
    ] {
        assert!(listed.contains(file), "{file} in\n{listed}");
    }
    for line in listed.lines() {
        assert!(line.contains(" 1970-01-01 00:00:00 "), "{line}");
        assert!(line.contains(" 0/0 "), "{line}");
    }
}

/// With nothing but the files of the image, the program starts.
#[tokio::test]
async fn the_program_has_its_libraries() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("spice.tar");
    pack(spice().await.unwrap(), &image).await;
    let layout = folder.path();
    tar(&["-xf", "spice.tar"], layout).await;
    let index = document(layout, "index.json");
    let manifest = document(layout, &blob(&index["manifests"][0]));
    fs::create_dir(layout.join("root")).unwrap();
    let layer = blob(&manifest["layers"][0]);
    tar(&["-xzf", &layer, "-C", "root"], layout).await;
    let mut isolated = Command::new("unshare");
    isolated.args(["--user", "--map-root-user", "chroot"]);
    isolated
        .arg(layout.join("root"))
        .args(["/usr/bin/spice", "--version"]);
    isolated
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    isolated.stdin(Stdio::null());
    let printed = run(isolated).await.unwrap();
    assert!(printed.starts_with("spice "), "{printed}");
}
