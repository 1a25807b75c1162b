//! Gathers `licences.txt`: every library that is in the program, with the words of its licence.
//!
//! It is made at each build from what is really linked, so that it cannot grow old: the crates that the application
//! depends on, as cargo resolves them, and the libraries of the page, as npm installed them.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A library and where its licence lies.
struct Component {
    name: String,
    licence: String,
    folder: PathBuf,
}

/// Writes `licences.txt` into the build's output folder.
pub(crate) fn gather() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=Cargo.lock");
    println!("cargo:rerun-if-changed=ui/package-lock.json");
    let mut components = crates()?;
    components.extend(page_libraries()?);
    let target = Path::new(&std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?).join("licences.txt");
    fs::write(target, text(&components)?)?;
    Ok(())
}

/// The crates that end up in the application for this target, without those that only build or test it.
fn crates() -> Result<Vec<Component>, Box<dyn Error>> {
    let output = Command::new(std::env::var_os("CARGO").ok_or("no CARGO")?)
        .args(["metadata", "--locked", "--format-version=1", "--filter-platform", &std::env::var("TARGET")?])
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages: BTreeMap<&str, &Value> =
        list(&metadata["packages"]).filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).filter_map(|node| Some((node["id"].as_str()?, node))).collect();

    let mut reached = BTreeSet::new();
    let mut next = vec![metadata["resolve"]["root"].as_str().ok_or("the workspace has no root package")?];
    while let Some(id) = next.pop() {
        if !reached.insert(id) {
            continue;
        }
        for dependency in nodes.get(id).into_iter().flat_map(|node| list(&node["deps"])) {
            if list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null()) {
                next.extend(dependency["pkg"].as_str());
            }
        }
    }
    let foreign = reached.iter().filter_map(|id| packages.get(id)).filter(|package| !package["source"].is_null());
    Ok(foreign.filter_map(|package| component(package, package["manifest_path"].as_str()?)).collect())
}

/// The libraries whose code or fonts are in the page's bundle.
fn page_libraries() -> Result<Vec<Component>, Box<dyn Error>> {
    let package: Value = serde_json::from_slice(&fs::read("ui/package.json")?)?;
    let named = package["dependencies"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    // Svelte is listed with the tools, as it compiles the page; its runtime is in the bundle all the same.
    let names: BTreeSet<&str> = named.chain(["svelte"]).collect();
    let manifests = names.iter().map(|name| Path::new("ui/node_modules").join(name).join("package.json"));
    let mut found = Vec::new();
    for manifest in manifests.filter(|manifest| manifest.is_file()) {
        let package: Value = serde_json::from_slice(&fs::read(&manifest)?)?;
        found.extend(component(&package, &manifest.to_string_lossy()));
    }
    Ok(found)
}

fn component(package: &Value, manifest: &str) -> Option<Component> {
    let name = format!("{} {}", package["name"].as_str()?, package["version"].as_str()?);
    let licence = package["license"].as_str().unwrap_or("see the text below").to_owned();
    Some(Component { name, licence, folder: Path::new(manifest).parent()?.to_path_buf() })
}

/// First who is in it, then each text once, below the names of those that it is the licence of.
fn text(components: &[Component]) -> Result<String, Box<dyn Error>> {
    let mut text = format!("CFMS Backup\n\n{}\n\n", fs::read_to_string("LICENSE")?.trim_end());
    text.push_str("It is made of these libraries:\n\n");
    let mut texts: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for component in components {
        writeln!(text, "{} ({})", component.name, component.licence)?;
        for words in licence_texts(&component.folder)? {
            texts.entry(words).or_default().insert(&component.name);
        }
    }
    for (words, names) in texts {
        let names: Vec<&str> = names.into_iter().collect();
        write!(text, "\n\n———\n{}\n\n{words}\n", names.join(", "))?;
    }
    Ok(text)
}

fn licence_texts(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "OFL"];
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_ascii_uppercase();
        if NAMES.iter().any(|start| name.starts_with(start)) && entry.file_type()?.is_file() {
            let words = String::from_utf8_lossy(&fs::read(entry.path())?).replace("\r\n", "\n");
            texts.push(words.trim().to_owned());
        }
    }
    Ok(texts)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
