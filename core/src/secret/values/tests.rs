use super::*;
use proptest::prelude::*;

const MARK: &str = "[redacted]";

fn clean(text: &str) -> String {
    redact(text, MARK).map_or_else(|| text.to_owned(), |(clean, _)| clean)
}

/// Joined here, so that no scanner of repositories takes this file for a leak.
fn of(parts: &[&str]) -> String {
    parts.concat()
}

const B64: &str = "k3Jf9sLq2XvB7nRt0ZyWc5HmPd8GaUe4TiOj6KxVbNl1QwErDhFgSzCuMpYo";
const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// Texts that are a secret as a whole.
fn whole() -> Vec<String> {
    let b = |length: usize| &B64[..length];
    let h = |length: usize| &HEX[..length];
    vec![
        format!(
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA{}\n{}==\n-----END RSA PRIVATE KEY-----",
            b(48),
            b(40)
        ),
        format!("-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----", b(60)),
        format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\r\n{}\r\n-----END ENCRYPTED PRIVATE KEY-----", b(60)),
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----", b(60)),
        format!("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{}\n-----END PGP PRIVATE KEY BLOCK-----", b(60)),
        format!(
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
            b(60)
        ),
        format!("-----BEGIN EC PRIVATE KEY-----\n{}", b(60)),
        format!("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC{}{}", b(60), b(60)),
        format!("MIIEowIBAAKCAQEA{}{}", b(60), b(60)),
        format!("MC4CAQAwBQYDK2VwBCIEI{}", b(43)),
        format!("$2b$12$N9qo8uLOickgx2ZMRZoMye{}", b(31)),
        format!("$2a$10${}", b(53)),
        format!("$2y$10${}", b(53)),
        format!("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ${}", b(43)),
        format!("$argon2i$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b/dWRWJTmaaJObG"),
        format!("$1$saltsalt${}", b(22)),
        format!("$5$rounds=5000$saltsalt${}", b(43)),
        format!("$6$saltsalt${0}{1}", b(60), b(26)),
        format!("$y$j9T$saltsalt${}", b(43)),
        format!("$7$CU..../....saltsalt${}", b(43)),
        format!("$apr1$saltsalt${}", b(22)),
        format!("$P$B{}", b(30)),
        format!("$H$9{}", b(30)),
        format!("$S$D{}", b(51)),
        format!("$scrypt$ln=16,r=8,p=1$c2FsdHNhbHQ${}", b(43)),
        format!("$pbkdf2-sha256$29000$c2FsdA${}", b(43)),
        format!("pbkdf2_sha256$600000$c2FsdHNhbHQ${}=", b(43)),
        format!("pbkdf2_sha1$150000$abc${}=", b(27)),
        format!("argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA${}", b(43)),
        format!("bcrypt_sha256$$2b$12${}", b(53)),
        format!("bcrypt$$2b$12${}", b(53)),
        format!("scrypt$16384$salt$8$1${}==", b(60)),
        format!("sha1$salt${}", h(40)),
        format!("scrypt:32768:8:1$saltsalt${}{}", h(64), h(64)),
        format!("pbkdf2:sha256:260000$saltsalt${}", h(64)),
        format!("sha256$saltsalt${}", h(64)),
        format!("{{SSHA}}{}=", b(39)),
        format!("{{SHA}}{}=", b(27)),
        format!("{{SSHA512}}{}", b(60)),
        "{CRYPT}rl0uE3xJ0Ukzg".to_owned(),
        format!("{{PBKDF2-SHA256}}10000$c2FsdA${}", b(43)),
        format!("{{bcrypt}}$2a$10${}", b(53)),
        format!("SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0$S{}=:V{}=", b(42), b(42)),
        format!("md5{}", h(32)),
        "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19".to_owned(),
        format!("AQAAAAEAACcQAAAAE{}==", b(58)),
        of(&["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.", b(43)]),
        of(&["eyJhbGciOiJub25lIn0", ".eyJzdWIiOiIxIn0."]),
        of(&[
            "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ",
            ".",
            b(50),
            ".",
            b(16),
            ".",
            b(30),
            ".",
            b(22),
        ]),
        of(&["AK", "IAIOSFODNN7EXAMPLE"]),
        of(&["AS", "IAY34FZKBOKMUTVV7A"]),
        of(&["AI", "zaSy", b(33)]),
        of(&["ya29", ".", b(60)]),
        of(&["gh", "p_", b(36)]),
        of(&["gh", "s_", b(36)]),
        of(&["github", "_pat_", b(22), "_", b(59)]),
        of(&["gl", "pat-", b(20)]),
        of(&["xo", "xb-123456789012-1234567890123-", b(24)]),
        of(&["sk", "_live_", b(24)]),
        of(&["rk", "_live_", b(24)]),
        of(&["wh", "sec_", b(32)]),
        of(&["np", "m_", b(36)]),
        of(&["py", "pi-AgEIcHlwaS5vcmc", b(60)]),
        of(&["S", "G.", b(22), ".", b(43)]),
        of(&["SK", h(32)]),
        of(&["sk", "-proj-", b(48)]),
        of(&["sk", "-ant-api03-", b(60)]),
        of(&["sk", "-", b(48)]),
        of(&["sh", "pat_", h(32)]),
        of(&["do", "p_v1_", h(64)]),
        of(&["h", "f_", b(34)]),
        of(&["AGE", "-SECRET-KEY-1QQPQYFZ9XW7HLKJ4D8GRT0NV3UCS5EM2AQQPQYFZ9XW7HLKJ4D8GRT0NV3U"]),
        of(&["123456789", ":AA", b(33)]),
        of(&["hv", "s.", b(24)]),
    ]
}

