//! Debian's exim as a mail server for one sender: nothing is taken without a password, none is asked for without TLS.
//! What it takes becomes one file for each recipient.
//!
//! `refused@…` is no mailbox of anybody's, for good; `later@…` is put off each time.

use std::fs;
use std::path::{Path, PathBuf};

use super::certificate::Certificate;
use super::served::{Account, Served};
use super::{free_port, place};

pub struct Smtp {
    pub user: String,
    pub password: String,
    starttls: u16,
    tls: u16,
    ca_file: PathBuf,
    served: Served,
}

impl Smtp {
    pub fn start() -> Self {
        let mut served = Served::reserve("smtp");
        let (user, password) = ("sender", "harness-mail-secret-0123456789");
        let (starttls, tls) = (free_port(), free_port());
        let account = Account::of_servers();
        let certificate = Certificate::make(&served.dir);
        account.owns(&certificate.key);
        account.owns(&served.dir);

        let file = |name: &str| served.dir.join(name).display().to_string();
        let exim = place().join("debian/usr/sbin/exim4").display().to_string();
        // Before it reads any file exim looks for the account of its package. This is that account, then.
        let Account { uid, gid, .. } = account;
        fs::write(file("passwd"), format!("Debian-exim:x:{uid}:{gid}::/:/bin/false\n")).unwrap();
        fs::write(file("group"), format!("Debian-exim:x:{gid}:\n")).unwrap();
        let configuration = CONFIGURATION
            .replace("@DIR@", &served.dir.display().to_string())
            .replace("@EXIM@", &exim)
            .replace("@USER@", user)
            .replace("@PASSWORD@", password)
            .replace("@STARTTLS@", &starttls.to_string())
            .replace("@TLS@", &tls.to_string())
            .replace("@UID@", &uid.to_string())
            .replace("@GID@", &gid.to_string());
        fs::write(file("exim.conf"), configuration).unwrap();

        let mut command = account.prefix();
        let (wrapper, libraries) = (library("libnss_wrapper.so"), library_path());
        command.extend([
            "env".to_owned(),
            format!("LD_LIBRARY_PATH={libraries}"),
            format!("LD_PRELOAD={}", wrapper.display()),
            format!("NSS_WRAPPER_PASSWD={}", file("passwd")),
            format!("NSS_WRAPPER_GROUP={}", file("group")),
            exim,
            "-C".to_owned(),
            file("exim.conf"),
            "-bdf".to_owned(),
        ]);
        served.start(command, &[starttls, tls]);
        let ca_file = certificate.authority;
        Self { user: user.to_owned(), password: password.to_owned(), starttls, tls, ca_file, served }
    }

    /// The port where a session begins in the clear.
    pub fn port_starttls(&self) -> u16 {
        self.starttls
    }

    /// The port where it begins with TLS.
    pub fn port_tls(&self) -> u16 {
        self.tls
    }

    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The mails delivered so far, oldest first. `Return-path` and `Envelope-to` on top are the envelope's.
    pub fn mails(&self) -> Vec<String> {
        let Ok(found) = fs::read_dir(self.served.dir.join("mails/new")) else { return Vec::new() };
        let mut files: Vec<_> = found.map(|entry| entry.unwrap()).collect();
        files.sort_by_key(|file| file.metadata().unwrap().modified().unwrap());
        files.iter().map(|file| String::from_utf8(fs::read(file.path()).unwrap()).unwrap()).collect()
    }

    /// exim's main log: who came, and what was refused.
    pub fn log(&self) -> String {
        fs::read_to_string(self.served.dir.join("mainlog")).unwrap_or_default()
    }

    pub fn stop(&self) {
        self.served.stop();
    }

    pub fn start_again(&self) {
        self.served.start_again();
    }
}

/// A library among the unpacked packages.
pub fn library(name: &str) -> PathBuf {
    let places = library_path();
    let found = places.split(':').map(|dir| Path::new(dir).join(name)).find(|file| file.exists());
    found.unwrap_or_else(|| panic!("no {name} in {places}"))
}

/// The library path: the directories are named after the machine's architecture.
fn library_path() -> String {
    let below = |dir: &str| {
        let entries = fs::read_dir(place().join("debian").join(dir)).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().path().display().to_string());
        names.filter(|name| name.ends_with("-linux-gnu")).collect::<Vec<_>>()
    };
    [below("usr/lib"), below("lib")].concat().join(":")
}

const CONFIGURATION: &str = r#"
keep_environment = LD_LIBRARY_PATH : LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
exim_path = @EXIM@
primary_hostname = mail.example
spool_directory = @DIR@/spool
log_file_path = @DIR@/%slog
pid_file_path = @DIR@/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = @STARTTLS@ : @TLS@
tls_on_connect_ports = @TLS@
tls_advertise_hosts = *
tls_certificate = @DIR@/server.pem
tls_privatekey = @DIR@/server.key
auth_advertise_hosts = ${if def:tls_in_cipher {*}{}}
host_lookup =
never_users =
deliver_drop_privilege
acl_smtp_rcpt = recipient

begin acl
recipient:
  deny  !authenticated = *
        message = relay not permitted
  deny  local_parts = refused
        message = no such mailbox
  defer local_parts = later
        message = try again later
  accept

begin routers
all:
  driver = accept
  transport = file

begin transports
file:
  driver = appendfile
  directory = @DIR@/mails
  maildir_format
  envelope_to_add
  return_path_add
  user = @UID@
  group = @GID@

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{@USER@}}{eq{$auth3}{@PASSWORD@}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${if and{{eq{$auth1}{@USER@}}{eq{$auth2}{@PASSWORD@}}}}
  server_set_id = $auth1
"#;
