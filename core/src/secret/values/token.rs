//! Keys and tokens whose issuer wrote a prefix into them, so that they are known where they leak.

use super::piece::{is_hex, is_mixed, is_url_base64, is_well_mixed, run};
use std::ops::Range;

/// The characters behind a prefix.
#[derive(Clone, Copy)]
enum Body {
    /// Letters and digits.
    Word,
    /// Of base64 for URLs.
    Url,
    Hex,
    /// Capitals and digits.
    Capital,
    /// As `Url`, with dots.
    Dotted,
}

/// A prefix, what follows, the least length of it and the greatest.
type Form = (&'static str, Body, usize, usize);

const ANY: usize = usize::MAX;

/// By their first letters, sorted.
#[rustfmt::skip]
const FORMS: &[Form] = &[
    ("AGE-SECRET-KEY-1", Body::Capital, 50, 70),
    ("AGE-SECRET-KEY-PQ-1", Body::Capital, 50, ANY),
    ("AIza", Body::Url, 35, 35),
    ("AKIA", Body::Capital, 16, 16), ("ASIA", Body::Capital, 16, 16), ("ABIA", Body::Capital, 16, 16),
    ("AQAAAAEAACcQAAAAE", Body::Url, 20, ANY), ("AQAAAAIAAYagAAAAE", Body::Url, 20, ANY),
    ("ATATT3", Body::Url, 100, ANY), ("ATCTT3", Body::Url, 100, ANY),
    ("CCIPAT_", Body::Url, 30, ANY), ("CFPAT-", Body::Url, 40, ANY),
    ("GOCSPX-", Body::Url, 28, 28),
    ("NRAK-", Body::Capital, 27, 27),
    ("PMAK-", Body::Url, 50, ANY),
    ("SG.", Body::Dotted, 60, 80),
    ("SK", Body::Hex, 32, 32),
    ("bkua_", Body::Hex, 40, 40),
    ("dapi", Body::Hex, 32, 34),
    ("dckr_pat_", Body::Url, 27, ANY), ("dckr_oat_", Body::Url, 27, ANY),
    ("dop_v1_", Body::Hex, 64, 64), ("doo_v1_", Body::Hex, 64, 64), ("dor_v1_", Body::Hex, 64, 64),
    ("dp.pt.", Body::Word, 40, ANY), ("dt0c01.", Body::Dotted, 80, ANY),
    ("figd_", Body::Url, 40, ANY),
    ("ghp_", Body::Word, 36, ANY), ("gho_", Body::Word, 36, ANY), ("ghu_", Body::Word, 36, ANY), ("ghs_", Body::Word, 36, ANY),
    ("ghr_", Body::Word, 36, ANY), ("github_pat_", Body::Url, 36, ANY),
    ("gldt-", Body::Dotted, 20, ANY), ("glrt-", Body::Dotted, 20, ANY), ("glptt-", Body::Dotted, 20, ANY), ("glpat-", Body::Dotted, 20, ANY),
    ("glcbt-", Body::Dotted, 20, ANY), ("glft-", Body::Dotted, 20, ANY), ("glsoat-", Body::Dotted, 20, ANY), ("gloas-", Body::Dotted, 20, ANY),
    ("glagent-", Body::Dotted, 20, ANY), ("glimt-", Body::Dotted, 20, ANY),
    ("glsa_", Body::Url, 32, ANY), ("glc_", Body::Url, 40, ANY),
    ("gsk_", Body::Word, 48, ANY),
    ("hf_", Body::Word, 30, 40),
    ("hvs.", Body::Url, 24, ANY), ("hvb.", Body::Url, 24, ANY), ("hvr.", Body::Url, 24, ANY),
    ("lin_api_", Body::Word, 32, ANY), ("lin_oauth_", Body::Word, 32, ANY),
    ("npm_", Body::Word, 36, 36),
    ("ntn_", Body::Word, 40, ANY),
    ("nvapi-", Body::Url, 60, ANY),
    ("oy2", Body::Word, 43, 43),
    ("pat-na1-", Body::Url, 36, 36), ("pat-eu1-", Body::Url, 36, 36),
    ("phx_", Body::Url, 40, ANY),
    ("pscale_tkn_", Body::Dotted, 32, ANY), ("pscale_pw_", Body::Dotted, 32, ANY), ("pscale_oauth_", Body::Dotted, 32, ANY),
    ("pypi-AgE", Body::Url, 50, ANY),
    ("r8_", Body::Word, 37, 40),
    ("rk_live_", Body::Word, 16, ANY), ("rk_test_", Body::Word, 16, ANY),
    ("rubygems_", Body::Hex, 48, 48),
    ("sbp_", Body::Hex, 40, 40), ("sb_secret_", Body::Url, 20, ANY),
    ("secret_", Body::Word, 43, 43),
    ("shippo_live_", Body::Hex, 40, 40),
    ("shpat_", Body::Hex, 32, 32), ("shpss_", Body::Hex, 32, 32), ("shpca_", Body::Hex, 32, 32), ("shppa_", Body::Hex, 32, 32),
    ("sk-admin-", Body::Url, 20, ANY), ("sk-ant-", Body::Url, 20, ANY), ("sk-lf-", Body::Url, 30, ANY), ("sk-or-v1-", Body::Hex, 64, 64),
    ("sk-proj-", Body::Url, 20, ANY), ("sk-svcacct-", Body::Url, 20, ANY),
    ("sk_live_", Body::Word, 16, ANY), ("sk_test_", Body::Word, 16, ANY),
    ("sntrys_", Body::Url, 40, ANY), ("sntryu_", Body::Hex, 64, 64),
    ("sq0atp-", Body::Url, 22, 22), ("sq0csp-", Body::Url, 43, 43),
    ("tskey-", Body::Url, 20, ANY),
    ("whsec_", Body::Url, 24, ANY),
    ("xapp-", Body::Url, 20, ANY), ("xkeysib-", Body::Url, 60, ANY), ("xsmtpsib-", Body::Url, 60, ANY),
    ("xoxa-", Body::Dotted, 10, ANY), ("xoxb-", Body::Dotted, 10, ANY), ("xoxc-", Body::Dotted, 10, ANY), ("xoxd-", Body::Dotted, 10, ANY),
    ("xoxe-", Body::Dotted, 10, ANY), ("xoxe.", Body::Dotted, 10, ANY), ("xoxo-", Body::Dotted, 10, ANY), ("xoxp-", Body::Dotted, 10, ANY),
    ("xoxr-", Body::Dotted, 10, ANY), ("xoxs-", Body::Dotted, 10, ANY),
    ("ya29.", Body::Url, 20, ANY),
];

/// The token that begins with the word here.
pub fn prefixed(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    let bytes = &text.as_bytes()[at..];
    let &[first, second, ..] = bytes else { return None };
    let (from, to) = FIRST[usize::from(first)];
    if from == to {
        return None;
    }
    if rest.starts_with("sk-") {
        if let Some(found) = plain_sk(text, at) {
            return Some(found);
        }
    }
    // Behind a prefix that another one begins with stands nothing that would fit the shorter one.
    let begins = |form: &&Form| form.0.as_bytes()[1] == second && rest.starts_with(form.0);
    FORMS[from..to].iter().filter(begins).find_map(|(prefix, body, least, most)| {
        let body_of = |byte: u8| match body {
            Body::Word => byte.is_ascii_alphanumeric(),
            Body::Url => {
                is_url_base64(byte)
                    || (*prefix == "whsec_" && matches!(byte, b'+' | b'/' | b'='))
                    || is_padding(prefix, byte)
            }
            Body::Hex => byte.is_ascii_alphanumeric(),
            Body::Capital => byte.is_ascii_alphanumeric(),
            Body::Dotted => is_url_base64(byte) || byte == b'.',
        };
        let found = run(text, at + prefix.len(), body_of);
        // A sentence may end behind it.
        let piece = text[found.clone()].trim_end_matches(['.', '-']);
        let fits = match body {
            Body::Hex => is_hex(piece),
            Body::Capital => !piece.bytes().any(|byte| byte.is_ascii_lowercase()),
            _ => true,
        };
        let followed = text.as_bytes().get(found.end) == Some(&b'_')
            && matches!(body, Body::Word | Body::Hex | Body::Capital);
        let looks_random = if *least >= 24 || matches!(body, Body::Capital | Body::Hex) {
            is_varied(piece)
        } else {
            is_mixed(piece)
        };
        ((*least..=*most).contains(&piece.len()) && fits && looks_random && !followed)
            .then(|| at..found.start + piece.len())
    })
}

/// ASP.NET Identity writes plain base64.
fn is_padding(prefix: &str, byte: u8) -> bool {
    prefix.starts_with("AQAAAA") && matches!(byte, b'+' | b'/' | b'=')
}

/// No run of one character, no words: a digit or two kinds of letters, and no character more than every fourth.
fn is_varied(piece: &str) -> bool {
    let mut counts = [0usize; 128];
    piece.bytes().for_each(|byte| counts[usize::from(byte & 127)] += 1);
    let most = counts.iter().max().copied().unwrap_or(0);
    let digits = piece.bytes().any(|byte| byte.is_ascii_digit());
    most * 3 <= piece.len()
        && (digits
            || piece.bytes().any(|byte| byte.is_ascii_lowercase())
                && piece.bytes().any(|byte| byte.is_ascii_uppercase()))
}

/// `sk-` and forty-eight letters and digits, or thirty-two of hex: a slug has hyphens.
fn plain_sk(text: &str, at: usize) -> Option<Range<usize>> {
    let body = run(text, at + 3, |byte| byte.is_ascii_alphanumeric());
    let piece = &text[body.clone()];
    (piece.len() >= 32 && (is_well_mixed(piece) || is_hex(piece) && is_mixed(piece))).then_some(at..body.end)
}

/// `12345678:AA…`: of a Telegram bot, at its colon.
pub fn telegram(text: &str, at: usize) -> Option<Range<usize>> {
    let digits = text[..at].bytes().rev().take_while(u8::is_ascii_digit).count();
    let start = at - digits;
    let body = run(text, at + 1, is_url_base64);
    let before = &text.as_bytes()[..start];
    let is_free = before.last().is_none_or(|byte| !byte.is_ascii_alphanumeric()) || before.ends_with(b"bot");
    ((8..=10).contains(&digits) && body.len() == 35 && text[body.clone()].starts_with("AA") && is_free)
        .then_some(start..body.end)
}

/// Beside the id of a key of AWS: its secret of forty characters.
pub fn beside_key_ids(text: &str, found: &mut Vec<Range<usize>>) {
    let is_id = |secret: &Range<usize>| {
        secret.len() == 20 && ["AKIA", "ASIA"].iter().any(|id| text[secret.clone()].starts_with(id))
    };
    if !found.iter().any(is_id) {
        return;
    }
    let mut at = 0;
    while at < text.len() {
        let piece = run(text, at, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
        if piece.len() == 40 && is_well_mixed(&text[piece.clone()]) {
            found.push(piece.clone());
        }
        at = piece.end.max(at) + 1;
    }
}

/// By the first byte of a prefix, the bytes that may be its second, as bits. `sk-` is among them.
pub(super) const fn second_bytes() -> [u128; 128] {
    let mut pairs = [0; 128];
    let mut index = 0;
    while index < FORMS.len() {
        let prefix = FORMS[index].0.as_bytes();
        pairs[prefix[0] as usize] |= 1 << prefix[1];
        index += 1;
    }
    pairs
}

/// The forms that begin with a byte: from here, to there.
static FIRST: [(usize, usize); 256] = {
    let mut table = [(0, 0); 256];
    let mut index = 0;
    while index < FORMS.len() {
        let first = FORMS[index].0.as_bytes()[0] as usize;
        if table[first].1 == 0 {
            table[first].0 = index;
        }
        table[first].1 = index + 1;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::{FIRST, FORMS};

    #[test]
    fn forms_of_one_beginning_stand_together() {
        for (index, (prefix, ..)) in FORMS.iter().enumerate() {
            let (from, to) = FIRST[usize::from(prefix.as_bytes()[0])];
            assert!(
                (from..to).contains(&index)
                    && FORMS[from..to].iter().all(|form| form.0.as_bytes()[0] == prefix.as_bytes()[0]),
                "{prefix}"
            );
        }
    }
}