#[test]
fn what_is_a_secret_is_found_as_a_whole() {
    for secret in whole() {
        assert!(may_hold(&secret), "{secret}");
        assert_eq!(clean(&secret), MARK, "{secret}");
        for (before, behind) in
            [("key: ", " (old)"), ("(", ")"), ("x\n", "\ny"), ("\"", "\""), ("é", "é"), ("See ", ".")]
        {
            let text = format!("{before}{secret}{behind}");
            assert!(may_hold(&text), "{text}");
            let cut_off = !secret.contains("END") && secret.starts_with("---");
            if !cut_off {
                assert_eq!(clean(&text), format!("{before}{MARK}{behind}"));
            }
        }
    }
}

#[test]
fn parts_of_urls_and_connection_strings_are_cut_out() {
    for (text, wanted) in [
        (
            "postgres://app:s3cr3t@db.example.com:5432/app",
            "postgres://app:[redacted]@db.example.com:5432/app",
        ),
        ("redis://:hunter2@cache:6379/0", "redis://:[redacted]@cache:6379/0"),
        (
            "see https://bob:p%40ss@example.com/x?y=1, please",
            "see https://bob:[redacted]@example.com/x?y=1, please",
        ),
        (
            "mongodb+srv://u:p/a#ss@cluster0.mongodb.net/db",
            "mongodb+srv://u:[redacted]@cluster0.mongodb.net/db",
        ),
        ("amqp://user:p@ss@host/vhost", "amqp://user:[redacted]@host/vhost"),
        (
            "postgres://host/db?user=u&password=geheim&sslmode=require",
            "postgres://host/db?user=u&password=[redacted]&sslmode=require",
        ),
        (
            "jdbc:postgresql://host/db?user=u&password=geheim",
            "jdbc:postgresql://host/db?user=u&password=[redacted]",
        ),
        (
            "jdbc:sqlserver://host;databaseName=x;user=u;password=geheim;",
            "jdbc:sqlserver://host;databaseName=x;user=u;password=[redacted];",
        ),
        (
            "otpauth://totp/App:a@b.c?secret=JBSWY3DPEHPK3PXP&issuer=App",
            "otpauth://totp/App:a@b.c?secret=[redacted]&issuer=App",
        ),
        ("otpauth://totp/App?secret=JBSWY3DP", "otpauth://totp/App?secret=[redacted]"),
        (
            "https://acc.blob.core.windows.net/c/b?sv=2022-11-02&se=2026&sig=AbCd%2F1234567890abcdef%3D",
            "https://acc.blob.core.windows.net/c/b?sv=2022-11-02&se=2026&sig=[redacted]",
        ),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=0a1b2c",
            "https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Signature=[redacted]",
        ),
        (
            "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
            "https://hooks.slack.com/services/[redacted]",
        ),
        (
            "https://discord.com/api/webhooks/1234567890/abcdefGHIJKL-mnop",
            "https://discord.com/api/webhooks/[redacted]",
        ),
        (
            "host=db port=5432 dbname=app user=app password=s3cr3t sslmode=require",
            "host=db port=5432 dbname=app user=app password=[redacted] sslmode=require",
        ),
        ("host=db password='it\\'s secret' user=app", "host=db password='[redacted]' user=app"),
        (
            "Server=db;Database=app;User Id=sa;Password=Geh;Encrypt=true",
            "Server=db;Database=app;User Id=sa;Password=[redacted];Encrypt=true",
        ),
        (
            "Data Source=db;Initial Catalog=app;uid=sa;pwd=geheim",
            "Data Source=db;Initial Catalog=app;uid=sa;pwd=[redacted]",
        ),
    ] {
        assert!(may_hold(text), "{text}");
        assert_eq!(clean(text), wanted);
        // Once more there is nothing to do.
        assert_eq!(clean(wanted), wanted);
    }
    let account =
        format!("DefaultEndpointsProtocol=https;AccountName=acc;AccountKey={}{}==", &B64[..60], &B64[..26]);
    assert_eq!(clean(&account), "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=[redacted]");
    let pair = of(&["AK", "IAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"]);
    assert_eq!(clean(&pair), "[redacted] [redacted]");
    let line = format!("aws_secret_access_key = {}", &B64[..40]);
    assert_eq!(clean(&line), "aws_secret_access_key = [redacted]");
    let clone = of(&["https://oauth2:gl", "pat-", &B64[..20], "@gitlab.com/x.git"]);
    assert_eq!(clean(&clone), "https://oauth2:[redacted]@gitlab.com/x.git");
    let user = of(&["https://gh", "p_", &B64[..36], "@github.com/x.git"]);
    assert_eq!(clean(&user), "https://[redacted]@github.com/x.git");
    let bot = of(&["https://api.telegram.org/bot123456789", ":AA", &B64[..33], "/getMe"]);
    assert_eq!(clean(&bot), "https://api.telegram.org/bot[redacted]/getMe");
}

/// Texts that look like a secret and are none.
#[test]
fn what_is_no_secret_passes() {
    let certificate = format!("-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa{}\n-----END CERTIFICATE-----", &B64[..16]);
    let public = format!("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA{}\n-----END PUBLIC KEY-----", &B64[..20]);
    let avatar = format!("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ{B64}{B64}==");
    let texts = [
        certificate.as_str(),
        public.as_str(),
        avatar.as_str(),
        B64,
        HEX,
        "",
        "Jean-Luc O'Neill",
        "anna.schmidt@example.com",
        "very.long.local.part.of.an.address@subdomain.example.co.uk",
        "c0ffee00-1234-4abc-8def-0123456789ab",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "2026-01-15T10:00:00.000Z",
        "The password is in the safe. Ask for the token; secret = known to Anna.",
        "password=see the manual",
        "Use password=<your password>",
        "$100",
        "costs $1$ or $2$",
        "US$ 5,000 and $6$ more",
        "{SHA} is weak",
        "{name}",
        "{{ user.name }}",
        "a=b",
        "1+1=2",
        "x == y",
        "https://example.com/a/very/long/path/with-a-slug-of-many-words?page=2&sort=name",
        "https://mastodon.social/@anna",
        "https://example.com:8080/@anna",
        "http://user@example.com/",
        "https://example.com/?token=short",
        "mailto:a@b.c?subject=password",
        "https://example.com/reset?password=",
        "postgres://app@db/app",
        "postgres://app:***@db/app",
        "postgres://app:${PASSWORD}@db/app",
        "host=db dbname=app user=app",
        "Server=db;Database=app;Integrated Security=true",
        "sk-learn-and-other-libraries-of-python-2024-edition",
        "sk-SK",
        "sk-foo",
        "hf_model",
        "npm_package_name",
        "ghp_short",
        "SG.1",
        "xoxo, love",
        "xoxb",
        "AKIA",
        "AKIRA KUROSAWA",
        "eyJust a word",
        "eyJhbGciOiJIUzI1NiJ9",
        "md5",
        "md5 d41d8cd98f00b204e9800998ecf8427e",
        "d41d8cd98f00b204e9800998ecf8427e",
        "SKU-00012345678901234567890123456789",
        "SK0123456789",
        "* 2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19 *",
        "10:30-12:45",
        "https://sentry.example.com/123",
        "https://0123456789abcdef0123456789abcdef@o123.ingest.sentry.io/4501",
        "secret_santa_2024_list_of_everyone_in_the_office",
        "bcrypt is a password hash, as are argon2 and scrypt",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "sha256-9f86d081884c7d659a2feaa0c55ad015",
        "pbkdf2_sha256$",
        "arn:aws:iam::123456789012:user/anna",
        "urn:uuid:c0ffee00-1234-4abc-8def-0123456789ab",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJvYkJvYkJvYkJvYkJvYkJvYkJvYkJvYkJvYkJv anna@host",
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kdmssyksqn7tqqc",
        "pk_live_0123456789abcdefghijklmn",
        "dop_v1_notatoken",
        "+49 170 1234567",
        "DE89 3704 0044 0532 0130 00",
        "v1.2.3-rc.1+build.5",
        "C:\\Users\\anna\\file.txt",
        "key=value; other=1",
        "user=anna",
        "a,b;c|d",
        "日本語のテキストです。長い文章もあります。",
    ];
    for text in texts {
        assert_eq!(find(text), Vec::<std::ops::Range<usize>>::new(), "{text}");
    }
}

/// Most values end at the first look.
#[test]
fn ordinary_values_are_not_searched() {
    for text in [
        "Anna Schmidt",
        "anna.schmidt@example.com",
        "The quick brown fox jumps over the lazy dog, and so on.",
        "Meier-Schulze GmbH & Co. KG",
        "Musterstraße 12, 12345 Musterstadt",
        "2026-01-15 10:00:00",
        "{\"department\": \"R&D\", \"level\": 3, \"since\": \"2026-01-15\"}",
        "",
        "a",
    ] {
        assert!(!may_hold(text), "{text}");
    }
}

fn ordinary() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,80}",
        "([A-Z][a-z]{1,12}[ -]){1,12}",
        "[a-z.]{1,20}@[a-z]{1,15}\\.(com|org|de)",
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        "[0-9a-f]{40}",
        "[0-9a-f]{64}",
        "[A-Za-z0-9+/]{20,200}={0,2}",
        "https?://[a-z]{2,10}\\.(com|org)(:[0-9]{2,4})?(/[a-z0-9._@-]{1,12}){0,4}(\\?[a-z]{1,5}=[a-z0-9]{0,8})?",
        "[A-Za-z0-9_-]{1,40}",
        "([a-z]{1,10} (password|token|secret|key|hash)[ :;.,]){1,8}",
        "[$€] ?[0-9]{1,5}(\\.[0-9]{2})?( [a-z]{1,8}){0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn ordinary_texts_pass(text in ordinary()) {
        prop_assert_eq!(clean(&text), text);
    }

    /// The first look never misses, and whatever stands around a secret stays.
    #[test]
    fn a_secret_in_any_text_is_found(before in "\\PC{0,40}", behind in "\\PC{0,40}", choice in any::<prop::sample::Index>()) {
        let secrets = whole();
        let secret = &secrets[choice.index(secrets.len())];
        let text = format!("{before} {secret} {behind}");
        prop_assert!(may_hold(&text));
        let clean = clean(&text);
        prop_assert!(!clean.contains(secret.as_str()), "{}", clean);
    }

    #[test]
    fn nothing_is_done_twice(text in "[-$:/@=?&{}A-Za-z0-9 .;_]{0,60}") {
        let once = clean(&text);
        prop_assert_eq!(clean(&once), once);
    }

    #[test]
    fn any_bytes_are_survived(text in any::<String>()) {
        clean(&text);
        may_hold(&text);
    }
}
